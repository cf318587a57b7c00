"""Presentations of sounds that overlap: started again, cut off by the next one, told whole and in parts, or played together."""

import pandas as pd

from n2s.errors import UserError, first_of
from n2s.findings import tell
from n2s.studies.readers.stimuli import END_TOLERANCE_S

CLOCK_S = 0.05  # two rows with clocks this near tell one playing of a sound
SOON_S = 1.0  # nobody aborts a sound and starts it again in this time
SHARE = 0.25  # of a sound that was cut off at its end by the next: no doubt that the next one started


def without_overlaps(rows: pd.DataFrame, where: str) -> pd.DataFrame:
    """End each presentation where the sound starts again, or where the next sound cuts it off; take parts of a whole once.

    Overlaps of up to 0.1 s stay.

    - The same sound at the same place on the recording's clock: one playing, told whole and in parts. The whole is kept.
    - The same sound, started again: the first presentation ended there.
    - Another sound, one of both attended and the other not: two talkers at once.
    - Another sound, and the first row says no duration: the first presentation ended there.
    - Another sound, and the first row says its duration, or the other is over in a second (a beep): both play together.

    Parameters
    ----------
    rows
        By onset: ``onset``, ``duration``, ``stimulus``, ``stimulus_onset``, ``said``, ``unsaid`` (no duration in the table),
        ``line``, ``attended``.
    where
        The table.

    Raises
    ------
    UserError
        The same sound starts again at once, or in a row of another kind; or it is not clear whether a sound went on.
    """
    kept: list[dict] = []
    playing: list[dict] = []
    found: dict[str, list[int]] = {}
    for row in rows.to_dict("records"):
        playing = [one for one in playing if _stop(one) > row["onset"] + END_TOLERANCE_S]
        for last in playing:
            told = _same(last, row, where) if last["stimulus"] == row["stimulus"] else _other(last, row, kept, where)
            found.setdefault(told, []).append(row["line"])
            if told == _PART:
                break
            if told in (_AGAIN, _CUT, _NEXT):
                last["duration"] = row["onset"] - last["onset"]
        else:
            kept.append(row)
            playing.append(row)
    found.pop(_TALKERS, None)
    for text, lines in found.items():
        tell(
            "odd" if text == _TOGETHER else "corrected",
            f"{where}, line{'s' * (len(lines) > 1)} {first_of(lines, 5, ', ...')}",
            text,
        )
    return pd.DataFrame(kept, columns=rows.columns).astype(rows.dtypes)


_PART = "rows inside the presentation of the same sound, at the same place of it, are parts of that one and no others."
_NEXT = "rows that go on with a sound before the row in front of them is over: that one ends where they start."
_AGAIN = "the sound starts again before it is over: the presentation before ended there."
_CUT = "the sound starts before the one in front is over, whose duration is not told: that one ended there."
_TOGETHER = (
    "the sound starts while another plays: both are used. If only one was heard, say it in the durations; if only one was attended, say "
    "it in a column attended (yes, no)."
)
_TALKERS = "two sounds play at once, of which one was attended."


def _stop(row: dict) -> float:
    return row["onset"] + row["duration"]


def _same(last: dict, row: dict, where: str) -> str:
    after_s = row["onset"] - last["onset"]
    if abs(after_s - (row["stimulus_onset"] - last["stimulus_onset"])) <= CLOCK_S:
        return _PART if _stop(row) <= _stop(last) + END_TOLERANCE_S else _NEXT
    told = f"{where}, line {row['line']}: '{row['stimulus']}' starts {after_s:.3f} s after line {last['line']}, which "
    if after_s < min(SOON_S, SHARE * last["duration"]):
        raise UserError(f"{told}starts it, too. Which of both is right? Drop the other.")
    if last["said"] != row["said"] and _stop(last) - row["onset"] > min(SOON_S, SHARE * last["duration"]):
        raise UserError(
            f"{told}is '{last['said']}', and this row is '{row['said']}'. Does the sound start again? If it does, say how long the "
            "first one lasted; if not, make stim_file n/a in such rows, or call the rows that play it sound in trial_type."
        )
    return _AGAIN


def _other(last: dict, row: dict, kept: list[dict], where: str) -> str:
    streams = {last["attended"], row["attended"]}
    if streams == {"yes", "no"} or (streams == {"no"} and not last["unsaid"]):
        return _TALKERS
    inside = _stop(row) <= _stop(last) - END_TOLERANCE_S
    if not last["unsaid"] or (inside and row["duration"] <= SOON_S):
        return _TOGETHER
    told = (
        f"{where}, line {row['line']}: '{row['stimulus']}' starts before '{last['stimulus']}' of line {last['line']} can be over, "
        "whose duration is not told"
    )
    if inside:
        raise UserError(f"{told}; it would go on afterwards. Give the durations of both (s).")
    if any(
        one["stimulus"] == last["stimulus"] and last["onset"] - _stop(one) < SOON_S for one in kept if one is not last
    ):
        raise UserError(
            f"{told}. That line names what had just played. Is it an end? Then call it sound_end in trial_type; else give the "
            "durations (s)."
        )
    return _CUT
