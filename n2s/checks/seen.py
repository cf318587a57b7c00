"""What `n2s studies check` sees of each recording: headers, tables and one second of samples."""

import hashlib
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import mne
import numpy as np
import pandas as pd

from n2s.data.channel_types import TYPES
from n2s.data.splits import stretches
from n2s.errors import UserError
from n2s.findings import Finding, kept
from n2s.studies.fmri import FMRIStudy, clip_table
from n2s.studies.readers.stimuli import AUDIO
from n2s.studies.study import Recording, Study

TABLES = (".tsv", ".json", ".csv", ".txt", ".parquet", ".textgrid", *AUDIO)  # what may be equal in two recordings

MARKED_CHANNELS, MARKED_BYTES = 16, 1 << 20  # enough to know a recording again


@dataclass
class Seen:
    """One recording.

    Attributes
    ----------
    recording
        Its labels.
    duration_s, sfreq
        Length (s) and rate (Hz, or volumes per second); None: not known without reading the samples.
    channels
        The names of its sensors of each type.
    bads
        Sensors that are marked as bad.
    events
        Its events (`n2s.studies.events`); None: they cannot be read.
    clips
        fMRI: its clips (`n2s.studies.fmri.clip_table`).
    volumes
        fMRI: its volumes and voxels, as text; "" if the samples were not read.
    marks
        Hashes of its files and of a second of its samples: two recordings share one if they are copies.
    findings
        What was left out, corrected or odd.
    stops
        What stops n2s.
    """

    recording: Recording
    duration_s: float | None = None
    sfreq: float | None = None
    channels: dict[str, list[str]] = field(default_factory=dict)
    bads: list[str] = field(default_factory=list)
    events: pd.DataFrame | None = None
    clips: pd.DataFrame | None = None
    volumes: str = ""
    marks: set[str] = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)
    stops: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """See `Recording.name`."""
        return self.recording.name

    @cached_property
    def heard(self) -> pd.DataFrame:
        """The stretches where a stimulus plays: ``onset``, ``duration``, ``stimulus``, ``story`` and more."""
        empty = pd.DataFrame(columns=["onset", "duration", "stimulus", "stimulus_onset", "story", "language"])
        return empty if self.events is None else stretches(self.events)

    def count(self, kind: str) -> int:
        """How many events of a kind it has."""
        return 0 if self.events is None else int((self.events.kind == kind).sum())


@contextmanager
def noted(stops: list[str]) -> Iterator[None]:
    """Note the error that ends this block: a user's mistake as it is, any other with its place in the code."""
    try:
        yield
    except UserError as error:
        stops.append(str(error))
    except Exception as error:  # whatever a damaged file makes its reader meet
        place = traceback.extract_tb(error.__traceback__)[-1]
        first = (str(error).splitlines() or [""])[0]
        stops.append(f"{type(error).__name__}: {first} ({Path(place.filename).name}, line {place.lineno})")


def look(study: Study, recording: Recording) -> Seen:
    """Read the header, the events and one second in the middle of a recording."""
    seen = Seen(recording)
    with kept() as seen.findings:
        with noted(seen.stops):
            if isinstance(study, FMRIStudy):
                seen.clips = clip_table(study.clips(recording), where=recording.name)
            else:
                _header(study.load(recording), seen)
        with noted(seen.stops):
            seen.events = study.events(recording)
        if not seen.stops:  # what `events` lacks, `sources` lacks too
            with noted(seen.stops):
                seen.marks |= {_file_mark(study, recording)} - {""}
    seen.stops = list({text.partition(": ")[0]: text for text in seen.stops}.values())  # of one line of a file, one
    return seen


def _header(raw: mne.io.BaseRaw, seen: Seen) -> None:
    seen.sfreq = float(raw.info["sfreq"])
    seen.duration_s = len(raw.times) / seen.sfreq
    for name, kind in zip(raw.ch_names, raw.get_channel_types(), strict=True):
        if kind in TYPES:
            seen.channels.setdefault(kind, []).append(name)
    sensors = {name for names in seen.channels.values() for name in names}
    seen.bads = [name for name in raw.info["bads"] if name in sensors]
    start = int(0.4 * len(raw.times))
    picks = [name for names in seen.channels.values() for name in names if name not in seen.bads][:MARKED_CHANNELS]
    values = raw.get_data(picks, start, start + round(seen.sfreq), verbose="error").astype(np.float32) if picks else []
    if len(values) and (np.ptp(values, axis=1) > 0).any():  # what is 0 throughout is alike in all recordings
        seen.marks.add(f"samples {hashlib.sha256(np.ascontiguousarray(values)).hexdigest()}")


def _file_mark(study: Study, recording: Recording) -> str:
    """Size and first bytes of the largest file that is no table and no sound: it holds the samples. "" without one."""
    files = [path for path in study.sources(recording) if path.suffix.lower() not in TABLES and path.is_file()]
    largest = max(files, key=lambda path: path.stat().st_size, default=None)
    if largest is None:
        return ""
    with open(largest, "rb") as file:
        return f"file {largest.stat().st_size} {hashlib.sha256(file.read(MARKED_BYTES)).hexdigest()}"
