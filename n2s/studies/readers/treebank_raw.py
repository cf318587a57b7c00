"""The HDF5 files of the Brain Treebank as a raw recording of MNE that reads what it is asked for: one is 10 GB."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import mne
import numpy as np

from n2s.errors import UserError, reading


class TreebankRaw(mne.io.BaseRaw):
    """``/data/electrode_<i>`` (samples) is the i-th label; datasets without a label are not read.

    Parameters
    ----------
    path
        ``sub_1_trial000.h5``.
    names, kinds
        Label and MNE's type of each channel, in the order of the datasets.
    sfreq
        Hz: the file does not say.
    volts
        Factor from the file's numbers to volts: it does not say that either.

    Raises
    ------
    UserError
        Not an HDF5 file, a dataset is missing, or they have not one length.
    """

    def __init__(self, path: Path, names: Sequence[str], kinds: Sequence[str], *, sfreq: float, volts: float):
        with reading(path, "a whole file of the Brain Treebank", "Unpack its .zip again."), h5py.File(path) as file:
            data = file["data"]
            lost = [f"electrode_{i}" for i in range(len(names)) if f"electrode_{i}" not in data]
            if lost:
                raise UserError(
                    f"{path}: holds {len(data)} electrodes, but there are {len(names)} labels: no {lost[0]}. electrode_labels.json is another "
                    "person's?"
                )
            lengths = {data[f"electrode_{i}"].shape for i in range(len(names))}
        if len(lengths) != 1 or len(shape := lengths.pop()) != 1 or not shape[0]:
            raise UserError(f"{path}: its electrodes have not one number of samples. Unpack its .zip again.")
        info = mne.create_info(list(names), sfreq, list(kinds))
        extras = [{"n": len(names), "volts": volts}]  # all that MNE lets `_read_segment_file` see
        last = [shape[0] - 1]
        super().__init__(
            info, last_samps=last, filenames=[path], raw_extras=extras, orig_format="single", verbose="ERROR"
        )

    def _read_segment_file(
        self, data: np.ndarray, idx: Any, fi: int, start: int, stop: int, cals: np.ndarray, mult: np.ndarray | None
    ) -> None:
        """Fill (c, n) ``data`` with samples ``start`` to ``stop`` (not included) of the channels ``idx``."""
        extras, path = self._raw_extras[fi], Path(self.filenames[fi])
        chosen = np.arange(extras["n"])[idx]
        block = np.empty((len(chosen), stop - start))
        with reading(path, "a whole file of the Brain Treebank"), h5py.File(path) as file:
            for row, channel in enumerate(chosen):
                block[row] = file[f"data/electrode_{channel}"][start:stop]
        block *= extras["volts"]
        data[:] = cals * block if mult is None else mult @ block
