"""What happens in a run's folder around a command: locked, recorded, and cleared of what was refused."""

import os
from collections.abc import Callable
from contextlib import ExitStack

import yaml
from filelock import Timeout
from lightning.pytorch import Trainer

from n2s.errors import UserError
from n2s.paths import written_whole
from n2s.training.choose import Choice
from n2s.training.claim import Claim
from n2s.training.provenance import provenance
from n2s.training.run import FINISHED, UNFINISHED, Run, now
from n2s.training.wandb_loss import end_wandb, open_or_go_offline


def fit_in(choice: Choice, claim: Claim | None, config: dict, trainer: Trainer, fit: Callable[[], None]) -> None:
    """Train in a run's folder: by the one process that keeps the record.

    Parameters
    ----------
    choice
        Of the run.
    claim
        On the folder of a new run: given up where the fit was refused before its first step.
    config
        The complete config, as plain types.
    trainer, fit
        Which trains, and the call that does it.
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
            continued = [*told.get("continued", []), {"at": now()} | provenance()]  # perhaps elsewhere, by other code
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
    """Test, validate or predict in a run's folder. What is refused leaves no new folder, and the scores before it.

    Parameters
    ----------
    choice, claim, config, trainer
        As in `fit_in`; a run is new where its checkpoint lies in none.
    table
        The file of logged scores, which are written anew.
    score
        The call that does it.
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
        **provenance(),
    )


def _lock(run: Run, stack: ExitStack) -> None:
    try:
        stack.enter_context(run.lock())
    except Timeout:
        raise UserError(f"{run.folder}: another process has just begun to train there. Start again.") from None


def _clear(run: Run) -> None:
    """What a killed process has left."""
    for leftover in (*run.folder.glob("hpc_ckpt_*.ckpt"), *run.folder.glob(".*.part")):
        leftover.unlink()  # last.ckpt is what counts: it is of the end of an epoch
    if not run.last.exists():
        (run.folder / "metrics.csv").unlink(missing_ok=True)
