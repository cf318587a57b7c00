"""What ``n2s predict`` writes of a system that has no results of its own."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from n2s.training.estimates import WriteEstimates


def predict(folder, outputs, rows, data, *, world_size=1):
    """The callback as a Trainer calls it."""
    callback = WriteEstimates(folder)
    trainer = SimpleNamespace(is_global_zero=True, world_size=world_size, datamodule=data)
    for output, row in zip(outputs, rows, strict=True):
        callback.on_predict_batch_end(trainer, None, output, SimpleNamespace(row=torch.tensor(row)), 0)
    callback.on_predict_end(trainer, torch.nn.Identity())


def windows():
    intervals = pd.DataFrame(
        {"recording": ["a", "b"], "story": ["x", "y"], "stimulus": ["s/x", "s/y"], "start_s": [0.0, 0.0]}
    )
    test = SimpleNamespace(intervals=intervals, interval=np.array([0, 0, 1]), start_s=np.array([0.0, 3.0, 6.0]))
    return SimpleNamespace(windows={"test": test}, holdout=None)


def test_rows_are_windows_in_their_order(tmp_path, capsys):
    values = torch.arange(24.0).reshape(3, 4, 2)
    predict(tmp_path, [values[[2, 0]], values[[1]]], [[2, 0], [1]], windows())
    assert np.array_equal(np.load(tmp_path / "estimates.npy"), values)
    table = pd.read_csv(tmp_path / "windows.csv")
    assert table.to_dict("list") == {
        "row": [0, 1, 2], "recording": ["a", "a", "b"], "story": ["x", "x", "y"], "stimulus": ["s/x", "s/x", "s/y"],
        "start_s": [0.0, 3.0, 6.0],
    }  # fmt: skip
    out = capsys.readouterr().out
    assert "estimates.npy, (3, 4, 2): a row a window" in out
    assert "windows.csv" in out


def test_several_parts_and_no_table(tmp_path):
    parts = {"sound": torch.ones(2, 3), "label": torch.tensor([1, 2]), "all": torch.ones(5), "name": "x"}
    predict(tmp_path, [parts], [[0, 1]], SimpleNamespace())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["label.npy", "sound.npy", "windows.csv"]
    assert pd.read_csv(tmp_path / "windows.csv").row.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("outputs", "options", "said"),
    [
        ([None], {}, "nothing written: Identity predicts nothing that is kept"),
        ([torch.ones(1, 2)], {"world_size": 2}, "where one process predicts; 2 were started"),
    ],
)
def test_nothing_is_said_too(tmp_path, capsys, outputs, options, said):
    predict(tmp_path, outputs, [[0]], windows(), **options)
    assert said in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


def test_what_a_system_leaves_itself_is_not_written_twice(tmp_path):
    (tmp_path / "result").mkdir()
    predict(tmp_path, [torch.ones(1, 2)], [[0]], windows())
    predict(tmp_path, [torch.ones(1, 2)], [[0]], SimpleNamespace(holdout=object()))
    assert [path.name for path in tmp_path.iterdir()] == ["result"]
