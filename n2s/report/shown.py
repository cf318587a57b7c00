"""What a report shows, W&B too: one description for both."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from n2s.report.figures import Drawing
from n2s.report.listen import RATE_HZ, Retrieved

HEARD = ("window", "subject", "rank", "segment", "words", "where", "similarity")


@dataclass(frozen=True)
class Sound:
    """Samples ``(n,)`` and their rate, Hz, and what one hears."""

    caption: str
    samples: np.ndarray
    rate: int = RATE_HZ


@dataclass(frozen=True)
class Shown:
    """What is shown of a test set, or of a run as a whole.

    Attributes
    ----------
    name
        What all its entries in W&B begin with: ``test``, ``run``, ``sounds``.
    scores
        Row (``model``, a control, a method) -> score -> mean. In the summary of W&B's run: ``<name>/<row>/<score>``.
    counts
        How many candidates, subjects, ...: ``<name>/<what>``.
    tables
        By title: headings, and rows of cells.
    drawings
        The report's figures, in reading order.
    sounds
        To be played.
    """

    name: str
    scores: dict[str, dict[str, float]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    tables: dict[str, tuple[Sequence[str], list[list]]] = field(default_factory=dict)
    drawings: Sequence[Drawing] = ()
    sounds: Sequence[Sound] = ()


def means(scores: dict[str, dict]) -> dict[str, dict[str, float]]:
    """Score -> row -> its entry in ``metrics.json``, turned to row -> score -> mean.

    An entry may be the number itself, as that of ``chance`` is. What is not known, and what is no number, is left out.
    """
    found: dict[str, dict[str, float]] = {}
    for score, rows in scores.items():
        for row, entry in rows.items():
            mean = entry.get("mean") if isinstance(entry, dict) else entry
            if isinstance(mean, int | float):
                found.setdefault(row, {})[score] = mean
    return found


def heard_table(windows: Sequence[Retrieved]) -> tuple[Sequence[str], list[list]]:
    """What was heard in some windows, and what the model took it for."""
    return HEARD, [
        [w.pick, w.subject, w.rank, label, s.text, s.place, s.z] for w in windows for label, s in w.segments()
    ]


def heard_sounds(windows: Sequence[Retrieved]) -> list[Sound]:
    """Of those whose study has sounds."""
    return [
        Sound(f"{window.pick}, {label}: {segment.text}", segment.audio)
        for window in windows
        for label, segment in window.segments()
        if segment.audio is not None and len(segment.audio)
    ]
