"""High-gamma models through the command on simulated sEEG: recipe, fit, test, report, resume, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from closed_form_recipe import given, written

from n2s.studies import SimulatedSEEG

pytest.importorskip("espeakng_loader")
FEW = {"n_subjects": 1, "n_words": 12, "n_repeats": 2, "n_contacts": 6, "measure": "high_gamma"}
STUDY = {"n_subjects": 2, "n_words": 20, "n_repeats": 3, "n_contacts": 20, "measure": "high_gamma"}


def small(path: Path, study: dict = STUDY, n_folds: int = 4, **model) -> Path:
    """The recipe with two people, few words and contacts, of amplitudes in the band that are ready."""
    recipe, data, _ = given("high_gamma")
    data["studies"]["seeg"]["init_args"] = study
    driver = {"class_path": "n2s.features.SEEGDriver"}
    data["features"] = {
        "envelope": driver | {"init_args": {"name": "envelope"}},
        "phones": driver | {"init_args": {"name": "phones"}},
        "speech": data["features"]["speech"],
    }
    data["preprocessing"] = {"class_path": "n2s.data.Preprocessing", "init_args": {"sfreq": 100.0, "picks": ["seeg"]}}
    data["split"]["init_args"] = {"val_fraction": 0.0}
    data["n_folds"] = n_folds
    recipe["model"]["init_args"] = {
        "estimators": {
            "ridge": {"class_path": "n2s.models.ElectrodeRidge", "init_args": {"alphas": [1e2, 1e4], "n_folds": 3}}
        },
        "n_draws": 1,
        "n_permutations": 100,
        "n_shifts": 50,
        "block_s": 5.3,
    } | model  # fmt: skip
    return written(path, recipe)


@pytest.mark.slow
def test_fit_test_and_report(at, run_n2s, fit_and_test):
    recipe = small(at / "recipe.yaml", n_folds=3, models={"both": ["envelope", "phones"], "envelope": ["envelope"]})
    run, _ = fit_and_test(recipe)
    found = json.loads((run / "metrics.json").read_text())["test"]
    scores = {
        name: {row: one["all subjects"]["mean"] for row, one in rows.items()} for name, rows in found["scores"].items()
    }
    top, median, flat = (scores[name] for name in ("r_top", "r_median", "flattened_r"))
    assert set(flat) == {"both/ridge", "envelope/ridge", "speech", "permuted", "shifted", "mean"}
    assert set(top) == {"both/ridge", "envelope/ridge", "speech", "permuted", "shifted", "circular"}
    assert top["both/ridge"] > 0.45 and top["both/ridge"] > top["speech"] > top["shifted"]
    assert top["both/ridge"] > top["permuted"] + 0.05 and abs(median["shifted"]) < 0.1
    # the mean of each contact knows nothing of time
    assert flat["mean"] > 0.85 and flat["both/ridge"] >= flat["mean"] - 0.01
    assert 0.5 < found["scores"]["flattened_r2"]["mean"]["all subjects"]["mean"] < 1
    assert scores["significant"]["both/ridge"] > scores["significant"]["shifted"]

    electrodes = pd.read_parquet(run / "test" / "test" / "electrodes.parquet")
    assert len(electrodes) == 40 and set(electrodes.subject) == {"seeg/01", "seeg/02"}
    expected = np.concatenate([SimulatedSEEG(**STUDY).expected_r(one, ["envelope", "phones"]) for one in ("01", "02")])
    # fitted on two minutes: below the best linear model, and in its order
    reached = electrodes["r:both/ridge"].to_numpy()
    driven = expected > 0.3
    assert np.corrcoef(reached, expected)[0, 1] > 0.9
    assert (reached[driven] < expected[driven] + 0.05).all() and (expected - reached)[driven].mean() < 0.15
    assert abs(reached[expected == 0].mean()) < 0.05

    page = run / "report.html"
    text = page.read_text()
    for said in (
        ".79 to .99",
        "training mean",
        "speech or silence",
        "permuted words",
        "moved in a circle",
        "glass brain",
    ):
        assert said in text, said
    page.unlink()
    assert run_n2s("report", run)[0] == 0 and page.is_file()
    assert len(pd.read_csv(run / "test" / "test" / "electrodes.csv")) == 40

    # other options than those of the fit
    changed = yaml.safe_load(recipe.read_text())
    changed["model"]["init_args"]["estimators"]["ridge"]["init_args"]["alphas"] = [10.0]
    recipe.write_text(yaml.safe_dump(changed))
    status, _, err = run_n2s("test", "--config", recipe)
    assert status == 2 and "model.estimators.ridge" in err and "fit again" in err


@pytest.mark.slow
def test_an_interrupted_fit_takes_the_folds_that_it_has(at, interrupted):
    import n2s.systems.high_gamma.task as task

    made = interrupted(task, small(at / "recipe.yaml", FEW))
    assert made[2] == made[1] and len(made) == 1 + 1 + 3  # the first fold is not fitted again


@pytest.mark.slow
def test_every_estimator_runs_beside_the_first(at, fit_and_test):
    estimators = {
        "ridge": {"class_path": "n2s.models.ElectrodeRidge", "init_args": {"alphas": [1e4]}},
        "elastic net": {"class_path": "n2s.models.ElectrodeElasticNet", "init_args": {"fractions": [0.05], "n_folds": 2}},
        "gru": {"class_path": "n2s.models.ElectrodeGRU", "init_args": {"hidden": 8, "max_epochs": 4, "batch_size": 4, "learning_rate": 1e-2}},
    }  # fmt: skip
    recipe = small(at / "recipe.yaml", FEW, 2, estimators=estimators, models={"envelope": ["envelope"]})
    run, _ = fit_and_test(recipe)
    top = json.loads((run / "metrics.json").read_text())["test"]["scores"]["r_top"]
    for name in estimators:
        assert top[f"envelope/{name}"]["all subjects"]["mean"] > 0.4, name


@pytest.mark.slow
def test_the_recipe_itself_runs_on_a_small_voltage(at, fit_and_test):
    recipe, data, model = given("high_gamma")
    small_study = {"n_subjects": 1, "n_words": 20, "n_repeats": 2, "n_together": 5, "n_contacts": 6, "sfreq": 400.0}
    data["studies"]["seeg"]["init_args"] = small_study
    model["estimators"]["ridge"]["init_args"] |= {"alphas": [1e3, 1e5], "n_folds": 2}
    model["n_permutations"] = 20
    data["n_folds"] = 2
    run, _ = fit_and_test(written(at / "recipe.yaml", recipe))
    found = json.loads((run / "metrics.json").read_text())["test"]
    top = {row: one["all subjects"]["mean"] for row, one in found["scores"]["r_top"].items()}
    assert top["mel/ridge"] > 0.4 > top["shifted"] and top["speech"] > 0.4
    places = pd.read_parquet(run / "test" / "test" / "electrodes.parquet")[["x", "y", "z"]]
    np.testing.assert_allclose(places, SimulatedSEEG(**small_study).contacts("01").places_mm, atol=1e-3)


@pytest.mark.slow
def test_what_cannot_be_is_said_before_a_fit(at, run_n2s):
    for model, said in (
        ({"speech": "talking"}, "n2s.features.Speaking"),
        ({"models": {"a": ["envelop"]}}, "Nearest: envelope"),
        ({"models": {"a": ["envelope", "envelope"]}}, "each once"),
        ({"n_draws": 0}, "model.n_draws"),
        ({"null_by": "blocks"}, "null_by"),
        (
            {"estimators": {"ridge": {"class_path": "n2s.models.ElectrodeRidge", "init_args": {"n_folds": 30}}}},
            "of 9 units",
        ),
    ):
        status, _, err = run_n2s("fit", "--config", small(at / "recipe.yaml", FEW, **model))
        assert status == 2 and said in err and "Traceback" not in err, err
    assert not list((at / "checkpoints").rglob("run.json"))
