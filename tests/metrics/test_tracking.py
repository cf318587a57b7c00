import numpy as np
import pytest
import torch
from scipy.stats import pearsonr

from n2s.metrics.tracking import circular_shift_null, pearson


def smooth(n, f, seed):
    noise = np.random.default_rng(seed).standard_normal((n, f))
    return torch.from_numpy(np.apply_along_axis(np.convolve, 0, noise, np.hanning(15), mode="same"))


def test_pearson_is_that_of_scipy():
    x, y = smooth(300, 3, 0), 5 + 2 * smooth(300, 3, 1)
    expected = [pearsonr(x[:, i], y[:, i]).statistic for i in range(3)]
    np.testing.assert_allclose(pearson(x, y), expected, atol=1e-12)
    np.testing.assert_allclose(pearson(x, 3 * x - 1), 1.0)
    assert pearson(torch.full((20, 1), 0.1), smooth(20, 1, 0)).item() == 0.0


def test_the_null_is_a_loop_over_turns():
    x, y = smooth(101, 2, 0), smooth(101, 2, 1)
    null = circular_shift_null(x, y, n_shifts=50, min_shift=20, seed=3)
    every = np.stack([pearson(x, y.roll(turn, 0)).numpy() for turn in range(20, 82)])
    distance = np.abs(null.numpy()[:, None] - every[None]).max(axis=2)
    assert null.shape == (50, 2)
    assert distance.min(axis=1).max() < 1e-12  # each is one of the allowed turns
    assert len(np.unique(distance.argmin(axis=1))) > 25
    torch.testing.assert_close(null, circular_shift_null(x, y, n_shifts=50, min_shift=20, seed=3))


def test_all_allowed_turns_are_drawn_and_no_other():
    course = smooth(40, 1, 0)
    null = circular_shift_null(course, course, n_shifts=2000, min_shift=18)
    allowed = {round(pearson(course, course.roll(turn, 0)).item(), 9) for turn in range(18, 23)}
    assert {round(r, 9) for r in null[:, 0].tolist()} == allowed


def test_unrelated_courses_lie_inside_the_null():
    """Smooth noise correlates by chance far above what as many independent samples would; the null knows."""
    above = []
    for seed in range(200):
        x, y = smooth(300, 1, 2 * seed), smooth(300, 1, 2 * seed + 1)
        null = circular_shift_null(x, y, n_shifts=200, min_shift=15)
        above.append((pearson(x, y) > null.quantile(0.95)).item())
    assert 1 <= sum(above) <= 24  # binomial(200, 0.05): 99.9% of it


def test_bad_turns():
    x = smooth(30, 1, 0)
    for min_shift in (0, 16):
        with pytest.raises(ValueError, match="expected 1 to half of the 30"):
            circular_shift_null(x, x, min_shift=min_shift)
