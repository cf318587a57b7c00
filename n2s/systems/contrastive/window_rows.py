"""Training windows as rows, for linear models beside the network: they see what it sees."""

import math

import numpy as np
import torch
from torch import Tensor

from n2s.data.meg import MEGDataModule

LAGS_S = (0.0, 0.5)  # of the brain after the sound
STEP_S = 0.04  # between two lags, or a sample: speech and its response change little faster
MOST_ROWS = 30_000  # brain samples that a listener's model is fitted on
CHUNK = 128  # windows read at once


def some_windows(data: MEGDataModule, rows: np.ndarray) -> np.ndarray:
    """At most as many of a listener's windows as make `MOST_ROWS`, evenly spread."""
    most = max(2, MOST_ROWS // data.shape.n_times)
    return rows[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), most)).astype(int))]


def read_windows(data: MEGDataModule, split: str, rows: np.ndarray) -> tuple[Tensor, Tensor]:
    """Brain (n, c, t) and target (n, f, t) of some windows."""
    batches = [data.reader(split).batch(part) for part in np.array_split(rows, -(-len(rows) // CHUNK))]
    brain = torch.cat([batch.brain.float().cpu() * batch.mask.cpu()[..., None] for batch in batches])
    return brain, torch.cat([batch.target.float().cpu() for batch in batches])


def components(values: Tensor, n: int, *, unit: bool = False) -> tuple[Tensor, Tensor]:
    """(m, p) -> principal axes (p, at most n), with ``unit`` scaled to components of variance 1; and the mean (p,)."""
    mean = values.mean(0)
    centred = values - mean
    variance, axes = torch.linalg.eigh((centred.T @ centred / len(values)).double())
    # bad sensors and those that are sums of others have no axis
    n = min(n, int((variance > 1e-5 * variance[-1]).sum()))
    variance, axes = variance.flip(0)[:n], axes.flip(1)[:, :n]
    return (axes / variance.sqrt() if unit else axes).float(), mean


def lags(data: MEGDataModule) -> np.ndarray:
    """Samples from a frame of a window's target to the brain that responds to it: the brain is paired ``offset_s`` later."""
    sfreq, offset_s = data.shape.sfreq, data.shape.offset_s
    first, last = math.ceil((LAGS_S[0] - offset_s) * sfreq - 1e-6), math.floor((LAGS_S[1] - offset_s) * sfreq + 1e-6)
    return np.arange(first, last + 1, max(1, round(STEP_S * sfreq)))


def lagged(frames: Tensor, delays: np.ndarray) -> Tensor:
    """(n, t, d) -> (n, t, k * d): at each sample the frames ``delays`` (k,) samples later; 0 outside the window."""
    t, found = frames.shape[1], frames.new_zeros(*frames.shape[:2], len(delays), frames.shape[2])
    for place, delay in enumerate(delays.tolist()):
        if abs(delay) < t:
            found[:, max(-delay, 0) : t - max(delay, 0), place] = frames[:, max(delay, 0) : t + min(delay, 0)]
    return found.flatten(2)
