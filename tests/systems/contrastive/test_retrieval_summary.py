import io
import json
from dataclasses import replace

import numpy as np
import pytest
from chance import is_chance
from planted import planted_result
from rich.console import Console
from scipy import stats

from n2s.metrics.controls import holm
from n2s.metrics.intervals import cluster_share_interval
from n2s.metrics.retrieval import ranks
from n2s.metrics.score import ALL
from n2s.report.table import print_shown
from n2s.systems.contrastive.result import RetrievalResult
from n2s.systems.contrastive.words import chance_sentence, control_notes, counts_line, ratio_text, verdict


@pytest.fixture(scope="module")
def result():
    return planted_result()


@pytest.fixture(scope="module")
def summary(result):
    return result.facts()


def printed(result, width=140) -> str:
    text = io.StringIO()
    print_shown(result.shown()[0], Console(file=text, width=width))
    return text.getvalue()


def test_the_numbers_are_those_of_a_loop_over_subjects(result, summary):
    found = ranks(result.similarity, result.target)
    per_subject = [np.mean(found[result.subject == s] < 10) for s in np.unique(result.subject)]
    model = summary["model"]["top10"]
    assert model["mean"] == pytest.approx(np.mean(per_subject))
    expected = stats.ttest_1samp(per_subject, 0).confidence_interval(0.95)
    assert (model["low"], model["high"]) == pytest.approx((expected.low, min(1, expected.high)))
    assert [model["per_subject"][f"planted/s{i}"]["value"] for i in range(4)] == pytest.approx(per_subject)
    first = model["per_subject"]["planted/s0"]
    pairs = np.repeat(np.arange(20), 2)  # 120 s in 20 blocks: two windows each
    expected = cluster_share_interval(found[result.subject == "planted/s0"] < 10, pairs)
    assert (first["value"], first["low"], first["high"]) == pytest.approx(expected)
    medians = [np.median(found[result.subject == s]) for s in np.unique(result.subject)]
    assert summary["model"]["median_rank"]["mean"] == pytest.approx(np.mean(medians))
    assert (summary["n_candidates"], summary["n_windows"], summary["n_subjects"]) == (40, 160, 4)
    best = ranks(result.ideal, result.target)
    ratios = np.divide(per_subject, [np.mean(best[result.subject == s] < 10) for s in np.unique(result.subject)])
    ratio = summary["ratio_to_ceiling"]["top10"]
    assert ratio["mean"] == pytest.approx(ratios.mean())
    expected = stats.ttest_1samp(ratios, 0).confidence_interval(0.95)
    assert (ratio["low"], ratio["high"]) == pytest.approx((expected.low, expected.high))


def test_it_is_plain_json_and_the_seed_decides_ties(result, summary):
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary
    assert replace(result).facts() == summary
    alike = replace(result, no_brain=np.zeros_like(result.no_brain))
    assert replace(alike).facts() == alike.facts()
    assert replace(alike, seed=1).facts()["no_brain"]["mrr"] != alike.facts()["no_brain"]["mrr"]


def test_a_row_that_is_the_same_for_all_has_no_interval_over_subjects():
    result = planted_result()
    timing = np.random.default_rng(0).integers(0, 4, (40, 40))  # many ties, which nobody may break for one subject
    result.no_brain = timing[result.target].astype(np.float32)
    result.ideal = 9.0 * (result.target[:, None] == np.arange(40))
    summary = result.facts()
    for row in ("no_brain", "ceiling"):
        assert "the same for all subjects" in summary[row]["interval"]
        for name in ("top1", "top10", "median_rank", "mrr"):
            assert summary[row][name]["low"] is None and summary[row][name]["high"] is None
            assert len({entry["value"] for entry in summary[row][name]["per_subject"].values()}) == 1
    assert summary["model"]["top10"]["low"] is not None


