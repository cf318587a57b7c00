"""The Fréchet distance against scipy's matrix root, closed forms of Gaussians, and what it must refuse."""

import warnings

import numpy as np
import pytest
from scipy import linalg

from n2s.metrics import frechet_distance


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def by_matrix_root(a: np.ndarray, b: np.ndarray) -> float:
    """The definition."""
    covariances = [np.cov(values, rowvar=False) for values in (a, b)]
    root = linalg.sqrtm(covariances[0] @ covariances[1])
    mean = a.mean(0) - b.mean(0)
    return float(mean @ mean + np.trace(covariances[0] + covariances[1]) - 2 * np.trace(root).real)


def correlated(rng, n: int, d: int, shift: float) -> np.ndarray:
    return rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) / np.sqrt(d) + shift


@pytest.mark.parametrize(("n", "m", "d"), [(200, 200, 16), (60, 90, 30), (40, 40, 40), (20, 20, 20)])
@pytest.mark.filterwarnings("ignore:Fréchet distance of")
def test_as_the_matrix_root(n, m, d, rng):
    a, b = correlated(rng, n, d, 0.0), correlated(rng, m, d, 0.3)
    assert frechet_distance(a, b) == pytest.approx(by_matrix_root(a, b), rel=1e-6)


@pytest.mark.parametrize("d", [64, 300])
def test_fewer_rows_than_dimensions(d, rng):
    """Where sqrtm is ill-conditioned: the root by eigenvalues of S_a^1/2 S_b S_a^1/2, which is symmetric."""
    a, b = correlated(rng, 25, d, 0.0), correlated(rng, 25, d, 0.1)
    values, vectors = np.linalg.eigh(np.cov(a, rowvar=False))
    half = vectors * np.sqrt(values.clip(0)) @ vectors.T
    inner = np.linalg.eigvalsh(half @ np.cov(b, rowvar=False) @ half)
    mean = a.mean(0) - b.mean(0)
    expected = mean @ mean + a.var(0, ddof=1).sum() + b.var(0, ddof=1).sum() - 2 * np.sqrt(inner.clip(0)).sum()
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-5)


def test_closed_forms(rng):
    a = rng.normal(size=(50, 200))
    shift = rng.normal(size=200)
    assert frechet_distance(a, a + shift) == pytest.approx(shift @ shift)  # the same covariance: the means alone
    assert frechet_distance(3 * a, a + 0) == pytest.approx(
        4 * np.square(a.mean(0)).sum() + 4 * a.var(0, ddof=1).sum()  # (3 - 1)^2
    )
    x, y = rng.normal(2, 3, size=(40, 1)), rng.normal(-1, 0.5, size=(40, 1))
    scalar = (x.mean() - y.mean()) ** 2 + (x.std(ddof=1) - y.std(ddof=1)) ** 2
    assert frechet_distance(x, y) == pytest.approx(scalar)
    assert 0 <= frechet_distance(a, a) < 1e-9
    assert frechet_distance(a, a[::-1]) == pytest.approx(0, abs=1e-9)  # sets: no order, no pairs


def test_far_from_the_origin_nothing_cancels(rng):
    a, b = correlated(rng, 30, 50, 0.0), correlated(rng, 30, 50, 0.2)
    assert frechet_distance(a + 1e4, b + 1e4) == pytest.approx(frechet_distance(a, b), rel=1e-9)
    single = frechet_distance(a.astype(np.float32), b.astype(np.float32))
    assert single == pytest.approx(frechet_distance(a, b), rel=1e-5)


def test_it_falls_as_rows_are_added_and_says_so(rng):
    few, many = (frechet_distance(rng.normal(size=(n, 64)), rng.normal(size=(n, 64))) for n in (50, 500))
    assert few > 5 * many  # one distribution: the true distance is 0
    with pytest.warns(UserWarning, match="of 50 and 40 rows: it falls as rows are added"):
        frechet_distance(rng.normal(size=(50, 4)), rng.normal(size=(40, 4)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        frechet_distance(rng.normal(size=(50, 4)), rng.normal(size=(50, 4)))


def test_what_it_refuses(rng):
    good, holed = rng.normal(size=(5, 3)), rng.normal(size=(5, 3))
    holed[3, 1] = np.nan
    with pytest.raises(ValueError, match="b: 1 of 5 rows hold NaN or infinity; the first is row 3"):
        frechet_distance(good, holed)
    with pytest.raises(ValueError, match=r"a has shape \(1, 3\).*2 or more"):
        frechet_distance(good[:1], good)
    with pytest.raises(ValueError, match=r"b has shape \(5,\)"):
        frechet_distance(good, good[:, 0])
    with pytest.raises(ValueError, match="a has vectors of 3 numbers, b of 2"):
        frechet_distance(good, good[:, :2])
