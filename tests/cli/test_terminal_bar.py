"""The bar of a terminal: epochs as people count them, and nothing of it after the last line of a command."""

from types import SimpleNamespace

import pytest
from lightning.pytorch.callbacks.progress.rich_progress import ProcessingSpeedColumn
from lightning.pytorch.trainer.states import TrainerFn

from n2s.training.progress_bar import Bar


@pytest.mark.parametrize(("last", "said"), [(3, "epoch 1 of 3"), (-1, "epoch 1"), (None, "epoch 1")])
def test_epochs_count_from_one(last, said):
    bar = Bar()
    bar._trainer = SimpleNamespace(max_epochs=last)
    assert bar._get_train_description(0).rstrip() == said


def test_it_is_one_line():
    columns = Bar().configure_columns(None)
    assert not any(isinstance(one, ProcessingSpeedColumn) for one in columns)
    assert [one.bar_width for one in columns if hasattr(one, "bar_width")] == [16]


@pytest.mark.parametrize(
    ("hook", "verb", "ends"),
    [
        ("on_fit_end", TrainerFn.FITTING, True),
        ("on_validation_end", TrainerFn.FITTING, False),
        ("on_validation_end", TrainerFn.VALIDATING, True),
        ("on_test_end", TrainerFn.TESTING, True),
        ("on_predict_end", TrainerFn.PREDICTING, True),
    ],
)
def test_it_ends_before_what_is_said_at_the_end(monkeypatch, hook, verb, ends):
    bar, stopped = Bar(), []
    monkeypatch.setattr(bar, "_stop_progress", lambda: stopped.append(hook))
    monkeypatch.setattr(bar, "_update_metrics", lambda *_: None)
    getattr(bar, hook)(SimpleNamespace(state=SimpleNamespace(fn=verb)), None)
    assert bool(stopped) == ends
