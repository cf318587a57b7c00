"""The recipe by the command: people measured, held out, permuted; numbers, page, and what is refused."""

import json
from pathlib import Path

import pytest
from closed_form_recipe import given, written

SMALL = {"n_control": 6, "n_dyslexia": 6, "stories": ["lighthouse.en"], "max_story_s": 30.0, "n_sensors": 8, "sfreq": 50.0}  # fmt: skip


def small(path: Path, *, study=None, data=None, **model) -> Path:
    recipe, own, options = given("dyslexia")
    own["studies"]["cohort"]["init_args"] = SMALL | (study or {})
    own |= data or {}
    options |= {"n_folds": 3, "n_repeats": 1, "n_permutations": 2} | model
    options["measures"]["init_args"] = {"n_shifts": 5}
    for one in options["classifiers"].values():
        one.setdefault("init_args", {})["n_folds"] = 2
    network = options["classifiers"]["dyslexnet"]["init_args"]
    network["network"]["init_args"] |= {"dim": 8, "n_heads": 2, "depth": 1}
    network["n_epochs"] = 1
    return written(path, recipe, logger=False)


@pytest.mark.slow
def test_fit_test_and_page(at, run_n2s, fit_and_test):
    recipe = small(at / "recipe.yaml")
    run, _ = fit_and_test(recipe)
    assert not (run / "people").exists()  # the checkpoint has all
    found = json.loads((run / "metrics.json").read_text())["test"]
    rows = found["scores"]["auc"]
    models = ["logistic", "elastic_net", "svm", "csp", "following", "riemann", "dyslexnet"]
    assert list(rows)[:8] == [*models, "covariates"] and rows["chance"]["all subjects"]["mean"] == 0.5
    assert 0.6 < rows["best"]["all subjects"]["mean"] < 0.9
    assert {f"{name}_permuted" for name in models[:-1]} <= set(rows) and "dyslexnet_permuted" not in rows
    assert found["groups"] == {"control": 6, "dyslexia": 6} and len(found["tests"]) == 7
    low, high = found["interval_that_so_many_people_allow"]
    assert high - low > 0.4  # six people each
    page = (run / "report.html").read_text()
    assert "Research use only" in page and "best possible" in page
    assert (run / "test" / "test" / "people.csv").read_text().count("\ncohort/") == 12
    before = (run / "metrics.json").read_text()
    assert run_n2s("report", run)[0] == 0 and (run / "metrics.json").read_text() == before
    changed = small(at / "other.yaml", n_repeats=2)
    status, _, err = run_n2s("test", "--config", changed, "--run", run)
    assert status == 2 and "Traceback" not in err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {
                "data": {"n_folds": None},
                "study": {"stories": ["lighthouse.en", "orchestra"], "n_control": 1, "n_dyslexia": 1},
            },
            "set data.n_folds to 0",
        ),
        ({"envelope": "mel"}, "model.envelope is 'mel'"),
        (
            {"data": {"features": {"envelope": {"class_path": "n2s.features.Envelope", "init_args": {"rate_hz": 10}}}}},
            "'envelope' has 10 frames a second",
        ),
        ({"n_folds": 7}, "fewer than the 7 folds"),
        ({"length_s": 500.0}, "model.length_s is 500 s"),
        ({"groups": ["control", "dyslexic"]}, "group 'dyslexic'"),
        ({"participants": "nowhere.tsv"}, "nowhere.tsv: no such table"),
    ],
)
def test_what_is_refused(changes, told, at, run_n2s):
    status, out, err = run_n2s("fit", "--config", small(at / "recipe.yaml", **changes))
    assert status == 2 and told in " ".join(err.split()), err + out
    assert "Traceback" not in err
