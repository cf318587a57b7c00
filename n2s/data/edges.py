"""The interruptions of a recording, from its annotations."""

import math

import mne
import numpy as np

from n2s.studies.readers.marks import Note, is_bad, is_edge, notes_of


def annotated(raw: mne.io.BaseRaw) -> list[Note]:
    """(onset, duration, description) of each annotation, s from the first sample, independent of ``first_samp`` and date."""
    return notes_of(raw.annotations, raw.first_time)


def bad_spans(raw: mne.io.BaseRaw) -> list[list[float]]:
    """[onset, duration] of each stretch that no window may touch, s, inside the recording, each once and in order.

    Those are the spans that are annotated as bad, and the seams of joined recordings, as spans of no length.
    """
    stop_s, found = raw.n_times / raw.info["sfreq"], set()
    for onset, duration, text in annotated(raw):
        if is_bad(text) or is_edge(text):
            length = duration if is_bad(text) else 0.0
            first, last = max(onset, 0.0), min(onset + length, stop_s)
            if last > first or 0 < onset == last < stop_s:
                found.add((round(first, 6), round(last - first, 6)))
    return [list(span) for span in sorted(found)]


def filtered_apart(raw: mne.io.BaseRaw) -> list[tuple[int, int]]:
    """The stretches between interruptions of the recording, as samples: no filter reaches across one.

    Data that were not recorded (``BAD_ACQ_SKIP``) have a length. A seam has none: the duration of EEGLAB's ``boundary`` is
    that of the data that were cut out there, and the data after it are good.
    """
    edges, sfreq = [0], raw.info["sfreq"]
    gaps = sorted(
        (_sample(onset * sfreq), _sample((onset + (duration if is_bad(text) else 0.0)) * sfreq))
        for onset, duration, text in annotated(raw)
        if is_edge(text)
    )
    for start, stop in gaps:
        edges += [max(start, edges[-1]), max(stop, edges[-1])]
    edges.append(max(raw.n_times, edges[-1]))
    edges = np.clip(edges, 0, raw.n_times).tolist()
    return [(start, stop) for start, stop in zip(edges[::2], edges[1::2], strict=True) if stop > start]


def _sample(at: float) -> int:
    """The nearest sample; of a seam halfway between two, as EEGLAB places them, the one after it."""
    return math.floor(at + 0.5 + 1e-6)
