"""Chance of identification where every run holds one segment."""

import numpy as np
import pytest

from n2s.systems.cross_language.encoded import p_of
from n2s.systems.cross_language.identification import Gallery, moved
from n2s.systems.cross_language.identified import Identified


@pytest.mark.parametrize("segments_a_run", [1, 3])
def test_what_is_identified_has_a_small_p_also_with_one_segment_a_run(segments_a_run):
    """Moved inside its run a single segment stays what it is: p was 1."""
    rng = np.random.default_rng(0)
    segments = np.arange(12 * 7).reshape(12, 7)
    target = np.repeat(rng.standard_normal((12, 8)), 7, 0)
    run = np.arange(84) // (7 * segments_a_run)
    one = Identified(5, 99, 5, 0)
    decoded = target + 0.3 * rng.standard_normal(target.shape)
    one.add(decoded, target, Gallery(segments, run[segments[:, 0]]), run, np.arange(84) // 7, 0, np.ones(8))
    found, null, _ = one.measures(10)["rank"]
    assert found.value > 0.95 and 0.3 < null.mean() < 0.65 and p_of(found.value, null) < 0.05


def test_moves_are_an_order_of_the_same_places():
    run = np.repeat([0, 1, 2], [7, 7, 21])
    other = moved(np.arange(35), run, 5, np.random.default_rng(1), n_rows=7)
    assert sorted(other) == list(range(35)) and (run[other[:14]] < 2).all() and (run[other[14:]] == 2).all()
    assert (np.abs(other - np.arange(35)) >= 5).all()
