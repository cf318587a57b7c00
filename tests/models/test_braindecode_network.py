"""Models of braindecode, and of a stranger's module, behind the port."""

import sys
import types

import pytest
import torch
from torch import nn

from n2s import findings
from n2s.errors import UserError
from n2s.models import BraindecodeNetwork

braindecode = pytest.importorskip("braindecode.models")


class Given(nn.Module):
    """A linear classifier that says what it says in one of many ways."""

    def __init__(self, n_chans, n_times, n_outputs, way="logits"):
        super().__init__()
        self.map, self.way, self.n_chans = nn.Linear(n_chans, n_outputs), way, n_chans

    def forward(self, x):
        logits = self.map(x.transpose(1, 2))  # (b, t, k)
        mean = logits.mean(1)
        return {
            "logits": mean,
            "log": mean.log_softmax(1),
            "probabilities": mean.softmax(1),
            "in time": logits.transpose(1, 2),
            "times first": logits,
            "image": mean[:, :, None, None],
            "tuple": (mean, logits),
            "features": x.mean(2)[:, : self.n_chans - 1],
        }[self.way]


@pytest.fixture
def module(monkeypatch):
    here = types.ModuleType("of_a_stranger")
    here.Given, here.number = Given, 3
    monkeypatch.setitem(sys.modules, "of_a_stranger", here)


@pytest.mark.parametrize("way", ["logits", "log", "probabilities", "in time", "times first", "image"])
def test_every_way_of_saying_it_gives_the_same_classes(module, way):
    torch.manual_seed(0)
    net = BraindecodeNetwork(6, 20, 4, model="of_a_stranger.Given", options={"way": way})
    x = torch.randn(8, 6, 20)
    expected = net.model.map(x.mean(2)).log_softmax(1)
    assert net(x).shape == (8, 4)
    assert torch.allclose(net(x).log_softmax(1), expected, atol=1e-5)
    net(x).square().sum().backward()
    assert net.model.map.weight.grad.abs().sum() > 0 and net.training and net.model.training


@pytest.mark.parametrize("name", ["EEGNet", "ShallowFBCSPNet", "braindecode.models.EEGConformer", "ATCNet"])
def test_braindecodes_models_run_with_gradients(name):
    torch.manual_seed(0)
    net = BraindecodeNetwork(7, 250, 3, model=name, sfreq=100.0)
    theirs = net.model
    assert type(theirs).__module__.startswith("braindecode")
    x, mask = torch.randn(4, 7, 250), torch.ones(4, 7, dtype=torch.bool)
    mask[:, 0] = False
    net(x, torch.rand(4, 7, 2), torch.zeros(4), mask).sum().backward()
    assert all(one.grad is not None for one in net.parameters() if one.requires_grad)
    net.eval()
    assert torch.equal(net(x, mask=mask), theirs(torch.where(mask[..., None], x, 0.0)))


def test_random_numbers_elsewhere_stay_as_they_are():
    torch.manual_seed(3)
    braindecode.EEGNet(n_chans=7, n_times=250, n_outputs=3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    BraindecodeNetwork(7, 250, 3)
    assert torch.equal(torch.rand(1), expected)


def test_what_a_model_changes_by_itself_is_told():
    with findings.kept() as found:
        BraindecodeNetwork(7, 250, 3, model="ATCNet", sfreq=100.0)
    assert any(one.where == "ATCNet" and "Adjusting parameters" in one.text for one in found)


def test_options_reach_the_model():
    assert BraindecodeNetwork(7, 250, 3, options={"F1": 5}).model.F1 == 5


@pytest.mark.parametrize(
    "change, told",
    [
        ({"model": "EEGNett"}, "has no network EEGNett. Nearest: EEGNet"),
        ({"model": "no_such_package.Net"}, "no_such_package cannot be imported"),
        ({"model": "of_a_stranger.number"}, "has no network number"),
        ({"options": {"kernel_lenght": 3}}, "has no argument kernel_lenght. Nearest: kernel_length"),
        ({"model": "torch.nn.Linear"}, "takes in_features, .*expected arguments as braindecode's"),
        ({"model": "of_a_stranger.Given", "options": {"way": "tuple"}}, "gives a tuple; expected \\(b, 4\\)"),
        ({"model": "of_a_stranger.Given", "options": {"way": "features"}}, "gives a tensor \\(2, 5\\)"),
        (
            {"model": "SleepStagerBlanco2020", "sfreq": 100.0},
            "does not run on windows of 6 channels, 20 samples, 4 classes, 100 Hz",
        ),
        ({"model": "DGCNN"}, "chs_info"),
    ],
)
def test_what_does_not_fit_is_told(module, change, told):
    with pytest.raises(UserError, match=told):
        BraindecodeNetwork(6, 20, 4, **change)


def test_other_windows_and_a_missing_package_are_told(module, monkeypatch):
    net = BraindecodeNetwork(6, 20, 4, model="of_a_stranger.Given")
    with pytest.raises(UserError, match="of_a_stranger.Given was made for windows of 20 samples; these have 21"):
        net(torch.zeros(2, 6, 21))
    for name in [name for name in sys.modules if name.partition(".")[0] == "braindecode"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(sys, "meta_path", [one for one in sys.meta_path if "editable" not in str(one).lower()])
    with pytest.raises(UserError, match="pip install 'n2s\\[braindecode\\]'"):
        BraindecodeNetwork(6, 20, 4)
