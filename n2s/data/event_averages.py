"""Averages of windows of one class: which windows make each."""

import numpy as np

from n2s.options import check_number


class Averages:
    """Groups of up to ``k`` windows of one class, drawn anew in each epoch. k = 1: each window is a group.

    The number of groups and the class of each do not change: an epoch draws which windows are in them. Each window is in one group, and
    the last group of a class may be smaller.

    Parameters
    ----------
    labels
        (n,) Class of each window.
    within
        (n,) Windows of different numbers (another subject, another recording) are never averaged.
    k
        Windows in a group.
    seed
        Of the draws.
    fixed
        Whether all epochs have the groups of the first.
    """

    def __init__(self, labels: np.ndarray, within: np.ndarray, k: int, *, seed: int, fixed: bool):
        check_number("data.average", k, low=1, whole=True)
        self.k, self.seed, self.fixed = k, seed, fixed
        self._rows = np.lexsort((np.arange(len(labels)), labels, within))
        key = np.stack([within[self._rows], labels[self._rows]], 1)
        new = np.r_[True, (key[1:] != key[:-1]).any(1)] if len(labels) else np.zeros(0, bool)
        begin = np.flatnonzero(new)
        self._sizes = np.diff(np.r_[begin, len(labels)])
        n_groups = -(-self._sizes // k)
        self.label = np.repeat(labels[self._rows[begin]], n_groups)  # (g,) of each group
        self.within = np.repeat(within[self._rows[begin]], n_groups)
        starts = [b + np.arange(n) * k for b, n in zip(begin, n_groups, strict=True)]
        self._first = np.concatenate([np.zeros(0, np.int64), *starts]).astype(np.int64)
        self._stop = np.append(self._first[1:], len(labels)).astype(np.int64)
        self._drawn: tuple[int, np.ndarray] | None = None

    def __len__(self) -> int:
        return len(self._first)

    def sizes(self) -> np.ndarray:
        """(g,) How many windows each group has."""
        return self._stop - self._first

    def windows(self, groups: np.ndarray, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """The windows of some groups: (m,) rows, and (m,) which of the groups each is in."""
        order, sizes = self._order(0 if self.fixed else epoch), self.sizes()[groups]
        which = np.repeat(np.arange(len(groups)), sizes)
        inside = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        return order[self._first[groups][which] + inside], which

    def _order(self, epoch: int) -> np.ndarray:
        """(n,) The windows, those of a class beside each other, in the order of this epoch."""
        if self.k == 1:
            return self._rows
        if self._drawn is None or self._drawn[0] != epoch:
            rng, begin = np.random.default_rng([self.seed, epoch]), np.cumsum(self._sizes) - self._sizes
            parts = [rng.permutation(self._rows[b : b + n]) for b, n in zip(begin, self._sizes, strict=True)]
            self._drawn = epoch, np.concatenate([np.zeros(0, np.int64), *parts])
        return self._drawn[1]
