"""The words of a stimulus: one table for all recordings, although each has its own clock."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.ndimage import median_filter

from n2s.errors import UserError
from n2s.findings import tell

NEAR_S = 1.0  # between two clocks of one stimulus: a late trigger, a drift over a story
SAME_S = 0.1  # between two records of one word once their clocks agree; a word is not repeated faster than this
BACK_S = 0.05  # by which time goes back where a stimulus starts again
LATE_S = 0.05  # between two clocks of one stimulus: more is told
SMOOTH = 31  # words over which two clocks are compared: triggers jitter one by one, clocks drift together


def canonical_words(
    tables: Sequence[pd.DataFrame], *, where: str = "", names: Sequence[str] | None = None
) -> pd.DataFrame:
    """Merge the words of a stimulus: one row per word, at one time for all recordings.

    Each presentation of the stimulus is one record of its words. The longest one is the reference. Each other clock is
    aligned to the reference by the running median of the differences of their words; one that shares only some words with it,
    as the next part of a story does at the seam, keeps its own times. Words with the same text within
    `SAME_S` are then one word, but never two words of one record. A word gets the median time of all records, so that
    jitter, rounding and drift do not duplicate it.

    Parameters
    ----------
    tables
        Word events of each recording: ``onset`` (its own clock), ``stimulus_onset`` (s in the audio), ``text``,
        ``duration``, ``sequence``.
    where, names
        The stimulus and the recordings, for messages.

    Returns
    -------
    Table of ``text``, ``onset`` (s in the audio), ``duration``, ``sequence``, sorted by onset; also the words that only
    some recordings have.

    Raises
    ------
    UserError
        Two recordings have the same words more than 1 s apart.
    """
    names = names or [""] * len(tables)
    tellings = [one for table, name in zip(tables, names, strict=True) for one in _tellings(table, name)]
    tellings.sort(key=lambda one: len(one.rows), reverse=True)
    first = tellings[0]
    known, text, known_s = [first.words()], first.text, first.time_s
    places, shifts = [known_s], [0.0]
    for telling in tellings[1:]:
        place, own_s, shift = _place(text, known_s, telling.text, telling.time_s)
        _check_clock(telling, first, shift, where)
        telling.late_s = shift
        new = place < 0
        if new.any():
            place[new] = len(known_s) + np.arange(new.sum())
            known.append(telling.words()[new])
            text, known_s = np.r_[text, telling.text[new]], np.r_[known_s, own_s[new]]
        row = np.full(len(known_s), np.nan)
        row[place] = own_s
        places.append(row)
        shifts.append(shift)
    _tell_clocks(tellings, where)
    every = np.full((len(places), len(known_s)), np.nan)
    for row, place in zip(every, places, strict=True):
        row[: len(place)] = place
    onset = np.nanmedian(every, axis=0) + np.median(shifts)
    words = pd.concat(known, ignore_index=True) if len(known) > 1 else known[0]
    return words.assign(onset=onset).sort_values("onset", kind="stable", ignore_index=True)


@dataclass
class _Telling:
    """One presentation of the stimulus: ``rows`` of a table in the order of ``time_s``, s in the audio."""

    table: pd.DataFrame
    rows: np.ndarray
    time_s: np.ndarray
    text: np.ndarray
    name: str = field(kw_only=True)
    late_s: float = field(default=0.0, kw_only=True)  # against the reference

    def words(self) -> pd.DataFrame:
        """See `canonical_words`."""
        found = self.table[["text", "stimulus_onset", "duration", "sequence"]].iloc[self.rows]
        return found.rename(columns={"stimulus_onset": "onset"}).reset_index(drop=True)


def _check_clock(telling: _Telling, first: _Telling, shift: float, where: str) -> None:
    if abs(shift) > NEAR_S:
        raise UserError(
            f"{where}: {telling.name} has its words {shift:+.2f} s from where {first.name} has the same words. Check stimulus_onset "
            "of sounds and words in both: seconds in the audio."
        )


def _tell_clocks(tellings: Sequence[_Telling], where: str) -> None:
    late_s = [one.late_s for one in tellings]
    apart_s = max(late_s) - min(late_s)
    if where and apart_s > LATE_S:
        early, late = (tellings[int(find(late_s))].name for find in (np.argmin, np.argmax))
        tell(
            "odd",
            f"{where} ({1000 * apart_s:.0f} ms between {early} and {late})",
            "recordings place the same words at other times of the sound; windows start at the median of all. If a trigger of the "
            "sound comes late in some, correct the onset of their sounds.",
        )


def _tellings(table: pd.DataFrame, name: str) -> list[_Telling]:
    time_s = table.stimulus_onset.to_numpy()
    text = np.array([one.strip().casefold() for one in table.text], dtype=object)
    order = np.lexsort((time_s, table.onset.to_numpy()))
    parts = np.split(order, np.flatnonzero(np.diff(time_s[order]) < -BACK_S) + 1)
    parts = [part[np.argsort(time_s[part], kind="stable")] for part in parts]
    return [_Telling(table, rows, time_s[rows], text[rows], name=name) for rows in parts]


def _place(
    known_text: np.ndarray, known_s: np.ndarray, text: np.ndarray, time_s: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float]:
    """(n,) index of the known word for each word of a record, -1: none; (n,) its time on their clock; its shift."""
    if len(text) == len(known_text) and (text == known_text).all():  # nearly always
        difference = time_s - known_s
        moved = _smooth(difference)
        if np.abs(difference - moved).max() < SAME_S:
            return np.arange(len(text)), time_s - moved, float(np.median(moved))
    known = pd.DataFrame({"text": known_text, "time_s": known_s, "known_s": known_s, "place": np.arange(len(known_s))})
    known = known.sort_values("time_s")
    told = pd.DataFrame({"text": text, "time_s": time_s})
    near = _nearest(told, known, NEAR_S)
    paired = near.known_s.notna().to_numpy()
    shift = 0.0
    if _enough(paired, time_s, np.sort(known_s)):
        moved = _smooth((time_s - near.known_s.to_numpy())[paired])
        shift = float(np.median(moved))
        time_s = time_s - np.interp(time_s, time_s[paired], moved)
    order = np.argsort(time_s, kind="stable")
    near = _nearest(told.assign(time_s=time_s).iloc[order], known, SAME_S)
    near["row"], near["away_s"] = order, (near.time_s - near.known_s).abs()
    same = near[near.place.notna()].sort_values("away_s", kind="stable").drop_duplicates("place")
    place = np.full(len(text), -1)
    place[same.row] = same.place
    return place, time_s, shift


def _enough(paired: np.ndarray, time_s: np.ndarray, known_s: np.ndarray) -> bool:
    """Whether words with an equal one near them are enough to compare two clocks: most of those among known words, and not few."""
    after = np.searchsorted(known_s, time_s)
    away_s = np.minimum(
        np.abs(time_s - known_s[np.clip(after - 1, 0, None)]),
        np.abs(known_s[np.clip(after, None, len(known_s) - 1)] - time_s),
    )
    among = away_s <= NEAR_S
    few = min(3, len(time_s))
    return paired.sum() >= max(few, among.sum() / 2) and (paired.sum() >= SMOOTH // 2 or among.mean() >= 0.5)


def _nearest(told: pd.DataFrame, known: pd.DataFrame, tolerance_s: float) -> pd.DataFrame:
    return pd.merge_asof(told, known, on="time_s", by="text", direction="nearest", tolerance=tolerance_s)


def _smooth(difference: np.ndarray) -> np.ndarray:
    return median_filter(difference, size=min(SMOOTH, len(difference)), mode="nearest")
