"""The stimuli of a study's events, checked against their audio before training."""

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from n2s.data.identity import shared_sound
from n2s.data.shared import check_shared_sound
from n2s.data.splits import stretches
from n2s.data.words import canonical_words
from n2s.errors import UserError
from n2s.features.audio import audio_duration_s
from n2s.findings import tell
from n2s.studies.readers.sound_findings import heard, rates_confused
from n2s.studies.readers.unreadable import why_unreadable
from n2s.studies.study import Stimulus, Study

TOLERANCE_S = 0.1  # rounded times, a trimmed last frame


def collect_stimuli(study: Study, events: Mapping[str, pd.DataFrame]) -> dict[str, Stimulus]:
    """Every stimulus that some recording heard, by id.

    Raises
    ------
    UserError
        It has neither audio nor features, or they end before the end of the events; or see `canonical_words`.
    """
    ends: dict[str, tuple[float, str]] = {}
    told: dict[str, dict[str, dict[str, pd.DataFrame]]] = {"word": {}, "phone": {}}
    for recording, table in events.items():
        rows = stretches(table)
        for stimulus, end_s in (rows.stimulus_onset + rows.duration).groupby(rows.stimulus).max().items():
            ends[stimulus] = max(ends.get(stimulus, (0.0, "")), (end_s, recording))
        for kind, known in told.items():
            for stimulus, group in table[(table.kind == kind) & (table.stimulus != "")].groupby("stimulus"):
                known.setdefault(stimulus, {})[recording] = group
    words, phones = (
        {
            stimulus: canonical_words(
                list(tables.values()), where=f"study {study.name}, stimulus '{stimulus}'{of}", names=list(tables)
            )
            for stimulus, tables in known.items()
        }
        for known, of in ((told["word"], ""), (told["phone"], ", phones"))
    )
    none = pd.DataFrame({"text": [], "onset": [], "duration": [], "sequence": []})
    return {
        stimulus: replace(_stimulus(study, stimulus, end, words.get(stimulus, none)), phones=phones.get(stimulus, none))
        for stimulus, end in sorted(ends.items())
    }


def length_s(stimulus: Stimulus) -> float:
    """Duration of a stimulus' audio, or of its ready features, s."""
    return stimulus.ready.stop_s if stimulus.ready is not None else audio_duration_s(stimulus.audio)


def check_shared_audio(intervals: pd.DataFrame, stimuli: Mapping[str, Stimulus]) -> list[str]:
    """Check that no moment of a sound is in two splits, whatever its name or study, whole or as a part of another.

    Parameters
    ----------
    intervals
        Intervals of all studies, with ``audio`` (the identity of the sound).
    stimuli
        By their name in the intervals.

    Returns
    -------
    The warnings; see `n2s.data.shared.check_shared_sound`.

    Raises
    ------
    UserError
        A moment of a sound is in two splits.
    """
    start_s = intervals.stimulus_onset
    pieces = intervals[["audio", "split", "stimulus"]].assign(start_s=start_s, stop_s=start_s + intervals.duration)
    return check_shared_sound(pieces, shared_sound(stimuli), remedy=_REMEDY)


_REMEDY = (
    "If they are the same, name both in the study's content (stimulus: what it tells), so that they are split together, or "
    "name their stories in data.split (val, test)."
)


def _stimulus(study: Study, stimulus: str, end: tuple[float, str], words: pd.DataFrame) -> Stimulus:
    end_s, recording = end
    ready, audio = study.features(stimulus), study.audio(stimulus)
    if ready is None and audio is None:
        raise UserError(
            f"study {study.name}: stimulus '{stimulus}' of {recording} has neither audio nor ready features."
        )
    if audio is not None and not audio.exists():
        raise UserError(
            f"study {study.name}: {recording} plays '{stimulus}', whose audio does not exist. {why_unreadable(audio)}"
        )
    has_s = ready.stop_s if ready is not None else heard(audio).length_s
    hint = rates_confused(end_s, has_s) if ready is None else ""
    if has_s + TOLERANCE_S < end_s:
        what = "ready features end" if ready is not None else f"audio {audio} ends"
        raise UserError(
            f"study {study.name}: {recording} hears '{stimulus}' up to {end_s:.2f} s, but its {what} at {has_s:.2f} s. "
            f"Check stimulus_onset and duration of the events (seconds, on the audio's clock), or the file.{hint}"
        )
    if hint:
        tell("odd", f"{audio} ({end_s:.2f} of {has_s:.2f} s are heard)", hint.strip())
    return Stimulus(stimulus, audio, words, ready)
