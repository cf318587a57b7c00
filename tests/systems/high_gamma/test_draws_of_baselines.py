"""r and p of a baseline that is drawn several times: both are of the mean over draws, whichever comes first."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from n2s.metrics.correlation import column_correlation
from n2s.systems.high_gamma.rows import Fit, Row
from n2s.systems.high_gamma.scoring import Null, over_draws, subject_scores

N, RATE_HZ, BLOCK_S = 240, 20.0, 1.0
RNG = np.random.default_rng(0)
TRUE = RNG.standard_normal((N, 4)).astype(np.float32)
# the first draw is near the truth, the others are not: of four electrodes with more and less noise; amplitudes of no importance
NEAR = TRUE + np.array([2.0, 4.0, 8.0, 1.0]) * RNG.standard_normal((N, 4))
DRAWS = [NEAR, 30 * RNG.standard_normal((N, 4)), 0.1 * RNG.standard_normal((N, 4))]


class Held:
    """Held-out rows of two runs, and the predictions of each draw as given."""

    subject, rate_hz = "s/1", {"s/1": RATE_HZ}
    true = recorded = TRUE
    rows, part, folds = np.arange(N), np.repeat([0, 1], N // 2), ("one",)

    def __init__(self, draws):
        self.draws = draws
        measured = SimpleNamespace(names=np.array(list("abcd")), contacts_mm=None)
        table = pd.DataFrame({"time_s": np.arange(N) / RATE_HZ})
        self.data = SimpleNamespace(measured=lambda _: measured, rows=lambda _: table, rate_hz=self.rate_hz)

    def by_fold(self, fit):
        return [self.draws[fit.draw - 1].astype(np.float32)]

    def joined(self, parts):
        return parts[0]

    levelled = joined

    def in_unit(self, parts):
        return parts[0]

    def means(self):
        return np.zeros((N, 4), np.float32)


def electrodes(draws, null_by="block", n=3000):
    fits = tuple(Fit(("words",), "ridge", "permuted", draw + 1) for draw in range(len(draws)))
    row = Row("permuted", "permuted words", "control", fits)
    return subject_scores(Held(draws), [row], Null(null_by, BLOCK_S, n, 0, 0)).electrodes


def by_hand(draws, n, seed=5):
    """The p of the mean r, by permutations of blocks one after the other."""
    blocks = np.arange(N).reshape(-1, round(BLOCK_S * RATE_HZ))

    def mean_r(rows):
        return np.mean([column_correlation(one, TRUE[rows]) for one in draws], 0)

    rng = np.random.default_rng(seed)
    null = np.array([mean_r(blocks[rng.permutation(len(blocks))].ravel()) for _ in range(n)])
    return (1 + (null >= mean_r(np.arange(N))).sum(0)) / (1 + n)


@pytest.mark.slow
def test_p_is_that_of_the_mean_over_draws():
    found, n = electrodes(DRAWS), 3000
    r = np.array([column_correlation(one, TRUE) for one in DRAWS])
    np.testing.assert_allclose(found["r:permuted"], r.mean(0), atol=1e-6)
    expected, first = by_hand(DRAWS, n), by_hand(DRAWS[:1], n)
    error = 4 * np.sqrt(2 * expected * (1 - expected) / n) + 1 / n
    assert (np.abs(found["p:permuted"] - expected) < error).all()
    assert (np.abs(first - expected) > error).any()  # one draw has another p
    np.testing.assert_allclose(electrodes(DRAWS[:1])["p:permuted"], first, atol=0.04)


@pytest.mark.parametrize("null_by", ["block", "phase"])
def test_the_order_of_draws_does_not_matter(null_by):
    found, other = (electrodes(draws, null_by, 200) for draws in (DRAWS, DRAWS[::-1]))
    for column in ("r:permuted", "p:permuted", "q:permuted"):
        np.testing.assert_allclose(found[column], other[column], atol=1e-6)


def test_p_is_even_where_no_draw_knows_anything():
    """Draws that resemble each other, as permuted words do: what they share is what is tested."""
    rng, found = np.random.default_rng(1), []
    for _ in range(40):
        shared = rng.standard_normal((N, 4))
        found.append(electrodes([shared + rng.standard_normal((N, 4)) for _ in range(3)], n=99)["p:permuted"])
    p = np.concatenate(found)
    assert 0.42 < p.mean() < 0.58 and 0.02 < (p <= 0.1).mean() < 0.18


def test_a_draw_that_predicts_a_constant_has_found_nothing():
    still = np.array(DRAWS[0])
    still[:, 1] = 3.0
    found = electrodes([still, DRAWS[0]], n=50)
    half, alone = found["r:permuted"][1], column_correlation(DRAWS[0], TRUE)[1]
    assert half == pytest.approx(alone / 2, abs=1e-6) and found["p:permuted"].notna().all()
    none = electrodes([still, still], n=50)
    assert none["r:permuted"].isna().tolist() == none["p:permuted"].isna().tolist() == [False, True, False, False]
    np.testing.assert_array_equal(over_draws([np.array([0.4, np.nan]), np.array([np.nan, np.nan])]), [0.2, np.nan])
