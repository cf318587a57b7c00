import math

import numpy as np
import pytest
import torch

from n2s.errors import UserError
from n2s.models.spatial_attention import SpatialAttention, fourier_embedding


def _naive_weights(heads, position, kept):
    """One row, sensor by sensor and wave by wave: ``(o, n_fourier), (c, 2), (c,) -> (o, c)``."""
    n_waves = round(math.sqrt(heads.shape[1] / 2))
    weights = np.zeros((len(heads), len(position)))
    for o, head in enumerate(heads):
        score = np.full(len(position), -np.inf)
        for c, (x, y) in enumerate(position):
            if kept[c]:
                waves = [
                    2 * math.pi / 1.4 * (p * (x + 0.2) + q * (y + 0.2)) for p in range(n_waves) for q in range(n_waves)
                ]
                terms = [math.cos(w) for w in waves] + [math.sin(w) for w in waves]
                score[c] = sum(a * b for a, b in zip(head, terms, strict=True))
        weights[o] = np.exp(score - score.max())
        weights[o] /= weights[o].sum()
    return weights


def _batch(b=3, c=7, t=5):
    torch.manual_seed(0)
    return torch.randn(b, c, t), torch.rand(b, c, 2)


def test_embedding_of_one_place():
    embedding = fourier_embedding(torch.tensor([0.3, 0.9]), 8, margin=0.2)
    x, y = 2 * math.pi * 0.5 / 1.4, 2 * math.pi * 1.1 / 1.4
    expected = [1, math.cos(y), math.cos(x), math.cos(x + y), 0, math.sin(y), math.sin(x), math.sin(x + y)]
    torch.testing.assert_close(embedding, torch.tensor(expected), atol=1e-6, rtol=0)


@pytest.mark.parametrize("shared", ["all", "some", "one row"])
def test_matches_a_naive_loop(shared):
    brain, positions = _batch()
    if shared == "some":
        positions[2] = positions[0]
    elif shared == "all":
        positions[:] = positions[:1].clone()
    layer = SpatialAttention(4, 18).eval()
    mask = torch.tensor([[1, 1, 1, 1, 1, 1, 1], [1, 0, 1, 1, 1, 0, 1], [0, 0, 0, 1, 1, 1, 1]], dtype=torch.bool)
    given = positions[:1] if shared == "one row" else positions
    found = layer(brain, given, mask).detach()
    for row in range(3):
        place = given[0 if shared == "one row" else row].double().numpy()
        weights = _naive_weights(layer.heads.detach().double().numpy(), place, mask[row])
        np.testing.assert_allclose(found[row], weights @ brain[row].double().numpy(), atol=2e-6)


def test_without_mask_all_sensors_count():
    brain, positions = _batch()
    layer = SpatialAttention(4, 18).eval()
    torch.testing.assert_close(layer(brain, positions), layer(brain, positions, torch.ones(3, 7, dtype=torch.bool)))


def test_masked_sensors_may_hold_anything():
    brain, positions = _batch()
    mask = torch.rand(3, 7) > 0.3
    layer = SpatialAttention(4, 18).eval()
    expected = layer(brain, positions, mask)
    brain[~mask] = torch.nan
    positions[~mask] = -0.1
    torch.testing.assert_close(layer(brain, positions, mask), expected)


def test_a_row_without_sensors_is_zero():
    brain, positions = _batch()
    mask = torch.ones(3, 7, dtype=torch.bool)
    mask[1] = False
    found = SpatialAttention(4, 18)(brain, positions, mask)
    assert found.isfinite().all() and not found[1].any() and found[0].any()


def test_sensors_are_a_set():
    brain, positions = _batch()
    layer, order = SpatialAttention(4, 18).eval(), torch.randperm(7)
    torch.testing.assert_close(layer(brain, positions), layer(brain[:, order], positions[:, order]))


