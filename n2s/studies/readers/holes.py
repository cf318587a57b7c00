"""Times that were not recorded and that a reader closes silently: where they are in a file, and whether events lie after them."""

import math
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import mne
import numpy as np
import pandas as pd

from n2s.errors import UserError
from n2s.findings import tell
from n2s.studies.readers.marks import Note, is_bad, is_edge

_NOTED = "EDGE hole of"  # in the annotations
_JITTER_S = 0.02  # dates of segments are written by a computer, not by the amplifier: this much is no hole


class Hole(NamedTuple):
    """``lost_s`` were not recorded after ``at_s`` of the samples; below 0: recorded twice."""

    at_s: float
    lost_s: float


def edf_holes(file: Path) -> list[Hole]:
    """The pauses between the data records of an EDF+ or BDF+ file.

    Each data record says when it starts (edfplus.info, section 2.2.4); MNE reads the records as one piece. Without such times,
    or where the header is damaged, there is nothing to find.
    """
    size = 3 if file.suffix.lower() == ".bdf" else 2
    try:
        with file.open("rb") as opened:
            head = opened.read(256)
            n_records, record_s, n_signals = int(head[236:244]), float(head[244:252]), int(head[252:256])
            if not (0 < n_signals < 10_000 and 0 < record_s < math.inf):
                return []
            opened.seek(256)
            labels = [opened.read(16).decode("latin-1").strip() for _ in range(n_signals)]
            if not any(label in ("EDF Annotations", "BDF Annotations") for label in labels):
                return []
            opened.seek(256 + 216 * n_signals)
            lengths = [int(opened.read(8)) for _ in range(n_signals)]
            first = next(i for i, label in enumerate(labels) if label in ("EDF Annotations", "BDF Annotations"))
            step, at = size * sum(lengths), 256 * (n_signals + 1) + size * sum(lengths[:first])
            if min(lengths) < 0 or not lengths[first]:
                return []
            held = (file.stat().st_size - 256 * (n_signals + 1)) // step
            starts = []
            for record in range(min(n_records, held) if n_records >= 0 else held):
                opened.seek(at + record * step)
                found = re.match(rb"([+-]\d+(\.\d*)?)\x14", opened.read(min(size * lengths[first], 64)))
                if found is None:
                    return []
                starts.append(float(found[1]))
    except (ValueError, OSError):
        return []
    holes, before_s = [], 0.0
    for record, start in enumerate(starts):  # a clock that drifts away from the samples is one, too
        lost_s = start - starts[0] - record * record_s - before_s
        if abs(lost_s) > _JITTER_S:
            holes.append(Hole(record * record_s, round(lost_s, 6)))
            before_s += lost_s
    return holes


def brainvision_holes(markers: Path | None, sfreq: float) -> list[Hole]:
    """The pauses between the segments of a BrainVision recording, from the dates of its ``New Segment`` markers; some of 0 s."""
    if markers is None or not markers.is_file():
        return []
    found = re.findall(rb"(?m)^Mk\d+=New Segment,[^,\r\n]*,(\d+),[^,\r\n]*,[^,\r\n]*,(\d{20})", markers.read_bytes())
    segments = []
    for position, date in found:
        try:
            segments.append(((int(position) - 1) / sfreq, datetime.strptime(date.decode(), "%Y%m%d%H%M%S%f")))
        except ValueError:  # zeros: no date
            continue
    holes = []
    for (before, date_before), (at, date) in zip(segments, segments[1:], strict=False):
        lost_s = (date - date_before).total_seconds() - (at - before)
        if at > before:
            holes.append(Hole(at, lost_s if abs(lost_s) > _JITTER_S else 0.0))
    return holes


def eeglab_holes(own: Sequence[Note]) -> list[Hole]:
    """What was cut out of an EEGLAB recording: its ``boundary`` events have the length as their duration."""
    return [Hole(note.onset, note.duration) for note in own if note.text == "boundary" and note.duration > 0]


def ctf_holes(raw: mne.io.BaseRaw) -> list[Hole]:
    """The pauses between the trials of a CTF recording, from its system clock; none if it has no such channel."""
    clock = [name for name in raw.ch_names if name.startswith("SCLK01")]
    n = raw._raw_extras[0]["block_size"]  # samples of a trial
    if not clock:
        return []
    sfreq, holes = raw.info["sfreq"], []
    for start in range(n, raw.n_times, n):
        before, last, first = raw[clock[0], start - 2 : start + 1][0][0]
        if last > before and abs(lost := (first - last) / (last - before) - 1) > 0.5:
            holes.append(Hole(start / sfreq, float(lost / sfreq)))
    return holes


