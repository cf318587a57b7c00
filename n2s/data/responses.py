"""The response of a brain to a segment of a sound: the port, and the volumes of BOLD after a segment."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from n2s.errors import UserError
from n2s.studies.fmri import Bold

TOLERANCE_S = 0.05  # rounded times at the end of a run
ROUNDED_S = 0.011  # a start and a length written with two decimals (5 ms each), and what float32 costs
SUMMED_IN_PARTS = 8  # numbers: fewer are summed one by one, whatever their order in memory


class Response(ABC):
    """Which part of a recording is the response to a segment of a sound.

    There are three kinds:

    - a window of samples, that runs with the sound (MEG, EEG, intracranial EEG): `n2s.data.windows.WindowShape`;
    - the volumes of a window after the segment (BOLD): `VolumeWindow`;
    - for encoding models, a whole run as one time series beside the features of what was heard. Nothing is cut: for
      sensors `n2s.data.continuous` gives such stretches, and a datamodule of runs gives no batches of segments.
    """

    @property
    @abstractmethod
    def lag_s(self) -> float:
        """The response begins this long after the segment."""

    @abstractmethod
    def lasts_s(self, segment_s: float) -> float:
        """How long the response to a segment of this length is."""


@dataclass(frozen=True)
class VolumeWindow(Response):
    """Which volumes belong to a clip, and how they are combined.

    Parameters
    ----------
    lag_s
        Start of the window, s after the start of the clip.
    window_s
        Its length; None: the clip's.
    volumes
        ``mean`` of the volumes that start in it, ``(v,)`` a clip; or ``stack``, all of them, ``(n, v)``.
    """

    lag_s: float = 4.0
    window_s: float | None = None
    volumes: Literal["mean", "stack"] = "mean"

    def lasts_s(self, segment_s: float) -> float:
        """See `Response`."""
        return segment_s if self.window_s is None else self.window_s

    def bounds(self, clips: pd.DataFrame, n_tr: int, tr_s: float, where: str) -> tuple[np.ndarray, np.ndarray]:
        """(n, 2) first volume and the one after the last of each clip's window, and (n,) whether the run has them all.

        A volume that starts up to `ROUNDED_S` (at most a twentieth of a TR) before a window is in it: clips' times and the
        TR are rounded numbers, and a clip at k TR with a lag of n TR begins with volume k + n.

        Raises
        ------
        UserError
            A window holds no volume, or a clip itself was played after the last volume.
        """
        opens = clips.time_s.to_numpy(float) + self.lag_s
        lasts = clips.duration_s.to_numpy(float) if self.window_s is None else np.full(len(clips), self.window_s)
        rounded_s = min(ROUNDED_S, tr_s / 20)
        first = np.ceil((opens - rounded_s) / tr_s).astype(int)
        whole = np.rint(lasts / tr_s).astype(int)  # a length of n TR holds n volumes, wherever it begins
        stop = np.where(
            np.abs(lasts - whole * tr_s) <= rounded_s,
            first + whole,
            np.ceil((opens + lasts - rounded_s) / tr_s).astype(int),
        )
        if (stop <= first).any():
            raise UserError(
                f"{where}: a window of {lasts[(stop <= first).argmax()]:g} s holds no volume of {tr_s:g} s. Set "
                "data.window_s to a TR or more."
            )
        late = clips.time_s + clips.duration_s > n_tr * tr_s + TOLERANCE_S
        if late.any():
            raise UserError(
                f"{where}: {late.sum()} of {len(clips)} clips were played after the run's {n_tr} volumes of {tr_s:g} s, "
                f"which end at {n_tr * tr_s:g} s; the last clip ends at {(clips.time_s + clips.duration_s).max():g} s. The "
                "run has too few volumes, or the TR or the clips' times are wrong."
            )
        return np.stack([first, stop], 1), (first >= 0) & (stop <= n_tr)

    def cut(self, bold: Bold, bounds: np.ndarray, voxels: np.ndarray, where: str) -> np.ndarray:
        """(k, 2) bounds -> (k, v) or (k, n, v) float32; of a memory map only these volumes and voxels are read."""
        bounds = bounds - (start := bounds.min())
        rows = np.asarray(bold.data)[start : start + bounds.max()]
        data = rows if voxels.all() else rows[:, voxels]
        if (bounds[:, 1] - bounds[:, 0]).max() >= SUMMED_IN_PARTS:
            data = np.asfortranarray(data)  # one order of sums, whatever the voxels: it decides the last bit of a mean
        bad = ~np.isfinite(data).all(0)
        if bad.any():
            raise UserError(
                f"{where}: {bad.sum()} of {bad.size} voxels have values that are NaN or infinite. Leave them out with a "
                "region (data.roi), or have the study put zeros in their place (nan: zero)."
            )
        if self.volumes == "mean":
            found = np.stack([data[first:stop].mean(0) for first, stop in bounds])
        else:
            lengths = np.unique(bounds[:, 1] - bounds[:, 0])
            if len(lengths) > 1:
                raise UserError(
                    f"{where}: windows hold {lengths.min()} to {lengths.max()} volumes, and a stack needs as many of "
                    "each. Set data.window_s to a multiple of the TR, or data.volumes to mean."
                )
            found = np.stack([data[first:stop] for first, stop in bounds])
        return np.ascontiguousarray(found, dtype=np.float32)
