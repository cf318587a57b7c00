"""Annotations that mark bad spans and seams of a recording, and how they differ from words that look like them."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import mne
import mne_bids
import numpy as np
import pandas as pd

from n2s.errors import UserError, reading
from n2s.findings import tell
from n2s.studies.events import KINDS
from n2s.studies.readers.row_kinds import SYNONYMS
from n2s.studies.readers.tsv import read_cells

# MNE takes all that begins with "bad" or "edge", in upper or lower case. Not "badge", "Badezimmer" or "edges".
_BAD = re.compile(r"(?i:bad)(?![^\W\d_])|BAD(?![A-Z])")
_EDGE = re.compile(r"(?i)(?!event/)(\w+/)?(edge|bad_acq_skip|(bad[ _])?boundary|new segment)(?![^\W\d_])")
# Rows of an events.tsv are words or answers more often than bad spans: "bad luck" is none.
_BAD_ROW = re.compile(
    r"BAD(?![A-Z])|(?i:bad)[_-]|(?i:bad (acq|segment|span|epoch|data|period|interval|block|boundary|arti?e?fact|time))"
)
_ROUNDED_S = 0.005  # tables have milliseconds, or less
_SAME_S = 0.05  # an annotation of a file and a row of the table are one event if they start within this


class Note(NamedTuple):
    """One annotation: s from the recording's first sample."""

    onset: float
    duration: float
    text: str


def is_bad(text: str) -> bool:
    """Whether a recording's annotation marks a bad span: ``BAD``, ``bad_muscle``, ``Bad segment``."""
    return _BAD.match(text) is not None


def is_edge(text: str) -> bool:
    """Whether a recording's annotation marks a place that no filter may cross.

    Those are the seams of joined files, in the names of MNE, EEGLAB and BrainVision, and data that were not recorded.
    """
    return _EDGE.match(text) is not None


def notes_of(annotations: mne.Annotations, first_time: float = 0.0) -> list[Note]:
    """Annotations on a clock that starts ``first_time`` before the first sample, as plain values; no duration is 0."""
    durations = np.nan_to_num(annotations.duration)
    return [
        Note(float(onset - first_time), float(duration), str(text))
        for onset, duration, text in zip(annotations.onset, durations, annotations.description, strict=True)
    ]


def rows_of(events: Path | None, kind: Sequence[str] = ("trial_type",)) -> pd.DataFrame:
    """The rows of an events.tsv as text, and what they say of bad spans.

    ``mark`` is the cell that marks a bad span or a seam, else ""; ``ours`` are rows of one of our kinds, and those that name a
    stimulus: never a mark; ``kind`` is the kind as the table has it. A table that cannot be read has no rows here: whoever
    needs the events says what is wrong with it.
    """
    try:
        rows = read_cells(events) if events is not None else None
    except UserError:
        rows = None
    if rows is None:
        return pd.DataFrame(columns=["onset", "duration", "line", "mark", "ours", "kind"])
    names = {name.lower(): name for name in rows}
    cells = [rows[names[one.lower()]] for one in dict.fromkeys((*kind, "trial_type")) if one.lower() in names]
    none = pd.Series("", rows.index)
    kinds = cells[0] if cells else none
    ours = kinds.str.lower().replace(SYNONYMS).isin(KINDS)
    for name in ("stim_file", "stimulus"):
        ours |= rows[names[name]] != "" if name in names else False
    mark = none.copy()
    for column in reversed(cells):
        found = np.array([bool(_BAD_ROW.match(text) or is_edge(text)) for text in column], bool)
        mark[found & ~ours] = column
    return rows.drop(columns=[one.name for one in cells]).assign(mark=mark, ours=ours, kind=kinds)


