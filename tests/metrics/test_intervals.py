import numpy as np
import pytest
from scipy import stats

from n2s.metrics.intervals import t_interval, wilson_interval


def test_t_interval_is_scipys():
    values = np.array([0.42, 0.55, 0.47, 0.61, 0.5])
    interval = t_interval(values)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    np.testing.assert_allclose(interval, (values.mean(), expected.low, expected.high))


def test_t_interval_of_two_values_is_the_closed_form():
    # the 97.5% quantile of t with one degree of freedom (Cauchy) is tan(0.475 pi); the standard error is half the gap
    mean, low, high = t_interval(np.array([3.0, 4.0]), bounds=(-100, 100))
    half = np.tan(0.475 * np.pi) * 0.5
    assert (mean, low, high) == pytest.approx((3.5, 3.5 - half, 3.5 + half))


def test_t_interval_is_clipped_to_what_a_score_can_be():
    assert t_interval(np.array([0.9, 1.0]))[1:] == (pytest.approx(0.95 - np.tan(0.475 * np.pi) * 0.05), 1.0)
    assert t_interval(np.array([0.0, 0.1])).low == 0.0


def test_one_subject_has_no_interval_over_subjects():
    with pytest.raises(ValueError, match="two"):
        t_interval(np.array([0.5]))


@pytest.mark.parametrize(("hits", "n"), [(0, 20), (1, 20), (7, 20), (20, 20), (300, 1284)])
@pytest.mark.parametrize("level", [0.95, 0.99])
def test_wilson_is_scipys(hits, n, level):
    expected = stats.binomtest(hits, n).proportion_ci(level, method="wilson")
    np.testing.assert_allclose(
        wilson_interval(hits, n, level=level), (hits / n, expected.low, expected.high), atol=1e-12
    )


def test_wilson_stays_in_bounds_and_refuses_nonsense():
    assert wilson_interval(0, 9).low == 0.0
    assert wilson_interval(9, 9).high == 1.0
    with pytest.raises(ValueError, match="share"):
        wilson_interval(3, 0)