def different_parts(n_subjects=4, *, effect=0.0, seed=0):
    """Each subject heard a quarter of 80 segments of its own; scores prefer what the subject heard."""
    result = planted_result(n_subjects=n_subjects, n_per_story=40, noise=1e6, with_ideal=False, seed=seed)
    number = np.unique(result.subject, return_inverse=True)[1]
    kept = result.target // (80 // n_subjects) == number
    sets = np.arange(80) // (80 // n_subjects) == np.arange(n_subjects)[:, None]
    rng = np.random.default_rng(seed)
    scores = rng.standard_normal((kept.sum(), 80)) + 5.0 * sets[number[kept]]
    scores += effect * (result.target[kept][:, None] == np.arange(80))
    prior = 1.0 * sets[number[kept]]
    return RetrievalResult(
        scores, result.target[kept], result.subject[kept], result.windows[kept], result.candidates, prior,
        candidate_sets=sets, candidate_set=number[kept], subject_only=prior,
    )  # fmt: skip


def test_who_listens_is_worth_nothing_among_what_the_person_heard():
    result = different_parts()
    assert np.mean(ranks(result.similarity, result.target) < 10) > 0.4  # among all 80, of which chance finds an eighth
    summary = result.facts()
    assert summary["candidates"] == {f"planted/s{i}": 20 for i in range(4)} and summary["own_candidates"]
    for k in (1, 5, 10):
        assert summary["chance"][f"top{k}"]["mean"] == pytest.approx(k / 20)
        assert is_chance(summary["model"][f"top{k}"]["mean"], 80, k / 20)
    for row in ("model", "subject_only", "no_brain", "shuffled"):
        assert is_chance(summary[row]["top10"]["mean"], 80, 0.5), row
    assert verdict(result, "model", 10) == "inside"
    text = " ".join(printed(result).split())
    assert "subject only" in text and "20 a subject" in text
    able = different_parts(effect=4.0)
    assert verdict(able, "model", 10) == "above" and verdict(able, "subject_only", 10) == "inside"


def test_a_model_at_chance_reaches_no_ceiling():
    result = planted_result(noise=0.3, model_noise=1e6)
    assert result.facts()["ceiling"]["top10"]["mean"] > 0.9 and verdict(result, "model", 10) == "inside"
    assert ratio_text(result, 10) == "" and "ceiling" not in counts_line(result)
    assert "there is no evidence that it is above chance" in chance_sentence(result)
    weak = planted_result(noise=0.3, model_noise=10.0)
    assert 0.001 < weak.tests["model"]["top10"].p_corrected < 0.05 and verdict(weak, "model", 10) == "inside"
    assert "too weak to call it above chance" in chance_sentence(weak) and "no evidence" not in chance_sentence(weak)
    able = planted_result()
    assert "it is above chance" in chance_sentence(able) and " to " in ratio_text(able, 10)


def test_tests_are_corrected_for_all_that_are_shown():
    results = planted_result(), planted_result(noise=1e6, seed=1)
    one, two = (result.facts() for result in results)
    alone = {k: two["tests"]["model"][k]["p_corrected"] for k in ("top1", "top5", "top10")}
    assert one["n_tests"] == two["n_tests"] == 6
    RetrievalResult.settle(dict(zip("ab", results, strict=True)))
    one, two = (result.facts() for result in results)
    assert one["n_tests"] == two["n_tests"] == 12
    p = [test["p"] for each in (one, two) for row in each["tests"].values() for test in row.values()]
    told = [test["p_corrected"] for each in (one, two) for row in each["tests"].values() for test in row.values()]
    np.testing.assert_allclose(told, holm(np.array(p)))
    assert all(two["tests"]["model"][k]["p_corrected"] >= alone[k] for k in alone)


