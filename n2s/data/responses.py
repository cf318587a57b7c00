"""The response of a brain to a segment of a sound: the port, and the volumes of BOLD after a segment."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from n2s.errors import UserError
from n2s.findings import tell
from n2s.studies.fmri import Bold

TOLERANCE_S = 0.05  # rounded times at the end of a run
ROUNDED_S = 0.011  # a start and a length written with two decimals (5 ms each), and what float32 costs
BY_CHANCE = 1e-6
SUMMED_IN_PARTS = 8  # numbers: fewer are summed one by one, whatever their order in memory


class Response(ABC):
    """Which part of a recording is the response to a segment of a sound.

    There are three kinds:

    - a window of samples, that runs with the sound (MEG, EEG, intracranial EEG): `n2s.data.windows.WindowShape`;
    - the volumes of a window after the segment (BOLD): `VolumeWindow`;
    - for encoding models and linear decoders, a whole run as one time series beside the features of what was heard
      (`n2s.data.encoding_data`). Nothing is cut: a datamodule of runs gives no batches of segments.
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
        begun, lasts = on_volumes(clips.time_s.to_numpy(float), clips.duration_s.to_numpy(float), tr_s, where)
        opens = begun + self.lag_s
        lasts = lasts if self.window_s is None else np.full(len(clips), self.window_s)
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


def on_volumes(begun: np.ndarray, lasts: np.ndarray, tr_s: float, where: str) -> tuple[np.ndarray, np.ndarray]:
    """(n,) starts and lengths of clips, s: if all starts are starts of volumes written with one or two decimals, the exact ones.

    With one decimal a time is off by up to 50 ms, which is more than `ROUNDED_S`. That so many clips lie so near to volumes
    must be no chance; lengths are exact then, too, where they are a number of TRs.
    """
    for decimals in (1, 2):
        half_s = 0.5 * 10.0**-decimals + 1e-6
        if np.abs(begun - begun.round(decimals)).max(initial=0) < 1e-9 and half_s <= tr_s / 6:
            break
    else:
        return begun, lasts
    exact = np.rint(begun / tr_s) * tr_s
    off_s = np.abs(begun - exact)
    # the chance that one clip without any relation to volumes is as near, once for each different clip
    if not ROUNDED_S / 11 < off_s.max(initial=0) <= half_s or (2 * half_s / tr_s) ** len(np.unique(begun)) > BY_CHANCE:
        return begun, lasts
    whole = np.rint(lasts / tr_s) * tr_s
    tell("corrected", where, f"clips begin with volumes of {tr_s:.6g} s, but their times have {decimals} decimals, up to "
                             f"{off_s.max():.3f} s off; n2s takes the volumes' times.")  # fmt: skip
    return exact, np.where((np.abs(lasts - whole) <= half_s) & (whole > 0), whole, lasts)
