import math

import numpy as np
import pytest
import torch

from n2s.errors import UserError
from n2s.losses import ClipLoss

CLIP = {"normalize": "both", "temperature": "learned", "symmetric": True}


def _noise(b=4, k=6, f=3, t=5):
    torch.manual_seed(0)
    return torch.randn(b, f, t), torch.randn(k, f, t)


def _log_softmax_at(row, kept, target):
    top = max(v for v, keep in zip(row, kept, strict=True) if keep)
    total = sum(math.exp(v - top) for v, keep in zip(row, kept, strict=True) if keep)
    return row[target] - top - math.log(total)


def _naive(loss, estimate, candidate, target, estimate_ids, candidate_ids):
    """Pair by pair, in plain floats."""
    e, c = estimate.double().numpy(), candidate.double().numpy()
    b, k = len(e), len(c)
    scores = np.zeros((b, k))
    for i in range(b):
        for j in range(k):
            scores[i, j] = (e[i] * c[j]).sum() / (1e-8 + math.sqrt((c[j] ** 2).sum()))
            if loss.normalize == "both":
                scores[i, j] /= 1e-8 + math.sqrt((e[i] ** 2).sum())
            if loss.log_scale is not None:
                scores[i, j] *= math.exp(loss.log_scale.item())
    total = 0.0
    for i in range(b):
        kept = [j == target[i] or estimate_ids[i] != candidate_ids[j] for j in range(k)]
        total -= _log_softmax_at(scores[i], kept, target[i])
    if loss.symmetric:
        for i in range(b):
            mine = target[i]
            kept = [o == i or (target[o] != mine and estimate_ids[o] != candidate_ids[mine]) for o in range(b)]
            total -= _log_softmax_at(scores[:, mine], kept, i)
        total /= 2
    return total / b


@pytest.mark.parametrize("normalize", ["target", "both"])
@pytest.mark.parametrize("temperature", [None, "learned"])
@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("t", [5, 1])
def test_matches_a_naive_double_loop(normalize, temperature, symmetric, t):
    estimate, candidate = _noise(t=t)
    # Two windows have one candidate though not one id; the last has another id than its candidate: every mask shows.
    target = torch.tensor([3, 0, 3, 5])
    estimate_ids = torch.tensor([7, 8, 6, 7])
    candidate_ids = torch.tensor([8, 1, 9, 7, 7, 9])
    loss = ClipLoss(normalize, temperature, symmetric)
    found = loss(estimate, candidate, target, estimate_ids, candidate_ids).item()
    assert found == pytest.approx(_naive(loss, estimate, candidate, target, estimate_ids, candidate_ids), rel=1e-5)
    assert found < loss(estimate, candidate, target).item()  # the masks do something


def test_the_papers_formula():
    estimate, candidate = _noise()
    inverse = 1 / (1e-8 + candidate.norm(dim=(1, 2)))
    scores = torch.einsum("bft,kft,k->bk", estimate, candidate, inverse)
    torch.testing.assert_close(ClipLoss().scores(estimate, candidate), scores)
    expected = torch.nn.functional.cross_entropy(scores, torch.arange(4))
    torch.testing.assert_close(ClipLoss()(estimate, candidate), expected)


@pytest.mark.parametrize("options", [{}, CLIP])
def test_gradient(options):
    estimate, candidate = (x.double().requires_grad_() for x in _noise(b=3, k=4, f=2, t=3))
    loss = ClipLoss(**options).double()
    target, estimate_ids, candidate_ids = torch.tensor([0, 2, 3]), torch.tensor([5, 6, 7]), torch.tensor([5, 5, 6, 7])
    parameters = dict(loss.named_parameters())

    def of(estimate, candidate, *values):
        given = dict(zip(parameters, values, strict=True))
        return torch.func.functional_call(loss, given, (estimate, candidate, target, estimate_ids, candidate_ids))

    assert torch.autograd.gradcheck(of, (estimate, candidate, *parameters.values()))


@pytest.mark.parametrize("options", [{}, CLIP])
def test_a_masked_duplicate_changes_nothing(options):
    estimate, candidate = _noise(k=4)
    loss = ClipLoss(**options)
    ids = torch.tensor([3, 4, 5, 6])
    expected = loss(estimate, candidate)
    torch.testing.assert_close(loss(estimate, candidate, None, ids, ids), expected)  # nothing to mask
    # Every row but the first sees the duplicate of candidate 0 as a negative more: weigh only the first.
    more, more_ids = torch.cat([candidate, candidate[:1]]), torch.tensor([3, 4, 5, 6, 3])
    alone = loss(estimate[:1], candidate, torch.tensor([0]))
    torch.testing.assert_close(loss(estimate[:1], more, torch.tensor([0]), ids[:1], more_ids), alone)
    assert loss(estimate[:1], more, torch.tensor([0])) > alone


