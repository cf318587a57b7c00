"""The jackknife of any score of a set: a mean's is in closed form, a distance's holds what other clips would give."""

import numpy as np
import pytest
from scipy import stats

from n2s.metrics.frechet import frechet_distance
from n2s.metrics.jackknife import MOST, jackknife_interval


def test_of_a_mean_it_is_the_t_interval_of_the_units():
    values, unit = np.random.default_rng(0).gamma(3.0, size=60), np.repeat(np.arange(12), 5)
    found = jackknife_interval(lambda rows: values[rows].mean(), unit)
    means = values.reshape(12, 5).mean(1)
    low, high = stats.t.interval(0.95, 11, means.mean(), stats.sem(means))
    assert found == pytest.approx((values.mean(), low, high))
    assert jackknife_interval(lambda rows: values[rows].mean(), unit, bounds=(0, values.mean())).high == values.mean()


def test_what_has_no_spread_has_no_interval():
    assert jackknife_interval(lambda rows: 3.0, np.zeros(5)) == (3.0, None, None)
    few = jackknife_interval(lambda rows: 1.0 if len(rows) == 4 else None, np.arange(4))
    assert few == (1.0, None, None)
    calls = []
    jackknife_interval(lambda rows: float(calls.append(len(rows)) or 0), np.arange(1000))
    assert len(calls) == 1 + MOST and min(calls) == 1000 - 1000 // MOST


@pytest.mark.parametrize(("n_stimuli", "each", "d"), [(40, 1, 8), (12, 5, 60)])
def test_a_distance_between_sets_holds_its_mean_over_samples(n_stimuli, each, d):
    """Clips of a stimulus are alike: what is left out is a stimulus."""
    rng = np.random.default_rng(0)
    unit = np.repeat(np.arange(n_stimuli), each)

    def sample():
        own = rng.normal(size=(n_stimuli, d))[unit]
        true = own + rng.normal(size=(len(unit), d))
        return true, 0.6 * true + rng.normal(size=(len(unit), d)) + 0.3

    every = [frechet_distance(*sample()) for _ in range(300)]  # of as many clips
    hits, widths = 0, []
    for _ in range(60):
        a, b = sample()
        found = jackknife_interval(lambda rows: frechet_distance(a[rows], b[rows]), unit)  # noqa: B023 (called at once)
        hits += found.low <= np.mean(every) <= found.high
        widths.append(found.high - found.low)
    assert hits >= 53  # 95% of 60 is 57; more is no fault of an interval
    assert 0.8 < np.mean(widths) / (2 * 1.96 * np.std(every)) < 2


def test_the_level_and_the_lower_bound():
    values, unit = np.random.default_rng(1).normal(size=12), np.arange(12)
    mean, low, high = jackknife_interval(lambda rows: values[rows].mean(), unit, level=0.8)
    expected = stats.t.interval(0.8, 11, values.mean(), stats.sem(values))
    assert (low, high) == pytest.approx(expected)
    bounded = jackknife_interval(lambda rows: values[rows].mean(), unit, level=0.8, bounds=(mean - 1e-3, 9.0))
    assert bounded == (mean, mean - 1e-3, high)
    two = jackknife_interval(lambda rows: values[rows].mean(), unit[:2])
    assert two[1:] == pytest.approx(stats.t.interval(0.95, 1, values[:2].mean(), stats.sem(values[:2])))
    assert jackknife_interval(lambda rows: None, unit) == (None, None, None)


def test_as_many_units_as_parts_are_left_out_one_by_one():
    """One more, and two of them share a part; all parts are of nearly one size."""
    for n_units, most in ((MOST, 1), (MOST + 1, 2), (3 * MOST, 3)):
        sizes = []
        jackknife_interval(lambda rows: float(sizes.append(n_units - len(rows)) or 0), np.arange(n_units))  # noqa: B023
        assert sum(sizes) == n_units and max(sizes) == most and len(sizes) == 1 + MOST
