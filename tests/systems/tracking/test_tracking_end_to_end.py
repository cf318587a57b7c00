"""Tracking through the command on a simulated cohort: fit, test, table, page; and what is refused."""

import json
from pathlib import Path

import pandas as pd
import pytest
from closed_form_recipe import changed, given, written

from n2s.systems.tracking.result import TrackingResult

pytest.importorskip("espeakng_loader")


def small(path: Path, *, study=None, data=None, **model) -> Path:
    """The recipe with two listeners of a quiet room, few sensors, three stories of half a minute, at half the rate."""
    recipe, own, options = given("tracking")
    own["studies"]["simulated"]["init_args"] = {
        "n_control": 1, "n_dyslexia": 1, "n_sensors": 24, "max_story_s": 25.0, "sfreq": 50.0, "noise_level": 0.15,
        "stories": ["lighthouse.en", "beekeeper.en", "orchestra.en"],
    } | (study or {})  # fmt: skip
    own["preprocessing"]["init_args"] |= {"sfreq": 50.0, "lowpass_hz": 20.0}
    own |= {"n_folds": 3} | (data or {})
    options |= {"n_folds": 2, "n_shifts": 19, "alphas": [1.0, 1e2, 1e4]} | model
    return written(path, recipe, logger=False)


@pytest.mark.slow
def test_fit_test_table_and_page(at, run_n2s, fit_and_test):
    recipe = small(at / "recipe.yaml")
    run, _ = fit_and_test(recipe)
    found = json.loads((run / "metrics.json").read_text())["test"]
    mean = {
        name: {row: values["all subjects"]["mean"] for row, values in rows.items()}
        for name, rows in found["scores"].items()
    }
    for name in ("coherence_delta", "plv_theta", "information_delta", "edges_theta", "trf_envelope", "reconstruction"):
        assert mean[name]["tracking"] > mean[name]["shifted"] + 0.01, name
    assert mean["reconstruction"]["tracking"] > 0.4 and abs(mean["reconstruction"]["shifted"]) < 0.1
    assert mean["match_mismatch"]["tracking"] > 0.85 and mean["match_mismatch"]["shifted"] == pytest.approx(
        0.5, abs=0.1
    )
    assert abs(mean["gain_word_rate"]["tracking"]) < 0.03  # nothing but the envelope drives it
    folder = run / "test" / "test"
    measures = pd.read_csv(folder / "measures.csv").set_index("subject")
    assert list(measures.index) == ["simulated/01", "simulated/02"]
    assert measures.delay_delta.between(0.05, 0.17).all() and measures.delay_theta.between(0.05, 0.17).all()
    assert measures.latency_envelope_early.between(0.04, 0.15).all()
    assert {"coherence_theta_left", "coherence_theta_right", "coherence_theta_laterality"} <= set(measures.columns)
    result = TrackingResult.load(folder)
    pd.testing.assert_frame_equal(result.measures.set_index("subject"), measures, check_dtype=False, rtol=1e-9)
    assert result.settings["seconds"][0] == pytest.approx(result.settings["seconds"][1], abs=0.03)
    page = run / "report.html"
    page.unlink()
    assert run_n2s("report", run)[0] == 0
    assert all(
        text in page.read_text()
        for text in ("Topographies", "Response functions", "measures.csv", "sound shifted in time")
    )

    # the test of other data, or with other options, than those of the fit
    status, _, err = run_n2s("test", "--config", changed(recipe, alphas=[10.0]))
    assert status == 2 and "alphas is" in err and "but the run was fitted with" in err and "fit again" in err


@pytest.mark.slow
def test_measures_alone_of_one_person_who_is_noise(at, fit_and_test):
    """Nothing is held out, nothing is fitted: all that was heard is measured, and noise is at chance."""
    recipe = small(
        at / "recipe.yaml", study={"noise_level": 100.0, "n_control": 4, "n_dyslexia": 1, "n_sensors": 6, "stories": ["lighthouse.en", "orchestra.en"]}, data={"n_folds": 0}, trf=[],
        reconstruct=False, regions={"front": ["MEG0*"]}, measures=["coherence", "information"], duration_s=40.0,
    )  # fmt: skip
    run, _ = fit_and_test(recipe)
    table = pd.read_csv(run / "test" / "test" / "measures_by_region.csv")
    known = table[table.chance.notna()]
    assert set(table.region) == {"all", "front"} and set(known.measure) == {
        f"{kind}_{band}" for kind in ("coherence", "information") for band in ("delta", "theta")
    }
    z = (known.value - known.chance) / known.spread
    assert len(known) == 40 and abs(z.mean()) < 0.6 and (known.p < 0.05).mean() <= 0.2
    counts = json.loads((run / "metrics.json").read_text())["test"]["settings"]
    assert counts["seconds"] == [40.0, 40.0]
