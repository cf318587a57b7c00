"""The port of the response model: how a feature of what was heard becomes regressors of a brain's time series."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np

from n2s.studies.study import Frames, Impulses


class ResponseModel(ABC):
    """Turns a feature on a run's clock into columns on the run's rows (volumes or samples)."""

    @abstractmethod
    def reach_s(self, step_s: float) -> tuple[float, float]:
        """A row depends on what is heard from this long before it to this long after it, s (both 0 or more).

        The response lasts as long as the first; the second is 0 unless there are negative lags or a filter. ``step_s``: from
        one row to the next.
        """

    @abstractmethod
    def delays_s(self, step_s: float) -> np.ndarray:
        """(k,) delay of each block of columns, s; one 0 for a canonical response."""

    @abstractmethod
    def undelayed(self) -> "ResponseModel":
        """The model that brings a feature to the rows as it is heard: one delay, 0. For decoders, whose target it is."""

    @abstractmethod
    def columns(
        self, heard: Frames | Impulses, n_rows: int, step_s: float, *, events: bool | Sequence[int] = False
    ) -> np.ndarray:
        """(n_rows, k * f) float32, ordered ``(k f)``: the response of row i, at ``i * step_s`` on the run's clock, to what was heard.

        Parameters
        ----------
        heard
            On the run's clock: `Frames.start_s` and `Impulses.times_s` may be negative. Around it nothing is heard.
        n_rows, step_s
            The run's rows.
        events
            Whether frames count events, or which dimensions do (`n2s.features.feature.FrameFeature.events`): they are summed
            where others are averaged.
        """
