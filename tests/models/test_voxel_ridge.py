"""`VoxelRidge` against the naive loop over dimensions, the fastl2lir package, and what leaks would do."""

import numpy as np
import pytest
import torch

from n2s.errors import UserError
from n2s.models.ridge import VoxelRidge
from n2s.models.voxel_ridge import _all_voxels, _one_gram, _own_equations, correlations


def data(n=80, v=40, d=7, dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, v))
    x = (x - x.mean(0)) / x.std(0, ddof=1)
    y = x @ rng.standard_normal((v, d)) + 3 * rng.standard_normal((n, d))
    return x.astype(dtype), ((y - y.mean(0)) / y.std(0, ddof=1)).astype(dtype)


def naive(x, y, n_voxels, alpha):
    """One dimension at a time, by the definition."""
    coefficients, bias = np.zeros((x.shape[1], y.shape[1])), np.zeros(y.shape[1])
    for j in range(y.shape[1]):
        r = np.nan_to_num(
            [abs(np.corrcoef(x[:, i], y[:, j])[0, 1]) if x[:, i].var() > 1e-8 else 0 for i in range(x.shape[1])]
        )
        chosen = np.argsort(-r)[:n_voxels] if n_voxels else np.arange(x.shape[1])
        a = np.column_stack([x[:, chosen], np.ones(len(x))])
        w = np.linalg.solve(a.T @ a + alpha * np.eye(a.shape[1]), a.T @ y[:, j])
        coefficients[chosen, j], bias[j] = w[:-1], w[-1]
    return coefficients, bias


@pytest.mark.parametrize("n_voxels", [5, 0, 40, 1000])
@pytest.mark.parametrize("n", [80, 30, 4])  # more samples than voxels, fewer, fewer than are chosen
def test_equals_the_naive_loop(n, n_voxels):
    x, y = data(n)
    y = y + 0.7  # a bias to penalise
    coefficients, bias = naive(x, y, min(n_voxels, 40), 10.0)
    ridge = VoxelRidge(n_voxels, alpha=10.0).fit(x, y)
    assert np.abs(ridge.coef_.numpy() - coefficients).max() < 1e-8
    assert np.abs(ridge.intercept_.numpy() - bias).max() < 1e-8
    assert np.allclose(ridge.predict(x), x @ coefficients + bias)
    assert (ridge.coef_ != 0).sum(0).tolist() == [min(n_voxels, 40) or 40] * 7


def test_equals_the_reference_package():
    fastl2lir = pytest.importorskip("fastl2lir", reason="the reference is not installed: pip install fastl2lir")
    x, y = data(200, 150, 20)
    reference = fastl2lir.FastL2LiR()
    reference.fit(x, y, alpha=100.0, n_feat=50)
    ridge = VoxelRidge(50, 100.0).fit(x, y)
    assert np.abs(ridge.coef_.numpy() - reference.W).max() < 1e-8
    assert np.abs(ridge.intercept_.numpy() - reference.b.ravel()).max() < 1e-8


@pytest.mark.parametrize("n", [80, 4])
def test_every_way_to_solve_gives_the_same(n):
    x, y = (torch.from_numpy(values) for values in data(n))
    chosen = correlations(x, y).abs().topk(6, dim=0).indices.T.sort(1).values
    weights, bias = _own_equations(x, y, chosen, 3.0)
    for found in _one_gram(x, y, chosen, 3.0):
        assert torch.allclose(found, weights if found.ndim == 2 else bias, atol=1e-9)
    everything = torch.arange(40).expand(7, -1)
    own, _ = _own_equations(x, y, everything, 3.0)
    assert torch.allclose(_all_voxels(x, y, 3.0)[0], own.T, atol=1e-9)


def test_float32_is_float32_and_close():
    x, y = data(400, 300, 12, np.float32)
    ridge = VoxelRidge(100).fit(x, y)
    exact = VoxelRidge(100).fit(x.astype(np.float64), y.astype(np.float64))
    assert ridge.coef_.dtype == torch.float32
    assert (
        torch.corrcoef(
            torch.stack(
                [
                    torch.from_numpy(ridge.predict(x)).flatten().double(),
                    torch.from_numpy(exact.predict(x.astype(float))).flatten(),
                ]
            )
        )[0, 1]
        > 0.99999
    )


def test_a_constant_voxel_is_never_chosen():
    x, y = data()
    x[:, 3] = 0.0
    ridge = VoxelRidge(39).fit(x, y)
    assert 3 not in ridge.selected_


def test_out_of_fold_has_not_seen_the_group():
    """Noise: what was trained on is predicted well, its own out-of-fold prediction is at chance; repeats stay together."""
    rng = np.random.default_rng(1)
    x = np.repeat(rng.standard_normal((50, 200)), 2, 0) + 0.01 * rng.standard_normal((100, 200))
    y = np.repeat(rng.standard_normal((50, 5)), 2, 0)
    ridge = VoxelRidge(60, 1.0).fit(x, y)
    honest = ridge.out_of_fold(x, y, groups=np.repeat(np.arange(50), 2))
    leaky = ridge.out_of_fold(x, y, groups=np.arange(100))

    def r(predicted):
        return np.corrcoef(np.asarray(predicted).ravel(), y.ravel())[0, 1]

    assert r(ridge.predict(x)) > 0.9
    assert abs(r(honest)) < 0.2
    assert VoxelRidge(60, 1.0, n_folds=2).fit(x, y).out_of_fold(x, y, np.arange(100) % 2).shape == (100, 5)
    assert r(leaky) > 0.3 or r(leaky) > r(honest) + 0.2


def test_alpha_by_cross_validation():
    x, y = data(60, 50, 4, seed=2)
    groups = np.arange(60) // 3
    tried = (1e-3, 30.0, 1e6)
    ridge = VoxelRidge(0, tried).fit(x, y, groups)
    by_hand = []
    for alpha in tried:
        predicted = np.zeros_like(y)
        for fold in range(5):
            out = (groups % 5) == fold
            w, b = naive(x[~out], y[~out], 0, alpha)
            predicted[out] = x[out] @ w + b
        by_hand.append(np.mean([np.corrcoef(predicted[:, j], y[:, j])[0, 1] for j in range(4)]))
    assert ridge.alpha_ == tried[int(np.argmax(by_hand))]


def test_strongest():
    x, y = data()
    ridge = VoxelRidge(5).fit(x, y)
    assert ridge.strongest(3).tolist() == np.argsort(-np.linalg.norm(ridge.coef_.numpy(), axis=1))[:3].tolist()
    with pytest.raises(UserError, match="41 voxels are wanted of 40"):
        ridge.strongest(41)


@pytest.mark.parametrize(
    ("x", "y", "said"),
    [
        (np.ones((3, 2)), np.ones((4, 1)), r"X has 3 rows, Y is \(4, 1\)"),
        (np.full((3, 2), np.nan), np.ones((3, 1)), r"in 2 columns \(voxel \[0, 1\]\)"),
        (torch.ones((3, 2), dtype=int), np.ones((3, 1)), "int64"),
    ],
)
def test_bad_input(x, y, said):
    with pytest.raises(UserError, match=said):
        VoxelRidge().fit(x, y)
    with pytest.raises(UserError, match="needs groups"):
        VoxelRidge(alpha=[1, 2]).fit(np.random.default_rng(0).standard_normal((5, 2)), np.ones((5, 1)))
