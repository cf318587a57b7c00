"""The port between decoders of clips and their data, for any kind of recording."""

from collections.abc import Mapping
from typing import Literal, Protocol

import numpy as np

from n2s.data.batch import Batch
from n2s.data.responses import Response
from n2s.data.segments import Segments
from n2s.features.clip_spectrogram import ClipSpectrogram
from n2s.features.feature import ClipFeature
from n2s.studies.study import Recording, Stimulus, Study


class ClipData(Protocol):
    """A datamodule whose responses are to clips of sound: `n2s.data.FMRIDataModule`, `n2s.data.MEGDataModule`.

    ``brains`` lists what has its own network: each person if voxels differ, or everybody together if one network
    knows its listeners. ``dealt``: validation and test batches are distributed over processes; otherwise each has them all.
    """

    brains: list[str]
    dealt: bool
    studies: Mapping[str, Study]
    stimuli: Mapping[str, Stimulus]
    runs: Mapping[str, Recording]
    response: Response
    splits: Mapping[str, Segments]
    target: ClipFeature
    spectrogram: ClipSpectrogram | None
    notes: list[str]

    def check_clips(self) -> None:
        """Raise a UserError if the target cannot be decoded clip by clip."""

    def targets(self, clip: np.ndarray) -> np.ndarray:
        """(n, *shape) float32 target of unique clips, by their numbers, in the feature's own units."""

    def spectrograms(self, clip: np.ndarray) -> np.ndarray:
        """(n, f, t) float32 spectrogram of unique clips."""

    def batch(self, split: str, rows: np.ndarray) -> Batch:
        """Rows of one brain."""

    def clips(self, batch: Batch) -> Batch:
        """A loader's batch with the target of its clips in the feature's own units, and their spectrogram."""

    def train_moments(self, name: Literal["target", "spectrogram"]) -> tuple[np.ndarray, np.ndarray]:
        """Mean and deviation (f,) of a feature over training clips, flattened; 1 is the deviation of what never changes."""
