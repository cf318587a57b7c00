"""Run a command in a run's folder: lock it, record the run, and remove what a refused command left."""

import os
from collections.abc import Callable
from contextlib import ExitStack

import yaml
from filelock import Timeout
from lightning.pytorch import Trainer

from n2s.errors import UserError
from n2s.own_code import folders_used
from n2s.paths import written_whole
from n2s.training.choose_run import Choice
from n2s.training.claim import Claim
from n2s.training.provenance import provenance
from n2s.training.run import FINISHED, UNFINISHED, Run, now
from n2s.training.wandb_loss import end_wandb, open_or_go_offline


def fit_in(choice: Choice, claim: Claim | None, config: dict, trainer: Trainer, fit: Callable[[], None]) -> None:
    """Train in a run's folder, on the one process that keeps the record.

    Parameters
    ----------
    choice
        The choice of the run.
    claim
        The claim on the folder of a new run; dropped if the fit is refused before its first step.
    config
        The complete config, as plain types.
    trainer, fit
        The trainer, and the call that trains.
    """
    run = choice.run
    with ExitStack() as stack:
        stack.push(end_wandb)
        _lock(run, stack)
        if choice.new:
            record(choice, config, UNFINISHED)
        _clear(run)
        if not choice.new:
            told = run.read()
            continued = [
                *told.get("continued", []),
                {"at": now()} | provenance(),
            ]  # perhaps on another machine, with other code
            run.update(resumed=[*told["resumed"], now()], continued=continued)
        open_or_go_offline(trainer.loggers)
        try:
            fit()
        except UserError:
            if claim is not None and not trainer.fit_loop.epoch_loop.batch_progress.total.ready:
                stack.close()
                claim.drop()  # something was wrong before training: nothing is left of it
            raise
        run.update(status=FINISHED, finished=now())


def score_in(
    choice: Choice, claim: Claim | None, config: dict, trainer: Trainer, table: str, score: Callable[[], None]
) -> None:
    """Test, validate or predict in a run's folder. A refused command leaves no new folder and keeps earlier scores.

    Parameters
    ----------
    choice, claim, config, trainer
        As in `fit_in`; a run is new if its checkpoint is in no run's folder.
    table
        The file of logged scores, which is written again.
    score
        The call that scores.
    """
    run = choice.run
    path = run.folder / table
    with ExitStack() as stack:
        stack.push(end_wandb)
        if choice.new:
            record(choice, config, FINISHED)
        before = path.read_bytes() if path.is_file() else None
        path.unlink(missing_ok=True)
        open_or_go_offline(trainer.loggers)
        try:
            score()
        except BaseException as error:
            if before is not None and not path.exists():
                path.write_bytes(before)
            if claim is not None and isinstance(error, UserError):
                stack.close()
                claim.drop()
            raise


def record(choice: Choice, config: dict, status: str) -> None:
    """Write the config and the record of a new run."""
    run = choice.run
    with written_whole(run.config) as path:
        path.write_text(yaml.safe_dump(config, sort_keys=False, allow_unicode=True))
    run.update(
        experiment=config["experiment"],
        run=run.name,
        id=choice.id,
        status=status,
        started=now(),
        finished=None,
        resumed=[],
        started_from=choice.checkpoint,
        rerun_of=os.environ.get("N2S_RERUN_OF"),  # as n2s rerun says
        seed=config["seed_everything"],
        code_in=folders_used(),
        **provenance(),
    )


def _lock(run: Run, stack: ExitStack) -> None:
    try:
        stack.enter_context(run.lock())
    except Timeout:
        raise UserError(f"{run.folder}: another process has just begun to train there. Start again.") from None


def _clear(run: Run) -> None:
    """Remove what a killed process has left."""
    for leftover in (*run.folder.glob("hpc_ckpt_*.ckpt"), *run.folder.glob(".*.part")):
        leftover.unlink()  # last.ckpt counts: it is from the end of an epoch
    if not run.last.exists():
        (run.folder / "metrics.csv").unlink(missing_ok=True)
