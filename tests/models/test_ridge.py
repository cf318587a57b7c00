"""The ridge decoder against scikit-learn on lagged matrices that are written out."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from n2s.errors import UserError
from n2s.models import lagged_sums
from n2s.models.ridge import RidgeDecoder


def simulated(*lengths, n_sensors=5, n_features=2, noise=1.0, seed=0):
    """A smooth feature, and sensors that follow it with delays of 2 and 4 samples, in other units and off zero."""
    rng = np.random.default_rng(seed)
    brains, targets = [], []
    mixing = rng.standard_normal((2, n_features, n_sensors))
    for n in lengths:
        y = np.apply_along_axis(np.convolve, 0, rng.standard_normal((n, n_features)), np.hanning(7), mode="same")
        x = np.roll(y, 2, 0) @ mixing[0] + np.roll(y, 4, 0) @ mixing[1] + noise * rng.standard_normal((n, n_sensors))
        brains.append(torch.from_numpy(300 + 50 * x * np.linspace(1, 4, n_sensors)))
        targets.append(torch.from_numpy(7 + 0.1 * y))
    return brains, targets


def scaled(stretches):
    joined = np.concatenate([s.numpy() for s in stretches])
    return [(s.numpy() - joined.mean(0)) / joined.std(0) for s in stretches]


def lagged(x, y, first, last):
    """Rows whose lags all lie inside the stretch: (n, c * n_lags), (n, f), and their times."""
    times = [t for t in range(len(x)) if t + first >= 0 and t + last < len(x)]
    rows = np.array([[x[t + lag, c] for c in range(x.shape[1]) for lag in range(first, last + 1)] for t in times])
    return rows, y[times], np.array(times)


@pytest.mark.parametrize(("first", "last"), [(0, 4), (-2, 3), (2, 5), (-4, -1), (0, 0)])
def test_weights_are_those_of_scikit_learn(first, last):
    brains, targets = simulated(90, 40, 61)
    decoder = RidgeDecoder(sfreq=10.0, lags_s=(first / 10, last / 10), alphas=[0.3]).fit(brains, targets)
    parts = [lagged(x, y, first, last) for x, y in zip(scaled(brains), scaled(targets), strict=True)]
    rows, wanted = np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])
    expected = Ridge(alpha=0.3 * len(rows), fit_intercept=False).fit(rows, wanted).coef_
    np.testing.assert_allclose(decoder.weights.numpy(), expected.reshape(2, 5, -1), atol=1e-9)


@pytest.mark.parametrize(("first", "last"), [(0, 4), (-3, 2), (1, 5)])
def test_predictions_are_the_lagged_rows_times_the_weights(first, last):
    brains, targets = simulated(150)
    decoder = RidgeDecoder(sfreq=1.0, lags_s=(first, last), alphas=[0.01]).fit(brains, targets)
    (new,), _ = simulated(60, seed=1)
    joined = brains[0].numpy()
    x = (new.numpy() - joined.mean(0)) / joined.std(0)
    padded = np.pad(x, ((10, 10), (0, 0)))  # the mean outside the recording
    rows, _, times = lagged(padded, padded, first, last)
    rows = rows[(times >= 10) & (times < 70)]
    expected = rows @ decoder.weights.numpy().reshape(2, -1).T
    y = targets[0].numpy()
    predicted = decoder.predict(new)
    assert predicted.shape == (60, 2)
    np.testing.assert_allclose(predicted.numpy(), expected * y.std(0) + y.mean(0), atol=1e-9)
    assert decoder.predict(new.float()).dtype == torch.float32


def test_the_penalty_is_the_one_that_a_loop_over_folds_chooses():
    first, last, n_folds, alphas = 0, 4, 4, (1e-4, 1e-2, 1.0, 100.0)
    brains, targets = simulated(73, 50, 88, noise=4.0)
    decoder = RidgeDecoder(sfreq=1.0, lags_s=(first, last), alphas=alphas, n_folds=n_folds).fit(brains, targets)
    edges = [round(k * 211 / n_folds) for k in range(n_folds + 1)]
    rows, wanted, fold, offset = [], [], [], 0
    for x, y in zip(scaled(brains), scaled(targets), strict=True):
        r, w, times = lagged(x, y, first, last)
        start, stop = offset + times, offset + times + last  # global samples that the row touches
        own = np.searchsorted(edges, start, side="right") - 1
        fold.append(np.where(own == np.searchsorted(edges, stop, side="right") - 1, own, -1))
        rows.append(r)
        wanted.append(w)
        offset += len(x)
    rows, wanted, fold = map(np.concatenate, (rows, wanted, fold))
    errors = []
    for alpha in alphas:
        error = 0.0
        for k in range(n_folds):
            train, test = (fold != k) & (fold >= 0), fold == k
            model = Ridge(alpha=alpha * train.sum(), fit_intercept=False).fit(rows[train], wanted[train])
            error += ((model.predict(rows[test]) - wanted[test]) ** 2).sum()
        errors.append(error / (2 * (fold >= 0).sum()))
    np.testing.assert_allclose(decoder.errors.numpy(), errors, rtol=1e-9)
    assert decoder.alpha == alphas[int(np.argmin(errors))]
    assert decoder.alpha not in (alphas[0], alphas[-1])
    # and the final weights are of all rows, those between two folds included
    expected = Ridge(alpha=decoder.alpha * len(rows), fit_intercept=False).fit(rows, wanted).coef_
    np.testing.assert_allclose(decoder.weights.numpy(), expected.reshape(2, 5, -1), atol=1e-9)


def test_it_decodes_and_only_what_follows():
    brains, targets = simulated(2000, noise=2.0)
    causal = RidgeDecoder(sfreq=100.0, lags_s=(0.0, 0.06)).fit([brains[0][:1500]], [targets[0][:1500]])
    acausal = RidgeDecoder(sfreq=100.0, lags_s=(-0.06, -0.03)).fit([brains[0][:1500]], [targets[0][:1500]])
    assert causal.n_lags == 7
    said = {}
    for name, decoder in (("causal", causal), ("acausal", acausal)):
        predicted = decoder.predict(brains[0][1500:])
        said[name] = np.corrcoef(predicted[:, 0], targets[0][1500:, 0])[0, 1]
    assert said["causal"] > 0.7
    assert abs(said["acausal"]) < 0.2


def test_chunks_of_time_give_the_same_sums(monkeypatch):
    brains, targets = simulated(120, 40)
    whole = RidgeDecoder(sfreq=1.0, lags_s=(0, 3), alphas=[0.1, 1.0]).fit(brains, targets)
    sliced = RidgeDecoder(sfreq=1.0, lags_s=(0, 3), alphas=[0.1, 1.0])
    monkeypatch.setattr(lagged_sums, "CHUNK", 7 * 5 * 4)  # seven rows
    sliced.fit(brains, targets)
    torch.testing.assert_close(sliced.weights, whole.weights)
    torch.testing.assert_close(sliced.errors, whole.errors)


def test_float32_data_are_fitted_in_float64():
    brains, targets = simulated(200)
    double = RidgeDecoder(sfreq=1.0, lags_s=(0, 3)).fit(brains, targets)
    single = RidgeDecoder(sfreq=1.0, lags_s=(0, 3)).fit([x.float() for x in brains], [y.float() for y in targets])
    assert single.weights.dtype == torch.float64
    torch.testing.assert_close(single.weights, double.weights, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"lags_s": (0.3, 0.0)}, "first lag comes after the last"),
        ({"alphas": []}, "one at least"),
        ({"alphas": [0.0, 1.0]}, "positive penalties"),
        ({"alphas": "many"}, "alphas is 'many'; expected positive numbers"),
        ({"n_folds": 1}, "n_folds is 1; expected a whole number from 2 on"),
        ({"sfreq": 0.0}, "sfreq is 0; expected a number above 0"),
        ({"lags_s": (0.0, float("nan"))}, "lags_s is nan"),
    ],
)
def test_bad_options(options, said):
    with pytest.raises(UserError, match=said):
        RidgeDecoder(**({"sfreq": 10.0} | options))


def test_bad_data():
    brains, targets = simulated(50, 60)
    decoder = RidgeDecoder(sfreq=1.0, lags_s=(0, 3))
    cases = [
        ([], [], "at least one"),
        (brains, targets[:1], "2 stretches of brain and 1 of target"),
        (brains, targets[::-1], "expected"),
        ([brains[0], brains[1][:, :3]], targets, "differ in their number"),
        ([brains[0], brains[1] * torch.nan], targets, "not finite"),
        ([torch.cat([x, torch.full((len(x), 1), 0.1)], 1) for x in brains], targets, r"sensor \[5\] never changes"),
        ([brains[0][:6]], [targets[0][:6]], "too few for 5 parts"),
    ]
    for x, y, said in cases:
        with pytest.raises(ValueError, match=said):
            decoder.fit(x, y)


def by_hand(brains, targets, groups, alphas, first, last, n_folds):
    """Errors of each penalty, and the weights of the best, from lagged matrices and scikit-learn."""
    names = list(dict.fromkeys(name for one in groups for name in one))
    rows, wanted, fold = [], [], []
    for x, y, own in zip(scaled(brains), scaled(targets), groups, strict=True):
        r, w, times = lagged(x, y, first, last)
        of = np.array([names.index(name) % n_folds for name in own])
        for t in times:
            touched = of[t + min(first, 0) : t + max(last, 0) + 1]
            fold.append(touched[0] if len(set(touched)) == 1 else -1)
        rows.append(r)
        wanted.append(w)
    rows, wanted, fold = np.concatenate(rows), np.concatenate(wanted), np.array(fold)
    errors = []
    for alpha in alphas:
        error = 0.0
        for k in range(n_folds):
            train, test = (fold != k) & (fold >= 0), fold == k
            model = Ridge(alpha=alpha * train.sum(), fit_intercept=False).fit(rows[train], wanted[train])
            error += ((model.predict(rows[test]) - wanted[test]) ** 2).sum()
        errors.append(error / (wanted.shape[1] * (fold >= 0).sum()))
    best = alphas[int(np.argmin(errors))]
    return errors, Ridge(alpha=best * len(rows), fit_intercept=False).fit(rows, wanted).coef_


@pytest.mark.parametrize("n_sensors", [5, 60])  # 60 sensors at 5 lags are more columns than rows: the kernel
@pytest.mark.parametrize(("first", "last"), [(0, 4), (-2, 2)])
def test_whole_groups_choose_the_penalty(n_sensors, first, last):
    brains, targets = simulated(73, 50, 88, noise=4.0, n_sensors=n_sensors)
    groups = [["a"] * 30 + ["b"] * 43, ["c"] * 50, ["a"] * 20 + ["d"] * 68]  # "a" is in two stretches
    alphas = (1e-4, 1e-2, 1.0, 100.0)
    decoder = RidgeDecoder(sfreq=1.0, lags_s=(first, last), alphas=alphas, n_folds=3).fit(brains, targets, groups)
    errors, weights = by_hand(brains, targets, groups, alphas, first, last, 3)
    np.testing.assert_allclose(decoder.errors.numpy(), errors, rtol=1e-8)
    np.testing.assert_allclose(decoder.weights.numpy(), weights.reshape(2, n_sensors, -1), atol=1e-8)


def test_components_are_a_ridge_on_projected_sensors():
    brains, targets = simulated(90, 80, n_sensors=7)
    whole = RidgeDecoder(sfreq=1.0, lags_s=(0, 3), alphas=[0.3]).fit(brains, targets)
    same = RidgeDecoder(sfreq=1.0, lags_s=(0, 3), alphas=[0.3], n_components=7).fit(brains, targets)
    assert torch.equal(same.weights, whole.weights)
    few = RidgeDecoder(sfreq=1.0, lags_s=(0, 3), alphas=[0.3], n_components=3).fit(brains, targets)
    x = scaled(brains)
    basis = np.linalg.svd(np.concatenate(x), full_matrices=False)[2][:3].T
    parts = [lagged(one @ basis, y, 0, 3)[:2] for one, y in zip(x, scaled(targets), strict=True)]
    rows, wanted = (np.concatenate(part) for part in zip(*parts, strict=True))
    expected = Ridge(alpha=0.3 * len(rows), fit_intercept=False).fit(rows, wanted).coef_.reshape(2, 3, 4)
    np.testing.assert_allclose(few.weights.numpy(), np.einsum("ck,fkl->fcl", basis, expected), atol=1e-9)
    with pytest.raises(UserError, match="n_components is 0"):
        RidgeDecoder(sfreq=1.0, n_components=0)


def test_bad_groups_and_too_short_stretches():
    brains, targets = simulated(50, 60)
    decoder = RidgeDecoder(sfreq=1.0, lags_s=(0, 3), n_folds=3)
    with pytest.raises(UserError, match="2 different; expected one a row, and at least 3"):
        decoder.fit(brains, targets, [["a"] * 50, ["b"] * 60])
    with pytest.raises(ValueError, match="groups are of"):
        decoder.fit(brains, targets, [["a"] * 50, ["b"] * 59])
    with pytest.raises(ValueError, match="no stretch is longer than the lags"):
        RidgeDecoder(sfreq=1.0, lags_s=(0, 80)).fit(brains, targets)


def test_a_state_makes_the_same_decoder():
    brains, targets = simulated(50, 60)
    decoder = RidgeDecoder(sfreq=1.0, lags_s=(0, 3)).fit(brains, targets)
    again = RidgeDecoder(sfreq=1.0, lags_s=(0, 3)).load_state_dict(decoder.state_dict())
    assert again.alpha == decoder.alpha and torch.equal(again.predict(brains[0]), decoder.predict(brains[0]))
    with pytest.raises(ValueError, match="4 lags; this decoder has 3"):
        RidgeDecoder(sfreq=1.0, lags_s=(0, 2)).load_state_dict(decoder.state_dict())


@pytest.mark.parametrize(("first", "last"), [(2, 4), (-4, -2), (-1, 2)])
def test_a_stretch_shorter_than_its_lags_is_predicted_with_the_brain_at_its_mean_beside_it(first, last):
    brains, targets = simulated(90)
    ridge = RidgeDecoder(sfreq=1.0, lags_s=(first, last), alphas=[1.0]).fit(brains, targets)
    mean = brains[0].mean(0).expand(6, -1)
    for n in (1, 2, 3):
        padded = torch.cat([mean, brains[0][:n], mean])
        torch.testing.assert_close(ridge.predict(brains[0][:n]), ridge.predict(padded)[6 : 6 + n])
