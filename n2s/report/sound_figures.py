"""The figures of sounds, each with its caption. They take numbers; nothing is read or written here."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.figure import Figure

from n2s.models.diffusion.spectrogram import FLOOR, HOP, SFREQ, WINDOW, log_mel
from n2s.report.figures import COLORS, LINES, Drawing
from n2s.report.listen import Retrieved

RANGE_DB = 60.0  # below the loudest of what was heard


def decibels(samples: np.ndarray) -> np.ndarray | None:
    """(n,) at 16 kHz -> (64, n // 160) mel magnitudes in dB; None of what is shorter than a window."""
    if len(samples) < WINDOW:
        return None
    whole = torch.from_numpy(np.ascontiguousarray(samples[: len(samples) // HOP * HOP], np.float32))
    return 20 / np.log(10) * log_mel(whole[None])[0].numpy().T


def spectrogram_grid(
    cells: Sequence[Sequence[np.ndarray | None]],
    *,
    rows: Sequence[str],
    titles: Sequence[Sequence[str]],
    marked: Sequence[Sequence[bool]] | None = None,
    by: str = "row",
) -> Figure:
    """Log-mel spectrograms in rows and columns; all of a row, or of a column, on the scale of its first.

    Parameters
    ----------
    cells
        Samples (n,) at 16 kHz; None leaves a cell empty.
    rows
        What is beside each row.
    titles
        What is above each cell.
    marked
        Cells with a frame.
    by
        ``row`` or ``column``: what has one scale, that of its first cell.
    """
    n_columns = len(cells[0])
    figure = Figure(figsize=(2.5 * n_columns + 0.9, 1.45 * len(rows) + 0.5), dpi=110, layout="constrained")
    panels = figure.subplots(len(rows), n_columns, squeeze=False)
    images = [[None if one is None else decibels(one) for one in row] for row in cells]
    floor_db = 20 * np.log10(FLOOR)
    for i, row in enumerate(images):
        panels[i, 0].set_ylabel(rows[i], fontsize=9)
        for j, image in enumerate(row):
            axes = panels[i, j]
            axes.set(xticks=[], yticks=[])
            axes.set_title(titles[i][j], fontsize=8)
            if image is None:
                axes.text(0.5, 0.5, "no sound", ha="center", va="center", transform=axes.transAxes, color="#777777")
                continue
            scale = images[i][0] if by == "row" else images[0][j]
            top = max((image if scale is None else scale).max(), floor_db + RANGE_DB)
            extent = (0, len(image[0]) * HOP / SFREQ, 0, len(image))
            axes.imshow(
                image, origin="lower", aspect="auto", cmap="magma", vmin=top - RANGE_DB, vmax=top, extent=extent
            )
            if marked is not None and marked[i][j]:
                for spine in axes.spines.values():
                    spine.set(edgecolor=COLORS["ceiling"], linewidth=3)
    return figure


def heard_spectrograms(windows: Sequence[Retrieved]) -> Drawing | None:
    """What was heard in some windows, and the model's first choices; None where the study has no sounds."""
    named = [window.segments() for window in windows]
    if not any(segment.audio is not None for row in named for _, segment in row):
        return None
    figure = spectrogram_grid(
        [[segment.audio for _, segment in row] for row in named],
        rows=[f"{window.pick}\nrank {window.rank}" for window in windows],
        titles=[[f"{label}: {_short(segment.text or segment.place)}" for label, segment in row] for row in named],
        marked=[[segment.true and i > 0 for i, (_, segment) in enumerate(row)] for row in named],
    )
    caption = (
        "Log-mel spectrograms of what was heard in windows at fixed places in the order of all by rank, and of the model's "
        f"first choices; framed: the true one. A row has one scale, {RANGE_DB:g} dB below the loudest of what was heard."
    )
    return Drawing("Segments as spectrograms", figure, caption)


def true_and_decoded(sounds: Mapping[str, Sequence[np.ndarray | None]], clips: Sequence[str], subject: str) -> Drawing:
    """What was heard above what each method made of it, a column a clip.

    Parameters
    ----------
    sounds
        Samples (n,) at 16 kHz of each clip by method, the stimulus first; None where a method has none.
    clips
        Their names.
    subject
        Who heard them.
    """
    figure = spectrogram_grid(
        list(sounds.values()),
        rows=[name.replace("_", "\n") for name in sounds],
        titles=[[_short(clip, 34) if i == 0 else "" for clip in clips] for i in range(len(sounds))],
        by="column",
    )
    caption = (
        f"Log-mel spectrograms of what {subject} heard, and of what each method made of it; clips evenly taken from all. "
        f"A column has one scale, {RANGE_DB:g} dB below the loudest of what was heard."
    )
    return Drawing("True and decoded sounds", figure, caption)


def method_scores(methods: Mapping[str, Mapping[str, dict]], what: str) -> Drawing:
    """A panel a score, a bar a method, with its interval; dotted: chance.

    Of identification, 2-way and 10-way (or what is nearest below).

    Parameters
    ----------
    methods
        Scores by method, as `n2s.evaluation.sound_scores.score_sounds` gives them.
    what
        The bars and their intervals are, for the caption.
    """
    names = list(methods)
    entries = _drawn({score: entry for one in methods.values() for score, entry in one.items()})
    n_columns = min(4, len(entries))
    n_rows = -(-len(entries) // n_columns)
    figure = Figure(figsize=(8.8, n_rows * (0.9 + 0.26 * len(names))), dpi=130, layout="constrained")
    panels = figure.subplots(n_rows, n_columns, squeeze=False)
    for axes in panels.flat[len(entries) :]:
        axes.set_axis_off()
    for i, (score, entry) in enumerate(entries.items()):
        axes = panels.flat[i]
        axes.spines[["top", "right"]].set_visible(False)
        for row, name in enumerate(names):
            found = methods[name].get(score, {}).get("generated")
            if found is None or found["mean"] is None:
                continue
            ends = None if found["low"] is None else [[found["mean"] - found["low"]], [found["high"] - found["mean"]]]
            color = COLORS.get(name, COLORS["model"] if row == 0 else "#999999")
            axes.barh(row, found["mean"], xerr=None if ends is None else np.maximum(ends, 0), color=color, capsize=2)
        if entry["chance"] is not None:
            axes.axvline(entry["chance"], color=COLORS["chance"], linestyle=LINES["chance"], linewidth=1.8)
        axes.set_title(entry["label"] + ("" if entry["higher_is_better"] else " (lower is better)"), fontsize=9)
        axes.set_yticks(range(len(names)), labels=names if i % n_columns == 0 else [""] * len(names))
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.tick_params(labelsize=8)
    caption = (
        f"{what}; dotted: chance. The best that can be had is 'ceiling' (true features, sampled); 'shuffled' has the "
        "response to another stimulus."
    )
    return Drawing("Scores by method", figure, caption)


def _drawn(entries: dict[str, dict]) -> dict[str, dict]:
    """Of each kind of identification two."""
    ways = sorted({int(score.partition("@")[2]) for score in entries if "@" in score})
    chosen = {min(ways), max(way for way in ways if way <= 10)} if ways else set()
    return {
        score: entry for score, entry in entries.items() if "@" not in score or int(score.partition("@")[2]) in chosen
    }


def _short(text: str, most: int = 30) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
