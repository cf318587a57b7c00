"""Anybody's network: called with what it takes, and its mistakes are said in a line, with their place."""

import sys
from types import ModuleType

import pytest
import torch
from torch import nn

from n2s.errors import UserError
from n2s.models.any_network import call

BRAIN = torch.ones(2, 5, 40)
POSITIONS, SUBJECT = torch.zeros(2, 5, 2), torch.tensor([0, 1])
MASK = torch.tensor([[True] * 5, [True] * 4 + [False]])


class Alone(nn.Module):
    def __init__(self, n_channels=5):
        super().__init__()
        self.layer = nn.Conv1d(n_channels, 3, 1)

    def forward(self, x):
        return self.layer(x)


class ByName(nn.Module):
    def forward(self, x, mask, subject):
        return x[:, :1] * subject[:, None, None] + mask.sum()


def test_inputs_are_given_by_name():
    assert torch.equal(call(ByName(), BRAIN, POSITIONS, SUBJECT, MASK)[:, 0, 0], torch.tensor([9.0, 10.0]))


def test_sensors_that_are_not_there_are_0_for_a_network_without_a_mask():
    network = Alone()
    silent = BRAIN.clone()
    silent[1, 4] = 0
    assert torch.equal(call(network, BRAIN, POSITIONS, SUBJECT, MASK), network(silent))


def test_a_mistake_inside_is_said_with_its_line():
    with pytest.raises(UserError, match=r"Alone.forward fails with brain \(2, 5, 40\): 2 windows, 5 sensors \(test_any_network.py, line \d+: return self.layer\(x\)\). RuntimeError: .*to have 20 channels, but got 5"):  # fmt: skip
        call(Alone(20), BRAIN)


def test_a_mistake_of_a_library_is_shown_in_full():
    with pytest.raises(RuntimeError, match="to have 20 channels"):
        call(nn.Conv1d(20, 3, 1), BRAIN)


def test_a_full_gpu_stays_what_it_is():
    class Full(Alone):
        def forward(self, x):
            raise torch.OutOfMemoryError("too large")

    with pytest.raises(torch.OutOfMemoryError):
        call(Full(), BRAIN)


def test_a_mistake_inside_a_network_of_a_notebook_is_said(monkeypatch):
    """There ``__main__`` is no file, and Python cannot say where a class is."""
    notebook = ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", notebook)
    cell = "import torch\nclass Mine(torch.nn.Module):\n    def forward(self, x):\n        return x @ x\n"
    exec(compile(cell, "/cells/2.py", "exec"), vars(notebook))
    with pytest.raises(UserError, match=r"Mine.forward fails with brain \(2, 5, 40\).*\(2.py, line 4"):
        call(notebook.Mine(), BRAIN)
