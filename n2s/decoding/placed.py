"""Where in time each sound fits a recording best, and how sure that is."""

from dataclasses import dataclass

import numpy as np

N_DRAWS = 200  # of the order of windows
MOST = 4e9  # additions, over all draws
LEAST_BLOCKS = 8  # stretches that change places
FEWEST = 3  # windows that speak for a start


@dataclass(frozen=True)
class Place:
    """The best start of a sound on the recording's clock.

    Parameters
    ----------
    start_s
        When the sound began, s; negative: before the recording. NaN: too few windows speak for any start.
    evidence
        Sum of the z-scores of the windows that it would explain, divided by the root of their number; NaN: as above.
    n_windows
        How many these are.
    p
        How often the best start of any sound is as good for windows in another order; None: too few windows to tell.
    next_start_s, next_evidence
        The best start of this sound that is a window or more away; NaN: there is none.
    """

    start_s: float
    evidence: float
    n_windows: int
    p: float | None
    next_start_s: float
    next_evidence: float


def place_sounds(
    scores: np.ndarray,
    time_s: np.ndarray,
    sound: np.ndarray,
    start_s: np.ndarray,
    *,
    step_s: float,
    window_s: float,
    seed: int = 0,
) -> tuple[list[Place], list[tuple[np.ndarray, np.ndarray]]]:
    """Sum each window's scores along every possible start of each sound.

    A sound that began at s of the recording is at ``time - s`` in each window. The scores of a window are made z-scores over all its candidates
    first, so that no window counts more than others. The null: stretches of windows exchange places; what fits one stretch fits no other. Evidence is
    compared in units of its own spread over all starts. It holds for the best of all starts and sounds together.

    Parameters
    ----------
    scores
        (n, k) of windows with candidates.
    time_s
        (n,) When each window starts, s.
    sound, start_s
        (k,) File of each candidate, and its start in it, s.
    step_s
        From one start to the next, s: that of the candidates.
    window_s
        Length of a window, s.
    seed
        Of the draws.

    Returns
    -------
    places
        One a sound.
    courses
        One a sound: starts (l,), s, and the evidence of each (l,); NaN where too few windows speak.
    """
    spread = scores.std(1, keepdims=True)
    z = (scores - scores.mean(1, keepdims=True)) / np.where(spread > 0, spread, 1)
    numbers = [np.flatnonzero(sound == i) for i in range(int(sound.max()) + 1)]
    grid = [_grid(time_s, start_s[rows], step_s) for rows in numbers]
    needed = [_needed(time_s, start_s[rows]) for rows in numbers]
    courses = [_evidence(z[:, rows], *one, least) for rows, one, least in zip(numbers, grid, needed, strict=True)]
    blocks = _blocks(time_s, window_s)
    n_draws = int(min(N_DRAWS, MOST // max(z.size, 1)))
    rng, null = np.random.default_rng(seed), []
    if len(blocks) > FEWEST and n_draws >= 20:
        for _ in range(n_draws):
            order = np.concatenate([blocks[i] for i in rng.permutation(len(blocks))])
            mixed = z[order]
            drawn = [
                _evidence(mixed[:, rows], *one, least) for rows, one, least in zip(numbers, grid, needed, strict=True)
            ]
            null.append(max(np.nanmax(one, initial=-np.inf) for one in drawn) / _spread(drawn))
    usual = _spread(courses)
    places = []
    for (lags, index, _), found in zip(grid, courses, strict=True):
        if not np.isfinite(found).any():
            places.append(Place(np.nan, np.nan, 0, None, np.nan, np.nan))
            continue
        best = int(np.nanargmax(found))
        away = np.where(np.abs(lags - lags[best]) >= window_s, found, np.nan)
        other = int(np.nanargmax(away)) if np.isfinite(away).any() else -1
        p = (1 + sum(one >= found[best] / usual for one in null)) / (1 + len(null)) if null else None
        n = int((index == best).sum())
        places.append(
            Place(
                float(lags[best]), float(found[best]), n, p,
                float(lags[other]) if other >= 0 else np.nan, float(away[other]) if other >= 0 else np.nan,
            )
        )  # fmt: skip
    return places, [(lags, found) for (lags, _, _), found in zip(grid, courses, strict=True)]


def _grid(time_s: np.ndarray, start_s: np.ndarray, step_s: float) -> tuple[np.ndarray, np.ndarray, int]:
    """All starts (l,), s; (n, k) the index of that which each pair of window and candidate speaks for; and l."""
    lag = np.floor((time_s[:, None] - start_s[None]) / step_s + 0.5 + 1e-6).astype(np.int64)  # halves all one way
    first = lag.min()
    n = int(lag.max() - first + 1)
    return (first + np.arange(n)) * step_s, lag - first, n


def _needed(time_s: np.ndarray, start_s: np.ndarray) -> int:
    """Windows that must speak for a start: a quarter of what the shorter of recording and sound could have, `FEWEST` or more."""
    if len(time_s) < 2:
        return 1
    step = float(np.median(np.diff(time_s)))
    overlap = min(time_s[-1] - time_s[0], start_s[-1] - start_s[0]) / max(step, 1e-9) + 1
    return max(min(FEWEST, len(time_s)), round(overlap / 4))


def _evidence(z: np.ndarray, lags: np.ndarray, index: np.ndarray, n: int, least: int) -> np.ndarray:
    """(l,) Sums of z-scores along each start, divided by the root of how many they are."""
    total = np.bincount(index.ravel(), z.ravel(), n)
    count = np.bincount(index.ravel(), minlength=n)
    return np.where(count >= least, total / np.sqrt(np.maximum(count, 1)), np.nan)


def _spread(courses: list[np.ndarray]) -> float:
    """Of the evidence of all starts, robustly: a stretch that is cut is less alike inside, so that evidence varies less in a null than by chance."""
    every = np.concatenate([one[np.isfinite(one)] for one in courses]) if courses else np.zeros(0)
    found = float(np.median(np.abs(every - np.median(every)))) if len(every) else 0.0
    return found if found > 0 else 1.0


def _blocks(time_s: np.ndarray, window_s: float) -> list[np.ndarray]:
    """Windows in stretches of two windows' length, shorter where that gives fewer than `LEAST_BLOCKS`, longer where it gives more than 60."""
    whole_s = time_s[-1] - time_s[0]
    length_s = max(window_s, min(2 * window_s, whole_s / LEAST_BLOCKS), whole_s / 60)
    number = np.floor((time_s - time_s[0]) / length_s + 1e-9)
    return [np.flatnonzero(number == one) for one in np.unique(number)]