@pytest.mark.parametrize("options", [{}, CLIP])
def test_one_instant_heard_by_two_people(options):
    """Each of the two keeps its loss: the other's window is neither a negative candidate nor a negative estimate."""
    estimate, candidate = _noise(b=2, k=2)
    twins = torch.cat([candidate, candidate[:1]])
    estimates = torch.cat([estimate, estimate[:1]])
    ids = torch.tensor([1, 2, 1])
    loss = ClipLoss(**options)
    ends = [loss.scores(estimate, candidate)]
    if options:
        ends.append(ends[0].T)
    first, second = (sum(-end.log_softmax(1)[i, i] for end in ends) / len(ends) for i in range(2))
    # Window 1 has two negatives of one kind, windows 0 and 2 one.
    of_second = []
    for end in ends:
        of_second.append(torch.logsumexp(torch.stack([end[1, 1], end[1, 0], end[1, 0]]), 0) - end[1, 1])
    expected = (2 * first + sum(of_second) / len(ends)) / 3
    torch.testing.assert_close(loss(estimates, twins, None, ids, ids), expected)
    assert second < sum(of_second) / len(ends)


def test_only_the_true_candidate_left_gives_zero():
    estimate, candidate = _noise(b=2, k=2)
    ids = torch.tensor([1, 1])
    for options in ({}, CLIP):
        assert ClipLoss(**options)(estimate, candidate, None, ids, ids).item() == 0


def test_chance_is_log_k():
    """Estimates orthogonal to all candidates cannot tell them apart."""
    estimate, candidate = torch.randn(5, 4, 3), torch.randn(7, 4, 3)
    estimate[:, 2:], candidate[:, :2] = 0, 0
    assert ClipLoss()(estimate, candidate).item() == pytest.approx(math.log(7))
    both_ways = (math.log(7) + math.log(5)) / 2
    assert ClipLoss(**CLIP)(estimate, candidate).item() == pytest.approx(both_ways)


def test_what_the_scores_do_not_depend_on():
    estimate, candidate = _noise()
    scale = torch.rand(6, 1, 1) + 0.5
    paper, both = ClipLoss(), ClipLoss("both")
    torch.testing.assert_close(paper.scores(estimate, candidate * scale), paper.scores(estimate, candidate))
    torch.testing.assert_close(paper.scores(estimate * 3, candidate), 3 * paper.scores(estimate, candidate))
    torch.testing.assert_close(both.scores(estimate * scale[:4], candidate * scale), both.scores(estimate, candidate))
    assert both.scores(candidate, candidate).diagonal().numpy() == pytest.approx(1, abs=1e-6)
    order = torch.randperm(6)
    target = order.argsort()[:4]
    torch.testing.assert_close(paper(estimate, candidate[order], target), paper(estimate, candidate))


def test_the_scale_starts_as_clips_and_stays_below_100():
    loss = ClipLoss("both", "learned")
    estimate, _ = _noise()
    assert loss.scores(estimate, estimate)[0, 0].item() == pytest.approx(1 / 0.07, rel=1e-5)
    torch.nn.init.constant_(loss.log_scale, 9.0)
    assert loss.scores(estimate, estimate)[0, 0].item() == pytest.approx(100, rel=1e-5)
    loss(estimate, estimate.flip(0)).backward()
    assert loss.log_scale.grad > 0  # wrong pairs: it is free to come down again


def test_silence_has_a_finite_gradient():
    estimate, candidate = _noise()
    candidate[1], estimate[2] = 0, 0
    estimate.requires_grad_(), candidate.requires_grad_()
    ClipLoss(**CLIP)(estimate, candidate).backward()
    assert estimate.grad.isfinite().all() and candidate.grad.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_inputs_are_summed_in_float32(dtype):
    torch.manual_seed(0)
    estimate = (30 * torch.randn(3, 64, 100)).to(dtype)  # its squares overflow float16
    candidate = (30 * torch.randn(3, 64, 100)).to(dtype)
    for options in ({}, CLIP):
        loss = ClipLoss(**options)
        with torch.autocast("cpu", dtype=dtype):
            scores, found = loss.scores(estimate, candidate), loss(estimate, candidate)
        assert scores.dtype == found.dtype == torch.float32
        exact = loss.scores(estimate.double(), candidate.double()).float()
        torch.testing.assert_close(scores, exact, atol=1e-3, rtol=0)  # of scores about 30


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ([(2, 3, 4), (2, 3, 5)], r"estimate \(2, 3, 4\) and candidate \(2, 3, 5\)"),
        ([(2, 3), (2, 3)], r"estimate \(2, 3\).*t = 1 for one vector"),
        ([(3, 3, 4), (2, 3, 4)], "3 estimates and 2 candidates"),
        ([(2, 3, 4), (2, 3, 4), (3,)], r"target \(3,\); expected \(2,\)"),
        ([(2, 3, 4), (2, 3, 4), (2,), (2,)], r"candidate_ids None; expected \(2,\) and"),
        ([(2, 3, 4), (3, 3, 4), (2,), (2,), (2,)], r"ids \(2,\); expected \(2,\) and \(3,\)"),
    ],
)
def test_shapes_that_do_not_belong_together(shapes, message):
    with pytest.raises(ValueError, match=message):
        ClipLoss()(*(torch.zeros(shape, dtype=torch.float if len(shape) > 1 else torch.long) for shape in shapes))


def test_a_misspelt_option():
    with pytest.raises(UserError, match="normalize='candidate'.*'target' or 'both'"):
        ClipLoss("candidate")
