"""The network of Millet & King 2021: its sizes, what a frame sees, and that padding changes nothing."""

import pytest
import torch

from n2s.errors import UserError
from n2s.models import SpeechNet
from n2s.models.speech_net import LAYERS, N_RECEIVED, FrameNorm

SMALL = {"n_classes": 5, "n_inputs": 24, "channels": (2, 3, 4), "hidden": 6}


@pytest.fixture
def small():
    return SpeechNet.seeded(0, **SMALL).eval()


def test_the_papers_network_has_the_papers_sizes():
    """Counted by hand from its section 2.3, with 28 characters and the blank."""
    net = SpeechNet(29)
    convs = 32 * 11 * 41 + 64 * 32 * 11 * 21 + 96 * 64 * 11 * 21
    norms = 2 * (32 + 64 + 96)
    gru = 2 * 3 * (256 * (96 * 20) + 256 * 256 + 2 * 256)
    assert sum(one.numel() for one in net.parameters()) == convs + norms + gru + (512 * 29 + 29) == 5_267_453
    assert net.sizes == {"conv1": 32 * 80, "conv2": 64 * 40, "conv3": 96 * 20, "rnn": 512, "linear": 29}


@pytest.mark.parametrize("n", [1, 2, 7, 8, 50, 101])
def test_there_is_a_frame_for_every_other_frame(small, n):
    found = small.layers(torch.randn(2, n, 24))
    assert list(found) == list(LAYERS)
    for name, values in found.items():
        assert values.shape == (2, (n + 1) // 2, small.sizes[name])
    assert SpeechNet.n_frames(n) == (n + 1) // 2
    assert torch.allclose(small(torch.randn(1, n, 24)).exp().sum(-1), torch.ones(1, (n + 1) // 2))


def test_a_frame_of_the_convolutions_sees_half_a_second_around_it(small):
    x = torch.randn(1, 200, 24, requires_grad=True)
    small.layers(x, names=["conv3"])["conv3"][0, 50].sum().backward()
    seen = x.grad[0].abs().sum(1).nonzero()[:, 0]
    half = N_RECEIVED // 2
    assert 100 - half <= seen.min() and seen.max() <= 100 + half
    assert seen.max() - seen.min() > half  # and not much less


@pytest.mark.parametrize("training", [False, True])
def test_padding_never_changes_a_clip(small, training):
    small.train(training)
    x, lengths = torch.randn(3, 61, 24), torch.tensor([61, 40, 15])
    wide = torch.cat([x, 1e3 * torch.randn(3, 30, 24)], 1)
    short, long = (small.layers(values, lengths) for values in (x, wide))
    for name in LAYERS:
        for row, n in enumerate(SpeechNet.n_frames(lengths)):
            assert torch.allclose(short[name][row, :n], long[name][row, :n], atol=1e-5), name
            if not training:  # then a clip alone has the same output, too
                alone = small.layers(x[row : row + 1, : lengths[row]])[name]
                assert torch.allclose(short[name][row, :n], alone[0], atol=1e-5), name


def test_norm_is_torchs_where_nothing_is_padded():
    x, ours, theirs = torch.randn(4, 3, 10, 6), FrameNorm(3), torch.nn.BatchNorm2d(3, eps=1e-3)
    assert torch.allclose(ours(x, torch.ones(4, 1, 10, 1)), theirs(x), atol=1e-5)
    assert torch.allclose(ours.running_var, theirs.running_var) and torch.allclose(
        ours.running_mean, theirs.running_mean
    )
    ours.eval(), theirs.eval()
    assert torch.allclose(ours(x, torch.ones(4, 1, 10, 1)), theirs(x), atol=1e-6)


def test_seeds_are_the_weights_and_leave_other_randomness_alone():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    one, two, other = (SpeechNet.seeded(seed, **SMALL).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(value, two[name]) for name, value in one.items())
    assert not torch.equal(one["linear.weight"], other["linear.weight"])
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("wrong", [{"n_classes": 1}, {"channels": (2, 3)}, {"hidden": 0}])
def test_impossible_sizes(wrong):
    with pytest.raises(UserError, match="expected"):
        SpeechNet(**(SMALL | wrong))


def test_unknown_layer(small):
    with pytest.raises(UserError, match="conv4.*conv1, conv2"):
        small.layers(torch.randn(1, 9, 24), names=["conv4"])
