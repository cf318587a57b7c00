"""Choose the run that a fit continues or starts."""

import hashlib
import json
import os
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from n2s.errors import UserError, first_of, nearest
from n2s.training.run import Run, differences, originals


@dataclass(frozen=True)
class Choice:
    """What a command will do, in plain types: the run's folder, the checkpoint to load, the run's id, a message."""

    folder: str
    checkpoint: str | None
    id: str
    new: bool
    message: str

    @property
    def run(self) -> Run:
        """The run."""
        return Run(Path(self.folder))


def choose_to_train(
    experiment: Path, settings: dict, *, fresh: bool = False, name: str | None = None, job: str | None = None
) -> Choice:
    """Choose the run of a fit.

    The newest unfinished run with the same settings continues from its last checkpoint, unless another process
    trains it now. Otherwise a new run is started. A finished run is never changed.

    Parameters
    ----------
    experiment
        The experiment's folder.
    settings
        See `n2s.training.run.settings_of`.
    fresh
        Start a new run in any case.
    name
        The run to continue or start, as the user named it (``N2S_RUN``).
    job
        The cluster's job id, which names a new run.

    Raises
    ------
    UserError
        The named run is finished, in use, or has other settings; or the checkpoint to start from does not exist.
    """
    if settings["started_from"] is not None:
        check_exists(Path(settings["started_from"]))
    if name is not None:
        return _choose_named(Run(experiment / plain_name(name, "N2S_RUN")), settings, fresh=fresh)
    unfinished = [run for run in originals(experiment) if not run.finished]
    for run in unfinished:
        if not fresh and run.settings() == settings and not run.in_use():
            return _continued(run, settings)
    return started(free_folder(experiment, settings, job), settings, _why_new(unfinished, settings, fresh=fresh))


def plain_name(name: str, where: str) -> str:
    """``name``, if it can be the name of a folder."""
    if not name or name != Path(name).name or name.startswith("."):
        raise UserError(f"{where}={name!r} must be a plain folder name, without '/' and not starting with a dot.")
    return name


def listed(names: Iterable[str]) -> str:
    """The first four as they are typed, and the number of others."""
    return first_of((name.replace("init_args.", "") for name in names), 4)


def shown(path: Path) -> str:
    """The path relative to the current folder, if it is below it."""
    absolute, here = path.absolute(), Path.cwd()
    return str(absolute.relative_to(here) if absolute.is_relative_to(here) else path)


def check_exists(path: Path) -> None:
    """Raise a UserError if a given checkpoint is not a file."""
    if not path.is_file():
        siblings = [other.name for other in path.parent.glob("*.ckpt")]
        raise UserError(f"--ckpt_path {path}: no such file.{nearest(path.name, siblings)}")


def _choose_named(run: Run, settings: dict, *, fresh: bool) -> Choice:
    if not run.exists():
        if run.folder.exists():
            raise UserError(f"N2S_RUN={run.name}: {run.folder} exists and is not a run. Choose another name.")
        return started(run.folder, settings, "named by N2S_RUN")
    if fresh or run.finished:
        why = "--fresh never writes into an existing run" if fresh else "it is finished and is never changed"
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


def started(folder: Path, settings: dict, why: str) -> Choice:
    """A new run."""
    message = f"run: {shown(folder)} (new{why and '; '}{why})"
    return Choice(str(folder.absolute()), settings["started_from"], _run_id(), True, message)


def _run_id() -> str:
    """The id of a new run. In a W&B sweep it is the agent's, because W&B uses that one in any case."""
    given = os.environ.get("WANDB_RUN_ID") if os.environ.get("WANDB_SWEEP_ID") else None
    return given or uuid.uuid4().hex[:12]


def _why_new(unfinished: list[Run], settings: dict, *, fresh: bool) -> str:
    unfinished = [run for run in unfinished if run.last.is_file() or run.in_use()]  # others have nothing to continue
    if fresh or not unfinished:
        return "--fresh" if fresh else ""
    newest = unfinished[0]
    if newest.settings() == settings:
        return f"{newest.name} is being trained by another process"
    return f"the unfinished {newest.name} has other settings: {listed(differences(settings, newest.settings()))}"


def free_folder(experiment: Path, settings: dict, job: str | None) -> Path:
    """An unused folder name: the job's id, or the time in UTC and a hash of the settings."""
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()[:8]
    stem = job or f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{digest}"
    folder, count = experiment / stem, 1
    while folder.exists():
        count += 1
        folder = experiment / f"{stem}_{count}"
    return folder
