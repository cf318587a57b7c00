"""A ridge of low rank with its noise: what it finds in data that were made so, and what the choice may know."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from n2s.systems.fusion.low_rank import Rows, TooFewSounds, fit_low_rank, folds, information, white, whitening


def made(seed=0, *, gain=1.0, n_sounds=8, t=6, per=12, v=10):
    """Rows of sounds: four features drive two patterns, in noise that columns share."""
    rng = np.random.default_rng(seed)
    n = n_sounds * per * t
    design = rng.standard_normal((n, 2, 8))
    weights = np.zeros((2, 8, v))
    heard, seen = (np.linalg.qr(rng.standard_normal((size, 2)))[0] for size in (4, v))
    weights[0, :4] = gain * heard @ seen.T
    mixing = mixing_of(v)
    noise = rng.standard_normal((n, v)) @ mixing
    response = np.einsum("nqf,qfv->nv", design, weights) + noise
    group, windows = np.repeat(np.arange(n_sounds), per * t), np.arange(n).reshape(-1, t)
    place = np.arange(n) + 1000 * group  # a run each
    rows = Rows(design, response, group, place, windows, (1, 2), (0.0, 0.3), coloured=False)
    return rows, weights, mixing.T @ mixing


def mixing_of(v):
    return np.eye(v) + 0.3 * np.random.default_rng(5).standard_normal((v, v))


def test_weights_and_noise_are_those_of_the_data():
    rows, weights, noise = made()
    model = fit_low_rank(rows)
    assert model.chosen["rank"] == 2 and model.chosen["lags"] == 1 and model.chosen["features"] in (4, 8)
    expected, found = weights[0] @ model.components, model.weights[0]
    assert np.corrcoef(expected.ravel(), found.ravel())[0, 1] > 0.98
    np.testing.assert_allclose(model.components.T @ noise @ model.components, np.eye(2), atol=0.25)
    assert not model.weights[1].any()


def test_left_out_segments_are_scored_as_dense_gaussians():
    rows, *_ = made(n_sounds=3, v=3)
    model = fit_low_rank(rows)
    assert len(model.held_out) == 3  # folds
    for one in model.held_out:
        assert one.shape == (12, 12)
    # all of it by hand, for the fit to all rows: scores differ as densities do
    would = np.einsum("nqf,qfr->nr", rows.design, model.weights)[rows.windows[:5]]
    seen = (rows.response @ model.components)[rows.windows[:5]]
    scores = np.einsum("ntr,ktr->nk", seen, would) - 0.5 * np.square(would).sum((1, 2))
    expected = np.array([[multivariate_normal.logpdf(y.ravel(), m.ravel()) for m in would] for y in seen])
    np.testing.assert_allclose(scores - scores[:, :1], expected - expected[:, :1], atol=1e-8)


def test_nothing_is_found_in_noise():
    found = [fit_low_rank(made(seed, gain=0.0)[0]).chosen["information"] for seed in range(3)]
    assert max(found) < 0.15  # nats: the best of a hundred choices, of 96 segments
    rows, *_ = made(gain=0.0, v=100, per=3)  # more columns than rows of a fold: no choice may know left-out noise
    assert fit_low_rank(rows).chosen["information"] < 0.15


def test_the_choice_says_how_well_new_sounds_are_told_apart():
    rows, weights, _ = made(gain=0.5)
    model = fit_low_rank(rows)
    assert model.chosen["information"] == pytest.approx(information(model.held_out))
    noise = np.random.default_rng(77).standard_normal(rows.response.shape) @ mixing_of(10)
    design = np.random.default_rng(78).standard_normal(rows.design.shape)
    response = np.einsum("nqf,qfv->nv", design, weights) + noise
    would = np.einsum("nqf,qfr->nr", design, model.weights)[rows.windows].reshape(len(rows.windows), -1)
    seen = (response @ model.components)[rows.windows].reshape(len(rows.windows), -1)
    scores = seen @ would.T - 0.5 * np.square(would).sum(1)
    blocks = [scores[at : at + 24, at : at + 24] for at in range(0, 96, 24)]
    assert information(blocks) == pytest.approx(model.chosen["information"], abs=0.5)


def test_noise_over_time_is_taken_out():
    memory = 0.6 ** np.arange(7)
    filtering = whitening(memory, 7)
    covariance = memory[np.abs(np.subtract.outer(np.arange(7), np.arange(7)))]
    np.testing.assert_allclose(filtering @ covariance @ filtering.T, np.eye(7), atol=1e-6)
    noise = np.cov(np.random.default_rng(0).standard_normal((5, 40)))
    turn = white(noise, 0.0)
    np.testing.assert_allclose(turn.T @ noise @ turn, np.eye(5), atol=1e-9)


def test_two_sounds_are_too_few():
    with pytest.raises(TooFewSounds, match="2 sounds; expected 3 or more"):
        fit_low_rank(made(n_sounds=2)[0])


def test_neighbouring_sounds_of_a_run_are_in_one_fold():
    rows, *_ = made(n_sounds=12, per=2)
    assert folds(rows)[::12].tolist() == [0, 1, 2, 3] * 3  # runs of one sound
    rows.place = np.arange(len(rows.group)) + 1000 * (rows.group // 3)
    assert folds(rows)[::12].tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    rows.place = np.arange(len(rows.group))  # one run: sounds that follow each other
    assert folds(rows)[::12].tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    rows.place = np.arange(len(rows.group)) + 1000 * (rows.group // 3)
    rows.group = rows.group % 6  # six sounds, each in two of four runs
    assert folds(rows)[::12].tolist() == folds(rows)[::12].tolist()[:6] * 2


def test_what_an_error_hides_is_not_called_too_few_sounds():
    rows, *_ = made()
    rows.response = rows.response[:-1]
    with pytest.raises((ValueError, IndexError)):
        fit_low_rank(rows)
