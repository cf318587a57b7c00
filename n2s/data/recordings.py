"""Prepared recordings of any kind: cleaned once, kept in the cache as one time-major array each."""

import hashlib
import json
import re
import shutil
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import joblib
import numpy as np
from joblib.externals.loky.process_executor import TerminatedWorkerError

from n2s.errors import UserError, counted, reading
from n2s.findings import Finding, kept, say
from n2s.paths import cache_dir, disk_room, locked, written_whole
from n2s.progress import track
from n2s.studies.study import Recording, Study

AGAIN = "Delete it: the same command makes it again."


@dataclass(frozen=True)
class PreparedRecording:
    """One recording in the cache: ``brain.npy (t, c)`` float32, ``meta.json``, and what its kind keeps beside them."""

    folder: Path
    recording: Recording

    #: The other files of this kind.
    beside: ClassVar[tuple[str, ...]] = ()

    @cached_property
    def meta(self) -> dict:
        """``shape`` and ``sha256`` of the array, and what its kind adds."""
        path = self.folder / "meta.json"
        with reading(path, "a JSON file", AGAIN):
            return json.loads(path.read_text())

    @cached_property
    def brain(self) -> np.ndarray:
        """(t, c) float32, memory-mapped: sensors in fT, fT/cm and uV, voxels in the study's unit."""
        return self.brain_mapped()

    def brain_mapped(self) -> np.ndarray:
        """A memory map of `brain` that is closed when the caller drops it: a process may hold few files open."""
        data = self.array("brain.npy")
        if list(data.shape) != self.meta["shape"] or data.dtype != np.float32:
            raise UserError(
                f"{self.folder / 'brain.npy'} holds {data.dtype} of shape {list(data.shape)}, but meta.json beside it says "
                f"float32 of shape {self.meta['shape']}. {AGAIN}"
            )
        return data

    def array(self, name: str) -> np.ndarray:
        """One of its arrays, memory-mapped; a UserError where the file is damaged."""
        path = self.folder / name
        with reading(path, "a whole array", AGAIN):
            return np.load(path, mmap_mode="r")

    @property
    def ready(self) -> bool:
        """Whether all of it is in the cache: a cluster may clear away old files one by one."""
        return all((self.folder / name).exists() for name in ("meta.json", "brain.npy", *self.beside))

    @property
    def findings(self) -> list[Finding]:
        """What was left out, corrected or odd when it was prepared."""
        return [Finding(*one) for one in self.meta.get("findings", [])]

    @property
    def key(self) -> str:
        """Names the settings and sources that made this array."""
        return self.folder.name


@dataclass(frozen=True)
class Made:
    """A recording that was just prepared: ``brain (t, c)`` float32, its ``meta`` as JSON types, and what writes the files beside."""

    brain: np.ndarray
    meta: dict
    beside: dict[str, Callable[[Path], object]] = field(default_factory=dict)


class Preparation(ABC):
    """How recordings of one kind (MEG and EEG, BOLD) are prepared, and what the cache keeps."""

    #: How a recording of this kind is read from the cache.
    kind: type[PreparedRecording] = PreparedRecording

    @abstractmethod
    def settings(self) -> dict:
        """Everything that changes the prepared numbers, as plain JSON types: part of the cache's key."""

    def settings_for(self, study: Study, recording: Recording) -> dict:
        """The same for one recording: with what other recordings add to it, where a step learns from them."""
        return self.settings()

    @abstractmethod
    def make(self, study: Study, recording: Recording, where: str) -> Made:
        """Load and clean one recording, by itself; ``where`` names it in messages."""


@dataclass(frozen=True)
class Shard:
    """One part of the work of several jobs: ``index`` of 1 to ``of``."""

    index: int
    of: int

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """``3/10``: the third of ten."""
        found = re.fullmatch(r"(\d+)/(\d+)", text.strip())
        if not found or not 1 <= int(found[1]) <= int(found[2]):
            raise UserError(f"--shard is '{text}'; expected i/n with i from 1 to n, such as 3/10: part 3 of 10.")
        return cls(int(found[1]), int(found[2]))

    def part(self, items: Sequence) -> Sequence:
        """Its part of a list; all parts together are the list."""
        return items[self.index - 1 :: self.of]

    def leaves(self, recordings: Iterable[PreparedRecording]) -> bool:
        """Whether some are not prepared yet, once this part is; says how many."""
        n_left = sum(not one.ready for one in recordings)
        if n_left:
            print(f"part {self.index} of {self.of} is prepared; {n_left} recordings are left to other parts.")
        return n_left > 0


def listed(
    study: Study, preparation: Preparation, recordings: Sequence[Recording] | None = None
) -> list[PreparedRecording]:
    """The recordings of a study (these, or all) in its order, prepared or not; nothing is read.

    Raises
    ------
    UserError
        The study has none, two have one name, or a source file is missing.
    """
    every = study.recordings()
    names = [recording.name for recording in every]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise UserError(f"study {study.name}: several recordings are named {doubled}: give them a session or a run.")
    if not every:
        raise UserError(f"study {study.name} at {study.root}: no recordings.")
    wanted = set(every if recordings is None else recordings)
    chosen = [one for one in every if one in wanted]
    return [preparation.kind(_folder(study, recording, preparation), recording) for recording in chosen]


