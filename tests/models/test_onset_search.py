"""The search for the window inside a trial: it finds what begins at unknown times, costs little where times are known, and no noise."""

import copy

import numpy as np
import pytest
from scipy.special import log_softmax, logsumexp

from n2s.errors import UserError
from n2s.findings import kept
from n2s.models import OnsetSearch, WindowElasticNet, WindowLDA
from n2s.models.onset_search import calibrated_loss

K, C, T, WIDTH = 3, 6, 40, 10


def trials(n: int, *, jitter: int, signal: float = 1.0, seed: int = 0):
    """Trials in which a class' pattern of 10 samples begins ``jitter`` samples earlier or later than the middle, at most."""
    rng = np.random.default_rng(seed)
    y, moved = np.arange(n) % K, rng.integers(-jitter, jitter + 1, n)
    pattern = np.random.default_rng(99).standard_normal((K, C, WIDTH))
    pattern += 0.7 * np.random.default_rng(98).standard_normal((C, WIDTH))  # what all classes have in common
    x = rng.standard_normal((n, C, T))
    for i, (label, at) in enumerate(zip(y, 15 + moved, strict=True)):
        x[i, :, at : at + WIDTH] += signal * pattern[label]
    return x.astype(np.float32), y, np.arange(n) // 15, moved


def accuracy(model, train, test) -> float:
    found = copy.deepcopy(model).fit(*train[:3]).log_proba(test[0]).argmax(1)
    return float((found == test[1]).mean())


def search(**options) -> OnsetSearch:
    return OnsetSearch(WindowLDA(n_bins=None), share=0.5, n_starts=11, **options)


def test_what_begins_at_unknown_times_is_found():
    train, test = trials(90, jitter=8, seed=1), trials(300, jitter=8, seed=2)
    fixed = accuracy(WindowLDA(n_bins=None), (train[0][:, :, 10:30], *train[1:]), (test[0][:, :, 10:30], test[1]))
    whole = accuracy(WindowLDA(n_bins=None), train, test)
    found = accuracy(search(), train, test)
    assert found > max(fixed, whole) + 0.12  # three standard errors of the difference


def test_chosen_starts_follow_those_that_were_planted():
    train = trials(90, jitter=8, signal=1.5, seed=1)
    model = search().fit(*train[:3])
    assert not model.fixed
    assert np.corrcoef(model.chosen, train[3])[0, 1] > 0.6


def test_where_times_are_known_a_search_costs_little():
    train, test = trials(90, jitter=0, signal=0.2, seed=1), trials(600, jitter=0, signal=0.2, seed=2)
    fixed = accuracy(WindowLDA(n_bins=None), (train[0][:, :, 10:30], *train[1:]), (test[0][:, :, 10:30], test[1]))
    assert 0.45 < fixed < 0.95 and accuracy(search(), train, test) > fixed - 0.04
    model = search().fit(*train[:3])
    if model.fixed:  # then it is the plain classifier
        plain = WindowLDA(n_bins=None).fit(train[0][:, :, 10:30], *train[1:3])
        np.testing.assert_allclose(model.log_proba(test[0]), plain.log_proba(test[0][:, :, 10:30]), atol=1e-6)


@pytest.mark.parametrize("options", [{}, {"may_be_fixed": False, "prior": "flat"}])
def test_noise_is_guessed(options):
    """Starts are chosen by labels in training: if that reached the test, noise would be above chance."""
    found = [
        accuracy(search(n_rounds=2, **options), trials(60, jitter=8, signal=0, seed=seed), trials(60, jitter=8, signal=0, seed=100 + seed))
        for seed in range(12)
    ]  # fmt: skip
    assert np.mean(found) == pytest.approx(1 / K, abs=3 * np.sqrt(2 / 9 / (12 * 60)))


def test_a_trial_is_the_sum_over_its_starts():
    """Against the plain formula: odds of a class against windows that begin elsewhere, summed over starts with their prior."""
    train, test = trials(60, jitter=6, seed=1), trials(8, jitter=6, seed=2)
    model = search(may_be_fixed=False).fit(*train[:3])
    starts = np.unique(np.linspace(0, 20, 11).round().astype(int))
    at = np.searchsorted(starts, model.chosen)
    counts = np.bincount(at, minlength=11) + 1
    aligned = np.stack([one[:, s : s + 20] for one, s in zip(train[0], model.chosen, strict=True)])
    far = [20 if s < 10 or (s == 10 and i % 2 == 0) else 0 for i, s in enumerate(model.chosen)]
    elsewhere = np.stack([one[:, s : s + 20] for one, s in zip(train[0], far, strict=True)])
    inside = WindowLDA(n_bins=None).fit(np.concatenate([aligned, elsewhere]), np.r_[train[1], np.full(60, K)])
    sums = []
    for start, prior in zip(starts, counts / counts.sum(), strict=True):
        said = inside.log_proba(test[0][:, :, start : start + 20])
        sums.append(np.log(prior) + said[:, :K] - said[:, K:])
    np.testing.assert_allclose(model.log_proba(test[0]), log_softmax(logsumexp(sums, axis=0), axis=1), atol=1e-8)
    again = search().load(model.state())
    assert (again.log_proba(test[0]) == model.log_proba(test[0])).all()


def test_a_class_without_trials_and_another_classifier_inside():
    x, y, groups, _ = trials(48, jitter=4, signal=2.0)
    model = OnsetSearch(
        WindowElasticNet([0.1], l1_ratios=[0.5], n_bins=5), share=0.5, n_starts=5, n_rounds=1, n_folds=2
    )
    found = model.fit(x, np.where(y > 0, y + 1, y), groups, n_classes=4).log_proba(x)
    assert found.shape == (48, 4) and (found.argmax(1) != 1).all()
    np.testing.assert_allclose(np.exp(found).sum(1), 1)
    assert model.settings()["classifier"]["class"] == "WindowElasticNet"


def test_without_groups_parts_of_the_trials_are_held_out_and_that_is_told():
    x, y, _, _ = trials(30, jitter=4)
    with kept() as told:
        search().fit(x, y)
    assert "consecutive parts" in told[0].text and len(told) == 1


def test_boldness_does_not_count():
    rng = np.random.default_rng(0)
    y = np.arange(90) % K
    told = log_softmax(rng.standard_normal((90, K)) + 2 * np.eye(K)[y], axis=1)
    assert calibrated_loss(1.9 * told, y, K) == pytest.approx(calibrated_loss(told, y, K), abs=0.01)
    assert calibrated_loss(-told, y, K) == pytest.approx(np.log(K))  # worse than nothing is nothing


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"share": 1.0}, "share is 1"),
        ({"n_starts": 1}, "n_starts is 1; expected a whole number from 2"),
        ({"n_folds": 1}, "n_folds is 1"),
        ({"prior": "some"}, "prior is 'some'; expected one of learned, flat"),
    ],
)
def test_options_that_cannot_be(options, message):
    with pytest.raises(UserError, match=message):
        OnsetSearch(**options)


def test_trials_that_are_too_short():
    x, y, groups, _ = trials(30, jitter=4)
    with pytest.raises(UserError, match="trials have 2 samples, and windows inside 2; .*data.window_s"):
        OnsetSearch(share=0.9).fit(x[:, :, :2], y, groups)
