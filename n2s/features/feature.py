"""The three kinds of stimulus features. A new target is one file that implements one of them."""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from n2s.errors import UserError
from n2s.features.phone_names import PAUSES
from n2s.studies.readers.textgrid import SILENCES
from n2s.studies.study import Frames, Impulses, Stimulus


class Feature(ABC):
    """What all kinds share: a dimension, and the settings that name their cache.

    Examples
    --------
    >>> from n2s.features import Mel
    >>> feature = Mel(n_mels=20, sfreq=8000)
    >>> feature.n_features, feature.settings()["sfreq"]  # settings name the cache
    (20, 8000)
    """

    #: Increase it when the numbers change and the settings do not.
    version: int = 1

    #: Whether a store keeps the numbers on disk.
    kept: bool = True

    @property
    @abstractmethod
    def n_features(self) -> int:
        """f: the dimension, known without computing anything."""

    @abstractmethod
    def settings(self) -> dict:
        """Everything that changes the numbers, as plain JSON types."""

    def fingerprint(self, stimulus: Stimulus) -> str:
        """Hash of the input that this feature takes from a stimulus: by default its audio file, byte by byte.

        Raises
        ------
        UserError
            The stimulus has no audio, or its file is absent.
        """
        if stimulus.audio is None and stimulus.ready is None:
            raise UserError(
                f"stimulus '{stimulus.id}' has neither audio nor ready features, and {type(self).__name__} needs one. "
                "Make the study's audio() or features() give it."
            )
        if stimulus.audio is not None and not stimulus.audio.is_file():
            raise UserError(f"stimulus '{stimulus.id}': no audio file at {stimulus.audio}. Check the study's folder.")
        return stimulus.sha256

    @property
    def together(self) -> Sequence["Feature"]:
        """The features that one pass gives, such as the layers of a network, in an order; by default this one alone."""
        return (self,)

    def extract_together(self, stimulus: Stimulus, start_s: float = 0.0, stop_s: float | None = None) -> Sequence:
        """`extract` of each of `together`, in one pass."""
        return [self.extract(stimulus, start_s, stop_s)]

    def release(self) -> None:  # noqa: B027 (most features hold nothing)
        """Free what was loaded (the weights of a network); it is loaded again when needed."""


class FrameFeature(Feature):
    """A feature with a value at every moment of a stimulus.

    Examples
    --------
    A feature of your own, the loudness in steps of 10 ms:

    >>> import numpy as np
    >>> from n2s.features import FrameFeature, example_stimulus
    >>> from n2s.features.audio import read_stimulus
    >>> from n2s.studies.study import Frames
    >>> class Loudness(FrameFeature):
    ...     n_features = 1
    ...
    ...     def settings(self):
    ...         return {}
    ...
    ...     def extract(self, stimulus, start_s=0.0, stop_s=None):
    ...         sound = read_stimulus(stimulus, 16000, start_s, stop_s)
    ...         steps = sound[: len(sound) // 160 * 160].reshape(-1, 160)
    ...         return Frames(steps.square().mean(1, keepdim=True).sqrt().numpy(), rate_hz=100.0, start_s=start_s + 0.005)
    >>> Loudness().extract(example_stimulus()).values.shape
    (200, 1)
    """

    #: Whether a frame depends on audio further away than a few milliseconds. Such a feature is computed on each side
    #: of a split's border separately, so that no context crosses it.
    contextual: bool = False

    #: Whether frames count events (word onsets, phones, impulses), or which of their dimensions do. When the rate
    #: changes, events are summed and everything else is filtered.
    events: bool | Sequence[int] = False

    @abstractmethod
    def extract(self, stimulus: Stimulus, start_s: float = 0.0, stop_s: float | None = None) -> Frames:
        """Compute from the audio between ``start_s`` and ``stop_s`` only; frame times are on the stimulus' clock."""


