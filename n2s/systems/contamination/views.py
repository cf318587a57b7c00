"""How a side signal is looked for in sensors: the same course, strength or slow course, of what the brain has no reason to follow."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from n2s.metrics.same_moment import band_limited

#: How each group is looked for. ``waveform``: the same course, above `FAST_HZ`; ``loudness``: how strong both are above `LOUD_HZ`;
#: ``spectrum``: the same frequencies; ``slow``: the same course below `SLOW_HZ`, while nobody speaks, listens or imagines.
VIEWS = {
    "audio": ("waveform", "loudness", "spectrum"),
    "emg": ("waveform", "loudness", "slow"),
    "eog": ("slow",),
    "ecg": ("slow",),
    "head": ("slow",),
}
FAST_HZ, LOUD_HZ, SLOW_HZ = 40.0, 60.0, (0.5, 8.0)
MUSCLE_HZ = 20.0
LEAST_FAST_HZ = 150.0  # rate below which nothing of a voice is left
SLOW_RATE_HZ, LOUD_RATE_HZ = 25.0, 50.0
FAST_SHIFT_S = 2.0  # longer than either side is like itself; ten times as much is needed, and four times in a run
PIECE_S = 1.0  # of rest, filtered alone: as long as pauses between words often are
LEAST_REST_S = 40.0
LOW_PASSED = 0.01  # of the amplitude from 20 to 40 Hz: with less above `LOUD_HZ`, a signal was low-passed
#: A difference of two, as files name it: "EMG1-EMG2", "EMG1-2", "ECG+-ECG-", "BIP1"; but not "EMG-lip", "EMG1-REF" or "HEOG", which may be against the
#: sensors' reference.
_KIND = r"(?:E[MO]G|EKG|ECG)"
_PAIR = re.compile(rf".*{_KIND}.*[-/].*{_KIND}|.*{_KIND}\s?\d+\s?[-/]\s?\d+$|.*bip", re.I)
_AGAINST = re.compile(rf".*[-_/\s]{_KIND}?(?:ref\w*|avg?|average|gnd|[am][12]|cz|fcz|cpz)$", re.I)


@dataclass(frozen=True)
class Wide:
    """One recording: ``brain (t, c)``, side waveforms, where nobody speaks ``rest (t,)``, and where somebody does ``speech (t,)``.

    ``lowpass_hz``: of the recording, by its header; ``pairs``: side signals that are differences of two channels.
    """

    brain: np.ndarray
    side: Mapping[str, tuple[np.ndarray, list[str]]]
    rest: np.ndarray
    speech: np.ndarray
    sfreq: float
    lowpass_hz: float = np.inf
    pairs: frozenset[str] = frozenset()

    def viewed(self, view: str, group: str, names: list[str]) -> tuple[np.ndarray, np.ndarray, float]:
        """(t, c), (t, d) sensors and some signals of a group in a view but ``spectrum``, of the time that it looks at, and their rate."""
        values, own = self.side[group]
        side = values[:, [own.index(name) for name in names]]
        if view == "waveform":
            kept = self.speech
            both = [band_limited(one, self.sfreq, FAST_HZ, 0.45 * self.sfreq, mains=True) for one in (self.brain, side)]
            step = 1
        elif view == "loudness":
            kept, step = self.speech, max(1, round(self.sfreq / LOUD_RATE_HZ))
            both = [_loudness(one, self.sfreq) for one in (self.brain, side)]
        else:
            return self._slow(side, rectified=group == "emg")
        kept = kept[::step]
        return both[0][::step][kept], both[1][::step][kept], self.sfreq / step

    def _slow(self, side: np.ndarray, *, rectified: bool) -> tuple[np.ndarray, np.ndarray, float]:
        """`rectified`: how hard a muscle works; its current changes sign all the time."""
        step = max(1, round(self.sfreq / SLOW_RATE_HZ))
        both = [pieces(one, self.rest, self.sfreq) for one in (self.brain, side)]
        n = both[0].shape[1]
        columns = [one.transpose(1, 0, 2).reshape(n, -1) for one in both]  # each piece is filtered alone
        if rectified:
            columns[1] = np.abs(band_limited(columns[1], self.sfreq, MUSCLE_HZ, 0.45 * self.sfreq, mains=True))
        seen = [band_limited(one, self.sfreq, *SLOW_HZ)[: n // step * step : step] for one in columns]
        brain, other = (
            one.reshape(len(one), len(raw), -1).transpose(1, 0, 2).reshape(-1, raw.shape[2])
            for one, raw in zip(seen, both, strict=True)
        )
        return brain, other, self.sfreq / step


def pieces(values: np.ndarray, rest: np.ndarray, sfreq: float) -> np.ndarray:
    """(t, c) -> (p, n, c) pieces of `PIECE_S`, without what is not rest, and without their trend: no filter reaches from one to the next."""
    n = round(PIECE_S * sfreq)
    firsts = [
        start + (stop - start) % n // 2 + n * i for start, stop in _stretches(rest) for i in range((stop - start) // n)
    ]
    found = np.stack([values[first : first + n] for first in firsts]) if firsts else np.zeros((0, n, values.shape[1]))
    found = found.astype(np.float32)
    line = np.linspace(-1, 1, n, dtype=np.float32)[:, None]
    found -= found.mean(1, keepdims=True)
    return found - line * ((line * found).sum(1, keepdims=True) / (line**2).sum())


def low_passed(values: np.ndarray, sfreq: float) -> np.ndarray:
    """(t, d) -> (d,) Whether next to nothing of a signal is above `LOUD_HZ`, beside what is from `MUSCLE_HZ` to `FAST_HZ`."""
    low, high = (
        band_limited(values, sfreq, *band, mains=True).std(0)
        for band in ((MUSCLE_HZ, FAST_HZ), (LOUD_HZ, 0.45 * sfreq))
    )
    return high < LOW_PASSED * low


def own_electrodes(
    values: np.ndarray, names: list[str], pairs: Collection[str] = ()
) -> tuple[np.ndarray, list[str], str]:
    """Signals without the sensors' reference, and "", or why they may have it.

    Electrodes that are recorded against the reference of an EEG have what is in it, as all sensors do: neighbours are subtracted from each other.
    Differences (``EMG1-EMG2``, and those of ``pairs``) stay as they are; a single electrode beside them is left out.
    """
    both = [i for i, name in enumerate(names) if name in pairs or (_PAIR.match(name) and not _AGAINST.match(name))]
    alone = [i for i in range(len(names)) if i not in both]
    if len(alone) == 1 and not both:
        return (
            values,
            names,
            f"{names[0]} and the sensors may have the same reference: name a difference of two electrodes",
        )
    found = [values[:, both], values[:, alone[:-1]] - values[:, alone[1:]]]
    return (
        np.concatenate(found, 1),
        [names[i] for i in both] + [f"{names[i]}-{names[j]}" for i, j in pairwise(alone)],
        "",
    )


def _loudness(signal: np.ndarray, sfreq: float) -> np.ndarray:
    strength = np.abs(band_limited(signal, sfreq, LOUD_HZ, 0.45 * sfreq, mains=True))
    return band_limited(strength, sfreq, 0.5, 20.0)


def _stretches(kept: np.ndarray) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], kept.astype(np.int8), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
