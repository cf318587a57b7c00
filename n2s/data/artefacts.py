"""Artefacts so large that filters carry them out of the bad spans in which they are: how far beside a span they are seen."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from n2s.data.spans import merged
from n2s.findings import tell

HUGE = 30.0  # times a channel's deviation, in a bad span: blinks and tense muscles are less
SEEN = 1.0  # times the deviation, beside it: what is more is no longer lost in the signal
ENOUGH = 20_000  # rows that a deviation is taken from

#: (first, last) -> (c, last - first): samples of a recording.
Read = Callable[[int, int], np.ndarray]
#: (read, first, last) -> the first row, and (n, d), of what ``read`` gives from a sample to before another, prepared.
Prepare = Callable[[Read, int, int], Iterable[tuple[int, np.ndarray]]]


@dataclass(frozen=True)
class Artefact:
    """What a bad span holds beside a line from the one side to the other; outside it, it is 0.

    Parameters
    ----------
    span
        Its first sample, and the one after its last.
    stretch
        Those of the stretch between interruptions that it lies in, and is not all of.
    source
        Reads the recording.
    """

    span: tuple[int, int]
    stretch: tuple[int, int]
    source: Read

    def read(self, first: int, last: int) -> np.ndarray:
        """(c, last - first): the artefact."""
        start, stop = self.span
        sides = [self.source(at, at + 1) for at in (start - 1, stop) if self.stretch[0] <= at < self.stretch[1]]
        found = np.zeros((len(sides[0]), last - first))
        low, high = max(first, start), min(last, stop)
        if high > low:
            share = (np.arange(low, high) - start + 1) / (stop - start + 1)
            line = sides[0] + (sides[-1] - sides[0]) * share
            found[:, low - first : high - first] = self.source(low, high) - line
        return found

    def around(self, reach: int) -> list[tuple[int, int]]:
        """The samples that both ends of the span can reach: one part, or two of a long span."""
        (first, last), (start, stop) = self.span, self.stretch
        low, high = max(first - reach, start), min(last + reach, stop)
        return [(low, high)] if last - first <= 2 * reach else [(low, first + reach), (last - reach, high)]


def leave_out_beside(
    source: Read,
    prepare: Prepare,
    data: np.ndarray,
    good: np.ndarray,
    *,
    stretches: list[tuple[int, int]],
    reach: int,
    raw_hz: float,
    sfreq: float,
    spans: list[list[float]],
    where: str,
) -> None:
    """Widen bad spans as far as the preparation carries huge artefacts out of them: no further, and not for what is ordinary.

    Parameters
    ----------
    source, prepare
        How the recording is read and prepared, which is linear (but for a size at the end).
    data, good
        (t, d) The prepared recording, and which of its channels are good.
    stretches
        (first, last) samples that are prepared apart.
    reach
        Samples that an artefact is looked for on either side.
    raw_hz, sfreq
        Rates of the recording, and of its rows.
    spans
        (onset, duration), s; the wider ones are added.
    where
        The recording.
    """
    bad = merged(np.array([[onset, onset + duration] for onset, duration in spans if duration > 0]))
    rows = np.ceil(bad * sfreq - 1e-6).astype(int)
    if not len(bad) or not good.any() or (scale := _scale(data, rows)) is None:
        return
    most, most_s, n = 0.0, 0.0, 0
    for (first, last), inside in zip(np.ceil(bad * raw_hz - 1e-6).astype(int).tolist(), rows, strict=True):
        times = _largest(data[slice(*inside)], *scale, good)
        if times <= HUGE:
            continue
        for start, stop in stretches:
            span = max(first, start), min(last, stop)
            if span[1] <= span[0] or span == (start, stop):
                continue
            first_s, last_s = low_s, high_s = span[0] / raw_hz, span[1] / raw_hz
            for seen_s in _seen(Artefact(span, (start, stop), source), prepare, scale[1], good, reach, sfreq):
                low_s, high_s = min(low_s, seen_s[0]), max(high_s, seen_s[-1] + 1 / sfreq)
            if low_s < first_s or high_s > last_s:
                spans.append([float(low_s), float(high_s - low_s)])
                most, most_s, n = max(most, times), max(most_s, first_s - low_s, high_s - last_s), n + 1
    if n:
        text = f"they hold artefacts of up to {most:.0f} standard deviations, which filters carry up to {most_s:.2f} s beyond."
        tell("left out", f"{where} ({n} bad spans)", f"{text} No window uses that, either.")


def _seen(
    one: Artefact, prepare: Prepare, deviation: np.ndarray, good: np.ndarray, reach: int, sfreq: float
) -> Iterator[np.ndarray]:
    """Times at which some good channel shows the artefact, s."""
    for first, last in one.around(reach):
        for row, values in prepare(one.read, first, last):
            rows = np.flatnonzero((np.abs(values) > SEEN * deviation)[:, good].any(1))
            if len(rows):
                yield (row + rows) / sfreq


def _scale(data: np.ndarray, bad: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """(d,) Median and robust standard deviation of each channel outside bad rows; None if there are none."""
    outside = np.ones(len(data), bool)
    for first, last in bad:
        outside[first:last] = False
    chosen = np.flatnonzero(outside)
    some = data[chosen[:: max(1, len(chosen) // ENOUGH)]]
    if not len(some):
        return None
    median = np.median(some, 0)
    return median, 1.4826 * np.median(np.abs(some - median), 0)  # of a normal distribution


def _largest(data: np.ndarray, median: np.ndarray, deviation: np.ndarray, good: np.ndarray) -> float:
    """The largest distance from the median in any good channel, in deviations."""
    if not len(data):
        return 0.0
    away = np.maximum(data.max(0) - median, median - data.min(0))
    known = good & (deviation > 0)
    return float((away[known] / deviation[known]).max(initial=0.0))
