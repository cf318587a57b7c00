"""Channels of a raw recording, read piece by piece, and a check that each good one carries a signal."""

import mne
import numpy as np

from n2s.errors import UserError


class CheckedSignal:
    """Reads some channels of a recording, and records which of them carry no signal."""

    def __init__(self, raw: mne.io.BaseRaw, picks: np.ndarray):
        self._raw, self._picks = raw, picks
        self._low, self._high = np.full(len(picks), np.inf), np.full(len(picks), -np.inf)
        self._broken = np.zeros(len(picks), bool)

    def read(self, first: int, last: int) -> np.ndarray:
        """(c, last - first) in volts and teslas; values that are not finite become 0."""
        values = self._raw[self._picks, first:last][0]
        finite = np.isfinite(values)
        if not finite.all():
            self._broken |= ~finite.all(axis=1)
            values = np.where(finite, values, 0.0)
        np.minimum(self._low, values.min(axis=1), out=self._low)
        np.maximum(self._high, values.max(axis=1), out=self._high)
        return values

    def check(self, info: mne.Info, where: str) -> None:
        """Find a flat or non-finite channel that is not marked as bad: it would be used in training, or spoil the scaler."""
        good = np.array([name not in info["bads"] for name in info["ch_names"]])
        names = np.array(info["ch_names"])
        found = {
            "NaN or infinite": names[good & self._broken],
            "flat": names[good & ~self._broken & (self._low == self._high)],
        }
        n_found = sum(map(len, found.values()))
        if n_found:
            told = [
                f"{kind}: {', '.join(some[:8])}{' ...' if len(some) > 8 else ''}"
                for kind, some in found.items()
                if len(some)
            ]
            raise UserError(
                f"{where}: {n_found} of {good.sum()} good channels carry no signal ({'; '.join(told)}). "
                "Mark them as bad in channels.tsv (status: bad) or list them in preprocessing.bads."
            )