class ImpulseFeature(Feature):
    """A feature with a value at each word or phone of a stimulus, and none between them.

    Examples
    --------
    A feature of your own, the length of each word:

    >>> from n2s.features import ImpulseFeature, example_stimulus
    >>> from n2s.studies.study import Impulses
    >>> class WordLength(ImpulseFeature):
    ...     n_features = 1
    ...
    ...     def settings(self):
    ...         return {}
    ...
    ...     def extract(self, stimulus, start_s=0.0, stop_s=None):
    ...         words = self.heard(stimulus, start_s, stop_s)
    ...         return Impulses(words.text.str.len().to_numpy("float32")[:, None], words.onset.to_numpy())
    >>> WordLength().extract(example_stimulus()).values.ravel().tolist()
    [3.0, 3.0, 2.0, 6.0]
    """

    #: Whether a value depends on words before or after it. Such a feature is computed on each side of a split's border
    #: separately, so that no context crosses it.
    contextual: bool = False

    #: Which table of a stimulus it reads.
    table: Literal["words", "phones"] = "words"

    @abstractmethod
    def extract(self, stimulus: Stimulus, start_s: float = 0.0, stop_s: float | None = None) -> Impulses:
        """Compute from the words that begin between ``start_s`` and ``stop_s`` only; times are on the stimulus' clock."""

    def fingerprint(self, stimulus: Stimulus) -> str:
        """Hash of the words or phones with their times: the audio is not heard."""
        rows = self.heard(stimulus)
        return hashlib.sha256(json.dumps(rows.to_numpy().tolist()).encode()).hexdigest()

    def heard(self, stimulus: Stimulus, start_s: float = 0.0, stop_s: float | None = None) -> pd.DataFrame:
        """The words or phones that begin in ``[start_s, stop_s)``: ``text``, ``onset``, ``duration``, ``sequence``, in order of time.

        Rows without text are none, nor are the silences that aligners write among phones.

        Raises
        ------
        UserError
            The stimulus has none at all, or a time is no number.
        """
        rows = getattr(stimulus, self.table)
        if len(rows):
            columns = {"text": str, "onset": float, "duration": float, "sequence": str}
            rows = rows[list(columns)].astype(columns).assign(text=rows.text.astype(str).str.strip())
            silent = rows.text.str.lower().isin(SILENCES | PAUSES) if self.table == "phones" else rows.text == ""
            rows = rows[~silent].sort_values("onset", kind="stable", ignore_index=True)
        if not len(rows):
            raise UserError(
                f"stimulus '{stimulus.id}' has no {self.table}, and {type(self).__name__} needs them. Give events of kind "
                f"'{self.table[:-1]}' with their text and times (or a TextGrid), leave the stimulus out, or choose a feature of the audio."
            )
        if not np.isfinite(rows[["onset", "duration"]].to_numpy()).all():
            raise UserError(f"stimulus '{stimulus.id}': an onset or duration of its {self.table} is no number.")
        begun = (
            rows.onset >= start_s if start_s > 0 else np.ones(len(rows), bool)
        )  # rounding may put a first word before 0
        return rows[begun & (rows.onset < (np.inf if stop_s is None else stop_s))].reset_index(drop=True)


class ClipFeature(Feature):
    """A feature with one vector for a stretch of a stimulus.

    Examples
    --------
    A feature of your own, the highest sample of each clip:

    >>> import numpy as np
    >>> from n2s.features import ClipFeature, example_stimulus
    >>> from n2s.features.audio import read_stimulus
    >>> class Peak(ClipFeature):
    ...     n_features = 1
    ...
    ...     def settings(self):
    ...         return {}
    ...
    ...     def extract(self, stimulus, starts_s, duration_s):
    ...         clips = [read_stimulus(stimulus, 16000, start, start + duration_s) for start in starts_s]
    ...         return np.array([[float(clip.abs().max())] for clip in clips], np.float32)
    >>> Peak().extract(example_stimulus(), np.array([0.0, 1.0]), 1.0).shape
    (2, 1)
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a vector: ``(n_features,)``, or several axes."""
        return (self.n_features,)

    @abstractmethod
    def extract(self, stimulus: Stimulus, starts_s: np.ndarray, duration_s: float) -> np.ndarray:
        """(n,) starts -> (n, f), each from ``start`` to ``start + duration_s`` only."""
