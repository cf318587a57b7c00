"""When somebody begins to speak in a trial, from the envelope of a microphone."""

import numpy as np
import pandas as pd

from n2s.errors import UserError
from n2s.findings import tell

QUIET, LOUD = (
    20.0,
    90.0,
)  # percentiles: the room's level over the whole recording; the voice's over the peaks of the trials
RISE = 0.4  # of the way from the room's level to the voice's, in dB, is voice
LEAST_RISE_DB, LEAST_DB = 6.0, 10.0  # the noise of a room varies by less than the one; below the other nobody is heard
PAUSE_S, LEAST_S = 0.05, 0.1  # a shorter pause is within a word; a shorter noise (a click, a lip) is no voice
EARLY_S = 0.15  # a voice that began so long before its trial is the trial's: a late trigger
LONGEST_S = 5.0  # of a trial whose duration is 0: it ends with the next one, or after this


def voice_onsets(envelope: np.ndarray, sfreq: float, trials: pd.DataFrame, *, where: str) -> np.ndarray:
    """The onset of the voice in each trial, s on the recording's clock; NaN where nobody is heard, which is told.

    The first stretch of a trial that is louder than a threshold for 100 ms or more, pauses below 50 ms included. The threshold lies between the room's level (the 20th
    percentile of the recording, dB) and the voice's (the 90th percentile of the trials' peaks), 40 % of the way up, and 6 dB or more. An envelope that holds
    frequencies up to f Hz rises up to ``1 / (2 f)`` s early. What is loud from before a trial on is not its own.

    Parameters
    ----------
    envelope
        (t,) of the microphone, at or above 0: `n2s.data.SideSignals`, group ``audio``.
    sfreq
        Its rate, Hz.
    trials
        ``onset`` and ``duration`` (s) of each; 0 for one that lasts until the next.
    where
        The recording, for findings.

    Raises
    ------
    UserError
        The envelope is not one row of numbers from 0 on.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from n2s.data import voice_onsets
    >>> envelope = np.full(400, 0.01)
    >>> envelope[150:200] = 1.0  # the voice, from 1.5 to 2 s
    >>> voice_onsets(envelope, 100.0, pd.DataFrame({"onset": [1.0], "duration": [2.0]}), where="sub-01").tolist()
    [1.5]
    """
    envelope = np.asarray(envelope, np.float64)
    if envelope.ndim != 1 or not np.isfinite(envelope).all() or (envelope < 0).any():
        raise UserError(f"{where}: expected an envelope (t,) of numbers from 0 on, found shape {envelope.shape}.")
    windows, found = _windows(trials, sfreq, len(envelope)), np.full(len(trials), np.nan)
    loudest = envelope.max(initial=0.0)
    if len(trials) and loudest > 0:
        level = 20 * np.log10(np.maximum(envelope, 1e-5 * loudest))
        room = np.percentile(level, QUIET)
        peaks = [level[first:last].max() for first, last in windows if last > first]
        voice = np.percentile(peaks, LOUD) if peaks else room
        if voice - room >= LEAST_DB:
            runs = _runs(level > room + max(RISE * (voice - room), LEAST_RISE_DB), sfreq)
            found = np.array([_first(runs, *window, sfreq) for window in windows])
    lost = np.isnan(found)
    if lost.any():
        tell(
            "odd",
            f"{where} ({lost.sum()} of {len(trials)} trials)",
            "no voice is heard in the sound of a trial that is spoken aloud: it has no voice onset. Is it silent or imagined, or the wrong "
            "channel?",
        )
    return found


