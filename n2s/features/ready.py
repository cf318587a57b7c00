"""Features that a study provides itself, instead of audio."""

import numpy as np

from n2s.errors import UserError
from n2s.features.feature import FrameFeature
from n2s.options import check_options
from n2s.studies.study import Frames, Stimulus


class Ready(FrameFeature):
    """Pass on the study's own arrays (``Study.features``), after a check. Nothing is cached.

    They are taken as they are: if a model with a long context made them, nothing here can keep it from having heard
    across a split's border.

    Parameters
    ----------
    n_features
        How many numbers a frame has; every stimulus of the study must have as many.
    events
        Whether they count events (an impulse at each word onset, say), or the numbers of those that do, from 0. Where the
        brain has another rate, events are summed; all else is filtered.

    Examples
    --------
    >>> import numpy as np
    >>> from n2s.features import Ready
    >>> from n2s.studies.study import Frames, Stimulus
    >>> ready = Frames(np.random.randn(500, 8).astype("float32"), rate_hz=50.0)  # made elsewhere, of 10 s
    >>> Ready(8).extract(Stimulus("story", None, ready=ready), start_s=2.0, stop_s=4.0).values.shape
    (100, 8)
    """

    kept = False

    def __init__(self, n_features: int, *, events: bool | list[int] = False) -> None:
        check_options("Ready: ", low=1, whole=True, n_features=n_features)
        if not isinstance(events, bool) and len(events):
            check_options("Ready: ", low=0, whole=True, events=list(events))
        odd = [] if isinstance(events, bool) else [one for one in events if not 0 <= one < n_features]
        if odd:
            raise UserError(
                f"Ready: events {odd} of {n_features} features; expected numbers from 0 to {n_features - 1}."
            )
        self._n_features, self.events = n_features, events

    @property
    def n_features(self) -> int:
        """f, as given."""
        return self._n_features

    def settings(self) -> dict:
        """The dimension, and what counts events."""
        return {"n_features": self._n_features, "events": self.events}

    def extract(self, stimulus: Stimulus, start_s: float = 0.0, stop_s: float | None = None) -> Frames:
        """Give the frames with ``start_s <= time < stop_s``, as float32."""
        ready = stimulus.ready
        if ready is None:
            raise UserError(
                f"stimulus '{stimulus.id}': the study provides no ready features for it. Make its features() give them, "
                "or compute some from the audio: n2s.features.Mel."
            )
        values = np.asarray(ready.values, dtype=np.float32)
        if values.ndim != 2 or values.shape[1] != self._n_features or not len(values):
            raise UserError(
                f"stimulus '{stimulus.id}': its ready features have the shape {values.shape}; expected (frames, "
                f"{self._n_features}). Set Ready's n_features to what the files hold, the same in all."
            )
        if not ready.rate_hz > 0:
            raise UserError(f"stimulus '{stimulus.id}': its ready features come at {ready.rate_hz} Hz; expected > 0.")
        bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
        if len(bad):
            raise UserError(
                f"stimulus '{stimulus.id}': {len(bad)} of {len(values)} frames of its ready features are NaN or "
                f"infinite; the first is frame {bad[0]}, at {ready.start_s + bad[0] / ready.rate_hz:.3f} s. "
                "Fill or cut them."
            )
        times = ready.start_s + np.arange(len(values)) / ready.rate_hz
        first = int(np.searchsorted(times, start_s)) if start_s > 0 else 0  # all, also where frame 0 is before 0 s
        last = len(values) if stop_s is None else int(np.searchsorted(times, stop_s))
        return Frames(values[first:last], ready.rate_hz, ready.start_s + first / ready.rate_hz)
