"""The port of the response model: how a feature of what was heard becomes regressors of a brain's time series."""

from abc import ABC, abstractmethod

import numpy as np

from n2s.studies.study import Frames, Impulses


class ResponseModel(ABC):
    """Turns a feature on a run's clock into columns on the run's rows (volumes or samples)."""

    @property
    @abstractmethod
    def before_s(self) -> float:
        """A row depends on what was heard up to this long before it, s."""

    @property
    @abstractmethod
    def after_s(self) -> float:
        """A row depends on what is heard up to this long after it, s (0, unless there are negative lags or a filter)."""

    @abstractmethod
    def delays_s(self, step_s: float) -> np.ndarray:
        """(k,) delay of each block of columns, s; one 0 for a canonical response. ``step_s``: from one row to the next."""

    @abstractmethod
    def columns(self, heard: Frames | Impulses, n_rows: int, step_s: float) -> np.ndarray:
        """(n_rows, k * f) float32, ordered ``(k f)``: the response of row i, at ``i * step_s`` on the run's clock, to what was heard.

        ``heard`` is on the run's clock as well (`Frames.start_s`, `Impulses.times_s` may be negative).
        """
