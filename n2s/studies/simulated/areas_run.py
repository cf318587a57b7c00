"""One run of the simulated areas: blocks of sentences with rest between them, and what drivers become in it.

Volume k is seen at ``k * tr_s`` of the run's clock (its start), as `n2s.data.hrf_response` has it.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
import scipy.linalg
import scipy.signal

from n2s.studies.bold_cleaning import residual_maker
from n2s.studies.simulated.areas_drivers import RATE_HZ
from n2s.studies.simulated.bold_noise import AR_SHARE, N_MOTION, SpatialNoise, cosines, motion, nuisance_effects
from n2s.studies.simulated.bold_run import BASELINE

LEAD_S, REST_S, TAIL_S = 10.0, 12.0, 16.0  # silence before, between and after blocks
BLOCKS_A_RUN = 6
CLIP_S = 4.0


@dataclass(frozen=True)
class Run:
    """``heard``: (stimulus, onset in s) of each block, in order; ``n_volumes``, one every ``tr_s`` seconds."""

    heard: tuple[tuple[str, float], ...]
    n_volumes: int
    tr_s: float

    @property
    def times_s(self) -> np.ndarray:
        """(t,) When each volume is seen."""
        return np.arange(self.n_volumes) * self.tr_s


def lay_run(lengths_s: dict[str, float], tr_s: float) -> Run:
    """Blocks one after another, each beginning on a frame of `RATE_HZ`."""
    heard, at_s = [], LEAD_S
    for stimulus, length_s in lengths_s.items():
        heard.append((stimulus, at_s))
        at_s += np.ceil((length_s + REST_S) * RATE_HZ) / RATE_HZ
    return Run(tuple(heard), int(np.ceil((at_s - REST_S + TAIL_S) / tr_s)), tr_s)


def courses(run: Run, values: dict[str, np.ndarray]) -> np.ndarray:
    """(t, f) The response to everything heard in a run; ``values``: stimulus -> (l, f) at `RATE_HZ`."""
    heard = [responses(values[stimulus], at_s, run.times_s) for stimulus, at_s in run.heard]
    return np.sum(heard, axis=0)


def responses(values: np.ndarray, start_s: float, times_s: np.ndarray) -> np.ndarray:
    """(l, f) at `RATE_HZ` from ``start_s`` on -> (t, f) through the haemodynamic response of Glover 1999, at some times.

    Each value is held for one frame; the kernel has a unit sum and begins at lag 0. Linear between frames.
    """
    return read_slow(slow_course(values), start_s, times_s)


def slow_course(values: np.ndarray) -> np.ndarray:
    """(l, f) -> (l + k, f), both at `RATE_HZ`: values through the response, for `read_slow`."""
    return scipy.signal.oaconvolve(values, _kernel()[:, None], axes=0)


def read_slow(slow: np.ndarray, start_s: float, times_s: np.ndarray) -> np.ndarray:
    """(t, f) A `slow_course` that begins at ``start_s``, at some times, linear between frames; 0 before and after it."""
    at = (times_s - start_s) * RATE_HZ
    before = np.floor(at + 1e-9).astype(int)  # on a frame, however times are rounded
    part = np.clip(at - before, 0, 1)[:, None]
    return (1 - part) * _frames(slow, before) + part * _frames(slow, before + 1)


def _frames(slow: np.ndarray, at: np.ndarray) -> np.ndarray:
    inside = (at >= 0) & (at < len(slow))
    return np.where(inside[:, None], slow[np.clip(at, 0, len(slow) - 1)], 0.0)


def impulse_responses(onsets_s: np.ndarray, times_s: np.ndarray) -> np.ndarray:
    """(t, n) What `responses` gives at some times for a value of 1 at each of some moments (n,), which may lie between frames."""
    kernel = _kernel()
    lags = (times_s[:, None] - onsets_s) * RATE_HZ
    return np.interp(lags, np.arange(-1, len(kernel) + 1), np.pad(kernel, 1), left=0.0, right=0.0)


@cache
def _kernel() -> np.ndarray:
    from nilearn.glm.first_level import glover_hrf  # takes a second to import

    return glover_hrf(1 / RATE_HZ, oversampling=1)


def nuisances(run: Run, entropy: list[int]) -> np.ndarray:
    """(t, p): the constant and slow cosines, then the motion of a head that ``entropy`` draws."""
    drifts = cosines(run.n_volumes, run.tr_s)
    return np.column_stack([drifts, motion(run.n_volumes, np.random.default_rng(entropy))])


def scan(
    run: Run,
    signal: np.ndarray,
    noise: SpatialNoise,
    *,
    noise_level: float,
    memory_s: float,
    entropy: list[int],
    draw: int,
) -> tuple[np.ndarray, np.ndarray]:
    """(t, v), (t, p): a run as scanned, and its nuisances. Another ``draw`` has other noise alone."""
    rng, regressors = np.random.default_rng([*entropy, draw + 1]), nuisances(run, entropy)
    temporal = scipy.linalg.cholesky(noise_over_time(run, memory_s), lower=True)
    data = BASELINE + signal + noise_level * (temporal @ noise.draw(run.n_volumes, rng))
    drifts, moves = np.split(regressors, [-N_MOTION], axis=1)
    return data + nuisance_effects(drifts[:, 1:], moves, data.shape[1], rng), regressors


def noise_over_time(run: Run, memory_s: float) -> np.ndarray:
    """(t, t) Covariance of the noise, of unit variance: autoregressive and white parts; no memory, all white."""
    if not memory_s:
        return np.eye(run.n_volumes)
    autocovariance = AR_SHARE * np.exp(-run.times_s / memory_s)
    autocovariance[0] = 1.0
    return scipy.linalg.toeplitz(autocovariance)


def grid_clips(run: Run, lengths_s: dict[str, float], splits: dict[str, str]) -> pd.DataFrame:
    """What is heard in a run on a grid of `CLIP_S`; what has no split is for training."""
    rows = [
        (stimulus, start_s, CLIP_S, onset_s + start_s, splits.get(stimulus, "train"), stimulus)
        for stimulus, onset_s in run.heard
        for start_s in np.arange(int(lengths_s[stimulus] / CLIP_S)) * CLIP_S
    ]
    return pd.DataFrame(rows, columns=["stimulus", "start_s", "duration_s", "time_s", "split", "group"])


def slow_covariance(runs: list[Run], values: dict[str, np.ndarray]) -> np.ndarray:
    """(f, f) Covariance over all volumes of some runs, once slow cosines are removed: what a mixture swings by."""
    cleaned = [residual_maker(cosines(run.n_volumes, run.tr_s)) @ courses(run, values) for run in runs]
    every = np.concatenate(cleaned)
    return every.T @ every / len(every)
