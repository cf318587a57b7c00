"""Which label a draw gives to which window: labels change places inside runs, in the same way for all people who have the same events."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

NUMBERS = 2**23  # of the arrays that draws make at once: 64 MB
MOST_GAPS = 0.1  # of a member's windows: with more gaps, turned labels lose that neighbours are alike
LOOKED_AT = 200  # draws that tell whether neighbours are alike


@dataclass(frozen=True, eq=False)
class LabelPlaces:
    """Where labels stay, and the place of each window there.

    A person may lack windows that others with the same events have: their places are in the run, but this person has nothing there. A draw
    puts the places of a run into one new order, the same for all. Where a window's new label would come from a place that the person lacks,
    the same order is followed on from there, to the first place that the person has. So everybody keeps all of their own labels, and of
    permuted labels every order stays as likely.

    Parameters
    ----------
    run
        (n,) Number of the run of each window: what labels stay in. People with the same events share runs.
    place
        (n,) Its place there, in order of time.
    sizes
        (runs,) Places of each run.
    copy
        (n,) Who comes back to a run, as in another session, has it several times: which time. Nobody has two windows in one place at one time.
    stretch
        Of each run (places,): places of one number change places together, in their order. None: each by itself.
    """

    run: np.ndarray
    place: np.ndarray
    sizes: np.ndarray
    copy: np.ndarray
    stretch: tuple[np.ndarray, ...] | None = None

    @classmethod
    def of(cls, runs: np.ndarray) -> "LabelPlaces":
        """Of one person: (n,) names of runs, windows of each in order of time."""
        run = np.unique(np.asarray(runs), return_inverse=True)[1].reshape(-1)
        place, sizes = np.zeros(len(run), np.int64), np.bincount(run)
        order = np.argsort(run, kind="stable")
        place[order] = np.arange(len(run)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        return cls(run, place, sizes, np.zeros(len(run), np.int64))

    def some(self, rows: np.ndarray) -> "LabelPlaces":
        """Those of some windows; runs stay as they are."""
        return replace(self, run=self.run[rows], place=self.place[rows], copy=self.copy[rows])

    def whole(self, labels: np.ndarray) -> "LabelPlaces":
        """The same, but that neighbours of one label (n,) change places together: stretches in another order."""
        found = []
        for run, size in enumerate(self.sizes.tolist()):
            own, rows = np.zeros(size, np.int64), self.run == run
            own[self.place[rows]] = labels[rows]
            found.append(np.cumsum(np.r_[False, own[1:] != own[:-1]]))
        return replace(self, stretch=tuple(found))

    def apart(self, person: np.ndarray) -> "LabelPlaces":
        """The same, but that members with many gaps have runs of their own: turns and stretches of theirs would break at every gap.

        Many: more gaps, each of one or more places in a row that the member lacks, than `MOST_GAPS` of the member's windows.

        Parameters
        ----------
        person
            (n,) Of each window.
        """
        run, place, copy, sizes = self.run.copy(), self.place.copy(), self.copy.copy(), self.sizes.tolist()
        who = np.unique(np.asarray(person), return_inverse=True)[1].reshape(-1)
        for rows in _groups(self.run, self.copy, who):
            there = np.zeros(self.sizes[self.run[rows[0]]], bool)
            there[self.place[rows]] = True
            if (np.diff(np.r_[True, there].astype(int)) < 0).sum() > MOST_GAPS * len(rows):
                run[rows], copy[rows], place[rows] = len(sizes), 0, np.argsort(np.argsort(self.place[rows]))
                sizes.append(len(rows))
        return replace(self, run=run, place=place, copy=copy, sizes=np.array(sizes, np.int64), stretch=None)

    @cached_property
    def members(self) -> dict[tuple[int, int], np.ndarray]:
        """Run, and which time -> the windows of one person."""
        return {(int(self.run[rows[0]]), int(self.copy[rows[0]])): rows for rows in _groups(self.run, self.copy)}

    def n_turns(self, least_shift: int) -> float:
        """How many different turns there are, over all runs together: p of turned labels cannot be below one by this, and one more."""
        found = [
            float(most - least + 1)
            for least, most in (_turns(int(self.sizes[run]), least_shift) for run in np.unique(self.run))
        ]
        return float(np.prod(found)) if found else 1.0


def permutations(
    labels: np.ndarray, runs: np.ndarray | LabelPlaces, n: int, seed: int, circular: bool = False, least_shift: int = 1
) -> Iterator[tuple[slice, np.ndarray]]:
    """Give parts of ``range(n)`` with the labels (m, windows) of each draw, in blocks: memory.

    Parameters
    ----------
    labels
        (n,) Of the windows of one person.
    runs
        (n,) What labels stay in; or `LabelPlaces`. Draw i of a run is the same for everybody who shares it.
    n, seed
        Draws, and their seed.
    circular
        Labels of a run are turned in a circle by a random number of places; else all orders are as likely.
    least_shift
        Places that labels are turned by at least (in short runs at least a third of them): more than neighbours are alike.
    """
    places = runs if isinstance(runs, LabelPlaces) else LabelPlaces.of(runs)
    rngs = {key: np.random.default_rng([seed, key[0]]) for key in places.members}
    step = max(1, NUMBERS // max(1, len(labels)))
    for at in range(0, n, step):
        m = min(step, n - at)
        drawn = np.empty((m, len(labels)), np.int64)
        for (run, copy), rows in places.members.items():
            stretch = None if places.stretch is None else places.stretch[run]
            order = _orders(int(places.sizes[run]), m, rngs[run, copy], circular, least_shift, stretch)
            there = np.full(order.shape[1], -1)
            there[places.place[rows]] = rows
            to = order[:, places.place[rows]]
            while (lost := there[to] < 0).any():
                to = np.where(lost, np.take_along_axis(order, to, 1), to)
            drawn[:, rows] = labels[there[to]]
        yield slice(at, at + m), drawn


def neighbours(labels: np.ndarray, places: LabelPlaces, person: np.ndarray, seed: int = 0) -> tuple[float, float]:
    """How many more windows have the label of the one before than by chance, and the variance of that by chance.

    Both add up over folds. More than twice the deviation: labels come in stretches, as words in blocks or sentences of one speaker do.

    Parameters
    ----------
    labels, person
        (n,)
    places
        Of the windows.
    seed
        Of the draws.
    """
    found, by_chance = 0, np.zeros(LOOKED_AT)
    for name in dict.fromkeys(np.asarray(person).tolist()):
        own = np.flatnonzero(np.asarray(person) == name)
        own = own[np.lexsort((places.place[own], places.copy[own], places.run[own]))]
        some, mine = places.some(own), labels[own]
        same = (some.run[1:] == some.run[:-1]) & (some.copy[1:] == some.copy[:-1])
        found += int(((mine[1:] == mine[:-1]) & same).sum())
        for part, drawn in permutations(mine, some, LOOKED_AT, seed):
            by_chance[part] += ((drawn[:, 1:] == drawn[:, :-1]) & same).sum(1)
    return float(found - by_chance.mean()), float(by_chance.var())


def _groups(*keys: np.ndarray) -> list[np.ndarray]:
    """The rows of each combination of keys (n,)."""
    order = np.lexsort(keys[::-1])
    new = np.any([np.diff(one[order]) != 0 for one in keys], axis=0)
    return np.split(order, np.flatnonzero(new) + 1) if len(order) else []


def _turns(size: int, least_shift: int) -> tuple[int, int]:
    """The least and the largest turn of a run."""
    least = min(least_shift, max(1, size // 3))
    return least, max(size - least, least)


def _orders(
    size: int, m: int, rng: np.random.Generator, circular: bool, least_shift: int, stretch: np.ndarray | None
) -> np.ndarray:
    """(m, size) The place that each place's label comes from."""
    if circular:
        least, most = _turns(size, least_shift)
        return (np.arange(size) + rng.integers(least, most + 1, size=(m, 1))) % size
    if stretch is not None:
        return np.argsort(rng.random((m, int(stretch[-1]) + 1))[:, stretch], axis=1, kind="stable")
    return rng.permuted(np.broadcast_to(np.arange(size), (m, size)), axis=1)
