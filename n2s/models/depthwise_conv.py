"""A convolution of each channel with its own kernel; on a CPU as products of matrices, which are faster than its library's."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from n2s.errors import UserError

BLOCK = 32  # samples, or the kernel if it is longer: longer blocks cost more products, as each sample of one meets all of it


class DepthwiseConv(nn.Module):
    """``(d, b, t) -> (d, b, t)``: each channel with a kernel of its own and a bias, zeros beyond both ends.

    Channels come first, so that one batch of matrix products serves all.

    Parameters
    ----------
    dim
        Channels.
    kernel_size
        Samples of the kernel, odd.
    """

    def __init__(self, dim: int, kernel_size: int):
        super().__init__()
        if kernel_size < 1 or kernel_size % 2 == 0:
            raise UserError(f"kernel_size is {kernel_size}; expected an odd number, so that a window keeps its length.")
        bound = kernel_size**-0.5  # PyTorch's default of a convolution
        self.weight = nn.Parameter(torch.empty(dim, kernel_size).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(dim).uniform_(-bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        if x.device.type == "cpu" and not torch.is_autocast_enabled("cpu") and not torch.compiler.is_compiling():
            return _AsProduct.apply(x, self.weight, self.bias)
        convolved = F.conv1d(
            x.transpose(0, 1), self.weight[:, None], self.bias, padding=self.weight.shape[1] // 2, groups=len(x)
        )
        return convolved.transpose(0, 1).contiguous()


class _AsProduct(torch.autograd.Function):
    """Windows times the kernel's Toeplitz matrix."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _convolved(x, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, weight = ctx.saved_tensors
        gradient = gradient.contiguous()
        of_bias = gradient.sum((1, 2))
        of_x = _convolved(gradient, weight.flip(1), torch.zeros_like(of_bias))
        return of_x, _correlated(x, gradient, weight.shape[1]), of_bias


def _convolved(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """``(d, b, t), (d, k), (d,) -> (d, b, t)``."""
    (d, b, t), k = x.shape, weight.shape[1]
    n_blocks, length = _blocks(t, k)
    matrix = x.new_zeros(d, length + k - 1, length)  # column j holds the kernel from row j on
    matrix.as_strided((d, k, length), (matrix.stride(0), length, length + 1)).copy_(weight[:, :, None])
    if n_blocks == 1:
        matrix = matrix[:, k // 2 : k // 2 + t]  # other rows would meet the zeros beyond the ends
    product = torch.baddbmm(bias[:, None, None], _surroundings(x, n_blocks, length, k), matrix)
    return product.view(d, b, n_blocks * length)[..., :t].contiguous()


def _correlated(x: Tensor, gradient: Tensor, k: int) -> Tensor:
    """The gradient of the kernels: ``(d, b, t), (d, b, t) -> (d, k)``."""
    d, b, t = x.shape
    n_blocks, length = _blocks(t, k)
    blocks = F.pad(gradient, (0, n_blocks * length - t)).view(d, b * n_blocks, length)
    met = _surroundings(x, n_blocks, length, k).mT @ blocks  # (d, samples around, samples)
    if n_blocks == 1:
        met = F.pad(met, (0, 0, k // 2, k // 2))
    return met.as_strided((d, k, length), (met.stride(0), length, length + 1)).sum(2)


def _surroundings(x: Tensor, n_blocks: int, length: int, k: int) -> Tensor:
    """Each block of each window with the ``k // 2`` samples before and after it: ``(d, b n_blocks, length + k - 1)``."""
    if n_blocks == 1:
        return x
    d, b, t = x.shape
    padded = F.pad(x, (k // 2, k // 2 + n_blocks * length - t))
    return padded.unfold(2, length + k - 1, length).reshape(d, b * n_blocks, length + k - 1)


def _blocks(t: int, k: int) -> tuple[int, int]:
    """Into how many blocks a window is cut, and their length."""
    n_blocks = max(1, round(t / max(k, BLOCK)))
    return n_blocks, -(-t // n_blocks)
