"""Timing of a window, known without a brain: its start, and the length of the word and sentence there."""

import numpy as np

from n2s.studies.study import Stimulus


def timing(stimulus: Stimulus, starts_s: np.ndarray) -> np.ndarray:
    """(n,) starts, s in the stimulus -> (n, 5) float32.

    Start in the story, its logarithm, time since the sentence began, length of the sentence, length of the word (s; 0
    if the study has no words).
    """
    start = np.asarray(starts_s, np.float64)
    since, sentence, word = np.zeros_like(start), np.zeros_like(start), np.zeros_like(start)
    words = stimulus.words
    if len(words):
        last = np.clip(np.searchsorted(words.onset.to_numpy(), start + 1e-6) - 1, 0, None)
        word = words.duration.to_numpy()[last]
        change = words.sequence.ne(words.sequence.shift()).cumsum()
        first_s = words.onset.groupby(change).transform("min").to_numpy()[last]
        stop_s = (words.onset + words.duration).groupby(change).transform("max").to_numpy()[last]
        since, sentence = start - first_s, stop_s - first_s
    return np.stack([start, np.log1p(start.clip(0)), since, sentence, word], axis=1).astype(np.float32)