def marks(rows: pd.DataFrame, own: Sequence[Note], where: object, file: object) -> list[Note]:
    """The bad spans and seams of a recording: of the table's rows and of its file's own annotations, each once.

    An annotation of the file that repeats a row of our kinds, with its text and time, is that event, such as the word "bad".
    """
    found: list[Note] = []
    texts = rows.drop(columns=["mark", "kind"])
    unknown = []
    for note in own:
        if not (note.text.lower().startswith("bad") or is_edge(note.text)):
            continue
        near = (rows.onset - note.onset).abs() <= _SAME_S
        word = (texts[near] == note.text).any(axis=None) or (rows.kind[near & rows.ours] == note.text).any()
        if word and not re.match("(?i)bad[_-]", note.text):
            continue
        if is_bad(note.text) or is_edge(note.text):
            found += [note] * (not _is_among(note, found))
        else:
            unknown.append(note.text)
    if unknown:
        tell(
            "odd",
            file,
            f"{len(unknown)} annotations such as '{unknown[0][:40]}' are not taken for bad spans (MNE would). If they mark some, name "
            "them BAD_ and the reason.",
        )
    for row in rows[rows.mark != ""].itertuples():
        note = Note(row.onset, float(np.nan_to_num(row.duration)), row.mark)
        found += [note] * (not _is_among(note, found))
        if np.isnan(row.duration) and not is_edge(row.mark):
            tell(
                "odd",
                where,
                f"line {row.line}: '{row.mark[:40]}' has the duration n/a: it marks no more than an instant.",
            )
    known = {round(note.onset, 3) for note in found}
    odd = [
        text
        for text, onset in zip(rows.kind, rows.onset, strict=True)
        if is_bad(text) and round(onset, 3) not in known and text.lower() not in KINDS
    ]
    if odd:
        tell(
            "odd",
            where,
            f"{len(odd)} rows such as '{odd[0][:40]}' are not taken for bad spans. A row that marks one has BAD_ and its reason "
            "in trial_type, such as BAD_movement.",
        )
    return sorted(found)


def mark_again(raw: mne.io.BaseRaw, events: Path | None, kind: Sequence[str]) -> None:
    """Give a recording that a pipeline wrote the marks of its file and of events.tsv, and the events, in place of its annotations."""
    if events is not None:
        set_notes(
            raw,
            events,
            marks(rows_of(events, kind), notes_of(raw.annotations, raw.first_time), events, raw.filenames[0]),
        )


def set_notes(raw: mne.io.BaseRaw, events: Path | None, found: Sequence[Note]) -> None:
    """Replace the annotations of a recording: these marks, and the events of the table.

    MNE would take an event whose name begins with "bad" or "edge" for a mark: those have ``event/`` before their name.
    """
    notes = list(found)
    if events is not None:
        with reading(events, "a table of events for MNE-BIDS", "See the BIDS specification, 'Task events'."):
            table = mne_bids.events_file_to_annotation_kwargs(events, verbose="ERROR")
        taken = {(round(one.onset, 3), one.text) for one in found}
        for onset, duration, text in zip(table["onset"], table["duration"], table["description"], strict=True):
            if (round(float(onset), 3), str(text)) in taken:
                continue
            if re.match("(?i)bad|edge", text) or is_edge(text):
                text = f"event/{text}"
            notes.append(Note(float(onset), float(np.nan_to_num(duration)), str(text)))
    stop_s = raw.n_times / raw.info["sfreq"]
    notes = [
        note for note in notes if -1e9 < note.onset <= stop_s and 0 <= note.duration < 1e9
    ]  # else MNE makes a date that is none, or fails
    onset, duration, text = zip(*sorted(notes), strict=True) if notes else ([], [], [])
    raw.set_annotations(mne.Annotations(onset, duration, text), emit_warning=False, verbose="ERROR")


def _is_among(note: Note, found: Sequence[Note]) -> bool:
    """Whether a mark is one of these, with rounded times."""
    return any(
        note.text.lower() == one.text.lower()
        and max(abs(note.onset - one.onset), abs(note.duration - one.duration)) < _ROUNDED_S
        for one in found
    )
