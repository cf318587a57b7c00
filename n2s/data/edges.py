"""The interruptions of a recording, from its annotations."""

import mne
import numpy as np


def annotated(raw: mne.io.BaseRaw) -> list[tuple[float, float, str]]:
    """(onset, duration, description) of each annotation, s from the first sample, independent of ``first_samp`` and date."""
    notes = raw.annotations
    return [
        (float(onset - raw.first_time), float(duration), str(text))
        for onset, duration, text in zip(notes.onset, notes.duration, notes.description, strict=True)
    ]


def filtered_apart(raw: mne.io.BaseRaw) -> list[tuple[int, int]]:
    """The stretches between interruptions of the recording: no filter reaches across one.

    Interruptions have MNE's names: skipped data, and the edges of joined files; EEGLAB's ``boundary`` and BrainVision's ``New
    Segment`` are edges too.
    """
    edges, sfreq = [0], raw.info["sfreq"]
    gaps = sorted(
        (round(onset * sfreq), round((onset + duration) * sfreq))
        for onset, duration, text in annotated(raw)
        if text.lower().startswith(("edge", "bad_acq_skip", "boundary", "bad boundary", "new segment"))
    )
    for start, stop in gaps:
        edges += [max(start, edges[-1]), max(stop, edges[-1])]
    edges.append(max(len(raw.times), edges[-1]))
    edges = np.clip(edges, 0, len(raw.times)).tolist()
    return [(start, stop) for start, stop in zip(edges[::2], edges[1::2], strict=True) if stop > start]
