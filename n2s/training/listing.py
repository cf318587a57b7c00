"""What is known of a run without loading anything: its state, its score beside a control, its size, what may go."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from n2s.errors import UserError
from n2s.training.run import FOLDS, Run, runs_of

ALL = "all subjects"  # n2s.metrics.score.ALL, without the packages that scores need
RUNNING, STOPPED, FINISHED, TESTED, DAMAGED = "running", "stopped", "finished", "tested", "damaged"
#: When it began, and the fields of its score, of a run that says neither.
NO_SCORE = ("", "", None, "", None, "", "")
CONTROLS = ("chance", "shuffled", "no_brain")  # the first that a result has is shown beside its score


@dataclass(frozen=True)
class Listed:
    """One run, for a table.

    Attributes
    ----------
    state
        running | stopped (the same command continues it) | finished (not tested) | tested | damaged.
    score
        Key of the verdict's score, such as ``top1``, in the first test set; of a test without a verdict its first score; empty without a test.
    value, control
        Its mean over subjects, and that of the control that ``control_name`` names.
    told, beside
        The two as people read them: ``top-1 39.4%``, ``chance 1.2%``.
    n_bytes
        On the disk.
    """

    experiment: str
    run: str
    state: str
    started: str
    score: str
    value: float | None
    control_name: str
    control: float | None
    told: str
    beside: str
    n_bytes: int
    folder: str


def experiments(base: Path) -> list[Path]:
    """The folders of experiments, those with the newest run first."""
    found = [one for one in sorted(base.glob("*")) if one.is_dir() and any(one.glob("*/run.json"))]
    return sorted(found, key=lambda one: max(path.stat().st_mtime for path in one.glob("*/run.json")), reverse=True)


def listed(run: Run) -> Listed:
    """What a table has of a run; of one whose ``run.json`` is damaged little more than that."""
    experiment, size = run.folder.parent.name, n_bytes(run.folder)
    try:
        told = run.read()
    except UserError:
        return Listed(experiment, run.name, DAMAGED, *NO_SCORE, size, str(run.folder))
    tested = "test" in (told.get("results") or {})
    if not run.finished:
        state = RUNNING if _trains(run) else STOPPED
    else:
        state = TESTED if tested else FINISHED
    score = _score(run.folder / "metrics.json") if tested else NO_SCORE[1:]
    return Listed(experiment, run.name, state, told["started"], *score, size, str(run.folder))


def every(experiment: Path) -> list[Listed]:
    """The runs of an experiment, the newest first, damaged ones last."""
    try:
        runs = runs_of(experiment)
    except UserError:
        runs = [Run(path.parent) for path in experiment.glob("*/run.json")]
    return sorted(map(listed, runs), key=lambda one: one.started, reverse=True)


def clutter(run: Run) -> list[Path]:
    """What a finished run does not need any more: the state to continue from, where there is a best epoch, and W&B's files that were not sent."""
    if not run.finished or _trains(run):
        return []
    found = [run.last] if run.last.is_file() and run.weights != run.last and run.best.is_file() else []
    return found + [one for one in (run.folder / "wandb",) if one.is_dir()]


def n_bytes(path: Path) -> int:
    """The size of a file or folder."""
    if path.is_file():
        return path.stat().st_size
    files = (Path(folder) / name for folder, _, names in os.walk(path) for name in names)
    return sum(one.lstat().st_size for one in files)


def age(started: str) -> str:
    """How long ago: ``5 min``, ``3 h``, ``2 days``."""
    if not started:
        return ""
    seconds = (datetime.now(UTC) - datetime.fromisoformat(started)).total_seconds()
    for size, word in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= size:
            n = int(seconds // size)
            return f"{n} {'day' if word == 'days' and n == 1 else word}"
    return "now"


def told_bytes(n: int) -> str:
    """A size as people read it."""
    for size, word in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if n >= size:
            return f"{n / size:.3g} {word}"
    return f"{n} B"


def _trains(run: Run) -> bool:
    """Whether a process works in it now; a cross-validated one: in any of its folds."""
    folds = [Run(path.parent) for path in run.folder.glob(f"{FOLDS}/*/run.json")]
    return any(one.in_use() for one in (run, *folds))


def _score(file: Path) -> tuple[str, float | None, str, float | None, str, str]:
    try:
        by_set = json.loads(file.read_text("utf-8"))
        test = next(one for one in by_set.values() if one.get("scores"))
        scores, how = test["scores"], test.get("format") or {}
        verdict = test.get("judgement") or {}
        name = verdict.get("score") or next(iter(scores))
        means = {row: by_subject[ALL]["mean"] for row, by_subject in scores[name].items() if ALL in by_subject}
        model = verdict.get("row") or next(iter(means))
    except (OSError, ValueError, StopIteration, AttributeError, KeyError, TypeError):
        return NO_SCORE[1:]
    control = next((row for row in (*CONTROLS, *reversed(means)) if row in means and row != model), "")
    measure = how.get("measures", {}).get(name, {})
    label = how.get("rows", {}).get(control, {}).get("label", control.replace("_", " "))
    told = f"{measure.get('label', name).removesuffix(' (%)')} {_text(means[model], measure)}"
    beside = "" if means.get(control) is None else f"{label} {_text(means[control], measure)}"
    return name, means[model], control, means.get(control), told, beside


def _text(value: float | None, measure: Mapping) -> str:
    """A score as its table has it; of runs that do not say how, its first digits."""
    if value is None:
        return "none"
    if not measure:
        return f"{value:.3g}"
    percent = "%" if measure["scale"] == 100 else ""
    return f"{measure['scale'] * value + measure['first']:.{measure['digits']}f}{percent}"
