"""The envelope of sounds that are no channels of a recording: a file recorded beside it, and what is heard by its events."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from n2s.data.rectified import SoundEnvelope
from n2s.data.splits import stretches
from n2s.findings import tell
from n2s.studies.study import Recording, Study


@dataclass(frozen=True)
class Played:
    """One side signal: its group, name, unit, and ``values (t,)``."""

    group: str
    name: str
    unit: str
    values: np.ndarray


def played(
    study: Study,
    recording: Recording,
    events: pd.DataFrame,
    *,
    times_s: np.ndarray,
    bands: list[tuple[str, float, float | None]],
    smooth_hz: float,
    sfreq: float,
    where: str,
) -> list[Played]:
    """The envelopes of ``recorded`` and of ``heard``, those that there are.

    Parameters
    ----------
    study, recording
        Of what.
    events
        Its events.
    times_s
        (t,) The moments, s on the recording's clock.
    bands
        (name, low, high) of each envelope, Hz.
    smooth_hz, sfreq
        See `SoundEnvelope`.
    where
        The recording, for findings.
    """
    edges = [(low, high) for _, low, high in bands]
    found: dict[str, np.ndarray] = {}
    beside = study.recorded_sound(recording)
    if beside is not None:
        envelope = SoundEnvelope(beside.path, edges, smooth_hz, sfreq)
        found["recorded"] = envelope.at(times_s - beside.start_s)
    heard, without = np.zeros((len(times_s), len(edges)), np.float32), []
    for stimulus, rows in stretches(events).groupby("stimulus"):
        path = study.audio(stimulus)
        if beside is not None and path == beside.path:
            continue
        if path is None or not path.is_file():
            without.append(stimulus)
            continue
        envelope = SoundEnvelope(path, edges, smooth_hz, sfreq)
        for row in rows.itertuples():
            first, last = np.searchsorted(times_s, [row.onset, row.onset + row.duration])
            heard[first:last] += envelope.at(times_s[first:last] - row.onset + row.stimulus_onset)
    if without:
        text = f"side_signals.audio: {len(without)} of the sounds that are heard have no audio ('{without[0]}'): silence stands for them."
        tell("odd", where, text)
    if heard.any():
        found["heard"] = heard
    return [
        Played("audio", f"{name} {band}".rstrip(), "", values[:, i])
        for name, values in found.items()
        for i, (band, _, _) in enumerate(bands)
    ]
