"""Where the head was during a recording: from cHPI in the recording, or from MaxFilter's ``.pos`` file."""

from pathlib import Path

import mne
import numpy as np

from n2s.data.steps import first_line
from n2s.errors import UserError, first_of, nearest, reading
from n2s.findings import tell
from n2s.studies.readers.head_positions import EDGE_S, MOVED, from_first_sample

FEWEST = 2  # positions
CHPI = "chpi"


def check_source(head_pos: str | None, step: str) -> None:
    """Raise a `UserError` if ``head_pos`` is neither ``chpi`` nor a path."""
    if head_pos is not None and (not isinstance(head_pos, str) or not head_pos.strip()):
        raise UserError(f"{step}: head_pos is {head_pos!r}, expected chpi, or the path of a .pos file.")
    if head_pos is not None and head_pos != CHPI and not head_pos.endswith(".pos"):
        raise UserError(
            f"{step}: head_pos is '{head_pos}', expected chpi, or the path of a .pos file ({{name}} in it stands for the name of the "
            f"recording's file).{nearest(head_pos, [CHPI])}"
        )


def pos_file(head_pos: str, source: Path) -> Path:
    """The .pos file of a recording, whose file is ``source``: ``{folder}`` and ``{name}`` in the path are those of that file."""
    return Path(head_pos.replace("{name}", source.stem).replace("{folder}", str(source.parent))).expanduser()


def head_positions(raw: mne.io.BaseRaw, head_pos: str, step: str) -> np.ndarray:
    """(n, 10) Head positions as MaxFilter writes them: time, 3 of the rotation, 3 of the place (m), quality; on MNE's clock of ``raw``.

    Parameters
    ----------
    raw
        The recording.
    head_pos
        ``chpi``, or the path of a .pos file (`pos_file`).
    step
        Names the step in messages.

    Raises
    ------
    UserError
        No cHPI in the recording, or MNE cannot fit it; no such file, or it is of another recording.
    """
    if head_pos == CHPI:
        with mne.use_log_level("error"):
            found = _from_chpi(raw, step)
    else:
        sources = [Path(str(one)) for one in raw.filenames if one is not None]
        if "{" in head_pos and not sources:
            raise UserError(
                f"{step}: head_pos is '{head_pos}', but the recording comes from no file. Give a whole path, or chpi."
            )
        path = pos_file(head_pos, sources[0] if sources else Path())
        if not path.is_file():
            beside = sorted(one.name for one in path.parent.glob("*.pos")) if path.parent.is_dir() else []
            there = f" There are {first_of(beside)}." if beside else ""
            raise UserError(
                f"{step}: head_pos is {path}, which is no file.{there} Give the recording's .pos file, or chpi."
            )
        with reading(path, "a table of head positions as MaxFilter writes it (10 columns)"):
            found = mne.chpi.read_head_pos(path)
    return _inside(found, raw, step, head_pos)


def _inside(found: np.ndarray, raw: mne.io.BaseRaw, step: str, source: str) -> np.ndarray:
    """Those of the time of the recording, in order; a clock that starts at its first sample is moved to MNE's."""
    if len(found) < FEWEST or not np.isfinite(found).all():
        raise UserError(
            f"{step}: {source} gives {len(found)} head positions{'' if np.isfinite(found).all() else ', some not finite'}; expected "
            f"{FEWEST} or more. Leave head_pos out."
        )
    found = found[np.unique(found[:, 0], return_index=True)[1]]
    first, last = raw.first_time, raw.first_time + raw.times[-1]

    times, moved = from_first_sample(found[:, 0], first_s=first, duration_s=raw.times[-1])
    if moved:
        tell(
            "corrected",
            step,
            f"times of {source} are taken from the recording's first sample on ({first:.1f} to {last:.1f} s): {MOVED}.",
        )
    found = np.column_stack([times + first, found[:, 1:]])
    inside = (found[:, 0] >= first - EDGE_S) & (found[:, 0] <= last + EDGE_S)
    n = int(inside.sum())
    if n < FEWEST:
        raise UserError(
            f"{step}: of {len(found)} head positions in {source} ({found[0, 0]:.1f} to {found[-1, 0]:.1f} s) {n} lie inside the recording "
            f"({first:.1f} to {last:.1f} s). Give the file of this recording."
        )
    return found[inside]


def _from_chpi(raw: mne.io.BaseRaw, step: str) -> np.ndarray:
    try:
        if sum(name.startswith("HLC00") for name in raw.ch_names) >= 9:
            locations = mne.chpi.extract_chpi_locs_ctf(raw, verbose="error")
        elif isinstance(raw, mne.io.kit.kit.RawKIT):
            locations = mne.chpi.extract_chpi_locs_kit(raw, verbose="error")
        else:
            frequencies = mne.chpi.get_chpi_info(raw.info, on_missing="ignore", verbose="error")[0]
            if not len(frequencies):
                others = [name for name in raw.ch_names if name.startswith(("QUAT", "CHPI"))]
                more = (
                    f" It has channels of MaxFilter ({first_of(others, 3)}): movement was compensated before."
                    if others
                    else ""
                )
                raise UserError(
                    f"{step}: head_pos is chpi, but the recording has no continuous head localisation (no frequencies of coils in its "
                    f"header, no HLC channels).{more} Give the .pos file, or leave head_pos out."
                )
            amplitudes = mne.chpi.compute_chpi_amplitudes(raw, verbose="error")
            locations = mne.chpi.compute_chpi_locs(raw.info, amplitudes, verbose="error")
        return mne.chpi.compute_head_pos(raw.info, locations, weighted=True, verbose="error")
    except UserError:
        raise
    except Exception as error:  # MNE documents none: coils that were off, a header without digitised coils
        raise UserError(
            f"{step}: MNE cannot fit the head's positions from cHPI ({type(error).__name__}: {first_line(error)}). Give the .pos file, "
            "or leave head_pos out."
        ) from error


def distances_m(found: np.ndarray) -> np.ndarray:
    """(n,) How far the head's origin is from its first place, m."""
    places = _heads(found)
    return np.linalg.norm(places - places[0], axis=1)


def _heads(found: np.ndarray) -> np.ndarray:
    """(n, 3) The head's origin in the device: positions map device to head, x_head = R x + t."""
    places, rotations, _ = mne.chpi.head_pos_to_trans_rot_t(found)
    return -np.einsum("nji,nj->ni", rotations, places)
