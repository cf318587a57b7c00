"""EncodingRidge against himalaya, scikit-learn, and a loop written from the text of its conventions."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score

from n2s.errors import UserError
from n2s.models import EncodingRidge, by_target
from n2s.models.fold_operators import Rows
from n2s.models.folds import dealt_folds

ALPHAS = np.logspace(-2, 5, 8)


def made(n: int, p: int, v: int, dtype: type = np.float64, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows with a mean, targets with a mean and from noisy to clear, groups that lie in several stretches."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, p)) + 2
    y = x @ rng.standard_normal((p, v)) + np.linspace(0.5, 30, v) * rng.standard_normal((n, v)) + 10
    groups = np.array([f"run {name}" for name in (np.arange(n) // 3) % 13])
    return x.astype(dtype), y.astype(dtype), groups


def scores(x, y, groups, alphas, n_folds):
    """The conventions, line by line."""
    names = list(dict.fromkeys(groups))
    fold = np.array([names.index(name) % n_folds for name in groups])
    found = np.zeros((len(alphas), y.shape[1]))
    for row, alpha in zip(found, alphas, strict=True):
        for k in range(n_folds):
            x0, y0, x1, y1 = x[fold != k], y[fold != k], x[fold == k], y[fold == k]
            left = x0 - x0.mean(0)
            weights = np.linalg.solve(left.T @ left + alpha * np.eye(x.shape[1]), left.T @ (y0 - y0.mean(0)))
            error = y1 - y0.mean(0) - (x1 - x0.mean(0)) @ weights
            row += (1 - (error**2).sum(0) / ((y1 - y1.mean(0)) ** 2).sum(0)) / n_folds
    return found


@pytest.mark.parametrize(
    ("n", "p", "v"), [(60, 20, 7), (60, 100, 7), (60, 55, 7), (60, 48, 3), (60, 1, 1), (41, 41, 1), (400, 15, 7)]
)
@pytest.mark.parametrize(("dtype", "near"), [(np.float64, 1e-9), (np.float32, 1e-3)])
def test_the_conventions_line_by_line(n, p, v, dtype, near):
    x, y, groups = made(n, p, v, dtype)
    ridge = EncodingRidge(ALPHAS).fit(x, y, groups)
    expected = scores(x.astype(float), y.astype(float), groups, ALPHAS, 5)
    np.testing.assert_allclose(ridge.cv_scores_, expected, atol=near)
    chosen = ALPHAS[expected.argmax(0)]
    np.testing.assert_allclose(ridge.alpha_, chosen, rtol=1e-6)
    exact = Ridge(alpha=chosen).fit(x.astype(float), y.astype(float))
    np.testing.assert_allclose(ridge.coef_, exact.coef_.reshape(v, p).T, atol=near)
    np.testing.assert_allclose(ridge.intercept_, exact.intercept_, rtol=near)
    np.testing.assert_allclose(ridge.predict(x), exact.predict(x).reshape(n, v), rtol=near, atol=near)
    assert all(values.dtype == torch.as_tensor(x).dtype for values in (ridge.coef_, ridge.alpha_))
    assert ridge.predict(x).dtype == x.dtype


@pytest.mark.parametrize("p", [30, 90])
def test_the_numbers_of_himalaya(p):
    from himalaya.backend import set_backend
    from himalaya.kernel_ridge import KernelRidgeCV
    from himalaya.scoring import r2_score
    from sklearn.model_selection import PredefinedSplit

    set_backend("numpy")
    x, y, groups = made(80, p, 25)
    theirs = KernelRidgeCV(
        alphas=ALPHAS, fit_intercept=True, warn=False, solver_params={"score_func": r2_score},
        cv=PredefinedSplit(dealt_folds(groups, 80, 5, "").numpy()),
    ).fit(x, y)  # fmt: skip
    ours = EncodingRidge(ALPHAS).fit(x, y, groups)
    np.testing.assert_allclose(ours.alpha_, theirs.best_alphas_)
    np.testing.assert_allclose(ours.cv_scores_.amax(0), theirs.cv_scores_.ravel(), rtol=1e-6)
    np.testing.assert_allclose(ours.coef_, theirs.get_primal_coef(x), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(ours.predict(x[:9] + 1), theirs.predict(x[:9] + 1), rtol=1e-6)


@pytest.mark.parametrize("p", [20, 90])
def test_blocks_and_parts_change_nothing(p, monkeypatch, tmp_path):
    x, y, groups = made(60, p, 50)
    whole = EncodingRidge(ALPHAS).fit(x, y, groups)
    monkeypatch.setattr(by_target, "BLOCK_BYTES", {"cpu": 1})
    monkeypatch.setattr(by_target, "OPERATOR_BYTES", 1)
    np.save(tmp_path / "y.npy", y)
    parts = EncodingRidge(ALPHAS).fit(torch.from_numpy(x), np.load(tmp_path / "y.npy", mmap_mode="r"), groups)
    for name in ("cv_scores_", "alpha_", "intercept_", "coef_"):
        torch.testing.assert_close(getattr(parts, name), getattr(whole, name))
    torch.testing.assert_close(parts.coef_of(slice(3, 5)), whole.coef_[:, 3:5])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_many_rows_are_scored_without_predictions(dtype, monkeypatch):
    """As at the rate of sensors. A penalty too small for Cholesky, and targets in parts, go the other way or are the same."""
    x, y, groups = made(500, 12, 9, dtype)
    x[:, 5] = x[:, 6]
    y[:, 0] = 3
    alphas = [1e-9, *ALPHAS]
    tall = EncodingRidge(alphas).fit(x, y, groups)
    monkeypatch.setattr(by_target, "BLOCK_BYTES", {"cpu": 1})
    monkeypatch.setattr(by_target, "OPERATOR_BYTES", 1)
    parts = EncodingRidge(alphas).fit(x, y, groups)
    monkeypatch.setattr(by_target, "is_tall", lambda rows: False)
    other = EncodingRidge(alphas).fit(x, y, groups)
    near = 1e-9 if dtype is np.float64 else 1e-4
    np.testing.assert_allclose(tall.cv_scores_, other.cv_scores_, atol=near)
    np.testing.assert_allclose(tall.cv_scores_, parts.cv_scores_, atol=near)
    assert tall.cv_scores_[:, 0].isnan().all() and torch.equal(tall.alpha_[0], other.alpha_[0])


def test_one_penalty_needs_no_groups():
    x, y, _ = made(30, 4, 3)
    ridge = EncodingRidge(10.0).fit(x, y)
    np.testing.assert_allclose(ridge.coef_.T, Ridge(alpha=10.0).fit(x, y).coef_)
    assert ridge.cv_scores_.isnan().all() and (ridge.alpha_ == 10).all()


@pytest.mark.parametrize("p", [10, 90])
def test_constant_targets_have_no_score(p):
    """Constant in all rows: no score, weights of 0. Constant in one held-out part: the mean of the other folds."""
    x, y, groups = made(60, p, 3)
    fold = dealt_folds(groups, 60, 5, "").numpy()
    y[:, 0] = 0.1
    y[fold == 2, 1] = 7.7
    ridge = EncodingRidge(ALPHAS).fit(x, y, groups)
    assert ridge.cv_scores_[:, 0].isnan().all() and ridge.alpha_[0] == ALPHAS.max()
    assert ridge.coef_[:, 0].abs().max() < 1e-15
    assert ridge.intercept_[0].item() == pytest.approx(0.1)
    others = []
    for k in (0, 1, 3, 4):
        model = Ridge(alpha=ALPHAS[3]).fit(x[fold != k], y[fold != k, 1])
        others.append(r2_score(y[fold == k, 1], model.predict(x[fold == k])))
    assert ridge.cv_scores_[3, 1].item() == pytest.approx(np.mean(others))


def test_constant_and_repeated_columns():
    x, y, groups = made(60, 30, 4)
    x[:, 3] = 5
    x[:, 7] = x[:, 8]
    ridge = EncodingRidge(ALPHAS).fit(x, y, groups)
    assert ridge.coef_[3].abs().max() < 1e-12
    torch.testing.assert_close(ridge.coef_[7], ridge.coef_[8])


def test_the_equations_are_small_where_units_differ_by_some_thousand_times():
    """Rows' products have digits enough; those of 2500 columns took 150 times as long (7.3 s for 300 rows)."""
    x, _, _ = made(60, 90, 4, np.float64)
    x[:, 0] *= 1e3
    assert Rows(torch.from_numpy(x - x.mean(0)), [12] * 5).m == 60


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("n", "p", "size"), [(400, 12, 1e8), (60, 20, 1e8), (60, 90, 1e8), (60, 90, 3e3)])
def test_a_large_column_hides_no_small_one(n, p, size, dtype):
    """Features in their own units: one of 1e8 beside others of 1. Sums over columns would lose the others' digits."""
    x, y, groups = made(n, p, 4, dtype)
    x[:, 0] *= size
    ridge = EncodingRidge(ALPHAS).fit(x, y, groups)
    assert ridge.coef_.dtype == ridge.alpha_.dtype == torch.from_numpy(x).dtype
    near = {np.float32: 1e-4, np.float64: 1e-6}[dtype]
    x, y = x.astype(float), y.astype(float)
    fold = dealt_folds(groups, n, 5, "").numpy()
    models = [[Ridge(alpha, solver="svd").fit(x[fold != k], y[fold != k]) for k in range(5)] for alpha in ALPHAS]
    expected = [
        np.mean([r2_score(y[fold == k], own[k].predict(x[fold == k]), multioutput="raw_values") for k in range(5)], 0)
        for own in models
    ]
    np.testing.assert_allclose(ridge.cv_scores_, expected, rtol=near, atol=near)
    whole = Ridge(ridge.alpha_.numpy().astype(float), solver="svd").fit(x, y)
    np.testing.assert_allclose(ridge.predict(x), whole.predict(x), atol=10 * near * y.std())


