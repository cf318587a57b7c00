"""A layer of the Conformer: half a feed-forward step, attention, convolution, half a feed-forward step, layer norm."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from n2s.errors import UserError
from n2s.models.depthwise_conv import DepthwiseConv
from n2s.models.half_step import half_step


class ConformerLayer(nn.Module):
    """``(b, t, d) -> (b, t, d)``; each part is normalised before it and added to what goes in.

    Parameters
    ----------
    dim
        Width.
    n_heads
        Attention heads; they divide ``dim``.
    ffn_dim
        Width inside the feed-forward parts.
    kernel_size
        Samples of the depthwise convolution, odd.
    dropout
        Inside the parts and after each.
    recompute
        Keep what goes into each part alone, and compute the rest again for the gradients.

    References
    ----------
    Gulati et al. 2020, Conformer: Convolution-augmented Transformer for Speech Recognition, Interspeech.
    """

    def __init__(
        self, dim: int, *, n_heads: int, ffn_dim: int, kernel_size: int, dropout: float = 0.0, recompute: bool = False
    ):
        super().__init__()
        self.recompute = recompute
        self.first = HalfFeedForward(dim, ffn_dim, dropout)
        self.attention = SelfAttention(dim, n_heads, dropout)
        self.convolution = Convolution(dim, kernel_size, dropout)
        self.second = HalfFeedForward(dim, ffn_dim, dropout)
        self.norm = nn.LayerNorm(dim)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        for part in (self.first, self.attention, self.convolution, self.second):
            again = self.recompute and not (isinstance(part, HalfFeedForward) and part.is_lean(x))
            x = recomputed(part, x) if again else part(x)
        return self.norm(x)


class HalfFeedForward(nn.Module):
    """``x + 1/2 f(x)``: layer norm, linear, SiLU, linear."""

    def __init__(self, dim: int, hidden: int, dropout: float):
        super().__init__()
        self.norm, self.dropout = nn.LayerNorm(dim), nn.Dropout(dropout)
        self.widen, self.narrow = nn.Linear(dim, hidden), nn.Linear(hidden, dim)

    def is_lean(self, x: Tensor) -> bool:
        """Whether the wide values are not kept: on a CPU, where to make them again costs no time."""
        drops = self.training and self.dropout.p > 0
        plain = x.device.type != "cpu" or torch.is_autocast_enabled("cpu") or torch.compiler.is_compiling()
        return not (drops or plain)

    def forward(self, x: Tensor) -> Tensor:
        """``(b, t, d) -> (b, t, d)``."""
        if self.is_lean(x):
            parts = ((one.weight, one.bias) for one in (self.norm, self.widen, self.narrow))
            return half_step(x, *parts, eps=self.norm.eps)
        inside = self.dropout(F.silu(self.widen(self.norm(x))))
        return x + 0.5 * self.dropout(self.narrow(inside))


class SelfAttention(nn.Module):
    """``x + f(x)``: layer norm, attention of all samples to all, without positions."""

    def __init__(self, dim: int, n_heads: int, dropout: float):
        super().__init__()
        if dim % n_heads:
            raise UserError(f"the Conformer's dim is {dim}, which n_heads {n_heads} does not divide.")
        self.n_heads, self.norm, self.dropout = n_heads, nn.LayerNorm(dim), nn.Dropout(dropout)
        self.qkv, self.out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        nn.init.xavier_uniform_(self.qkv.weight)  # as nn.MultiheadAttention
        nn.init.zeros_(self.qkv.bias)
        nn.init.zeros_(self.out.bias)

    def forward(self, x: Tensor) -> Tensor:
        """``(b, t, d) -> (b, t, d)``."""
        parts = self.qkv(self.norm(x)).unflatten(2, (3, self.n_heads, -1)).unbind(2)
        query, key, value = (one.transpose(1, 2) for one in parts)  # (b, heads, t, d / heads)
        dropout = self.dropout.p if self.training else 0.0
        attended = F.scaled_dot_product_attention(query, key, value, dropout_p=dropout)
        return x + self.dropout(self.out(attended.transpose(1, 2).flatten(2)))


class Convolution(nn.Module):
    """``x + f(x)``: layer norm, linear, gated linear unit, depthwise convolution, batch norm, SiLU, linear.

    Inside, channels come first, ``(d, b, t)``: no value is moved, since products of matrices take either order.
    """

    def __init__(self, dim: int, kernel_size: int, dropout: float):
        super().__init__()
        self.norm, self.dropout = nn.LayerNorm(dim), nn.Dropout(dropout)
        self.widen, self.narrow = nn.Linear(dim, 2 * dim), nn.Linear(dim, dim)
        self.depthwise, self.batch_norm = DepthwiseConv(dim, kernel_size), nn.BatchNorm1d(dim)

    def forward(self, x: Tensor) -> Tensor:
        """``(b, t, d) -> (b, t, d)``."""
        b, t, d = x.shape
        wide = torch.addmm(self.widen.bias[:, None], self.widen.weight, self.norm(x).reshape(b * t, d).t())
        convolved = self.depthwise(F.glu(wide, 0).view(d, b, t))
        normed = self.batch_norm(convolved.view(1, d, b * t))[0]
        return x + self.dropout(self.narrow(F.silu(normed).t())).view(b, t, d)


def recomputed(part: nn.Module, x: Tensor) -> Tensor:
    """``part(x)`` that keeps ``x`` alone for the gradients, and computes the rest again."""
    if not torch.is_grad_enabled():
        return part(x)
    return checkpoint(part, x, use_reentrant=False, context_fn=lambda: (nullcontext(), _counted_once(part)))


@contextmanager
def _counted_once(part: nn.Module) -> Iterator[None]:
    """Batch norms take no statistics here: they have, when the values were computed first."""
    norms = [one for one in part.modules() if isinstance(one, _BatchNorm) and one.num_batches_tracked is not None]
    kept = [(one.momentum, one.num_batches_tracked.clone()) for one in norms]
    for one in norms:
        one.momentum = 0.0
    try:
        yield
    finally:
        for one, (momentum, n_batches) in zip(norms, kept, strict=True):
            one.momentum = momentum
            one.num_batches_tracked.copy_(n_batches)
