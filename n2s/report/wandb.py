"""The same scores, figures and sounds in a Weights & Biases run, online or offline."""

from collections.abc import Iterable
from pathlib import Path

import wandb
from lightning.pytorch.loggers import Logger, WandbLogger
from lightning.pytorch.utilities import rank_zero_only

from n2s.metrics.summary import MEASURES, ROWS, TOP, table_rows
from n2s.report.figures import Drawing
from n2s.report.listen import RATE_HZ, Retrieved
from n2s.report.run_folder import read_test_sets


@rank_zero_only
def log_test(logger: Logger, run_dir: Path) -> None:
    """Put every test set of a tested run's folder into its W&B run; a logger of another kind is left alone."""
    if isinstance(logger, WandbLogger):
        for test_set in read_test_sets(run_dir):
            log_result(logger, test_set.summary, test_set.drawings(), test_set.segments(), name=test_set.name)


@rank_zero_only
def log_result(
    logger: WandbLogger, summary: dict, figures: Iterable[Drawing], audio: Iterable[Retrieved], *, name: str = "test"
) -> None:
    """Put a test set's scores, table, figures and audio players into the run. Only the first process writes.

    Parameters
    ----------
    logger
        The trainer's.
    summary
        From `n2s.metrics.summarize`. Means go to the run's summary as ``<name>/<row>/<score>``: ``test/model/top10``.
    figures
        From `n2s.report.figures`.
    audio
        From `n2s.report.listen.retrieved_segments`.
    name
        Of the test set.
    """
    run = logger.experiment
    for row in ROWS:
        for measure in MEASURES if summary[row] else ():
            run.summary[f"{name}/{row}/{measure}"] = summary[row][measure]["mean"]
    for count in ("n_candidates", "n_windows", "n_subjects"):
        run.summary[f"{name}/{count}"] = summary[count]
    columns = ["score of", *(f"top-{k} (%)" for k in TOP), "median rank (0 best)"]
    media = {f"{name}/scores": wandb.Table(columns=columns, data=table_rows(summary))}
    for drawing in figures:
        media[f"{name}/{drawing.title}"] = wandb.Image(drawing.figure, caption=drawing.caption)
    segments = [
        (window, label, segment)
        for window in audio
        for label, segment in (
            ("heard", window.heard),
            *((f"choice {i + 1}", choice) for i, choice in enumerate(window.first)),
        )
    ]
    columns = ["window", "subject", "rank", "segment", "words", "where", "similarity"]
    rows = [[w.pick, w.subject, w.rank, label, s.text, s.place, s.z] for w, label, s in segments]
    media[f"{name}/segments"] = wandb.Table(columns=columns, data=rows)
    # players beside the table, not in it: offline, W&B keeps sounds of tables outside the run's folder
    players = [
        wandb.Audio(segment.audio, RATE_HZ, caption=f"{window.pick}, {label}: {segment.text}")
        for window, label, segment in segments
        if segment.audio is not None
    ]
    if players:
        media[f"{name}/listen"] = players
    run.log(media)
