"""Which decoded words were said, nearly where they were decoded: the colours of a read-along."""

from collections.abc import Callable

import numpy as np

WITHIN_S = 5.0  # of a decoded word: how far the word that was said may be
CLOSE = 0.99  # quantile of the cosines of different words of the story: 1 pair in 100 is closer
SAME, STEM, NEAR, NONE = "same", "stem", "close", "none"


def matched(
    times_s: np.ndarray,
    words: list[str],
    true_times_s: np.ndarray,
    true_words: list[str],
    *,
    stem: Callable[[str], str],
    vectors: dict[str, np.ndarray],
    threshold: float,
) -> np.ndarray:
    """(n,) ``same``, ``stem``, ``close`` or ``none`` for each decoded word.

    A word that was said within `WITHIN_S` is matched once: first equal words, then equal stems, then close vectors; of several the nearest.

    Parameters
    ----------
    times_s, words
        (n,) Decoded.
    true_times_s, true_words
        (m,) What was said, times ascending.
    stem
        A word's stem.
    vectors
        Word -> its vector, of length 1 or 0.
    threshold
        Cosine from which on words are close.
    """
    kinds = np.full(len(words), NONE, dtype=object)
    first = np.searchsorted(true_times_s, np.asarray(times_s) - WITHIN_S)
    last = np.searchsorted(true_times_s, np.asarray(times_s) + WITHIN_S, side="right")
    counts = last - first
    i = np.repeat(np.arange(len(words)), counts)
    j = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(first, counts)
    if not len(i):
        return kinds
    gap = np.abs(np.asarray(times_s)[i] - np.asarray(true_times_s)[j])
    order = np.argsort(gap, kind="stable")
    i, j = i[order], j[order]
    forms = {word: place for place, word in enumerate(dict.fromkeys([*words, *true_words]))}
    stems: dict[str, int] = {}
    stem_of = np.array([stems.setdefault(stem(word), len(stems)) for word in forms])
    table = np.stack([vectors[word] for word in forms])
    own, said = (np.array([forms[word] for word in some]) for some in (words, true_words))
    levels = (
        (SAME, own[i] == said[j]),
        (STEM, stem_of[own[i]] == stem_of[said[j]]),
        (NEAR, np.einsum("pf,pf->p", table[own[i]], table[said[j]]) >= threshold),
    )
    free, free_true = np.ones(len(words), bool), np.ones(len(true_words), bool)
    for kind, equal in levels:
        for a, b in zip(i[equal].tolist(), j[equal].tolist(), strict=True):
            if free[a] and free_true[b]:
                kinds[a], free[a], free_true[b] = kind, False, False
    return kinds


def close_from(vectors: np.ndarray) -> float:
    """The cosine from which on two of these different words are close: `CLOSE` of all pairs are further apart; above 1 without pairs."""
    known = vectors[np.linalg.norm(vectors, axis=1) > 0.5]
    if len(known) < 3:
        return 2.0
    cosines = (known @ known.T)[np.triu_indices(len(known), 1)]
    return float(np.quantile(cosines, CLOSE))
