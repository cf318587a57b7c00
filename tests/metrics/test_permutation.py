"""Within-subject significance: naive references, autocorrelated noise, and what has no p."""

import numpy as np
import pytest
from scipy.signal import lfilter

from n2s.metrics.correlation import column_correlation
from n2s.metrics.permutation import block_permutation, phase_randomised


def noise(rng, n, v, ar=0.0):
    return lfilter([1.0], [1.0, -ar], rng.normal(size=(n + 100, v)), axis=0)[100:]


def naive_blocks(predicted, true, rows, n_permutations, seed):
    orders = np.random.default_rng(seed).permuted(np.tile(np.arange(len(rows)), (n_permutations, 1)), axis=1)
    kept = rows.ravel()
    return np.stack([column_correlation(predicted[rows[order].ravel()], true[kept]) for order in orders])


def stretches(starts, length):
    """(blocks, rows)."""
    return np.asarray(starts)[:, None] + np.arange(length)


@pytest.mark.parametrize(("run", "rows"), [
    (None, stretches(range(0, 120, 10), 10)),
    (np.repeat([3, 1, 2], [40, 60, 24]), stretches(range(0, 120, 10), 10)),
    (np.repeat(np.arange(31), 4), stretches(range(0, 124, 4), 4)),  # whole runs, shorter than a block
    (np.repeat(np.arange(7), [17] * 6 + [22]), stretches(range(0, 119, 17), 17)),  # ten of 17 would leave 44 rows out
    (np.repeat([0, 1], [57, 67]), stretches([*range(0, 55, 11), *range(57, 123, 11)], 11)),  # not 5 or 6 of 19 to 22 rows: few orders
    (np.repeat(np.arange(53), [20] + [2] * 52), stretches(range(0, 120, 10), 10)),  # most rows lie in no block: across borders
])  # fmt: skip
def test_blocks_are_those_of_a_naive_loop(run, rows):
    rng = np.random.default_rng(0)
    true = noise(rng, 124, 5)
    predicted = true * [0.0, 0.2, 0.5, 1.0, -1.0] + noise(rng, 124, 5)
    found = block_permutation(predicted, true, block_rows=10, run=run, n_permutations=50, seed=4)
    null = naive_blocks(predicted, true, rows, 50, 4)
    r = column_correlation(predicted[rows.ravel()], true[rows.ravel()])
    np.testing.assert_allclose(found.r, r, atol=1e-6)
    np.testing.assert_allclose(found.most, null.max(1), atol=1e-6)
    np.testing.assert_allclose(found.p, (1 + (null >= r - 1e-6).sum(0)) / 51)
    np.testing.assert_allclose(found.p_corrected, [(1 + (null.max(1) >= one - 1e-6).sum()) / 51 for one in r])


