"""Events at irregular times (words, phones) on a regular clock, by a Lanczos filter."""

import numpy as np
import scipy.sparse

from n2s.data.hrf_response import finite_columns
from n2s.errors import UserError
from n2s.options import check_number


def lanczos_resample(values: np.ndarray, times_s: np.ndarray, new_times_s: np.ndarray, n_lobes: int = 3) -> np.ndarray:
    """Sum events into other times through a low-pass of half the new rate, as Huth et al. 2016 (Nature 532:453) do.

    The weight of an event is sinc(x) sinc(x / n_lobes), x its distance in steps of the new times, and 0 beyond ``n_lobes``
    steps. Weights are not normalised: each new time has a sum, not a mean. So the number of words is in every embedding; the
    word rate is the same filter on ones, and belongs beside as a control.

    Parameters
    ----------
    values
        (n, f) A row an event.
    times_s
        (n,) Of each event, in any order.
    new_times_s
        (m,) Rising; the cutoff is 1 / their mean step.
    n_lobes
        Lobes of the filter on either side.

    Returns
    -------
    (m, f) float64.

    Raises
    ------
    UserError
        Shapes do not fit, a number is not finite, or fewer than two new times, which have no step.

    Examples
    --------
    >>> import numpy as np
    >>> from n2s.data import lanczos_resample
    >>> ones, word_onsets_s = np.ones((4, 1)), np.array([0.3, 0.6, 1.1, 6.0])
    >>> lanczos_resample(ones, word_onsets_s, np.arange(0, 8, 2.0)).ravel().round(2).tolist()  # words a volume of 2 s
    [2.34, 1.16, -0.26, 1.04]
    """
    check_number("lanczos_resample: n_lobes", n_lobes, above=0)
    values = finite_columns(values, "lanczos_resample")
    times_s, new_times_s = np.asarray(times_s, np.float64), np.asarray(new_times_s, np.float64)
    if times_s.shape != (len(values),) or new_times_s.ndim != 1:
        raise UserError(
            f"lanczos_resample: {len(values)} values, times_s of shape {times_s.shape} and new_times_s of shape "
            f"{new_times_s.shape}; expected a time a value, and one row of new times."
        )
    if not (np.isfinite(times_s).all() and np.isfinite(new_times_s).all()):
        raise UserError("lanczos_resample: a time is NaN or infinite. Leave events without a time out.")
    if len(new_times_s) < 2 or not (np.diff(new_times_s) > 0).all():
        raise UserError(
            "lanczos_resample: new_times_s must rise, and be two or more: the filter's cutoff is 1 / their step."
        )
    return lanczos_weights(times_s, new_times_s, 1 / np.diff(new_times_s).mean(), n_lobes) @ values


def lanczos_weights(
    times_s: np.ndarray, new_times_s: np.ndarray, cutoff_hz: float, n_lobes: int
) -> scipy.sparse.csr_array:
    """(m, n) weights of events at ``times_s`` at new times."""
    order = np.argsort(times_s, kind="stable")
    reach_s = n_lobes / cutoff_hz * (1 + 1e-9)
    first = np.searchsorted(times_s[order], new_times_s - reach_s, "left")
    stop = np.searchsorted(times_s[order], new_times_s + reach_s, "right")
    ends = np.concatenate([[0], np.cumsum(stop - first)])
    new = np.repeat(np.arange(len(new_times_s)), stop - first)
    event = order[np.arange(ends[-1]) - ends[new] + first[new]]
    x = (new_times_s[new] - times_s[event]) * cutoff_hz
    weight = np.where(np.abs(x) <= n_lobes, np.sinc(x) * np.sinc(x / n_lobes), 0.0)
    return scipy.sparse.csr_array((weight, event, ends), (len(new_times_s), len(times_s)))
