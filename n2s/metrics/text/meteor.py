"""METEOR with exact and stem matches, for many pairs of texts; no synonyms, no paraphrases."""

from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

import numpy as np

from n2s.metrics.text.overlap import checked, common, trimmed
from n2s.metrics.text.texts import Texts

#: How it must be called: published METEOR matches synonyms, too.
LABEL = "METEOR (exact, stem)"
ALPHA, BETA, GAMMA = 0.9, 3.0, 0.5  # Lavie & Agarwal 2007
_CHUNK = 1024  # pairs at once
_STEPS = 2000  # of the search for the fewest chunks

Pair = tuple[int, int]


def meteor(found: Texts, true: Texts, found_stems: Texts, true_stems: Texts) -> np.ndarray:
    """(n,) METEOR: harmonic mean of precision and recall of matched words, recall counting nine times, less a penalty for broken order.

    As many words as possible are matched exactly, then as many of the others as possible by their stems; of all such alignments the one with
    the fewest chunks counts (a chunk: matched words that are neighbours in both texts). 0 where nothing matches, NaN where there is no true word.

    Parameters
    ----------
    found, true
        n texts each.
    found_stems, true_stems
        The same with the numbers of stems. Equal words have equal stems.

    References
    ----------
    Banerjee & Lavie 2005, ACL workshop; constants of Lavie & Agarwal 2007, WMT (alpha .9, beta 3, gamma .5).
    """
    checked(found, true)
    matches = common(found_stems, true_stems)  # each exact match is one of stems: those left over match, too
    chunks = matches - _most_joints(found, true, found_stems, true_stems)
    with np.errstate(divide="ignore", invalid="ignore"):
        precision, recall = matches / found.length, matches / true.length
        mean = precision * recall / (ALPHA * precision + (1 - ALPHA) * recall)
        score = mean * (1 - GAMMA * (chunks / matches) ** BETA)
    return np.where(true.length > 0, np.where(matches > 0, score, 0.0), np.nan)


def _most_joints(found: Texts, true: Texts, found_stems: Texts, true_stems: Texts) -> np.ndarray:
    """(n,) How many neighbours can be matched to neighbours: matches less chunks.

    A joint ``(i, j)`` matches words i and i + 1 of a decoded text to j and j + 1 of the true one. Where no two joints want one word for
    different words, all are taken; only the other texts are searched.
    """
    most = np.zeros(len(found.ids), np.int64)
    for at in range(0, len(most), _CHUNK):
        part = slice(at, at + _CHUNK)
        words, others = trimmed(found[part]).ids, trimmed(true[part]).ids
        stems, other_stems = trimmed(found_stems[part]).ids, trimmed(true_stems[part]).ids
        if min(words.shape[1], others.shape[1]) < 2:
            continue
        pairs, other_pairs = ((one[:, :-1] << 32) + one[:, 1:] for one in (stems, other_stems))
        pairs = np.where(stems[:, 1:] < 0, -1, pairs)
        other_pairs = np.where(other_stems[:, 1:] < 0, -2, other_pairs)
        text, i, j = np.nonzero(pairs[:, :, None] == other_pairs[:, None, :])
        by_stem = (words[text, i] != others[text, j]) | (words[text, i + 1] != others[text, j + 1])
        hard = np.unique(np.r_[text[by_stem], _contested(text, i, j), _contested(text, j, i)])
        most[part] = np.bincount(text, minlength=len(words))
        starts = np.searchsorted(text, [hard, hard + 1])
        stem_texts = set(text[by_stem].tolist())
        for row, first, last in zip(hard.tolist(), *starts.tolist(), strict=True):
            joints = list(zip(i[first:last].tolist(), j[first:last].tolist(), strict=True))
            if row in stem_texts:
                most[at + row] = _with_stems(joints, _Quotas(words[row].tolist(), others[row].tolist()))
            else:
                most[at + row] = sum(map(_known, map(_moved, _apart(joints))))
    return most


