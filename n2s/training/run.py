"""Run folders: ``<runs>/<experiment>/<run>/``, and their content."""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock, Timeout

from n2s.config_classes import name_of_today
from n2s.errors import UserError
from n2s.paths import written_whole

FOLDS = "folds"
UNFINISHED, FINISHED = "unfinished", "finished"
_ENTRIES = ("id", "status", "started", "started_from", "resumed")  # entries of run.json that commands use

# Keys of a config that change where and how a run is made, but not its numbers.
ASIDE = {"experiment", "runs_dir", "fresh", "ckpt_path", "weights_only", "checkpoint_minutes", "wait_minutes"}
ASIDE_OF_TRAINER = {"logger", "default_root_dir", "enable_progress_bar", "enable_model_summary", "profiler"}


def runs_dir() -> Path:
    """Where experiments are kept: ``N2S_RUNS``, by default ``checkpoints`` in the current folder."""
    return Path(os.environ.get("N2S_RUNS") or "checkpoints").expanduser()


def settings_of(config: dict, started_from: str | None = None) -> dict:
    """The settings that decide the numbers of a fit: two runs with equal settings are the same run.

    Parameters
    ----------
    config
        A complete config, in plain types.
    started_from
        The checkpoint that the user started it from, if any.
    """
    kept = {key: value for key, value in config.items() if key not in ASIDE}
    if isinstance(kept.get("model"), dict) and isinstance(kept["model"].get("class_path"), str):
        kept["model"] = kept["model"] | {"class_path": name_of_today(kept["model"]["class_path"])}
    trainer = {key: value for key, value in (config.get("trainer") or {}).items() if key not in ASIDE_OF_TRAINER}
    return kept | {"trainer": trainer, "started_from": started_from}


def differences(settings: dict, others: dict, prefix: str = "") -> Iterator[str]:
    """The dotted keys in which two configs differ."""
    for key in sorted(settings.keys() | others.keys()):
        mine, other = settings.get(key), others.get(key)
        if isinstance(mine, dict) and isinstance(other, dict):
            yield from differences(mine, other, f"{prefix}{key}.")
        elif mine != other:
            yield prefix + key


@dataclass(frozen=True)
class Run:
    """One run's folder. ``run.json`` in it makes it one."""

    folder: Path

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.name

    @property
    def best(self) -> Path:
        """The checkpoint with the best validation score."""
        return self.folder / "best.ckpt"

    @property
    def weights(self) -> Path:
        """The checkpoint for tests and later stages: the best one, or the last one of a finished fit without validation."""
        record = self.read()
        return self.last if record["status"] == FINISHED and record.get("validates") is False else self.best

    @property
    def last(self) -> Path:
        """The checkpoint from which it continues."""
        return self.folder / "last.ckpt"

    @property
    def config(self) -> Path:
        """The complete config of the fit."""
        return self.folder / "config.yaml"

    @property
    def repeats(self) -> bool:
        """Whether ``n2s rerun`` made it: a copy of another run, which commands take only by its name."""
        return bool(self.read().get("rerun_of")) or re.search(r"_rerun\d*$", self.name) is not None

    @property
    def finished(self) -> bool:
        """Whether the fit is finished."""
        return self.read()["status"] == FINISHED

    def exists(self) -> bool:
        """Whether the folder is a run."""
        return (self.folder / "run.json").is_file()

    def read(self) -> dict:
        """The content of ``run.json``."""
        path = self.folder / "run.json"
        try:
            content = json.loads(path.read_text("utf-8"))
        except (ValueError, RecursionError) as error:
            raise UserError(f"{path} is not valid JSON ({error}). Correct it, or move the run's folder away.") from None
        lacking = [name for name in _ENTRIES if not isinstance(content, dict) or name not in content]
        if lacking:
            raise UserError(f"{path} has no {', '.join(lacking)}. Correct it, or move the run's folder away.")
        return content

    def update(self, **changes: Any) -> None:
        """Set entries of ``run.json``; it is never half-written."""
        content = (self.read() if self.exists() else {}) | changes
        with written_whole(self.folder / "run.json") as path:
            path.write_text(json.dumps(content, indent=1) + "\n")

    def settings(self) -> dict:
        """The settings that decide its numbers, from its config and record."""
        if not self.config.is_file():
            raise UserError(f"{self.folder} has no config.yaml. Move the folder away: its settings are unknown.")
        return settings_of(yaml.safe_load(self.config.read_text()), self.read()["started_from"])

    def lock(self) -> FileLock:
        """The lock of the process that trains here; the system releases it when that process ends, in any way."""
        return FileLock(self.folder / ".lock", blocking=False)

    def in_use(self) -> bool:
        """Whether another process trains here now."""
        try:
            with self.lock():
                return False
        except Timeout:
            return True


def originals(experiment: Path) -> list[Run]:
    """The runs of an experiment's folder that are not repeats of others, the newest first."""
    return [run for run in runs_of(experiment) if not run.repeats]


def runs_of(experiment: Path) -> list[Run]:
    """The runs of an experiment's folder, the newest first."""
    runs = [run for folder in experiment.glob("*") if (run := Run(folder)).exists()]
    return sorted(runs, key=lambda run: (run.read()["started"], run.name), reverse=True)


def run_of(path: Path | None) -> Run | None:
    """The run whose folder has this file, or None."""
    if path is None:
        return None
    run = Run(path.absolute().parent)
    return run if run.exists() else None


def now() -> str:
    """UTC, to the microsecond."""
    return datetime.now(UTC).isoformat(timespec="microseconds")