def at_voice_onsets(events: pd.DataFrame, envelope: np.ndarray, sfreq: float, *, where: str) -> pd.DataFrame:
    """The events with all that is spoken aloud moved to the voice: each trial's rows by as much as its voice begins after the trial.

    A trial is a word or sentence of condition ``overt`` that lies in no other. Trials without a voice are left out, which is told.

    Parameters
    ----------
    events
        See `n2s.studies.events`.
    envelope, sfreq, where
        See `voice_onsets`.

    Examples
    --------
    >>> import numpy as np
    >>> from n2s.data import at_voice_onsets
    >>> from n2s.studies.events import events_table
    >>> trial = {"onset": 1.0, "duration": 2.0, "kind": "word", "text": "yes", "condition": "overt"}
    >>> trial |= {"story": "words", "stimulus": "", "stimulus_onset": 0.0}
    >>> events = events_table([trial], where="sub-01")
    >>> envelope = np.full(400, 0.01)
    >>> envelope[150:200] = 1.0  # the voice, from 1.5 to 2 s
    >>> at_voice_onsets(events, envelope, 100.0, where="sub-01").onset.tolist()
    [1.5]
    """
    overt = events[(events.condition == "overt") & events.kind.isin(["word", "sentence", "phone"])]
    stop = (overt.onset + overt.duration).to_numpy()
    spoken = overt.kind.isin(["word", "sentence"]).to_numpy()
    start, outer, reached = overt.onset.to_numpy(), [], -np.inf
    for i in np.lexsort([-stop, start]):
        if spoken[i] and (start[i] >= reached - 1e-6):
            outer.append(i)
            reached = max(reached, stop[i])
    outer = np.array(outer, int)
    trials = overt.iloc[outer]
    delay = voice_onsets(envelope, sfreq, trials, where=where) - trials.onset.to_numpy()
    home = np.searchsorted(trials.onset.to_numpy(), start + 1e-6, side="right") - 1
    own = np.where(home >= 0, np.append(delay, np.nan)[home], np.nan)
    events = events.copy()
    events.loc[overt.index, "onset"] += own
    if "stimulus_onset" in events:  # what was said is elsewhere in its sound, too
        events.loc[overt.index, "stimulus_onset"] += np.where(events.stimulus[overt.index] != "", own, 0.0)
    lost = np.isnan(own)
    if lost.any():
        tell(
            "left out",
            f"{where} ({lost.sum()} of {len(overt)} rows)",
            "what is spoken aloud, in trials without a voice.",
        )
    events = events.drop(index=overt.index[lost])
    events["duration"] = events.duration.clip(upper=np.maximum(len(envelope) / sfreq - events.onset, 0.0))
    return events.sort_values(["onset", "duration"], ascending=[True, False], kind="stable", ignore_index=True)


def _windows(trials: pd.DataFrame, sfreq: float, n: int) -> list[tuple[int, int]]:
    """(first, last) samples of each trial."""
    onset, duration = trials.onset.to_numpy(float), trials.duration.to_numpy(float)
    later = np.sort(onset)
    following = np.append(later, np.inf)[np.searchsorted(later, onset + 1e-6, side="right")]
    stop = np.where(duration > 0, onset + duration, np.minimum(following, onset + LONGEST_S))
    edges = np.round(np.stack([onset, stop], 1) * sfreq).astype(int).clip(0, n)
    return [(int(first), int(last)) for first, last in edges]


def _runs(loud: np.ndarray, sfreq: float) -> np.ndarray:
    """(k, 2) First and last + 1 of the loud stretches, with their short pauses, without those that are short."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], loud.astype(np.int8), [0]]))).reshape(-1, 2)
    if not len(edges):
        return edges
    apart = np.append(True, edges[1:, 0] - edges[:-1, 1] > PAUSE_S * sfreq)
    runs = np.stack([edges[apart, 0], edges[np.append(apart[1:], True), 1]], 1)
    return runs[runs[:, 1] - runs[:, 0] >= LEAST_S * sfreq]


def _first(runs: np.ndarray, first: int, last: int, sfreq: float) -> float:
    own = runs[(runs[:, 0] >= first - EARLY_S * sfreq) & (runs[:, 0] < last)]
    return own[0, 0] / sfreq if len(own) else np.nan
