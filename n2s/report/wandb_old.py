"""What a report shows, in a Weights & Biases run: the same scores, tables, figures and sounds, online or offline."""

import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import wandb
import yaml
from lightning.pytorch.loggers import Logger, WandbLogger
from lightning.pytorch.utilities import rank_zero_only

from n2s.report.shown import Shown


@rank_zero_only
def log_shown(loggers: Iterable[Logger], run_dir: Path, shown: Callable[[], Sequence[Shown]]) -> None:
    """Put what a report shows, and the fit's whole configuration, into the W&B runs of a Trainer's loggers.

    Only the first process writes; loggers of other kinds are left alone, and nothing is done where W&B is disabled.
    All of it is in the run's folder already: where W&B's service does not answer, that is said, and nothing is lost.

    Parameters
    ----------
    loggers
        A Trainer's.
    run_dir
        The run's folder, with its ``config.yaml``.
    shown
        Makes what is to be shown.
    """
    for logger in loggers:
        if not isinstance(logger, WandbLogger):
            continue
        try:
            run = logger.experiment
            if not run.disabled:
                config = yaml.safe_load((run_dir / "config.yaml").read_text("utf-8"))
                run.config.update(config, allow_val_change=True)
                _log(run, shown())
        except (OSError, wandb.errors.Error) as error:
            reason = str(error).splitlines()[0]
            print(f"W&B: scores and figures are not in its run ({reason}); they are in {run_dir}.", file=sys.stderr)


def _log(run: wandb.Run, shown: Sequence[Shown]) -> None:
    media: dict[str, object] = {}
    for one in shown:
        for row, scores in one.scores.items():
            for score, mean in scores.items():
                run.summary[f"{one.name}/{row}/{score}"] = mean
        for what, n in one.counts.items():
            run.summary[f"{one.name}/{what}"] = n
        for title, (columns, rows) in one.tables.items():
            media[f"{one.name}/{title}"] = wandb.Table(columns=list(columns), data=rows)
        for drawing in one.drawings:
            media[f"{one.name}/{drawing.title}"] = wandb.Image(drawing.figure, caption=drawing.caption)
        # players beside the table, not in it: offline, W&B keeps sounds of tables outside the run's folder
        players = [wandb.Audio(sound.samples, sound.rate, caption=sound.caption) for sound in one.sounds]
        if players:
            media[f"{one.name}/listen"] = players
    run.log(media)
