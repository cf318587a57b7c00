import numpy as np
import pytest
import torch

from n2s.errors import UserError
from n2s.models import BoldEncoder
from n2s.models.bold_encoder import after_sound, interpolation


def encoder(**options):
    torch.manual_seed(0)
    return BoldEncoder(3, 5, 4, 6, 20, **({"n_slow": 4, "hidden": 7, "depth": 0} | options)).eval()


def test_without_layers_it_is_linear_as_written_out():
    model, subject = encoder(), torch.tensor([2, 0])
    bold = torch.randn(2, 4, 5)
    maps, head = model.subjects.detach().double().numpy(), model.network[0]
    weight, bias = head.weight[:, :, 0].detach().double().numpy(), head.bias.detach().double().numpy()
    response = model.response[:, 0].detach().double().numpy()
    expected = np.zeros((2, 6, 20))
    for row, who in enumerate(subject.tolist()):
        courses = bold[row].double().numpy() @ maps[who]
        moments = np.zeros(
            (4, 7)
        )  # sound at 1, 3, 5 and 7 s, volumes from 4, 6, 8 and 10 s on: those 1 to 11 s later count
        for moment, volume in np.ndindex(4, 4):
            lag_s = (4 + 2 * volume) - (1 + 2 * moment)
            if lag_s >= 1:
                moments[moment] += response[:, (lag_s - 1) // 2] * courses[volume]
        moments = weight @ moments.T + bias[:, None]
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


def test_one_vector_is_the_mean_of_the_moments():
    assert interpolation(4, 1).equal(torch.full((4, 1), 0.25))
    assert BoldEncoder(1, 2, 3, 4, 1)(torch.randn(2, 3, 2), torch.tensor([0, 0])).shape == (2, 4, 1)


@pytest.mark.parametrize(("bin_s", "lag_s"), [(2.0, 4.0), (0.8, 4.0), (3.0, 5.0), (1.5, 0.0)])
def test_at_first_a_moment_is_read_five_seconds_later(bin_s, lag_s):
    first, response = after_sound(bin_s, lag_s)
    lags_s = lag_s + bin_s * (first + np.arange(len(response))) - bin_s / 2
    assert -1e-6 <= lags_s[0] < bin_s and abs(lags_s[int(response.argmax())] - 5) <= bin_s / 2 + 0.3
    assert response.norm() == pytest.approx(1) and response[-1] < 0  # and below the baseline at last


def test_volumes_that_are_not_there_are_as_their_mean():
    model, who = encoder(n_slow=5), torch.tensor([1])  # the last moments would need volumes 4 s after the last one
    bold = torch.randn(1, 4, 5)
    longer = torch.cat([bold, torch.zeros(1, 3, 5)], 1)
    torch.testing.assert_close(model(bold, who), model(longer, who))


def test_sound_that_is_later_moves_the_volumes_that_are_later():
    """One map for all moments: the estimate of a bump in the volumes moves with it."""
    model = encoder(n_slow=10)
    bold = torch.zeros(2, 12, 5)
    bold[0, 6], bold[1, 7] = 1.0, 1.0
    early, late = (model(bold, torch.tensor([0, 0])) - model(torch.zeros(1, 12, 5), torch.tensor([0]))).detach()
    torch.testing.assert_close(early[:, :18], late[:, 2:])  # moments are two frames apart
    assert early.abs().max() > 0.1


def test_it_learns_sources_from_little_data():
    """Twelve minutes of one person: a course of sound through a slow response, in one of many noisy components."""
    random = torch.Generator().manual_seed(0)
    sound = torch.randn(360, 2, generator=random)
    response = torch.tensor([0.0, 0.3, 0.8, 0.5, 0.1, -0.2])
    volumes = torch.nn.functional.conv1d(sound.T[:, None], response.flip(0)[None, None], padding=5)[:, 0, :360].T
    bold = volumes @ torch.randn(2, 30, generator=random) * 0.5 + torch.randn(360, 30, generator=random)
    starts = torch.arange(0, 340, 2)  # volume i is 2 i s after the first sound; segments of 5 bins, volumes from 4 s on
    segments = torch.stack([sound[at : at + 5].T for at in starts])
    after = torch.stack([bold[at + 2 : at + 9] for at in starts])
    torch.manual_seed(0)
    model, who = BoldEncoder(1, 30, 7, 2, 5, dropout=0.0), torch.zeros(len(starts), dtype=torch.long)
    steps = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(60):
        steps.zero_grad()
        (model(after[:120], who[:120]) - segments[:120]).square().mean().backward()
        steps.step()
    with torch.no_grad():
        estimate = model.eval()(after[125:], who[125:])
    found = np.corrcoef(estimate[:, :, 1:4].flatten(), segments[125:, :, 1:4].flatten())[0, 1]
    assert found > 0.6


def test_later_components_count_less_by_their_rank():
    plain, ranked = encoder(rank_power=0.0), encoder(rank_power=1.0)
    bold, who = torch.randn(2, 4, 5), torch.tensor([0, 1])
    scale = torch.arange(1, 6) ** -1.0
    torch.testing.assert_close(ranked(bold, who), plain(bold * scale / scale.square().mean().sqrt(), who))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"n_slow": 0}, "n_slow is 0"),
        ({"depth": -1}, "depth"),
        ({"dropout": 1.0}, "dropout is 1"),
        ({"bin_s": 0.0}, "bin_s is 0"),
        ({"lag_s": 40.0}, "no moment of sound"),
    ],
)
def test_options_out_of_range(options, said):
    with pytest.raises(UserError, match=said):
        encoder(**options)
