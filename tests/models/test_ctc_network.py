"""The network that writes phones: steps, padding of channels, and that CTC teaches it what a window holds."""

import pytest
import torch

from n2s.errors import UserError
from n2s.models import ConformerCTC
from n2s.models.seeded import seeded

SMALL = {
    "n_channels": 5,
    "n_subjects": 2,
    "n_phones": 3,
    "dim": 16,
    "convs": 2,
    "n_heads": 2,
    "ffn_dim": 16,
    "kernel_size": 3,
    "depth": 1,
}


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("n_times", [1, 2, 29, 30])
def test_steps(n_times, stride):
    network = ConformerCTC(**SMALL, stride=stride).eval()
    found = network(torch.randn(2, 5, n_times), subject=torch.tensor([0, -1]))
    assert found.shape == (2, network.n_steps(n_times), 4)
    assert torch.allclose(found.exp().sum(-1), torch.ones(found.shape[:2]), atol=1e-5)


def test_a_step_is_around_its_sample():
    with seeded(0):
        network = ConformerCTC(**SMALL | {"depth": 0}, stride=2).eval()
    brain = torch.randn(1, 5, 60, requires_grad=True)
    network(brain)[0, 15].sum().backward()
    network(brain)[0, 15, 1].backward()
    seen = brain.grad[0].abs().sum(0).nonzero()[:, 0]
    assert abs((seen.min() + seen.max()).item() / 2 - 30) <= 1


def test_masked_channels_and_subjects():
    with seeded(0):
        network = ConformerCTC(**SMALL).eval()
    brain, mask = torch.randn(2, 5, 20), torch.ones(2, 5, dtype=torch.bool)
    mask[:, 4] = False
    other = torch.cat([brain[:, :4], 1e6 * torch.ones(2, 1, 20)], 1)
    subject = torch.tensor([0, 1])
    assert torch.equal(network(brain, subject=subject, mask=mask), network(other, subject=subject, mask=mask))
    assert not torch.allclose(network(brain[:1], subject=subject[:1]), network(brain[:1], subject=subject[1:]))
    with pytest.raises(UserError, match="made for 5 channels; the windows have 6"):
        network(torch.randn(1, 6, 20))
    with pytest.raises(UserError, match="stride is 0"):
        ConformerCTC(5, stride=0)


def test_ctc_teaches_what_a_window_holds():
    """Phones are bumps in a sensor each, at times that nobody tells."""
    with seeded(1):
        network = ConformerCTC(**SMALL | {"n_subjects": 1}, dropout=0.0)
        target = torch.randint(1, 4, (64, 3))
        brain = 0.3 * torch.randn(64, 5, 40)
    for i in range(64):
        for place, phone in enumerate(target[i].tolist()):
            at = 4 + 12 * place + i % 4
            brain[i, phone, at : at + 4] += 2
    optimizer = torch.optim.AdamW(network.parameters(), 5e-3)
    subject, lengths = torch.zeros(64, dtype=torch.long), torch.full((64,), network.n_steps(40))
    for _ in range(60):
        loss = torch.nn.functional.ctc_loss(
            network(brain, subject=subject).transpose(0, 1), target, lengths, torch.full((64,), 3)
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    best = network.eval()(brain, subject=subject).argmax(-1)
    found = [[one for one in torch.unique_consecutive(row).tolist() if one] for row in best]
    assert sum(one == true for one, true in zip(found, target.tolist(), strict=True)) > 50
