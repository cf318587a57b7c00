import math

import numpy as np
import pytest
import torch

from n2s.errors import UserError
from n2s.models.deep_mel import DeepMel
from n2s.models.dilated_convs import DilatedConvs, DilatedLayer


def _convolved(x, weight, bias, dilation):
    """Sample by sample: ``(b, i, t), (o, i, kernel), (o,) -> (b, o, t)``, zeros beyond the ends."""
    b, _, t = x.shape
    kernel = weight.shape[2]
    y = np.tile(bias[None, :, None], (b, 1, t)).astype(float)
    for at in range(t):
        for k in range(kernel):
            source = at + (k - kernel // 2) * dilation
            if 0 <= source < t:
                y[:, :, at] += x[:, :, source] @ weight[:, :, k].T
    return y


def _gelu(x):
    return np.vectorize(lambda v: v * 0.5 * (1 + math.erf(v / math.sqrt(2))))(x)


def _arrays(module):
    return {name: tensor.double().numpy() for name, tensor in module.state_dict().items()}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("n_inputs", [3, 4])  # without and with a skip
def test_a_layer_matches_a_naive_loop(training, n_inputs):
    torch.manual_seed(0)
    layer = DilatedLayer(n_inputs, 4, kernel=3, dilation=4, gated=True)
    torch.nn.init.normal_(layer.body[1].weight)
    torch.nn.init.normal_(layer.body[1].bias)
    layer.body[1].running_mean.normal_()
    layer.body[1].running_var.uniform_(0.5, 2)
    x = torch.randn(2, n_inputs, 11)
    w, x_ = _arrays(layer), x.double().numpy()
    found = layer.train(training)(x).detach()

    y = _convolved(x_, w["body.0.weight"], w["body.0.bias"], 4)
    mean, var = (y.mean((0, 2)), y.var((0, 2))) if training else (w["body.1.running_mean"], w["body.1.running_var"])
    scale = w["body.1.weight"] / np.sqrt(var + 1e-5)
    y = _gelu((y - mean[:, None]) * scale[:, None] + w["body.1.bias"][:, None])
    y = y + x_ if n_inputs == 4 else y
    y = _convolved(y, w["gate.0.weight"], w["gate.0.bias"], 1)
    expected = y[:, :4] / (1 + np.exp(-y[:, 4:]))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_linear_layer_is_a_convolution():
    torch.manual_seed(0)
    layer, x = DilatedLayer(3, 4, kernel=5, dilation=2, linear=True), torch.randn(2, 3, 11)
    w = _arrays(layer)
    expected = _convolved(x.double().numpy(), w["body.0.weight"], w["body.0.bias"], 2)
    np.testing.assert_allclose(layer(x).detach(), expected, atol=1e-6)


def test_dilations_and_gates_of_the_paper():
    convs = DilatedConvs(270)
    assert [layer.body[0].dilation[0] for layer in convs] == [1, 2, 4, 8, 16, 1, 2, 4, 8, 16]
    assert [not isinstance(layer.gate, torch.nn.Identity) for layer in convs] == [False, True] * 5


def test_receptive_field():
    convs = DilatedConvs(2, 4).double().eval()
    x = torch.randn(1, 2, 301, dtype=torch.float64).requires_grad_()
    convs(x)[0, :, 150].sum().backward()
    (seen,) = x.grad[0].abs().sum(0).nonzero(as_tuple=True)
    assert (seen.min().item(), seen.max().item()) == (150 - 67, 150 + 67)  # 135 samples


def test_dropout_acts_in_training_only():
    torch.manual_seed(0)
    convs, x = DilatedConvs(3, 4, 2, dropout=0.5), torch.randn(2, 3, 9)
    assert not torch.equal(convs(x), convs(x))
    convs.eval()
    assert torch.equal(convs(x), convs(x))


def test_an_even_kernel_is_refused():
    with pytest.raises(UserError, match="kernel is 4; it must be odd"):
        DilatedConvs(3, kernel=4)


def test_deep_mel_has_the_published_layers():
    model = DeepMel()
    widths = [120] + 9 * [320] + [768]
    convolutions = sum(3 * i * o + o for i, o in zip(widths[:-1], widths[1:], strict=True))
    gates = sum(3 * w * 2 * w + 2 * w for w in widths[2::2])
    assert sum(p.numel() for p in model.parameters()) == convolutions + gates + 9 * 2 * 320
    assert model(torch.randn(2, 120, 33)).shape == (2, 768, 33)
    assert not any(isinstance(part, torch.nn.BatchNorm1d | torch.nn.GELU) for part in model.convs[-1].modules())
