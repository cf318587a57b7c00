"""The acoustic decoder: shapes for any source of tokens, what it depends on, and that it can learn."""

import pytest
import torch

from n2s.models import AcousticDecoder
from n2s.models.acoustic_decoder import BrainTokens


def small(**options):
    torch.manual_seed(0)
    return AcousticDecoder(dim=16, depth=1, n_heads=2, hidden=32, dropout=0.0, max_patches=24, **options)


def test_full_size():
    with torch.device("meta"):
        model = AcousticDecoder()
    layer = 4 * (768 * 768 + 768) + 2 * 768 * 2048 + 2048 + 768  # attention, feed-forward
    norms = 2 * 768
    encoder, decoder = layer + 2 * norms, layer + 4 * (768 * 768 + 768) + 3 * norms
    assert sum(p.numel() for p in model.parameters()) == 4 * (encoder + decoder) + 2 * norms + 512 * 768
    assert model(torch.zeros(1, 2, 768, device="meta"), 208).shape == (1, 208, 768)


@pytest.mark.parametrize("m", [1, 2, 7])
@pytest.mark.parametrize("n_patch", [1, 24])
def test_any_source_of_tokens(m, n_patch):
    assert small()(torch.randn(3, m, 16), n_patch).shape == (3, n_patch, 16)


def test_order_of_the_memory_does_not_matter_its_content_does():
    model, memory = small().eval(), torch.randn(2, 3, 16)
    found = model(memory, 5)
    assert torch.allclose(found, model(memory.flip(1), 5), atol=1e-5)
    assert not torch.allclose(found, model(memory + torch.randn(2, 1, 16), 5), atol=1e-2)
    assert not torch.allclose(found[:, 0], found[:, 1], atol=1e-2)  # the queries tell the patches apart


def test_learns():
    model, tokens = small(), BrainTokens(6, 4, dim=16)
    voxels, semantic, wanted = torch.randn(8, 6), torch.randn(8, 4), torch.randn(8, 5, 16)
    optimizer = torch.optim.Adam([*model.parameters(), *tokens.parameters()], lr=3e-3)
    errors = []
    for _ in range(150):
        error = (model(tokens(voxels, semantic), 5) - wanted).square().mean()
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
        errors.append(error.item())
    assert errors[-1] < 0.2 * errors[0]


def test_brain_tokens():
    assert isinstance(BrainTokens(16, dim=16).voxels, torch.nn.Identity)
    assert BrainTokens(6, 4, dim=16)(torch.randn(2, 6), torch.randn(2, 4)).shape == (2, 2, 16)
    assert BrainTokens(6, 0, dim=16)(torch.randn(2, 6)).shape == (2, 1, 16)
    with pytest.raises(ValueError, match="give semantic"):
        BrainTokens(6, 4, dim=16)(torch.randn(2, 6))


def test_bad_input():
    with pytest.raises(ValueError, match=r"\(3, 2, 8\); expected \(b, m, 16\)"):
        small()(torch.randn(3, 2, 8), 4)
    with pytest.raises(ValueError, match="n_patch is 25; expected 1 to 24"):
        small()(torch.randn(3, 2, 16), 25)
