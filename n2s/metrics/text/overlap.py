"""Word error rate and BLEU-1 of many pairs of texts."""

import numpy as np

from n2s.metrics.edits import padded_edit_distances
from n2s.metrics.text.texts import Texts

_CHUNK = 2048  # pairs at once: 200 KB of the table of edits


def wer(found: Texts, true: Texts) -> np.ndarray:
    """(n,) Word error rates: insertions, deletions and substitutions per true word. 0 is best; with many insertions it is above 1.

    NaN where there is no true word.
    """
    n = checked(found, true)
    edits = np.zeros(n)
    for at in range(0, n, _CHUNK):
        one, other = trimmed(found[at : at + _CHUNK]), trimmed(true[at : at + _CHUNK])
        edits[at : at + _CHUNK] = padded_edit_distances(one.ids, one.length, other.ids, other.length)
    return np.divide(edits, true.length, out=np.full(n, np.nan), where=true.length > 0)


def bleu1(found: Texts, true: Texts) -> np.ndarray:
    """(n,) BLEU of single words: the share of decoded words that were said, each at most as often, times the brevity penalty.

    0 where nothing was decoded, NaN where there is no true word. No smoothing.

    References
    ----------
    Papineni et al. 2002, ACL.
    """
    checked(found, true)
    length = found.length.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        brevity = np.minimum(1.0, np.exp(1 - true.length / length))  # 1 where as long or longer
        score = np.where(length > 0, common(found, true) / length * brevity, 0.0)
    return np.where(true.length > 0, score, np.nan)


def common(found: Texts, true: Texts) -> np.ndarray:
    """(n,) How many words two texts share, each counted as often as it is in both."""
    n = checked(found, true)
    shared = np.zeros(n, np.int64)
    for at in range(0, n, _CHUNK):
        keys = [_keys(trimmed(one[at : at + _CHUNK])) for one in (found, true)]
        both = np.sort(np.concatenate(keys, axis=1), axis=1)
        shared[at : at + _CHUNK] = ((both[:, 1:] == both[:, :-1]) & (both[:, 1:] >= 0)).sum(1)
    return shared


def _keys(texts: Texts) -> np.ndarray:
    """(n, longest) a number for each word and each time that it comes; -1 where there is no word."""
    ids = np.sort(texts.ids, axis=1)
    places = np.arange(ids.shape[1])
    new = np.ones(ids.shape, bool)
    new[:, 1:] = ids[:, 1:] != ids[:, :-1]
    times = places - np.maximum.accumulate(np.where(new, places, 0), axis=1)
    return np.where(ids < 0, -1, (ids << 24) + times)  # no text has 2^24 words


def trimmed(texts: Texts) -> Texts:
    """Without columns in which no text has a word."""
    return Texts(texts.ids[:, : texts.length.max(initial=0)], texts.length)


def checked(found: Texts, true: Texts) -> int:
    """The number of pairs."""
    if len(found.ids) != len(true.ids):
        raise ValueError(f"{len(found.ids)} texts cannot be compared with {len(true.ids)}.")
    return len(found.ids)