def _with_stems(joints: list[Pair], quotas: "_Quotas") -> int:
    """The most joints of a text in which some words match by their stems alone."""
    joints = [one for one in joints if quotas.allow(_pairs([one]))]
    groups = _apart(joints)
    if quotas.allow_all(_pairs(joints)):
        return sum(map(_known, map(_moved, groups)))
    # groups that need a quota are searched together, the others each by itself
    bound = [group for group in groups if quotas.by_stem(_pairs(group))]
    free = [group for group in groups if not quotas.by_stem(_pairs(group))]
    return sum(map(_known, map(_moved, free))) + _search(tuple(one for group in bound for one in group), quotas)


def _pairs(joints: Iterable[Pair]) -> set[Pair]:
    """The matched places of joints."""
    return {pair for i, j in joints for pair in ((i, j), (i + 1, j + 1))}


def _contested(text: np.ndarray, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """Texts in which word i, or the next, would have two partners."""
    order = np.lexsort((j, i, text))
    text, i, j = text[order], i[order], j[order]
    near = (text[1:] == text[:-1]) & (i[1:] - i[:-1] <= 1) & (j[1:] - i[1:] != j[:-1] - i[:-1])
    return text[1:][near]


def _against(one: Pair, other: Pair) -> bool:
    return one[1] - one[0] != other[1] - other[0] and (abs(one[0] - other[0]) <= 1 or abs(one[1] - other[1]) <= 1)


def _apart(joints: list[Pair]) -> list[list[Pair]]:
    """Groups of joints that exclude each other, directly or through others."""
    left, groups = list(joints), []
    while left:
        group, at = [left.pop()], 0
        while at < len(group):
            near = [one for one in left if _against(one, group[at])]
            left = [one for one in left if one not in near] if near else left
            group += near
            at += 1
        groups.append(group)
    return groups


def _moved(group: list[Pair]) -> tuple[Pair, ...]:
    """A group that begins at 0: equal ones are searched once."""
    low_i, low_j = min(i for i, _ in group), min(j for _, j in group)
    return tuple(sorted((i - low_i, j - low_j) for i, j in group))


@lru_cache(maxsize=2**16)
def _known(joints: tuple[Pair, ...]) -> int:
    return 1 if len(joints) == 1 else _search(joints, None)


class _Quotas:
    """Which words may match by stem: those left over where all exact matches are made."""

    def __init__(self, found: list[int], true: list[int]) -> None:
        self.found, self.true = found, true
        one, other = Counter(found), Counter(true)
        self.left, self.true_left = one - other, other - one

    def by_stem(self, pairs: set[Pair]) -> list[Pair]:
        """The pairs whose words differ."""
        return [(i, j) for i, j in pairs if self.found[i] != self.true[j]]

    def allow(self, pairs: set[Pair]) -> bool:
        """Whether these pairs of places leave room for all exact matches."""
        own = self.by_stem(pairs)
        if not own:
            return True
        used, true_used = Counter(self.found[i] for i, _ in own), Counter(self.true[j] for _, j in own)
        return used <= self.left and true_used <= self.true_left

    def allow_all(self, pairs: set[Pair]) -> bool:
        """Whether any choice of these pairs does."""
        own = self.by_stem(pairs)
        used = Counter(self.found[i] for i in {i for i, _ in own})
        return used <= self.left and Counter(self.true[j] for j in {j for _, j in own}) <= self.true_left


def _search(joints: tuple[Pair, ...], quotas: _Quotas | None) -> int:
    """The most joints that can be had together; the best found if there are more ways than `_STEPS`."""
    best, steps = 0, 0
    open_: list[tuple[tuple[Pair, ...], tuple[Pair, ...]]] = [
        (tuple(sorted(joints)), ())
    ]  # what is left, what is taken
    while open_ and steps < _STEPS:
        left, taken = open_.pop()
        best, steps = max(best, len(taken)), steps + 1
        if len(taken) + min(len({i for i, _ in left}), len({j for _, j in left})) <= best:
            continue
        here = [one for one in left if one[0] == left[0][0]]
        rest = left[len(here) :]
        open_.append((rest, taken))
        last = taken[-1][1] - taken[-1][0] if taken else None
        # what comes last is tried first: the joint that goes on where the last one ended, then the earliest
        here.sort(key=lambda one, last=last: (one[1] - one[0] == last, -one[1]))
        for one in here:
            new = (*taken, one)
            if quotas is None or quotas.allow(_pairs(new)):
                open_.append((tuple(other for other in rest if not _against(one, other)), new))
    return best
