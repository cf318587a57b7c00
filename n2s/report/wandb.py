"""The report in a Weights & Biases run: the same scores, tables, figures and sounds, online or offline."""

import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import wandb
import yaml
from lightning.pytorch.loggers import Logger, WandbLogger
from lightning.pytorch.utilities import rank_zero_only

from n2s.metrics.result import Shown

#: Characters that W&B takes in the name of an artifact; a table is one: ``run-<id>-<its key>``.
LONGEST = 128


@rank_zero_only
def log_shown(loggers: Iterable[Logger], run_dir: Path, shown: Callable[[], Mapping[str, Shown]]) -> None:
    """Log the report and the fit's complete configuration to the W&B runs of a Trainer's loggers.

    Only the first process writes. Other loggers are not touched, and nothing is logged if W&B is disabled.
    The run's folder already has all of it: if W&B's service does not answer, a line says so, and no data is lost.

    Parameters
    ----------
    loggers
        The Trainer's loggers.
    run_dir
        The run's folder, with its ``config.yaml``.
    shown
        Makes the parts to show: prefix of the entries (``test``, ``run``) -> part.
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


def _log(run: wandb.Run, shown: Mapping[str, Shown]) -> None:
    media: dict[str, object] = {}
    for name, one in shown.items():
        tables = dict(one.tables)
        if one.scores is not None:
            for row, scores in one.scores.means().items():
                for score, mean in scores.items():
                    run.summary[f"{name}/{row}/{score}"] = mean
            headings, rows = one.scores.table(one.columns)
            tables = {"scores": (["score of", *headings[1:]], rows)} | tables
        for what, n in one.counts.items():
            run.summary[f"{name}/{what}"] = n
        for drawing in one.drawings:
            media[f"{name}/{drawing.title}"] = wandb.Image(drawing.figure, caption=drawing.caption)
        if one.listening is not None:
            groups = one.listening.groups.items()
            heard = [[title, s.label, s.text, s.place, s.value] for title, sounds in groups for s in sounds]
            if any(one.listening.columns):
                tables["segments"] = (["window", "segment", "words", "where", "similarity"], heard)
            # players beside the table, not in it: offline, W&B keeps sounds of tables outside the run's folder
            players = [
                wandb.Audio(s.samples, s.rate, caption=f"{title}, {s.label}: {s.text}".rstrip(": "))
                for title, sounds in groups
                for s in sounds
                if s.samples is not None and len(s.samples)
            ]
            if players:
                media[f"{name}/listen"] = players
        for title, (columns, cells) in tables.items():
            key = _key(f"{name}/{title}", media, LONGEST - len(f"run-{run.id}-"))
            media[key] = wandb.Table(columns=list(columns), data=[list(row) for row in cells])
    run.log(media)


def _key(wanted: str, taken: Mapping[str, object], most: int) -> str:
    """A table's key, cut to ``most`` characters; numbered where another has the same beginning."""
    key, number = wanted[:most], 2
    while key in taken:
        key, number = f"{wanted[: most - 4]} {number}", number + 1
    return key
