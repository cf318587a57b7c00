"""Which runs of different people have the same events, and which window of one belongs to which of another."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher

import numpy as np

from n2s.metrics.label_draws import LabelPlaces

LEAST_SHARE = 0.5  # of the shorter run, and above chance where both have events: with fewer in common, two runs differ
ALIKE = 0.9  # of the shorter run: by time they are matched well enough
IN_ORDER, LEAST_RUN = 0.8, 0.1  # of the shorter run, and in one stretch of it: with less, an order is another by chance
NEAR_S, CLOCK_S = 0.1, 0.01  # between the same event on two clocks, and how well these are set by windows
ANCHORS = 20  # windows that clocks are set by
MOST_IN_ORDER = 500  # windows: longer runs are not matched by order
MOST_RUNS = 8  # of a name that are tried: those with most events in common


@dataclass
class _Run:
    """Events that several people have: what each is, when it is, and how often each person has them."""

    what: np.ndarray
    time_s: np.ndarray
    people: Counter[str] = field(default_factory=Counter)


def shared_places(
    part: np.ndarray, person: np.ndarray, what: np.ndarray, time_s: np.ndarray, name: np.ndarray
) -> LabelPlaces:
    """Places in runs that people share where their events are the same.

    Two runs are the same if the same events follow each other in both. They are also the same if they have one name and half of their events
    in common; where both have an event, it is the same more often than by chance. Events are matched by time, on clocks that may differ, or else by order. Some people may have
    lost windows. A story that a person hears twice is one run, which that person has twice. Runs of other events that are taken for the same
    do no harm where labels are permuted: their scores stay independent. Turns and stretches break there: see `LabelPlaces.apart`.

    Parameters
    ----------
    part
        (n,) What labels stay in, of each person: recording, fold and condition.
    person
        (n,)
    what
        (n,) What happens: equal for equal events.
    time_s
        (n,) When, on the recording's clock.
    name
        (n,) Of the run, where people's runs have names in common.
    """
    kind = np.unique(np.asarray(what), return_inverse=True)[1].reshape(-1)
    part, time_s = np.unique(np.asarray(part), return_inverse=True)[1].reshape(-1), np.asarray(time_s, np.float64)
    order = np.lexsort((time_s, part))
    begin = np.flatnonzero(np.r_[True, np.diff(part[order]) != 0]) if len(order) else np.zeros(0, int)
    run, event, copy = (np.zeros(len(part), np.int64) for _ in range(3))
    runs: list[_Run] = []
    by_events: dict[bytes, tuple[int, np.ndarray]] = {}
    by_name: dict[str, list[int]] = {}
    for rows in np.split(order, begin[1:]) if len(order) else []:
        who, called, events = str(person[rows[0]]), str(name[rows[0]]), kind[rows]
        number, at = _found(runs, by_events.get(events.tobytes()), by_name.get(called, ()), events, time_s[rows])
        if number is None:
            number, at = len(runs), np.arange(len(rows))
            runs.append(_Run(events, time_s[rows]))
        else:
            at = _joined(runs[number], at, events, time_s[rows])
        run[rows], event[rows], copy[rows] = number, at, runs[number].people[who]
        runs[number].people[who] += 1
        by_events.setdefault(events.tobytes(), (number, at))
        by_name.setdefault(called, []).append(number)
    place = np.empty(len(part), np.int64)
    rank = [np.argsort(np.argsort(one.time_s, kind="stable"), kind="stable") for one in runs]
    for number, own in enumerate(rank):
        mine = run == number
        place[mine] = own[event[mine]]
    return LabelPlaces(run, place, np.array([len(one.what) for one in runs], np.int64), copy)


def _found(
    runs: list[_Run], equal: tuple[int, np.ndarray] | None, named: Sequence[int], what: np.ndarray, time_s: np.ndarray
) -> tuple[int | None, np.ndarray | None]:
    """The run that has these events, and the event of each window there, -1: none; or (None, None)."""
    if equal is not None:
        return equal
    for number in _nearest_runs(runs, list(dict.fromkeys(named)), what):
        at = aligned(runs[number].what, runs[number].time_s, what, time_s)
        n = (at >= 0).sum()
        least = LEAST_SHARE + (1 - LEAST_SHARE) * _by_chance(runs[number].what, what)
        if n >= LEAST_SHARE * min(len(at), len(runs[number].what)) and n >= least * (n + _in_place(runs[number], at)):
            return number, at
    return None, None


def _in_place(run: _Run, at: np.ndarray) -> int:
    """How many windows have another event in their place: between two events in common, both have something else there."""
    known, rank = np.flatnonzero(at >= 0), np.argsort(np.argsort(run.time_s, kind="stable"))
    own = np.diff(np.r_[-1, known, len(at)])
    other = np.diff(np.r_[-1, rank[at[known]], len(rank)])
    return int((np.minimum(own, other) - 1).clip(0).sum())


def _by_chance(what: np.ndarray, other: np.ndarray) -> float:
    """Share of events that are of one kind in both by chance; 0 if there is one kind alone, which only times can tell apart."""
    one, two = (Counter(kinds.tolist()) for kinds in (what, other))
    if len(one | two) < 2:
        return 0.0
    return sum(n * two[kind] for kind, n in one.items()) / (len(what) * len(other))


def _nearest_runs(runs: list[_Run], named: list[int], what: np.ndarray) -> list[int]:
    """Those with most events in common, where there are more than can be tried."""
    if len(named) <= MOST_RUNS:
        return named
    own = Counter(what.tolist())
    common = [(own & Counter(runs[one].what.tolist())).total() / min(len(what), len(runs[one].what)) for one in named]
    return [named[one] for one in np.argsort(-np.array(common), kind="stable")[:MOST_RUNS]]


def _joined(run: _Run, at: np.ndarray, what: np.ndarray, time_s: np.ndarray) -> np.ndarray:
    """Add the events that the run lacks; the event of each window."""
    lost = np.flatnonzero(at < 0)
    if not len(lost):
        return at
    known = np.flatnonzero(at >= 0)
    near = known[_nearest(time_s[known], time_s[lost])]
    new_s = run.time_s[at[near]] + time_s[lost] - time_s[near]
    at = at.copy()
    at[lost] = len(run.what) + np.arange(len(lost))
    run.what, run.time_s = np.r_[run.what, what[lost]], np.r_[run.time_s, new_s]
    return at


def aligned(what: np.ndarray, time_s: np.ndarray, other: np.ndarray, other_s: np.ndarray) -> np.ndarray:
    """(m,) Which event each of the other windows is, -1: none.

    Parameters
    ----------
    what, time_s
        (n,) Events, and their times.
    other, other_s
        (m,) The same of another person, in order of time, whose clock may have begun earlier or later.
    """
    by_time = _by_time(what, time_s, other, other_s)
    least = ALIKE * min(len(what), len(other))
    if (by_time >= 0).sum() >= least or max(len(what), len(other)) > MOST_IN_ORDER:
        return by_time
    order = np.argsort(time_s, kind="stable")
    found = SequenceMatcher(None, what[order].tolist(), other.tolist(), False)
    if found.find_longest_match().size < LEAST_RUN * len(other):
        return by_time
    by_order = np.full(len(other), -1)
    for first, second, n in found.get_matching_blocks():
        by_order[second : second + n] = order[first : first + n]
    return by_order if (by_order >= 0).sum() >= IN_ORDER * min(len(what), len(other)) else by_time


def _by_time(what: np.ndarray, time_s: np.ndarray, other: np.ndarray, other_s: np.ndarray) -> np.ndarray:
    """The nearest event of the kind, by the clock that sets most windows right."""
    anchors = np.unique(np.linspace(0, len(other) - 1, ANCHORS).round().astype(int))
    late = np.sort(np.concatenate([other_s[one] - time_s[what == other[one]] for one in anchors]))
    found = np.full(len(other), -1)
    if not len(late):
        return found
    within = np.searchsorted(late, late + CLOCK_S, "right") - np.arange(len(late))
    best = int(within.argmax())
    wanted = other_s - np.median(late[best : best + within[best]])
    event = _nearest(time_s, wanted)
    gap = np.abs(time_s[event] - wanted)
    fits = np.flatnonzero((gap <= NEAR_S) & (what[event] == other))
    fits = fits[np.argsort(gap[fits], kind="stable")]
    first = fits[np.unique(event[fits], return_index=True)[1]]
    found[first] = event[first]
    return found


def _nearest(time_s: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """(m,) Which of the times is the nearest to each of those that are wanted."""
    order = np.argsort(time_s, kind="stable")
    own = time_s[order]
    right = np.searchsorted(own, wanted).clip(0, len(own) - 1)
    left = (right - 1).clip(0)
    return order[np.where(np.abs(own[left] - wanted) <= np.abs(own[right] - wanted), left, right)]
