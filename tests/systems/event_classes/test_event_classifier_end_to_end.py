"""A classifier of events by the command: recipe, fit, test, page, prediction; noise is chance, and folds are pooled."""

import json

import numpy as np
import pandas as pd
import pytest
from said_recipe import NETWORK, said_recipe

from n2s.systems.event_classes.result import EventResult


def scores_of(run, name="test"):
    return json.loads((run / "metrics.json").read_text())[name]["scores"]


@pytest.mark.slow
def test_fit_test_predict_and_page(at, run_n2s, fit_and_test):
    recipe = said_recipe(at / "recipe.yaml", study={"gain": 1.2})
    run, out = fit_and_test(recipe)
    found = scores_of(run)
    mean = {row: {who: one["mean"] for who, one in own.items()} for row, own in found["f1_macro"].items()}
    assert mean["model"]["all subjects"] > 0.8 and set(mean["model"]) == {"all subjects", "lab/01", "lab/02"}
    assert abs(mean["permuted"]["all subjects"] - 1 / 3) < 0.05
    assert mean["previous event only"]["all subjects"] < 0.6
    assert "duration and pause only" in mean  # pauses differ, durations do not
    assert found["auc"]["model"]["all subjects"]["mean"] > 0.9
    averaged = scores_of(run, "test, averages of 4")
    assert averaged["f1_macro"]["model"]["all subjects"]["mean"] > mean["model"]["all subjects"] - 0.05
    metrics = json.loads((run / "metrics.json").read_text())
    table = EventResult.load(run / "test" / "test").events
    n_averages = sum(-(-n // 4) for n in table.groupby(["recording", "condition", "label"]).size())
    assert metrics["test"]["n_windows"] == 2 * 36 and metrics["test, averages of 4"]["n_averages"] == n_averages
    assert metrics["test"]["tests"]["f1_macro"]["p_holm"] < 0.05
    logged = pd.read_csv(run / "metrics.csv")
    assert {"train/loss", "val/loss", "val/f1_macro", "val/balanced_accuracy"} <= set(logged.columns)
    page = (run / "report.html").read_text()
    assert "Averages, not single windows" in page and "never a score of single windows" in page
    assert "F1 of each class" in page and "Scores beside controls" in page
    assert "above that of permuted labels" in out.replace("\n", " ")
    result = EventResult.load(run / "test" / "test")
    table = pd.read_csv(run / "test" / "test" / "predictions.csv")
    assert (table.predicted == np.array(result.names)[result.predicted]).all() and len(table) == 72
    with np.load(run / "test" / "test" / "probabilities.npz") as kept:
        assert np.allclose(kept["probabilities"].sum(1), 1, atol=1e-5)
    before = page
    (run / "report.html").unlink()
    assert run_n2s("report", run)[0] == 0 and "F1 of each class" in before
    fit_and_test(recipe, "predict")
    again = EventResult.load(run / "predictions" / "result")
    assert np.allclose(again.logits, result.logits, atol=1e-5) and (again.labels == result.labels).all()


@pytest.mark.slow
def test_what_is_in_the_test_run_alone_is_not_learned(at, run_n2s, fit_and_test):
    """The rest is noise, which is chance."""
    recipe = said_recipe(at / "recipe.yaml", study={"gain": 0.0, "last_run_gain": 3.0}, max_epochs=4)
    run, _ = fit_and_test(recipe)
    clean = json.loads((run / "metrics.json").read_text())["test"]
    assert clean["scores"]["balanced_accuracy"]["model"]["all subjects"]["mean"] < 0.55


@pytest.mark.nightly
@pytest.mark.slow
def test_folds_are_pooled(at, run_n2s):
    study, split = {"gain": 4.0, "n_runs": 3, "n_subjects": 1}, {"class_path": "n2s.data.SplitByRun"}
    data, network = (
        {"split": split, "test_averages": []},
        {"class_path": "said_network.Means", "init_args": {"n_channels": 8}},
    )
    recipe = said_recipe(
        at / "recipe.yaml",
        study=study,
        data=data,
        model={
            "network": network,
            "n_permutations": 20,
            "optimizer": {"class_path": "torch.optim.AdamW", "init_args": {"lr": 0.03}},
        },
        max_epochs=6,
    )
    status, out, err = run_n2s("fit", "--config", recipe, "--cross_validate", 3)
    assert status == 0, err + out
    (run,) = (at / "checkpoints" / "small").iterdir()
    result = EventResult.load(run / "test" / "test")
    assert result.n_folds == 3 and sorted(result.events.fold.unique()) == [1, 2, 3] and len(result.events) == 3 * 36
    assert result.units.words == "runs"
    assert scores_of(run)["f1_macro"]["model"]["all subjects"]["mean"] > 0.5


@pytest.mark.slow
def test_a_wrong_number_of_channels_says_the_right_one(at, run_n2s):
    recipe = said_recipe(
        at / "recipe.yaml",
        model={"network": {"class_path": "n2s.models.MEGConformer", "init_args": NETWORK | {"n_channels": 306}}},
    )
    status, _, err = run_n2s("fit", "--config", recipe)
    assert (
        status == 2 and "n_channels 306, and the data have 8 channels" in err and "--model.network.n_channels 8" in err
    )
