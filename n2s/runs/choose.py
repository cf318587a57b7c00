"""Which run a command continues or starts, or takes its weights from."""

import hashlib
import json
import os
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from n2s.errors import UserError, nearest
from n2s.runs.run import Run, differences, run_of, runs_dir, runs_of


@dataclass(frozen=True)
class Choice:
    """What a command will do, in plain types: the run's folder, the checkpoint to load, the run's id, how to say it."""

    folder: str
    checkpoint: str | None
    id: str
    new: bool
    message: str

    @property
    def run(self) -> Run:
        """The run."""
        return Run(Path(self.folder))


def trained_run(given: str, beside: Path, *, key: str, recipe: str) -> Run:
    """An earlier stage's run: that of a folder, or the newest of an experiment, that has weights.

    Parameters
    ----------
    given
        The folder; a relative one is looked for here and below the folders of experiments.
    beside
        The folder of experiments that the own run lies in.
    key, recipe
        Of the own recipe, and what trains such a run: for the message.

    Raises
    ------
    UserError
        There is none.
    """
    places = [path.absolute() for path in (Path(given).expanduser(), beside / given, runs_dir() / given)]
    places = list(dict.fromkeys(places))
    for place in places:
        for run in [Run(place)] if Run(place).exists() else runs_of(place):
            if run.weights.is_file():
                return run
    raise UserError(
        f"{key}: no trained run at {' or '.join(str(shown(place)) for place in places)}. First: n2s fit --config "
        f"{recipe} with the same data; or name the run's folder."
    )


def choose_to_train(
    experiment: Path, settings: dict, *, fresh: bool = False, name: str | None = None, job: str | None = None
) -> Choice:
    """The run that a fit goes into.

    The newest unfinished run with the same settings is continued from its last checkpoint, unless another process
    trains it now; else a new one is started. A finished run is never touched.

    Parameters
    ----------
    experiment
        The experiment's folder.
    settings
        As `n2s.runs.settings_of` gives them.
    fresh
        Start a new run in any case.
    name
        The run to continue or start, by the user's wish (``N2S_RUN``).
    job
        What a new run is called by a cluster: its job id.

    Raises
    ------
    UserError
        The named run is finished, in use, or has other settings; or the checkpoint to start from does not exist.
    """
    if settings["started_from"] is not None:
        _check_exists(Path(settings["started_from"]))
    if name is not None:
        return _choose_named(Run(experiment / plain_name(name, "N2S_RUN")), settings, fresh=fresh)
    unfinished = [run for run in runs_of(experiment) if not run.finished]
    for run in unfinished:
        if not fresh and run.settings() == settings and not run.in_use():
            return _continued(run, settings)
    return _started(_free_folder(experiment, settings, job), settings, _why_new(unfinished, settings, fresh=fresh))


def choose_weights(
    experiment: Path,
    settings: dict,
    *,
    given: str | None = None,
    name: str | None = None,
    own: Run | None = None,
    remedy: str = "",
) -> Choice:
    """The weights that a test takes, and the run that its results go into.

    Parameters
    ----------
    experiment
        The experiment's folder.
    settings
        Of the command; a checkpoint that lies in no run gets a new one, so that its results have a folder.
    given
        ``--ckpt_path``: a file; or ``best`` (as if it were not given) or ``last``, of the run.
    name
        Take this run (``N2S_RUN``).
    own
        The run whose config.yaml the command was given.
    remedy
        What to do if nothing has weights; ends the error.

    Raises
    ------
    UserError
        There are no weights: untrained ones are never scored.
    """
    if given not in (None, "best", "last"):
        return _weights_of_file(Path(given), experiment, settings)
    runs = runs_of(experiment)
    if name is not None:
        if name not in (known := [run.name for run in runs]):
            raise UserError(f"N2S_RUN={name}: {experiment} has no such run.{nearest(name, known)}")
        runs = [Run(experiment / name)]
    elif own is not None:
        runs = [own]
    for run in runs:
        checkpoint = run.last if given == "last" else run.weights
        if checkpoint.is_file():
            return _weights_of_run(run, checkpoint)
    where = shown(runs[0].folder) if len(runs) == 1 else f"the {len(runs)} runs in {shown(experiment)}"
    found = f"{where}: no {given or 'best'}.ckpt yet" if runs else f"{shown(experiment)}: no run yet"
    if any(run.last.is_file() and run.read().get("validates") is False for run in runs):
        found += ", for nothing is validated: last.ckpt counts once the fit is finished, before that --ckpt_path last"
    raise UserError(f"no weights to score. {found}. {remedy}".rstrip())


