"""The paper's encoder as a classifier of windows: against the encoder itself."""

import pytest
import torch
from torch import nn

from n2s.errors import UserError
from n2s.findings import kept
from n2s.models import EncoderClassifier
from n2s.models.event_network import check_channels

SIZES = {"n_virtual": 12, "n_fourier": 32, "hidden": 16, "depth": 4, "spatial_dropout": 0.0}


@pytest.fixture
def given():
    torch.manual_seed(0)
    return torch.randn(6, 9, 50), torch.rand(6, 9, 2), torch.tensor([0, 1, 2, 0, 1, -1])


def test_its_logits_are_a_linear_map_of_the_mean_over_time(given):
    net = EncoderClassifier(3, 5, **SIZES).eval()
    *before, last = net.encoder.head
    net_without = EncoderClassifier(3, 5, **SIZES).eval()
    net_without.load_state_dict(net.state_dict())
    net_without.encoder.head = torch.nn.Sequential(*before)
    mean = net_without.encoder(*given).mean(2)
    logits = net(*given)
    assert logits.shape == (6, 5)
    assert torch.allclose(logits, mean @ last.weight[:, :, 0].T + last.bias, atol=1e-6)


def test_subjects_positions_and_masks_are_used(given):
    net = EncoderClassifier(3, 5, **SIZES).eval()
    brain, positions, subject = given
    assert torch.equal(net(brain, positions), net(brain, positions, torch.full((6,), -1)))
    assert not torch.allclose(net(brain, positions, subject), net(brain, positions))
    order = torch.randperm(9)
    assert torch.allclose(net(brain[:, order], positions[:, order], subject), net(*given), atol=1e-5)
    mask = torch.ones(6, 9, dtype=torch.bool)
    mask[:, 4] = False
    wild = brain.clone()
    wild[:, 4] = float("nan")
    assert torch.equal(net(wild, positions, subject, mask), net(*given, mask))
    kept = [0, 1, 2, 3, 5, 6, 7, 8]
    assert torch.allclose(net(brain[:, kept], positions[:, kept], subject), net(*given, mask), atol=1e-5)


def test_it_learns_and_takes_any_length(given):
    brain, positions, subject = given
    net, label = EncoderClassifier(3, 2, **SIZES), torch.tensor([0, 1, 0, 1, 0, 1])
    optimizer = torch.optim.Adam(net.parameters(), 3e-3)
    for _ in range(40):
        loss = torch.nn.functional.cross_entropy(net(brain, positions, subject.clamp(0)), label)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.1
    assert net(brain[..., :17], positions, subject).shape == (6, 2)


def test_positions_are_needed_where_they_are_looked_at(given):
    with pytest.raises(UserError, match="spatial_attention to false"):
        EncoderClassifier(3, 5, **SIZES)(given[0])
    plain = EncoderClassifier(3, 5, **SIZES | {"spatial_attention": False}, subject_layer=False).eval()
    assert plain(given[0]).shape == (6, 5)
    with pytest.raises(UserError, match="do not fit into n_virtual"):
        plain(torch.zeros(2, 13, 50))


def test_networks_of_numbered_channels_say_that_they_are_other_contacts_in_each_person():
    network = nn.Linear(2, 2)
    with kept() as told:
        check_channels(network, 5, 3)  # knows sensors by their places
        network.n_channels = 5
        check_channels(network, 5)
    assert not told
    with kept() as told:
        check_channels(network, 5, 3)
    assert "other contacts in each of 3 people" in told[0].text
    with pytest.raises(UserError, match="n_channels 5, and the data have 4"):
        check_channels(network, 4)
