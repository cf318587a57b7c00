import pytest
import torch

from n2s.errors import UserError
from n2s.models import SentenceContext

SMALL = {"dim": 16, "n_heads": 2, "depth": 1, "patch": 10, "dropout": 0.0}


def trained(n_features=3, **options):
    """With weights that answer something."""
    torch.manual_seed(0)
    context = SentenceContext(n_features, **(SMALL | options)).eval()
    torch.nn.init.normal_(context.outward.weight)
    return context


def test_nothing_is_added_at_first():
    estimate = torch.randn(5, 3, 37)  # 4 patches, the last one short
    found = SentenceContext(3, **SMALL)(estimate, torch.tensor([0, 0, 1, -1, -1]))
    torch.testing.assert_close(found, estimate)


def test_only_windows_of_one_sentence_hear_of_each_other():
    context, sentence = trained(), torch.tensor([4, 7, 4, -1, -1, 7])
    estimate = torch.randn(6, 3, 37, requires_grad=True)
    found = context(estimate, sentence)
    for i in range(6):
        (grad,) = torch.autograd.grad(found[i].sum(), estimate, retain_graph=True)
        reached = (grad.abs().sum((1, 2)) > 0).nonzero().ravel().tolist()
        assert reached == [j for j in range(6) if j == i or (sentence[i] == sentence[j] != -1)]


def test_a_sentence_is_the_same_in_any_company():
    context = trained()
    estimate = torch.randn(4, 3, 40)
    alone = context(estimate[:2], torch.tensor([9, 9]))
    together = context(estimate, torch.tensor([9, 9, 2, -1]))
    torch.testing.assert_close(together[:2], alone, rtol=1e-4, atol=1e-5)
    between = context(estimate[[2, 0, 3, 1]], torch.tensor([2, 9, -1, 9]))  # order among themselves is what counts
    torch.testing.assert_close(between[[1, 3]], alone, rtol=1e-4, atol=1e-5)
    turned = context(estimate[[1, 0]], torch.tensor([9, 9]))
    assert not torch.allclose(turned[[1, 0]], alone, atol=1e-3)


def test_a_window_that_is_too_long():
    with pytest.raises(UserError, match="has 40 patches of 10 samples; max_patches is 32"):
        SentenceContext(3, **SMALL)(torch.zeros(1, 3, 400), torch.tensor([0]))
