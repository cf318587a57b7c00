"""The port of a data set: its recordings, their events, their audio. Only studies know file names."""

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from n2s.options import check_number, check_numbers
from n2s.studies.card import Card

if TYPE_CHECKING:
    import mne


@dataclass(frozen=True, order=True)
class Recording:
    """One continuous recording: who, when, which task. Cheap to list; nothing is read.

    Examples
    --------
    >>> from n2s.studies import Recording
    >>> Recording("01", task="listen", run="2").name
    'sub-01_task-listen_run-2'
    """

    subject: str
    session: str = ""
    task: str = ""
    run: str = ""
    modality: str = "meg"

    @property
    def name(self) -> str:
        """BIDS-like and unique in its study: ``sub-01_ses-0_task-listen_run-2``."""
        parts = {"sub": self.subject, "ses": self.session, "task": self.task, "run": self.run}
        return "_".join(f"{key}-{value}" for key, value in parts.items() if value)


@dataclass(frozen=True)
class Frames:
    """A feature of a stimulus over time: ``values (l, f)``, frame i is centred at ``start_s + i / rate_hz``.

    ``within_s``: the moments that its nearest frame is taken at, where these are not those from the first frame to one after the last.

    Examples
    --------
    >>> import numpy as np
    >>> from n2s.studies import Frames
    >>> mel = Frames(np.zeros((300, 40)), rate_hz=100.0, start_s=0.5)
    >>> mel.stop_s
    3.5
    """

    values: np.ndarray
    rate_hz: float
    start_s: float = 0.0
    within_s: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        check_number("Frames: rate_hz", self.rate_hz, above=0)
        check_number("Frames: start_s", self.start_s)
        check_numbers("Frames: within_s", self.within_s)

    @property
    def stop_s(self) -> float:
        """The time of the frame after the last."""
        return self.start_s + len(self.values) / self.rate_hz

    @property
    def span_s(self) -> tuple[float, float]:
        """``within_s``, or from the first frame to one after the last."""
        return self.within_s or (self.start_s, self.stop_s)


@dataclass(frozen=True)
class RecordedSound:
    """A sound file that was recorded beside a recording: who spoke, or what was played. It begins at ``start_s`` of the recording's clock."""

    path: Path
    start_s: float = 0.0


@dataclass(frozen=True)
class Impulses:
    """A feature of a stimulus at single moments (words, phones): ``values (n, f)`` at ``times_s (n,)``, in order of time."""

    values: np.ndarray
    times_s: np.ndarray


def no_words() -> pd.DataFrame:
    """An empty table of words (or phones) of a stimulus."""
    return pd.DataFrame(columns=["text", "onset", "duration", "sequence"])


