"""Linear classifiers of events by the command: what is fitted, tested, pooled and refused."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from closed_form_recipe import QUIET
from shared_code import SharedCode

from n2s.errors import UserError
from n2s.metrics.score import ALL
from n2s.systems import LinearClassifier
from n2s.systems.event_classes.linear_task import chosen_pairs
from n2s.systems.event_classes.result import EventResult
from n2s.systems.event_classes.transfer_result import TransferResult


def recipe(path: Path, *, study: dict | None = None, data: dict | None = None, model: dict | None = None) -> Path:
    """A recipe of `SharedCode`: runs of two people, of which the last is tested."""
    windows = {
        "classes": {"class_path": "n2s.data.Labels", "init_args": {"classes": ["up", "down", "stop"]}},
        "kind": "word",
    }
    whole = {
        "seed_everything": 0,
        "experiment": "small",
        "data": {
            "class_path": "n2s.data.EventDataModule",
            "init_args": {
                "studies": {"lab": {"class_path": "shared_code.SharedCode", "init_args": {"root": "lab", "n_runs": 4} | (study or {})}},
                "windows": {"class_path": "n2s.data.AtEvents", "init_args": windows},
                "preprocessing": {"class_path": "n2s.data.Preprocessing", "init_args": {"sfreq": 50.0, "picks": ["eeg"]}},
                "split": {"class_path": "n2s.data.SplitByRun", "init_args": {"test": [4], "val_fraction": 0.0}},
                "window_s": 0.4,
                "n_jobs": 1,
            } | (data or {}),
        },
        "model": {"class_path": "n2s.systems.LinearClassifier", "init_args": {"n_permutations": 100} | (model or {})},
        "trainer": QUIET | {"max_epochs": 1, "limit_train_batches": 1, "num_sanity_val_steps": 0, "log_every_n_steps": 1, "logger": False},
    }  # fmt: skip
    path.write_text(yaml.safe_dump(whole, sort_keys=False))
    return path


@pytest.fixture
def run(tmp_path, monkeypatch, run_n2s):
    """Run a verb on a recipe: status, and what was printed."""
    monkeypatch.chdir(tmp_path)

    def verb(name, *words, **options):
        path = recipe(tmp_path / "recipe.yaml", **options)
        status, out, err = run_n2s(name, "--config", path, *words)
        return status, out + err

    return verb


TIMES = {"class_path": "n2s.models.SlidingLDA", "init_args": {"n_bins": 5}}


@pytest.mark.slow
def test_every_run_is_held_out_once_and_the_page_is_of_all(run):
    """Bands, pairs, times, averages and folds, in one."""
    model = {"pairs": True, "bands": {"low": [1.0, 8.0]}, "times": TIMES}
    study = {"n_runs": 2, "n_subjects": 1}
    status, said = run(
        "fit",
        "--cross_validate",
        "2",
        study=study,
        model=model,
        data={"test_averages": [3], "split": {"class_path": "n2s.data.SplitByRun"}},
    )
    assert status == 0, said
    folder = max(Path("checkpoints/small").iterdir())
    metrics = json.loads((folder / "metrics.json").read_text())
    assert set(metrics) == {"test", "transfer", "transfer, averages of 3"}
    result, own = (
        kind.load(folder / "test" / name) for kind, name in ((TransferResult, "transfer"), (EventResult, "test"))
    )
    cells = [one for one in result.cells_of() if one.trained == one.tested]
    hits = sum((labels == said.argmax(1)).sum() for cell in cells for _, _, labels, said in result.people(cell))
    assert (own.predicted == own.labels).sum() == hits and len(own.labels) == 72
    assert len(result.events) == 2 * 36 and result.events.fold.nunique() == 2 and result.n_folds == 2
    assert result.conditions == ["listen", "overt"] and result.bands == ["whole", "low"] and len(result.cells) == 8
    assert result.pair_scores.shape == (3, 4, 72) and np.isfinite(result.pair_scores).all()
    assert result.predicted.shape == (2, 72, 5, 5)
    scores = metrics["transfer"]["scores"]["balanced_accuracy"]
    assert scores["chance"][ALL]["mean"] == pytest.approx(1 / 3)
    assert all(scores[f"{band}|{one}|{one}"][ALL]["mean"] > 0.7 for band in result.bands for one in result.conditions)
    assert "Trained on listen, tested on overt" in said and "n2s contamination" in said
    page = (folder / "report.html").read_text()
    for title in (
        "Pairs of classes",
        "Temporal generalisation",
        "Bands",
        "Trained on one condition, tested on another",
    ):
        assert title in page


@pytest.mark.slow
def test_a_test_refuses_other_options_and_other_windows(run, monkeypatch):
    few = {"study": {"n_subjects": 1, "n_trials": 18}}
    status, said = run("fit", **few)
    assert status == 0, said
    status, said = run(
        "test", **few, model={"classifier": {"class_path": "n2s.models.WindowLDA", "init_args": {"n_bins": 3}}}
    )
    assert status == 2 and "model.classifier is" in said and "but the run was fitted with" in said
    trials = SharedCode._trials
    monkeypatch.setattr(
        SharedCode, "_trials", lambda self, one: [(at + 0.02, *rest) for at, *rest in trials(self, one)]
    )
    for path in Path("lab").iterdir():
        path.write_text("another recording")
    status, said = run("test", **few)
    assert status == 2 and "fitted to other training windows" in said


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pairs": [["up", "dawn"]]}, "model.pairs names 'dawn'; .* Nearest: down"),
        ({"pairs": [["up", "up"]]}, "two different classes"),
        ({"bands": {"whole": [1.0, 2.0]}}, "'whole' cannot be the name of a band"),
        ({"bands": {"delta": [1.0]}}, "model.bands.delta is .*; expected two frequencies"),
        ({"n_permutations": 3}, "model.n_permutations is 3"),
    ],
)
def test_options_that_cannot_be(options, message):
    with pytest.raises(UserError, match=message):
        system = LinearClassifier(**options)
        chosen_pairs(system.pairs, ["up", "down", "stop"])


def test_pairs_are_chosen():
    names = ["up", "down", "stop"]
    assert chosen_pairs(True, names) == [(0, 1), (0, 2), (1, 2)] and chosen_pairs(False, names) == []
    assert chosen_pairs([["stop", "up"], ["up", "stop"]], names) == [(0, 2)]
    with pytest.raises(UserError, match="1225 pairs"):
        chosen_pairs(True, [str(one) for one in range(50)])
