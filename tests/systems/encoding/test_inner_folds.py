"""Which training rows the choice of penalties keeps together."""

import numpy as np

from n2s.data.encoding_data import Fold
from n2s.findings import kept
from n2s.systems.encoding.fit import Recipe, inner_groups

RECIPE = Recipe((1.0, 10.0), 3, 10.0, 0)


def fold(groups, stretches):
    n = len(groups)
    return Fold("held-out", np.arange(n), np.arange(0), np.array(groups, object), stretches)


def test_whole_stretches_are_kept_together():
    groups, stretches = list("aabbccdd"), np.array([0, 0, 0, 0, 1, 1, 2, 2])
    with kept() as findings:
        assert inner_groups(fold(groups, stretches), RECIPE, "s/01").tolist() == stretches.tolist()
    assert not findings


def test_one_long_stretch_is_cut_at_as_few_places_as_there_must_be():
    groups = np.repeat(list("abcdefghi"), 10)
    with kept() as findings:
        found = inner_groups(fold(groups, np.zeros(90, int)), RECIPE, "s/01")
    assert (np.diff(found) != 0).sum() == 2 and np.bincount(found).tolist() == [30, 30, 30]
    assert "1 stretch without a pause" in findings[0].text
    uneven = np.repeat(list("abcd"), [100, 1, 1, 1])
    found = inner_groups(fold(uneven, np.zeros(103, int)), RECIPE, "s/01")
    assert len(set(found)) == 3 and (np.diff(found) != 0).sum() == 2
