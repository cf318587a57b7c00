"""MEGConformer against the published computation, put together here from torchaudio's Conformer, and its weights in both forms."""

import pytest
import torch
import torchaudio
from torch import nn

from n2s.errors import UserError
from n2s.models import DyslexNet, MEGConformer
from n2s.models.event_network import EventNetwork
from n2s.models.megconformer import _renamed

SMALL = {"n_channels": 6, "n_times": 41, "n_classes": 3, "dim": 24, "depth": 2, "n_heads": 4, "ffn_dim": 40, "kernel_size": 7, "instance_norm": True}  # fmt: skip
PHONES = {"n_channels": 306, "n_times": 125, "n_classes": 39, "dim": 144, "depth": 7, "n_heads": 12, "ffn_dim": 2048, "kernel_size": 127, "instance_norm": True}  # fmt: skip
SPEECH = {"n_channels": 306, "n_times": 625, "n_classes": 1, "dim": 144, "depth": 16, "n_heads": 4, "ffn_dim": 576, "kernel_size": 31, "instance_norm": False}  # fmt: skip


class Published(nn.Module):
    """Instance norm, 1x1 convolution, torchaudio's Conformer, mean, classifier."""

    def __init__(self, n_channels, n_times, n_classes, dim, depth, n_heads, ffn_dim, kernel_size, instance_norm):
        super().__init__()
        if instance_norm:
            self.pre_norm = nn.InstanceNorm1d(n_channels, affine=True)
        self.preproj = nn.Conv1d(n_channels, dim, 1)
        self.encoder = torchaudio.models.Conformer(dim, n_heads, ffn_dim, depth, kernel_size)
        self.classifier = nn.Linear(dim, n_classes)

    def forward(self, x):
        x = self.pre_norm(x) if hasattr(self, "pre_norm") else x
        x = self.preproj(x).transpose(1, 2)
        return self.classifier(self.encoder(x, torch.full((len(x),), x.shape[1]))[0].mean(1))


def published(settings):
    """With weights as after training: nothing is zero or one."""
    torch.manual_seed(0)
    net = Published(**settings).double()
    with torch.no_grad():
        for one in net.parameters():
            one.add_(0.3 * torch.randn_like(one))
        for name, one in net.named_buffers():
            if one.is_floating_point():
                one.copy_(torch.rand_like(one) + 0.5 if name.endswith("var") else torch.randn_like(one))
    return net


def own(net, settings, recompute="nothing"):
    mine = MEGConformer.from_libribrain_experiments(net.state_dict(), **settings)
    mine.in_dropout.p, mine.recompute = 0.0, recompute
    for layer in mine.layers:
        layer.recompute = recompute == "parts"
    return mine


@pytest.mark.parametrize("recompute", ["nothing", "parts", "layers"])
@pytest.mark.parametrize("change", [{}, {"n_times": 125, "instance_norm": False, "kernel_size": 9}, {"n_times": 20, "kernel_size": 63}, {"n_times": 2}, {"kernel_size": 1}])  # fmt: skip
def test_a_training_step_is_the_published_one(recompute, change):
    settings = SMALL | change
    theirs = published(settings)
    mine = own(theirs, settings, recompute)
    x = torch.randn(5, 6, settings["n_times"], dtype=torch.float64, requires_grad=True)
    toward = torch.randn(5, 3, dtype=torch.float64)
    logits, of_x = [], []
    for net in (mine, theirs):
        logits.append(net(x))
        (logits[-1] * toward).sum().backward()
        of_x.append(x.grad.clone())
        x.grad = None
    assert torch.allclose(*logits, rtol=1e-9, atol=1e-12) and torch.allclose(*of_x, rtol=1e-7, atol=1e-10)
    gradients = _renamed({name: one.grad for name, one in theirs.named_parameters()})
    assert gradients.keys() == dict(mine.named_parameters()).keys()
    for name, one in mine.named_parameters():
        assert torch.allclose(one.grad, gradients[name], rtol=1e-7, atol=1e-9), name
    for name, one in _renamed(dict(theirs.named_buffers())).items():  # running means and variances, and how many
        assert torch.allclose(mine.get_buffer(name), one, rtol=1e-9), name
    for net in (mine, theirs):
        net.eval()
    assert torch.allclose(mine(x), theirs(x), rtol=1e-9, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("settings, n_parameters, beside", [(PHONES, 9_502_939, "loss_fn.weight"), (SPEECH, 7_815_745, "loss_fn.bce_loss.pos_weight")])  # fmt: skip
def test_the_published_sizes_load_in_both_forms(settings, n_parameters, beside):
    torch.manual_seed(0)
    theirs = Published(**settings).eval()
    assert sum(one.numel() for one in theirs.parameters()) == n_parameters
    x = torch.randn(2, 306, settings["n_times"])
    with torch.no_grad():
        logits = theirs(x)
    lightning = {f"modules_list.0.{name}": one for name, one in theirs.state_dict().items()} | {beside: torch.ones(1)}
    for state in (theirs.state_dict(), lightning):
        mine = MEGConformer.from_libribrain_experiments(state, **settings).eval()
        assert sum(one.numel() for one in mine.parameters()) == n_parameters
        with torch.no_grad():
            assert torch.allclose(mine(x), logits, rtol=1e-4, atol=1e-5)


def test_it_starts_as_published():
    settings = SMALL | {"dim": 96, "ffn_dim": 300, "kernel_size": 31}
    torch.manual_seed(0)
    theirs, mine = _renamed(dict(Published(**settings).named_parameters())), MEGConformer(**settings)
    for name, one in mine.named_parameters():
        expected = theirs[name].detach()
        assert one.shape == expected.shape
        if expected.std() == 0:
            assert torch.equal(one, expected), name
        else:
            # both are uniform around 0: the largest value of so many is near the bound
            assert one.abs().max().item() == pytest.approx(
                expected.abs().max().item(), rel=0.5 if one.numel() < 20 else 0.15
            ), name
            assert abs(one.mean()) < 5 * one.std() / one.numel() ** 0.5


def test_what_is_recomputed_changes_nothing_with_dropout_and_saves_memory():
    settings = SMALL | {"dim": 48, "ffn_dim": 192, "n_heads": 4}
    found, kept = {}, dict.fromkeys(("nothing", "parts", "layers"), 0)
    for recompute in kept:

        def keep(tensor, recompute=recompute):
            kept[recompute] += tensor.nbytes
            return tensor

        torch.manual_seed(0)
        net = MEGConformer(**settings, dropout=0.3, recompute=recompute)
        x = torch.randn(4, 6, 41)
        torch.manual_seed(1)
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            loss = net(x).square().sum()
        loss.backward()
        found[recompute] = [one.grad for one in net.parameters()] + [one.clone() for one in net.buffers()]
        assert all(layer.convolution.batch_norm.num_batches_tracked == 1 for layer in net.layers)
        assert all(layer.convolution.batch_norm.momentum == 0.1 for layer in net.layers)
    assert kept["layers"] < kept["parts"] < kept["nothing"] / 10  # beside what goes into a part or layer
    for recompute in ("parts", "layers"):
        assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(found["nothing"], found[recompute], strict=True))


