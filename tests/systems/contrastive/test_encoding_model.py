"""The encoding model as a decoder: it finds what was heard, is at chance on noise, and shifts with the offset."""

import numpy as np
import pytest
import torch
from einops import rearrange
from scipy.signal import lfilter

from n2s.systems.contrastive.encoding_model import _filtered, _fitted, _whitening
from n2s.systems.contrastive.window_rows import lagged

T, F, C = 30, 4, 12
DELAYS = np.arange(-2, 6)


def windows(rng, n, signal):
    """Targets that change slowly, and sensors that follow them 3 samples later in coloured, mixed noise."""
    target = lfilter([1.0], [1.0, -0.6], rng.normal(size=(n, F, T + 20)), axis=2)[..., 20:]
    mixing = np.random.default_rng(5).normal(size=(C, F))
    late = np.concatenate([np.zeros((n, F, 3)), target[..., :-3]], 2)
    noise = np.einsum("dc,nct->ndt", np.random.default_rng(6).normal(size=(C, C)), rng.normal(size=(n, C, T)))
    return tuple(torch.tensor(one, dtype=torch.float32) for one in (signal * mixing @ late + noise, target))


@pytest.mark.parametrize(("signal", "least", "most"), [(1.0, 0.6, 1.0), (0.0, 0.0, 0.15)])
def test_it_finds_what_was_heard_and_nothing_in_noise(signal, least, most):
    rng = np.random.default_rng(0)
    brain, target = windows(rng, 60, signal)
    model = _fitted(brain, target, np.repeat(np.arange(6), 10), DELAYS)
    brain, target = windows(rng, 40, signal)
    hits = (model.scores(target, brain, DELAYS).argmax(1) == torch.arange(40)).float().mean()
    assert least <= hits <= most


def test_the_level_of_the_target_does_not_matter():
    """Standardised by one mean over all dimensions, each keeps its own level; the edges of a window are no steps to it."""
    brain, target = windows(np.random.default_rng(0), 60, 0.3)
    stimulus = np.repeat(np.arange(6), 10)
    plain, raised = (
        _fitted(brain[:50], one[:50], stimulus[:50], DELAYS).scores(one[50:], brain[50:], DELAYS)
        for one in (target, target + torch.tensor([0.0, 4, 30, -100])[:, None])
    )
    assert torch.allclose(raised, plain, rtol=1e-2, atol=1e-2 * float(plain.std()))


def test_columns_are_the_target_some_samples_before():
    target = torch.arange(2.0 * 3 * 5).reshape(2, 3, 5)
    before = lagged(rearrange(target, "n f t -> n t f"), -np.array([-1, 0, 2]))
    found = rearrange(before, "n t (k d) -> n k d t", k=3)
    assert torch.equal(found[:, 1], target)
    assert torch.equal(found[:, 0, :, :-1], target[..., 1:]) and not found[:, 0, :, -1].any()
    assert torch.equal(found[:, 2, :, 2:], target[..., :-2]) and not found[:, 2, :, :2].any()


def test_noise_that_remembers_is_white_after_the_filter():
    noise = torch.tensor(
        lfilter([1.0], [1.0, -1.2, 0.5], np.random.default_rng(2).normal(size=(200, 150, 3)), axis=1)[:, 50:]
    )
    taps = _whitening(noise)
    np.testing.assert_allclose(taps[:3], [1.0, -1.2, 0.5], atol=0.05)
    white = _filtered(noise, taps)
    after = [float((white[:, lag:] * white[:, : white.shape[1] - lag]).mean()) for lag in range(4)]
    assert max(abs(one) for one in after[1:]) < 0.03 * after[0]
    assert torch.allclose(white[:, 0], sum(tap * noise[:, 10 - lag] for lag, tap in enumerate(taps)))


def test_a_bad_sensor_and_one_that_is_a_sum_of_others_do_no_harm():
    rng = np.random.default_rng(1)
    brain, target = windows(rng, 60, 1.0)
    brain[:, 0] = 0
    brain[:, 1] = brain[:, 2] + brain[:, 3]
    model = _fitted(brain, target, np.repeat(np.arange(6), 10), DELAYS)
    assert torch.isfinite(model.scores(target, brain, DELAYS)).all()
    assert model.sensors.shape[1] <= C - 2
