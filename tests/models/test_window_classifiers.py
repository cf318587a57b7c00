"""Classifiers of windows against scikit-learn and MNE, with more features than windows and with fewer."""

import numpy as np
import pytest
from mne.decoding import GeneralizingEstimator, SlidingEstimator
from sklearn.covariance import ledoit_wolf_shrinkage
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from n2s.errors import UserError
from n2s.findings import kept
from n2s.models import SlidingLDA, WindowElasticNet, WindowLDA
from n2s.models.window_classifiers import ABSENT, bins


def drawn(n: int = 90, c: int = 5, t: int = 12, k: int = 3, *, signal: float = 1.0, seed: int = 0):
    """Windows whose classes differ in some sensors and samples, with noise that is alike in all sensors; classes are unequal."""
    rng = np.random.default_rng(seed)
    y = rng.choice(k, n, p=np.arange(1, k + 1) / np.arange(1, k + 1).sum())
    y[:k] = range(k)
    pattern = signal * rng.standard_normal((k, c, t)) * (np.arange(t) > t // 2)
    x = pattern[y] + rng.standard_normal((n, c, t)) + 2 * rng.standard_normal((n, 1, t))
    return 3 + 1e-3 * x, y, np.arange(n) // 10


def lda(shrinkage: float) -> LinearDiscriminantAnalysis:
    return make_pipeline(StandardScaler(), LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage))


