"""The haemodynamic response to a feature: what a voxel that follows it would do, read at each volume."""

from functools import lru_cache
from typing import Literal

import numpy as np

from n2s.errors import UserError
from n2s.options import check_choice, check_number

LASTS_S = 32.0  # of nilearn's kernel
LEAST_ROWS, MOST_ROWS = 8, 256  # volumes that are computed in one product of matrices


def hrf_response(
    values: np.ndarray,
    rate_hz: float,
    start_s: float,
    tr_s: float,
    n_trs: int,
    model: Literal["glover"] = "glover",
) -> np.ndarray:
    """Convolve a feature with a canonical response, and read it at the start of each volume, linearly between frames.

    The kernel is nilearn's ``glover_hrf`` with the frames' own step: it sums to 1, and its first sample is at lag 0. Nothing
    is demeaned, so that responses to two stimuli add up.

    Parameters
    ----------
    values
        (n, f) A frame each; value i is held for one frame from ``start_s + i / rate_hz``, and around all is 0.
    rate_hz
        Frames a second.
    start_s
        Of the first value on the run's clock; negative if the sound began before the run.
    tr_s, n_trs
        Volume k is read at ``k * tr_s``. For the middle of the volumes, give ``start_s - tr_s / 2``.
    model
        ``glover`` (Glover 1999, NeuroImage 9:416).

    Returns
    -------
    (n_trs, f) float64.

    Raises
    ------
    UserError
        Values have another shape or are not finite, or a rate or TR is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> from n2s.data import hrf_response
    >>> click = np.zeros((20, 1))
    >>> click[0] = 1.0  # a second of sound at 0 s
    >>> hrf_response(click, rate_hz=1.0, start_s=0.0, tr_s=2.0, n_trs=6).ravel().round(2).tolist()
    [0.0, 0.0, 0.2, 0.36, 0.2, 0.0]
    """
    check_choice("hrf_response: model", model, ("glover",))
    check_number("hrf_response: rate_hz", rate_hz, above=0)
    check_number("hrf_response: tr_s", tr_s, above=0)
    check_number("hrf_response: start_s", start_s)
    check_number("hrf_response: n_trs", n_trs, low=0, whole=True)
    values, n_trs = finite_columns(values, "hrf_response"), int(n_trs)
    kernel = glover(tr_s, tr_s * rate_hz)
    lags, course = np.arange(-1, len(kernel) + 1), np.r_[0.0, kernel, 0.0]
    found = np.zeros((n_trs, values.shape[1]))
    # a block's volumes see its own frames and those of one kernel before: half of the weights are not 0
    step = int(np.clip(len(kernel) / (tr_s * rate_hz), LEAST_ROWS, MOST_ROWS))
    place = (np.arange(n_trs) * tr_s - start_s) * rate_hz  # of each volume, in frames
    for at in range(0, n_trs, step):
        own = place[at : at + step]
        first, stop = max(int(np.ceil(own[0])) - len(kernel), 0), min(int(np.floor(own[-1])) + 2, len(values))
        if first < stop:
            weights = np.interp(own[:, None] - np.arange(first, stop), lags, course, left=0.0, right=0.0)
            found[at : at + step] = weights @ values[first:stop]
    return found


@lru_cache(maxsize=32)
def glover(tr_s: float, oversampling: float) -> np.ndarray:
    """The kernel of nilearn (k,), of `LASTS_S`, that sums to 1."""
    from nilearn.glm.first_level import glover_hrf  # takes a second to import

    kernel = glover_hrf(tr_s, oversampling=oversampling)
    if not np.isfinite(kernel).all():
        raise UserError(
            f"hrf_response: at {oversampling / tr_s:g} frames a second the response of {LASTS_S:g} s has {len(kernel)} samples, "
            "too few for its shape. Give a feature with more frames a second."
        )
    return kernel


def finite_columns(values: np.ndarray, where: str) -> np.ndarray:
    """(n, f) float64; a UserError if an array is of another shape or not finite."""
    values = np.asarray(values, np.float64)
    if values.ndim != 2:
        raise UserError(f"{where}: values of shape {values.shape}; expected (n, f), a row a frame or event.")
    bad = ~np.isfinite(values)
    if bad.any():
        raise UserError(
            f"{where}: {bad.sum()} of {bad.size} values are NaN or infinite, the first in row {int(bad.any(1).argmax())}. "
            "Leave those rows out, or put a number in their place."
        )
    return values
