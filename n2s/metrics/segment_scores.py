"""How alike each response is to each candidate segment: what a retrieval run leaves for others, and how two runs' rows are matched."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from n2s.metrics.result import Saved

WINDOW_COLUMNS = ("subject", "recording", "start_s")
CANDIDATE_COLUMNS = ("sound", "stimulus", "start_s", "duration_s")
APART_S = 1.0  # of one response in two runs: preparations may cut a recording's start otherwise
TRAINED_COLUMNS = ("sound", "start_s", "stop_s")


@dataclass(eq=False)
class SegmentScores(Saved):
    """The scores of a split of one retrieval run.

    Parameters
    ----------
    split
        ``val`` or ``test``.
    modality
        Of the responses.
    similarity
        (n, k) float32: the higher, the more alike.
    target
        (n,) Index of each row's true candidate.
    windows
        n rows: ``subject`` (``study/id``), ``recording`` (``study/name``), ``start_s`` (on the recording's clock).
    candidates
        k rows, unique segments: ``sound`` (identity: a hash of the decoded samples), ``stimulus``, ``start_s`` (in the sound), ``duration_s``.
    trained
        The stretches of sounds that the run was trained on: ``sound``, ``start_s``, ``stop_s``.
    """

    split: str
    modality: Literal["meg", "fmri"]
    similarity: np.ndarray
    target: np.ndarray
    windows: pd.DataFrame
    candidates: pd.DataFrame
    trained: pd.DataFrame

    def __post_init__(self) -> None:
        self.similarity = np.asarray(self.similarity, np.float32)
        self.target = np.asarray(self.target, np.int64)
        self.windows = self.windows.reset_index(drop=True)
        self.candidates = self.candidates.reset_index(drop=True)
        n, k = len(self.windows), len(self.candidates)
        if self.similarity.shape != (n, k) or self.target.shape != (n,):
            raise ValueError(
                f"similarity {self.similarity.shape} and target {self.target.shape} do not fit {n} windows and {k} candidates."
            )
        if n and (self.target.min() < 0 or self.target.max() >= k):
            raise ValueError(f"target holds {self.target.min()} to {self.target.max()}; there are {k} candidates.")
        for name, columns in (
            ("windows", WINDOW_COLUMNS),
            ("candidates", CANDIDATE_COLUMNS),
            ("trained", TRAINED_COLUMNS),
        ):
            missing = [column for column in columns if column not in getattr(self, name)]
            if missing:
                raise ValueError(f"{name} lack the columns {missing}.")


def matched_segments(own: pd.DataFrame, given: pd.DataFrame, same_s: float) -> np.ndarray:
    """(k,) The row of ``given`` that is the same segment as each row of ``own``: the same sound, and starts nearer than ``same_s``. -1: none.

    Both have the columns ``sound`` and ``start_s``.
    """
    found = np.full(len(own), -1)
    start_s = given.start_s.to_numpy(float)
    rows_of = given.reset_index(drop=True).groupby("sound").indices
    for sound, mine in own.reset_index(drop=True).groupby("sound").indices.items():
        if sound not in rows_of:
            continue
        rows = rows_of[sound][np.argsort(start_s[rows_of[sound]], kind="stable")]
        at_s, known = own.start_s.to_numpy(float)[mine], start_s[rows]
        right = np.clip(np.searchsorted(known, at_s), 0, len(rows) - 1)
        left = np.maximum(right - 1, 0)
        near = np.where(np.abs(known[left] - at_s) <= np.abs(known[right] - at_s), left, right)
        found[mine] = np.where(np.abs(known[near] - at_s) < same_s, rows[near], -1)
    return found


def matched_rows(own: pd.DataFrame, given: pd.DataFrame) -> np.ndarray:
    """(n,) The row of ``given`` that is the same response as each row of ``own``; -1: none.

    Both have ``subject``, ``segment`` (-1: never the same), ``recording`` and ``start_s``. Where both have recordings of one name, a response is the
    one that starts nearest, less than `APART_S` away. Where the two call recordings otherwise, responses to one segment are matched in their order.
    """
    own, given = own.reset_index(drop=True), given.reset_index(drop=True)
    named = bool(set(own.recording) & set(given.recording))
    if named:
        return _nearest_rows(own, given)
    key = ["subject", "segment"]
    tables = []
    for table in (own, given):
        some = table[table.segment >= 0].sort_values(["recording", "start_s"], kind="stable")
        tables.append(some.assign(turn=some.groupby(key).cumcount(), row=some.index)[[*key, "turn", "row"]])
    both = tables[0].merge(tables[1], on=[*key, "turn"], suffixes=("", "_given"))
    found = np.full(len(own), -1)
    found[both.row.to_numpy()] = both.row_given.to_numpy()
    return found


def _nearest_rows(own: pd.DataFrame, given: pd.DataFrame) -> np.ndarray:
    key = ["subject", "segment", "recording"]
    tables = [
        table[table.segment >= 0].assign(row=lambda some: some.index)[[*key, "start_s", "row"]]
        for table in (own, given)
    ]
    both = tables[0].merge(tables[1], on=key, suffixes=("", "_given"))
    both = both.assign(apart_s=(both.start_s - both.start_s_given).abs()).sort_values("apart_s", kind="stable")
    both = both[both.apart_s < APART_S].drop_duplicates("row").drop_duplicates("row_given")
    found = np.full(len(own), -1)
    found[both.row.to_numpy()] = both.row_given.to_numpy()
    return found


def matched_people(own: Sequence[str], given: Sequence[str]) -> dict[str, str]:
    """Which of the subjects ``given`` each of ``own`` is: the same ``study/id``; else the same id, where it is unique on both sides."""
    found = {name: name for name in own if name in set(given)}
    ids = [[name.split("/", 1)[-1] for name in names] for names in (own, given)]
    place = dict(zip(ids[1], given, strict=True))
    return found | {
        name: place[one]
        for name, one in zip(own, ids[0], strict=True)
        if name not in found and ids[0].count(one) == 1 and ids[1].count(one) == 1 and place[one] not in found
    }


def overlaps(segments: pd.DataFrame, stretches: pd.DataFrame, more_s: float) -> np.ndarray:
    """(k,) bool: which segments (``sound``, ``start_s``, ``duration_s``) share more than ``more_s`` with a stretch (``sound``, ``start_s``, ``stop_s``)."""
    found = np.zeros(len(segments), bool)
    of = stretches.reset_index(drop=True).groupby("sound").indices
    start_s, stop_s = stretches.start_s.to_numpy(float), stretches.stop_s.to_numpy(float)
    for sound, mine in segments.reset_index(drop=True).groupby("sound").indices.items():
        rows = of.get(sound, np.zeros(0, np.int64))
        begin = segments.start_s.to_numpy(float)[mine][:, None]
        end = begin + segments.duration_s.to_numpy(float)[mine][:, None]
        shared_s = np.minimum(end, stop_s[rows]) - np.maximum(begin, start_s[rows])
        found[mine] = (shared_s > more_s).any(1)
    return found
