"""Brain scores through the command on simulated areas: fit, test, report, and what is refused."""

import json
from pathlib import Path

import pandas as pd
import pytest
import yaml
from closed_form_recipe import given, written

from n2s.data import EncodingDataModule
from n2s.systems import BrainScore

pytest.importorskip("espeakng_loader")


def small(path: Path, **model) -> Path:
    """The recipe with two listeners, six blocks of which two are repeated, a quiet scanner and few voxels."""
    recipe, data, _ = given("brain_scores")
    data["studies"]["areas"]["init_args"] = {
        "n_subjects": 2, "n_blocks": 6, "n_repeated": 2, "resolution_mm": 16, "noise_level": 0.3
    }  # fmt: skip
    data["features"] = {name: data["features"][name] for name in ("mel", "word_rate")}
    data["features"]["mel"]["init_args"] = {"n_mels": 8}
    data["n_folds"] = 3
    recipe["model"]["init_args"] = {
        "controls": ["word_rate"], "n_folds": 2, "n_shifts": 1, "n_permutations": 50, "alphas": [10.0, 1e3, 1e5]
    } | model  # fmt: skip
    return written(path, recipe)


@pytest.mark.slow
def test_fit_test_and_report(at, run_n2s, fit_and_test):
    recipe = small(at / "recipe.yaml")
    run, out = fit_and_test(recipe)
    assert "features shifted in time" in out and "Ceiling, explainable variance" in out
    assert json.loads((run / "run.json").read_text())["validates"] is False
    found = json.loads((run / "metrics.json").read_text())["test"]
    scores = found["scores"]
    mean = {row: value["all subjects"]["mean"] for row, value in scores["R, A1"].items()}
    assert mean["model/mel"] > 0.25 > 0.15 > abs(mean["model (shifted)"])
    assert abs(scores["R, V1"]["model/mel"]["all subjects"]["mean"]) < 0.25  # nothing drives it
    assert set(scores["R, A1"]["model/mel"]) == {"all subjects", "areas/01", "areas/02"}
    assert scores["R / ceiling, A1"]["model/mel"]["all subjects"]["mean"] > mean["model/mel"]
    assert found["settings"]["n_folds"] == [3, 3] and found["ceilings"].keys() >= {"ev", "ev_corrected", "r"}
    targets = pd.read_parquet(run / "test" / "test" / "targets.parquet")
    here = targets["roi:A1"].to_numpy() & (targets.subject == "areas/02").to_numpy()
    assert targets["r:model/mel"][here].mean() == pytest.approx(scores["R, A1"]["model/mel"]["areas/02"]["mean"])
    assert len(pd.read_csv(run / "test" / "test" / "regions.csv")) > 20
    page = run / "report.html"
    page.unlink()
    assert run_n2s("report", run)[0] == 0 and "R / ceiling" in page.read_text()

    # other data than those of the fit
    changed = yaml.safe_load(recipe.read_text())
    changed["data"]["init_args"]["detrend"] = "run"
    recipe.write_text(yaml.safe_dump(changed))
    status, _, err = run_n2s("test", "--config", recipe)
    assert status == 2 and "the values of the brain's responses are not those" in err and "areas/01, fold 1 of 3" in err
    changed["data"]["init_args"]["detrend"] = None
    changed["model"]["init_args"]["networks"] = {"words": ["word_rate"]}
    changed["model"]["init_args"]["controls"] = ["mel"]
    changed["model"]["init_args"]["n_shifts"] = 0
    recipe.write_text(yaml.safe_dump(changed))
    assert run_n2s("test", "--config", recipe)[0] == 0  # both were fitted: what is a control may change
    changed["model"]["init_args"]["banded"] = ["mel", "word_rate"]
    recipe.write_text(yaml.safe_dump(changed))
    status, _, err = run_n2s("test", "--config", recipe)
    assert status == 2 and "the run has no fit of 'mel + word_rate, bands 1-1'" in err


@pytest.mark.slow
def test_an_interrupted_fit_takes_the_folds_that_it_has(at, interrupted, run_of):
    """The second fold of three fails; the next fit begins with it."""
    import n2s.systems.encoding.task as task

    made = interrupted(task, small(at / "recipe.yaml"))
    assert made[2] == made[1] and len(made) == 1 + 1 + 5  # the first fold is not fitted again
    assert (run_of() / "last.ckpt").is_file()


@pytest.mark.slow
def test_what_cannot_be_is_said_before_a_fit(at, run_n2s):
    status, _, err = run_n2s("fit", "--config", small(at / "recipe.yaml", n_folds=5))
    assert status == 2 and "units (stories, blocks)" in err and "Traceback" not in err, err
    assert not list((at / "checkpoints").rglob("run.json"))


def test_it_takes_encoding_data_alone():
    assert BrainScore.takes == (EncodingDataModule,)
    with pytest.raises(Exception, match=r"model.alphas"):
        BrainScore(alphas=[10.0, -1.0])
    with pytest.raises(Exception, match=r"model.null_by"):
        BrainScore(null_by="blocks")
