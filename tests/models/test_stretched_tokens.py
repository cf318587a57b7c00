"""Decoded tokens that a regression shrank are brought to the variance of true ones, from training clips."""

import pytest
import torch

from n2s.models.sound_generator import SmallAudioLDM2
from n2s.models.sound_maker import SoundMaker

N, DIM = 40, 12


@pytest.fixture
def maker():
    torch.manual_seed(0)
    return SoundMaker(SmallAudioLDM2(channels=(8, 8, 8, 8)), DIM, n_bands=128, duration_s=0.3)


@pytest.fixture
def true(maker):
    return 3 + torch.linspace(0.1, 5, DIM) * torch.randn(N, *maker.gain.shape)


def test_nothing_is_changed_unless_matched(maker, true):
    assert not maker.matched and torch.equal(maker.stretched(true), true)


def test_mean_and_deviation_are_those_of_true_tokens(maker, true):
    decoded = 1 + 0.05 * true + 0.01 * torch.randn(true.shape)
    decoded[:, 2, 3] = 7.0  # what never changes only moves
    maker.match(decoded, (true.mean(0), true.std(0)))
    found = maker.stretched(decoded)
    torch.testing.assert_close(found.mean(0), true.mean(0), atol=1e-3, rtol=1e-3)
    deviation = true.std(0)
    deviation[2, 3] = 0.0
    torch.testing.assert_close(found.std(0), deviation, atol=1e-3, rtol=1e-3)
    assert torch.corrcoef(torch.stack([found[:, 0, -1], true[:, 0, -1]]))[0, 1] > 0.99


def test_it_is_kept_with_the_weights(maker, true):
    maker.match(0.1 * true.half(), (true.mean(0), true.std(0)))  # as they are kept: in half precision
    again = SoundMaker(SmallAudioLDM2(channels=(8, 8, 8, 8)), DIM, n_bands=128, duration_s=0.3)
    again.load_state_dict(maker.state_dict())
    assert again.matched and torch.equal(again.stretched(true), maker.stretched(true))
