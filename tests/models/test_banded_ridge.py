"""BandedRidge against himalaya, scikit-learn, and its own parts."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score as sklearn_r2
from sklearn.model_selection import PredefinedSplit

from n2s.errors import UserError
from n2s.models import BandedRidge, EncodingRidge
from n2s.models.folds import dealt_folds

ALPHAS = np.logspace(-1, 4, 5)


def made(n: int, widths: tuple[int, ...], v: int = 9, dtype: type = np.float64):
    """Bands of different size and scale; of the targets, some are driven by the first band, some by the last."""
    rng = np.random.default_rng(0)
    bands = [(rng.standard_normal((n, width)) * 3**at + at).astype(dtype) for at, width in enumerate(widths)]
    first = bands[0] @ rng.standard_normal((widths[0], v)) * np.linspace(1, 0, v)
    last = bands[-1] @ rng.standard_normal((widths[-1], v)) * np.linspace(0, 1, v)
    y = first + last + 4 * rng.standard_normal((n, v)) + 5
    return bands, y.astype(dtype), np.arange(n) // 4 % 11


def scaled(bands, penalties):
    return np.concatenate([one / penalty**0.5 for one, penalty in zip(bands, penalties, strict=True)], 1)


@pytest.mark.parametrize("widths", [(6, 9), (60, 9), (5,)])
@pytest.mark.parametrize(("dtype", "near"), [(np.float64, 1e-8), (np.float32, 1e-3)])
def test_all_combinations_of_two_bands(widths, dtype, near):
    bands, y, groups = made(66, widths, dtype=dtype)
    banded = BandedRidge(ALPHAS).fit(bands, y, groups)
    exact, fold = [one.astype(float) for one in bands], dealt_folds(groups, 66, 5, "").numpy()
    candidates = banded.candidates_.numpy().astype(float)
    assert len(candidates) == len(ALPHAS) ** len(widths)
    expected = np.zeros((len(candidates), y.shape[1]))
    for row, penalties in zip(expected, candidates, strict=True):
        x = scaled(exact, penalties)
        for k in range(5):
            model = Ridge(alpha=1.0, solver="svd").fit(x[fold != k], y[fold != k])
            row += sklearn_r2(y[fold == k], model.predict(x[fold == k]), multioutput="raw_values") / 5
    np.testing.assert_allclose(banded.cv_scores_, expected, atol=near)
    chosen = candidates[expected.argmax(0)]
    np.testing.assert_allclose(banded.alpha_.T, chosen, rtol=1e-6)
    for target, penalties in enumerate(chosen):
        model = Ridge(alpha=1.0, solver="svd").fit(scaled(exact, penalties), y[:, target])
        np.testing.assert_allclose(
            banded.coef_[:, target], model.coef_ / np.repeat(penalties, widths) ** 0.5, atol=near
        )
        np.testing.assert_allclose(banded.predict(bands)[:, target], model.predict(scaled(exact, penalties)), rtol=near)


def test_one_band_is_encoding_ridge():
    (x,), y, groups = made(66, (80,))
    banded, plain = BandedRidge(ALPHAS).fit([x], y, groups), EncodingRidge(ALPHAS).fit(x, y, groups)
    torch.testing.assert_close(banded.alpha_[0], plain.alpha_)
    torch.testing.assert_close(banded.coef_, plain.coef_)


def test_useless_bands_are_shrunk():
    bands, y, groups = made(150, (6, 9))
    banded = BandedRidge(np.logspace(-1, 7, 5)).fit(bands, y, groups)
    assert banded.alpha_[1, 0] > 100 * banded.alpha_[0, 0]
    split = banded.split_scores(bands, y)
    assert split[1, 0] < 0.01 < split[0, 0] and split[0, -1] < 0.05 < 0.8 < split[1, -1]


@pytest.mark.parametrize("widths", [(4, 5, 6), (30, 40, 5)])
def test_the_random_search_of_himalaya(widths):
    from himalaya.backend import set_backend
    from himalaya.ridge import GroupRidgeCV
    from himalaya.scoring import r2_score

    set_backend("numpy")
    bands, y, groups = made(66, widths)
    ours = BandedRidge(ALPHAS, n_draws=7, seed=3).fit(bands, y, groups)
    theirs = GroupRidgeCV(
        groups="input", fit_intercept=True, random_state=3, cv=PredefinedSplit(dealt_folds(groups, 66, 5, "").numpy()),
        solver_params=dict(n_iter=7, alphas=ALPHAS, score_func=r2_score, progress_bar=False, warn=False),
    ).fit(bands, y)  # fmt: skip
    np.testing.assert_allclose(ours.cv_scores_.view(7, len(ALPHAS), -1).amax(1), theirs.cv_scores_, rtol=1e-6)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(ours.predict(bands), theirs.predict(bands), rtol=1e-6)


def test_the_product_measure():
    from himalaya.backend import set_backend
    from himalaya.scoring import r2_score_split

    set_backend("numpy")
    bands, y, groups = made(66, (6, 9))
    y[:, 4] = 3.0
    banded = BandedRidge(ALPHAS).fit(bands, y, groups)
    rest = [one[:40] for one in bands]
    split = banded.split_scores(rest, y[:40])
    assert split[:, 4].isnan().all()
    known = [0, 1, 2, 3, 5, 6, 7, 8]
    whole = sklearn_r2(y[:40, known], banded.predict(rest)[:, known], multioutput="raw_values")
    np.testing.assert_allclose(split.sum(0)[known], whole)
    trained = banded.split_scores(bands, y)  # the means are those of training: no offset is to be shared
    parts = [(x - x.mean(0)) @ banded.coef_.split([6, 9])[at].numpy() for at, x in enumerate(bands)]
    theirs = r2_score_split(y - y.mean(0), np.stack(parts))
    np.testing.assert_allclose(trained[:, known], theirs[:, known], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("wrong", [
    dict(Xs=np.zeros((10, 2, 2))), dict(Xs=[]), dict(Xs=[np.zeros((10, 2)), np.zeros((9, 2))]), dict(groups=None),
    dict(Xs=[np.zeros((10, 2)), np.zeros((10, 2), np.float32)]), dict(Xs=[np.zeros((10, 2)), np.zeros((10, 0))]),
    dict(Xs=[np.full((10, 2), np.nan)]), dict(Y=np.zeros((10, 2, 2))),
])  # fmt: skip
def test_wrong_input_is_named(wrong):
    right = dict(Xs=[np.ones((10, 2))], Y=np.zeros((10, 2)), groups=np.arange(10))
    with pytest.raises(UserError, match="BandedRidge"):
        BandedRidge(ALPHAS).fit(**(right | wrong))


def test_other_bands_than_fitted_are_named():
    bands, y, groups = made(66, (6, 9))
    banded = BandedRidge(ALPHAS).fit(bands, y, groups)
    with pytest.raises(UserError, match=r"\[9, 6\].*\[6, 9\]"):
        banded.predict(bands[::-1])
    with pytest.raises(UserError, match="Y is"):
        banded.split_scores(bands, y[:, :2])
