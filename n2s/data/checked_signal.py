"""Channels of a raw recording, read piece by piece, and a check that each good one carries a signal."""

import mne
import numpy as np

from n2s.data.amplitudes import check_sizes
from n2s.data.spans import merged
from n2s.errors import UserError, first_of
from n2s.findings import tell

CHUNK_S = 0.25  # whether a channel stands still, and its size, are looked at in stretches of this length
FEWEST = 10  # samples of them
GAP_S = 0.5  # all channels stand still for so long: nothing was recorded
DEAD, PARTLY = (
    0.5,
    0.05,
)  # shares of the time that a channel stands still: refused from the one on, told from the other on
CLIPPED = 0.02  # share of samples at the lowest or highest value of a channel, from which on it is told
FEWEST_CLIPPED = 20  # of them
EVERY = 8  # of the samples, one is looked at for that
LEVELS = 8  # a channel with so few values is no signal of an amplifier


class CheckedSignal:
    """Reads some channels of a recording, and records which of them carry no signal.

    Parameters
    ----------
    raw
        The recording.
    picks
        Channels.
    bad_spans
        (onset, duration), s: not looked at for channels that stand still.
    """

    def __init__(self, raw: mne.io.BaseRaw, picks: np.ndarray, bad_spans: list[list[float]] = ()):
        self._raw, self._picks, self._bad_spans, n = raw, picks, bad_spans, len(picks)
        self._low, self._high = np.full(n, np.inf), np.full(n, -np.inf)
        self._at_low, self._at_high, self._seen = np.zeros(n), np.zeros(n), 0
        self._broken, self._levels = np.zeros(n, bool), np.zeros(n, int)
        self._length = max(FEWEST, round(CHUNK_S * raw.info["sfreq"]))
        self._starts: list[np.ndarray] = []
        self._spread: list[np.ndarray] = []  # (c, k) peak to peak of each chunk

    def read(self, first: int, last: int) -> np.ndarray:
        """(c, last - first) in volts and teslas; values that are not finite become 0."""
        values = self._raw[self._picks, first:last][0]
        finite = np.isfinite(values)
        if not finite.all():
            self._broken |= ~finite.all(axis=1)
            values = np.where(finite, values, 0.0)
        self._look(values, first)
        return values

    def read_again(self, first: int, last: int) -> np.ndarray:
        """The same of samples that were looked at before."""
        return np.nan_to_num(self._raw[self._picks, first:last][0], copy=False, nan=0.0, posinf=0.0, neginf=0.0)

    @property
    def lowest(self) -> np.ndarray:
        """(c,) The lowest value of each channel."""
        return self._low

    def read_all(self, stretches: list[tuple[int, int]], block: int = 2**14) -> None:
        """Read these stretches only for the check."""
        for start, stop in stretches:
            for first in range(start, stop, block):
                self.read(first, min(first + block, stop))

    def _look(self, values: np.ndarray, first: int) -> None:
        n = values.shape[1] // self._length
        if n:
            chunks = values[:, : n * self._length].reshape(len(values), n, self._length)
            lows, highs = chunks.min(axis=2), chunks.max(axis=2)
            self._starts.append(first + self._length * np.arange(n))
            self._spread.append((highs - lows).astype(np.float32))
        rest = values[:, n * self._length :]
        low = np.minimum(lows.min(1), rest.min(1, initial=np.inf)) if n else rest.min(1)
        high = np.maximum(highs.max(1), rest.max(1, initial=-np.inf)) if n else rest.max(1)
        some = values[:, ::EVERY]
        moves = np.ones(some.shape, bool)  # what stands still is told as such
        if n:
            chunk = np.arange(0, values.shape[1], EVERY) // self._length
            moves[:, chunk < n] = (highs > lows)[:, chunk[chunk < n]]
        for extreme, count, sign, kept in ((low, self._at_low, 1, self._low), (high, self._at_high, -1, self._high)):
            new = sign * extreme < sign * kept
            count[new], kept[new] = 0, extreme[new]
            count += ((some == kept[:, None]) & moves).sum(1)
        self._seen += some.shape[1]
        if some.shape[1] > 4 * LEVELS:
            ordered = np.sort(some[:, : 64 * LEVELS], axis=1)
            self._levels = np.maximum(self._levels, 1 + (np.diff(ordered, axis=1) > 0).sum(1))

    def check(self, info: mne.Info, where: str, *, cleaned: bool = False) -> list[list[float]]:
        """Find good channels that carry no signal: they would be used in training, or spoil the scaler.

        Parameters
        ----------
        info
            Of these channels, bad ones marked.
        where
            The recording.
        cleaned
            By steps, before which it was checked: only channels without any signal are looked for.

        Returns
        -------
        (onset, duration), s, of the stretches in which no good channel changes: nothing was recorded there.

        Raises
        ------
        UserError
            A good channel holds a value that is not finite, stands still or is clipped most of the time, or all of a type are
            too large or too small (`n2s.data.amplitudes`).
        """
        good = np.array([name not in info["bads"] for name in info["ch_names"]])
        names = np.array(info["ch_names"])
        still = good & ~self._broken & (self._low == self._high)
        if cleaned:
            self._spread, self._at_low, self._at_high, self._levels = (
                [],
                0 * self._at_low,
                0 * self._at_high,
                0 * self._levels,
            )
        gaps, share = self._standing_still(good & ~still)
        at_end = np.maximum(self._at_low, self._at_high)
        clipped = np.where(at_end < FEWEST_CLIPPED, 0, at_end / max(self._seen, 1))
        dead = good & ~self._broken & ~still & (share >= DEAD)
        stuck = good & ~self._broken & ~still & ~dead & (clipped >= DEAD)
        found = {
            "NaN or infinite": names[good & self._broken],
            "flat": names[still],
            f"flat for {DEAD:.0%} of the time or more": _with_share(names, share, dead),
            f"at their lowest or highest value for {DEAD:.0%} of the time or more": _with_share(names, clipped, stuck),
        }
        n_found = sum(map(len, found.values()))
        if n_found:
            told = [f"{kind}: {first_of(some, more=' ...')}" for kind, some in found.items() if len(some)]
            raise UserError(
                f"{where}: {n_found} of {good.sum()} good channels carry no signal ({'; '.join(told)}). "
                "Mark them as bad in channels.tsv (status: bad) or list them in preprocessing.bads."
            )
        partly = good & (share >= PARTLY)
        if partly.any():
            text = f"channels that stand still for part of the time: {first_of(_with_share(names, share, partly), more=' ...')}."
            tell("odd", where, f"{text} They are used, and scaled by the rest. Mark them as bad if they are.")
        limited = good & ~partly & (clipped >= CLIPPED) & (self._levels > LEVELS)
        if limited.any():
            listed = first_of(_with_share(names, clipped, limited), more=" ...")
            tell("odd", where, f"channels that are often at their lowest or highest value (clipped): {listed}.")
        stepped = good & (self._levels > 0) & (self._levels <= LEVELS)
        if stepped.any():
            text = f"channels with at most {LEVELS} different values: {first_of(names[stepped], more=' ...')}."
            tell("odd", where, f"{text} If they are triggers, give their type in channels.tsv.")
        self._check_sizes(info, good, where)
        return gaps

    def _standing_still(self, good: np.ndarray) -> tuple[list[list[float]], np.ndarray]:
        """The stretches in which no good channel changes, and the share of the other time that each one stands still."""
        share = np.zeros(len(good))
        if not self._spread or not good.any():
            return [], share
        sfreq, start = self._raw.info["sfreq"], np.concatenate(self._starts)
        flat = np.concatenate(self._spread, axis=1) == 0
        all_flat = flat[good].all(0)
        rows = np.stack([start[all_flat], start[all_flat] + self._length], 1) / sfreq
        spans = [(a, b) for a, b in merged(rows) if b - a >= GAP_S]
        reach_s = self._length / sfreq  # a chunk at an end of it changes
        gaps = [[float(max(a - reach_s, 0)), float(b + reach_s - max(a - reach_s, 0))] for a, b in spans]
        looked = np.ones(len(start), bool)
        for onset, duration in [*gaps, *self._bad_spans]:
            looked &= (start + self._length <= onset * sfreq) | (start >= (onset + duration) * sfreq)
        if looked.any():
            share = flat[:, looked].mean(1)
        return gaps, share

    def _check_sizes(self, info: mne.Info, good: np.ndarray, where: str) -> None:
        if not self._spread or not good.any():
            return
        spread = np.concatenate(self._spread, axis=1)[good]
        spread[spread == 0] = np.nan
        kinds, names = np.array(info.get_channel_types())[good], np.array(info["ch_names"])[good]
        alive = np.isfinite(spread).any(1)
        median, large = np.full((2, len(spread)), np.nan)
        if alive.any():
            median[alive], large[alive] = np.nanpercentile(spread[alive], [50, 95], axis=1)
        check_sizes(kinds, names, median, large, where)


def leave_out(gaps: list[list[float]], bad_spans: list[list[float]], reach_s: float, where: str) -> None:
    """Add stretches in which nothing was recorded, and as far as filters carry their edges, to the bad spans; tell them.

    Parameters
    ----------
    gaps
        As `CheckedSignal.check` gives them.
    bad_spans
        (onset, duration), s; changed.
    reach_s
        How far an edge reaches through the filters.
    where
        The recording.
    """
    for onset, duration in gaps:
        tell(
            "left out",
            f"{where}, {onset:.1f} s",
            f"no channel changes for {duration:.1f} s (a pause of the recording?). No window uses them, nor {reach_s:.2g} s on either "
            "side, which the filters reach.",
        )
        start = max(onset - reach_s, 0.0)
        bad_spans.append([start, onset + duration + reach_s - start])


def _with_share(names: np.ndarray, share: np.ndarray, chosen: np.ndarray) -> list[str]:
    return [f"{name} ({part:.0%})" for name, part in zip(names[chosen], share[chosen], strict=True)]
