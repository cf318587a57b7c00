"""An encoding model of one person's MEG as a decoder, on the windows of pairs."""

import numpy as np
from torch import Tensor

from n2s.data.paired import PairedDataModule
from n2s.systems.contrastive.encoding_model import WindowDecoder, fitted_decoder
from n2s.systems.contrastive.window_rows import lags, read_windows

MOST_SAMPLES = 150_000  # that a model is fitted on: 50 minutes at 50 Hz
LEAST_SOUNDS = 2  # in training


def meg_rows(data: PairedDataModule, subject: str, split: str) -> np.ndarray:
    """(n,) The windows of MEG of a person (``study/id``): numbers among `PairedDataModule.meg_windows`."""
    used = data.pairs[split].meg.to_numpy()
    windows = data.meg_windows[split]
    return np.flatnonzero((windows.of_interval("subject") == subject) & np.isin(windows.rows, used[used >= 0]))


def fit_meg(data: PairedDataModule, subject: str) -> WindowDecoder:
    """Fit one person; of fewer than `LEAST_SOUNDS` training sounds `ValueError`."""
    windows = data.meg_windows["train"]
    rows = training_windows(data, subject)
    group = windows.of_interval("group_index")[rows]
    if len(np.unique(group)) < LEAST_SOUNDS:
        raise ValueError(f"{len(np.unique(group))} sounds; expected {LEAST_SOUNDS} or more")
    return fitted_decoder(*read_windows(data, "train", rows), group, lags(data))


def training_windows(data: PairedDataModule, subject: str) -> np.ndarray:
    """(n,) Windows of MEG that share no time with each other, at most as many as make `MOST_SAMPLES`, evenly spread."""
    rows, windows = meg_rows(data, subject, "train"), data.meg_windows["train"]
    recording, start_s = windows.of_interval("recording_index")[rows], windows.start_s[rows]
    order = np.lexsort((start_s, windows.interval[rows], recording))
    chosen, place, free_s = [], None, -np.inf
    for at in order:
        now = recording[at], windows.interval[rows[at]]
        if now != place or start_s[at] >= free_s - 1e-6:
            chosen.append(rows[at])
            place, free_s = now, start_s[at] + data.shape.window_s + windows.jitter_s
    most = max(2, MOST_SAMPLES // data.shape.n_times)
    return np.array(chosen)[np.unique(np.linspace(0, len(chosen) - 1, min(len(chosen), most)).astype(int))]


def meg_scores(data: PairedDataModule, model: WindowDecoder, subject: str, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Windows (n,) of MEG of a person (rows of `window_table`), and their log-likelihoods (n, k) under the unique segments of the split."""
    rows = meg_rows(data, subject, split)
    brain, _ = read_windows(data, split, rows)
    candidates: Tensor = data.segment_targets(split).float().cpu()
    return data.meg_windows[split].rows[rows], model.scores(candidates, brain, lags(data)).numpy()
