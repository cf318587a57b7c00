"""Units of what was heard, dealt to folds: content in one unit is on one side for every listener."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from n2s.data.runs import Run
from n2s.data.shared import common
from n2s.data.spans import merged, minus
from n2s.data.splits import uniform
from n2s.errors import UserError
from n2s.findings import tell


def with_blocks(dealt: pd.DataFrame) -> pd.DataFrame:
    """The intervals of a split with ``block``: the name of the unit that is held out together.

    Units that were drawn together (the sentences of a block), and blocks that share a unit (a sentence that is in two), are one.
    """
    drawn = dealt.study + "\n" + dealt.drawn
    nodes, number = np.unique(np.concatenate([dealt.unit, drawn]), return_inverse=True)
    unit, place = number[: len(dealt)], number[len(dealt) :]
    graph = coo_array((np.ones(len(dealt)), (unit, place)), shape=(len(nodes), len(nodes)))
    component = connected_components(graph, directed=False)[1][unit]
    names = {}
    for index, rows in dealt.groupby(component):
        units = rows.unit.unique()
        names[index] = units[0] if len(units) == 1 else min(rows.drawn)
    if len(set(names.values())) < len(names):  # blocks of two studies
        names = {index: f"{name} {index}" for index, name in names.items()}
    return dealt.assign(block=pd.Series(component, dealt.index).map(names))


SMALLER = (
    "Take fewer folds, or a split with smaller units (SplitBySentence, or SplitByTime with as many split.n_folds)."
)


def deal(
    dealt: pd.DataFrame, n_folds: int, seed: int, *, option: str = "data.n_folds", remedy: str = SMALLER
) -> dict[str, int]:
    """The fold of each block: each listener's blocks are spread evenly, in an order that a hash of their names decides.

    Parameters
    ----------
    dealt
        With ``block``, ``subject``.
    n_folds, seed
        How many, and the seed of the order.
    option, remedy
        What sets their number, and what to do if there are too few units: for the message.

    Raises
    ------
    UserError
        There are fewer blocks than folds.
    """
    heard = dealt.groupby("block").subject.unique().to_dict()
    if len(heard) < n_folds:
        raise UserError(
            f"{option} is {n_folds}, but only {len(heard)} units (stories, or blocks of sentences) are held out whole: "
            f"{', '.join(sorted(heard)[:6])}. {remedy}"
        )
    counts = {subject: np.zeros(n_folds, int) for subject in dealt.subject.unique()}
    total, fold = np.zeros(n_folds, int), {}
    for block in sorted(heard, key=lambda name: uniform(name, seed)):
        own = sum(counts[subject] for subject in heard[block])
        fold[block] = int(np.lexsort((np.arange(n_folds), total, own))[0])
        total[fold[block]] += 1
        for subject in heard[block]:
            counts[subject][fold[block]] += 1
    few = sorted(name for name, one in counts.items() if (one == 0).any())
    if few:
        tell(
            "odd",
            option,
            f"{len(few)} subjects heard fewer units than there are folds, such as {few[0]}: they have fewer folds.",
        )
    return fold


def sides(parted: pd.DataFrame, runs: Mapping[str, Run]) -> dict[str, dict[str, np.ndarray]]:
    """Recording -> ``train``, ``val``, ``test`` (k, 2): its stretches that are on one side for everybody, s on its clock.

    Also ``held``: where it plays what is tested for anybody, whether its own events name it or not.

    Parameters
    ----------
    parted
        As `n2s.data.held_out.apart` gives it: what is held out for anybody is cut from everybody's training.
    runs
        By recording.
    """
    found = {name: {split: np.zeros((0, 2)) for split in ("train", "val", "test")} for name in runs}
    for (recording, split), rows in parted.groupby(["recording", "split"]):
        start = rows.onset.to_numpy()
        found[recording][split] = merged(np.stack([start, start + rows.duration.to_numpy()], 1))
    tested = {sound: merged(rows) for sound, rows in parted[parted.split == "test"].groupby("sound")}
    sound_of = dict(zip(parted.stimulus, parted["sound"], strict=True))
    for name, run in runs.items():
        held = [np.zeros((0, 2))]
        for row in run.played.itertuples():
            spans = tested.get(sound_of.get(row.stimulus))
            if spans is not None:
                heard = common(spans, np.array([[row.stimulus_onset, row.stimulus_onset + row.duration]]))
                held.append(heard + row.onset - row.stimulus_onset)
        found[name]["held"] = merged(np.concatenate(held))
    return found


def borders(dealt: pd.DataFrame, side: pd.Series) -> dict[str, np.ndarray]:
    """Sound -> the moments of it, s, where the side changes: no context of a feature may cross them.

    Parameters
    ----------
    dealt
        Intervals of all recordings.
    side
        Of each: the split, or the fold.
    """
    found = {}
    for sound, rows in dealt.assign(side=side.astype(str)).groupby("sound"):
        runs = sorted(
            (start, stop, name) for name, part in rows.groupby("side") for start, stop in merged(part).tolist()
        )
        found[sound] = np.unique(
            [(one[1] + other[0]) / 2 for one, other in zip(runs, runs[1:], strict=False) if one[2] != other[2]]
        )
    return found


def foreign(heard: np.ndarray, own: Sequence[np.ndarray]) -> np.ndarray:
    """(k, 2) What was heard and is not on a side, both in a recording."""
    return minus(heard, merged(np.concatenate(own)))


def inside(times_s: np.ndarray, spans: np.ndarray) -> np.ndarray:
    """(n,) bool: moments in ``[start, stop)`` of disjoint stretches in order, to a nanosecond's rounding."""
    at = np.searchsorted(spans[:, 0], times_s + 1e-9, "right") - 1
    return (at >= 0) & (times_s < spans[at.clip(0), 1] - 1e-9) if len(spans) else np.zeros(len(times_s), bool)


def meets(low_s: np.ndarray, high_s: np.ndarray, spans: np.ndarray) -> np.ndarray:
    """(n,) bool: whether [low, high] meets one of some disjoint stretches in order."""
    if not len(spans):
        return np.zeros(len(low_s), bool)
    at = np.searchsorted(spans[:, 1], low_s, "right")
    return (at < len(spans)) & (spans[at.clip(0, len(spans) - 1), 0] < high_s)


def last_stop(times_s: np.ndarray, heard: np.ndarray) -> np.ndarray:
    """(n,) the end of the last stretch that ended at or before each moment, -inf without one; ``heard`` is disjoint, in order."""
    at = np.searchsorted(heard[:, 1], times_s + 1e-9, "right") - 1
    return np.where(at >= 0, heard[at.clip(0), 1], -np.inf) if len(heard) else np.full(len(times_s), -np.inf)


def as_folds(dealt: pd.DataFrame, fold_of: Mapping[str, int], fold: int) -> pd.DataFrame:
    """The intervals with one fold as ``test``, all others as ``train``."""
    split = np.where(dealt.block.map(fold_of) == fold, "test", "train")
    return dealt.assign(split=split, used=True)
