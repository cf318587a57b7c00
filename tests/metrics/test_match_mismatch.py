"""Windows told apart: naive loops, chance on noise, repeats that are no mismatch."""

import numpy as np
import pytest

from n2s.metrics.match_mismatch import match_windows


def noisy(n=12, d=20, noise=2.0, seed=0):
    rng = np.random.default_rng(seed)
    true = rng.normal(size=(n, d))
    return true + noise * rng.normal(size=(n, d)), true


def r(x, y):
    return np.corrcoef(x, y)[0, 1]


def test_it_is_a_loop_over_windows():
    predicted, true = noisy()
    found = match_windows(predicted, true)
    for i in range(12):
        own = r(predicted[i], true[i])
        others = [r(predicted[i], true[j]) for j in range(12) if j != i]
        assert found.correct[i] == pytest.approx(np.mean([one < own for one in others]))
        assert found.ranks[i] == sum(one > own for one in others)
    assert found.chance(3) == 0.25 and found.top(3).mean() > 0.5
    assert found.null_correct.shape == (11,)
    turned = [np.mean([r(predicted[i], true[(i + 1) % 12]) > r(predicted[i], true[j]) for j in range(12) if j != (i + 1) % 12]) for i in range(12)]  # fmt: skip
    assert found.null_correct[0] == pytest.approx(np.mean(turned))


def test_noise_is_at_chance():
    found = [match_windows(*(np.random.default_rng([k, s]).normal(size=(30, 9)) for k in (0, 1))) for s in range(400)]
    assert np.mean([one.correct.mean() for one in found]) == pytest.approx(0.5, abs=0.01)
    above = [(1 + (one.null_correct >= one.correct.mean()).sum()) / (1 + len(one.null_correct)) < 0.1 for one in found]
    assert np.mean(above) < 0.2


def test_a_repeat_is_no_mismatch():
    predicted, true = noisy(6)
    predicted, true = np.tile(predicted, (2, 1)), np.tile(true, (2, 1))
    same = np.arange(12)[:, None] % 6 == np.arange(12) % 6
    found = match_windows(predicted, true, same)
    assert (found.n_candidates == 6).all()  # moments, not presentations
    np.testing.assert_allclose(found.correct, np.tile(match_windows(predicted[:6], true[:6]).correct, 2))
    assert len(found.turned) == 10  # the sixth turn puts every window on its repeat


@pytest.mark.parametrize("moved", [True, False])
def test_the_null_of_repeats_is_at_chance(moved):
    """A window's repeat plays the same moment in the moved truth, too: it is no mismatch there either."""
    rng, (w, d, r) = np.random.default_rng(1), (8, 40, 3)
    same, null, first = np.arange(w * r)[:, None] % w == np.arange(w * r) % w, [], []
    for _ in range(40):
        true, predicted = np.tile(rng.normal(size=(w * d, 1)), (r, 1)), rng.normal(size=(w * r, d))
        turns = [(np.roll(true, turn * d, 0).reshape(-1, d), same) for turn in range(1, w * r, 2)]
        found = match_windows(predicted, true.reshape(-1, d), same, moved=turns if moved else None)
        null.append(found.null_correct.mean())
        first.append(found.null_top(1).mean())
    assert np.mean(null) == pytest.approx(0.5, abs=0.01)  # .42 where ties with repeats count as errors
    assert np.mean(first) == pytest.approx(found.chance(1), abs=0.01)  # 0 there
    assert found.chance(1) == 1 / w


def test_bad_shapes():
    with pytest.raises(ValueError, match="one shape"):
        match_windows(np.zeros((3, 2)), np.zeros((3, 3)))
    with pytest.raises(ValueError, match="no other"):
        match_windows(np.ones((2, 3)), np.ones((2, 3)), np.ones((2, 2), bool))
