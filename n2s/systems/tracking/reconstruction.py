"""The envelope reconstructed from all sensors together, in the bands that are measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from n2s.data.encoding_data import EncodingData, Fold
from n2s.data.row_stretches import row_stretches
from n2s.metrics.band_signals import analytic
from n2s.metrics.tracking import circular_shift_null, pearson
from n2s.models.ridge import RidgeDecoder
from n2s.systems.tracking.lengths import sides

LEAST_LAGS = 4  # a shorter stretch, counted in spans of lags, is mostly edge


@dataclass(frozen=True)
class Backward:
    """How the envelope is reconstructed; see `n2s.systems.Tracking`."""

    band_hz: tuple[float, float]
    lags_s: tuple[float, float]
    n_components: int
    segment_s: float
    n_folds: int = 5

    def stretches(
        self, data: EncodingData, subject: str, rows: np.ndarray, brain: np.ndarray, heard: np.ndarray
    ) -> tuple[list[Tensor], list[Tensor], float]:
        """Brain (t, c) and envelope (t, 1) of stretches of rows in the band, and their rate.

        Each stretch is filtered alone: nothing of one side is in the other.
        """
        sfreq, brains, targets, step = data.rate_hz[subject], [], [], 1
        least = LEAST_LAGS * (self.lags_s[1] - self.lags_s[0]) * sfreq
        for one in row_stretches(data.rows(subject), rows):
            if one.stop - one.start < max(least, 2):
                continue
            own, step = analytic(torch.from_numpy(brain[one]), sfreq, self.band_hz)
            brains.append(own.real.contiguous())
            targets.append(analytic(torch.from_numpy(heard[one]), sfreq, self.band_hz)[0].real.contiguous())
        return brains, targets, sfreq / step


class FoldReconstruction:
    """The reconstruction of one subject and fold.

    Parameters
    ----------
    data, subject, fold
        Whose rows.
    kept
        (n,) bool over all rows of the subject: which are used.
    envelope
        The feature space.
    how
        Band, lags, components.
    """

    def __init__(self, data: EncodingData, subject: str, fold: Fold, kept: np.ndarray, envelope: str, how: Backward):
        self.data, self.subject, self.fold, self.how, self.envelope = data, subject, fold, how, envelope
        self.train, self.test = sides(fold, kept)
        self.heard = data.heard(subject, fold, envelope)

    def fit(self, brain: np.ndarray) -> dict[str, Tensor] | None:
        """What `score` needs, or None where no stretch is long enough. ``brain`` (n, c): responses on training rows.

        Sensors are brought to principal components of the training rows: hundreds of sensors hold some tens of signals. The decoder scales
        each component alike: speech lies in small ones, and EEG with one reference has a large one that all sensors share.
        """
        rows = self.fold.train[self.train]
        brains, targets, rate_hz = self.how.stretches(
            self.data, self.subject, rows, brain[self.train], self.heard[0][self.train]
        )
        if not brains or all(float(one.max() - one.min()) == 0 for one in targets):
            return None
        components = principal(brains, self.how.n_components)
        decoder = self._decoder(rate_hz).fit([one @ components for one in brains], targets)
        return decoder.state_dict() | {"components": components.float(), "rate_hz": torch.tensor(rate_hz)}

    def predict(self, fitted: Mapping[str, Tensor], brain: np.ndarray) -> tuple[list[Tensor], list[Tensor], float]:
        """Reconstruction (t,) and truth (t,) of each held-out stretch, and their rate. ``brain`` (m, c): on test rows."""
        rows = self.fold.test[self.test]
        brains, targets, rate_hz = self.how.stretches(
            self.data, self.subject, rows, brain[self.test], self.heard[1][self.test]
        )
        decoder = self._decoder(rate_hz).load_state_dict(fitted)
        return (
            [decoder.predict(one @ fitted["components"].double())[:, 0] for one in brains],
            [one[:, 0] for one in targets],
            rate_hz,
        )

    def _decoder(self, rate_hz: float) -> RidgeDecoder:
        return RidgeDecoder(sfreq=rate_hz, lags_s=self.how.lags_s, n_folds=self.how.n_folds)


def principal(brains: Sequence[Tensor], n: int) -> Tensor:
    """(c, k) the largest principal components of all stretches together; fewer where fewer have any variance."""
    n_rows = sum(len(one) for one in brains)
    mean = sum(one.sum(0) for one in brains) / n_rows
    covariance = sum((one - mean).T @ (one - mean) for one in brains) / n_rows
    values, vectors = torch.linalg.eigh(covariance)
    n = min(n, int((values > 1e-9 * values[-1]).sum()))
    return vectors[:, -n:].flip(1)


def correlation(
    predicted: Sequence[Tensor], true: Sequence[Tensor], *, n_shifts: int, min_rows: int, seed: int
) -> Tensor:
    """(1 + s,) r over the held-out stretches of a fold, then against the truth moved in a circle."""
    one, other = (torch.cat(list(parts))[:, None] for parts in (predicted, true))
    least = max(1, min(min_rows, len(one) // 4))
    null = circular_shift_null(one, other, n_shifts=n_shifts, min_shift=least, seed=seed)
    return torch.cat([pearson(one, other), null[:, 0]])
