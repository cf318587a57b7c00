"""NumPy arrays: ready-made features of a stimulus beside a JSON file that gives their rate, and recordings."""

import json
from pathlib import Path

import numpy as np

from n2s.errors import UserError, reading
from n2s.studies.readers.fetched import check_fetched
from n2s.studies.readers.side_files import read_text
from n2s.studies.study import Frames

EXPECTED = 'Expected {"rate_hz": frames a second, "start_s": time of frame 0 in s}.'


def open_npy(path: Path) -> np.ndarray:
    """The array of a .npy file, not read into memory; a `UserError` if it is not an array, or would need pickle."""
    with reading(path, "an array that numpy.save wrote"):
        return np.lib.format.open_memmap(path, mode="r")


def channels_first(path: Path, n_channels: int) -> np.ndarray:
    """The array of a recording, (channel, sample), whichever side of the file is time; not read into memory.

    Raises
    ------
    UserError
        No side has that many channels, or both have.
    """
    check_fetched(path)
    data = open_npy(path)
    if data.ndim != 2 or data.dtype.kind not in "fiu":
        raise UserError(f"{path}: holds {data.dtype} of shape {data.shape}; expected numbers, [channel, sample].")
    if n_channels not in data.shape:
        raise UserError(
            f"{path} is {data.shape[0]} by {data.shape[1]}; expected {n_channels} channels, as the montage has. Set `montage` to that of "
            "this cap."
        )
    if data.shape[0] == data.shape[1]:
        raise UserError(
            f"{path} is {n_channels} by {n_channels}: which side is time cannot be told. It needs more samples."
        )
    return data if data.shape[0] == n_channels else data.T


def frame_files(path: Path) -> list[Path]:
    """A stimulus' array and the JSON file beside it; a `UserError` if one of both is not here."""
    sidecar = path.with_suffix(".json")
    check_fetched(path)
    if not sidecar.is_file() and not sidecar.is_symlink():
        raise UserError(f"{sidecar}: missing beside {path.name}. {EXPECTED}")
    return [path, sidecar]


def read_frames(path: Path) -> Frames:
    """Read ``<stimulus>.npy`` (l, f), or (l,) for one feature, and ``<stimulus>.json`` beside it.

    The JSON file holds ``{"rate_hz": 64, "start_s": 0}``: frames a second, and the time of frame 0 in the stimulus
    (0 if left out).

    Raises
    ------
    UserError
        A file is missing or has another form, or a value is not finite.
    """
    _, sidecar = frame_files(path)
    try:
        said = json.loads(read_text(sidecar))
        rate_hz, start_s = float(said["rate_hz"]), float(said.get("start_s", 0.0))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise UserError(f"{sidecar}: {type(error).__name__}: {error}. {EXPECTED}") from None
    if not (np.isfinite(rate_hz) and rate_hz > 0 and np.isfinite(start_s)):
        raise UserError(
            f"{sidecar}: rate_hz is {rate_hz} and start_s {start_s}; expected a positive rate, both finite."
        )
    return frames_at(path, rate_hz, start_s)


def frames_at(path: Path, rate_hz: float, start_s: float = 0.0) -> Frames:
    """Read an array (l, f), or (l,) for one feature, whose rate and start are known.

    Raises
    ------
    UserError
        It has another form, or a value is not finite.
    """
    check_fetched(path)
    values = open_npy(path)
    if values.ndim == 1:
        values = values[:, None]
    if values.ndim != 2 or not len(values) or values.dtype.kind not in "fiu":
        raise UserError(f"{path}: holds {values.dtype} of shape {values.shape}; expected numbers, [frame, dimension].")
    values = values.astype(np.float32)
    bad = ~np.isfinite(values).all(axis=1)
    if bad.any():
        raise UserError(
            f"{path}: {int(bad.sum())} of {len(values)} frames are not finite; the first is frame {int(bad.argmax())}. "
            "Interpolate them, or leave that stimulus out."
        )
    return Frames(values, rate_hz=rate_hz, start_s=start_s)
