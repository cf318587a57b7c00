"""The table of segments: the stretches of sounds that somebody heard, for any kind of recording."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass
class Segments:
    """One split: one row per response to a segment.

    Parameters
    ----------
    table
        ``subject``, ``study``, ``stimulus``, ``start_s`` and ``duration_s`` (s in the stimulus), ``group`` (kept in one
        split), ``label``, ``key`` (names the response); and numbers: ``group_index``, ``clip_index`` (one number for one
        stretch of one sound, in all splits), ``brain_index`` (in the data's ``brains``: what shares a network) and
        ``place`` (in the responses of that brain).
    brain
        The responses, in pieces: of BOLD one array ``(n, v)`` or ``(n, volumes, v)`` per brain; of sensors ``(n, c, t)``,
        read when they are asked for.
    heard
        The presentations behind each row: ``row``, ``recording``, ``time_s`` (s, recording's clock). One row has several
        if the responses to one segment were averaged.
    """

    table: pd.DataFrame
    brain: Iterable[np.ndarray]
    heard: pd.DataFrame

    def rows_of(self, brain_index: int) -> np.ndarray:
        """Rows of one brain, in the order of its responses."""
        return np.flatnonzero(self.table.brain_index.to_numpy() == brain_index)
