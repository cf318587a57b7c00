"""Time series side by side in one file of Neurodata Without Borders (NWB 2): brain, sound, markers, each with its clock."""

from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from n2s.errors import UserError, reading

TOGETHER_S = 1.0  # streams of one session start within this; other clocks (a day's, a computer's) differ by more
WHOLE_HZ = 1e-4  # a rate so near to a whole number is that number: timestamps are rounded


@dataclass(frozen=True)
class Stream:
    """``/acquisition/<name>`` of a file.

    Parameters
    ----------
    path, name
        Where it is.
    shape
        Samples, and channels if there are several.
    rate_hz
        From ``starting_time``, or from timestamps without a hole.
    start_s
        Its first sample, on the clock of the file.
    conversion
        Factor from its numbers to its unit.
    """

    path: Path
    name: str
    shape: tuple[int, ...]
    rate_hz: float
    start_s: float
    conversion: float

    @property
    def length_s(self) -> float:
        """How long it lasts, s."""
        return self.shape[0] / self.rate_hz

    def read(self) -> np.ndarray:
        """Its numbers as they are, (n,) or (n, c)."""
        with reading(self.path, "a whole NWB file"), h5py.File(self.path) as file:
            return file[f"acquisition/{self.name}/data"][()]


def stream(path: Path, name: str) -> Stream:
    """Find a stream without reading its samples.

    Raises
    ------
    UserError
        No NWB file, no such stream in it, without samples, or with a hole between its timestamps.
    """
    with reading(path, "a whole NWB file"), h5py.File(path) as file:
        there = file.get("acquisition", {})
        if name not in there or "data" not in there[name]:
            raise UserError(
                f"{path}: no /acquisition/{name}; it holds {', '.join(there) or 'nothing'}. Expected the streams of the published file: copy it "
                "again."
            )
        found, data = there[name], there[name]["data"]
        if data.ndim not in (1, 2) or data.shape[0] < 2:
            raise UserError(f"{path}: /acquisition/{name} is {data.shape}; expected samples, or samples by channels.")
        rate_hz, start_s = _clock(path, name, found, data.shape[0])
        return Stream(path, name, data.shape, rate_hz, start_s, float(data.attrs.get("conversion", 1.0)))


def start_after(one: Stream, other: Stream) -> float:
    """How much later than ``one`` the ``other`` starts, s.

    Raises
    ------
    UserError
        They have other clocks.
    """
    later_s = other.start_s - one.start_s
    if abs(later_s) > TOGETHER_S:
        raise UserError(
            f"{one.path}: {other.name} starts {later_s:+.3f} s after {one.name} ({other.start_s:.3f} and {one.start_s:.3f} s): they are on "
            f"other clocks, or not of one session (up to {TOGETHER_S:g} s is followed). Write both with times of one clock."
        )
    return later_s


def _clock(path: Path, name: str, found: h5py.Group, n: int) -> tuple[float, float]:
    if "starting_time" in found:
        rate_hz, start_s = float(found["starting_time"].attrs["rate"]), float(found["starting_time"][()])
    elif "timestamps" in found and len(found["timestamps"]) == n:
        times = np.asarray(found["timestamps"][()], float)
        step = float(np.median(np.diff(times)))
        lost = np.diff(times) - step
        at = int(np.abs(lost).argmax())
        if not step > 0 or np.abs(lost[at]) > max(0.5 * step, 0.02):
            raise UserError(
                f"{path}: the timestamps of {name} jump by {lost[at] + step:.3f} s after {times[at] - times[0]:.3f} s, where samples are "
                f"{step:.6f} s apart: a hole in the recording."
            )
        rate_hz, start_s = (n - 1) / (times[-1] - times[0]), float(times[0])
    else:
        raise UserError(f"{path}: /acquisition/{name} has neither a starting_time nor a timestamp for each sample.")
    if not 0 < rate_hz < np.inf or not np.isfinite(start_s):
        raise UserError(
            f"{path}: /acquisition/{name} starts at {start_s} s with {rate_hz} Hz; expected a rate above 0."
        )
    whole = round(rate_hz)
    return (float(whole) if whole and abs(rate_hz / whole - 1) < WHOLE_HZ else rate_hz), start_s
