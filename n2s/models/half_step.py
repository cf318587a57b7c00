"""Half a step of a Conformer's feed-forward part that never holds its wide values: they are made again when gradients need them."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

BLOCK_VALUES = 2**20  # of the wide layer at a time: 4 MB, which stay in the processor's cache


def half_step(
    x: Tensor, norm: tuple[Tensor, Tensor], widen: tuple[Tensor, Tensor], narrow: tuple[Tensor, Tensor], eps: float
) -> Tensor:
    """``x + 1/2 narrow(silu(widen(layer_norm(x))))``: ``(..., d) -> (..., d)``.

    Rows are taken block by block. For the gradients ``x`` alone is kept; the wide values of a block are computed again, which costs one
    product of seven and saves reading and writing them.

    Parameters
    ----------
    x
        (..., d)
    norm, widen, narrow
        Weight and bias of each.
    eps
        Of the layer norm.
    """
    return _HalfStep.apply(x.reshape(-1, x.shape[-1]), *norm, *widen, *narrow, eps).view_as(x)


class _HalfStep(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, scale: Tensor, shift: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor, eps: float
    ) -> Tensor:
        ctx.save_for_backward(x, scale, shift, w1, b1, w2, b2)
        ctx.eps = eps
        out = torch.empty_like(x)
        for rows in _blocks(x, w1):
            wide = torch.addmm(b1, F.layer_norm(x[rows], scale.shape, scale, shift, eps), w1.t())
            torch.addmm(x[rows] + 0.5 * b2, F.silu(wide, inplace=True), w2.t(), alpha=0.5, out=out[rows])
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, scale, shift, w1, b1, w2, b2 = ctx.saved_tensors
        of_x = torch.empty_like(x)
        of_scale, of_shift, of_w1, of_b1, of_w2, of_b2 = (
            torch.zeros_like(one) for one in (scale, shift, w1, b1, w2, b2)
        )
        for rows in _blocks(x, w1):
            normed, mean, rate = torch.native_layer_norm(x[rows], scale.shape, scale, shift, ctx.eps)
            wide = torch.addmm(b1, normed, w1.t())
            above = 0.5 * gradient[rows]
            of_w2.addmm_(above.t(), F.silu(wide))
            of_b2 += above.sum(0)
            of_wide = torch.ops.aten.silu_backward(above @ w2, wide)
            of_w1.addmm_(of_wide.t(), normed)
            of_b1 += of_wide.sum(0)
            below, by_scale, by_shift = torch.ops.aten.native_layer_norm_backward(
                of_wide @ w1, x[rows], scale.shape, mean, rate, scale, shift, [True, True, True]
            )
            torch.add(gradient[rows], below, out=of_x[rows])
            of_scale += by_scale
            of_shift += by_shift
        return of_x, of_scale, of_shift, of_w1, of_b1, of_w2, of_b2, None


def _blocks(x: Tensor, w1: Tensor) -> list[slice]:
    n = max(1, BLOCK_VALUES // len(w1))
    return [slice(first, first + n) for first in range(0, len(x), n)]
