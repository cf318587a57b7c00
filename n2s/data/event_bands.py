"""The same windows in other frequency bands: each band is a preparation of its own, so that its filter keeps to the split's borders."""

import copy
import inspect
from collections.abc import Mapping

import numpy as np
import pandas as pd

from n2s.data.event_data import EventDataModule
from n2s.data.preprocessing import Preprocessing
from n2s.errors import UserError
from n2s.findings import tell

#: Name of the data as the recipe prepares them.
WHOLE = "whole"
SAME = (
    "recording",
    "start_s",
    "onset",
    "duration",
    "condition",
    "label",
    "text",
)  # what is the same window in every band


class BandWindows:
    """Windows at events of one datamodule, and the same windows filtered to bands.

    A filter reaches beyond a window: in the band from 0.2 Hz on, 16 s. Each band is therefore prepared like a recipe with these edges, from
    whole recordings, and the gap at borders between splits is opened as far as its own filter reaches: no sample of a training window
    depends on held-out recording. Windows that a band loses there are left out of all bands.

    Parameters
    ----------
    data
        Set up.
    bands
        Name -> lowest and highest frequency, Hz, in place of ``highpass_hz`` and ``lowpass_hz`` of the preprocessing.
    """

    def __init__(self, data: EventDataModule, bands: Mapping[str, tuple[float, float]]):
        self.of = {WHOLE: data} | {name: in_band(data, name, *edges) for name, edges in bands.items()}
        self._parts: dict[str, tuple[pd.DataFrame, dict[str, np.ndarray]]] = {}

    @property
    def names(self) -> list[str]:
        """Of the bands; the first is `WHOLE`."""
        return list(self.of)

    def table(self, split: str) -> pd.DataFrame:
        """As `n2s.data.EventDataModule.events`, of the windows that every band has."""
        return self._part(split)[0]

    def arrays(self, split: str, band: str, rows: np.ndarray) -> np.ndarray:
        """(m, c, t) windows of a band; ``rows`` are those of `table`."""
        return self.of[band].arrays(split, self._part(split)[1][band][rows])

    def rows(self, split: str) -> np.ndarray:
        """The rows of the datamodule's own table that `table` has."""
        return self._part(split)[1][WHOLE]

    def supports_s(self) -> dict[str, float]:
        """How long the stretch of a recording is that one sample of each band depends on, s."""
        return {name: max(one.meta["support_s"] for one in data.recordings.values()) for name, data in self.of.items()}

    def _part(self, split: str) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
        if split not in self._parts:
            keys = {name: _keys(data.events(split)) for name, data in self.of.items()}
            kept = keys[WHOLE]
            for own in keys.values():
                kept = kept[kept.isin(own)]
            if len(kept) < len(keys[WHOLE]):
                told = f"{len(keys[WHOLE]) - len(kept)} of {len(keys[WHOLE])} {split} windows lie where a band's filter reaches another split."
                tell("left out", "model.bands", f"{told} They are left out of all bands.")
            rows = {name: own.get_indexer(kept) for name, own in keys.items()}
            self._parts[split] = self.of[WHOLE].events(split).iloc[rows[WHOLE]].reset_index(drop=True), rows
        return self._parts[split]


def in_band(data: EventDataModule, name: str, low_hz: float, high_hz: float) -> EventDataModule:
    """A datamodule of the same recordings and events, filtered to a band, and set up.

    Raises
    ------
    UserError
        The preprocessing has no band to change, or the recordings cannot hold this one.
    """
    own = data.preprocessing
    if not isinstance(own, Preprocessing):
        raise UserError(
            f"model.bands: data.preprocessing is {type(own).__name__}, which has no band to change. Take n2s.data.Preprocessing, or no bands."
        )
    if not 0 < low_hz < high_hz < own.sfreq / 2:
        raise UserError(
            f"model.bands.{name} is {low_hz:g} to {high_hz:g} Hz; expected a lower and a higher frequency between 0 and {own.sfreq / 2:g} Hz, half "
            "of data.preprocessing.sfreq."
        )
    options = {option: getattr(own, option) for option in inspect.signature(type(own)).parameters}
    found = copy.copy(data)
    found.preprocessing = type(own)(**options | {"highpass_hz": low_hz, "lowpass_hz": high_hz})
    found.windows = {}
    found.setup(f"band {name}")
    return found


def _keys(table: pd.DataFrame) -> pd.MultiIndex:
    return pd.MultiIndex.from_frame(table[list(SAME)].assign(start_s=table.start_s.round(6)))
