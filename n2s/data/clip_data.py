"""What the decoders of clips ask of their data, whatever brain recorded it."""

from collections.abc import Mapping
from typing import Literal, Protocol

import numpy as np
import pandas as pd

from n2s.data.clip_batch import ClipBatch
from n2s.data.clip_volumes import Response
from n2s.features.clip_spectrogram import ClipSpectrogram
from n2s.features.feature import ClipFeature
from n2s.studies.study import Recording, Stimulus, Study


class ClipRows(Protocol):
    """A split: a row a response to a clip; see `n2s.data.clip_split.ClipSplit` for the columns."""

    table: pd.DataFrame
    heard: pd.DataFrame

    def rows_of(self, subject_index: int) -> np.ndarray:
        """Rows of what has one network."""


class ClipData(Protocol):
    """`n2s.data.FMRIDataModule`, or `n2s.data.meg_clips.MEGClips`.

    ``subjects`` are what has a network of its own: people, or everybody together.
    """

    subjects: list[str]
    studies: Mapping[str, Study]
    stimuli: Mapping[str, Stimulus]
    runs: Mapping[str, Recording]
    response: Response
    splits: Mapping[str, ClipRows]
    target: ClipFeature
    spectrogram: ClipSpectrogram | None
    notes: list[str]

    def targets(self, clip: np.ndarray) -> np.ndarray:
        """(n, *shape) float32 target of unique clips, by their numbers."""

    def spectrograms(self, clip: np.ndarray) -> np.ndarray:
        """(n, f, t) float32 spectrogram of unique clips."""

    def batch(self, split: str, rows: np.ndarray) -> ClipBatch:
        """Rows of what has one network."""

    def train_moments(self, name: Literal["target", "spectrogram"]) -> tuple[np.ndarray, np.ndarray]:
        """Mean and deviation (f,) of a feature over training clips, flattened; 1 is the deviation of what never changes."""
