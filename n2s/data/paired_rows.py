"""The table of pairs: a row for each person and segment, with the window of MEG and that of fMRI, where there are."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from n2s.data.windows import Windows

MODALITIES = ("meg", "fmri")


@dataclass
class PartOfWindows(Windows):
    """Some windows of a table of more: they are jittered as these are, so that all responses to a segment stay together.

    ``whole`` has all windows; ``rows`` are those of this part in it.
    """

    whole: Windows | None = None
    rows: np.ndarray | None = None

    @classmethod
    def of(cls, whole: Windows, rows: np.ndarray) -> "PartOfWindows":
        """Those rows of a table."""
        sentence = None if whole.sentence is None else whole.sentence[rows]
        kept = whole.interval[rows], whole.start_s[rows], whole.segment[rows]
        return cls(whole.intervals, *kept, whole.jitter_s, sentence, whole, rows)

    def jittered(self, window_s: float, seed: list[int]) -> np.ndarray:
        """See `Windows`."""
        return self.whole.jittered(window_s, seed)[self.rows]


def pairs_of(windows: Windows, persons: Mapping[str, str], modality: np.ndarray, condition: np.ndarray) -> pd.DataFrame:
    """One row for each person, segment and turn, in order of person and segment.

    The first time that a person heard a segment in the MEG goes with the first time in the scanner, and so on; what is left has one
    modality alone.

    Parameters
    ----------
    windows
        Of one split, of both modalities.
    persons
        Subject (``study/id``) -> person.
    modality, condition
        (n,) ``meg``, ``fmri``, or "" for windows that are not used; and the condition of each window (`n2s.studies.events.CONDITIONS`).

    Returns
    -------
    ``person``, ``segment``, ``condition``, ``meg`` and ``fmri``: rows of ``windows``, -1 where there is none.
    """
    table = pd.DataFrame(
        {
            "person": pd.Series(windows.of_interval("subject")).map(persons).to_numpy(),
            "segment": windows.segment,
            "condition": condition,
            "modality": modality,
            "row": np.arange(len(windows)),
        }
    )
    table = table[table.modality != ""]
    key = ["person", "segment", "condition"]
    table["turn"] = table.groupby([*key, "modality"]).cumcount()
    found = table.set_index([*key, "turn", "modality"]).row.unstack("modality")
    found = found.reindex(columns=list(MODALITIES)).fillna(-1).astype(np.int64)
    return found.reset_index().rename_axis(columns=None).drop(columns="turn")
