"""The linear decoder beside the network: it finds what was heard, is at chance on noise, and needs one stimulus alone."""

import numpy as np
import pytest
import torch
from scipy.signal import lfilter
from sklearn.linear_model import Ridge

from n2s.systems.contrastive.linear_decoder import N_FOLDS, Decoder, folds

T, F, C = 30, 4, 12
DELAYS = np.arange(0, 6)


def windows(rng, n, signal):
    """Targets that change slowly, and sensors that follow them 3 samples later in mixed noise."""
    target = lfilter([1.0], [1.0, -0.6], rng.normal(size=(n, F, T + 20)), axis=2)[..., 20:]
    mixing = np.random.default_rng(5).normal(size=(C, F))
    late = np.concatenate([np.zeros((n, F, 3)), target[..., :-3]], 2)
    return tuple(
        torch.tensor(one, dtype=torch.float32) for one in (signal * mixing @ late + rng.normal(size=(n, C, T)), target)
    )


@pytest.mark.parametrize(("signal", "least", "most"), [(1.0, 0.8, 1.0), (0.0, 0.0, 0.15)])
@pytest.mark.parametrize("n_stimuli", [6, 1])
def test_it_finds_what_was_heard_and_nothing_in_noise(signal, least, most, n_stimuli):
    rng = np.random.default_rng(0)
    brain, target = windows(rng, 60, signal)
    decoder = Decoder(DELAYS).fit(brain, target, folds(np.repeat(np.arange(n_stimuli), 60 // n_stimuli)))
    brain, target = windows(rng, 40, signal)
    hits = (decoder.scores(brain, target).argmax(1) == torch.arange(40)).float().mean()
    assert least <= hits <= most


def test_it_is_the_ridge_of_scikit_learn():
    brain, target = windows(np.random.default_rng(1), 30, 0.5)
    decoder = Decoder(DELAYS).fit(brain, target, folds(np.zeros(30, int)))
    padded = torch.nn.functional.pad(brain - decoder.mean[:, None], (0, int(DELAYS[-1])))
    rows = (
        torch.stack([padded[..., d : d + T] for d in DELAYS], -1)
        .permute(0, 2, 3, 1)
        .reshape(30 * T, -1)
        .double()
        .numpy()
    )
    wanted = target.permute(0, 2, 1).reshape(30 * T, F).double().numpy()
    expected = Ridge(alpha=decoder.ridge.alpha_.double().numpy()).fit(rows, wanted)
    found = decoder.predict(brain).permute(0, 2, 1).reshape(30 * T, F)
    # all 12 components of 12 sensors: a rotation, which a ridge does not notice; the mean is not fitted apart
    np.testing.assert_allclose(found, expected.predict(rows) - expected.intercept_, rtol=1e-2, atol=1e-2)


def test_a_level_of_its_own_in_each_dimension_does_not_matter():
    brain, target = windows(np.random.default_rng(0), 60, 0.3)
    group = folds(np.repeat(np.arange(6), 10))
    plain, raised = (
        Decoder(DELAYS).fit(brain, one, group).scores(brain, one)
        for one in (target, target + torch.tensor([0.0, 4, 30, -100])[:, None])
    )
    assert torch.allclose(raised, plain, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("alike", "signal"), [(1, 0.05), (8, 0.25)])
def test_scores_differ_as_log_likelihoods_do(alike, signal):
    """The probability that they give to what was heard is about how often it is first, also where frames repeat each other ``alike`` times."""
    rng, group = np.random.default_rng(2), folds(np.repeat(np.arange(10), 20))
    mixing = rng.normal(size=(C, F))

    def some(n):
        target, noise = (rng.normal(size=(n, one, 48 // alike)).repeat(alike, 2) for one in (F, C))
        return tuple(torch.tensor(one, dtype=torch.float32) for one in (signal * mixing @ target + noise, target))

    decoder = Decoder(np.zeros(1, int)).fit(*some(200), group)
    brain, target = some(300)
    scores = decoder.scores(brain, target)
    first = float((scores.argmax(1) == torch.arange(300)).float().mean())
    given = float(torch.softmax(scores.double(), 1).diagonal().mean())
    assert 0.2 < first < 0.8 and 0.3 * first < given < 1.5 * first  # 1 / 300 if their size is any


def test_folds_are_stimuli_or_parts_of_time():
    assert folds(np.repeat(np.arange(7), 3)).tolist() == np.repeat(np.arange(7), 3).tolist()
    assert folds(np.zeros(10, int)).tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert len(np.unique(folds(np.zeros(N_FOLDS, int)))) == N_FOLDS


def test_bad_sensors_do_no_harm():
    brain, target = windows(np.random.default_rng(1), 60, 1.0)
    brain[:, 0] = 0
    brain[:, 1] = brain[:, 2] + brain[:, 3]
    scores = Decoder(DELAYS).fit(brain, target, folds(np.repeat(np.arange(6), 10))).scores(brain, target)
    assert torch.isfinite(scores).all() and (scores.argmax(1) == torch.arange(60)).float().mean() > 0.8
