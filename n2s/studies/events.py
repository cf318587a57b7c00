"""The events table: what was heard or said, when, in one recording. One row an event, times in seconds."""

import numpy as np
import pandas as pd

from n2s.errors import UserError
from n2s.studies.talkers import check_talkers
from n2s.studies.text import normal, plain

COLUMNS = {
    "onset": "float64",  # s, on the recording's clock (0 is its first sample)
    "duration": "float64",  # s
    "kind": "str",  # story | sentence | word | phone | sound
    "text": "str",
    "story": "str",  # language-independent: translations of one story share it
    "stimulus": "str",  # audio id, as Study.audio() takes it; "" where nothing plays, and nothing said is recorded
    "stimulus_onset": "float64",  # s, in that audio
    "sequence": "str",  # sentence id
    "language": "str",  # BCP 47: en, es, eu
    "condition": "str",  # listen | overt | silent | imagined | rest
    "speaker": "str",
    "attended": "str",  # of two sounds that play at once: yes | no; "" if nothing plays beside it
}
KINDS = ("story", "sentence", "word", "phone", "sound")
CONDITIONS = ("listen", "overt", "silent", "imagined", "rest")
ATTENDED = ("", "yes", "no")
_COMPOSED = ("text", "story", "sequence", "language", "condition", "speaker")  # a stimulus is spelled as on the disk
_DEFAULTS = {"text": "", "sequence": "", "language": "", "condition": "listen", "speaker": "", "attended": ""}


def events_table(rows: list[dict] | pd.DataFrame, *, where: str, duration_s: float | None = None) -> pd.DataFrame:
    """Make a valid events table, sorted by onset, or raise an error that explains what is wrong.

    Parameters
    ----------
    rows
        One dict an event, or a table; ``text``, ``sequence``, ``language``, ``condition``, ``speaker`` and ``attended``
        may be left out.
    where
        The file or recording of the events, for error messages.
    duration_s
        Length of the recording: events that reach outside it are an error.

    Raises
    ------
    UserError
        A column is missing or unknown, a value is of an unknown kind, a time is negative or not finite, an event
        is outside the recording, or see `n2s.studies.talkers.check_talkers`.
    """
    table = pd.DataFrame(rows)
    if table.empty:
        raise UserError(f"{where}: no events. Expected rows with {', '.join(COLUMNS)}.")
    missing = [name for name in COLUMNS if name not in table and name not in _DEFAULTS]
    unknown = [name for name in table if name not in COLUMNS]
    if missing or unknown:
        raise UserError(
            f"{where}: events lack the columns {missing} and have unknown ones {unknown}. "
            f"Expected: {', '.join(COLUMNS)}."
        )
    for name in ("kind", "story"):
        if table[name].isna().any():
            at = table.onset[table[name].isna()].iloc[0]
            raise UserError(
                f"{where}: {table[name].isna().sum()} events have no {name}; the first is at {at} s. Give each one."
            )
    for name, default in _DEFAULTS.items():
        table[name] = table[name].fillna(default) if name in table else default
    table = table[list(COLUMNS)].assign(stimulus=table.stimulus.fillna(""))
    silent = table.stimulus == ""  # nothing plays: what is said, mouthed or imagined
    table["stimulus_onset"] = table.stimulus_onset.where(~silent | table.stimulus_onset.notna(), 0.0)
    for name, dtype in COLUMNS.items():
        try:
            table[name] = table[name].astype(dtype)
        except (ValueError, TypeError) as error:
            raise UserError(f"{where}: column '{name}' of the events must hold {dtype}: {error}.") from None
    for name in _COMPOSED:  # a name or word in decomposed form (macOS) is the same name or word
        as_one = plain if name == "text" else normal
        table[name] = table[name].map({value: as_one(value) for value in table[name].unique()})
    _check_values(table, where)
    played = next((kind for kind in ("sound", "story") if (table.kind == kind).any()), "sentence")
    check_talkers(table[(table.kind == played) & (table.stimulus != "")], where)
    if duration_s is not None:
        _check_inside(table, duration_s, where)
    return table.sort_values(["onset", "duration"], ascending=[True, False], kind="stable", ignore_index=True)


def _check_values(table: pd.DataFrame, where: str) -> None:
    for name, known in (("kind", KINDS), ("condition", CONDITIONS), ("attended", ATTENDED)):
        odd = sorted(set(table[name]) - set(known))
        if odd:
            named = ", ".join(one or '""' for one in known)
            raise UserError(f"{where}: events have {name} {odd}; known are {named}.")
    times = table[["onset", "duration", "stimulus_onset"]].to_numpy()
    bad = ~np.isfinite(times).all(axis=1) | (times[:, 1] < 0) | (times[:, 2] < 0)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise UserError(
            f"{where}: {int(bad.sum())} events have a time that is not finite, or a negative duration or "
            f"stimulus_onset; the first is row {row}: {dict(table.iloc[row][['kind', 'onset', 'duration', 'stimulus_onset']])}."
        )


def _check_inside(table: pd.DataFrame, duration_s: float, where: str) -> None:
    tolerance_s = 0.01  # a rounded time in a text file
    outside = (table.onset < -tolerance_s) | (table.onset + table.duration > duration_s + tolerance_s)
    if outside.any():
        row = table[outside].iloc[0]
        raise UserError(
            f"{where}: {int(outside.sum())} of {len(table)} events lie outside the recording (0 to {duration_s:.2f} s); "
            f"the first is a {row.kind} '{row.text[:40]}' at {row.onset:.2f} to {row.onset + row.duration:.2f} s. "
            "Check that events and recording start at the same moment and are in seconds."
        )
