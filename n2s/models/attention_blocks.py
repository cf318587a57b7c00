"""Transformer blocks: of the Vision Transformer, and of Swin V2 (shifted windows, log-spaced continuous position bias)."""

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn


class ShiftedWindowBlock(nn.Module):
    """Cosine attention within windows, and a feed-forward part; each is normalised after it, before it is added.

    Parameters
    ----------
    dim
        Width of a token.
    n_heads
        Attention heads.
    grid
        Rows and columns of the tokens, which come row by row.
    window
        Rows and columns of a window; they divide the grid's.
    shift
        By how many rows and columns the windows are shifted. Tokens at opposite edges of the grid do not attend to
        each other, although they then share a window.

    References
    ----------
    Liu et al. 2022, Swin Transformer V2, CVPR; Huang et al. 2022, Masked Autoencoders that Listen, NeurIPS.
    """

    def __init__(
        self,
        dim: int,
        *,
        n_heads: int,
        grid: tuple[int, int],
        window: tuple[int, int] = (4, 4),
        shift: tuple[int, int] = (0, 0),
    ):
        super().__init__()
        self.attn = WindowAttention(dim, n_heads=n_heads, window=window)
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.mlp = FeedForward(dim, 4 * dim, dim)
        self.grid, self.window, self.shift = grid, window, shift
        self.register_buffer("mask", self._mask() if any(shift) else None, persistent=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """``(b, n, d) -> (b, n, d)``."""
        windows = self._to_windows(tokens)
        attended = self._from_windows(self.attn(windows, self.mask), len(tokens))
        tokens = tokens + self.norm1(attended)
        return tokens + self.norm2(self.mlp(tokens))

    def _to_windows(self, tokens: Tensor) -> Tensor:
        """``(b, n, d) -> (b, windows, tokens of a window, d)``."""
        if any(self.shift):
            grid = rearrange(tokens, "b (rows columns) d -> b rows columns d", rows=self.grid[0])
            tokens = rearrange(
                grid.roll((-self.shift[0], -self.shift[1]), (1, 2)), "b rows columns d -> b (rows columns) d"
            )
        return self._windows(tokens)

    def _windows(self, tokens: Tensor) -> Tensor:
        down, (high, wide) = self.grid[0] // self.window[0], self.window
        apart = "b (down high across wide) d -> b (down across) (high wide) d"
        return rearrange(tokens, apart, down=down, high=high, wide=wide)

    def _from_windows(self, windows: Tensor, b: int) -> Tensor:
        down, high = self.grid[0] // self.window[0], self.window[0]
        together = "(b down across) (high wide) d -> b (down high) (across wide) d"
        grid = rearrange(windows, together, b=b, down=down, high=high)
        return rearrange(
            grid.roll(self.shift, (1, 2)) if any(self.shift) else grid, "b rows columns d -> b (rows columns) d"
        )

    def _mask(self) -> Tensor:
        """``(windows, n, n)``: -100 between tokens of a window that the shift brought together from opposite edges."""
        wrapped = [torch.arange(size) >= size - shift for size, shift in zip(self.grid, self.shift, strict=True)]
        region = 2 * wrapped[0][:, None].long() + wrapped[1].long()
        region = self._windows(region.reshape(1, -1, 1))[0, :, :, 0]
        return -100.0 * (region[:, :, None] != region[:, None, :]).float()


class WindowAttention(nn.Module):
    """Cosine attention with a learned temperature a head, and a bias that a small network makes of the distances."""

    def __init__(self, dim: int, *, n_heads: int, window: tuple[int, int], bias_hidden: int = 384):
        super().__init__()
        self.n_heads = n_heads
        self.qkv, self.proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.meta_mlp = FeedForward(2, bias_hidden, n_heads, activation=nn.ReLU(), dropout=0.125)
        self.tau = nn.Parameter(torch.ones(n_heads))
        place = torch.cartesian_prod(*(torch.arange(size) for size in window)).float()
        apart = place[:, None] - place[None]
        self.register_buffer("distance", apart.sign() * apart.abs().log1p(), persistent=False)  # (n, n, 2)

    def forward(self, windows: Tensor, mask: Tensor | None) -> Tensor:
        """``(b, windows, n, d) -> (b * windows, n, d)``; ``mask (windows, n, n)`` is added to the scores."""
        query, key, value = rearrange(self.qkv(windows), "b w n (qkv h d) -> qkv b w h n d", qkv=3, h=self.n_heads)
        scores = F.normalize(query, dim=-1) @ F.normalize(key, dim=-1).mT / self.tau.clamp(min=0.01)[:, None, None]
        scores = scores + rearrange(self.meta_mlp(self.distance), "n m h -> h n m")
        if mask is not None:
            scores = scores + mask[:, None]
        return self.proj(rearrange(scores.softmax(-1) @ value, "b w h n d -> (b w) n (h d)"))


class FeedForward(nn.Module):
    """Two linear layers."""

    def __init__(self, dim: int, hidden: int, dim_out: int, *, activation: nn.Module | None = None, dropout: float = 0):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(dim, hidden), nn.Linear(hidden, dim_out)
        self.act, self.drop = activation or nn.GELU(), nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """``(..., dim) -> (..., dim_out)``."""
        return self.fc2(self.drop(self.act(self.fc1(x))))


class AttentionBlock(nn.Module):
    """A block of the Vision Transformer: attention and feed-forward part, each normalised before it."""

    def __init__(self, dim: int, *, n_heads: int):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(dim, eps=1e-6), nn.LayerNorm(dim, eps=1e-6)
        self.attn = Attention(dim, n_heads=n_heads)
        self.mlp = FeedForward(dim, 4 * dim, dim)

    def forward(self, tokens: Tensor) -> Tensor:
        """``(b, n, d) -> (b, n, d)``."""
        tokens = tokens + self.attn(self.norm1(tokens))
        return tokens + self.mlp(self.norm2(tokens))


class Attention(nn.Module):
    """Scaled dot-product attention of all tokens to all."""

    def __init__(self, dim: int, *, n_heads: int):
        super().__init__()
        self.n_heads = n_heads
        self.qkv, self.proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)

    def forward(self, tokens: Tensor) -> Tensor:
        """``(b, n, d) -> (b, n, d)``."""
        query, key, value = rearrange(self.qkv(tokens), "b n (qkv h d) -> qkv b h n d", qkv=3, h=self.n_heads)
        return self.proj(rearrange(F.scaled_dot_product_attention(query, key, value), "b h n d -> b n (h d)"))
