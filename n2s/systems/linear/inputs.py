"""What a linear decoder takes: stretches of consecutive rows of the brain, and of the feature that was heard."""

from collections.abc import Sequence
from dataclasses import dataclass

import mne
import numpy as np
import torch
from torch import Tensor

from n2s.data.encoding_data import EncodingData, Fold
from n2s.data.row_stretches import row_stretches
from n2s.errors import UserError, first_of
from n2s.findings import tell
from n2s.options import check_number
from n2s.systems.encoding.fit import checked_brain

LEAST = 4  # samples of a stretch that can be filtered


@dataclass(frozen=True)
class Band:
    """The frequencies of the target that are kept, Hz; None: no edge."""

    low_hz: float | None = None
    high_hz: float | None = None

    def __post_init__(self) -> None:
        for edge in (self.low_hz, self.high_hz):
            check_number("model.band_hz", edge, above=0)
        if self.low_hz is not None and self.high_hz is not None and self.low_hz >= self.high_hz:
            raise UserError(f"model.band_hz is [{self.low_hz:g}, {self.high_hz:g}]; expected the lower edge first.")

    def check(self, rate_hz: float, subject: str) -> None:
        """Raise a UserError if the rows of a subject cannot hold the band."""
        edge = max(self.low_hz or 0.0, self.high_hz or 0.0)
        if edge >= rate_hz / 2:
            raise UserError(
                f"{subject}: model.band_hz goes to {edge:g} Hz, and its rows come at {rate_hz:g} Hz: below half of that is possible. Lower the edge, "
                "or raise the rate (data.preprocessing.sfreq)."
            )

    def length_s(self, rate_hz: float) -> float:
        """How long the filter is, s; 0 without one."""
        if self.low_hz is None and self.high_hz is None:
            return 0.0
        return len(mne.filter.create_filter(None, rate_hz, self.low_hz, self.high_hz, verbose="ERROR")) / rate_hz

    def of(self, values: np.ndarray, rate_hz: float) -> np.ndarray:
        """(t, f) -> (t, f) float64, of one stretch alone: no filter crosses its ends. Zero phase (MNE's FIR).

        Where frequencies from 0 on are taken out, the mean of the stretch goes first: the filter leaves some of it in short stretches.
        """
        values = np.asarray(values, np.float64)
        if self.low_hz is not None:
            values = values - values.mean(0)
        if (self.low_hz is None and self.high_hz is None) or len(values) < LEAST:
            return values
        return mne.filter.filter_data(values.T.copy(), rate_hz, self.low_hz, self.high_hz, verbose="ERROR").T

    def tell_short(self, data: EncodingData, subjects: Sequence[str]) -> None:
        """Tell, once for all, which stretches of rows are shorter than the filter: their targets are mostly edge."""
        if self.low_hz is None and self.high_hz is None:
            return
        lengths_s, n_all, filters_s = [], 0, set()
        for subject in subjects:
            rate_hz, rows = data.rate_hz[subject], data.rows(subject)
            filter_s = self.length_s(rate_hz)
            for numbers in (side for fold in data.folds(subject) for side in (fold.train, fold.test)):
                own = np.array([one.stop - one.start for one in row_stretches(rows, numbers)]) / rate_hz
                n_all += len(own)
                lengths_s += own[own < filter_s].tolist()
                if (own < filter_s).any():
                    filters_s.add(filter_s)
        if lengths_s:
            low, high = (f"{one:.3g}" for one in (min(lengths_s), max(lengths_s)))
            tell(
                "odd",
                "model.band_hz",
                f"the filter of targets is {max(filters_s):.3g} s long, and {len(lengths_s)} of {n_all} stretches of training and held-out rows "
                f"are shorter ({low if low == high else f'{low} to {high}'} s; of {len(subjects)} {'subject' if len(subjects) == 1 else 'subjects'}, all folds). "
                "Each is filtered alone: what is slow in them is mostly made by their ends. Hold out longer parts (data.split, data.n_folds), raise "
                "the lower edge, or set it to null.",
            )


@dataclass(frozen=True)
class Side:
    """Training or held-out rows of a fold.

    Parameters
    ----------
    stretches
        Slices of the rows: consecutive samples of one recording.
    brain, target
        (n, c), (n, f), both of all rows.
    """

    stretches: list[slice]
    brain: Tensor
    target: Tensor

    def parts(self, sensors: Tensor, features: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Brain and target of each stretch, of some (bool) sensors and features."""
        return (
            [self.brain[one][:, sensors] for one in self.stretches],
            [self.target[one][:, features] for one in self.stretches],
        )


def fold_brain(data: EncodingData, subject: str, fold: Fold) -> tuple[np.ndarray, np.ndarray]:
    """(n, c), (m, c) float32: see `n2s.systems.encoding.fit.checked_brain`."""
    return checked_brain(data, subject, fold)


def fold_sides(
    data: EncodingData, subject: str, fold: Fold, space: str, band: Band, brain: tuple[np.ndarray, np.ndarray]
) -> tuple[Side, Side]:
    """Training and held-out rows of a fold, with a feature as it was heard.

    Raises
    ------
    UserError
        Values that are not finite, or a feature with another number of rows than the brain.
    """
    rows, rate_hz, found = data.rows(subject), data.rate_hz[subject], []
    heard = data.heard(subject, fold, space)
    for numbers, own, target in zip((fold.train, fold.test), brain, heard, strict=True):
        if not len(numbers) == len(own) == len(target):
            raise UserError(
                f"{subject}, {fold.name}: {len(numbers)} rows, {len(own)} of the brain and {len(target)} of '{space}'. Check the feature's "
                "clock and length."
            )
        bad = np.flatnonzero(~np.isfinite(target).all(0))
        if len(bad):
            raise UserError(
                f"{subject}, {fold.name}: the feature '{space}' holds values that are not finite, in its columns {first_of(bad.tolist())} of "
                f"{target.shape[1]}. Check the feature, or leave it out (model.targets)."
            )
        stretches = row_stretches(rows, numbers)
        filtered = np.concatenate([band.of(target[one], rate_hz) for one in stretches])
        found.append(Side(stretches, torch.from_numpy(own), torch.from_numpy(filtered)))
    return found[0], found[1]


def varies(values: Tensor) -> Tensor:
    """(n, c) -> (c,) bool: columns that are not constant."""
    spread = values.double().std(0, correction=0)
    return spread > 1e-6 * values.double().abs().amax(0)
