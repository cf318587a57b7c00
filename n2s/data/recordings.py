"""Prepared recordings: preprocessed once, kept in the cache as one time-major array each."""

import hashlib
import json
import re
import shutil
import traceback
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import joblib
import mne
import numpy as np
import pandas as pd
from joblib.externals.loky.process_executor import TerminatedWorkerError
from rich.progress import track

from n2s.data.edges import annotated
from n2s.data.gaps import Reach
from n2s.data.positions import sensor_positions
from n2s.data.preprocessing import UNITS, Preprocessing
from n2s.errors import UserError, reading
from n2s.paths import cache_dir, disk_room, locked, written_whole
from n2s.studies.events import events_table
from n2s.studies.study import Recording, Study

FILES = ("meta.json", "brain.npy", "events.parquet", "sensors-info.fif")


@dataclass(frozen=True)
class PreparedRecording:
    """One recording in the cache: ``brain.npy (t, c)`` float32, ``events.parquet`` ``meta.json``, ``sensors-info.fif``."""

    folder: Path
    recording: Recording

    @cached_property
    def meta(self) -> dict:
        """``sfreq``, ``ch_names``, ``units``, ``good``, ``positions``, ``bad_spans``, ``shape``; of the filters ``support_s``,
        ``supports_s`` (of each), ``over_edges_s``, and ``stretches`` (samples) that they took as one.
        """
        return json.loads((self.folder / "meta.json").read_text())

    @cached_property
    def brain(self) -> np.ndarray:
        """(t, c) float32, memory-mapped: fT, fT/cm, uV."""
        path = self.folder / "brain.npy"
        with reading(path, "a whole array", "Delete it: the same command makes it again."):
            return np.load(path, mmap_mode="r")

    @cached_property
    def events(self) -> pd.DataFrame:
        """See `n2s.studies.events`."""
        return pd.read_parquet(self.folder / "events.parquet")

    @property
    def reach(self) -> Reach:
        """How far samples reach through the filters. A stretch may be entered up to a sample early: `brain_start` moves
        such a window to the first sample.
        """
        sfreq, n_times = self.meta["sfreq"], self.meta["shape"][0]
        stretches = [
            (
                (first - 1 + 1e-6) / sfreq if first else -np.inf,  # events may reach a little out of the recording
                last / sfreq if last < n_times else np.inf,
            )
            for first, last in self.meta["stretches"]
        ]
        return Reach(self.meta["support_s"], self.meta["over_edges_s"], stretches, max(0.02, 1.5 / sfreq))

    @property
    def ready(self) -> bool:
        """Whether all of it is in the cache: a cluster may clear away old files one by one."""
        return all((self.folder / name).exists() for name in FILES)

    @property
    def key(self) -> str:
        """Names the settings and sources that made this array."""
        return self.folder.name


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


def listed(study: Study, preprocessing: Preprocessing) -> list[PreparedRecording]:
    """Every recording of a study, in its order, prepared or not; nothing is read.

    Raises
    ------
    UserError
        There are none, or two have one name.
    """
    recordings = study.recordings()
    names = [recording.name for recording in recordings]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise UserError(f"study {study.name}: several recordings are named {doubled}: give them a session or a run.")
    if not recordings:
        raise UserError(f"study {study.name} at {study.root}: no recordings.")
    return [PreparedRecording(_folder(study, recording, preprocessing), recording) for recording in recordings]


def prepare(
    study: Study, preprocessing: Preprocessing, *, n_jobs: int = 1, shard: Shard | None = None
) -> list[PreparedRecording]:
    """Prepare what is not in the cache yet; every recording of the study, in its order.

    Each is written whole or not at all, by one process at a time, so that a run that was killed goes on where it
    stopped and several may work on one study. One that fails does not keep the others from being prepared.

    Parameters
    ----------
    study
        Of recordings.
    preprocessing
        What is done to each.
    n_jobs
        Processes; each holds one prepared recording in memory.
    shard
        Prepare only this part.

    Raises
    ------
    UserError
        At the end: some could not be prepared.
    """
    every = listed(study, preprocessing)
    mine = every[shard.index - 1 :: shard.of] if shard else every
    failed: dict[str, str] = {}
    for wait in (False, True):  # first what nobody works on
        missing = [item for item in mine if not item.ready and item.recording.name not in failed]
        work = joblib.Parallel(n_jobs=min(n_jobs, max(len(missing), 1)), return_as="generator_unordered")(
            joblib.delayed(_prepare_one)(study, item, preprocessing, wait=wait) for item in missing
        )
        try:
            for name, error in track(work, f"preparing {study.name}", total=len(missing), disable=not missing):
                if error:
                    failed[name] = error
        except TerminatedWorkerError:
            raise UserError(
                f"study {study.name}: a process that prepared a recording was killed, as the system does when memory is "
                f"full. What is prepared is kept; run again with fewer than {n_jobs} processes (data.n_jobs, --n_jobs)."
            ) from None
    if failed:
        told = [f"- {error}" for error in list(failed.values())[:5]] + ["- ..."] * (len(failed) > 5)
        raise UserError(
            f"{len(failed)} of {len(mine)} recordings could not be prepared; the others are there.\n" + "\n".join(told)
        )
    return every


