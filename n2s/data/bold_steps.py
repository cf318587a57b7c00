"""The steps that clean one run of BOLD: values that are not finite, then trend, drifts and confounds."""

from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import scipy.linalg

from n2s.errors import UserError, first_of, nearest
from n2s.findings import tell
from n2s.studies.bold_cleaning import BoldCleaning
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

    Returns
    -------
    Its ``nuisances (TR, k)`` are orthonormal and span all that was removed, in one projection; None if nothing was.

    Raises
    ------
    UserError
        Values are not finite, or the table of confounds is missing or does not fit.
    """
    data = np.asarray(bold.data)
    if cleaning is not None:
        data = finite(data, cleaning.nan, where)
    basis = _removed(bold, cleaning, where)
    if basis is not None:
        constant = np.ptp(data, axis=0) == 0
        data = np.array(data, np.float64)
        data -= basis @ (basis.T @ data)
        data[:, constant] = 0.0  # what rounding leaves must not be z-scored into noise
    return replace(bold, data=data.astype(np.float32, copy=False), confounds=None, nuisances=basis)


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


def _removed(bold: Bold, cleaning: BoldCleaning | None, where: str) -> np.ndarray | None:
    """(TR, k) An orthonormal basis of trend, drifts, confounds and nuisances; None if there are none.

    Nuisances are fitted beside the run's mean, which would else be fitted by them. With neither a trend nor nuisances it stays: drifts
    and confounds are taken without theirs.
    """
    n_tr = len(bold.data)
    regressors = [] if bold.nuisances is None else [np.ones((n_tr, 1)), np.asarray(bold.nuisances, np.float64)]
    if cleaning is not None and (cleaning.detrend or cleaning.highpass_hz or cleaning.confounds):
        slowest_hz, fastest_hz = 1 / (2 * n_tr * bold.tr_s), 1 / (2 * bold.tr_s)
        if cleaning.highpass_hz and not 0 < cleaning.highpass_hz < fastest_hz:
            raise UserError(
                f"{where}: highpass_hz is {cleaning.highpass_hz:g}; at a TR of {bold.tr_s:g} s it is above 0 and below "
                f"{fastest_hz:g} Hz ({n_tr} volumes hold cosines from {slowest_hz:.4f} Hz)."
            )
        regressors.append(cosines(n_tr, bold.tr_s, cleaning.highpass_hz))
        if cleaning.confounds:
            table = confounds(bold.confounds, cleaning.confounds, n_tr, where)
            regressors.append(table - table.mean(0))
        if cleaning.detrend:
            regressors.append(np.stack([np.ones(n_tr), np.arange(n_tr) - (n_tr - 1) / 2], 1))
    found = basis_of(np.hstack(regressors)) if regressors else np.zeros((n_tr, 0))
    if not found.shape[1]:
        return None
    left = n_tr - np.linalg.matrix_rank(np.column_stack([np.ones(n_tr), found]))
    if left < max(1, LEAST_LEFT * n_tr):  # nothing but rounding errors, which would be z-scored into a signal
        raise UserError(
            f"{where}: {n_tr} volumes less trend, drifts and confounds ({n_tr - left} different regressors) leave {left} "
            "degrees of freedom. Name fewer confounds, or a lower highpass_hz."
        )
    return found


def basis_of(regressors: np.ndarray) -> np.ndarray:
    """(t, p) -> (t, k) An orthonormal basis of their span; columns of any unit count alike, those of 0 not at all."""
    size = np.linalg.norm(regressors, axis=0)
    return scipy.linalg.orth(regressors[:, size > 0] / size[size > 0]) if size.any() else np.zeros((len(regressors), 0))


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
