"""Intervals hold the truth, and chance stays inside its bounds, as often as they say: a small part of the benchmark."""

import numpy as np
import pytest

from benchmarks.coverage import CASES, Case, bound, listeners, measure, retrieval
from n2s.metrics.intervals import wilson_interval
from n2s.metrics.retrieval import ranks

SMALL = {"n_subjects": 2, "stimuli_s": (60.0,), "word_s": 0.5}
FAST = [
    case
    for case in CASES
    if case.name in ("cluster_interval", "cluster_share_interval", "t_interval", "wilson_interval")
]
MEG = [
    Case("bound of chance", "words", 0.95, bound("0.95", **SMALL), 0.0),
    Case("bound of chance", "windows apart", 0.95, bound("0.95", **SMALL | {"word_s": None}), 0.0),
    Case("bound of chance", "words, other parts", 0.95, bound("0.95", **SMALL, parts=True), 0.0),
    Case("listener", "words", 0.95, listeners(**SMALL), 0.0),
]


@pytest.mark.parametrize("case", FAST, ids=lambda case: f"{case.name}, {case.data}")
def test_intervals_hold_the_truth(case):
    share, error, _ = measure(case, 200)
    assert share >= case.nominal - 3 * error


@pytest.mark.parametrize("case", MEG, ids=lambda case: f"{case.name}, {case.data}")
def test_chance_stays_inside_its_bounds_where_windows_overlap(case):
    share, error, _ = measure(case, 40)
    assert share >= case.nominal - 3 * error


def test_the_harness_sees_an_interval_that_takes_overlapping_windows_for_independent():
    rng, inside = np.random.default_rng(0), []
    for _ in range(60):
        result = retrieval(rng, **SMALL)
        hits, chance = ranks(result.similarity, result.target) < 10, 10 / len(result.candidates)
        for name in np.unique(result.subject):
            own = hits[result.subject == name]
            found = wilson_interval(int(own.sum()), len(own))
            inside.append(found.low <= chance <= found.high)
    assert np.mean(inside) < 0.85
