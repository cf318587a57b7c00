"""Figures of sounds ranked over the time of a recording."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from n2s.metrics.result import Drawing

MOST = 6  # sounds with a line of their own


def evidence_over_starts(courses: dict[str, tuple[np.ndarray, np.ndarray]], sounds: pd.DataFrame) -> Drawing:
    """A line for each sound: the evidence of every start; the best one is marked."""
    shown = list(sounds.sound)[:MOST]
    figure = Figure(figsize=(9, 1.1 + 1.2 * len(shown)), layout="constrained")
    for axis, name in zip(np.atleast_1d(figure.subplots(len(shown), 1, sharex=True, sharey=True)), shown, strict=True):
        start_s, evidence = courses[name]
        row = sounds[sounds.sound == name].iloc[0]
        axis.plot(start_s, evidence, lw=0.8)
        axis.plot(row.start_s, row.evidence, "v", color="C3")
        axis.set_title(
            f"{name}: {row.start_s:.1f} s" if np.isfinite(row.start_s) else f"{name}: too short to be placed",
            fontsize=9,
            loc="left",
        )
        axis.set_ylabel("evidence (z)")
    axis.set_xlabel("the sound began at (s of the recording)")
    caption = "For every moment at which a sound may have begun: how well it fits all windows that it would explain. Triangle: the best."
    return Drawing("When each sound began", figure, caption)


def best_over_time(
    scores: np.ndarray, time_s: np.ndarray, sound: np.ndarray, names: list[str], window_s: float
) -> Drawing:
    """For each window and sound, the best of its stretches.

    Parameters
    ----------
    scores
        (n, k) of windows with candidates.
    time_s
        (n,) When each window starts, s.
    sound
        (k,) Name of each candidate's sound.
    names
        The sounds, the likeliest first.
    window_s
        Length of a window, s.
    """
    names = names[:MOST]
    spread = scores.std(1, keepdims=True)
    z = (scores - scores.mean(1, keepdims=True)) / np.where(spread > 0, spread, 1)
    best = np.stack([z[:, sound == name].max(1) for name in names])
    figure = Figure(figsize=(9, 1.6 + 0.35 * len(names)), layout="constrained")
    axis = figure.subplots()
    step = float(np.median(np.diff(time_s))) if len(time_s) > 1 else window_s
    extent = (time_s[0] - step / 2, time_s[-1] + step / 2, len(names) - 0.5, -0.5)
    image = axis.imshow(best, aspect="auto", extent=extent, interpolation="nearest", cmap="viridis")
    axis.set_yticks(range(len(names)), names)
    axis.set_xlabel("window starts (s of the recording)")
    figure.colorbar(image, label="best z")
    caption = "The best stretch of each sound in each window, as z-score over all candidates of the window. Longer sounds have more stretches, so that their best is higher by chance."
    return Drawing("Sounds over time", figure, caption)
