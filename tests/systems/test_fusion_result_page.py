"""What the page of a fusion says and shows, and how results are compared."""

import json
from dataclasses import replace

import numpy as np
import pytest
from planted_pairs import planted_pairs
from run_folders import new_run

from n2s.metrics.intervals import t_interval
from n2s.report.table import print_shown, wide_console
from n2s.systems.fusion.compared import compared, differ
from n2s.systems.fusion.result import FusionResult
from n2s.systems.fusion.shuffles import donors
from n2s.systems.fusion.words import headline
from n2s.training.results import keep


def said(result) -> str:
    return " ".join(headline(result))


@pytest.fixture(scope="module")
def result():
    return planted_pairs(meg=2.2, fmri=1.8, estimate=0.5)


def test_both_are_used_and_find_more(result):
    text = said(result)
    assert "Do both find more than the better one alone? Yes" in text
    assert "Are both used? Yes" in text and "this is above chance" in text
    share, both, best = result.reached["top1"], *(result.scores().get("top1", row).mean for row in ("both", "ceiling"))
    assert share.mean == pytest.approx(both / best) and share.low < share.mean < share.high
    assert f"{100 * share.mean:.0f}% ({100 * share.low:.0f} to {100 * share.high:.0f}%) of that is reached" in text


@pytest.mark.slow
def test_a_silent_modality_is_named():
    for silent, other in (("meg", "fMRI"), ("fmri", "MEG")):
        result = planted_pairs(**{silent: 0.02}, seed=2)
        text = said(result)
        assert f"Only {other} is shown to be used" in text
        assert "That is not shown (top-1" in text and "Yes" not in text


def test_a_harmful_fusion_is_called_one():
    """Scores of fMRI that say the opposite of what was heard."""
    result = planted_pairs(meg=2.5, fmri=0.5, seed=1)
    text = said(replace(result, fmri=-8 * result.fmri))
    assert "No: MEG alone finds more than both" in text and "Yes" not in text


@pytest.mark.slow
def test_noise_claims_nothing():
    for seed in range(3):
        text = said(planted_pairs(meg=1e-3, fmri=1e-3, seed=seed))
        assert "no evidence that this is above chance" in text and "Yes" not in text and "reached" not in text


@pytest.mark.slow
def test_two_stories_of_30_s_show_little():
    """Two blocks: a t interval with one degree of freedom, which errs as seldom as with many."""
    claims = [planted_pairs(meg=2.0, fmri=0.0, n_per_story=3, seed=seed) for seed in range(24)]
    noise = [np.random.default_rng(1000 + seed).standard_normal(one.meg.shape) for seed, one in enumerate(claims)]
    silent = [replace(one, fmri=own).differences["top1"]["cost_fmri"] for one, own in zip(claims, noise, strict=True)]
    assert sum(one.positive for one in silent) <= 3


def test_what_could_not_be_exchanged_and_what_is_no_number_is_said():
    few = planted_pairs(n_per_story=2, stories=("a",))
    assert "meg_shuffled" not in few.scores().rows
    assert any("nothing is shown for MEG or fMRI of another segment" in line for line in few.shown()[0].notes)
    result = planted_pairs()
    broken = result.meg.copy()
    broken[:5] = np.nan
    broken = replace(result, meg=broken)
    assert "5 of 192 pairs have scores that are not numbers: they count as not found" in broken.shown()[0].notes
    assert (broken.ranks["both"][:5] == 47).all()


def test_the_tables_show_the_differences(result):
    headings, rows = result.shown()[0].tables["What each modality adds, and what a response to another segment costs"]
    first = result.differences["top1"]["over_meg"]
    own = [
        np.mean((result.ranks["both"] == 0)[result.subject == who])
        - np.mean((result.ranks["meg"] == 0)[result.subject == who])
        for who in np.unique(result.subject)
    ]
    assert list(first.by_subject.values()) == pytest.approx(own)
    assert first.people[:3] == pytest.approx(t_interval(np.array(own), bounds=(-1, 1)))
    assert rows[0][2].startswith(f"{100 * np.mean(own):+.1f} (") and len(headings) == 6 and len(rows) == 12
    without = replace(result, ideal_meg=None, ideal_fmri=None)
    assert len(without.shown()[0].tables[next(iter(without.shown()[0].tables))][0]) == 4


