"""The linear decoder by the command: recipe, fit, test, page; and what is refused."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from closed_form_recipe import given, written
from followers import bids_of_followers


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return bids_of_followers(tmp_path_factory.mktemp("followers") / "eeg")


def small(path: Path, folder: Path, *, data=None, **model) -> Path:
    """The recipe with listeners whose EEG follows an envelope."""
    recipe, own, options = given("linear")
    study = {"root": str(folder), "datatype": "eeg", "features": "envelope"}
    own["studies"] = {"eeg": {"class_path": "n2s.studies.BIDSStudy", "init_args": study}}
    own["features"] = {"envelope": {"class_path": "n2s.features.Ready", "init_args": {"n_features": 1}}}
    own["preprocessing"]["init_args"] = {"sfreq": 32.0, "highpass_hz": 0.5, "picks": ["eeg"]}
    own |= data or {}
    options |= {"targets": None, "n_components": None, "n_permutations": 50, "n_shifts": 200} | model
    return written(path, recipe)


@pytest.mark.slow
def test_fit_test_and_report(at, folder, run_n2s, fit_and_test):
    recipe = small(at / "recipe.yaml", folder)
    run, _ = fit_and_test(recipe)
    found = json.loads((run / "metrics.json").read_text())
    scores = found["test"]["scores"]
    assert list(scores) == ["r", "match, 3 s", "top-1, 3 s", "top-5, 3 s", "match, 5 s", "top-1, 5 s", "top-5, 5 s"]
    mean = {row: value["all subjects"]["mean"] for row, value in scores["r"].items()}
    assert mean["envelope"] > 0.4 and abs(mean["envelope (shifted)"]) < 0.02
    match = scores["match, 5 s"]
    assert match["envelope"]["all subjects"]["mean"] > 0.9 and match["chance"]["all subjects"]["mean"] == 0.5
    assert abs(match["envelope (shifted)"]["all subjects"]["mean"] - 0.5) < 0.05
    assert set(match["envelope"]) == {"all subjects", "eeg/01", "eeg/02"}
    for line in found["test"]["values"]:
        assert line["low"] <= line["value"] <= line["high"] and line["p"] < 0.05
    assert found["forward"]["scores"]["R, whole"]["model/envelope"]["all subjects"]["mean"] > 0.05
    folds = pd.read_csv(run / "test" / "test" / "folds.csv")
    assert len(folds) == 2 * 4 and (folds.r > 0.2).all()
    kernels = pd.read_parquet(run / "test" / "forward" / "kernels.parquet")
    strength = kernels.groupby("lag_s").weight.apply(lambda one: np.sqrt(np.square(one).mean()))
    assert strength.idxmax() == pytest.approx(3 / 32, abs=1.01 / 32)  # the delay of the brain, to a sample
    page = run / "report.html"
    text = page.read_text()
    page.unlink()
    for told in ("Reconstruction of envelope", "r of envelope", "Match-mismatch of envelope", "Response functions"):
        assert told in text
    assert run_n2s("report", run)[0] == 0 and "match-mismatch" in page.read_text()

    fit_and_test(recipe, "predict")
    with np.load(run / "predictions" / "eeg_02.npz") as one:
        assert len(one["time_s"]) == len(one["recording"]) == folds[folds.subject == "eeg/02"].n_rows.sum()
        decoded = one["envelope/decoded"][:, 0]
        size = [decoded[one["fold"] == number].std() for number in range(4)]
        r = np.corrcoef(decoded / np.array(size)[one["fold"]], one["envelope/heard"][:, 0])[0, 1]
    assert r == pytest.approx(scores["r"]["envelope"]["eeg/02"]["mean"], abs=1e-5)  # folds are on one scale

    # another decoder than that of the fit
    small(recipe, folder, lags_s=[0.0, 0.2])
    status, _, err = run_n2s("test", "--config", recipe)
    assert status == 2 and "model.lags_s is [0.0, 0.2], but the run was fitted with [0.0, 0.3]" in err, err


@pytest.mark.slow
def test_an_interrupted_fit_takes_the_folds_that_it_has(at, folder, interrupted):
    import n2s.systems.linear.task as task

    made = interrupted(task, small(at / "recipe.yaml", folder, forward=False))
    assert made[2] == made[1] and len(made) == 1 + 1 + 7  # the first fold is not fitted again


@pytest.mark.slow
def test_what_cannot_be_is_said_before_a_fit(at, folder, run_n2s):
    glover = {"response": {"class_path": "n2s.data.Glover"}}
    status, _, err = run_n2s("fit", "--config", small(at / "recipe.yaml", folder, data=glover, lags_s=None))
    assert status == 2 and "data.response is Glover" in err and "Traceback" not in err, err
