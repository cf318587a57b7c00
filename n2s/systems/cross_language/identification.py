"""Identification of held-out segments by meaning: which of all segments of a language, equally many in each, was heard."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from n2s.metrics.identification import similarities
from n2s.systems.cross_language.inputs import Inputs

#: Measures of identification, in the order of tables.
RANK, TOP1, TOPK = "rank", "top1", "topk"


def segments_of(inputs: Inputs, places: np.ndarray, n_rows: int) -> np.ndarray:
    """``(k, n_rows)``: the segments that some places make, in order; what is left at the end of a stretch is none.

    Parameters
    ----------
    inputs
        Of the fold.
    places
        (n,) At which a sound plays and the delayed brain is there (`Inputs.later`), of one language.
    n_rows
        Length of a segment.
    """
    found = []
    for one in inputs.rows.stretches(places):
        own = places[one]
        n = len(own) // n_rows
        found.append(own[: n * n_rows].reshape(n, n_rows))
    return np.concatenate(found) if found else np.zeros((0, n_rows), int)


def heard_once(inputs: Inputs, segments: np.ndarray) -> np.ndarray:
    """(k, rows) -> fewer: of segments that share a moment of one sound, heard again, the first alone. Else two candidates would be right."""
    table, n_rows = inputs.rows.table, segments.shape[1]
    stimulus = table.stimulus.astype(str).to_numpy()[segments[:, 0]]
    start = table.stimulus_s.to_numpy()[segments[:, 0]] * inputs.data.rate_hz[inputs.subject]
    kept: list[int] = []
    for number, (name, at) in enumerate(zip(stimulus, start, strict=True)):
        if not any(stimulus[one] == name and abs(start[one] - at) < n_rows - 0.5 for one in kept):
            kept.append(number)
    return segments[kept]


def spread(n: int, wanted: int) -> np.ndarray:
    """``wanted`` of n numbers, evenly spread."""
    return np.unique(np.linspace(0, n - 1, wanted).round().astype(int)) if wanted < n else np.arange(n)


@dataclass(frozen=True)
class Gallery:
    """The segments of one fold and language, all of one length, equally many in each language.

    Parameters
    ----------
    segments
        (k, rows) Places.
    run
        (k,) Number of the run of each segment: chance moves what was decoded inside it.
    """

    segments: np.ndarray
    run: np.ndarray

    def identified(self, decoded: np.ndarray, true: np.ndarray, top_k: int) -> dict[str, np.ndarray]:
        """Measure -> (k,) of each segment.

        Parameters
        ----------
        decoded, true
            (k, f) The mean over each segment's rows, dimensions on one scale.
        top_k
            How many best segments count.
        """
        similar = similarities(decoded, true)
        own = np.diagonal(similar)[:, None]
        above, tied = (similar > own).sum(1), (similar == own).sum(1) - 1
        k = len(similar)
        found = {RANK: 1 - (above + tied / 2) / max(k - 1, 1)}
        return found | {TOP1: (above + tied < 1).astype(float), TOPK: (above + tied < top_k).astype(float)}


def galleries(found: Mapping[str, np.ndarray], recording: np.ndarray, n: int) -> dict[str, Gallery]:
    """Language -> its gallery of n segments, evenly spread over all of its own.

    Parameters
    ----------
    found
        Language -> (k, rows) `segments_of`.
    recording
        Number of the run of every place.
    n
        Segments of each gallery; fewer than 2: there are none.
    """
    if n < 2:
        return {}
    chosen = {name: one[spread(len(one), n)] for name, one in found.items() if len(one) >= n}
    return {name: Gallery(one, recording[one[:, 0]]) for name, one in chosen.items()}


def means(values: np.ndarray, segments: np.ndarray) -> np.ndarray:
    """``(n, f)`` of all places -> (k, f): the mean over each segment's rows."""
    return np.asarray(values, np.float64)[segments].mean(1)


def moved(
    places: np.ndarray, recording: np.ndarray, least: int, rng: np.random.Generator, *, n_rows: int = 1
) -> np.ndarray:
    """The places in another order: those of each run moved in a circle by ``least`` or more; by half of a circle that is too short.

    Runs of a single segment of ``n_rows`` make one circle together: inside it, it would stay what it is.
    """
    found, own = places.copy(), recording[places]
    inverse, counts = np.unique(own, return_inverse=True, return_counts=True)[1:]
    circle = np.where(counts[inverse] < 2 * n_rows, -1, inverse)
    for one in np.unique(circle):
        rows = np.flatnonzero(circle == one)
        n, far = len(rows), max(least, n_rows) if one < 0 else least
        by = int(rng.integers(far, n - far + 1)) if n >= 2 * far else n // 2
        found[rows] = places[np.roll(rows, by)]
    return found


def fewest(counts: Sequence[Mapping[str, int]]) -> int:
    """The number of segments that every language has in a fold, for whoever heard it; 0 if nobody has any of a language."""
    best: dict[str, int] = {}
    for one in counts:
        for name, n in one.items():
            known = [m for m in (best.get(name, 0), n) if m]
            best[name] = min(known, default=0)
    return min(best.values(), default=0)
