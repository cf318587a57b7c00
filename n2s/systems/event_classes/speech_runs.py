"""Stretches of frames that are said to be speech: those too short to be speech are dropped."""

import numpy as np


def drop_short(
    speech: np.ndarray, recording: np.ndarray, start_s: np.ndarray, *, step_s: float, least_s: float
) -> np.ndarray:
    """(n,) Whether each frame is speech, without stretches shorter than ``least_s``.

    Parameters
    ----------
    speech
        (n,) Whether each frame is said to be speech.
    recording, start_s
        (n,) of each frame; frames of a recording are in order of time.
    step_s
        From one frame to the next. Frames farther apart are not of one stretch.
    least_s
        A stretch of n frames lasts n steps. LibriBrain 2025: 100 samples, 0.4 s.
    """
    speech = np.asarray(speech, bool)
    if not len(speech) or least_s <= 0:
        return speech
    new = np.r_[
        True,
        (recording[1:] != recording[:-1])
        | (np.abs(np.diff(start_s) - step_s) > 0.5 * step_s)
        | (speech[1:] != speech[:-1]),
    ]
    stretch = np.cumsum(new) - 1
    long = np.bincount(stretch) * step_s >= least_s - 1e-6
    return speech & long[stretch]