def test_one_disc_a_batch_and_none_in_evaluation():
    layer = SpatialAttention(4, 18, dropout=0.25)
    side = torch.linspace(0, 1, 11)
    positions = torch.cartesian_prod(side, side).expand(6, -1, -1)
    for seed in range(20):
        torch.manual_seed(seed)
        dropped = (layer.weights(positions) == 0).all(1)
        torch.manual_seed(seed)
        centre = torch.rand(2)
        assert torch.equal(dropped[0], (positions[0] - centre).norm(dim=-1) <= 0.25)
        assert (dropped == dropped[0]).all() and dropped[0].any()
    assert (layer.eval().weights(positions) > 0).all()


def test_a_disc_over_all_valid_sensors_keeps_them():
    layer = SpatialAttention(4, 18, dropout=2.0)
    brain, positions = _batch()
    mask = torch.rand(3, 7) > 0.4
    torch.testing.assert_close(layer.train()(brain, positions, mask), layer.eval()(brain, positions, mask))
    torch.testing.assert_close(layer.train()(brain, positions), layer.eval()(brain, positions))


def test_gradient():
    torch.manual_seed(0)
    layer = SpatialAttention(3, 8, dropout=0).double()
    positions = torch.rand(2, 4, 2).double()
    brain = torch.randn(2, 4, 3).double().requires_grad_()
    mask = torch.tensor([[1, 1, 1, 1], [1, 0, 1, 1]], dtype=torch.bool)

    def with_heads(heads, brain):
        return torch.func.functional_call(layer, {"heads": heads}, (brain, positions, mask))

    assert torch.autograd.gradcheck(with_heads, (layer.heads, brain))


def test_weights_are_float32_under_autocast():
    brain, positions = _batch()
    layer = SpatialAttention(4, 18).eval()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        weights, out = layer.weights(positions), layer(brain, positions)
    assert out.dtype == torch.bfloat16
    assert torch.equal(weights, layer.weights(positions))


def test_float16_recordings_are_taken():
    brain, positions = _batch()
    layer = SpatialAttention(4, 18).eval()
    torch.testing.assert_close(layer(brain.half(), positions.half()), layer(brain, positions), atol=0.02, rtol=0)


def test_initial_scale():
    torch.manual_seed(0)
    assert SpatialAttention().heads.std().item() * math.sqrt(2048) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("n_fourier", [0, 7, 100, 2047])
def test_n_fourier_must_be_twice_a_square(n_fourier):
    with pytest.raises(UserError, match=f"n_fourier is {n_fourier}.*twice a square"):
        SpatialAttention(4, n_fourier)


def test_kinds_have_maps_of_their_own():
    """Three sensors at one place: one map gives them one weight, three maps do not; each is that of a layer of its own."""
    positions = torch.rand(1, 4, 2).repeat_interleave(3, 1)
    kind = torch.arange(3).repeat(4)[None]
    one = SpatialAttention(5, 18).eval().weights(positions)[0].unflatten(-1, (4, 3))
    torch.testing.assert_close(one[..., 0], one[..., 1])
    layer = SpatialAttention(5, 18, n_kinds=3).eval()
    scores = []
    for k in range(3):
        alone = SpatialAttention(5, 18).eval()
        alone.heads.data = layer.heads.data[k]
        scores.append(torch.einsum("of,bcf->boc", alone.heads, fourier_embedding(positions, 18, alone.margin)))
    chosen = torch.stack(scores, -1)[..., torch.arange(12), kind[0]].softmax(-1)
    torch.testing.assert_close(layer.weights(positions, kind=kind), chosen)
    torch.testing.assert_close(  # layouts of other places and kinds in one batch
        layer.weights(torch.cat([positions, positions.flip(1)]), kind=torch.cat([kind, kind.flip(1)]))[1],
        chosen[0].flip(-1),
    )
    assert not torch.allclose(layer.weights(positions), layer.weights(positions, kind=kind))
