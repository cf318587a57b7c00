"""Where somebody speaks in a recording of one voice: loud stretches, found by their level alone."""

from collections.abc import Sequence

import numpy as np

FRAME_S = 0.01
QUIET, LOUD = 20.0, 99.0  # percentiles of the level over the whole recording: the room, and the voice
RISE = 0.3  # of the way from the room's level to the voice's (in dB) is voice
LEAST_DB = 10.0  # between both, or nobody is heard
PAUSE_S, LEAST_S = 0.25, 0.08  # a shorter pause is within a word (a stop consonant); a shorter noise is none


def voiced(
    audio: np.ndarray, rate_hz: float, windows_s: Sequence[tuple[float, float]]
) -> list[tuple[float, float] | None]:
    """The longest loud stretch in each window, (start, stop) s; None where nothing is loud. What began before a window is not its own.

    Parameters
    ----------
    audio
        (n,) The whole recording, in any unit.
    rate_hz
        Its rate.
    windows_s
        (start, stop) of each window, s.
    """
    per = max(round(FRAME_S * rate_hz), 1)
    frames = np.asarray(audio[: len(audio) // per * per], np.float64).reshape(-1, per)
    power = frames.var(axis=1)
    level = 10 * np.log10(np.maximum(power, 1e-12 * max(power.max(initial=0.0), 1e-300)))
    room, voice = np.percentile(level, [QUIET, LOUD]) if len(level) else (0.0, 0.0)
    if voice - room < LEAST_DB:
        return [None] * len(windows_s)
    loud, step_s = level > room + RISE * (voice - room), per / rate_hz
    found = []
    for start_s, stop_s in windows_s:
        first, last = max(round(start_s / step_s), 0), round(stop_s / step_s)
        inside = loud[first:last].copy()
        if first and loud[first - 1]:
            inside[: int(np.argmin(np.append(inside, False)))] = False
        runs = _runs(inside, round(PAUSE_S / step_s))
        longest = max(runs, key=lambda run: run[1] - run[0], default=(0, 0))
        long = (longest[1] - longest[0]) * step_s >= LEAST_S
        found.append(((first + longest[0]) * step_s, (first + longest[1]) * step_s) if long else None)
    return found


def _runs(loud: np.ndarray, pause: int) -> list[tuple[int, int]]:
    """(first, last + 1) of each run of loud frames; runs that a short pause parts are one."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], loud.astype(np.int8), [0]])))
    runs: list[tuple[int, int]] = []
    for first, last in edges.reshape(-1, 2).tolist():
        if runs and first - runs[-1][1] <= pause:
            runs[-1] = runs[-1][0], last
        else:
            runs.append((first, last))
    return runs