def prepare(
    study: Study,
    preparation: Preparation,
    recordings: Sequence[Recording] | None = None,
    *,
    n_jobs: int = 1,
    shard: Shard | None = None,
) -> list[PreparedRecording]:
    """Prepare the recordings that are not in the cache yet; return all selected ones, in the study's order.

    What was left out, corrected or odd is said at the end, also of recordings that were prepared earlier.
    Each is written whole or not at all, by one process at a time. A killed command continues where it
    stopped, and several processes can work on one study. A failing recording does not stop the others.

    Parameters
    ----------
    study
        Of recordings.
    preparation
        What is done to each.
    recordings
        Only these; None: all of the study.
    n_jobs
        Processes; each holds one prepared recording in memory.
    shard
        Prepare only this part.

    Raises
    ------
    UserError
        At the end: some could not be prepared.
    """
    every = listed(study, preparation, recordings)
    mine = shard.part(every) if shard else every
    failed: dict[str, str] = {}
    for wait in (False, True):  # first what nobody works on
        missing = [item for item in mine if not item.ready and item.recording.name not in failed]
        work = joblib.Parallel(n_jobs=min(n_jobs, max(len(missing), 1)), return_as="generator_unordered")(
            joblib.delayed(_prepare_one)(study, item, preparation, wait=wait) for item in missing
        )
        try:
            for name, error in track(work, f"preparing {study.name}", total=len(missing), least=1):
                if error:
                    failed[name] = error
        except TerminatedWorkerError:
            raise UserError(
                f"study {study.name}: a process that prepared a recording was killed, as the system does when memory is "
                f"full. What is prepared is kept; run again with fewer than {n_jobs} processes (data.n_jobs, --n_jobs)."
            ) from None
    if failed:
        raise UserError(_failed(study.name, failed, len(mine)))
    say(finding for item in mine if item.ready for finding in item.findings)
    return every


def _failed(study: str, failed: Mapping[str, str], n: int) -> str:
    """What went wrong, of ``n`` recordings; what went wrong alike is one line."""
    alike: dict[str, list[str]] = {}
    for name, error in failed.items():
        whose, told = f"{study}, {name}: ", error
        alike.setdefault(told.removeprefix(whose), []).append(whose if told.startswith(whose) else "")
    lines = []
    for told, whose in alike.items():
        more = f" and {counted(len(whose) - 1, 'other')}" if len(whose) > 1 and whose[0] else ""
        lines.append(f"- {whose[0].removesuffix(': ')}{more}{': ' if whose[0] else ''}{told}")
    left = n - len(failed)
    if left:
        head = f"{len(failed)} of {n} recordings could not be prepared; the {'others are' if left > 1 else 'other one is'} there."
    else:
        head = "The recording could not be prepared." if n == 1 else f"None of the {n} recordings could be prepared."
    return "\n".join([head, *lines[:5], *["- ..."] * (len(lines) > 5)])


def source_stats(study: Study, recording: Recording) -> list[list]:
    """Name, size and time of change of every source file of a recording: a cache is stale when they change.

    Raises
    ------
    UserError
        One is missing.
    """
    sources = []
    for path in study.sources(recording):
        try:
            stat = path.stat()
        except FileNotFoundError:
            raise UserError(
                f"{study.name}, {recording.name}: no {path}. Where it is a link to nowhere, its content was not fetched."
            ) from None
        sources.append([path.name, stat.st_size, stat.st_mtime_ns])
    return sources


def _folder(study: Study, recording: Recording, preparation: Preparation) -> Path:
    """Keyed by the settings of preparation and study, and by its source files."""
    settings, sources = preparation.settings_for(study, recording), source_stats(study, recording)
    identity = json.dumps([settings, study.settings(), str(study.root), sources], sort_keys=True)
    key = hashlib.sha256(identity.encode()).hexdigest()[:12]
    return cache_dir() / "prepared" / re.sub(r"\W+", "-", study.name) / f"{recording.name}-{key}"


def _prepare_one(study: Study, prepared: PreparedRecording, preparation: Preparation, *, wait: bool) -> tuple[str, str]:
    """Its name, and what went wrong. Does nothing if another process is at it, unless asked to ``wait`` for that one."""
    name = prepared.recording.name
    try:
        with locked(prepared.folder, wait=wait) as mine:
            if mine and not prepared.ready:
                for leftover in prepared.folder.parent.glob(f".{prepared.folder.name}.*.part"):
                    shutil.rmtree(leftover)  # of a process that was killed: nobody else writes here now
                if prepared.folder.exists():
                    shutil.rmtree(prepared.folder)  # a part of it is lost
                _write(study, prepared, preparation)
    except UserError as error:
        return name, str(error)
    except Exception as error:  # whatever a damaged file makes its reader meet: reported when the others are done
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(place.filename).name}, line {place.lineno}"
        return name, f"{study.name}, {name}: {type(error).__name__}: {error} ({where})"
    return name, ""


def _write(study: Study, prepared: PreparedRecording, preparation: Preparation) -> None:
    where = f"{study.name}, {prepared.recording.name}"
    with kept() as findings:
        made = preparation.make(study, prepared.recording, where)
    meta = made.meta | {"shape": list(made.brain.shape), "sha256": hashlib.sha256(made.brain).hexdigest()}
    meta["findings"] = [astuple(one) for one in findings]
    with disk_room(prepared.folder, made.brain.nbytes, where), written_whole(prepared.folder) as folder:
        folder.mkdir()
        np.save(folder / "brain.npy", made.brain)
        for name in prepared.beside:
            made.beside[name](folder / name)
        (folder / "meta.json").write_text(json.dumps(meta))
