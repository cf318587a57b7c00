"""The null of a correlation over several short parts: the truth of each part moved in time inside that part, forward and backward."""

import numpy as np

from n2s.metrics.correlation import unit

LEAST_MOVES = 39  # with fewer, no p is below .025
BLOCK_NUMBERS = 2**22  # that are gathered at once: 32 MB


def moved_null(
    predicted: np.ndarray,
    true: np.ndarray,
    *,
    part: np.ndarray | None = None,
    stretch: np.ndarray | None = None,
    n_draws: int = 1000,
    seed: int = 0,
) -> np.ndarray:
    """Correlations of a prediction with the truth at other times, for few, short and slow data.

    r of the data itself has to be that of values without the mean of their part. A draw moves the truth of every part by a random number of
    rows along a circle: the part forward, then backward. (A plain circle has a jump where the end meets the beginning: slow courses get
    faster there, and the null too narrow.) Nothing moves from one part to another, and each moved part loses its own mean, as the data did.
    Small moves are drawn, too: without them, p of slow courses is too small. A part with gaps is moved stretch by stretch: each stretch
    gets a random piece of a random stretch of the part.

    Of independent courses p < .05 comes in 4 to 7%, from 10 rows to thousands, also if they are as slow as their part is long.

    Parameters
    ----------
    predicted, true
        (n, f) Rows in order.
    part
        (n,) The recording and fold of each row; None: one part.
    stretch
        (n,) Rows of one part and stretch have no gap between them; None: no part has a gap.
    n_draws
        How many draws; fewer if a single part without gaps has fewer moves: then each of them once.
    seed
        Of the draws.

    Returns
    -------
    np.ndarray
        (draws, f) Pearson correlations; 0 where a course is constant. (0, f) if there are fewer than `LEAST_MOVES` moves.

    References
    ----------
    Harris 2020, A shift test for independence in generic time series, arXiv:2012.06862, on why shifts that wrap around do not suffice.
    """
    predicted, true = (np.asarray(one, np.float64) for one in (predicted, true))
    if predicted.shape != true.shape or true.ndim != 2:
        raise ValueError(f"predicted is {predicted.shape}, true {true.shape}; expected two arrays (n, f) of one shape.")
    part, stretch = (np.zeros(len(true), int) if one is None else np.asarray(one) for one in (part, stretch))
    parts = [rows for rows in (np.flatnonzero(part == one) for one in np.unique(part)) if len(rows) > 1]
    pieces = [_pieces(stretch[rows]) for rows in parts]
    # a stretch goes to any of the rows of its part, forward or backward
    n_moves = np.prod([float(2 * len(rows)) ** len(own) for rows, own in zip(parts, pieces, strict=True)]) - 1
    if n_moves < LEAST_MOVES:
        return np.zeros((0, true.shape[1]))
    rng = np.random.default_rng(seed)
    product, power, own_power = 0.0, 0.0, 0.0
    for rows, own in zip(parts, pieces, strict=True):
        x, y = (one[rows] - one[rows].mean(0) for one in (predicted, true))
        own_power = own_power + np.square(x).sum(0)
        if len(own) > 1:
            new = _by_pieces(x, y, own, n_draws, rng)
        else:
            if len(parts) > 1:
                turns = rng.integers(0, 2 * len(y), n_draws)
            else:  # each once; 0 is the data itself
                turns = rng.permutation(np.arange(1, 2 * len(y)))[:n_draws]
            columns = np.array_split(np.arange(y.shape[1]), max(1, y.size * 8 // BLOCK_NUMBERS))
            new = [
                np.concatenate(one, 1)
                for one in zip(*(turned(x[:, some], y[:, some], turns) for some in columns if len(some)), strict=True)
            ]
        product, power = product + new[0], power + new[1]
    size = np.sqrt(power * own_power)
    # a course that does not change leaves rounding alone
    changes = ((unit(predicted, 0) != 0).any(0) & (unit(true, 0) != 0).any(0)) & (size > 1e-12 * size.max(0, initial=0))
    return np.divide(product, size, out=np.zeros_like(size), where=changes)


def _pieces(stretch: np.ndarray) -> list[slice]:
    """Rows of a part without a gap between them."""
    ends = [0, *(np.flatnonzero(stretch[1:] != stretch[:-1]) + 1).tolist(), len(stretch)]
    return [slice(a, b) for a, b in zip(ends, ends[1:], strict=False)]


def turned(x: np.ndarray, y: np.ndarray, turns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(draws, f) each: sums of products of x with y moved by so many rows, and sums of squares of the moved y without its mean."""
    n = len(y)
    circle = np.concatenate([y, y[::-1]])
    spectra = np.fft.rfft(circle, axis=0) * np.fft.rfft(x, 2 * n, axis=0).conj()
    twice = np.concatenate([np.zeros((1, y.shape[1])), circle, circle])
    sums, squares = twice.cumsum(0), np.square(twice).cumsum(0)
    total, power = sums[turns + n] - sums[turns], squares[turns + n] - squares[turns]
    return np.fft.irfft(spectra, 2 * n, axis=0)[turns], np.maximum(power - np.square(total) / n, 0)


def _by_pieces(
    x: np.ndarray, y: np.ndarray, pieces: list[slice], n_draws: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """(n_draws, f) each, as `turned`: of draws in which every piece of x meets a random place of a random piece of y."""
    n, f = y.shape
    starts, lengths = (np.array([getattr(one, name) for one in pieces]) for name in ("start", "stop"))
    lengths, own = lengths - starts, np.zeros(n, int)
    for number, one in enumerate(pieces):
        own[one] = number
    place = np.arange(n) - starts[own]
    product, power = np.empty((n_draws, f)), np.empty((n_draws, f))
    step = max(1, BLOCK_NUMBERS // (n * f))
    for at in range(0, n_draws, step):
        k = min(step, n_draws - at)
        source = own[rng.integers(0, n, (k, len(pieces)))]  # a long piece more often than a short one
        turn = rng.integers(0, 2 * lengths[source])
        length = lengths[source][:, own]
        inside = (turn[:, own] + place) % (2 * length)
        moved = y[starts[source][:, own] + np.where(inside < length, inside, 2 * length - 1 - inside)]
        moved -= moved.mean(1, keepdims=True)
        product[at : at + k] = np.einsum("nf,knf->kf", x, moved)
        power[at : at + k] = np.einsum("knf,knf->kf", moved, moved)
    return product, power
