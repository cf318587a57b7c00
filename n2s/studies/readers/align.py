"""Align two clocks: the times in a log, and the triggers of the same events in a recording."""

import numpy as np

from n2s.errors import UserError

N_FIRST = 40  # events of the log for the first estimate of the distance between the clocks
FOLLOW = 0.3  # how quickly the distance follows a drift, from one matched event to the next


def match_times(
    log_s: np.ndarray, trigger_s: np.ndarray, *, tolerance_s: float, max_missing: int, where: str
) -> np.ndarray:
    """Find the trigger of each event of a log.

    The clocks may start at different times and drift slowly; triggers may be missing, and there may be others between them. The first
    distance is the one at which most of some neighbouring events find a trigger; from there it follows the drift.

    Parameters
    ----------
    log_s
        (n,) Times of the log, s, ascending.
    trigger_s
        (m,) Times of triggers on the recording's clock, s, ascending.
    tolerance_s
        The largest distance of a trigger from the expected time of its event.
    max_missing
        Events that may be without a trigger.
    where
        The recording, for error messages.

    Returns
    -------
    ndarray
        (n,) The time of the trigger of each event, NaN if there is none.

    Raises
    ------
    UserError
        One of them is empty or not ascending, or more events than ``max_missing`` are without a trigger.
    """
    log_s, trigger_s = np.asarray(log_s, float), np.asarray(trigger_s, float)
    for what, times in (("events in the log", log_s), ("triggers", trigger_s)):
        if not len(times):
            raise UserError(f"{where}: no {what}; cannot align the log with the recording.")
        if (np.diff(times) < 0).any():
            raise UserError(f"{where}: the times of the {what} do not ascend: are some of them duplicated?")
    best = np.full(len(log_s), np.nan)
    for begin in range(0, max(len(log_s) - max_missing, 1), N_FIRST):  # the first events may be those without triggers
        found = _followed(log_s, trigger_s, begin, tolerance_s)
        if np.isfinite(found).sum() > np.isfinite(best).sum():
            best = found
        if np.isnan(best).sum() <= max_missing:
            return best
    missing = np.flatnonzero(np.isnan(best))
    raise UserError(
        f"{where}: {len(missing)} of {len(log_s)} events of the log have no trigger within {1000 * tolerance_s:g} ms (at most "
        f"{max_missing} may lack one; {len(trigger_s)} triggers); the first at {log_s[missing[0]]:.3f} s of the log. Are log and "
        "recording of the same run?"
    )


def _followed(log_s: np.ndarray, trigger_s: np.ndarray, begin: int, tolerance_s: float) -> np.ndarray:
    some = log_s[begin : begin + N_FIRST]
    apart = np.sort((trigger_s[None] - some[:, None]).ravel())
    # the fullest stretch of distances, as wide as the tolerance allows
    n_near = np.searchsorted(apart, apart + 2 * tolerance_s, side="right") - np.arange(len(apart))
    first = int(n_near.argmax())
    start = float(np.median(apart[first : first + n_near[first]]))
    # The distance is valid where it was found: after a drift the first events may need another one.
    fits = np.flatnonzero(np.abs(some[:, None] + start - trigger_s[None]).min(axis=1) <= tolerance_s)
    middle = begin + int(fits[len(fits) // 2])
    found = np.full(len(log_s), np.nan)
    for order in (range(middle, len(log_s)), range(middle - 1, -1, -1)):
        distance = start
        for i in order:
            expected = log_s[i] + distance
            at = int(np.searchsorted(trigger_s, expected))
            near = min((k for k in (at - 1, at) if 0 <= k < len(trigger_s)), key=lambda k: abs(trigger_s[k] - expected))
            if abs(trigger_s[near] - expected) <= tolerance_s:
                found[i] = trigger_s[near]
                distance += FOLLOW * (trigger_s[near] - expected)
    # one trigger belongs to one event: the nearer event in the log keeps it
    known = np.flatnonzero(np.isfinite(found))
    again = known[1:][np.diff(found[known]) <= 0]
    found[again] = np.nan
    return found


def on_recording_clock(times_s: np.ndarray, log_s: np.ndarray, matched_s: np.ndarray) -> np.ndarray:
    """Times of the log on the recording's clock: interpolated between matched events, beyond them shifted as the nearest one.

    Parameters
    ----------
    times_s
        (k,) Any times of the log, s.
    log_s, matched_s
        (n,) Events, and their triggers as `match_times` gives them.
    """
    known = np.isfinite(matched_s)
    shift = np.asarray(matched_s)[known] - np.asarray(log_s)[known]
    return np.asarray(times_s, float) + np.interp(times_s, np.asarray(log_s)[known], shift)
