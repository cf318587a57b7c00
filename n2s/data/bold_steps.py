"""The steps that clean one run of BOLD: values that are not finite, then trend, drifts and confounds."""

from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np

from n2s.errors import UserError, nearest
from n2s.studies.bold_cleaning import BoldCleaning, residual_maker
from n2s.studies.fmri import Bold
from n2s.studies.readers.tsv import read_table


def cleaned(bold: Bold, cleaning: BoldCleaning | None, where: str) -> Bold:
    """The run with ``data (TR, voxel)`` float32 after all steps. A voxel that never changes becomes 0 if anything is removed.

    Parameters
    ----------
    bold
        One run as its study reads it. Its ``nuisances`` are always removed.
    cleaning
        The other steps; None: none.
    where
        Names the run in messages.

    Raises
    ------
    UserError
        Values are not finite, or the table of confounds is missing or does not fit.
    """
    data = np.asarray(bold.data)
    if cleaning is not None:
        data = finite(data, cleaning.nan, where)
    if cleaning is not None and (cleaning.detrend or cleaning.highpass_hz or cleaning.confounds):
        data = regressed(data, cleaning, replace(bold, data=data), where)
    elif bold.nuisances is not None:
        data = residual_maker(bold.nuisances) @ np.asarray(data, np.float64)
    return replace(bold, data=data.astype(np.float32, copy=False), confounds=None, nuisances=None)


def finite(data: np.ndarray, nan: str, where: str) -> np.ndarray:
    """(TR, voxel) with zeros instead of values that are not finite; a `UserError` if ``nan`` is ``error``."""
    bad = ~np.isfinite(data)
    voxels = bad.any(axis=0)
    if not voxels.any():
        return data
    if nan == "error":
        raise UserError(
            f"{where}: {voxels.sum()} of {voxels.size} voxels have values that are NaN or infinite "
            f"({bad.all(axis=0).sum()} of them in all {len(data)} volumes). Leave those voxels out with a mask, or "
            "set nan to zero."
        )
    return np.where(bad, 0, data)


def regressed(data: np.ndarray, cleaning: BoldCleaning, bold: Bold, where: str) -> np.ndarray:
    """(TR, voxel) -> the same without trend, drifts and confounds, in one projection. A constant voxel becomes exactly 0."""
    slowest_hz, fastest_hz = 1 / (2 * len(data) * bold.tr_s), 1 / (2 * bold.tr_s)
    if cleaning.highpass_hz and not 0 < cleaning.highpass_hz < fastest_hz:
        raise UserError(
            f"{where}: highpass_hz is {cleaning.highpass_hz:g}; at a TR of {bold.tr_s:g} s it is above 0 and below "
            f"{fastest_hz:g} Hz ({len(data)} volumes hold cosines from {slowest_hz:.4f} Hz)."
        )
    from nilearn import signal  # takes a second to import

    # Cosines go in as confounds: nilearn's own filter="cosine" leaves them out where confounds look like cosines.
    regressors = [cosines(len(data), bold.tr_s, cleaning.highpass_hz)]
    if cleaning.confounds:
        regressors.append(confounds(bold.confounds, cleaning.confounds, len(data), where))
    if bold.nuisances is not None:
        regressors.append(bold.nuisances)
    constant = np.ptp(data, axis=0) == 0
    found = signal.clean(
        np.array(data, np.float64),
        detrend=cleaning.detrend,
        standardize=None,
        confounds=np.hstack(regressors) if np.hstack(regressors).size else None,
        filter=False,
        t_r=bold.tr_s,
    )
    found[:, constant] = 0.0  # what rounding leaves must not be z-scored into noise
    return found


def confounds(path: Path | None, patterns: tuple[str, ...], n_tr: int, where: str) -> np.ndarray:
    """(TR, confound) The columns of a run's table of confounds that match the patterns."""
    if path is None:
        raise UserError(f"{where}: no table of confounds, but {', '.join(patterns)} are to be regressed out.")
    names = list(read_table(path, numbers=()))
    wanted = []
    for pattern in patterns:
        matching = [name for name in names if fnmatchcase(name, pattern)]
        if not matching:
            raise UserError(f"{path}: no column '{pattern}'.{nearest(pattern, names)} There are: {', '.join(names)}.")
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


def cosines(n: int, tr_s: float, highpass_hz: float) -> np.ndarray:
    """(n, k) The discrete cosines of type II up to a frequency, but the constant."""
    order = np.arange(1, min(int(2 * n * tr_s * highpass_hz), n - 1) + 1)
    return np.cos(np.pi / n * order * (np.arange(n)[:, None] + 0.5))
