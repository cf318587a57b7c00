"""The figures of a run's sounds, each with its caption. Functions take numbers and do not read or write files."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from n2s.evaluation.sound_measures import main_scores
from n2s.metrics.result import Drawing
from n2s.metrics.score import Scores
from n2s.report.figures import COLORS, LINES
from n2s.report.sound_figures import RANGE_DB, spectrogram_grid

CHANCE = "chance"  # the row that is a line, not a bar


def true_and_decoded(
    sounds: Mapping[str, Sequence[np.ndarray | None]], clips: Sequence[str], subject: str
) -> Drawing | None:
    """Draw what was heard and the sounds of each method below, one column per clip; None without clips.

    Parameters
    ----------
    sounds
        Samples (n,) at 16 kHz of each clip by method, the stimulus first; None if a method has none.
    clips
        Their names.
    subject
        The subject who heard them.
    """
    if not clips:
        return None
    figure = spectrogram_grid(
        list(sounds.values()),
        rows=[name.replace("_", "\n") for name in sounds],
        titles=[[_short(clip) if i == 0 else "" for clip in clips] for i in range(len(sounds))],
        by="column",
    )
    caption = (
        f"Log-mel spectrograms of what {subject} heard, and of what each method made of it; clips evenly taken from all. "
        f"A column has one scale, {RANGE_DB:g} dB below the loudest of what was heard."
    )
    return Drawing("True and decoded sounds", figure, caption)


def method_scores(scores: Scores, what: str) -> Drawing | None:
    """Draw one panel per score and one bar per row, with its interval; dotted: chance. None if there is no score.

    Identification has the same two N as the table.

    Parameters
    ----------
    scores
        Scores of one subject, or the mean of subjects.
    what
        Description of the bars and their intervals, for the caption.
    """
    drawn = main_scores(scores.measures)
    if not drawn:
        return None
    names = [row for row in scores.rows if row != CHANCE and any(scores.get(score, row) for score in drawn)]
    n_columns = min(4, len(drawn))
    n_rows = -(-len(drawn) // n_columns)
    figure = Figure(figsize=(8.8, n_rows * (0.9 + 0.26 * len(names))), dpi=130, layout="constrained")
    panels = figure.subplots(n_rows, n_columns, squeeze=False)
    for axes in panels.flat[len(drawn) :]:
        axes.set_axis_off()
    for i, score in enumerate(drawn):
        axes, measure = panels.flat[i], scores.measures[score]
        axes.spines[["top", "right"]].set_visible(False)
        for row, name in enumerate(names):
            found = scores.get(score, name)
            if found is None or found.mean is None:
                continue
            ends = None if found.low is None else [[found.mean - found.low], [found.high - found.mean]]
            color = COLORS.get(name, COLORS["model"] if row == 0 else "#999999")
            axes.barh(row, found.mean, xerr=None if ends is None else np.maximum(ends, 0), color=color, capsize=2)
        chance = scores.get(score, CHANCE)
        if chance is not None and chance.mean is not None:
            axes.axvline(chance.mean, color=COLORS["chance"], linestyle=LINES["chance"], linewidth=1.8)
        axes.set_title(measure.label + ("" if measure.higher_is_better else " (lower is better)"), fontsize=9)
        axes.set_yticks(
            range(len(names)),
            labels=[scores.rows[name].label for name in names] if i % n_columns == 0 else [""] * len(names),
        )
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.tick_params(labelsize=8)
    caption = (
        f"{what}; dotted: chance. 'ceiling' is the best possible: true features, sampled. 'shuffled' has the "
        "response to another stimulus; 'exchanged among clips' has the sounds of the first method, each compared with "
        "another clip."
    )
    return Drawing("Scores by method", figure, caption)


def _short(text: str, most: int = 34) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