@pytest.mark.parametrize("lengths", [[100], [64, 37], [50, 51, 20]])
def test_random_phases_keep_each_runs_spectrum(lengths):
    rng = np.random.default_rng(1)
    n = sum(lengths)
    run = np.repeat(np.arange(len(lengths)), lengths)
    true, predicted = noise(rng, n, 3, 0.5), noise(rng, n, 3, 0.5)
    found = phase_randomised(predicted, true, run=run, n_permutations=20, seed=2)
    rng = np.random.default_rng(2)
    turns = [rng.uniform(0, 2 * np.pi, (20, (one - 1) // 2)) for one in lengths]
    means = [true[run == i] - true[run == i].mean(0) for i in range(len(lengths))]
    null = []
    for draw in range(20):
        parts = []
        for i, one in enumerate(lengths):
            own = predicted[run == i] - predicted[run == i].mean(0)
            spectrum = np.fft.rfft(own, axis=0)
            spectrum[1 : 1 + (one - 1) // 2] *= np.exp(1j * turns[i][draw])[:, None]
            parts.append(np.fft.irfft(spectrum, one, axis=0))
            np.testing.assert_allclose(
                np.abs(np.fft.rfft(parts[-1], axis=0)), np.abs(np.fft.rfft(own, axis=0)), atol=1e-9
            )
        null.append(column_correlation(np.concatenate(parts), np.concatenate(means)))
    np.testing.assert_allclose(found.most, np.max(null, 1), atol=1e-5)


def test_rows_of_interleaved_runs_are_those_of_sorted_ones():
    rng = np.random.default_rng(2)
    true, predicted, run = noise(rng, 80, 2), noise(rng, 80, 2), np.tile([0, 1], 40)
    order = np.argsort(run, kind="stable")
    one = phase_randomised(predicted, true, run=run, n_permutations=30)
    other = phase_randomised(predicted[order], true[order], run=run[order], n_permutations=30)
    np.testing.assert_allclose(one.most, other.most, atol=1e-6)


@pytest.mark.parametrize("test", [block_permutation, phase_randomised])
def test_a_true_prediction_has_the_smallest_p_and_a_constant_target_none(test):
    rng = np.random.default_rng(3)
    true = noise(rng, 200, 3)
    true[:, 2] = 1.0
    options = {"block_rows": 5} if test is block_permutation else {}
    found = test(true + 0.0, true, n_permutations=99, **options)
    assert found.p[0] == found.p[1] == 0.01
    assert np.isnan(found.p[2]) and np.isnan(found.r[2]) and np.isnan(found.p_corrected[2])


def test_targets_in_parts_are_targets_at_once(monkeypatch):
    rng = np.random.default_rng(4)
    true, predicted = noise(rng, 60, 40), noise(rng, 60, 40)
    whole = [block_permutation(predicted, true, block_rows=5), phase_randomised(predicted, true)]
    monkeypatch.setattr("n2s.metrics.permutation.BLOCK_NUMBERS", 7000)
    parts = [block_permutation(predicted, true, block_rows=5), phase_randomised(predicted, true)]
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(one.p, other.p)
        np.testing.assert_allclose(one.most, other.most, atol=1e-6)


def test_too_few_rows_have_no_p():
    rng = np.random.default_rng(5)
    true = noise(rng, 39, 2)
    assert np.isnan(block_permutation(true, true, block_rows=10).p).all()
    assert np.isnan(phase_randomised(true[:8], true[:8]).p).all()


def test_values_that_are_not_finite_and_other_shapes_are_refused():
    rng = np.random.default_rng(6)
    true = noise(rng, 50, 2)
    bad = true.copy()
    bad[3, 1] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        block_permutation(bad, true, block_rows=5)
    with pytest.raises(ValueError, match="one shape"):
        phase_randomised(true[:, :1], true)
    with pytest.raises(ValueError, match="block_rows"):
        block_permutation(true, true, block_rows=0)


def test_autocorrelated_noise_is_at_its_nominal_rate_and_parametric_p_is_not():
    from scipy.stats import pearsonr

    rng = np.random.default_rng(7)
    true, predicted = noise(rng, 400, 1500, 0.8), noise(rng, 400, 1500, 0.8)
    blocks = block_permutation(predicted, true, block_rows=20, n_permutations=199)
    phases = phase_randomised(predicted, true, n_permutations=199)
    parametric = pearsonr(predicted, true, axis=0, alternative="greater").pvalue
    error = 3 * np.sqrt(0.05 * 0.95 / 1500)  # .017
    assert abs((phases.p < 0.0501).mean() - 0.05) < error
    assert (blocks.p < 0.0501).mean() < 0.05 + 2 * error  # seams of blocks cost a little
    assert (parametric < 0.05).mean() > 0.15


@pytest.mark.parametrize("length", [4, 17])
def test_runs_that_blocks_do_not_fill_are_at_the_nominal_rate(length):
    rng = np.random.default_rng(1)
    runs = 204 // length
    true, predicted = (
        [one - one.mean(0) for _ in range(runs) for one in [noise(rng, length, 2000, 0.8)]] for _ in "ab"
    )
    run = np.repeat(np.arange(runs), length)
    found = block_permutation(
        np.concatenate(predicted), np.concatenate(true), block_rows=10, run=run, n_permutations=99
    )
    assert abs((found.p < 0.0501).mean() - 0.05) < 3 * np.sqrt(0.05 * 0.95 / 2000)  # .015


def test_runs_without_a_phase_to_draw_have_no_p():
    """All draws would be the predictions themselves."""
    rng = np.random.default_rng(0)
    true = rng.normal(size=(40, 3))
    run = np.arange(40) // 2
    assert np.isnan(phase_randomised(true, true, run=run).p).all()
    assert np.isfinite(phase_randomised(true, true, run=np.arange(40) // 4).p).all()
