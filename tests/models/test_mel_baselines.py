"""Direct decoders: shapes, gradients, what each output depends on, and that each can learn a batch by heart."""

import pytest
import torch
from torch import nn

from n2s.models import MelBiLSTM, MelMLP, MelTransformer
from n2s.models.mel_baselines import VolumesToFrames

V, F, T = 7, 5, 12


def small(kind, **options):
    sizes = {
        MelMLP: {"hidden": (32, 16)},
        MelBiLSTM: {"dim": 16, "depth": 2, "dropout": 0.0},
        MelTransformer: {"dim": 16, "depth": 1, "n_heads": 2, "hidden": 32, "dropout": 0.0},
    }
    torch.manual_seed(0)
    return kind(V, F, T, **sizes[kind], **options)


KINDS = pytest.mark.parametrize("kind", [MelMLP, MelBiLSTM, MelTransformer])


@KINDS
def test_shapes_and_gradients(kind):
    model, bold = small(kind), torch.randn(3, V, requires_grad=True)
    found = model(bold)
    assert found.shape == (3, F, T)
    torch.testing.assert_close(model(bold[:, None]), found)  # one volume is one response
    found[0].square().sum().backward()
    assert (bold.grad[0] != 0).all() and (bold.grad[1:] == 0).all()  # every voxel counts; clips do not mix
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


@KINDS
def test_volumes_in_order_of_time(kind):
    model = small(kind, **({"n_volumes": 4} if kind is MelMLP else {})).eval()
    bold = torch.randn(2, 4, V)
    found = model(bold)
    assert found.shape == (2, F, T)
    assert (found - model(bold.flip(1))).abs().max() > 1e-3
    assert (found[:, :, 1:] - found[:, :, :-1]).abs().amax((0, 1)).min() > 1e-4  # no two frames are bound to be alike


@KINDS
def test_learns_a_batch_by_heart(kind):
    model, bold, mel = small(kind), torch.randn(6, V), torch.randn(6, F, T)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(300):
        error = (model(bold) - mel).square().mean()
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
    assert error < 0.1  # the mean over clips leaves about 5/6


@KINDS
def test_another_number_of_voxels_is_an_error(kind):
    for shape in ((2, V + 1), (2, 1, V + 1), (V,), (1, 2, 1, V)):
        with pytest.raises(ValueError, match=rf"bold is .*; expected \(b, {V}\) or"):
            small(kind)(torch.zeros(shape))


def test_a_perceptron_has_its_number_of_volumes():
    with pytest.raises(ValueError, match="3 volumes a clip; .* n_volumes=2"):
        small(MelMLP, n_volumes=2)(torch.zeros(2, 3, V))


def test_responses_are_interpolated_between_the_middles_of_volumes():
    frames = VolumesToFrames(1, 8, 1)
    with torch.no_grad():
        frames.voxels.weight.fill_(1)
        frames.voxels.bias.zero_()
        frames.places.zero_()
    # volumes of 4 frames each: middles at 2 and 6 frames; frame i has its middle at i + 1/2
    found = frames(torch.tensor([[[0.0], [4.0]]]))[0, :, 0]
    torch.testing.assert_close(found, torch.tensor([0, 0, 0.5, 1.5, 2.5, 3.5, 4, 4]))


@pytest.mark.slow
def test_published_sizes():
    with torch.device("meta"):
        perceptron, lstm, transformer = MelMLP(836, 64, 200), MelBiLSTM(836, 64, 200), MelTransformer(836, 64, 200)
    assert [layer.out_features for layer in perceptron.layers if isinstance(layer, nn.Linear)] == [256, 128, 12800]
    layer = 4 * (768 * 768 + 768) + 2 * 768 * 2048 + 2048 + 768 + 4 * 768
    ends = 837 * 768 + 200 * 768 + 769 * 64
    assert sum(p.numel() for p in transformer.parameters()) == 4 * layer + ends
    assert sum(p.numel() for p in lstm.parameters()) == 4 * 2 * 4 * 384 * (768 + 384 + 2) + ends
    for model in (perceptron, lstm, transformer):
        assert model(torch.zeros(2, 836, device="meta")).shape == (2, 64, 200)
