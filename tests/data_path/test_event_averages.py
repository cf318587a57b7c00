"""Averages of windows of one class: each window once, never of two classes or people, drawn anew where they should be."""

import numpy as np

from n2s.data.event_averages import Averages

rng = np.random.default_rng(0)
LABELS, PEOPLE = rng.integers(0, 5, 300), rng.integers(0, 2, 300)


def test_each_window_is_in_one_group_of_its_class_and_person():
    averages = Averages(LABELS, PEOPLE, 7, seed=0, fixed=False)
    for epoch in (0, 3):
        windows, which = averages.windows(np.arange(len(averages)), epoch)
        assert sorted(windows) == list(range(300))
        assert (averages.label[which] == LABELS[windows]).all()
        assert (averages.within[which] == PEOPLE[windows]).all()
    sizes = [int(((k == LABELS) & (p == PEOPLE)).sum()) for p in (0, 1) for k in range(5)]
    assert len(averages) == sum(-(-n // 7) for n in sizes)
    assert sorted(averages.sizes()) == sorted(s for n in sizes for s in [7] * (n // 7) + [n % 7] * (n % 7 > 0))


def test_groups_are_drawn_anew_each_epoch_unless_fixed():
    groups = np.array([0, 5, 3])
    free, fixed = (Averages(LABELS, PEOPLE, 4, seed=1, fixed=one) for one in (False, True))
    assert set(free.windows(groups, 0)[0]) != set(free.windows(groups, 1)[0])
    assert (free.windows(groups, 2)[0] == Averages(LABELS, PEOPLE, 4, seed=1, fixed=False).windows(groups, 2)[0]).all()
    assert (fixed.windows(groups, 0)[0] == fixed.windows(groups, 9)[0]).all()
    assert set(free.windows(groups, 0)[0]) != set(
        Averages(LABELS, PEOPLE, 4, seed=2, fixed=False).windows(groups, 0)[0]
    )


def test_single_windows_are_themselves():
    averages = Averages(LABELS, PEOPLE, 1, seed=0, fixed=False)
    windows, which = averages.windows(np.array([4, 2]), 3)
    assert list(which) == [0, 1]
    assert (averages.label[[4, 2]] == LABELS[windows]).all()


def test_nothing_gives_no_group():
    assert len(Averages(np.zeros(0, int), np.zeros(0, int), 3, seed=0, fixed=True)) == 0