def test_a_control_that_leaves_its_own_bound_is_explained():
    result = planted_result()
    result.no_brain = (9.0 * (result.target[:, None] // 4 == np.arange(40) // 4)).astype(np.float32)
    assert verdict(result, "no_brain", 10) == "above"
    (note,) = control_notes(result)
    assert "no brain is above chance" in note and "must beat it" in note


def test_too_few_windows_tell_nothing():
    result = planted_result(n_subjects=1, n_per_story=1, stories=("kites",), with_ideal=False)
    summary = result.facts()
    assert summary["shuffled"] is None and summary["tests"]["model"]["top1"]["p"] is None
    assert "too few independent windows" in chance_sentence(result)
    assert "no ceiling is known" in " ".join(printed(result).split())


def test_the_planted_signal_is_found_below_its_ceiling_and_above_its_controls(summary):
    order = [summary[row]["top10"]["mean"] for row in ("shuffled", "no_brain", "model", "ceiling")]
    assert order == sorted(order)
    assert not is_chance(summary["model"]["top10"]["mean"], 160, 10 / 40)
    assert is_chance(summary["shuffled"]["top10"]["mean"], 160, 10 / 40)
    assert summary["chance"]["top10"]["mean"] == 0.25


def test_noise_only_is_at_chance_and_so_is_a_baseline_of_equal_durations():
    result = planted_result(noise=1e6)
    result.no_brain[:] = 3.0  # every segment lasts 3 s
    summary = result.facts()
    for row in ("model", "shuffled", "no_brain", "ceiling"):
        for k in (1, 5, 10):
            assert is_chance(summary[row][f"top{k}"]["mean"], 160, k / 40), (row, k)


def test_one_subject_gets_the_wilson_interval_and_it_is_named():
    summary = planted_result(n_subjects=1, with_ideal=False).facts()
    model = summary["model"]
    assert "Wilson" in model["interval"]
    own = model["top5"]["per_subject"]["planted/s0"]
    assert (model["top5"]["low"], model["top5"]["high"]) == (own["low"], own["high"])
    assert own["low"] < model["top5"]["mean"] < own["high"]
    assert model["median_rank"]["low"] is None
    assert summary["ceiling"] is None
    assert summary["ratio_to_ceiling"] is None


@pytest.mark.parametrize("width", [80, 140])
def test_the_table_prints_every_row_and_the_counts(result, summary, width):
    text = printed(result, width)
    for label in ("model", "shuffled brain", "no brain", "chance", "ceiling"):
        assert label in text
    for score in ("top1", "top5", "top10"):
        assert f"{100 * summary['model'][score]['mean']:.1f}" in text
    assert f"({100 * summary['model']['top1']['low']:.1f} to" in text
    assert "40 candidates, 160 windows, 4 subjects" in text
    assert max(len(line) for line in text.splitlines() if line[:1] in "┏┃┡│└") <= width


def test_metrics_json_holds_the_scores_twice_with_the_same_numbers(result, summary):
    for name, rows in result.scores().plain().items():
        for row, by_subject in rows.items():
            old = summary[row][name]
            assert by_subject[ALL] == {
                "mean": old["mean"],
                "low": old["low"],
                "high": old["high"],
                "kind": old["interval"],
            }
            for subject, own in old["per_subject"].items():
                assert {key: by_subject[subject][key] for key in ("mean", "low", "high")} == {
                    "mean": own["value"], "low": own["low"], "high": own["high"],
                }  # fmt: skip


def test_a_subject_whose_windows_are_never_exchanged_has_no_shuffled_score():
    result = planted_result(n_subjects=2, with_ideal=False)
    kept = np.r_[np.flatnonzero(result.subject == "planted/s0"), np.flatnonzero(result.subject == "planted/s1")[:1]]
    rows = {name: getattr(result, name)[kept] for name in ("similarity", "target", "subject", "no_brain")}
    few = replace(result, **rows, windows=result.windows.iloc[kept])
    summary = few.facts()
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary
    own = summary["shuffled"]["top10"]["per_subject"]
    assert own["planted/s1"] == {"value": None, "low": None, "high": None} and own["planted/s0"]["value"] is not None
    assert summary["shuffled"]["top10"]["mean"] == pytest.approx(own["planted/s0"]["value"])
    assert "shuffled brain" in printed(few)
