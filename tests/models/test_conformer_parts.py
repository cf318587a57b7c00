"""The Conformer's own kernels against PyTorch's convolution and against the formula, with their gradients."""

import pytest
import torch
import torch.nn.functional as F

from n2s.models import half_step
from n2s.models.conformer_layer import HalfFeedForward
from n2s.models.depthwise_conv import DepthwiseConv


@pytest.mark.parametrize("t, k", [(1, 1), (1, 7), (2, 5), (33, 31), (96, 31), (100, 31), (625, 31), (125, 127), (30, 127), (64, 1), (257, 3)])  # fmt: skip
def test_a_depthwise_convolution_is_pytorchs(t, k):
    torch.manual_seed(0)
    conv = DepthwiseConv(4, k).double()
    x = torch.randn(4, 3, t, dtype=torch.float64, requires_grad=True)
    toward = torch.randn(4, 3, t, dtype=torch.float64)
    expected = F.conv1d(x.transpose(0, 1), conv.weight[:, None], conv.bias, padding=k // 2, groups=4).transpose(0, 1)
    assert torch.allclose(conv(x), expected, rtol=1e-10, atol=1e-12) and conv(x).is_contiguous()
    inputs = [x, conv.weight, conv.bias]
    for one, other in zip(
        torch.autograd.grad(conv(x), inputs, toward), torch.autograd.grad(expected, inputs, toward), strict=True
    ):
        assert torch.allclose(one, other, rtol=1e-10, atol=1e-11)


def test_a_mixed_convolution_keeps_to_pytorchs():
    conv, x = DepthwiseConv(4, 9), torch.randn(4, 3, 50)
    with torch.autocast("cpu", torch.bfloat16):
        assert conv(x).dtype == torch.bfloat16 and torch.allclose(conv(x).float(), conv(x.clone()).float(), atol=0.1)
    assert torch.allclose(conv(x).float(), F.conv1d(x.transpose(0, 1), conv.weight[:, None], conv.bias, padding=4, groups=4).transpose(0, 1), atol=1e-5)  # fmt: skip


@pytest.mark.parametrize("n_rows", [1, 7, 8, 24, 25])
def test_half_a_step_is_the_formula(n_rows, monkeypatch):
    monkeypatch.setattr(half_step, "BLOCK_VALUES", 8 * 10)  # 8 rows at a time
    torch.manual_seed(0)
    part = HalfFeedForward(6, 10, 0.0).double()
    with torch.no_grad():
        for one in part.parameters():
            one.add_(0.3 * torch.randn_like(one))
    x = torch.randn(n_rows, 1, 6, dtype=torch.float64, requires_grad=True)
    assert part.is_lean(x)
    expected = x + 0.5 * part.narrow(F.silu(part.widen(part.norm(x))))
    assert torch.allclose(part(x), expected, rtol=1e-12)
    toward, inputs = torch.randn_like(x), [x, *part.parameters()]
    for one, other in zip(
        torch.autograd.grad(part(x), inputs, toward), torch.autograd.grad(expected, inputs, toward), strict=True
    ):
        assert torch.allclose(one, other, rtol=1e-9, atol=1e-12)


def test_dropout_inside_keeps_to_the_formula():
    part, x = HalfFeedForward(6, 10, 0.5), torch.randn(3, 4, 6)
    assert not part.is_lean(x) and not torch.equal(part(x), part(x))
    assert part.eval().is_lean(x) and torch.equal(part(x), part(x))
