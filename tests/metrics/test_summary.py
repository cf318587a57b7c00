import io
import json

import numpy as np
import pytest
from planted import planted_result
from rich.console import Console
from scipy import stats

from n2s.metrics import print_table, summarize
from n2s.metrics.controls import is_chance
from n2s.metrics.retrieval import ranks


@pytest.fixture(scope="module")
def result():
    return planted_result()


@pytest.fixture(scope="module")
def summary(result):
    return summarize(result, seed=0)


def test_the_numbers_are_those_of_a_loop_over_subjects(result, summary):
    found = ranks(result.scores, result.target)
    per_subject = [np.mean(found[result.subject == s] < 10) for s in np.unique(result.subject)]
    model = summary["model"]["top10"]
    assert model["mean"] == pytest.approx(np.mean(per_subject))
    expected = stats.ttest_1samp(per_subject, 0).confidence_interval(0.95)
    assert (model["low"], model["high"]) == pytest.approx((expected.low, min(1, expected.high)))
    assert [model["per_subject"][f"planted/s{i}"]["value"] for i in range(4)] == pytest.approx(per_subject)
    wilson = stats.binomtest(round(per_subject[0] * 40), 40).proportion_ci(method="wilson")
    first = model["per_subject"]["planted/s0"]
    assert (first["low"], first["high"]) == pytest.approx((wilson.low, wilson.high))
    medians = [np.median(found[result.subject == s]) for s in np.unique(result.subject)]
    assert summary["model"]["median_rank"]["mean"] == pytest.approx(np.mean(medians))
    assert (summary["n_candidates"], summary["n_windows"], summary["n_subjects"]) == (40, 160, 4)
    assert summary["ratio_to_ceiling"]["top10"] == pytest.approx(model["mean"] / summary["ceiling"]["top10"]["mean"])


def test_it_is_plain_json_and_the_seed_decides(result, summary):
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary
    assert summarize(result, seed=0) == summary
    assert summarize(result, seed=1)["shuffled"]["top1"] != summary["shuffled"]["top1"]


def test_the_planted_signal_is_found_below_its_ceiling_and_above_its_controls(summary):
    order = [summary[row]["top10"]["mean"] for row in ("shuffled", "no_brain", "model", "ceiling")]
    assert order == sorted(order)
    assert not is_chance(summary["model"]["top10"]["mean"], 160, 10 / 40)
    assert is_chance(summary["shuffled"]["top10"]["mean"], 160, 10 / 40)
    assert summary["chance"]["top10"]["mean"] == 0.25


def test_noise_only_is_at_chance_and_so_is_a_baseline_of_equal_durations():
    result = planted_result(noise=1e6)
    result.no_brain[:] = 3.0  # every segment lasts 3 s
    summary = summarize(result, seed=0)
    for row in ("model", "shuffled", "no_brain", "ceiling"):
        for k in (1, 5, 10):
            assert is_chance(summary[row][f"top{k}"]["mean"], 160, k / 40), (row, k)


def test_one_subject_gets_the_wilson_interval_and_it_is_named():
    summary = summarize(planted_result(n_subjects=1, with_ideal=False), seed=0)
    model = summary["model"]
    assert "Wilson" in model["interval"]
    wilson = stats.binomtest(round(model["top5"]["mean"] * 40), 40).proportion_ci(method="wilson")
    assert (model["top5"]["low"], model["top5"]["high"]) == pytest.approx((wilson.low, wilson.high))
    assert model["median_rank"]["low"] is None
    assert summary["ceiling"] is None
    assert summary["ratio_to_ceiling"] is None


@pytest.mark.parametrize("width", [80, 140])
def test_the_table_prints_every_row_and_the_counts(summary, width):
    text = io.StringIO()
    print_table(summary, Console(file=text, width=width))
    printed = text.getvalue()
    for label in ("model", "shuffled brain", "no brain", "chance", "ceiling"):
        assert label in printed
    for score in ("top1", "top5", "top10"):
        assert f"{100 * summary['model'][score]['mean']:.1f}" in printed
    assert f"{100 * summary['model']['top1']['low']:.1f}–" in printed
    assert "40 candidates, 160 windows, 4 subjects" in printed
    assert max(len(line) for line in printed.splitlines()) <= width