@pytest.mark.slow
def test_the_page_has_all_figures(result, capsys):
    other = replace(planted_pairs(meg=2.2, fmri=1.8, estimate=1.5), method="likelihoods")
    results = {"joint": result, "likelihoods": other}
    FusionResult.settle(results)
    try:
        for number, one in enumerate(results.values()):
            (shown,) = one.shown()
            titles = [drawing.title for drawing in shown.drawings]
            expected = ["MEG, fMRI, and both", "Accuracy by rank", "What each modality adds", "Each person"]
            assert titles == expected + ([] if number else ["Results compared"])
            print_shown(shown, wide_console())
    finally:
        FusionResult.settle({"test": result})
    assert "likelihoods - joint" in capsys.readouterr().out


@pytest.mark.slow
def test_a_run_folder_has_numbers_and_a_page(result, tmp_path):
    """As a test leaves it."""
    other = replace(planted_pairs(meg=2.2, fmri=None, seed=5), said=["fMRI <none> of 3 segments"])
    run = new_run(tmp_path / "run")
    try:
        keep(run, "test", {"test": result, "test, MEG only": other})
    finally:
        FusionResult.settle({"test": result})
    facts = json.loads((run.folder / "metrics.json").read_text())
    assert facts["test"]["scores"]["top1"]["both"]["all subjects"]["mean"] == result.scores().get("top1", "both").mean
    assert set(facts["test"]["differences"]["top1"]) == {"over_meg", "over_fmri", "cost_meg", "cost_fmri"}
    assert facts["test, MEG only"]["differences"] == {} and facts["test"]["n_tests"] == 18 + 6
    page = (run.folder / "report.html").read_text()
    classes = run.read()["results"]["test"]
    assert classes["test, MEG only"] == "n2s.systems.fusion.result:FusionResult"
    for text in (
        "Are both used? Yes",
        "Results compared",
        "fMRI &lt;none&gt; of 3 segments",
        "cost of MEG of another segment",
    ):
        assert text in page


def test_methods_are_compared_on_the_same_pairs(result):
    """The other result has its rows and candidates in another order, and lacks some pairs."""
    other = planted_pairs(meg=2.2, fmri=1.8, estimate=1.5)
    order = np.random.default_rng(0).permutation(len(other.target))[:150]
    columns = np.random.default_rng(1).permutation(len(other.candidates))
    moved = replace(
        other,
        target=np.argsort(columns)[other.target[order]],
        subject=other.subject[order],
        windows=other.windows.iloc[order],
        candidates=other.candidates.iloc[columns],
        **{name: getattr(other, name)[order][:, columns] for name in ("meg", "fmri", "ideal_meg", "ideal_fmri")},
        no_brain=None,
        meg_to_fmri=None,
        fmri_to_meg=None,
    )
    found = compared({"joint": result, "likelihoods": moved})
    assert found.n_pairs == {"both": 150, "meg": 150, "fmri": 150} and differ(found)
    assert any("42 pairs of 'joint'" in text for text in found.said)
    kept = np.sort(order)
    gain = (other.ranks["both"][kept] == 0) * 1.0 - (result.ranks["both"][kept] == 0)
    own = [gain[result.subject[kept] == who].mean() for who in np.unique(result.subject)]
    segments, people = found.leads["both"]["likelihoods", "joint"]["top1"]
    assert segments.mean == pytest.approx(np.mean(own)) and segments.high < 0
    assert people[:3] == pytest.approx(t_interval(np.array(own), bounds=(-1, 1)))


def test_only_what_is_alike_is_compared(result):
    alone = planted_pairs(meg=2.2, fmri=None, seed=5)
    found = compared({"joint": result, "MEG only": alone})
    assert list(found.scores) == ["meg"]
    spoken = replace(alone, windows=alone.windows.assign(condition="overt"))
    found = compared({"joint": result, "spoken": spoken})
    assert not found.scores and "no pair is of the same person" in found.said[0]
    fewer = planted_pairs(n_per_story=12, meg=2.2, fmri=1.8)  # the same pairs among half of the candidates
    assert not compared({"joint": result, "fewer": fewer}).scores
    assert not differ(compared({"one": result, "same": replace(result)}))
    many = compared({str(seed): planted_pairs(n_per_story=6, seed=seed) for seed in range(7)})
    assert len(many.leads["both"]) == 6  # each with the first


def test_overlapping_segments_have_longer_blocks_and_far_turns():
    result = planted_pairs(n_per_story=60)
    dense = replace(result, candidates=result.candidates.assign(start_s=result.candidates.start_s / 5))  # every 2 s
    assert len(np.unique(dense.block)) < len(np.unique(result.block))
    asked = donors(dense)
    start_s, story = (dense.candidates[name].to_numpy()[dense.target] for name in ("start_s", "story"))
    own, given = np.nonzero(asked >= 0)[1], asked[asked >= 0]
    assert ((story[own] != story[given]) | (np.abs(start_s[own] - start_s[given]) >= 20)).all()
