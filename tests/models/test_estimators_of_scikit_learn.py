"""Ridges and classifiers of windows keep scikit-learn's contract, so that its tools take them: by its own checks, and in its tools."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import make_regression
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from n2s.errors import UserError
from n2s.models import (
    BandedRidge,
    EncodingRidge,
    OnsetSearch,
    RidgeDecoder,
    SlidingLDA,
    VoxelRidge,
    WindowElasticNet,
    WindowLDA,
)

#: What does not apply, and why.
EARLY = {
    "check_do_not_raise_errors_in_init_or_set_params": "what is out of range is refused at once, before a fit that may take hours"
}
NAMES = {"check_dont_overwrite_parameters": "checkpoints and tables know weights, alpha and errors by these names"}
RIDGES = [EncodingRidge(1.0), BandedRidge(1.0), VoxelRidge(0, 1.0), RidgeDecoder(lags_s=(0.0, 0.0), alphas=(0.1,))]

#: `OnsetSearch` searches trials of several samples, and rows have one: scikit-learn's checks cannot fit it.
CLASSIFIERS = [WindowLDA(0.1), SlidingLDA(n_bins=4), WindowElasticNet((0.1,), l1_ratios=(0.5,))]


@parametrize_with_checks(
    [*RIDGES, *CLASSIFIERS], expected_failed_checks=lambda one: EARLY | (NAMES if isinstance(one, RidgeDecoder) else {})
)
def test_checks_of_scikit_learn(estimator, check):
    check(estimator)


def made(n=120, p=6, v=3, seed=0):
    x, y = make_regression(n, p, n_targets=v, noise=5.0, random_state=seed)
    return x, y, np.repeat(np.arange(6), n // 6)


@pytest.mark.parametrize(
    "estimator", [EncodingRidge((0.1, 10.0)), BandedRidge((0.1, 10.0), widths=(2, 4)), VoxelRidge(4, (0.1, 10.0))]
)
def test_pipelines_searches_and_clones_take_them(estimator):
    x, y, groups = made()
    pipeline = make_pipeline(StandardScaler(), clone(estimator).set_params(n_folds=3))
    name = type(estimator).__name__.lower()
    found = pipeline.fit(x, y, **{f"{name}__groups": groups})
    assert found.score(x, y) == pytest.approx(r2_score(y, found.predict(x))) and found.score(x, y) > 0.9
    assert clone(found[-1]).get_params()["n_folds"] == 3 and not hasattr(clone(found[-1]), "coef_")


def test_a_search_over_penalties_finds_that_of_scikit_learn():
    x, y, groups = made()
    grid, folds = [0.1, 10.0, 1e4], GroupKFold(3)
    ours = GridSearchCV(EncodingRidge(1.0), {"alphas": grid}, cv=folds).fit(x, y, groups=groups)
    theirs = GridSearchCV(Ridge(), {"alpha": grid}, cv=folds).fit(x, y, groups=groups)
    np.testing.assert_allclose(ours.cv_results_["mean_test_score"], theirs.cv_results_["mean_test_score"], rtol=1e-9)
    assert ours.best_params_["alphas"] == theirs.best_params_["alpha"]
    scores = cross_val_score(VoxelRidge(0, 1.0), x - x.mean(0), y - y.mean(0), cv=folds, groups=groups)
    np.testing.assert_allclose(
        scores, cross_val_score(Ridge(), x - x.mean(0), y - y.mean(0), cv=folds, groups=groups), atol=2e-3
    )


@pytest.mark.parametrize("estimator", RIDGES)
def test_tensors_give_tensors_and_arrays_arrays(estimator):
    x, y, _ = made()
    array = clone(estimator).fit(x, y).predict(x)
    tensor = clone(estimator).fit(torch.from_numpy(x), torch.from_numpy(y)).predict(torch.from_numpy(x))
    assert isinstance(array, np.ndarray) and isinstance(tensor, torch.Tensor)
    np.testing.assert_array_equal(array, tensor)
    one = clone(estimator).fit(x, y[:, 0])
    np.testing.assert_allclose(one.predict(x), array[:, 0], rtol=1e-9, atol=1e-9)
    assert one.score(x, y[:, 0]) == pytest.approx(r2_score(y[:, 0], one.predict(x)))


@pytest.mark.parametrize(
    ("made_wrong", "said"),
    [
        (lambda: VoxelRidge(-1), "VoxelRidge: n_voxels is -1"),
        (lambda: VoxelRidge(alpha=float("nan")), r"VoxelRidge: alpha is \(nan,\)"),
        (lambda: VoxelRidge(n_folds=1), "VoxelRidge: n_folds is 1"),
        (lambda: BandedRidge(n_draws=0), "BandedRidge: n_draws is 0"),
        (lambda: BandedRidge(seed=-1), "BandedRidge: seed is -1"),
        (lambda: BandedRidge(widths=(3, 0)), "BandedRidge: widths is 0"),
        (lambda: BandedRidge(1.0, widths=(2, 2)).fit(*made()[:2]), r"X has 6 columns, and widths are \[2, 2\]: 4"),
        (lambda: EncodingRidge(1.0).set_params(alphas=-1).fit(*made()[:2]), r"EncodingRidge: alphas is \(-1.0,\)"),
        (lambda: EncodingRidge(1.0).fit(*made()[:2]).predict(torch.zeros(3, 5)), "fitted on 6 columns"),
    ],
)
def test_what_is_out_of_range_is_refused_at_once_and_again_in_a_fit(made_wrong, said):
    with pytest.raises(UserError, match=said):
        made_wrong()


@pytest.mark.parametrize(
    "model",
    [*CLASSIFIERS[:2], WindowElasticNet((0.1, 0.01), n_folds=3), OnsetSearch(WindowLDA(0.2), share=0.7, n_starts=3)],
)
def test_classifiers_of_windows_in_searches_and_clones(model):
    rng, label, run = np.random.default_rng(0), np.tile(["no", "yes"], 36), np.repeat(np.arange(6), 12)
    x = rng.standard_normal((72, 5, 20))
    x[label == "yes", 0] += 1.0
    again = clone(model)
    assert (
        again.get_params(deep=False).keys() == model.get_params(deep=False).keys()
        and again.settings() == model.settings()
    )
    scores = [
        clone(model).fit(x[run != k], label[run != k], run[run != k]).score(x[run == k], label[run == k])
        for k in range(6)
    ]
    found = model.fit(x[run > 0], label[run > 0], run[run > 0])
    assert np.mean(scores) > 0.9 and found.classes_.tolist() == ["no", "yes"]
    np.testing.assert_allclose(found.predict_proba(x).sum(1), 1.0)
    assert (found.predict(torch.from_numpy(x)) == found.classes_[found.log_proba(x).argmax(1)]).all()
    loaded = clone(model).load(found.state())
    np.testing.assert_array_equal(loaded.log_proba(x), found.log_proba(x))