def accepted(
    file: Path, holes: Iterable[Hole], *, rows: pd.DataFrame, own: Sequence[Note], on_samples: bool, sfreq: float
) -> list[Note]:
    """The holes of a recording as seams, where it is known on which side of them its events lie.

    Parameters
    ----------
    file
        The recording, for messages.
    holes
        In any order.
    rows
        Of its events.tsv, see `n2s.studies.readers.marks.rows_of`.
    own
        The annotations of the file.
    on_samples
        Whether the file counts the time of its markers in samples, as BrainVision and EEGLAB do: events that lie on its
        markers are then on the clock of the samples.
    sfreq
        Hz.

    Raises
    ------
    UserError
        Events lie after a hole, and not on the file's own markers.
    """
    holes = sorted(holes)
    known = [hole.at_s for hole in holes]
    seams = [
        note.onset
        for note in own
        if is_edge(note.text)
        and "skip" not in note.text.lower()
        and note.onset > 0
        and not np.isclose(known, note.onset, atol=1.5 / sfreq).any()
    ]
    if seams:
        tell(
            "odd",
            file,
            f"{len(set(seams))} seams of joined or cut pieces, the first at {min(seams):.3f} s, and nothing says how much time was lost "
            "there. No filter and no window crosses them. Check that onsets count the samples that are left.",
        )
    holes = [hole for hole in holes if hole.lost_s]
    if not holes:
        return []
    first, lost_s = holes[0]
    said = (
        f"{lost_s:.3f} s were not recorded after {first:.3f} s of its samples"
        if lost_s > 0
        else f"after {first:.3f} s of its samples the clock goes back by {-lost_s:.3f} s"
    )
    if len(holes) > 1:
        said += f" (the first of {len(holes)} such places)"
    late = rows.onset[rows.onset + rows.duration.fillna(0) > first + 0.5 / sfreq].to_numpy(float)
    markers = [note.onset for note in own if note.onset > first and not (is_edge(note.text) or is_bad(note.text))]
    if not len(late):
        tell("odd", file, f"{said}. No event of its events.tsv ends after that.")
    elif on_samples and _on(late, markers, sfreq, lost_s) > _on(
        late, [onset + lost_s for onset in markers], sfreq, lost_s
    ):
        tell(
            "odd",
            file,
            f"{said}. Its events lie on the file's own markers, which are counted in samples: used as they are.",
        )
    else:
        raise UserError(
            f"{file}: {said}, and {len(late)} events of its events.tsv lie after that, the first at {min(late):.3f} s. "
            "The samples are read as one piece, so it is not known which samples belong to these events. Write each piece as a "
            "recording (run) of its own, with onsets from its first sample."
        )
    return [Note(hole.at_s, 0.0, f"{_NOTED} {hole.lost_s:.3f} s") for hole in holes]


def noted_holes(raw: mne.io.BaseRaw) -> list[Hole]:
    """The holes that `accepted` has noted in the annotations of a recording."""
    clock = zip(raw.annotations.onset - raw.first_time, raw.annotations.description, strict=True)
    return [Hole(float(at), float(text.split()[3])) for at, text in clock if text.startswith(_NOTED)]


def refuse_sounds_across(holes: Sequence[Hole], events: pd.DataFrame, where: object) -> None:
    """Refuse a sound that plays on while nothing is recorded: what is heard after the hole does not fit the samples."""
    sounds = events[events.kind == "sound"]
    for at_s, lost_s in holes:
        across = sounds[(sounds.onset < at_s - _JITTER_S) & (sounds.onset + sounds.duration > at_s + _JITTER_S)]
        if len(across):
            one = across.iloc[0]
            raise UserError(
                f"{where}: the sound '{one.stimulus}' plays from {one.onset:.3f} to {one.onset + one.duration:.3f} s, but at "
                f"{at_s:.3f} s of the samples {lost_s:.3f} s were not recorded or were cut out: the samples after that are not "
                "those of what was heard then. Give the sound one row before and one after it, each with its duration and "
                "stimulus_onset, or write the pieces as recordings of their own."
            )


def _on(times: np.ndarray, markers: Sequence[float], sfreq: float, lost_s: float) -> int:
    """How many of the times lie on a marker, to 1.5 samples; also if all are late by as much, such as the delay of a sound card."""
    times, markers = np.sort(times), np.sort(markers)
    if not len(markers):
        return 0

    def hits(delay_s: float) -> int:
        after = np.searchsorted(markers, times - delay_s)
        near = [np.abs(times - delay_s - markers[at.clip(0, len(markers) - 1)]) for at in (after - 1, after)]
        return int((np.minimum(*near) <= 1.5 / sfreq + 1e-3).sum())

    delays = {
        round(float(time - marker), 3)
        for time in times[:5]
        for marker in markers
        if abs(time - marker) < min(0.5, abs(lost_s) / 3)
    }
    late = max((hits(delay) for delay in sorted(delays)[:200]), default=0)
    return max(hits(0.0), late if late >= 3 else 0)
