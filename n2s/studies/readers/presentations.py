"""The presentations of sounds that the rows of a table tell: each once, with the time at which it really ended."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from n2s.errors import UserError, first_of
from n2s.findings import tell
from n2s.studies.readers.file_lengths import compare_lengths
from n2s.studies.readers.overlaps import without_overlaps
from n2s.studies.readers.row_kinds import END
from n2s.studies.readers.stimuli import END_TOLERANCE_S, StimulusFolder
from n2s.studies.talkers import check_names

SAME_S = 0.005  # between two rows of one word or phone: nobody says it twice in this time
TWICE_S = 0.05  # between two rows of one playing of a sound: jitter, or two triggers of it
LATE_S = 1.0  # by which the end of a sound may be noted late


def told_once(rows: pd.DataFrame, where: str) -> pd.DataFrame:
    """The rows without those that repeat another within 5 ms: one kind, text, stimulus, speaker and talker; not those of sounds."""
    ordered = rows[~rows.kind.isin(["sound", END])].sort_values("onset", kind="stable")
    after_s = ordered.groupby(["kind", "text", "stimulus", "speaker", "attended"], sort=False).onset.diff()
    again = after_s.index[after_s <= SAME_S]
    if len(again):
        text = "rows that stand twice (one kind, text and stimulus at one time) are taken once."
        tell("corrected", f"{where} ({len(again)} of {len(rows)} rows)", text)
    return rows.drop(index=again)


def presentations(
    sounds: pd.DataFrame, ends: pd.DataFrame, stimuli: StimulusFolder, *, where: str, duration_s: float
) -> pd.DataFrame:
    """The rows of sounds as presentations, by onset: each once, none longer than it really played.

    - Rows of one stimulus that start within 50 ms at one place of it are one.
    - A sound ends at the row that says so (kind ``end``), and so does a talker beside it, unless the row says whose end it is; else after its duration; else (n/a or 0 s) with its file.
    - Rows that come in pairs, one at the start and one at the end, are one presentation a pair.
    - Overlaps: `n2s.studies.readers.overlaps.without_overlaps`. Lengths: `n2s.studies.readers.file_lengths.compare_lengths`.

    Parameters
    ----------
    sounds
        Rows of kind sound with their stimulus and stimulus_onset, ``said`` (their kind in the table) and ``line``; with other
        columns.
    ends
        Rows of kind ``end``; their stimulus may be "".
    stimuli
        How long the stimuli are.
    where
        The table.
    duration_s
        Length of the recording.

    Raises
    ------
    UserError
        It cannot be told which rows start a sound: two start it at once, an end without a start, a start or an end.
    """
    rows = sounds.sort_values("onset", kind="stable", ignore_index=True)
    rows["unsaid"] = rows.duration.isna() | (rows.duration == 0)
    rows["left_s"] = rows.stimulus.map(stimuli.length_s) - rows.stimulus_onset
    rows["noted_s"] = rows.duration.where(~rows.unsaid)
    check_names(rows.assign(duration=rows.duration.where(~rows.unsaid, rows.left_s)), where)
    rows = _once(rows, where)
    rows, second = _in_pairs(rows, duration_s, where)
    rows = _ended(rows, pd.concat([ends, second], ignore_index=True) if len(second) else ends, where)
    rows = rows.assign(duration=rows.duration.where(~rows.unsaid, rows.left_s))
    compare_lengths(rows, where)
    return without_overlaps(rows, where).drop(columns=["unsaid", "left_s", "noted_s"])


def _once(rows: pd.DataFrame, where: str) -> pd.DataFrame:
    clock = rows.onset - rows.stimulus_onset
    again = []
    for _, part in rows.groupby("stimulus", sort=False):
        last = part.index[0]
        for row in part.index[1:]:
            if rows.onset[row] - rows.onset[last] <= TWICE_S and abs(clock[row] - clock[last]) <= TWICE_S:
                again.append(row)
                if rows.unsaid[last] and not rows.unsaid[row]:
                    rows.loc[last, ["duration", "unsaid", "noted_s"]] = rows.loc[row, ["duration", "unsaid", "noted_s"]]
            else:
                last = row
    if again:
        text = "a sound that starts twice within 50 ms is one presentation, from the first of both rows."
        tell("corrected", f"{where} ({len(again)} of {len(rows)} sounds)", text)
    return rows.drop(index=again).reset_index(drop=True)


def _in_pairs(rows: pd.DataFrame, duration_s: float, where: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows without those that are the ends of their pairs, and those."""
    ends = []
    for _, part in rows.groupby("said"):
        first, second = part.iloc[::2], part.iloc[1::2]
        if not part.unsaid.all() or len(first) != len(second):
            continue
        apart_s = second.onset.to_numpy() - first.onset.to_numpy()
        left_s = first.left_s.to_numpy()
        pairs = (
            first[["stimulus", "stimulus_onset"]].to_numpy() == second[["stimulus", "stimulus_onset"]].to_numpy()
        ).all(1)
        if not (pairs & (apart_s <= left_s + LATE_S)).all():
            continue
        whole = apart_s >= left_s - END_TOLERANCE_S
        next_s = np.r_[first.onset.to_numpy()[1:], duration_s]
        room_s = next_s - second.onset.to_numpy()
        no_room = room_s < left_s - END_TOLERANCE_S  # to play it again from the second row
        if no_room.mean() >= 0.5 and (no_room & whole).any():
            ends += list(second.index)
        elif (np.abs(apart_s - left_s) <= TWICE_S).all() and not no_room.any():
            if len(first) > 1 and (np.abs(room_s - left_s)[:-1] <= TWICE_S).all():
                continue  # played again and again without a pause
            row = second.iloc[0]
            raise UserError(
                f"{where}, line {row.line}: '{row.stimulus}' is named again {apart_s[0]:.2f} s after line {first.line.iloc[0]}, when "
                "it is just over. Does it end there, or start again? If it ends, call such rows sound_end in trial_type, or "
                "drop them; if it starts again, give the durations."
            )
    return rows.drop(index=ends).reset_index(drop=True), rows.loc[ends]


