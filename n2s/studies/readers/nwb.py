"""iEEG in Neurodata Without Borders (NWB 2): the one electrical series of a file, read with h5py."""

from pathlib import Path

import h5py
import mne
import numpy as np

from n2s.errors import UserError


def read_raw_nwb(file: Path, *, verbose: str | None = None) -> mne.io.BaseRaw:
    """Read ``/acquisition/<one ElectricalSeries>``: volts are data * conversion * channel_conversion + offset.

    Channels are named by ``channel_name`` or ``label`` of the electrodes table, else by its ids, and are of type ``ecog``. MNE-BIDS
    gives them their types and places from channels.tsv and electrodes.tsv. The samples are held in memory as float64.

    Raises
    ------
    UserError
        Not an NWB file, several electrical series, no constant rate, or a pause between its timestamps.
    """
    try:
        with h5py.File(file) as opened:
            return _read(file, opened, verbose)
    except UserError:
        raise
    except Exception as error:  # h5py documents no exceptions for damaged files
        raise UserError(
            f"{file}: not a whole NWB file with an ElectricalSeries in /acquisition ({type(error).__name__}: {error}). "
            "Copy it again from its source."
        ) from error


def _read(file: Path, opened: h5py.File, verbose: str | None) -> mne.io.BaseRaw:
    here = {name: one for name, one in opened["acquisition"].items() if isinstance(one, h5py.Group)}
    found = {name: one for name, one in here.items() if _text(one.attrs.get("neurodata_type")) == "ElectricalSeries"}
    if len(found) != 1:
        raise UserError(
            f"{file}: /acquisition holds {len(found)} ElectricalSeries ({', '.join(here) or 'nothing'}); expected one."
        )
    (series,) = found.values()
    data = series["data"]
    if data.ndim != 2:
        raise UserError(f"{file}: its data are {data.shape}; expected samples by channels.")
    rows = np.asarray(series["electrodes"][()], int) if "electrodes" in series else np.arange(data.shape[1])
    if len(rows) != data.shape[1]:
        raise UserError(f"{file}: its data are {data.shape}, samples by channels, but it names {len(rows)} electrodes.")
    sfreq = _rate(file, series, len(data))
    scale = float(data.attrs.get("conversion", 1.0)) * np.ones(data.shape[1])
    if "channel_conversion" in series:
        scale = scale * np.asarray(series["channel_conversion"][()], float)
    volts = np.asarray(data[()], float) * scale + float(data.attrs.get("offset", 0.0))
    info = mne.create_info(_names(opened, rows), sfreq, "ecog")
    return mne.io.RawArray(np.ascontiguousarray(volts.T), info, verbose=verbose)


def _rate(file: Path, series: h5py.Group, n: int) -> float:
    """Samples per second, from ``starting_time`` or from timestamps without a pause."""
    if "starting_time" in series:
        return float(series["starting_time"].attrs["rate"])
    times = np.asarray(series["timestamps"][()], float)
    if len(times) != n or n < 2:
        raise UserError(f"{file}: {len(times)} timestamps for {n} samples.")
    step = float(np.median(np.diff(times)))
    lost = np.diff(times) - step
    if not step > 0 or np.abs(lost).max() > 0.5 * step:
        at = int(np.abs(lost).argmax())
        raise UserError(
            f"{file}: its timestamps jump by {lost[at] + step:.3f} s after {times[at] - times[0]:.3f} s, where samples are "
            f"{step:.6f} s apart: a hole in the recording. Write each piece as a recording (run) of its own."
        )
    return (n - 1) / (times[-1] - times[0])


def _names(opened: h5py.File, rows: np.ndarray) -> list[str]:
    table = opened.get("general/extracellular_ephys/electrodes")
    for column in ("channel_name", "label", "id"):
        if table is not None and column in table:
            names = [_text(one) for one in table[column][()][rows]]
            if len(set(names)) == len(names):
                return names
    return [str(row) for row in rows]


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
