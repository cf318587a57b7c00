"""Repeated words: no gain when they are split properly, a large one when not; chance on noise; a planted leak shows."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[3] / "benchmarks"))
from repeated_words import scores  # noqa: E402

pytestmark = pytest.mark.slow

pytest.importorskip("espeakng_loader")
SIZE = {"n_words": 16, "n_repeats": 3, "n_contacts": 20, "sfreq": 25.0}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    root = tmp_path_factory.mktemp("seeg")
    given = {
        "words, own": ("by word", 0.4),
        "words, no own": ("by word", 0.0),
        "time, own": ("by time", 0.4),
        "time, no own": ("by time", 0.0),
    }
    return {name: scores(root, *one, **SIZE) for name, one in given.items()} | {
        "noise": scores(root, "by word", 0.0, share=0.0, **SIZE)
    }


def mean(one, row="model/ridge"):
    return float(np.nan_to_num(one["r"][row])[one["driven"]].mean())


def test_split_by_words_nothing_is_gained_from_what_only_a_word_itself_tells(found):
    assert mean(found["words, own"]) - mean(found["words, no own"]) < 0.06
    # nor does the model beat words in each other's places by it
    assert mean(found["words, own"]) - mean(found["words, own"], "permuted") < 0.08


def test_split_by_time_it_is_learnt_by_heart(found):
    rise = mean(found["time, own"]) - mean(found["words, own"])
    assert rise > 0.15
    assert mean(found["time, own"]) - mean(found["time, no own"]) > 0.12
    assert mean(found["time, own"]) - mean(found["time, own"], "permuted") > 0.15


def test_noise_is_at_chance(found):
    for row, r in found["noise"]["r"].items():
        assert abs(np.nan_to_num(r).mean()) < 0.04, row
    # and the flattened r of the mean is what it always is
    assert found["noise"]["flat"]["mean"] > 0.85 and found["noise"]["flat"]["model/ridge"] > 0.85
    null = found["noise"]["null"]
    assert abs(null["median"].mean()) < 0.02 and null["top"].mean() > 0.02  # the best of many are above 0 by chance
