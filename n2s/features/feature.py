"""The three kinds of stimulus features. A new target is one file that implements one of them."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np

from n2s.errors import UserError
from n2s.studies.study import Frames, Impulses, Stimulus


class Feature(ABC):
    """What all kinds share: a dimension, and the settings that name their cache."""

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

    def release(self) -> None:  # noqa: B027 (most features hold nothing)
        """Free what was loaded (the weights of a network); it is loaded again when needed."""


class FrameFeature(Feature):
    """A feature with a value at every moment of a stimulus."""

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
    """A feature with a value at each word or phone of a stimulus, and none between them."""

    #: Whether a value depends on words before or after it. Such a feature is computed on each side of a split's border
    #: separately, so that no context crosses it.
    contextual: bool = False

    @abstractmethod
    def extract(self, stimulus: Stimulus, start_s: float = 0.0, stop_s: float | None = None) -> Impulses:
        """Compute from the words that begin between ``start_s`` and ``stop_s`` only; times are on the stimulus' clock."""


class ClipFeature(Feature):
    """A feature with one vector for a stretch of a stimulus."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a vector: ``(n_features,)``, or several axes."""
        return (self.n_features,)

    @abstractmethod
    def extract(self, stimulus: Stimulus, starts_s: np.ndarray, duration_s: float) -> np.ndarray:
        """(n,) starts -> (n, f), each from ``start`` to ``start + duration_s`` only."""