def plain_name(name: str, where: str) -> str:
    """``name`` if it can be a folder's."""
    if not name or name != Path(name).name or name.startswith("."):
        raise UserError(f"{where}={name!r} must be a plain folder name, without '/' and not starting with a dot.")
    return name


def listed(names: Iterable[str]) -> str:
    """The first four, and how many more."""
    first = list(names)
    return ", ".join(first[:4]) + (f" and {len(first) - 4} more" if len(first) > 4 else "")


def shown(path: Path) -> str:
    """Relative to the current folder where it lies below it."""
    absolute, here = path.absolute(), Path.cwd()
    return str(absolute.relative_to(here) if absolute.is_relative_to(here) else path)


def _weights_of_run(run: Run, checkpoint: Path) -> Choice:
    record = run.read()
    started = record["started"][:16].replace("T", " ")
    kind = "the last epoch's, for nothing was validated; " if record.get("validates") is False else ""
    message = f"weights: {shown(checkpoint)} ({kind}run {record['status']}, begun {started} UTC)"
    return Choice(str(run.folder.absolute()), str(checkpoint.absolute()), record["id"], False, message)


def _weights_of_file(checkpoint: Path, experiment: Path, settings: dict) -> Choice:
    _check_exists(checkpoint)
    run = run_of(checkpoint)
    if run is not None:
        return _weights_of_run(run, checkpoint)
    started = _started(_free_folder(experiment, settings, None), settings, f"for the weights of {shown(checkpoint)}")
    return replace(started, checkpoint=str(checkpoint.absolute()))


def _check_exists(path: Path) -> None:
    if not path.is_file():
        siblings = [other.name for other in path.parent.glob("*.ckpt")]
        raise UserError(f"--ckpt_path {path}: no such file.{nearest(path.name, siblings)}")


def _choose_named(run: Run, settings: dict, *, fresh: bool) -> Choice:
    if not run.exists():
        if run.folder.exists():
            raise UserError(f"N2S_RUN={run.name}: {run.folder} exists and is not a run. Choose another name.")
        return _started(run.folder, settings, "named by N2S_RUN")
    if fresh or run.finished:
        why = "--fresh never writes into an existing run" if fresh else "it is finished, and is not touched again"
        raise UserError(f"N2S_RUN={run.name}: {run.folder} exists; {why}. Choose another name.")
    if run.settings() != settings:
        keys = listed(differences(settings, run.settings()))
        raise UserError(
            f"N2S_RUN={run.name}: {run.folder} was started with other settings: {keys}. Choose another name."
        )
    if run.in_use():
        raise UserError(
            f"N2S_RUN={run.name}: another process trains in {run.folder} now. Wait, or choose another name."
        )
    return _continued(run, settings)


def _continued(run: Run, settings: dict) -> Choice:
    checkpoint = str(run.last.absolute()) if run.last.is_file() else settings["started_from"]
    where = "from last.ckpt" if run.last.is_file() else "from its start: no epoch was complete"
    message = f"run: {shown(run.folder)} (continues {where})"
    return Choice(str(run.folder.absolute()), checkpoint, run.read()["id"], False, message)


def _started(folder: Path, settings: dict, why: str) -> Choice:
    message = f"run: {shown(folder)} (new{why and '; '}{why})"
    return Choice(str(folder.absolute()), settings["started_from"], _run_id(), True, message)


def _run_id() -> str:
    """Of a new run; in a W&B sweep the one that its agent gave, which W&B takes whatever else it is told."""
    given = os.environ.get("WANDB_RUN_ID") if os.environ.get("WANDB_SWEEP_ID") else None
    return given or uuid.uuid4().hex[:12]


def _why_new(unfinished: list[Run], settings: dict, *, fresh: bool) -> str:
    if fresh or not unfinished:
        return "--fresh" if fresh else ""
    newest = unfinished[0]
    if newest.settings() == settings:
        return f"{newest.name} is being trained by another process"
    return f"the unfinished {newest.name} has other settings: {listed(differences(settings, newest.settings()))}"


def _free_folder(experiment: Path, settings: dict, job: str | None) -> Path:
    """A name that no folder has: the job's id, else the time in UTC and a hash of the settings."""
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()[:8]
    stem = job or f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{digest}"
    folder, count = experiment / stem, 1
    while folder.exists():
        count += 1
        folder = experiment / f"{stem}_{count}"
    return folder
