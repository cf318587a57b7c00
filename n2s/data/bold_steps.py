"""The steps that clean one run of BOLD: values that are not finite, then trend, drifts and confounds."""

from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np

from n2s.errors import UserError, first_of, nearest
from n2s.findings import tell
from n2s.studies.bold_cleaning import BoldCleaning, residual_maker
from n2s.studies.confound_sets import columns_of
from n2s.studies.fmri import Bold
from n2s.studies.readers.tsv import read_table

LEAST_LEFT = 0.05  # of a run's volumes: with fewer degrees of freedom nothing of the response is left


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
    _check_freedom(np.hstack(regressors), cleaning.detrend, where)
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


def _check_freedom(regressors: np.ndarray, detrend: bool, where: str) -> None:
    """A UserError if regressors leave nothing of a run but rounding errors, which would be z-scored into a signal."""
    n_tr = len(regressors)
    line = np.stack([np.ones(n_tr), np.arange(n_tr)], 1)[:, : 2 if detrend else 1]
    every = np.hstack([line, regressors])
    size = np.linalg.norm(every, axis=0)
    rank = int(np.linalg.matrix_rank(every[:, size > 0] / size[size > 0]))
    if n_tr - rank < max(1, LEAST_LEFT * n_tr):
        raise UserError(
            f"{where}: {n_tr} volumes less trend, drifts and confounds ({rank} different regressors) leave {n_tr - rank} "
            "degrees of freedom. Name fewer confounds, or a lower highpass_hz."
        )


def confounds(path: Path | None, patterns: tuple[str, ...], n_tr: int, where: str) -> np.ndarray:
    """(TR, confound) The columns of a run's table of confounds that match the patterns, or are in the sets that they name."""
    if path is None:
        raise UserError(f"{where}: no table of confounds, but {', '.join(patterns)} are to be regressed out.")
    names = list(read_table(path, numbers=()))
    wanted = []
    for pattern in columns_of(patterns):
        matching = [name for name in names if fnmatchcase(name, pattern)]
        if not matching:
            raise UserError(f"{path}: no column '{pattern}'.{nearest(pattern, names)} There are: {', '.join(names)}.")
        wanted += [name for name in matching if name not in wanted]
    table = read_table(path, numbers=tuple(wanted))[wanted].to_numpy(np.float64, copy=True)
    if len(table) != n_tr:
        raise UserError(
            f"{path}: {len(table)} rows, but {where} has {n_tr} volumes; expected a row a volume. Where volumes were cut off "
            "the run (dummy scans), cut the same rows."
        )
    begun = np.isnan(table[0])  # a derivative has no first value
    if n_tr > 1 and begun.any():
        table[0, begun] = table[1, begun]
        filled = first_of(np.array(wanted)[begun], 5, ", ...")
        tell(
            "corrected",
            path,
            f"the first row is n/a in {begun.sum()} confounds ({filled}); it takes the second row's values.",
        )
    empty = np.isnan(table).any(axis=0)
    if empty.any():
        raise UserError(
            f"{path}: n/a after the first row in {', '.join(np.array(wanted)[empty])}. Fill or drop these columns."
        )
    still = np.ptp(table, axis=0) == 0
    if still.any():
        tell("odd", path, f"confounds that never change remove nothing: {', '.join(np.array(wanted)[still])}.")
    return table


def cosines(n: int, tr_s: float, highpass_hz: float) -> np.ndarray:
    """(n, k) The discrete cosines of type II up to a frequency, but the constant."""
    order = np.arange(1, min(int(2 * n * tr_s * highpass_hz), n - 1) + 1)
    return np.cos(np.pi / n * order * (np.arange(n)[:, None] + 0.5))