@pytest.mark.parametrize(("c", "n_bins"), [(3, 4), (40, None)])  # 12 features, 480
def test_lda_is_that_of_scikit_learn(c, n_bins):
    x, y, _ = drawn(c=c)
    flat = bins(x, n_bins).reshape(len(x), -1)
    ours = WindowLDA(0.3, n_bins, balanced=False).fit(x[:70], y[:70])
    theirs = lda(0.3).fit(flat[:70], y[:70])
    np.testing.assert_allclose(ours.log_proba(x[70:]), theirs.predict_log_proba(flat[70:]), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("c", [3, 40])
def test_the_shrinkage_is_that_of_ledoit_and_wolf(c):
    x, y, _ = drawn(c=c)
    flat = StandardScaler().fit_transform(x.reshape(len(x), -1))
    inner = flat - np.stack([flat[y == one].mean(0) for one in range(3)])[y]
    share = ledoit_wolf_shrinkage(inner, assume_centered=True)
    ours = WindowLDA(n_bins=None, balanced=False).fit(x, y)
    assert float(ours.state()["shrinkage"]) == pytest.approx(share, rel=1e-9)
    theirs = lda(share).fit(x.reshape(len(x), -1), y)
    np.testing.assert_allclose(ours.log_proba(x), theirs.predict_log_proba(x.reshape(len(x), -1)), rtol=1e-6, atol=1e-8)


def test_balanced_classes_are_as_likely():
    x, y, _ = drawn()
    ours = WindowLDA(0.3, None).fit(x, y)
    naive = WindowLDA(0.3, None, balanced=False).fit(x, y)
    difference = ours.log_proba(x) - naive.log_proba(x)
    prior = np.log(np.bincount(y) / len(y))
    moved = difference + prior
    np.testing.assert_allclose(moved - moved[:, :1], 0, atol=1e-8)


def test_bins_are_means():
    x = drawn(t=11)[0]
    found = bins(x, 4)
    assert found.shape == (90, 5, 4)
    np.testing.assert_allclose(found[:, :, 0], x[:, :, :3].mean(2))
    np.testing.assert_allclose(found[:, :, 3], x[:, :, 8:].mean(2))
    assert bins(x, 20).shape == x.shape


def test_what_is_said_at_all_times_is_the_likeliest():
    x, y, _ = drawn()
    y = np.where(y > 0, y + 1, y)
    model = SlidingLDA(n_bins=5).fit(x, y)
    said = model.said_across_times(x)
    assert said.shape == (90, 5, 5)
    for decoder in range(5):
        assert (said[:, decoder] == model.generalised(x, decoder).argmax(2).T).all()


@pytest.mark.parametrize("balanced", [False, True])
def test_sliding_decoders_are_those_of_mne(balanced):
    x, y, _ = drawn(k=2)
    y = y if not balanced else np.arange(90) % 2
    ours = SlidingLDA(0.2, balanced=balanced).fit(x[:60], y[:60])
    theirs = SlidingEstimator(lda(0.2), verbose="error").fit(x[:60], y[:60])
    found = ours.log_proba_at_times(x[60:])
    np.testing.assert_allclose(np.exp(found), theirs.predict_proba(x[60:]).transpose(1, 0, 2), atol=1e-8)
    across = GeneralizingEstimator(lda(0.2), verbose="error").fit(x[:60], y[:60])
    wanted = across.predict_proba(x[60:])  # (n, trained, tested, k)
    for decoder in range(ours.n_decoders):
        np.testing.assert_allclose(
            np.exp(ours.generalised(x[60:], decoder)), wanted[:, decoder].transpose(1, 0, 2), atol=1e-8
        )


def test_sliding_shrinkage_is_that_of_a_window_of_one_sample():
    x, y, _ = drawn()
    sliding = SlidingLDA().fit(x, y)
    for at in (0, 7, 11):
        one = WindowLDA(n_bins=None).fit(x[:, :, [at]], y)
        np.testing.assert_allclose(
            sliding.log_proba_at_times(x)[at], one.log_proba(x[:, :, [at]]), rtol=1e-7, atol=1e-9
        )
    assert SlidingLDA(n_bins=3).fit(x, y).log_proba_at_times(x).shape == (3, 90, 3)


def test_decoders_before_the_signal_know_nothing_and_those_after_it_do():
    x, y, _ = drawn(n=400)
    found = SlidingLDA().fit(x[:200], y[:200]).log_proba_at_times(x[200:]).argmax(2) == y[200:]
    right = np.stack([found[:, y[200:] == one].mean(1) for one in range(3)]).mean(0)
    assert right[:6].mean() == pytest.approx(1 / 3, abs=0.06) and right[7:].min() > 0.5


@pytest.mark.parametrize("k", [2, 3])
def test_the_elastic_net_is_that_of_scikit_learn(k):
    x, y, groups = drawn(k=k, n=60)
    ours = WindowElasticNet([0.1], l1_ratios=[0.5], n_bins=None).fit(x, y, groups)
    penalty, ratio = ours.chosen
    theirs = make_pipeline(
        StandardScaler(),
        LogisticRegression(
            solver="saga", C=1 / (len(x) * penalty), l1_ratio=ratio, class_weight="balanced", tol=1e-7, max_iter=20_000
        ),
    ).fit(x.reshape(len(x), -1), y)
    weights = ours.state()["weights"].numpy() * StandardScaler().fit(x.reshape(len(x), -1)).scale_[:, None]
    np.testing.assert_allclose(weights, theirs[-1].coef_.T, atol=5e-3)
    assert 0 < (weights == 0).mean() < 1
    np.testing.assert_allclose(np.exp(ours.log_proba(x)), theirs.predict_proba(x.reshape(len(x), -1)), atol=5e-3)


def test_the_elastic_net_chooses_what_held_out_groups_like_best():
    """By itself, fold by fold, with a fit of its own for each: all folds at once choose the same."""
    x, y, groups = drawn(n=80, k=2, signal=0.4, seed=3)
    net = WindowElasticNet((0.6, 0.1, 0.01), l1_ratios=(0.2, 0.9), n_folds=4, n_bins=4)
    net.fit(x, y, groups)
    fold = groups % 4
    losses = {}
    for ratio in net.l1_ratios:
        for fraction in net.fractions:
            top = WindowElasticNet([fraction], l1_ratios=[ratio], n_bins=4).fit(x, y, groups).chosen[0]
            loss = []
            for one in range(4):
                flat = bins(x, 4).reshape(len(x), -1)
                model = make_pipeline(
                    StandardScaler(),
                    LogisticRegression(
                        solver="saga", C=1 / ((fold != one).sum() * top), l1_ratio=ratio, class_weight="balanced",
                        tol=1e-5, max_iter=5000,
                    ),
                ).fit(flat[fold != one], y[fold != one])  # fmt: skip
                logs = model.predict_log_proba(flat[fold == one])[np.arange((fold == one).sum()), y[fold == one]]
                loss.append(-np.mean([logs[y[fold == one] == label].mean() for label in np.unique(y[fold == one])]))
            losses[top, ratio] = np.mean(loss)
    best = min(losses, key=losses.get)
    assert net.chosen == pytest.approx(best)


@pytest.mark.parametrize("model", [WindowLDA(), WindowElasticNet([0.1]), SlidingLDA()])
def test_a_class_without_windows_is_never_said(model):
    x, y, groups = drawn()
    y = np.where(y > 0, y + 1, y)  # 0, 2, 3
    found = model.fit(x, y, groups, n_classes=5).log_proba(x)
    assert found.shape == (90, 5) and (found[:, [1, 4]] == ABSENT).all()
    np.testing.assert_allclose(np.exp(found).sum(1), 1)
    assert np.isin(found.argmax(1), [0, 2, 3]).all()


@pytest.mark.parametrize("model", [WindowLDA, WindowElasticNet, SlidingLDA])
def test_units_constant_sensors_and_kept_weights_change_nothing(model):
    x, y, groups = drawn(k=2)
    found = model().fit(x, y, groups)
    per_sensor = 10.0 ** np.arange(-6, -1)[:, None]  # MEG in T, EEG in V
    np.testing.assert_allclose(
        model().fit(x * per_sensor, y, groups).log_proba(x * per_sensor), found.log_proba(x), rtol=1e-3, atol=1e-4
    )
    bad = np.concatenate([x, np.zeros_like(x[:, :2])], 1)  # sensors that are bad everywhere
    np.testing.assert_allclose(model().fit(bad, y, groups).log_proba(bad), found.log_proba(x), rtol=1e-3, atol=1e-4)
    assert (model().load(found.state()).log_proba(x) == found.log_proba(x)).all()


@pytest.mark.parametrize("model", [WindowLDA(), WindowElasticNet(), SlidingLDA()])
def test_labels_of_noise_are_guessed(model):
    """Over many sets of noise; a model that saw the tested windows would be far above."""
    shares = []
    for seed in range(20):
        x, y, groups = drawn(n=120, c=4, t=4, k=2, signal=0.0, seed=seed)
        found = model.fit(x[:60], y[:60], groups[:60]).log_proba(x[60:]).argmax(1)
        shares.append(np.mean([(found[y[60:] == one] == one).mean() for one in range(2)]))
    assert np.mean(shares) == pytest.approx(0.5, abs=3 * 0.065 / np.sqrt(20))


def test_one_group_is_told():
    x, y, groups = drawn(k=2)
    with kept() as told:
        WindowElasticNet((0.5, 0.1)).fit(x, y, np.zeros(len(x)))
    assert "one group" in told[0].text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": np.zeros((90, 5, 2, 2))}, "expected \\(n, c, t\\) windows, or"),
        ({"y": np.zeros(90, int)}, "of one class"),
        ({"y": np.zeros(3, int)}, "one class a window"),
        ({"y": np.arange(90) % 2 - 1, "n_classes": 2}, "classes are -1 to 0"),
        ({"x": np.full((90, 5, 12), np.nan)}, "90 of 90 windows have values that are not finite"),
        ({"groups": [1, 2]}, "2 groups for 90 windows"),
    ],
)
def test_windows_that_cannot_be_learned_from(change, message):
    x, y, groups = drawn()
    given = {"x": x, "y": y, "groups": groups} | change
    with pytest.raises(UserError, match=message):
        WindowLDA().fit(**given)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: WindowLDA(1.5), "shrinkage is 1.5"),
        (lambda: SlidingLDA("no"), "shrinkage is 'no'"),
        (lambda: WindowLDA(n_bins=0), "n_bins is 0"),
        (lambda: WindowElasticNet([1.0]), "below 1"),
        (lambda: WindowElasticNet(l1_ratios=[0.0]), "l1_ratios"),
        (lambda: WindowElasticNet(n_folds=1), "n_folds is 1"),
        (lambda: WindowLDA(0.0, None).fit(*drawn(c=40)), "do not tell the covariance"),
        (lambda: WindowElasticNet().fit(*drawn()[:2]), "needs groups"),
        (lambda: WindowLDA().fit(*drawn()).log_proba(np.zeros((2, 5, 7))), "fitted with 5 and 12"),
        (lambda: WindowElasticNet().fit(np.ones((8, 2, 3)), np.arange(8) % 2, np.arange(8)), "no feature differs"),
    ],
)
def test_options_that_cannot_be(make, message):
    with pytest.raises(UserError, match=message):
        make()