def test_wide_values_are_not_kept():
    net, kept = MEGConformer(**SMALL | {"ffn_dim": 37}), []

    def keep(tensor):
        kept.append(tuple(tensor.shape))
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        net(torch.randn(4, 6, 41))
    assert (4 * 41, 24) in kept  # what goes into a part
    assert not [shape for shape in kept if shape[-1] == 37 and shape[0] >= 41]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_mixed_precision_and_a_frozen_network(dtype):
    torch.manual_seed(0)
    net, x = MEGConformer(**SMALL).eval(), torch.randn(4, 6, 41)
    with torch.autocast("cpu", dtype, enabled=dtype == torch.bfloat16):
        mixed = net(x)
    assert torch.allclose(mixed.float(), net(x), atol=0.05)
    mixed.float().sum().backward()
    assert all(one.grad is not None for one in net.parameters())
    net.requires_grad_(False)
    net.classifier.requires_grad_(True)
    net.zero_grad()
    net(x).sum().backward()
    assert net.classifier.weight.grad is not None and net.front.weight.grad is None


@pytest.mark.parametrize("instance_norm", [True, False])
def test_windows_of_any_number_and_length(instance_norm):
    torch.manual_seed(0)
    net = MEGConformer(**SMALL | {"instance_norm": instance_norm}).eval()
    assert net(torch.zeros(0, 6, 41)).shape == (0, 3) and net(torch.randn(1, 6, 1001)).shape == (1, 3)
    late = torch.randn(3, 41, 6).transpose(1, 2)  # as a window that was cut from a table with time first
    assert torch.equal(net(late), net(late.contiguous()))
    assert net(torch.zeros(2, 6, 41)).isfinite().all()  # dead channels


def test_masked_channels_and_other_windows_do_not_matter():
    torch.manual_seed(0)
    net, x = MEGConformer(**SMALL).eval(), torch.randn(4, 6, 41)
    mask = torch.ones(4, 6, dtype=torch.bool)
    mask[:, 2] = False
    wild = x.clone()
    wild[:, 2] = float("nan")
    logits = net(x, torch.rand(4, 6, 2), torch.zeros(4, dtype=torch.long), mask)
    assert logits.shape == (4, 3) and torch.equal(net(wild, mask=mask), logits)
    assert not torch.allclose(net(x), logits)
    assert torch.allclose(net(x[:1], mask=mask[:1]), logits[:1], atol=1e-6)


def test_what_does_not_fit_is_told():
    net = MEGConformer(**SMALL)
    assert isinstance(net, EventNetwork) and issubclass(DyslexNet, EventNetwork)
    with pytest.raises(UserError, match="made for 6 channels; the windows have 5. Set model.network.n_channels to 5"):
        net(torch.zeros(2, 5, 41))
    with pytest.raises(UserError, match=r"windows \(b, c, t\); got \(6, 41\)"):
        net(torch.zeros(6, 41))
    with pytest.raises(UserError, match="two samples or more"):
        net(torch.zeros(2, 6, 1))
    for change, told in (({"n_heads": 5}, "n_heads 5"), ({"kernel_size": 8}, "kernel_size is 8"), ({"recompute": "all"}, "recompute is 'all'")):  # fmt: skip
        with pytest.raises(UserError, match=told):
            MEGConformer(**SMALL | change)
    state = published(SMALL).state_dict()
    for wrong, told in (
        ({k: v for k, v in state.items() if k != "classifier.bias"}, r"lacks 1 \(classifier.bias"),
        (state | {"decoder.weight": torch.ones(1)}, "not known 1"),
        (state | {"preproj.weight": torch.ones(24, 7, 1)}, "another shape"),
    ):
        with pytest.raises(UserError, match=told):
            MEGConformer.from_libribrain_experiments(wrong, **SMALL)
    with pytest.raises(UserError, match="not known 2 .*pre_norm"):
        MEGConformer.from_libribrain_experiments(state, **SMALL | {"instance_norm": False})
    with pytest.raises(UserError, match="lacks"):
        MEGConformer.from_libribrain_experiments(state, **SMALL | {"depth": 3})
