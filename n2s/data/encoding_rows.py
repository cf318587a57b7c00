"""The rows of a subject: what was heard at each, and on which side of a fold it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from n2s.data.dealing import foreign, inside, last_stop, meets
from n2s.data.runs import Run
from n2s.data.spans import merged

JUST_S = 1e-6  # before the end of a stretch


@dataclass(frozen=True)
class Side:
    """(n,) bool ``train``, ``val`` and ``test`` rows of a subject in a fold; ``purged``: rows that would be in training."""

    train: np.ndarray
    val: np.ndarray
    test: np.ndarray
    purged: np.ndarray


def heard_rows(runs: Sequence[Run], dealt: Mapping[str, pd.DataFrame], before_s: float) -> pd.DataFrame:
    """One row per volume or sample of a subject: see `n2s.data.encoding_data.EncodingData.rows`, without ``split``.

    After a stimulus rows belong to it as long as its response lasts (``before_s``), then to nothing (``unit`` is ""). Also
    ``sound`` and ``clock_s``, the time of the sound, which goes on in the silence after it.
    """
    n_rows = runs[-1].rows.stop
    which = np.full(n_rows, -1)  # the stretch of each row
    clock_s, repeat, playing = np.full(n_rows, np.nan), np.zeros(n_rows, int), np.zeros(n_rows, bool)
    told: dict[str, list[tuple[float, float, int]]] = {}
    every = []
    for run in runs:
        own = dealt[run.name].sort_values("onset", kind="stable")
        stop_s = own.onset + own.duration
        bounds = _first_rows(run, np.stack([own.onset, stop_s, stop_s + before_s])).T.tolist()
        free = np.ones(run.n_rows, bool)  # not yet in a stretch: what goes on after those before may lie there
        for row, (first, stop, tail) in zip(own.itertuples(), bounds, strict=True):
            lasting = np.arange(stop, tail)[free[stop:tail]]
            rows = run.first + np.concatenate([np.arange(first, stop), lasting])
            which[rows] = len(every)
            clock_s[rows] = row.stimulus_onset + (rows - run.first) * run.step_s - row.onset
            repeat[rows] = number = _presentation(told.get(row.sound, []), row)
            told.setdefault(row.sound, []).append((row.stimulus_onset, row.stimulus_onset + row.duration, number))
            free[first:stop] = False
            every.append((row.story, row.stimulus, row.block, row.sound))
        plays = run.plays
        for first, stop in _first_rows(run, np.stack([plays.onset, plays.onset + plays.duration])).T.tolist():
            playing[run.first + first : run.first + stop] = True
    names = np.array([*every, ("",) * 4], object)  # the last: nothing is heard
    text = {name: _few(names[:, at], which) for at, name in enumerate(("story", "stimulus", "unit", "sound"))}
    lengths = [run.n_rows for run in runs]
    recording = pd.Categorical.from_codes(np.repeat(np.arange(len(runs)), lengths), [run.name for run in runs])
    time_s = np.concatenate([run.times_s for run in runs])
    found = {"recording": recording, "time_s": time_s, **text, "stimulus_s": np.where(playing, clock_s, np.nan)}
    found["unattended"] = _beside(runs)
    return pd.DataFrame(found | {"clock_s": clock_s, "repeat": repeat})


def _beside(runs: Sequence[Run]) -> pd.Categorical:
    """(n,) The stimulus that plays at each row and is not attended, the first of several; "": none."""
    names = [*dict.fromkeys(name for run in runs for name in run.beside.stimulus), ""]
    which = np.full(runs[-1].rows.stop, -1)
    for run in runs:
        beside = run.beside.iloc[::-1]
        bounds = _first_rows(run, np.stack([beside.onset, beside.onset + beside.duration]))
        for name, first, stop in zip(beside.stimulus, *bounds.tolist(), strict=True):
            which[run.first + first : run.first + stop] = names.index(name)
    return _few(np.array(names, object), which)


def _first_rows(run: Run, times_s: np.ndarray) -> np.ndarray:
    """The first row of a run at or after each moment."""
    return np.ceil(times_s / run.step_s - 1e-6).astype(int).clip(0, run.n_rows)


def _few(names: np.ndarray, which: np.ndarray) -> pd.Categorical:
    """(n,) names by number; runs have far more rows than names."""
    known, code = np.unique(names.astype(str), return_inverse=True)
    return pd.Categorical.from_codes(code[which], known)


def _presentation(told: list[tuple[float, float, int]], row: tuple) -> int:
    """How often this stretch of the sound was heard before: they share most of the shorter one."""
    start, stop = row.stimulus_onset, row.stimulus_onset + row.duration
    seen = [
        number for low, high, number in told if min(stop, high) - max(start, low) > 0.5 * min(stop - start, high - low)
    ]
    return max(seen) + 1 if seen else 0


def side_of(
    runs: Sequence[Run],
    dealt: Mapping[str, pd.DataFrame],
    spans: Mapping[str, Mapping[str, np.ndarray]],
    reach_s: tuple[float, float],
    trim_s: tuple[float, float],
) -> Side:
    """Which rows a model is fitted on and tested on in a fold, and which are purged.

    A row that depends on sound from ``before`` to ``after`` it (the response model) is in training only if none of that sound
    is held out or kept out for anybody, and if no test row is so near that both depend on one moment of sound, or on one recorded
    sample through the filters.

    Parameters
    ----------
    runs
        Of the subject.
    dealt
        Recording -> all of its intervals.
    spans
        Recording -> side -> (k, 2), as `n2s.data.dealing.sides` gives them.
    reach_s
        ``before`` and ``after``.
    trim_s
        Rows off both ends of each run.
    """
    found: dict[str, list[np.ndarray]] = {"train": [], "val": [], "test": [], "purged": []}
    before_s, after_s = reach_s
    for run in runs:
        table, own = dealt[run.name], spans[run.name]
        heard = merged(np.stack([table.onset, table.onset + table.duration], 1))
        times_s, usable = run.times_s, run.usable(trim_s)
        ended_s = last_stop(times_s, heard)
        silent = ~inside(times_s, heard)
        lasting = silent & (times_s - ended_s < before_s - 1e-9)
        # a row in silence is where the last moment of the sound before it is, as long as the response lasts
        moment_s = np.where(lasting, ended_s - JUST_S, times_s)
        known = ~silent | lasting
        test = inside(moment_s, own["test"]) & known
        val = inside(moment_s, own["val"]) & known & ~test
        train = inside(moment_s, own["train"]) & known & ~test & ~val
        usual = {"train": train & usable, "val": val & usable}
        kept = {}
        for name, others in (("val", [own["val"], own["train"]]), ("train", [own["train"]])):
            alien = merged(np.concatenate([foreign(heard, others), own["held"]]))
            near = run.filter_s + before_s, run.filter_s + after_s
            seen = meets(times_s - near[0], times_s + near[1], alien)
            dearer = times_s[test | val] if name == "train" else times_s[test]
            kept[name] = usual[name] & ~seen & ~_near(times_s, dearer, before_s + after_s + run.filter_s)
        found["train"].append(kept["train"])
        found["val"].append(kept["val"])
        found["test"].append(test & usable)
        found["purged"].append(usual["train"] & ~kept["train"] | usual["val"] & ~kept["val"])
    return Side(**{name: np.concatenate(parts) for name, parts in found.items()})


def _near(times_s: np.ndarray, others_s: np.ndarray, reach_s: float) -> np.ndarray:
    """(n,) bool: whether one of some moments, in order, is nearer than ``reach_s``."""
    if not len(others_s):
        return np.zeros(len(times_s), bool)
    at = np.searchsorted(others_s, times_s)
    before_s = times_s - others_s[(at - 1).clip(0)]
    after_s = others_s[at.clip(0, len(others_s) - 1)] - times_s
    apart_s = np.minimum(np.where(at > 0, before_s, np.inf), np.where(at < len(others_s), after_s, np.inf))
    return apart_s < reach_s - 1e-9


def alike(rows: pd.DataFrame, chosen: np.ndarray, step_s: float) -> np.ndarray:
    """(n,) for each of the ``chosen`` rows the first one at the same moment of the same sound, maybe itself; -1 for others.

    Beside the same sound, if two played at once.

    Presentations may lie differently on the rows' clock: the nearest row, at most half a row away, is the same moment. Two rows of
    one presentation never are.
    """
    found, numbers = np.full(len(rows), -1), np.flatnonzero(chosen)
    own = rows.iloc[numbers]
    since_s = own.clock_s - own.groupby("sound").clock_s.transform("first")
    own = pd.DataFrame(
        {
            "sound": own["sound"],
            "beside": own.unattended.cat.codes,
            "silent": own.stimulus_s.isna(),
            "moment": np.floor(since_s / step_s + 0.5 + 1e-6),
            "repeat": own["repeat"],
        }
    )
    own["again"] = own.groupby(list(own)).cumcount()  # the sound stood still, and went on
    which = own.groupby(["sound", "beside", "silent", "moment", "again"], sort=False).ngroup().to_numpy()
    first = np.unique(which, return_index=True)[1]
    found[numbers] = numbers[first[which]]
    return found


def stretches_of(rows: pd.DataFrame, reach_s: float) -> np.ndarray:
    """(n,) The stretch of each of some rows, in order: units that come nearer than ``reach_s`` in a run are of one; numbered from 0."""
    unit, run = rows.unit.cat.codes.to_numpy(), rows.recording.cat.codes.to_numpy()
    near = (np.diff(run) == 0) & (np.diff(rows.time_s.to_numpy()) < reach_s - 1e-9)
    pairs = (np.ones(near.sum()), (unit[:-1][near], unit[1:][near]))
    joined = connected_components(coo_array(pairs, shape=(unit.max(initial=-1) + 1,) * 2), directed=False)[1]
    return pd.factorize(joined[unit])[0]
