"""How far to trust an alignment: words that hardly sound like themselves, words in silence, speech that no word covers."""

import numpy as np
import pandas as pd

from n2s.alignment.aligner import SFREQ

_HOP = 160  # samples: 10 ms
_BELOW_DB = 20.0  # speech is at most so far below the level of the words
_OUTSIDE_S = 0.3  # shorter sounds between words are their edges
_LONGEST_S = 2.0  # of a word


def doubts(audio: np.ndarray, words: pd.DataFrame, doubtful_behind: float) -> tuple[pd.Series, float]:
    """Problems of each word, and the seconds of speech outside all words.

    Parameters
    ----------
    audio
        (n,) At `SFREQ`.
    words
        ``onset``, ``duration`` (s), ``score``, as `Aligner.align` gives them.
    doubtful_behind
        Of the aligner.

    Returns
    -------
    why
        Of each word: "" or ``score``, ``silent``, ``long``.
    outside_s
        Seconds of sound as loud as speech in stretches of at least 0.3 s that no word covers.
    """
    level = _level_db(audio)
    first = (words.onset * SFREQ / _HOP).round().astype(int).clip(0, len(level) - 1)
    last = ((words.onset + words.duration) * SFREQ / _HOP).round().astype(int).clip(1, len(level))
    covered = np.zeros(len(level), bool)
    loudest = np.empty(len(words))
    for row, (start, stop) in enumerate(zip(first, last, strict=True)):
        covered[start:stop] = True
        loudest[row] = level[start : max(stop, start + 1)].max()
    threshold = np.median(loudest) - _BELOW_DB
    why = pd.Series("", index=words.index).mask(words.duration > _LONGEST_S, "long")
    why = why.mask(words.score < words.score.median() - doubtful_behind, "score").mask(loudest < threshold, "silent")
    outside = np.diff(np.flatnonzero(np.diff(np.r_[0, (level > threshold) & ~covered, 0])))[::2] * _HOP / SFREQ
    return why, float(outside[outside >= _OUTSIDE_S].sum())


def _level_db(audio: np.ndarray) -> np.ndarray:
    """(n,) -> one value in 10 ms."""
    whole = np.pad(audio, (0, -len(audio) % _HOP)).reshape(-1, _HOP)
    return 10 * np.log10((whole.astype(np.float64) ** 2).mean(axis=1) + 1e-10)
