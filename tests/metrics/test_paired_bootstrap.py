import numpy as np
import pytest

from n2s.metrics.paired_bootstrap import resampled


def first_minus_second(means):
    return means[..., 0] - means[..., 1]


def made(seed=0, *, n_blocks=12, n_subjects=3, gain=0.2, shared=1.0):
    """Two scores of each row; blocks move both for all people, the difference by ``shared``."""
    rng = np.random.default_rng(seed)
    block = np.tile(np.repeat(np.arange(n_blocks), 4), n_subjects)
    subject = np.repeat([f"s{i}" for i in range(n_subjects)], 4 * n_blocks)
    common = rng.standard_normal(n_blocks)[block] * shared
    other = rng.standard_normal(len(block)) + 3 * rng.standard_normal(n_blocks)[block]
    return np.stack([other + gain + common + rng.standard_normal(len(block)), other], 1), subject, block


def test_it_is_the_loop_over_draws():
    values, subject, block = made()
    kept = ~((subject == "s1") & (block > 5))  # one person heard half
    values, subject, block = values[kept], subject[kept], block[kept]
    found = resampled(values, subject, block, n_draws=40, seed=7)
    weight = np.random.default_rng(7).multinomial(12, np.full(12, 1 / 12), size=40)
    for draw, own in zip(found.draws, weight, strict=True):
        people = []
        for who in ("s0", "s1", "s2"):
            rows = [row for row in np.flatnonzero(subject == who) for _ in range(own[block[row]])]
            if rows:
                people.append(values[rows].mean(0))
        np.testing.assert_allclose(draw, np.mean(people, 0))
    np.testing.assert_allclose(found.mean, np.mean([values[subject == f"s{i}"].mean(0) for i in range(3)], 0))
    np.testing.assert_array_equal(found.draws, resampled(values, subject, block, n_draws=40, seed=7).draws)


def test_pairs_stay_together():
    """What moves both scores alike does not widen the interval of their difference."""
    values, subject, block = made(shared=0.0)
    low, high = resampled(values, subject, block).interval(first_minus_second)[1:]
    assert high - low < 0.8
    apart = resampled(np.stack([values[:, 0], np.roll(values[:, 1], 4)], 1), subject, block)
    assert np.subtract(*apart.interval(first_minus_second)[:0:-1]) > 2 * (high - low)


def test_without_spread_equal_blocks_say_how_sure_it_is():
    for n_blocks, certain in ((5, False), (6, True)):
        values = np.tile([1.0, 0.0], (n_blocks, 1))
        found = resampled(values, np.zeros(n_blocks), np.arange(n_blocks))
        mean, low, high = found.interval(first_minus_second, bounds=(-1.0, 1.0))
        assert (mean, high, low > 0) == (1.0, 1.0, certain)  # a sign test of 5 has p = .06
    assert found.interval(first_minus_second) == (1.0, None, None)
    one = resampled(values, np.zeros(n_blocks), np.zeros(n_blocks))
    assert one.interval(first_minus_second, bounds=(-1.0, 1.0)) == (1.0, None, None)


def test_a_ratio_that_is_not_defined_has_no_interval():
    values, subject, block = made()
    values[:, 1] = 0
    with np.errstate(divide="ignore"):
        assert resampled(values, subject, block).interval(lambda m: m[..., 0] / m[..., 1])[1:] == (None, None)


@pytest.mark.parametrize("change", ["nan", "shape", "none"])
def test_what_does_not_fit_is_refused(change):
    values, subject, block = made()
    if change == "nan":
        values[3, 1] = np.nan
    elif change == "shape":
        block = block[1:]
    else:
        values, subject, block = values[:0], subject[:0], block[:0]
    with pytest.raises(ValueError, match="not finite" if change == "nan" else "do not fit"):
        resampled(values, subject, block)


@pytest.mark.nightly
@pytest.mark.parametrize("n_blocks", [8, 20])
def test_the_interval_holds_the_truth(n_blocks):
    """95%, over segments: the errors of all people at one segment are alike."""
    held = 0
    for seed in range(600):
        values, subject, block = made(seed, n_blocks=n_blocks, gain=0.2)
        _, low, high = resampled(values, subject, block, seed=seed).interval(first_minus_second)
        held += low <= 0.2 <= high
    assert 0.925 <= held / 600 <= 0.98
