"""Which components follow references, at some lag, more than references that were moved in time."""

from dataclasses import dataclass

import numpy as np

from n2s.errors import UserError

FAR_S = 5.0  # least shift of the null: bursts and syllables do not reach so far
LENGTH_S = 30.0  # least length of what is compared: with less, chance is large
QUANTILE = 0.95
N_BINS = 8
INFORMATION_HZ = 10.0  # at which histograms are filled: below 10 Hz, more samples are no more evidence
INFORMATION_STEP_S, N_NULL = 0.1, 39


@dataclass(frozen=True)
class Tested:
    """``score``, ``lag_s`` (positive: the component is later) and ``reference`` (index), (k,) each, and ``chance``: the largest score of moved references."""

    score: np.ndarray
    lag_s: np.ndarray
    reference: np.ndarray
    chance: float


def by_correlation(seen: np.ndarray, heard: np.ndarray, *, rate_hz: float, lag_s: float, seed: int) -> Tested:
    """The largest correlation (its size) of components with references at lags up to ``lag_s``.

    The null is the same with the references moved in a circle, by all shifts that are far: a Fourier transform has them all.

    Parameters
    ----------
    seen
        (k, s, t) Components, in s forms.
    heard
        (r, t) References.
    rate_hz
        Rate of both.
    lag_s, seed
        See `RemoveByReference`; nothing is drawn here.
    """
    _check_length(heard, rate_hz)
    n = heard.shape[-1]
    a, b = np.fft.rfft(_unit(seen)), np.fft.rfft(_unit(heard))
    window, far = round(lag_s * rate_hz), max(round(FAR_S * rate_hz), 2 * round(lag_s * rate_hz) + 1)
    starts = np.arange(far, n - far - 2 * window, 2 * window + 1)
    null, best = np.zeros(len(starts)), np.zeros((len(seen), len(heard), 2 * window + 1))
    for k in range(len(seen)):
        for r in range(len(heard)):
            size = np.abs(np.fft.irfft(a[k] * b[r].conj(), n)).max(0)
            best[k, r] = np.concatenate([size[n - window :], size[: window + 1]])
            null = np.maximum(null, [size[at : at + 2 * window + 1].max() for at in starts])
    return _tested(
        best, np.arange(-window, window + 1) / rate_hz, float(np.quantile(null, QUANTILE)) if len(null) else 1.0
    )


def by_information(seen: np.ndarray, heard: np.ndarray, *, rate_hz: float, lag_s: float, seed: int) -> Tested:
    """The same with mutual information, as the correlation of Gaussians with as much.

    See `by_correlation`. The null has 39 shifts, drawn with ``seed``.
    """
    _check_length(heard, rate_hz)
    step = max(1, int(rate_hz // INFORMATION_HZ))
    hop = max(1, round(INFORMATION_STEP_S * rate_hz))
    window, n = round(lag_s * rate_hz) // hop * hop, heard.shape[-1]
    far = max(round(FAR_S * rate_hz), 2 * window + 1)
    lags = np.arange(-window, window + 1, hop)
    bins = binned(seen), binned(heard)

    def scores(moved: int) -> np.ndarray:
        found = np.zeros((len(seen), len(heard), len(lags)))
        for i, lag in enumerate(lags):
            ref = np.roll(bins[1], lag + moved, axis=-1)[:, ::step]
            for k in range(len(seen)):
                for r in range(len(heard)):
                    found[k, r, i] = max(information(form[::step], ref[r]) for form in bins[0][k])
        return np.sqrt(-np.expm1(-2 * np.maximum(found, 0.0)))

    shifts = np.random.default_rng(seed).integers(far, max(n - far, far + 1), N_NULL)
    null = [scores(int(shift)).max() for shift in shifts]
    return _tested(scores(0), lags / rate_hz, float(np.quantile(null, QUANTILE)))


def binned(values: np.ndarray) -> np.ndarray:
    """(..., t) Into 8 bins of equally many samples."""
    order = np.argsort(np.argsort(values, axis=-1, kind="stable"), axis=-1, kind="stable")
    return (order * N_BINS // values.shape[-1]).astype(np.int64)


def information(a: np.ndarray, b: np.ndarray) -> float:
    """Mutual information of two series of bins, nats, less the bias of so few samples (Miller-Madow)."""
    joint = np.bincount(a * N_BINS + b, minlength=N_BINS**2).reshape(N_BINS, N_BINS) / len(a)
    first, second = joint.sum(1), joint.sum(0)
    there = joint > 0
    value = (joint[there] * np.log(joint[there] / np.outer(first, second)[there])).sum()
    bias = (there.sum() - (first > 0).sum() - (second > 0).sum() + 1) / (2 * len(a))
    return float(value - bias)


def _tested(best: np.ndarray, lags_s: np.ndarray, chance: float) -> Tested:
    flat = best.reshape(len(best), -1)
    at = flat.argmax(1)
    reference, lag = np.unravel_index(at, best.shape[1:])
    return Tested(flat[np.arange(len(flat)), at], lags_s[lag], reference, chance)


def _unit(values: np.ndarray) -> np.ndarray:
    centred = values - values.mean(-1, keepdims=True)
    size = np.linalg.norm(centred, axis=-1, keepdims=True)
    return np.divide(centred, size, out=np.zeros_like(centred), where=size > 0)


def _check_length(heard: np.ndarray, rate_hz: float) -> None:
    length_s = heard.shape[-1] / rate_hz
    if length_s < LENGTH_S:
        raise UserError(
            f"RemoveByReference: {length_s:.0f} s to learn from, expected {LENGTH_S:g} s or more: chance is large in less. Give more training runs."
        )
