"""Signals that reach sensors are found; those that are slow, alike to themselves and independent are not; mains are left out."""

import numpy as np
import scipy.signal
from scipy import stats

from n2s.metrics.same_moment import band_limited, same_moment


def slow(rng: np.random.Generator, n: int, columns: int, ar: float = 0.95) -> np.ndarray:
    """(n, columns) Independent courses, each like itself."""
    return scipy.signal.lfilter([1.0], [1.0, -ar], rng.standard_normal((n + 200, columns)), axis=0)[200:]


def test_a_leak_is_found_in_its_sensor():
    rng = np.random.default_rng(0)
    side = [slow(rng, 2000, 2) for _ in range(3)]
    brain = [slow(rng, 2000, 5) for _ in range(3)]
    for b, s in zip(brain, side, strict=True):
        b[:, 3] += 0.4 * s[:, 1]
    found = same_moment(brain, side, least_shift=150)
    assert found.p[3] == found.p_whole <= 1 / 300 + 1e-9
    assert (np.delete(found.p, 3) > 0.05).all()
    naive = np.mean(
        [
            np.corrcoef(scipy.signal.detrend(b[:, 3]), scipy.signal.detrend(s[:, 1]))[0, 1]
            for b, s in zip(brain, side, strict=True)
        ]
    )
    np.testing.assert_allclose(found.r[3, 1], naive, atol=1e-5)


def test_independent_slow_signals_give_uniform_p():
    p = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        p.append(
            same_moment([slow(rng, 1500, 2)], [slow(rng, 1500, 2)], least_shift=100, n_draws=99, seed=seed).p_whole
        )
    assert stats.kstest(p, "uniform").pvalue > 0.01
    assert np.mean(np.array(p) <= 0.05) < 0.09


def joined(rng: np.random.Generator, columns: int, n_pieces: int = 40, n: int = 25) -> np.ndarray:
    """Pieces that are larger at their ends, as those that are filtered alone."""
    size = 1 + 2 * np.abs(np.linspace(-1, 1, n)) ** 3
    return (rng.standard_normal((n_pieces, n, columns)) * size[:, None]).reshape(-1, columns)


def test_pieces_that_are_alike_at_their_ends_are_no_leak():
    p, moved = [], []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        both = [joined(rng, 3)], [joined(rng, 2)]
        p.append(same_moment(*both, piece=25, n_draws=99, seed=seed).p_whole)
        moved.append(same_moment(*both, least_shift=100, n_draws=99, seed=seed).p_whole)
    assert stats.kstest(p, "uniform").pvalue > 0.01 and np.mean(np.array(p) <= 0.05) < 0.09
    assert np.mean(moved) < np.mean(p) - 0.05  # parts of a piece: ends lie beside the middle
    side = joined(np.random.default_rng(9), 1)
    assert same_moment([joined(np.random.default_rng(8), 3) + 0.5 * side], [side], piece=25).p_whole < 0.01


def test_a_later_answer_is_no_leak():
    rng = np.random.default_rng(1)
    side = rng.standard_normal((4000, 1))
    brain = np.roll(side, 50, axis=0) + rng.standard_normal((4000, 1))
    assert same_moment([brain], [side], least_shift=200).p_whole > 0.05


def test_bands_and_mains():
    t = np.arange(5000) / 500.0
    tones = {hz: np.sin(2 * np.pi * hz * t) for hz in (5, 50, 70, 120, 150, 170)}
    found = band_limited(sum(tones.values())[:, None], 500.0, 40.0, 225.0, mains=True)[:, 0]
    left = {hz: 2 * np.mean(found * tone) for hz, tone in tones.items()}
    assert all(abs(left[hz] - (hz in (70, 170))) < 0.03 for hz in tones)


def test_constant_and_short_signals_are_not_tested():
    rng = np.random.default_rng(2)
    found = same_moment([slow(rng, 500, 2)], [np.ones((500, 1))], least_shift=50, n_draws=49)
    assert found.p_whole == 1.0
    assert np.isnan(same_moment([slow(rng, 100, 2)], [slow(rng, 100, 1)], least_shift=50).p_whole)
