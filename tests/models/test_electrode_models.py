"""Ridge, elastic net and GRU per electrode: against scikit-learn, on what is known, and refusals."""

import copy

import numpy as np
import pytest
import torch
from sklearn.linear_model import ElasticNet, Ridge

from n2s.errors import UserError
from n2s.models import ElectrodeElasticNet, ElectrodeGRU, ElectrodeRidge

RNG = np.random.default_rng(0)


def problem(n=400, p=12, v=3, noise=1.0):
    x = RNG.standard_normal((n, p)).astype(np.float32)
    weights = RNG.standard_normal((p, v)) * (RNG.random((p, v)) < 0.3)
    y = (x @ weights + noise * RNG.standard_normal((n, v)) + 2).astype(np.float32)
    return torch.from_numpy(x), torch.from_numpy(y), np.repeat(np.arange(10), n // 10)


def test_elastic_net_is_scikit_learns():
    x, y, groups = problem()
    for l1_ratio in (0.3, 1.0):
        model = ElectrodeElasticNet([0.1], l1_ratio=l1_ratio).fit(x, y, groups)
        centred, target = x.double().numpy() - x.double().numpy().mean(0), y.double().numpy()
        for one in range(3):
            largest = np.abs(centred.T @ (target[:, one] - target[:, one].mean())).max() / (len(x) * l1_ratio)
            known = ElasticNet(alpha=0.1 * largest, l1_ratio=l1_ratio, tol=1e-10, max_iter=10000).fit(x, target[:, one])
            np.testing.assert_allclose(model.state()["coef"][:, one], known.coef_, atol=2e-3)
            np.testing.assert_allclose(model.predict(x)[:, one], known.predict(x), atol=1e-2)


def test_alphas_are_chosen_over_whole_groups():
    x, y, groups = problem(n=60, p=40, noise=4.0)
    y[:, 2] = 1.5  # a constant electrode has no weights
    model = ElectrodeElasticNet(n_folds=5).fit(x, y, groups)
    scores = []
    for fraction in model.fractions:
        r2 = []
        for fold in range(5):
            train = groups % 5 != fold
            part = ElectrodeElasticNet([fraction]).fit(x[train], y[train], groups[train])
            error = (y[~train] - part.predict(x[~train])).square().sum(0)
            r2.append(1 - error / (y[~train] - y[~train].mean(0)).square().sum(0))
        scores.append(torch.stack(r2).mean(0).numpy()[:2])
    chosen = np.array(model.fractions)[np.argmax(scores, 0)]
    np.testing.assert_allclose(model.state()["penalty"][:2], chosen)
    assert not model.state()["coef"][:, 2].any() and torch.allclose(model.predict(x)[:, 2], torch.tensor(1.5))


def test_an_electrode_that_is_constant_in_a_fold_is_judged_by_the_others():
    """As the ridge does; it had the largest penalty before. Where it changes in one fold alone, no fit can be judged."""
    x, y, groups = problem(n=250)
    fold, y = groups % 5, y[:, :1].repeat(1, 4)
    y[fold == 2, 1] = 0.1  # held out once without a change
    y[fold != 3, 2] = 0.37  # trained on once without a change, and held out four times
    y[:, 3] = 0.1
    found = ElectrodeElasticNet(n_folds=5).fit(x, y, groups).state()
    assert all(torch.isfinite(value).all() for value in found.values())
    fractions = sorted(ElectrodeElasticNet().fractions, reverse=True)
    scores = []
    for fraction in fractions:
        r2 = []
        for held in (0, 1, 3, 4):
            train = fold != held
            part = ElectrodeElasticNet([fraction]).fit(x[train], y[train], groups[train])
            error = (y[~train, 1] - part.predict(x[~train])[:, 1]).square().sum()
            r2.append(1 - error / (y[~train, 1] - y[~train, 1].mean()).square().sum())
        scores.append(np.mean(r2))
    assert found["penalty"][1].item() == pytest.approx(fractions[np.argmax(scores)]) and np.argmax(scores) > 0
    assert found["penalty"][3].item() == pytest.approx(fractions[0]) and not found["coef"][:, 3].any()


def test_ridge_is_scikit_learns():
    x, y, groups = problem()
    model = ElectrodeRidge([30.0]).fit(x, y, groups)
    np.testing.assert_allclose(model.predict(x), Ridge(alpha=30.0).fit(x, y).predict(x), atol=1e-4)
    again = ElectrodeRidge([1.0]).load(model.state())
    assert torch.equal(again.predict(x), model.predict(x))


def delayed(n=2000):
    x = RNG.standard_normal((n, 2)).astype(np.float32)
    y = np.stack([np.roll(x[:, 0], 1) + 0.5 * np.roll(x[:, 1], -1), RNG.standard_normal(n)], 1).astype(np.float32)
    return torch.from_numpy(x), torch.from_numpy(y), np.repeat(np.arange(10), n // 10)


def test_the_network_finds_memory_and_knows_nothing_across_a_gap():
    x, y, groups = delayed()
    model = ElectrodeGRU(hidden=12, max_epochs=12, length=50, dropout=0.0, learning_rate=2e-2).fit(
        x, y, groups, np.zeros(len(x), int)
    )
    new_x, new_y, _ = delayed(600)
    found = model.predict(new_x, np.zeros(600, int)).numpy()
    assert np.corrcoef(found[:, 0], new_y[:, 0])[0, 1] > 0.8
    assert abs(np.corrcoef(found[:, 1], new_y[:, 1])[0, 1]) < 0.15
    stretches = np.repeat([0, 1], 300)
    halves = [model.predict(part, np.zeros(300, int)) for part in new_x.split(300)]
    assert torch.allclose(model.predict(new_x, stretches), torch.cat(halves), atol=1e-6)
    again = copy.deepcopy(ElectrodeGRU(hidden=12, length=50)).load(model.state())
    assert torch.equal(again.predict(new_x, stretches), model.predict(new_x, stretches))


def test_the_network_is_the_same_each_time():
    x, y, groups = delayed(300)
    one, other = (ElectrodeGRU(hidden=4, max_epochs=2).fit(x, y, groups, np.zeros(300, int)) for _ in range(2))
    assert all(torch.equal(one.state()[name], other.state()[name]) for name in one.state())


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: ElectrodeElasticNet([1.5]), "above 0 and below 1"),
        (lambda: ElectrodeElasticNet(l1_ratio=0.0), "or ElectrodeRidge"),
        (lambda: ElectrodeElasticNet(n_folds=1), "n_folds is 1"),
        (lambda: ElectrodeGRU(hidden=0), "hidden is 0"),
        (lambda: ElectrodeGRU(dropout=1.0), "dropout is 1"),
        (lambda: ElectrodeRidge([-1.0]), "alpha"),
        (lambda: ElectrodeGRU().fit(*problem()[:2], np.zeros(400), np.zeros(400, int)), "one group"),
        (lambda: ElectrodeElasticNet(n_folds=5).fit(*problem()[:2], np.zeros(400)), "groups"),
        (lambda: ElectrodeRidge([1.0]).fit(*problem()).predict(torch.zeros(3, 4)), "12 columns"),
    ],
)
def test_refusals(make, said):
    with pytest.raises(UserError, match=said):
        make()