@pytest.mark.parametrize("p", [20, 90])
def test_penalties_below_rounding(p):
    """Repeated columns and hardly a penalty: rounding makes the equations singular, and predictions stay those of the limit."""
    x, y, groups = made(60, p, 4, np.float32)
    x[:, p // 2 :] = x[:, : p // 2]
    tiny = EncodingRidge([1e-12, 1e4]).fit(x, y, groups)
    expected = scores(x.astype(float), y.astype(float), groups, [1e-7, 1e4], 5)
    np.testing.assert_allclose(tiny.cv_scores_, expected, rtol=2e-3)
    assert tiny.coef_.isfinite().all()


def test_a_planted_leak_is_seen_and_noise_is_not():
    """Rows repeated in other groups can be known by heart; alone in their group they cannot."""
    rng = np.random.default_rng(0)
    x, y = np.repeat(rng.standard_normal((100, 300)), 2, 0), np.repeat(rng.standard_normal((100, 200)), 2, 0)
    honest = EncodingRidge(ALPHAS).fit(x, y, np.repeat(np.arange(100), 2))
    leaky = EncodingRidge(ALPHAS).fit(x, y, np.arange(200))
    assert honest.cv_scores_.amax(0).mean() < 0 < 0.9 < leaky.cv_scores_.amax(0).mean()


@pytest.mark.parametrize("wrong", [
    dict(X=np.zeros((9, 2))), dict(X=np.zeros((10, 0))), dict(Y=np.zeros((10, 2, 2))), dict(Y=np.zeros((10, 0))), dict(groups=None),
    dict(groups=np.arange(9)), dict(groups=np.arange(10) % 4), dict(X=torch.zeros((10, 2), dtype=int)),
    dict(X=np.full((10, 2), np.nan)), dict(Y=np.full((10, 2), np.inf)),
])  # fmt: skip
def test_wrong_input_is_named(wrong):
    right = dict(X=np.ones((10, 2)), Y=np.zeros((10, 2)), groups=np.arange(10))
    with pytest.raises(UserError, match="EncodingRidge"):
        EncodingRidge(ALPHAS).fit(**(right | wrong))


@pytest.mark.parametrize("absent", [None, np.nan])
def test_rows_without_a_group_are_no_groups_of_their_own(absent):
    """NaN is not itself: each row would be dealt out alone, and what a run repeats would be known by heart."""
    x, y = np.random.default_rng(0).standard_normal((2, 60, 2))
    groups = np.repeat(np.array([0.0, 1, 2, 3, 4, absent], float if absent is np.nan else object), 10)
    with pytest.raises(UserError, match="10 of 60 rows have no group.*50, 51"):
        EncodingRidge(ALPHAS).fit(x, y, groups)


@pytest.mark.parametrize("wrong", [dict(alphas=[]), dict(alphas=[0.0, 1]), dict(alphas=[np.nan]), dict(n_folds=1)])
def test_wrong_options_are_named(wrong):
    with pytest.raises(UserError, match="EncodingRidge"):
        EncodingRidge(**wrong)


@pytest.mark.parametrize("strange", [
    lambda a: a.astype(">f8"), lambda a: np.asfortranarray(a), lambda a: a[::-1].copy()[::-1],
    lambda a: torch.from_numpy(a).requires_grad_(),
])  # fmt: skip
def test_arrays_of_any_layout(strange):
    x, y, groups = made(60, 20, 7)
    plain, odd = EncodingRidge(ALPHAS).fit(x, y, groups), EncodingRidge(ALPHAS).fit(strange(x), strange(y), groups)
    torch.testing.assert_close(odd.coef_, plain.coef_)
    np.testing.assert_allclose(odd.predict(strange(x)), plain.predict(x))
    x.flags.writeable = y.flags.writeable = False
    torch.testing.assert_close(EncodingRidge(ALPHAS).fit(x, y, groups).coef_, plain.coef_)


def test_targets_of_integers_and_the_inference_mode_of_pytorch():
    x, y, groups = made(60, 20, 7)
    with torch.inference_mode():
        whole = EncodingRidge(ALPHAS).fit(torch.from_numpy(x), torch.from_numpy(y.round()), groups)
    torch.testing.assert_close(EncodingRidge(ALPHAS).fit(x, y.round().astype(np.int16), groups).coef_, whole.coef_)


def test_out_of_memory_says_what_would_fit():
    with pytest.raises(UserError, match=r"out of memory.*about \d+ targets would fit"):
        EncodingRidge(ALPHAS).fit(np.ones((10, 2)), np.broadcast_to(np.ones((10, 1)), (10, 10**14)), np.arange(10))


@pytest.mark.parametrize("p", [20, 90])
def test_two_threads_give_the_same_numbers_and_are_given_back(p):
    """Their own threads know of the inference mode of the caller, whose tensors they write to."""
    x, y, groups = made(60, p, 40)
    alone = EncodingRidge(ALPHAS).fit(x, y, groups)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with torch.inference_mode():
            together = EncodingRidge(ALPHAS).fit(torch.from_numpy(x), torch.from_numpy(y), groups)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    for name in ("cv_scores_", "alpha_", "coef_"):
        torch.testing.assert_close(getattr(together, name), getattr(alone, name))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("p", [20, 90])
def test_a_gpu_gives_the_same_numbers(p):
    x, y, groups = made(60, p, 7)
    here = EncodingRidge(ALPHAS).fit(x, y, groups)
    there = EncodingRidge(ALPHAS).fit(torch.from_numpy(x).cuda(), y, groups)
    for name in ("cv_scores_", "alpha_", "coef_"):
        torch.testing.assert_close(getattr(there, name).cpu(), getattr(here, name))
