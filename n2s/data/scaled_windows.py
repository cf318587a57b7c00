"""Recordings scaled for the windows that are cut from them: what datamodules of sensors share."""

from collections.abc import Mapping
from typing import Literal

from n2s.data.priority import SPLITS
from n2s.data.residency import Scaled, for_windows
from n2s.data.scaler import ITSELF, OWN, POOLED, Scaler, fit_scalers, tell_far, window_starts
from n2s.data.sensor_recording import SensorRecording
from n2s.data.windows import Windows, WindowShape


def scaled_for(
    recordings: Mapping[str, SensorRecording],
    windows: Mapping[str, Windows],
    shape: WindowShape,
    *,
    scaler: Literal["training", "recording"],
    clamp: float,
) -> tuple[dict[str, Scaler], list[tuple[Scaled, Scaled]]]:
    """The scaler of each recording, and its arrays for training windows and for all others.

    Parameters
    ----------
    recordings
        By ``study/recording``, in the order of the windows' ``recording_index``.
    windows
        Of each split.
    shape
        Of a window.
    scaler, clamp
        See `n2s.data.MEGDataModule`.
    """
    own = scaler == "training"
    fitted_on = [windows[split] for split in (("train",) if own else SPLITS)]
    scalers = fit_scalers(recordings, fitted_on, shape, source=OWN if own else ITSELF)
    if not shape.n_baseline:
        tell_far(recordings, scalers, clamp)
    centred = [
        Scaled.of(item, one, recentre=shape.n_baseline > 0 and one.source == POOLED)
        for item, one in zip(recordings.values(), scalers.values(), strict=True)
    ]
    train = window_starts(recordings, [windows["train"]])
    held_out = window_starts(recordings, [windows["val"], windows["test"]])
    arrays = [
        for_windows(item, *starts, shape.n_window)  # type: ignore[call-arg]
        for item, *starts in zip(centred, train, held_out, strict=True)
    ]
    return scalers, arrays
