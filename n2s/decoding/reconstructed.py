"""A feature of what was heard, reconstructed over the time of a recording: the table and the figure."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from n2s.decoding.decoded import Decoded
from n2s.metrics.result import Drawing, Shown

MOST = 6  # columns of the feature with a line of their own
SHOWN_S = 60.0


@dataclass(eq=False, kw_only=True, repr=False)
class Reconstructed(Decoded):
    """The estimated feature at each sample.

    Attributes
    ----------
    table
        ``time_s`` (when it was heard, on the recording's clock), and a column for each of the feature's.
    feature
        Its name.
    """

    feature: str

    def tables(self) -> dict[str, pd.DataFrame]:
        """See `Decoded`."""
        return {"reconstructed": self.table}

    def shown(self) -> Shown:
        """See `Decoded`."""
        columns = [name for name in self.table.columns if name != "time_s"]
        length_s = float(self.table.time_s.iloc[-1] - self.table.time_s.iloc[0])
        return Shown(
            headline=[
                f"{self.feature} ({len(columns)} {'column' if len(columns) == 1 else 'columns'}) is reconstructed for {length_s:.0f} s. Give sounds to compare it "
                "with, and it is told which was heard, and when."
            ],
            notes=self.said,
            drawings=[self._course(columns)],
        )

    def _course(self, columns: list[str]) -> Drawing:
        time_s = self.table.time_s.to_numpy()
        first = time_s < time_s[0] + SHOWN_S
        shown = columns[:: max(1, -(-len(columns) // MOST))]
        figure = Figure(figsize=(9, 1.2 + 0.9 * len(shown)), layout="constrained")
        for axis, name in zip(np.atleast_1d(figure.subplots(len(shown), 1, sharex=True)), shown, strict=True):
            axis.plot(time_s[first], self.table[name].to_numpy()[first], lw=0.8)
            axis.set_title(name, fontsize=9, loc="left")
        axis.set_xlabel("s of the recording")
        return Drawing(
            "The reconstructed feature",
            figure,
            f"In its own units; the first {SHOWN_S:g} s." if not first.all() else "In its own units.",
        )
