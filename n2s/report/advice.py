"""What to try next after a test: concrete commands and options, from the verdict and from the curves of the fit."""

import shlex
from pathlib import Path

import pandas as pd

from n2s.errors import reading
from n2s.metrics.result import Shown

LATE = 0.9  # of the epochs: a lowest loss after it says that the fit was not done
EARLY = 0.5  # before it, and then a rise: the network learned its training data by heart
RISE = 0.03  # of the lowest loss


def next_steps(run_dir: Path, shown: Shown) -> list[str]:
    """Up to four sentences.

    Parameters
    ----------
    run_dir
        The run's folder.
    shown
        The part of its test that is told first.
    """
    found = shown.judgement()
    if found is None:
        return list(shown.advice)
    near = run_dir.resolve()
    near = near.relative_to(Path.cwd()) if near.is_relative_to(Path.cwd()) else near
    run, config = shlex.quote(str(near)), shlex.quote(str(near / "config.yaml"))
    steps = [*shown.advice, *from_curves(run_dir)]
    if found.state == "above":
        if trained_by_steps(run_dir):  # a fit in closed form has no seed that matters
            steps.append(
                f"Is it luck of one seed? `n2s fit --config {config} --seed_everything 1`, test it, then `n2s compare {run} OTHER_RUN`."
            )
    elif found.state == "below":
        steps.append(f"Look at the data that it was tested on: `n2s studies check --config {config}`.")
    elif found.state == "unknown":
        steps.append("Test more people, or more windows of each: nothing decides sooner.")
    else:
        steps.append(
            f"Look for what went wrong before the model: `n2s studies check --config {config}` shows sensors, events and the response to words; "
            "a shift between sound and recording is the most frequent cause."
        )
        steps.append("More windows or more people decide sooner than another network does.")
    return steps[:4]


def trained_by_steps(run_dir: Path) -> bool:
    """Whether the fit logged a training loss."""
    file = run_dir / "metrics.csv"
    if not file.is_file():
        return False
    with reading(file, "what `n2s fit` logs", "Fit again."):
        return any(column.startswith("train/") and "loss" in column for column in pd.read_csv(file, nrows=0))


def from_curves(run_dir: Path) -> list[str]:
    """What the validation loss of a fit says: still falling, or rising for long."""
    file = run_dir / "metrics.csv"
    if not file.is_file():
        return []
    with reading(file, "what `n2s fit` logs", "Fit again."):
        log = pd.read_csv(file)
    if "epoch" not in log or "val/loss" not in log:
        return []
    loss = log.groupby("epoch")["val/loss"].mean().dropna()
    if len(loss) < 2:
        return []
    best, n = int(loss.to_numpy().argmin()) + 1, len(loss)
    if best > LATE * n and best >= n - 1:
        return [
            f"The validation loss was still falling at the end (lowest in epoch {best} of {n}): train longer, `--trainer.max_epochs {2 * n}`."
        ]
    if best <= EARLY * n and loss.iloc[-1] > loss.min() + RISE * abs(loss.min()):
        return [
            f"The validation loss was lowest in epoch {best} of {n} and rose after it: more training data, more dropout or weight decay, or a smaller network."
        ]
    return []
