"""The scores of one subject and target: r with its null of shifted time, and windows told apart from mismatched ones."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from n2s.errors import UserError
from n2s.findings import tell
from n2s.metrics.attention import LENGTHS_S
from n2s.metrics.blocks import time_blocks
from n2s.metrics.correlation import column_correlation
from n2s.metrics.intervals import Interval, cluster_interval, cluster_share_interval
from n2s.metrics.jackknife import jackknife_interval
from n2s.metrics.match_mismatch import Matched, candidate_counts, match_windows
from n2s.metrics.moved_null import LEAST_MOVES, moved_null
from n2s.options import check_number
from n2s.systems.linear.reconstruct import Reconstruction
from n2s.systems.linear.score_lines import BLOCK_S, MOST_MOVED, line_of, mean_correlation, null_of, slow_blocks

FEWEST = 4  # numbers of a window, and windows
MANY = 200  # windows: so many turns of whole windows are enough for a null
#: Measure -> how its values are made: `r`, or `match` and `top-k` with the length of windows behind a comma.
R = "r"


@dataclass(frozen=True)
class Options:
    """How a test scores; see `n2s.systems.LinearDecoder`."""

    windows_s: tuple[float, ...]
    top_k: tuple[int, ...]
    shift_s: float
    n_shifts: int
    seed: int
    attention_s: tuple[float, ...] = LENGTHS_S

    def __post_init__(self) -> None:
        for length_s in self.windows_s:
            check_number("model.windows_s", length_s, above=0)
        for length_s in self.attention_s:
            check_number("model.attention_s", length_s, above=0)
        for k in self.top_k:
            check_number("model.top_k", k, low=1, whole=True)
        check_number("model.shift_s", self.shift_s, above=0)
        check_number("model.n_shifts", self.n_shifts, low=1, whole=True)
        if not self.windows_s:
            raise UserError("model.windows_s is empty; expected lengths of windows, s, such as [5.0].")


def subject_scores(
    found: Reconstruction, rate_hz: float, options: Options, where: str
) -> tuple[list[dict], pd.DataFrame]:
    """Every measure of one target, as lines of `n2s.systems.linear.result.DecodingResult.values`, and its windows.

    A measure that cannot be computed has the value NaN.
    """
    values, windows = [_correlation(found, rate_hz, options, where)], []
    for length_s in options.windows_s:
        places = _told_windows(found, rate_hz, length_s, where)
        if places is None:
            continue
        predicted, true = (_cut(one, places) for one in found.scaled())
        repeats = _Repeats(found, length_s)
        same = repeats.among(places[:, 0])
        if (candidate_counts(same, len(places)) < 2).any():
            told = f"windows of {length_s:g} s: all of them play the same moment, so that there is no mismatch. Hold out more (data.n_folds)."
            tell("left out", where, told)
            continue
        matched = match_windows(predicted, true, same, moved=_moved(found, places, repeats, rate_hz, options))
        start_s = found.table.time_s.to_numpy()[places[:, 0]]
        blocks = time_blocks(found.part[places[:, 0]], start_s, duration_s=length_s, least_s=max(length_s, BLOCK_S))
        values += _shares(matched, blocks, length_s, options.top_k, found.n_folds)
        windows.append(
            pd.DataFrame(
                {
                    "window_s": length_s,
                    "recording": found.table.recording.astype(str).to_numpy()[places[:, 0]],
                    "time_s": start_s,
                    "r": column_correlation(predicted.T, true.T),
                    "correct": matched.correct,
                    "rank": matched.ranks,
                    "n_candidates": matched.n_candidates,
                }
            )
        )
    return values, pd.concat(windows, ignore_index=True) if windows else pd.DataFrame()


def feature_r(found: Reconstruction, rows: np.ndarray | slice = slice(None)) -> np.ndarray:
    """(f,) r of each feature over some rows; NaN where prediction or truth is constant."""
    return column_correlation(found.levelled[rows], found.true[rows])


def mean_r(found: Reconstruction, rows: np.ndarray | slice = slice(None)) -> float | None:
    """The mean of `feature_r` over the features that have one; None if none does."""
    return mean_correlation(found.levelled[rows], found.true[rows])


def _correlation(found: Reconstruction, rate_hz: float, options: Options, where: str) -> dict:
    n = len(found.rows)
    blocks = slow_blocks(found.part, rate_hz)
    whole = jackknife_interval(lambda rows: mean_r(found, rows), blocks, bounds=(-1.0, 1.0))
    line = line_of(R, whole, n=n)
    known = np.isfinite(feature_r(found))
    if not known.any():
        return line
    null = moved_null(
        found.levelled[:, known],
        found.true[:, known],
        part=found.part,
        stretch=found.stretch,
        n_draws=options.n_shifts,
        seed=options.seed,
    )
    if not len(null):
        tell(
            "left out",
            where,
            f"the null of r, and its p: {n} held-out rows ({n / rate_hz:.3g} s) can be moved in time in fewer than {LEAST_MOVES} ways. Hold out more "
            "(data.n_folds).",
        )
    return line | null_of(whole.mean, null.mean(1), n_folds=found.n_folds, bounds=(-1.0, 1.0))


def _shares(matched: Matched, blocks: np.ndarray, length_s: float, top_k: Sequence[int], n_folds: int) -> list[dict]:
    several, n = len(np.unique(blocks)) > 1, int(np.median(matched.n_candidates))
    correct = matched.correct
    mean = Interval(float(correct.mean()), None, None)
    whole = cluster_interval(correct, blocks, bounds=(0.0, 1.0)) if several else mean
    null = null_of(whole.mean, matched.null_correct, n_folds=n_folds)
    found = [line_of(f"match, {length_s:g} s", whole, n=n, chance=0.5) | null]
    for k in top_k:
        if k >= n:
            continue
        hits = matched.top(k).astype(float)
        mean = Interval(float(hits.mean()), None, None)
        whole = cluster_share_interval(hits, blocks) if several else mean
        line = line_of(f"top-{k}, {length_s:g} s", whole, n=n, chance=matched.chance(k))
        found.append(line | null_of(whole.mean, matched.null_top(k), n_folds=n_folds))
    return found


def _told_windows(found: Reconstruction, rate_hz: float, length_s: float, where: str) -> np.ndarray | None:
    """The windows of a length in which the target changes; None if they are too few or too short."""
    n_rows = round(length_s * rate_hz)
    places = found.windows(max(n_rows, 1))
    changes = np.ptp(found.true[places], axis=1).max(1, initial=0) > 0
    if not changes.all():
        tell(
            "left out",
            where,
            f"{int((~changes).sum())} windows of {length_s:g} s in which nothing of the target changes.",
        )
    places = places[changes]
    if n_rows * int((found.scale > 0).sum()) < FEWEST or n_rows < 1 or len(places) < FEWEST:
        tell(
            "left out",
            where,
            f"windows of {length_s:g} s: its held-out rows hold {len(places)} of {n_rows} rows; at least {FEWEST} windows with {FEWEST} numbers are "
            "needed. Hold out more (data.n_folds), or change model.windows_s.",
        )
        return None
    return places


def _cut(values: np.ndarray, places: np.ndarray) -> np.ndarray:
    """(n, f) and (k, w) -> (k, w f) windows."""
    return values[places].reshape(len(places), -1)


def _moved(
    found: Reconstruction, places: np.ndarray, repeats: "_Repeats", rate_hz: float, options: Options
) -> Iterator[tuple[np.ndarray, np.ndarray | None]] | None:
    """The truth moved in a circle by ``shift_s`` or a window, or more, at the windows' places; None of many windows, or few rows."""
    n, true = len(found.rows), found.scaled()[1]
    least = max(int(np.ceil(options.shift_s * rate_hz)), places.shape[1])
    if len(places) >= MANY or 2 * least > n:
        return None
    turns = np.unique(np.linspace(least, n - least, min(options.n_shifts, MOST_MOVED)).round().astype(int))
    return ((_cut(np.roll(true, turn, 0), places), repeats.among((places[:, 0] - turn) % n)) for turn in turns)


class _Repeats:
    """Which windows play the same moment: repeats that are not averaged."""

    def __init__(self, found: Reconstruction, length_s: float):
        self._stimulus, self._length_s = pd.factorize(found.table.stimulus)[0], length_s
        self._start_s = found.table.stimulus_s.to_numpy()

    def among(self, first: np.ndarray) -> np.ndarray | None:
        """(k,) first rows -> (k, k) bool: windows of one stimulus that overlap in its time; None if none do."""
        stimulus, start_s = self._stimulus[first], self._start_s[first]
        near = np.abs(start_s[:, None] - start_s[None]) < self._length_s * (1 - 1e-6)
        same = near & (stimulus[:, None] == stimulus[None])
        np.fill_diagonal(same, True)
        return same if same.sum() > len(first) else None
