"""A prepared recording of sensors (MEG, EEG): its channels, events, and how far its filters reach."""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import mne
import numpy as np
import pandas as pd

from n2s.data.gaps import Reach
from n2s.data.recordings import PreparedRecording


@dataclass(frozen=True)
class SensorRecording(PreparedRecording):
    """``brain (t, c)`` in fT, fT/cm and uV, with ``events.parquet`` and ``sensors-info.fif`` beside it.

    ``meta`` has ``sfreq``, ``ch_names``, ``units``, ``good``, ``positions``, ``bad_spans``, ``shape``; of the filters
    ``support_s``, ``supports_s`` (of each), ``over_edges_s``, and ``stretches`` (samples) that they took as one.
    """

    beside: ClassVar[tuple[str, ...]] = ("events.parquet", "sensors-info.fif")

    @cached_property
    def events(self) -> pd.DataFrame:
        """See `n2s.studies.events`."""
        return pd.read_parquet(self.folder / "events.parquet")

    @cached_property
    def info(self) -> mne.Info:
        """MNE's description of its channels."""
        return mne.io.read_info(self.folder / "sensors-info.fif", verbose="error")

    @property
    def channel_types(self) -> set[str]:
        """MNE's types of its channels."""
        return set(self.info.get_channel_types())

    @property
    def reach(self) -> Reach:
        """How far samples reach through the filters. A stretch may be entered up to a sample early: `brain_start` moves
        such a window to the first sample.
        """
        sfreq, n_times = self.meta["sfreq"], self.meta["shape"][0]
        stretches = [
            (
                (first - 1 + 1e-6) / sfreq if first else -np.inf,  # events may reach a little out of the recording
                last / sfreq if last < n_times else np.inf,
            )
            for first, last in self.meta["stretches"]
        ]
        return Reach(self.meta["support_s"], self.meta["over_edges_s"], stretches, max(0.02, 1.5 / sfreq))
