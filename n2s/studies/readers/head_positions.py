"""Where a head was: MaxFilter's ``.pos`` files, and quaternions as millimetres and degrees."""

import re
from pathlib import Path

import numpy as np

from n2s.errors import UserError, reading
from n2s.findings import tell
from n2s.studies.readers.fetched import check_fetched

EDGE_S = 1e-3
NEAR_S = 1.0  # a position before or after the recording is of use
MOVED = "by the clock of the acquisition, fewer lie in it"
COLUMNS = ("x (mm)", "y (mm)", "z (mm)", "rotation x (deg)", "rotation y (deg)", "rotation z (deg)")


def position_files(file: Path) -> list[Path]:
    """MaxFilter's files of head positions beside a recording: ``<its name>.pos`` or ``<its name without _meg or _raw>_*.pos``.

    A ``.pos`` file that says otherwise in its first line (the head's shape, as Polhemus writes it) is none.
    """
    base = re.sub(r"(_raw|_meg|_tsss|_sss|_mc|-\d+|_split-\d+)+$", "", file.name.split(".")[0])
    near = sorted(one for one in file.parent.glob("*.pos") if one.stem == base or one.stem.startswith(f"{base}_"))
    return [one for one in near if _says_so(one)]


def read_positions(path: Path, *, first_s: float, duration_s: float) -> np.ndarray:
    """(n, 7) Time (s from the recording's first sample), then `COLUMNS`, by time.

    Parameters
    ----------
    path
        A ``.pos`` file, as MaxFilter and `mne.chpi.write_head_pos` write it.
    first_s
        When the recording's first sample is on the clock of the acquisition, from which these files count.
    duration_s
        Length of the recording.

    Raises
    ------
    UserError
        It is damaged, holds no position, or none in the recording's time.
    """
    with reading(path, "a table of head positions (MaxFilter's -headpos)"):
        rows = np.loadtxt(path, skiprows=1, ndmin=2)
    if rows.ndim != 2 or rows.shape[1] < 7 or not len(rows) or not np.isfinite(rows[:, :7]).all():
        raise UserError(
            f"{path}: expected rows of 10 numbers, as MaxFilter's -headpos writes them: Time q1 ... q6 g-value error velocity."
        )
    rows = rows[np.argsort(rows[:, 0], kind="stable")]
    times, moved = from_first_sample(rows[:, 0], first_s=first_s, duration_s=duration_s)
    if moved:
        tell(
            "corrected",
            path.name,
            f"its times ({rows[0, 0]:.1f} to {rows[-1, 0]:.1f} s) are taken from the recording's first sample on: {MOVED}.",
        )
    if not ((times > -NEAR_S) & (times < duration_s + NEAR_S)).any():
        raise UserError(
            f"{path}: its positions are from {rows[0, 0]:.1f} to {rows[-1, 0]:.1f} s, and the recording is from {first_s:.1f} to "
            f"{first_s + duration_s:.1f} s. Give the file of this recording, or remove it."
        )
    return np.column_stack([times, as_movement(rows[:, 1:7])])


def from_first_sample(times_s: np.ndarray, *, first_s: float, duration_s: float) -> tuple[np.ndarray, bool]:
    """(n,) Times of head positions, s from a recording's first sample, and whether they were that already.

    These files count on the clock of the acquisition; some programs count from the first sample. Taken is the clock by which more of them
    lie in the recording; the acquisition's, if as many do.
    """
    own, counted = (
        int(((times > -EDGE_S) & (times < duration_s + EDGE_S)).sum()) for times in (times_s - first_s, times_s)
    )
    return (times_s, True) if counted > own else (times_s - first_s, False)


def as_movement(quaternions: np.ndarray) -> np.ndarray:
    """(n, 6) q1 ... q6 of MaxFilter -> translation in mm, rotation as a vector in degrees; NaN where nothing was tracked (all 0)."""
    turned = quaternions[:, :3]
    size = np.linalg.norm(turned, axis=1)
    angle = 2 * np.arcsin(np.clip(size, 0, 1))
    turned = turned * np.divide(angle, size, out=np.full_like(size, 2.0), where=size > 0)[:, None]
    found = np.hstack([1000 * quaternions[:, 3:6], np.degrees(turned)])
    found[(quaternions == 0).all(1) | ~np.isfinite(quaternions).all(1)] = np.nan
    return found


def _says_so(path: Path) -> bool:
    check_fetched(path)
    with path.open("rb") as file:
        first = file.readline(400).decode("latin-1").lower()
    return "time" in first and "q1" in first
