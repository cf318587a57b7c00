"""Responses to features, and events on a clock: against nilearn, and against loops that follow the formulas."""

import numpy as np
import pytest
from nilearn.glm.first_level import compute_regressor, glover_hrf

from n2s.data import hrf_response, lanczos_resample
from n2s.errors import UserError

RNG = np.random.default_rng(0)


def by_loop(values, rate_hz, start_s, tr_s, n_trs):
    """Convolve each column, then read it between frames."""
    kernel = glover_hrf(tr_s, oversampling=tr_s * rate_hz)
    found = np.zeros((n_trs, values.shape[1]))
    for column in range(values.shape[1]):
        course = np.convolve(values[:, column], kernel)
        time_s = start_s + np.arange(-1, len(course) + 1) / rate_hz
        found[:, column] = np.interp(np.arange(n_trs) * tr_s, time_s, np.r_[0, course, 0], left=0, right=0)
    return found


@pytest.mark.parametrize(
    ("rate_hz", "start_s", "tr_s"),
    [(50, 0.0, 2.0), (100, -7.3, 1.5), (50, 4.0, 0.72), (49.95, 3.111, 1.49), (3, 90, 2)],
)
def test_a_response_is_the_convolution_read_between_frames(rate_hz, start_s, tr_s):
    values = RNG.standard_normal((700, 3))
    found = hrf_response(values, rate_hz, start_s, tr_s, 61)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, by_loop(values, rate_hz, start_s, tr_s, 61), rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize(("tr_s", "per_tr"), [(2.0, 10), (1.5, 75), (0.72, 36)])
def test_nilearn_agrees_where_its_bins_are_exact(tr_s, per_tr):
    """It takes the first bin that is not before an onset: onsets a little early are not rounded into the next."""
    n, step_s = 40 * per_tr, tr_s / per_tr
    values = RNG.uniform(1, 2, (n, 2))
    times_s = np.arange(60) * tr_s
    for column, found in zip(values.T, hrf_response(values, 1 / step_s, 0.0, tr_s, 60).T, strict=True):
        condition = np.stack([(np.arange(n) - 0.01) * step_s, np.full(n, step_s), column])
        expected, _ = compute_regressor(condition, "glover", times_s, oversampling=per_tr, min_onset=-2 * tr_s)
        np.testing.assert_allclose(found, expected[:, 0], atol=1e-12)


def test_it_is_linear_shifts_with_its_clock_and_keeps_the_mean():
    values = RNG.standard_normal((500, 2))
    one = hrf_response(values, 50, 0.0, 2.0, 40)
    np.testing.assert_allclose(hrf_response(values, 50, 4.0, 2.0, 42)[2:], one, atol=1e-13)
    np.testing.assert_allclose(hrf_response(values, 50, -4.0, 2.0, 38), one[2:], atol=1e-13)
    parts = hrf_response(values[:211], 50, 0.0, 2.0, 40) + hrf_response(values[211:], 50, 211 / 50, 2.0, 40)
    np.testing.assert_allclose(parts, one, atol=1e-13)
    steady = hrf_response(np.ones((5000, 1)), 50, 0.0, 2.0, 40)
    np.testing.assert_allclose(steady[17:], 1, rtol=1e-12)  # the kernel sums to 1, and nothing is demeaned


def test_what_lies_outside_the_run_gives_nothing():
    values = np.ones((100, 1))
    assert not hrf_response(values, 50, 200.0, 2.0, 40).any()
    assert not hrf_response(values, 50, -60.0, 2.0, 40).any()
    assert hrf_response(np.ones((0, 4)), 50, 0, 2.0, 5).shape == (5, 4)
    assert hrf_response(values, 50, 0.0, 2.0, 0).shape == (0, 1)


@pytest.mark.parametrize("n_lobes", [1, 3])
def test_lanczos_follows_its_formula(n_lobes):
    times_s, new_s = RNG.uniform(-3, 40, 90), np.arange(18) * 1.9 + 0.3
    values = RNG.standard_normal((90, 2))
    expected = np.zeros((18, 2))
    for i, new in enumerate(new_s):
        for old, value in zip(times_s, values, strict=True):
            x = (new - old) / np.diff(new_s).mean()
            expected[i] += value * (np.sinc(x) * np.sinc(x / n_lobes) if abs(x) <= n_lobes else 0)
    found = lanczos_resample(values, times_s, new_s, n_lobes=n_lobes)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_lanczos_sums_and_the_word_rate_is_in_it():
    new_s = np.arange(50) * 2.0
    twice = np.repeat(np.arange(0, 100, 0.5), 2)
    assert lanczos_resample(np.ones((400, 1)), twice, new_s)[10:40].mean() == pytest.approx(8, rel=0.01)
    assert lanczos_resample(np.ones((1, 1)), [10.0], new_s)[:, 0].tolist() == pytest.approx([0] * 5 + [1] + [0] * 44)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: hrf_response(np.full((3, 1), np.nan), 50, 0, 2, 4), "3 of 3 values are NaN"),
        (lambda: hrf_response(np.ones(3), 50, 0, 2, 4), r"shape \(3,\); expected \(n, f\)"),
        (lambda: hrf_response(np.ones((3, 1)), 0, 0, 2, 4), "rate_hz is 0"),
        (lambda: hrf_response(np.ones((3, 1)), 50, 0, 2, 4, "spm"), "expected one of glover"),
        (lambda: lanczos_resample(np.ones((3, 1)), [0, 1], [0, 1]), "a time a value"),
        (lambda: lanczos_resample(np.ones((2, 1)), [0, np.nan], [0, 1]), "NaN or infinite"),
        (lambda: lanczos_resample(np.ones((2, 1)), [0, 1], [1.0]), "two or more"),
    ],
)
def test_bad_numbers_are_named(call, told):
    with pytest.raises(UserError, match=told):
        call()
