"""The recipe by the command: simulated bilinguals, a known answer, the page; and runs that cannot be told apart."""

import json

import pandas as pd
import pytest
import yaml
from closed_form_recipe import given, written

pytest.importorskip("espeakng_loader")


def small(path, **model):
    recipe, data, own = given("cross_language")
    data["studies"]["simulated"]["init_args"] |= {
        "n_subjects": 1,
        "n_stories": 4,
        "minutes": 2.0,
        "resolution_mm": 20,
        "signal_gain": 6.0,
    }
    data["features"]["meaning"]["init_args"] |= {"n_features": 40, "n_tales": 20}
    data["n_folds"] = 2
    own |= {"n_folds": 2, "alphas": [100.0, 10000.0], "n_draws": 8, "n_shifts": 40, "n_bootstrap": 50} | model
    return written(path, recipe)


@pytest.mark.slow
def test_fit_test_and_report(at, run_n2s, fit_and_test):
    recipe = small(at / "recipe.yaml")
    run, out = fit_and_test(recipe)
    assert "meaning: es → eu" in out and "alignment shifted" in out
    found = json.loads((run / "metrics.json").read_text())["test"]
    r = {row: one["all subjects"]["mean"] for row, one in found["scores"]["r, meaning"].items()}
    assert (
        r["meaning: es->eu"] > 0.08 and abs(r["meaning: es->eu, shifted"]) < 0.05 and abs(r["word_rate: es->eu"]) < 0.08
    )
    private = found["scores"]["r, private_es"]
    assert (
        abs(private["meaning: eu->es"]["all subjects"]["mean"])
        < 0.1
        < private["meaning: es->es"]["all subjects"]["mean"]
    )
    assert found["known"][0]["auc"] > 0.6 and {one["what"] for one in found["probe"]} >= {"brain segments"}
    folder = run / "test" / "test"
    assert {"all subjects", "simulated/01"} == set(pd.read_csv(folder / "cells.csv").subject)
    page = run / "report.html"
    text = page.read_text()
    for said in (
        "Transfer ratios",
        "Language probe",
        "never on both sides",
        "Benjamini-Hochberg",
        "three bands",
        "alignment shifted",
    ):
        assert said in text, said
    page.unlink()
    assert run_n2s("report", run)[0] == 0 and page.is_file()
    # other options than those of the fit
    changed = yaml.safe_load(recipe.read_text())
    changed["model"]["init_args"]["alphas"] = [10.0]
    recipe.write_text(yaml.safe_dump(changed))
    status, _, err = run_n2s("test", "--config", recipe)
    assert status == 2 and "alphas" in err and "fit again" in err