@dataclass(frozen=True)
class Stimulus:
    """One audio file with the words and phones spoken in it, or ready-made features in place of audio.

    ``words`` and ``phones`` have the columns ``text``, ``onset``, ``duration``, ``sequence``, in seconds of this audio.

    Examples
    --------
    >>> import numpy as np
    >>> from n2s.studies import Frames, Stimulus
    >>> Stimulus("tale", audio=None, ready=Frames(np.zeros((300, 1), np.float32), rate_hz=100.0)).sha256[:8]
    '655a3ef0'
    """

    id: str
    audio: Path | None
    words: pd.DataFrame = field(default_factory=no_words)
    ready: Frames | None = None
    phones: pd.DataFrame = field(default_factory=no_words)

    @cached_property
    def sha256(self) -> str:
        """Hash of the audio file's bytes (of the ready array if there is no audio); it is part of cache keys."""
        if self.audio is not None:
            with open(self.audio, "rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        return hashlib.sha256(np.ascontiguousarray(self.ready.values)).hexdigest()


class Study(ABC):
    """A data set. Constructors read no network and no recording: subjects and channels come from cheap metadata.

    Examples
    --------
    >>> from n2s.studies import SimulatedMEG, Study
    >>> study = SimulatedMEG(n_subjects=2, stories=["lighthouse"], root=folder)
    >>> isinstance(study, Study), [one.name for one in study.recordings()][:2]
    (True, ['sub-01_task-lighthouse_run-en', 'sub-01_task-lighthouse_run-es'])
    """

    name: str
    root: Path

    #: Official split, if the data set has one: story or sequence id -> "train" | "val" | "test". It overrides all others.
    split: dict[str, str] | None = None

    #: Equal content, beside stories with one id and sentences with the same words: the id of a story, a stimulus or a
    #: sentence -> the name of its content. Translations of a story share one name, and so do translations of a sentence.
    #: All studies that are read together share these names. None: not declared; {}: nothing else is equal.
    content: dict[str, str] | None = None

    #: The description of a public data set, for `n2s studies`.
    card: Card | None = None

    #: Counts that the complete real data must have, such as ``{"subjects": 27, "recordings": 196}``.
    expected: dict[str, int] | None = None

    @abstractmethod
    def recordings(self) -> list[Recording]:
        """Every recording, in a fixed order, without opening one."""

    @abstractmethod
    def load(self, recording: Recording) -> "mne.io.BaseRaw":
        """Open a recording (in volts, tesla, tesla/m, as MNE does), bad channels marked in ``info['bads']``."""

    @abstractmethod
    def events(self, recording: Recording) -> pd.DataFrame:
        """Its events: see `n2s.studies.events.events_table`."""

    @abstractmethod
    def sources(self, recording: Recording) -> list[Path]:
        """The files that `load` and `events` read. A cache is stale if their size or modification time changes."""

    def settings(self) -> dict:
        """Everything beside those files that changes the results of `load` and `events`, as plain JSON types: part of cache keys."""
        return {}

    def audio(self, stimulus: str) -> Path | None:
        """The audio file of a stimulus; None if the study provides features instead."""
        return None

    def features(self, stimulus: str) -> Frames | None:
        """Ready-made features of a stimulus, if the study provides them."""
        return None

    def recorded_sound(self, recording: Recording) -> RecordedSound | None:
        """The sound file that was recorded beside a recording; None if there is none, or it is a channel of the recording."""
        return None

    def participants(self) -> pd.DataFrame | None:
        """Who was recorded: one row a person, with ``subject`` and what is known, such as ``group``, ``age``, ``sex``, ``site``.

        None if the study does not say.
        """
        return None

    def best_auc(self, *, covariates: bool = False) -> float | None:
        """The best possible AUC of the two groups of `participants`, if the generator of the data is known; else None.

        Parameters
        ----------
        covariates
            Whether the observer knows age, motion and so on, too.
        """
        return None

    def ideal_scores(
        self,
        recording: Recording,
        starts_s: np.ndarray,
        candidates: list[tuple[str, float]],
        *,
        offset_s: float,
        duration_s: float,
    ) -> np.ndarray | None:
        """Scores (n, k) of the best possible decoder if the generator of the data is known; else None.

        Parameters
        ----------
        recording
            The recording that the windows are of.
        starts_s
            (n,) Start of each window, s on the recording's clock. The brain is seen from ``start + offset_s`` for
            ``duration_s``.
        candidates
            (k) Stimulus id and start (s in it) of each candidate, whose audio is known for ``duration_s``.
        offset_s, duration_s
            The part of a window that the decoder sees, s.
        """
        return None

    def ideal_attention(self, recording: Recording, starts_s: np.ndarray, *, duration_s: float) -> np.ndarray | None:
        """(n,) For each window, by how much the best possible decoder takes the attended one of two talkers for the attended one.

        It is right where this is above 0. None if the generator of the data is not known, or one sound plays at a time.

        Parameters
        ----------
        recording
            The recording that the windows are of.
        starts_s
            (n,) Start of the brain of each window, s on the recording's clock.
        duration_s
            For how long the brain is seen, s.
        """
        return None

    def ideal_classes(
        self,
        recording: Recording,
        onsets_s: np.ndarray,
        *,
        condition: str,
        kind: str,
        start_s: float,
        stop_s: float,
        classes: dict[str, str] | None = None,
        artifacts: bool = False,
    ) -> tuple[np.ndarray, tuple[str, ...]] | None:
        """What the best possible decoder of events takes each to be: log-posterior (n, k) of the classes, and their names.

        None if the generator of the data is not known.

        Parameters
        ----------
        recording
            The recording that the events are of.
        onsets_s
            (n,) When they begin, as `events` says, s.
        condition, kind
            Of all of them.
        start_s, stop_s
            The part of the brain that is seen, s after the onset.
        classes
            Text of an event -> its class; others are left out. None: each text is one.
        artifacts
            Whether the recording is seen with its artifacts of speech; else as it would be without.
        """
        return None