def _folder(study: Study, recording: Recording, preprocessing: Preprocessing) -> Path:
    """Keyed by the settings of preprocessing and study, and by size and time of change of every source file."""
    sources = []
    for path in study.sources(recording):
        stat = path.stat()
        sources.append([path.name, stat.st_size, stat.st_mtime_ns])
    identity = json.dumps([preprocessing.settings(), study.settings(), str(study.root), sources], sort_keys=True)
    key = hashlib.sha256(identity.encode()).hexdigest()[:12]
    return cache_dir() / "prepared" / re.sub(r"\W+", "-", study.name) / f"{recording.name}-{key}"


def _prepare_one(
    study: Study, prepared: PreparedRecording, preprocessing: Preprocessing, *, wait: bool
) -> tuple[str, str]:
    """Its name, and what went wrong. Does nothing if another process is at it, unless told to ``wait`` for that one."""
    name = prepared.recording.name
    try:
        with locked(prepared.folder, wait=wait) as mine:
            if mine and not prepared.ready:
                for leftover in prepared.folder.parent.glob(f".{prepared.folder.name}.*.part"):
                    shutil.rmtree(leftover)  # of a process that was killed: nobody else writes here now
                if prepared.folder.exists():
                    shutil.rmtree(prepared.folder)  # a part of it is lost
                _write(study, prepared, preprocessing)
    except UserError as error:
        return name, str(error)
    except Exception as error:  # whatever a damaged file makes its reader meet: told when the others are done
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(place.filename).name}, line {place.lineno}"
        return name, f"{study.name}, {name}: {type(error).__name__}: {error} ({where})"
    return name, ""


def _write(study: Study, prepared: PreparedRecording, preprocessing: Preprocessing) -> None:
    recording = prepared.recording
    where = f"{study.name}, {recording.name}"
    raw = study.load(recording)
    raw_sfreq, duration_s = raw.info["sfreq"], len(raw.times) / raw.info["sfreq"]
    events = events_table(study.events(recording), where=where, duration_s=duration_s)
    bad_spans = [[onset, duration] for onset, duration, text in annotated(raw) if text.upper().startswith("BAD")]
    stretches = preprocessing.stretches(raw)
    data, sfreq, info = preprocessing(raw, where)
    meta = {
        "sfreq": sfreq,
        "raw_sfreq": raw_sfreq,
        "support_s": preprocessing.support_s(raw_sfreq),
        "supports_s": preprocessing.supports_s(raw_sfreq),
        "over_edges_s": sum(step.support_s for step in preprocessing.steps if not step.stops_at_edges),
        "stretches": stretches,
        "ch_names": info["ch_names"],
        "units": [UNITS[kind][1] for kind in info.get_channel_types()],
        "good": [name not in info["bads"] for name in info["ch_names"]],
        "positions": sensor_positions(info, where).round(6).tolist(),
        "bad_spans": bad_spans,
        "shape": list(data.shape),
        "sha256": hashlib.sha256(data).hexdigest(),
        "preprocessing": preprocessing.settings(),
    }
    with disk_room(prepared.folder, data.nbytes, where), written_whole(prepared.folder) as folder:
        folder.mkdir()
        np.save(folder / "brain.npy", data)
        events.to_parquet(folder / "events.parquet")
        mne.io.write_info(folder / "sensors-info.fif", info, verbose="error")
        (folder / "meta.json").write_text(json.dumps(meta))
