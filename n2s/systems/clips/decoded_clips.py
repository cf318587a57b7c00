"""Decoded clips beside the true ones: what every number of a decoder of clips is made from."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from n2s.metrics.result import HALF


@dataclass(eq=False)
class DecodedClips:
    """Decoded clips of one test set.

    Attributes
    ----------
    predicted
        (n, d) Decoded feature, z-scored with the training clips' mean and deviation: 0 is the mean of the training clips.
    candidates
        (k, d) True feature of each unique test clip, on the same scale.
    target
        (n,) Index of the true candidate.
    subject
        (n,) ``study/id``.
    clips
        k rows: ``stimulus``, ``start_s``, ``duration_s``, ``group``, ``label``, ``audio`` (path).
    ideal
        (n, k) Scores of the ideal observer, if the generator of the data is known.
    fine_only
        (n, d) Feature decoded by the ablation without a coarse stage, on the same scale.
    prompts, prompt_names
        (m, d) The same feature of prompts, on the same scale, and (m,) their names.
    mel_predicted, mel_candidates, mel_mean, mel_ceiling
        (n, f, t), (k, f, t), (f, t) of the training clips, (n, f, t) the true feature through the decoder's last steps:
        spectrograms on the scale of `n2s.metrics.spectrogram.unit_decibels`. None without a spectrogram.
    own_mean, mel_own_mean
        (s, d) and (s, f, t) Mean of each listener's training clips, in the order of the `listener`s' names: the best
        prediction from the subject's identity alone. None if all were trained on the same stimuli.
    fold
        (n,) The fold of a cross-validation that each clip was held out in, from 0: another model decoded each fold, on scales
        of its own training clips. ``mel_mean`` then is (folds, f, t). None: one model decoded all.
    response_s
        Length of a response, s, whatever the clip's; 0: that of its clip. Longer responses overlap as longer clips would.
    voxels
        One row per voxel of each subject's ridge: see `n2s.systems.clips.voxel_figures.voxel_table`. None without a ridge.
    sounds
        Sentences about sounds that splits share.
    seed
        Seed for exchanged responses, ties and folds.
    """

    predicted: np.ndarray = field(metadata=HALF)
    candidates: np.ndarray = field(metadata=HALF)
    target: np.ndarray
    subject: np.ndarray
    clips: pd.DataFrame
    ideal: np.ndarray | None = None
    fine_only: np.ndarray | None = field(default=None, metadata=HALF)
    prompts: np.ndarray | None = field(default=None, metadata=HALF)
    prompt_names: np.ndarray | None = None
    mel_predicted: np.ndarray | None = field(default=None, metadata=HALF)
    mel_candidates: np.ndarray | None = field(default=None, metadata=HALF)
    mel_mean: np.ndarray | None = field(default=None, metadata=HALF)
    mel_ceiling: np.ndarray | None = field(default=None, metadata=HALF)
    own_mean: np.ndarray | None = field(default=None, metadata=HALF)
    mel_own_mean: np.ndarray | None = field(default=None, metadata=HALF)
    fold: np.ndarray | None = None
    response_s: float = 0.0
    voxels: pd.DataFrame | None = None
    sounds: list[str] = field(default_factory=list)
    seed: int = 0

    def __post_init__(self) -> None:
        n, k = len(self.target), len(self.clips)
        s = len(np.unique(self.listener)) if self.fold is None or len(self.fold) == n else 0
        for name, rows in (("predicted", n), ("subject", n), ("fold", n), ("candidates", k), ("ideal", n), ("fine_only", n), ("mel_predicted", n),
                           ("mel_candidates", k), ("mel_ceiling", n), ("own_mean", s), ("mel_own_mean", s)):  # fmt: skip
            value = getattr(self, name)
            if value is not None and len(value) != rows:
                raise ValueError(f"{name} has {len(value)} rows; {n} decoded clips of {k} need {rows}.")

    @property
    def listener(self) -> np.ndarray:
        """(n,) Whose clips are compared with each other: a subject's, inside a fold."""
        subject = np.asarray(self.subject).astype(str)
        if self.fold is None:
            return subject
        return np.char.add(subject, np.char.add(" fold ", self.fold.astype(str)))

    @property
    def listener_index(self) -> np.ndarray:
        """(n,) index of each clip's listener in the order of their names."""
        return np.unique(self.listener, return_inverse=True)[1]

    @property
    def n_folds(self) -> int:
        """How many folds of a cross-validation these are; 1: none."""
        return 1 if self.fold is None else len(np.unique(self.fold))

    @property
    def mel_guess(self) -> np.ndarray:
        """(f, t) or (n, f, t) mean spectrogram of the training clips that a clip's model had."""
        return self.mel_mean if self.fold is None else self.mel_mean[self.fold]

    def centred(self, values: np.ndarray) -> np.ndarray:
        """(n, ...) minus the mean of each fold of a subject; without folds as they are.

        The mean of the training clips is low where that of the held-out ones is high: over folds, any prediction would correlate
        with what was heard for that reason alone, negatively.
        """
        if self.fold is None:
            return values
        flat, index = np.asarray(values, np.float64), self.listener_index
        sums = np.zeros((index.max() + 1, *flat.shape[1:]))
        np.add.at(sums, index, flat)
        counts = np.bincount(index).reshape(-1, *[1] * (flat.ndim - 1))
        return flat - (sums / counts)[index]
