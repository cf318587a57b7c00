"""The result: what is counted and how, what is absent, what the page says and draws."""

import numpy as np
import pandas as pd
import pytest

from n2s.metrics.score import ALL
from n2s.systems.high_gamma.figures import brain_figure, drawings, traces_figure
from n2s.systems.high_gamma.page import literature, notes, tables
from n2s.systems.high_gamma.result import HighGammaResult
from n2s.systems.high_gamma.summary import filled, n_top, top_mean

ROWS = [("all/ridge", "ridge", "model"), ("speech", "speech or silence", "control"), ("mean", "training mean of each electrode", "control"), ("circular", "predictions shifted in a circle", "control")]  # fmt: skip


def result(n_subjects=2, n=20, frame="mni", placed=True):
    rng = np.random.default_rng(0)
    parts = []
    for subject in range(n_subjects):
        places = rng.uniform(-50, 50, (n, 3)) if placed else np.full((n, 3), np.nan)
        own = {
            "subject": f"s/{subject}",
            "name": [f"A{i}" for i in range(n)],
            **dict(zip("xyz", places.T, strict=True)),
        }
        r = np.linspace(-0.1, 0.5, n) + 0.1 * subject
        own |= {"varies": np.arange(n) != 3, "r:all/ridge": r, "r:speech": r / 2}
        own |= {"p:all/ridge": np.linspace(1, 0.001, n), "q:all/ridge": np.linspace(1, 0.001, n)}
        parts.append(pd.DataFrame(own))
    electrodes = pd.concat(parts, ignore_index=True)
    names = electrodes.subject.unique()
    flat = pd.DataFrame(
        [(s, row, r, r * r) for s in names for row, r in (("mean", 0.9), ("speech", 0.91), ("all/ridge", 0.93))],
        columns=["subject", "row", "r", "r2"],
    )
    null = pd.concat([pd.DataFrame({"median": np.linspace(-1, 1, 101), "top": 0.2, "subject": s}) for s in names])
    traces = pd.DataFrame(
        {"subject": "s/0", "name": np.repeat(["A19", "A18"], 50), "time_s": np.tile(np.r_[np.arange(25), np.arange(60, 85)] / 10, 2),
         "recorded": rng.standard_normal(100), "predicted": 0.0, "r": np.repeat([0.5, 0.4], 50)}
    )  # fmt: skip
    rows = pd.DataFrame(
        [
            {"row": key, "label": label, "role": role, "model": "", "estimator": "ridge", "spaces": "mel", "n_features": 3, "n_draws": 1}
            for key, label, role in ROWS
        ]
    )  # fmt: skip
    settings = {
        "n_rows": [500, 500], "n_folds": [4, 4], "n_permutations": 100, "null_by": "block", "block_s": 5.3, "n_blocks": [30, 31], "n_shifts": 101, "shift_s": 5.0, "n_unplaced": 0
    }  # fmt: skip
    return HighGammaResult(electrodes, flat, null, traces, rows, dict.fromkeys(names, frame), settings)


def test_a_constant_prediction_counts_as_nothing_found():
    r = np.array([0.4, np.nan, 0.2, np.nan])
    np.testing.assert_array_equal(filled(r, [True, True, True, False]), [0.4, 0.0, 0.2])
    assert n_top(1) == 1 and n_top(10) == 1 and n_top(11) == 2 and n_top(100) == 10
    assert top_mean(np.arange(20.0)) == 18.5 and np.isnan(top_mean(np.zeros(0)))


def test_medians_best_tenths_and_intervals():
    found = result()
    scores = found.scores()
    own = found.electrodes[(found.electrodes.subject == "s/0") & found.electrodes.varies]["r:all/ridge"].to_numpy()
    assert scores.get("r_median", "all/ridge", "s/0").mean == pytest.approx(np.median(own))
    assert scores.get("r_top", "all/ridge", "s/0").mean == pytest.approx(np.sort(own)[-2:].mean())
    assert scores.get("significant", "all/ridge", "s/0").mean == pytest.approx(
        (np.linspace(1, 0.001, 20) < 0.05).sum() / 19
    )
    assert scores.get("significant", "speech") is None  # it has no p
    assert scores.get("flattened_r", "mean").mean == pytest.approx(0.9) and scores.get("r_median", "mean") is None
    assert scores.get("r_median", "all/ridge").low < scores.get("r_median", "all/ridge").mean
    null = scores.get("r_median", "circular")
    assert null.mean == pytest.approx(0, abs=1e-9) and (null.low, null.high) == pytest.approx((-0.95, 0.95))
    assert [*scores.values["flattened_r"]] == ["all/ridge", "speech", "mean"]
    assert result(1).scores().get("r_median", "all/ridge", ALL).low is None  # one subject has no interval


def test_what_is_absent_stays_absent(tmp_path):
    found = result(1)
    found.electrodes["varies"] = False
    found.electrodes[["p:all/ridge", "q:all/ridge"]] = np.nan
    found.null = found.null.iloc[:0]
    scores = found.scores()
    assert set(scores.values) == {"flattened_r", "flattened_r2"}
    assert any("There are no p" in one for one in notes(found, scores))
    found.save(tmp_path)
    again = HighGammaResult.load(tmp_path)
    assert again.scores().plain() == scores.plain() and len(again.shown()) == 1
    again.export(tmp_path)
    assert len(pd.read_csv(tmp_path / "electrodes.csv")) == 20


def test_the_page_says_what_a_flattened_r_means():
    found = result()
    said = literature(found, found.scores())
    assert "The .79 to .99" not in said and ".79 to .99" in said and "0.900 (R2 0.810)" in said and "0.930" in said
    assert said.count(". ") == 0  # one sentence
    assert any("30 to 31 of them" in one for one in notes(found, found.scores()))
    best = tables(found)["The 10 electrodes with the highest r of 'ridge'"][1]
    assert best[0][0] == "s/1, A19" and best[0][1] == "0.600"


@pytest.mark.slow
def test_electrodes_are_drawn_where_they_are_known():
    assert "glass brain" in brain_figure(result()).title
    own = brain_figure(result(frame="own"))
    assert own.title == "Electrodes" and "not in MNI space" in own.caption and "which differ" in own.caption
    assert brain_figure(result(placed=False)) is None
    some = result()
    some.electrodes.loc[:4, "x"] = np.nan
    assert "5 more have no place" in brain_figure(some).caption
    bare = result()
    bare.traces = bare.traces.iloc[:0]
    assert traces_figure(bare) is None and len(drawings(bare)) == 3 and len(drawings(result())) == 4
