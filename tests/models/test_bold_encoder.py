import numpy as np
import pytest
import torch

from n2s.errors import UserError
from n2s.models import BoldEncoder
from n2s.models.bold_encoder import interpolation


def encoder(**options):
    torch.manual_seed(0)
    return BoldEncoder(3, 5, 4, 6, 20, **({"n_slow": 4, "hidden": 7, "depth": 0} | options)).eval()


def test_without_layers_it_is_linear_as_written_out():
    model, subject = encoder(), torch.tensor([2, 0])
    bold = torch.randn(2, 4, 5)
    maps, head = model.subjects.detach().double().numpy(), model.network[0]
    weight, bias = head.weight.detach().double().numpy(), head.bias.detach().double().numpy()
    expected = np.zeros((2, 6, 20))
    for row, who in enumerate(subject.tolist()):
        moments = (weight @ (bold[row].double().numpy() @ maps[who]).ravel() + bias).reshape(6, 4)
        for output in range(6):  # a moment every five frames, at the middle of its five
            expected[row, output] = np.interp(np.arange(20), [2, 7, 12, 17], moments[output])
    np.testing.assert_allclose(model(bold, subject).detach(), expected, atol=1e-5)


def test_someone_unseen_gets_the_mean_map():
    model, bold = encoder(), torch.randn(1, 4, 5)
    everyone = torch.stack([model(bold, torch.tensor([who])) for who in range(3)])
    torch.testing.assert_close(model(bold, torch.tensor([-1])), everyone.mean(0))


@pytest.mark.parametrize("odd", [-2, 3])
def test_no_such_person(odd):
    with pytest.raises(ValueError, match=rf"\[{odd}\].*0 to 2"):
        encoder()(torch.randn(1, 4, 5), torch.tensor([odd]))


def test_only_the_people_of_the_batch_learn():
    model = encoder(depth=1)
    model(torch.randn(2, 4, 5), torch.tensor([1, 1])).sum().backward()
    moved = model.subjects.grad.abs().sum((1, 2))
    assert moved[1] > 0 and not moved[[0, 2]].any()


def test_nobody_gives_nothing_in_the_right_shape():
    assert encoder()(torch.zeros(0, 4, 5), torch.zeros(0, dtype=torch.long)).shape == (0, 6, 20)


def test_slow_moments_are_held_at_the_ends_and_straight_between():
    weights = interpolation(3, 12)
    torch.testing.assert_close(weights.sum(0), torch.ones(12))
    course = torch.tensor([1.0, 5.0, 3.0]) @ weights
    torch.testing.assert_close(course[:2], torch.ones(2))
    torch.testing.assert_close(course[-2:], torch.full((2,), 3.0))
    torch.testing.assert_close(course[2:5].diff(), torch.ones(2))
    assert interpolation(1, 9).equal(torch.ones(1, 9))


def test_there_are_no_more_moments_than_frames():
    assert encoder(n_slow=50).n_slow == 20
    assert BoldEncoder(1, 2, 3, 4, 1)(torch.randn(2, 3, 2), torch.tensor([0, 0])).shape == (2, 4, 1)


def test_later_components_count_less_by_their_rank():
    plain, ranked = encoder(rank_power=0.0), encoder(rank_power=1.0)
    bold, who = torch.randn(2, 4, 5), torch.tensor([0, 1])
    scale = torch.arange(1, 6) ** -1.0
    torch.testing.assert_close(ranked(bold, who), plain(bold * scale / scale.square().mean().sqrt(), who))


@pytest.mark.parametrize(
    ("options", "said"), [({"n_slow": 0}, "n_slow is 0"), ({"depth": -1}, "depth"), ({"dropout": 1.0}, "dropout is 1")]
)
def test_options_out_of_range(options, said):
    with pytest.raises(UserError, match=said):
        encoder(**options)
