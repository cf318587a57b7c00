"""What is done to one run of BOLD before anything is learnt from it: drifts and confounds out, NaNs told."""

import warnings
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

import numpy as np

from n2s.errors import UserError, nearest
from n2s.studies.readers.tsv import read_table


@dataclass(frozen=True)
class BoldCleaning:
    """Cleaning of a run, by itself: nothing passes from one run to another, and nothing is z-scored here.

    Trend, slow drifts and confounds go out in one projection (Lindquist et al. 2019, Human Brain Mapping 40:2358), so
    that none brings another back.

    Parameters
    ----------
    detrend
        Take out the mean and the line that fits each voxel best.
    highpass_hz
        Take out the discrete cosines below this frequency; 0: none. 0.008 is a period of 125 s.
    confounds
        Columns of the run's confounds table to regress out, ``*`` standing for anything: ``trans_*``, ``a_comp_cor_0?``.
        A first value of n/a, as derivatives have, takes the second's.
    nan
        What values that are not finite are: an ``error``, or ``zero`` in their place (in a z-scored voxel, its mean).
    """

    detrend: bool = False
    highpass_hz: float = 0.0
    confounds: tuple[str, ...] = ()
    nan: Literal["error", "zero"] = "error"

    def apply(self, data: np.ndarray, *, tr_s: float, where: str, confounds: Path | None = None) -> np.ndarray:
        """Clean a run, (TR, voxel) -> (TR, voxel) float32. A voxel that never changes stays, and is 0 after cleaning.

        Raises
        ------
        UserError
            Values are not finite, or the table of confounds is absent or does not fit.
        """
        data = self._finite(np.asarray(data), where)
        constant = np.ptp(data, axis=0) == 0
        if constant.any():
            warnings.warn(
                f"{where}: {constant.sum()} of {constant.size} voxels never change; they tell nothing.", stacklevel=2
            )
        if not (self.detrend or self.highpass_hz or self.confounds):
            return data.astype(np.float32, copy=False)
        slowest_hz, fastest_hz = 1 / (2 * len(data) * tr_s), 1 / (2 * tr_s)
        if self.highpass_hz and not 0 < self.highpass_hz < fastest_hz:
            raise UserError(
                f"{where}: highpass_hz is {self.highpass_hz:g}; at a TR of {tr_s:g} s it is above 0 and below "
                f"{fastest_hz:g} Hz ({len(data)} volumes hold cosines from {slowest_hz:.4f} Hz)."
            )
        from nilearn import signal  # takes a second to import

        # Cosines go in as confounds: nilearn's own filter="cosine" leaves them out where confounds look like cosines.
        out = [_cosines(len(data), tr_s, self.highpass_hz)]
        if self.confounds:
            out.append(self._read(confounds, len(data), where))
        cleaned = signal.clean(
            np.array(data, np.float64),
            detrend=self.detrend,
            standardize=None,
            confounds=np.hstack(out) if np.hstack(out).size else None,
            filter=False,
            t_r=tr_s,
        )
        cleaned[:, constant] = 0.0  # what rounding leaves must not be z-scored into noise
        return cleaned.astype(np.float32)

    def _finite(self, data: np.ndarray, where: str) -> np.ndarray:
        bad = ~np.isfinite(data)
        voxels = bad.any(axis=0)
        if not voxels.any():
            return data
        if self.nan == "error":
            raise UserError(
                f"{where}: {voxels.sum()} of {voxels.size} voxels have values that are NaN or infinite "
                f"({bad.all(axis=0).sum()} of them in all {len(data)} volumes). Leave those voxels out with a mask, or "
                "set nan to zero."
            )
        return np.where(bad, 0, data)

    def _read(self, path: Path | None, n_tr: int, where: str) -> np.ndarray:
        """(TR, confound) of the columns that are wanted."""
        if path is None:
            raise UserError(f"{where}: no table of confounds, but {', '.join(self.confounds)} are to be regressed out.")
        names = list(read_table(path, numbers=()))
        wanted = []
        for pattern in self.confounds:
            matching = [name for name in names if fnmatchcase(name, pattern)]
            if not matching:
                raise UserError(
                    f"{path}: no column '{pattern}'.{nearest(pattern, names)} There are: {', '.join(names)}."
                )
            wanted += [name for name in matching if name not in wanted]
        table = read_table(path, numbers=tuple(wanted))[wanted].to_numpy(np.float64, copy=True)
        if len(table) != n_tr:
            raise UserError(f"{path}: {len(table)} rows, but {where} has {n_tr} volumes; expected a row a volume.")
        if n_tr > 1:
            table[0] = np.where(np.isnan(table[0]), table[1], table[0])
        empty = np.isnan(table).any(axis=0)
        if empty.any():
            raise UserError(
                f"{path}: n/a after the first row in {', '.join(np.array(wanted)[empty])}. Fill or drop these columns."
            )
        return table


def _cosines(n: int, tr_s: float, highpass_hz: float) -> np.ndarray:
    """(n, k) The discrete cosines of type II up to a frequency, but the constant."""
    order = np.arange(1, min(int(2 * n * tr_s * highpass_hz), n - 1) + 1)
    return np.cos(np.pi / n * order * (np.arange(n)[:, None] + 0.5))
