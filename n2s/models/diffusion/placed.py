"""Cross-attention that knows where tokens are: what a UNet that starts from nothing would take long to find out."""

import math

import torch
from torch import Tensor, nn

TOKEN_BANDS = 8  # patches of AudioMAE at one time
LATENT_BANDS = 16
STRENGTH = 2.0  # of the places, where content is about 1


class PlacedLinear(nn.Linear):
    """A linear layer for queries or keys that adds a code of each row's place, ``(b, n, in) -> (b, n, out)``.

    Codes are sines and cosines of time and of band, so that a query's product with a key falls with their distance: one head
    attends to its own place until it learns otherwise. Rows are in order of time, all bands of a time together.

    Parameters
    ----------
    linear
        The layer that gives the weights.
    n_bands
        Rows of one time.
    tokens_per_step
        Tokens of AudioMAE that one step in time is long.
    """

    def __init__(self, linear: nn.Linear, n_bands: int, tokens_per_step: float) -> None:
        super().__init__(linear.in_features, linear.out_features, linear.bias is not None)
        self.load_state_dict(linear.state_dict())
        self.n_bands, self.tokens_per_step = n_bands, tokens_per_step

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        found = super().forward(x)
        place = torch.arange(x.shape[1], device=x.device)
        time = (place // self.n_bands + 0.5) * self.tokens_per_step
        band = (place % self.n_bands + 0.5) * TOKEN_BANDS / self.n_bands
        half = self.out_features // 2
        return found + STRENGTH * torch.cat([_code(time, half, 60.0), _code(band, half, 16.0)], 1).to(found)


def place_attention(unet: nn.Module, condition_dim: int) -> None:
    """Give the UNet's attention to the tokens, one head a layer, their places; in place.

    Parameters
    ----------
    unet
        An ``AudioLDM2UNet2DConditionModel``.
    condition_dim
        Width of the tokens.
    """
    last = len(unet.down_blocks) - 1
    levels = [(unet.mid_block, last)]
    levels += [(block, level) for level, block in enumerate(unet.down_blocks)]
    levels += [(block, last - place) for place, block in enumerate(unet.up_blocks)]
    for block, level in levels:
        n_bands = LATENT_BANDS >> level
        for layer in block.modules():
            attention = getattr(layer, "attn2", None)
            if attention is not None and attention.is_cross_attention and attention.to_k.in_features == condition_dim:
                # a cell of the latents is a half token high, and a fourth of one long
                attention.to_q = PlacedLinear(attention.to_q, n_bands, 4 / n_bands)
                attention.to_k = PlacedLinear(attention.to_k, TOKEN_BANDS, 1.0)


def _code(place: Tensor, n: int, longest: float) -> Tensor:
    """(k,) places in tokens -> (k, n): periods from 3 tokens to the longest, in equal ratios; n is even."""
    periods = torch.logspace(math.log10(3.0), math.log10(longest), n // 2, device=place.device)
    angle = 2 * math.pi * place[:, None] / periods
    return torch.cat([angle.sin(), angle.cos()], 1)
