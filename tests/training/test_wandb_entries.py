from n2s.metrics.result import Shown
from n2s.training.results import wandb_entries


def test_entries_of_a_test_begin_with_test_once(tmp_path):
    names = ["", "test", "test, sentence context", "testers2020", "testers2020, listeners averaged"]
    found = wandb_entries(tmp_path, "test", [Shown(name=name) for name in names[1:]])
    assert list(found) == [
        "test", "test, sentence context", "test, testers2020", "test, testers2020, listeners averaged", "run",
    ]  # fmt: skip
    assert list(wandb_entries(tmp_path, "test", [Shown()])) == ["test", "run"]
    assert list(wandb_entries(tmp_path, "predict", [Shown(name="s1")])) == ["sounds, s1", "run"]
