"""The figures of sounds, each with its caption. Functions take numbers and do not read or write files."""

from collections.abc import Sequence

import numpy as np
import torch
import torchaudio
from matplotlib.figure import Figure

from n2s.metrics.result import Drawing
from n2s.report.figures import COLORS
from n2s.report.listen import Retrieved

SFREQ, WINDOW, HOP, N_MELS = 16_000, 1024, 160, 64  # as in the sound generators
FLOOR = 1e-5  # of a magnitude
RANGE_DB = 60.0  # below the loudest part of what was heard


def decibels(samples: np.ndarray) -> np.ndarray | None:
    """(n,) at 16 kHz -> (64, n // 160) mel magnitudes in dB; None if it is shorter than a window."""
    if len(samples) < WINDOW:
        return None
    transform = torchaudio.transforms.MelSpectrogram(
        SFREQ, n_fft=WINDOW, hop_length=HOP, n_mels=N_MELS, power=1, norm="slaney", mel_scale="slaney"
    )
    mel = transform(torch.from_numpy(np.ascontiguousarray(samples, np.float32))).numpy()
    return 20 * np.log10(np.maximum(mel[:, : len(samples) // HOP], FLOOR))


def spectrogram_grid(
    cells: Sequence[Sequence[np.ndarray | None]],
    *,
    rows: Sequence[str],
    titles: Sequence[Sequence[str]],
    marked: Sequence[Sequence[bool]] | None = None,
    by: str = "row",
) -> Figure:
    """Draw log-mel spectrograms in rows and columns; each row, or column, has the scale of its first cell.

    Parameters
    ----------
    cells
        Samples (n,) at 16 kHz; None leaves a cell empty.
    rows
        Label beside each row.
    titles
        Title above each cell.
    marked
        Cells with a frame.
    by
        ``row`` or ``column``: which cells share the scale of their first cell.
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
    """What was heard in some windows, and the model's first choices; None if the study has no sounds."""
    named = [window.segments() for window in windows]
    if not any(segment.audio is not None for row in named for _, segment in row):
        return None
    figure = spectrogram_grid(
        [[segment.audio for _, segment in row] for row in named],
        rows=[f"{window.pick}\nrank {window.rank + 1}" for window in windows],
        titles=[[f"{label}: {_short(segment.text or segment.place)}" for label, segment in row] for row in named],
        marked=[[segment.true and i > 0 for i, (_, segment) in enumerate(row)] for row in named],
    )
    caption = (
        "Log-mel spectrograms of what was heard in windows at fixed places in the order of all by rank, and of the model's "
        f"first choices; framed: the true one. A row has one scale, {RANGE_DB:g} dB below the loudest of what was heard."
    )
    return Drawing("Segments as spectrograms", figure, caption)


def _short(text: str, most: int = 30) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
