"""A sound that too few windows speak for has no start and no p, however good the others are."""

import numpy as np
import pandas as pd

from n2s.decoding.placed import place_sounds
from n2s.decoding.ranked_sounds import ranked_sounds


def test_a_sound_of_one_window_is_not_found():
    time_s, sound, start_s = np.arange(60.0), np.r_[0, np.ones(40, int)], np.r_[0.0, np.arange(40.0)]
    scores = np.random.default_rng(0).standard_normal((60, 41))
    scores[np.arange(5, 45), 1 + np.arange(40)] += 3.0  # the long one began at 5 s
    (short, long), courses = place_sounds(scores, time_s, sound, start_s, step_s=1.0, window_s=3.0)
    assert short.p is None and np.isnan(short.evidence) and np.isnan(short.start_s) and short.n_windows == 0
    assert long.start_s == 5 and long.p < 0.01 and long.n_windows == 40
    names = np.array(["short.wav", "long.wav"])[sound]
    table = pd.DataFrame({"sound": names, "path": names, "start_s": start_s})
    places = [short, long]
    found = ranked_sounds(scores, time_s, table, places, courses, recording="x.fif", window_s=3.0, said=[])
    assert list(found.sounds.sound) == ["long.wav", "short.wav"]
    first, second = found.headline()
    assert first.startswith("Found: long.wav began at 5.0 s") and "short.wav" not in first
    assert second.startswith("Too short to be placed") and "short.wav" in second


def test_short_sounds_alone_are_not_found():
    scores = np.random.default_rng(0).standard_normal((60, 1))
    (one,), courses = place_sounds(scores, np.arange(60.0), np.zeros(1, int), np.zeros(1), step_s=1.0, window_s=3.0)
    table = pd.DataFrame({"sound": ["a.wav"], "path": ["a.wav"], "start_s": [0.0]})
    found = ranked_sounds(scores, np.arange(60.0), table, [one], courses, recording="x.fif", window_s=3.0, said=[])
    assert found.headline()[0].startswith("Too few windows to tell")


def test_each_window_speaks_once_for_a_start():
    """Windows every 0.75 s and stretches every 0.5 s: halves are rounded one way."""
    time_s, start_s = np.arange(0, 60, 0.75), np.arange(0, 30, 0.5)
    scores = np.random.default_rng(0).standard_normal((len(time_s), len(start_s)))
    (one,), _ = place_sounds(scores, time_s, np.zeros(len(start_s), int), start_s, step_s=0.5, window_s=3.0)
    assert one.n_windows <= 30 / 0.75 + 1
