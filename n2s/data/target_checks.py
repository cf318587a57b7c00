"""Whether the frames of a feature reach as far as the windows that are cut out of them, and tell windows apart."""

import numpy as np
import pandas as pd

from n2s.errors import UserError
from n2s.findings import tell

MISSING_S = (
    0.25  # at either end of a sound: rounded times, the last frame of a transform; there the nearest frame is repeated
)
LEAST_FRAMES = 4  # in a window: slower features are held, so that they may well not change in it


def check_reach(
    windows: pd.DataFrame, first_s: np.ndarray, last_s: np.ndarray, rate_hz: np.ndarray, *, feature: str
) -> None:
    """A `UserError` if windows reach out of the frames that are there: they would be filled with one repeated frame.

    Parameters
    ----------
    windows
        ``stimulus``, ``start_s`` and ``stop_s`` of each.
    first_s, last_s, rate_hz
        (n,) Time of the first and last frame that each window is cut out of, and their rate.
    feature
        Its name, for the message.
    """
    lacks_s = np.maximum(first_s - windows.start_s, windows.stop_s - last_s).to_numpy() - 1 / rate_hz
    if not (lacks_s > MISSING_S).any():
        return
    worst = int(lacks_s.argmax())
    row = windows.iloc[worst]
    raise UserError(
        f"stimulus '{row.stimulus}': {int((lacks_s > MISSING_S).sum())} windows reach out of its {feature}, such as that from "
        f"{row.start_s:.2f} to {row.stop_s:.2f} s: frames are there from {first_s[worst]:.2f} to {last_s[worst]:.2f} s, and one of "
        "them would be repeated. Check the stimulus_onset and duration of the events, and the file of the sound or of its features "
        "(start_s, rate_hz)."
    )


def tell_constant(values: np.ndarray, first: np.ndarray, last: np.ndarray, windows: pd.DataFrame, split: str) -> None:
    """Tell how many windows have a target that never changes, as in silence: none of them differs from another.

    Parameters
    ----------
    values
        (rows, f) The table of frames.
    first, last
        (n,) Rows of the first and last frame of each window.
    windows
        ``stimulus`` and ``start_s`` of each.
    split
        Its name.
    """
    step = max(1, 2**24 // values.shape[1])
    changes = np.zeros(len(values), np.int64)
    for at in range(1, len(values), step):
        part = values[at - 1 : at + step]
        changes[at : at + step] = (part[1:] != part[:-1]).any(1)
    count = changes.cumsum()
    constant = (count[last] == count[first]) & (last - first >= LEAST_FRAMES - 1)
    if constant.any():
        row = windows.iloc[int(constant.argmax())]
        tell(
            "odd",
            f"{int(constant.sum())} of {len(windows)} {split} windows (the first: {row.stimulus}, {row.start_s:.2f} s)",
            "their target never changes, as in silence: nothing tells them apart.",
        )
