import pytest
import torch
from torch import nn

from n2s.errors import UserError
from n2s.models.diffusion import denoising_loss, save_audioldm2, small_audioldm2
from n2s.models.diffusion.placed import PlacedLinear

N_PATCH = 80  # 1.5 s: 10 times of 8 bands


@pytest.fixture(scope="module")
def model():
    return small_audioldm2(condition_dim=24, variant="speech", placed=True)


def test_a_query_is_nearest_to_the_key_of_its_own_place():
    """Content left out: weights of zero."""
    query, key = (nn.Linear(6, 16, bias=False) for _ in range(2))
    for linear in (query, key):
        nn.init.zeros_(linear.weight)
    keys = PlacedLinear(key, 8, 1.0)(torch.zeros(1, N_PATCH, 6))[0]
    for n_bands in (8, 4, 2):
        n_times = 10 * n_bands // 4
        found = PlacedLinear(query, n_bands, 4 / n_bands)(torch.zeros(1, n_times * n_bands, 6))[0] @ keys.T
        time, band = torch.meshgrid(torch.arange(n_times), torch.arange(n_bands), indexing="ij")
        best = found.argmax(1)
        gap_t = (best // 8 + 0.5) - (time.flatten() + 0.5) * 4 / n_bands
        gap_b = (best % 8 + 0.5) - (band.flatten() + 0.5) * 8 / n_bands
        assert gap_t.abs().max() <= max(0.5, 2 / n_bands) and gap_b.abs().max() <= 4 / n_bands, n_bands


def test_only_attention_to_tokens_is_placed(model):
    placed = {name for name, layer in model.unet.named_modules() if isinstance(layer, PlacedLinear)}
    cross = {
        f"{name}.{part}"
        for name, layer in model.unet.named_modules()
        if getattr(layer, "is_cross_attention", False)
        for part in ("to_q", "to_k")
    }
    assert placed == cross and len(placed) > 0


@pytest.mark.slow
def test_the_weights_are_those_of_the_plain_one(model):
    plain = small_audioldm2(condition_dim=24, variant="speech")
    assert all(torch.equal(value, plain.state_dict()[name]) for name, value in model.state_dict().items())


def test_what_a_token_says_stays_where_it_is(model):
    """The UNet answers a changed token more at its own time than far from it."""
    plain = small_audioldm2(condition_dim=24, variant="speech")
    latents = torch.randn(1, 8, 40, 16, generator=torch.Generator().manual_seed(0))
    tokens = torch.zeros(1, N_PATCH, 24)
    other = tokens.clone()
    other[:, 64:72] += 3.0  # time 8 of 10: latents 32 to 36
    with torch.no_grad():
        moved, flat = (
            (one.predict(latents, torch.tensor([500]), other) - one.predict(latents, torch.tensor([500]), tokens))
            .abs()
            .mean((0, 1, 3))
            for one in (model, plain)
        )
    near, far = slice(32, 36), slice(0, 16)
    assert moved[near].mean() > 1.5 * moved[far].mean()
    assert flat[near].mean() < 1.2 * flat[far].mean()


def test_it_learns_and_trains_in_half_precision(model):
    latents, tokens = torch.randn(2, 8, 40, 16), torch.randn(2, N_PATCH, 24)
    with torch.autocast("cpu", torch.bfloat16):
        loss = denoising_loss(model, latents, tokens)
    loss.backward()
    grads = [
        layer.weight.grad.abs().sum() for name, layer in model.unet.named_modules() if isinstance(layer, PlacedLinear)
    ]
    assert all(value > 0 for value in grads)


def test_it_is_not_saved_as_what_it_is_not(model, tmp_path):
    with pytest.raises(UserError, match="placed attention"):
        save_audioldm2(model, tmp_path / "saved")
