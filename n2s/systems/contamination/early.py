"""Windows before the voice: what the brain and its controls tell of events that begin after silence."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from n2s.data.event_folds import EveryWindow
from n2s.data.sensor_recording import SensorRecording
from n2s.data.side_signals import SideRecording
from n2s.data.spans import TINY_S
from n2s.data.voice_onsets import voice_onsets
from n2s.findings import tell
from n2s.models.window_classifiers import WindowClassifier
from n2s.systems.contamination.brain import Brain
from n2s.systems.contamination.compared import Rows, Scored, decoded, scored
from n2s.systems.contamination.sources import side_sources

#: From the voice's onset, s: muscles begin 300 ms before it (Ouyang 2016).
EARLY_S = ((-0.6, -0.4), (-0.4, -0.2), (-0.2, 0.0))
LATE_S = 0.15  # by which a voice may begin after its event
PAUSE_S = 0.6  # of silence before an event, for the moments before it to be before a voice
LEAST_EVENTS = 20


def early_scores(
    every: EveryWindow, subject: str, side: Mapping[str, SideRecording], brain: Brain, rows: Rows, mine: np.ndarray, table: pd.DataFrame,
    classifier: WindowClassifier, *, condition: str, n_permutations: int, seed: int,
) -> dict[tuple[str, float, float], Scored]:  # fmt: skip
    """Scores in windows before the voice, of events that begin after a pause; empty where there are too few."""
    sfreq = every.data.shape.sfreq
    onset = table.onset.to_numpy(float)
    after_pause = mine & (quiet_s(every.recordings, table) >= PAUSE_S)
    n_paused = int(after_pause.sum())
    after_pause &= whole_before(every.recordings, table)
    n_whole = int(after_pause.sum())
    if after_pause.any():
        kept = rows.some(after_pause).testable()
        after_pause[np.flatnonzero(after_pause)] = kept
    n_classes = len(np.unique(rows.label[after_pause]))
    if after_pause.sum() < LEAST_EVENTS or n_classes < 2:
        tell(
            "left out",
            f"{subject}, condition {condition}",
            f"windows before the voice: {n_paused} of {int(mine.sum())} events begin after {PAUSE_S:g} s without another one; {n_whole} of them have whole windows "
            f"before, and {int(after_pause.sum())} of those are of {n_classes} classes that can be learned and tested; {LEAST_EVENTS} of two classes are needed. "
            "Take events that stand for a whole utterance (data.windows.kind: word or sentence).",
        )
        return {}
    if condition == "overt":
        _check_voice(side, table[after_pause])
    part, found = rows.some(after_pause), {}
    items = {key: side[key] for key in table.recording[after_pause].unique()}
    for start_s, stop_s in EARLY_S:
        first, n = np.rint((onset + start_s) * sfreq).astype(np.int64), max(1, round((stop_s - start_s) * sfreq))
        logs = brain.decoded(after_pause, classifier, first=first, n_times=n)
        found["brain", start_s, stop_s] = scored("brain", subject, logs, part, n_permutations=n_permutations, seed=seed)
        for name, one in side_sources(items, table[after_pause], first=first[after_pause], n_times=n).items():
            own = part.some(one.kept)
            logs = decoded(one.x, own, classifier)
            found[name, start_s, stop_s] = scored(name, subject, logs, own, n_permutations=n_permutations, seed=seed)
    return found


def quiet_s(recordings: Mapping[str, SensorRecording], table: pd.DataFrame) -> np.ndarray:
    """(n,) How long before each window's event nobody has said, heard or imagined anything, s; inf where nothing was before.

    Whatever the condition is. What an event is a part of (its sentence), or what begins with it, is no event before it; a sound of another
    condition that still plays is.
    """
    found = np.full(len(table), np.inf)
    number = np.arange(len(table))
    for key, own in table.groupby("recording"):
        events = recordings[key].events
        events = events[(events.condition != "rest") & events.kind.isin(["sound", "sentence", "word", "phone"])]
        start, stop = events.onset.to_numpy(float), (events.onset + events.duration).to_numpy(float)
        kind, condition = events.kind.to_numpy(str), events.condition.to_numpy(str)
        for at, row in zip(number[(table.recording == key).to_numpy()], own.itertuples(), strict=True):
            before = start < row.onset - TINY_S
            whole = np.isin(kind, ["sound", "sentence"]) & (condition == row.condition)  # that the event is a part of
            before &= ~(whole & (stop > row.onset + TINY_S))
            if before.any():
                found[at] = max(0.0, row.onset - stop[before].max())
    return found


def whole_before(recordings: Mapping[str, SensorRecording], table: pd.DataFrame) -> np.ndarray:
    """(n,) Whether the moments before each window's event are recorded without interruption, and in no span that is annotated as bad."""
    start, stop = (table.onset.to_numpy(float) + one for one in (EARLY_S[0][0], EARLY_S[-1][1]))
    found = start >= -TINY_S
    for key in table.recording.unique():
        own, item = (table.recording == key).to_numpy(), recordings[key]
        bad = np.zeros(len(table), bool)
        for onset, duration in item.meta["bad_spans"]:
            bad |= (stop > onset) & (start < onset + duration)
        one_stretch = [(start >= low - TINY_S) & (stop <= high + TINY_S) for low, high in item.reach.stretches]
        found &= ~own | (np.any(one_stretch, axis=0) & ~bad)
    return found


def _check_voice(side: Mapping[str, SideRecording], table: pd.DataFrame) -> None:
    """Tell where nobody is heard in overt trials, and where voices begin later than events."""
    late = []
    for key, own in table.groupby("recording"):
        if "audio" in side[key].groups:
            envelope = np.maximum(np.nan_to_num(side[key].signals("audio")[:, 0]), 0)
            late.append(
                voice_onsets(envelope, side[key].meta["sfreq"], own[["onset", "duration"]], where=key)
                - own.onset.to_numpy()
            )
    late = np.concatenate(late) if late else np.zeros(0)
    late = late[np.isfinite(late)]
    if len(late) and np.median(late) > LATE_S:
        tell(
            "odd",
            table.subject.iloc[0],
            f"voices begin {np.median(late):.2f} s after their events: windows before the voice are those before the events. n2s.data.at_voice_onsets puts "
            "events where voices begin.",
        )