def _ended(rows: pd.DataFrame, ends: pd.DataFrame, where: str) -> pd.DataFrame:
    ended: set[int] = set()
    short, late = [], []
    for end in ends.sort_values("onset", kind="stable").itertuples():
        own = rows.onset < end.onset
        if end.stimulus:
            own &= rows.stimulus == end.stimulus
        if not own.any() and not end.stimulus:
            continue  # of something else
        if not own.any():
            raise UserError(
                f"{where}, line {end.line}: '{end.said}' is taken for the end of a sound, but no row before it starts one of '{end.stimulus}'. "
                "If it starts there, call the row sound in trial_type, or give its duration (s)."
            )
        for row in _ending(rows[own], end):
            if row in ended:
                continue  # noted twice, or the end of what is over
            ended.add(row)
            noted_s = end.onset - rows.onset[row]
            expected_s = rows.left_s[row] if rows.unsaid[row] else rows.duration[row]
            if noted_s < expected_s - END_TOLERANCE_S:
                short += [] if rows.unsaid[row] and end.stimulus else [rows.line[row]]
                rows.loc[row, "duration"] = noted_s
            elif rows.unsaid[row]:
                rows.loc[row, "duration"] = min(noted_s, rows.left_s[row])
            elif noted_s > expected_s + LATE_S:
                late.append(rows.line[row])
            if rows.unsaid[row]:
                rows.loc[row, "noted_s"] = noted_s
            rows.loc[row, "unsaid"] = False
    if short:
        text = "sounds that end earlier than their duration or their file, by a row that says so, end there."
        tell("corrected", f"{where}, {_lines(short)}", text)
    if late:
        text = "sounds that end, by a row at their end, more than 1 s after their duration; the duration is taken."
        tell("odd", f"{where}, {_lines(late)}", text)
    return rows


def _ending(begun: pd.DataFrame, end: NamedTuple) -> list[int]:
    """The sounds that a row ends: the last that began before it; with the talkers beside it, unless the row says whose end it is."""
    if end.attended and (begun.attended == end.attended).any():
        begun = begun[begun.attended == end.attended]
    last = begun.iloc[-1]
    stop = begun.onset + begun.duration.where(~begun.unsaid, begun.left_s)
    newest = begun.groupby("attended").onset.transform("max")  # what a talker said before is over
    beside = (begun.attended != "") & (begun.onset >= newest - TWICE_S) & (stop > last.onset + END_TOLERANCE_S)
    if end.stimulus or not last.attended:
        beside &= False
    return [last.name, *begun.index[beside & (begun.index != last.name)]]


def _lines(lines: list[int]) -> str:
    return f"line{'s' * (len(lines) > 1)} {first_of(lines, 5, ', ...')}"
