"""Where the head is during a recording: from MaxFilter's channels, CTF's coils, or MaxFilter's file."""

from pathlib import Path

import mne
import numpy as np

from n2s.data.side_channels import BLOCK, head_channels
from n2s.data.side_sounds import Played
from n2s.findings import tell
from n2s.studies.readers.head_positions import COLUMNS, as_movement, position_files, read_positions

COILS = tuple(f"coil {coil} {axis} (mm)" for coil in (1, 2, 3) for axis in "xyz")


def head_moves(raw: mne.io.BaseRaw, n_times: int, rate_hz: float, where: str) -> list[Played]:
    """Translation and rotation of the head, or the places of its coils, held from one measurement to the next.

    Moments at which nothing was tracked take the place known last, or the first one known.

    Parameters
    ----------
    raw
        The recording.
    n_times, rate_hz
        Samples, and their rate.
    where
        The recording, for findings.
    """
    picks, kind = head_channels(raw.info)
    if kind:
        values = _sampled(raw, picks, n_times, rate_hz)
        moves = as_movement(values) if kind == "quaternions" else _coils(values)
        names = COLUMNS if kind == "quaternions" else COILS
        source = "its channels"
    else:
        files = _files(raw)
        if not files:
            return []
        if len(files) > 1:
            tell("odd", where, f"several files of head positions lie beside it; {files[0].name} is taken.")
        known = read_positions(files[0], first_s=raw.first_time, duration_s=raw.n_times / raw.info["sfreq"])
        at = np.searchsorted(known[:, 0], np.arange(n_times) / rate_hz + 1e-9, side="right") - 1
        moves, names, source = known[at.clip(0), 1:], COLUMNS, files[0].name
    lost = ~np.isfinite(moves).all(1)
    if lost.all():
        tell("left out", where, f"the head's position by {source}: it was never tracked.")
        return []
    if lost.any():
        tell(
            "odd",
            f"{where} ({lost.mean():.0%} of the time)",
            "the head's position is not tracked: it is taken as it was known last.",
        )
        last = np.maximum.accumulate(np.where(lost, -1, np.arange(n_times)))
        moves = moves[np.where(last < 0, np.flatnonzero(~lost)[0], last)]
    return [Played("head", name, name[-4:].strip(" ()"), moves[:, i]) for i, name in enumerate(names)]


def _coils(places: np.ndarray) -> np.ndarray:
    """(t, 9) m -> mm; NaN where no coil was found (all 0)."""
    return np.where((places == 0).all(1, keepdims=True), np.nan, 1000 * places)


def _sampled(raw: mne.io.BaseRaw, picks: list[int], n_times: int, rate_hz: float) -> np.ndarray:
    """(t, n) The nearest sample at each moment, float64: these channels are steps."""
    at = np.minimum(np.round(np.arange(n_times) * raw.info["sfreq"] / rate_hz).astype(int), raw.n_times - 1)
    found = np.empty((n_times, len(picks)))
    for first in range(0, raw.n_times, BLOCK):
        low, high = np.searchsorted(at, [first, min(first + BLOCK, raw.n_times)])
        if high > low:
            block = raw[picks, first : min(first + BLOCK, raw.n_times)][0]
            found[low:high] = block[:, at[low:high] - first].T
    return found


def _files(raw: mne.io.BaseRaw) -> list[Path]:
    files = [Path(one) for one in raw.filenames if one is not None]
    return position_files(files[0]) if files and files[0].suffix.lower() in (".fif", ".gz") else []
