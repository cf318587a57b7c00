"""The table of standardised targets."""

import numpy as np
import pandas as pd

from n2s.data.targets import Targets
from n2s.data.windows import Windows, WindowShape
from n2s.features import Ready
from n2s.studies.study import Frames, Stimulus


def test_a_dimension_that_never_changes_in_training_is_zero_everywhere(monkeypatch, tmp_path):
    """Else a rounding error is divided by: the first sound that differs would be infinite."""
    values = np.random.default_rng(0).standard_normal((200, 2)).astype(np.float32)
    values[:, 1] = 0.1 + 0.2  # not the same number in float32 sums
    values[150:, 1] = 7.0
    rows = [("train", 0.0, 10.0), ("val", 10.0, 5.0), ("test", 15.0, 5.0)]
    windows = {}
    for split, start_s, duration_s in rows:
        interval = {"stimulus": "a", "stimulus_onset": start_s, "duration": duration_s, "onset": start_s, "unit": split}
        interval |= {"story": split, "split": split, "audio": "a", "context_start_s": 0.0, "context_stop_s": np.inf}
        windows[split] = Windows(pd.DataFrame([interval]), np.zeros(1, int), np.array([start_s]), np.zeros(1, int))
    stimuli = {"a": Stimulus("a", None, ready=Frames(values, 10.0))}
    targets = Targets(Ready(2), stimuli, windows, WindowShape(10.0, 2.0, 0.0, 0.0), per_dimension=True)
    assert np.isfinite(targets.values).all() and not targets.values[:, 1].any()
    train = targets.values[:100, 0].astype(float)
    assert abs(train.mean()) < 1e-2 and abs(train.std() - 1) < 1e-2
