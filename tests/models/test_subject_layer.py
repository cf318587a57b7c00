import math

import numpy as np
import pytest
import torch

from n2s.models.subject_layer import SubjectLayer


def test_matches_a_naive_loop():
    torch.manual_seed(0)
    layer, x, subject = SubjectLayer(3, 4), torch.randn(3, 4, 5), torch.tensor([2, 0, 2])
    expected = np.zeros((3, 4, 5))
    weights = layer.weights.detach().double().numpy()
    for b in range(3):
        for o in range(4):
            for t in range(5):
                expected[b, o, t] = sum(float(x[b, i, t]) * weights[subject[b], i, o] for i in range(4))
    np.testing.assert_allclose(layer(x, subject).detach(), expected, atol=1e-6)


def test_an_unseen_subject_gets_the_mean_layer():
    torch.manual_seed(0)
    layer, x = SubjectLayer(3, 4), torch.randn(2, 4, 5)
    of_each = torch.stack([layer(x, torch.tensor([s, s])) for s in range(3)])
    torch.testing.assert_close(layer(x, torch.tensor([-1, -1])), of_each.mean(0))


@pytest.mark.parametrize("odd", [-2, 3, 99])
def test_no_such_subject(odd):
    with pytest.raises(ValueError, match=rf"\[{odd}\] are not among the 3.*0 to 2, or -1"):
        SubjectLayer(3, 4)(torch.randn(2, 4, 5), torch.tensor([0, odd]))


def test_only_the_subjects_of_the_batch_learn():
    layer = SubjectLayer(3, 4)
    layer(torch.randn(2, 4, 5), torch.tensor([2, 2])).sum().backward()
    moved = layer.weights.grad.abs().sum((1, 2))
    assert moved[2] > 0 and not moved[:2].any()


def test_gradient():
    torch.manual_seed(0)
    layer = SubjectLayer(2, 3).double()
    x = torch.randn(3, 3, 2).double().requires_grad_()

    def with_weights(weights, x):
        return torch.func.functional_call(layer, {"weights": weights}, (x, torch.tensor([1, -1, 0])))

    assert torch.autograd.gradcheck(with_weights, (layer.weights, x))


def test_an_added_subject_starts_as_the_mean():
    torch.manual_seed(0)
    layer, x = SubjectLayer(3, 4), torch.randn(1, 4, 5)
    before = layer(x, torch.tensor([-1])), layer(x, torch.tensor([1]))
    assert layer.add_subject() == 3
    torch.testing.assert_close(layer(x, torch.tensor([3])), before[0])
    torch.testing.assert_close(layer(x, torch.tensor([1])), before[1])
    assert layer.weights.shape == (4, 4, 4) and layer.weights.requires_grad


def test_initial_scale():
    torch.manual_seed(0)
    assert SubjectLayer(4, 270).weights.std().item() * math.sqrt(270) == pytest.approx(1, abs=0.01)
