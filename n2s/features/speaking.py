"""Whether a word is being said: the baseline that knows of speech only when there is some."""

import numpy as np

from n2s.errors import UserError
from n2s.features.audio import audio_duration_s
from n2s.features.feature import FrameFeature
from n2s.options import check_options
from n2s.studies.study import Frames, Stimulus


class Speaking(FrameFeature):
    """1 while a word is said, else 0, ``(l, 1)``. Nothing is cached.

    Much of what a model of speech explains in the brain is speech against silence: this is the control beside it.

    Parameters
    ----------
    rate_hz
        Frames a second.

    Examples
    --------
    >>> from n2s.features import Speaking, example_stimulus
    >>> Speaking(rate_hz=10).extract(example_stimulus()).values.ravel().astype(int).tolist()
    [0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0]
    """

    kept = False

    def __init__(self, rate_hz: float = 100.0) -> None:
        check_options("Speaking: ", above=0, rate_hz=rate_hz)
        self.rate_hz = float(rate_hz)

    @property
    def n_features(self) -> int:
        """f: 1."""
        return 1

    def settings(self) -> dict:
        """The rate."""
        return {"rate_hz": self.rate_hz}

    def extract(self, stimulus: Stimulus, start_s: float = 0.0, stop_s: float | None = None) -> Frames:
        """Give the frames with ``start_s <= time < stop_s``, as float32.

        Raises
        ------
        UserError
            The stimulus has no words.
        """
        words = stimulus.words
        if not len(words):
            raise UserError(
                f"stimulus '{stimulus.id}' has no words, and Speaking needs them. Give events of kind 'word' with their times (or a "
                "TextGrid), or leave the feature out."
            )
        onset = np.sort(words.onset.to_numpy(float))
        end = np.sort((words.onset + words.duration).to_numpy(float))
        if stimulus.ready is not None:
            whole_s = stimulus.ready.stop_s
        else:
            whole_s = end[-1] if stimulus.audio is None else audio_duration_s(stimulus.audio)
        first, last = (
            int(np.ceil(one * self.rate_hz - 1e-6))
            for one in (start_s, whole_s if stop_s is None else min(stop_s, whole_s))
        )
        times_s = np.arange(first, max(first, last)) / self.rate_hz
        said = np.searchsorted(onset, times_s, "right") > np.searchsorted(end, times_s, "right")
        return Frames(said[:, None].astype(np.float32), self.rate_hz, first / self.rate_hz)
