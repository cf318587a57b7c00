"""Late fusion: rows of two runs are matched whatever their order, and only what both have held out is added."""

import os
from copy import copy
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from lightning.pytorch import Trainer
from tiny_pairs import tiny_pairs

from n2s.data import SplitByStory
from n2s.data.cross_validated import CrossValidated
from n2s.errors import UserError
from n2s.findings import kept
from n2s.systems.fusion.late import LateFusion, late_results, late_weights, weighted
from n2s.systems.fusion.late_matched import check_held_out, late_parts
from n2s.systems.segment_scores import FOLDER, segment_scores
from n2s.systems.stages import StageRun
from n2s.systems.system import System
from tests.run_folders import new_run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Data of both, set up, and the same as data of one modality."""
    both = tiny_pairs(tmp_path_factory.mktemp("late") / "study")
    both.setup("test")
    found = {"both": both, "meg": copy(both), "fmri": copy(both)}
    for modality in ("meg", "fmri"):
        found[modality].modalities = (modality,)
    return found


def planted(data, modality, split, d=1.0, unit=1.0, seed=0):
    """Scores of a run with one modality: log-likelihood ratios of segments ``d`` apart, times ``unit``."""
    one = data[modality]
    n, k = len(one.pairs[split]), len(one.windows[split].first)
    target = one.pairs[split].segment.to_numpy()
    found = d * np.random.default_rng([seed, len(modality), len(split)]).standard_normal((n, k))
    found[np.arange(n), target] += d**2
    return segment_scores(one, split, unit * found, np.arange(n))


def shuffled(scores, seed=0):
    """The same with rows and candidates in another order."""
    rng = np.random.default_rng(seed)
    row, column = rng.permutation(len(scores.target)), rng.permutation(len(scores.candidates))
    return replace(
        scores,
        similarity=scores.similarity[np.ix_(row, column)],
        target=np.argsort(column)[scores.target[row]],
        windows=scores.windows.iloc[row],
        candidates=scores.candidates.iloc[column],
    )


def left_by(folder, modality, *scores):
    """A run with scores in its folder."""
    run = new_run(folder / modality / "one")
    for one in scores:
        one.save(run.folder / FOLDER / one.split)
    return StageRun(System, run.folder, f"model.{modality}")


def runs_of(tmp_path, data, **of):
    return {
        modality: left_by(
            tmp_path, modality, *(planted(data, modality, split, **of.get(modality, {})) for split in ("val", "test"))
        )
        for modality in ("meg", "fmri")
    }


def test_rows_and_candidates_are_matched_in_any_order(data):
    runs = {modality: planted(data, modality, "test") for modality in ("meg", "fmri")}
    parts = late_parts(data["both"], runs, "test")
    pairs = data["both"].pairs["test"]
    assert len(parts.pairs) == len(pairs) and (parts.pairs[["meg", "fmri"]] >= 0).all(axis=None)
    for modality in runs:  # all three datamodules have the same rows and segments here
        np.testing.assert_array_equal(parts.scores[modality], runs[modality].similarity)
    again = late_parts(data["both"], {"meg": shuffled(runs["meg"]), "fmri": shuffled(runs["fmri"], 1)}, "test")
    for modality in runs:
        np.testing.assert_array_equal(again.scores[modality], parts.scores[modality])
    other = replace(runs["meg"], windows=runs["meg"].windows.replace({"^meg/": "helmet/"}, regex=True))
    np.testing.assert_array_equal(
        late_parts(data["both"], runs | {"meg": other}, "test").scores["meg"], parts.scores["meg"]
    )


def test_what_one_run_has_not_scored_is_left_out_and_told(data):
    runs = {modality: planted(data, modality, "test") for modality in ("meg", "fmri")}
    meg = runs["meg"]
    rows = meg.target != 2  # no row and no candidate of segment 2
    column = np.arange(len(meg.candidates)) != 2
    less = replace(
        meg,
        similarity=meg.similarity[np.ix_(rows, column)],
        target=np.cumsum(column)[meg.target[rows]] - 1,
        windows=meg.windows[rows],
        candidates=meg.candidates[column],
    )
    with kept() as found:
        parts = late_parts(data["both"], runs | {"meg": less}, "test")
    assert any("1 of 8 test segments are not in both runs" in str(one) for one in found)
    assert 2 not in parts.target and len(parts.pairs) == 14
    fewer = replace(
        meg,
        similarity=meg.similarity[3:],
        target=meg.target[3:],
        windows=meg.windows.iloc[3:],
    )
    with kept() as found:
        parts = late_parts(data["both"], runs | {"meg": fewer}, "test")
    assert any("3 of 16 test rows of MEG are not in model.meg, the first of 01" in str(one) for one in found)
    assert (parts.pairs.meg < 0).sum() == 3 and (parts.pairs.fmri >= 0).all()
    assert not parts.scores["meg"][(parts.pairs.meg < 0).to_numpy()].any()


def test_runs_that_do_not_go_together_are_refused(data):
    runs = {modality: planted(data, modality, "test") for modality in ("meg", "fmri")}
    meg = runs["meg"]

    def refused(message, **changes):
        with pytest.raises(UserError, match=message):
            late_parts(data["both"], runs | {"meg": replace(meg, **changes)}, "test")

    refused("model.meg is a run of fMRI; expected one of MEG. Are", modality="fmri")
    refused("its test segments last 3 s, those of data 4.9 s", candidates=meg.candidates.assign(duration_s=3.0))
    later = meg.candidates.assign(start_s=meg.candidates.start_s + 1.5)
    refused(r"start at 1.5, 6.5, 11.5, 16.5 ... s, those of data at 0, 5, 10, 15 ... s", candidates=later)
    refused(
        r"are of other sounds \(a\) than those of data \(fmri/story5\)",
        candidates=meg.candidates.assign(sound="x", stimulus="a"),
    )
    refused(
        "model.meg has scores of lab/07; data has MEG of meg/01, meg/02, and nobody",
        windows=meg.windows.assign(subject="lab/07"),
    )
    diverged = np.where(np.arange(16)[:, None] < 2, np.nan, meg.similarity)
    refused("model.meg: 2 of 16 test rows have scores that are no numbers", similarity=diverged)
    first = meg.target < 4
    half = replace(meg, similarity=meg.similarity[first], target=meg.target[first], windows=meg.windows[first])
    second = {
        name: getattr(runs["fmri"], name)[runs["fmri"].target >= 4] for name in ("similarity", "target", "windows")
    }
    with pytest.raises(UserError, match=r"none of the 16 test rows has scores in both model.meg \(8 rows\)"):
        late_parts(data["both"], {"meg": half, "fmri": replace(runs["fmri"], **second)}, "test")
    with pytest.raises(UserError, match=r"data.modalities is \['meg'\]; a late fusion adds both"):
        late_parts(data["meg"], runs, "test")


def test_what_a_run_was_trained_or_validated_on_is_no_test(data):
    val, test = (planted(data, "meg", split) for split in ("val", "test"))
    check_held_out(data["both"], "meg", test, val)
    seen = pd.DataFrame({"sound": test.candidates.sound[:1], "start_s": [3.0], "stop_s": [12.0]})
    with pytest.raises(
        UserError, match=r"3 of 8 test segments here were training of that run, the first is fmri/story5 from 0 s"
    ):
        check_held_out(data["both"], "meg", replace(test, trained=seen), val)
    with pytest.raises(UserError, match="8 of 8 test segments here were validation of that run"):
        check_held_out(data["both"], "meg", val, test)  # a run whose split is the other way round


@pytest.mark.slow
def test_a_run_with_another_split_is_refused(data, tmp_path):
    other = tiny_pairs(
        data["both"].studies["meg"].root, modalities=["meg"], split=SplitByStory(val=["story4"], test=["story0"])
    )
    other.setup("test")
    run = {split: planted({"meg": other}, "meg", split) for split in ("val", "test")}
    runs = runs_of(tmp_path, data) | {"meg": left_by(tmp_path / "other", "meg", *run.values())}
    with pytest.raises(UserError, match=r"model.meg: 8 of 8 test segments here were training of that run"):
        late_weights(data["both"], runs)


def test_starts_within_half_a_sample_are_one_and_a_longer_segment_is_told(data):
    runs = {modality: planted(data, modality, "test") for modality in ("meg", "fmri")}
    moved = replace(
        runs["meg"],
        candidates=runs["meg"].candidates.assign(start_s=runs["meg"].candidates.start_s + 0.008, duration_s=5.0),
    )
    with kept() as found:
        parts = late_parts(data["both"], runs | {"meg": moved}, "test")
    np.testing.assert_array_equal(parts.scores["meg"], runs["meg"].similarity)
    assert any("its segments last 5 s and those of data 4.9 s" in str(one) for one in found)
    closer = replace(
        runs["meg"], candidates=runs["meg"].candidates.assign(start_s=3.0 * np.arange(8))
    )  # from 0 to 21 s: 0 and 15 s are in both
    with kept():
        some = late_parts(data["both"], runs | {"meg": closer}, "test")
    np.testing.assert_array_equal(np.unique(some.target), [0, 3])
    np.testing.assert_array_equal(some.scores["meg"][0, [0, 3]], runs["meg"].similarity[0, [0, 5]])


def test_the_result_has_the_weighted_scores_of_both(data, tmp_path):
    of = {"meg": {"d": 2.0, "unit": 0.01}, "fmri": {"d": 1.5, "unit": 50.0}}
    runs = runs_of(tmp_path, data, **of)
    with kept():
        found = late_results(data["both"], runs["meg"], runs["fmri"], seed=3)
        weights = late_weights(data["both"], runs)
    assert list(found) == ["test"] and found["test"].method == "late fusion"
    result = found["test"]
    assert result.weights == weights.weights and result.seed == 3
    assert weights.weights["meg"] / weights.weights["fmri"] == pytest.approx(5000, rel=1.0)  # 16 rows: roughly
    for modality in ("meg", "fmri"):
        given = planted(data, modality, "test", **of[modality]).similarity
        part = getattr(result, modality)
        np.testing.assert_allclose(
            part - part[:, :1], weights.weights[modality] * (given - given[:, :1]), rtol=1e-3, atol=1e-3
        )
    assert any("MEG: run meg/one, weight" in one for one in result.said)
    assert any("Weights are from 16 validation rows" in one for one in result.said)
    shuffled_runs = {
        modality: left_by(
            tmp_path / "again",
            modality,
            *(shuffled(planted(data, modality, split, **of[modality])) for split in ("val", "test")),
        )
        for modality in runs
    }
    with kept():
        again = late_results(data["both"], shuffled_runs["meg"], shuffled_runs["fmri"], seed=3)["test"]
    np.testing.assert_allclose(again.meg, result.meg, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(again.fmri, result.fmri, rtol=1e-5, atol=1e-6)


def test_runs_without_scores_say_what_to_do(data, tmp_path):
    runs = runs_of(tmp_path, data)
    val, test = (planted(data, "meg", split) for split in ("val", "test"))
    with pytest.raises(UserError, match=r"model.meg: .*nothing/meg/one has left no scores.* First: n2s test --config"):
        late_weights(data["both"], runs | {"meg": left_by(tmp_path / "nothing", "meg")})
    with pytest.raises(UserError, match="was fitted without validation segments"):
        late_weights(data["both"], runs | {"meg": left_by(tmp_path / "no_val", "meg", test)})
    with kept() as found:
        late_weights(data["both"], runs)
    assert any("the weights are from 16 validation rows with both: fewer than 20" in str(one) for one in found)
    best = runs["fmri"].folder / "best.ckpt"
    best.write_bytes(b"new")
    os.utime(best, (2e9, 2e9))  # later than the scores
    with kept() as found:
        late_weights(data["both"], runs)
    assert any("fmri/one has newer weights than scores. Test it again" in str(one) for one in found)


@pytest.mark.slow
def test_people_who_were_not_in_the_scanner_have_a_result_of_meg_alone(tmp_path):
    both = tiny_pairs(tmp_path / "study", scanner={"lacks": [("02", "story4"), ("02", "story5")]})
    both.setup("test")
    data = {"both": both, "meg": copy(both), "fmri": copy(both)}
    for modality in ("meg", "fmri"):
        data[modality].modalities = (modality,)
        of = {split: table[table[modality] >= 0].reset_index(drop=True) for split, table in both.pairs.items()}
        data[modality].pairs = of  # as data of that modality alone has them
    runs = runs_of(tmp_path / "runs", data)
    with kept():
        found = late_results(both, runs["meg"], runs["fmri"], seed=0)
        weights = late_weights(both, runs)
    assert list(found) == ["test", "test, MEG only"] and weights.n_rows == 8
    alone = found["test, MEG only"]
    assert set(found["test"].subject) == {"01"} and set(alone.subject) == {"02"} and alone.fmri is None
    given = planted(data, "meg", "test")
    rows = (given.windows.subject == "meg/02").to_numpy()
    expected = weights.weights["meg"] * (given.similarity[rows] - given.similarity[rows].mean(1, keepdims=True))
    np.testing.assert_allclose(alone.meg, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_a_run_without_weight_keeps_its_own_order_and_changes_no_sum(data, tmp_path):
    """Alone, ties of a score times 0 put every true candidate last."""
    scores = planted(data, "meg", "test", unit=40.0).similarity + 1e4
    part, other = weighted(scores, 0.0), weighted(planted(data, "fmri", "test").similarity, 0.7)
    np.testing.assert_array_equal(part.argsort(1, kind="stable"), weighted(scores, 1.0).argsort(1, kind="stable"))
    np.testing.assert_allclose(part + other, other, atol=1e-6)
    assert (part.argmax(1) == planted(data, "meg", "test").target).mean() > 0.2
    unlike = {"meg": {"unit": -1.0}}  # validation finds less than chance: its best weight is 0
    runs = runs_of(tmp_path, data, **unlike)
    own = late_weights(data["both"], runs)
    result = late_results(data["both"], runs["meg"], runs["fmri"], 0)["test"]
    assert own.weights["meg"] == result.weights["meg"] == 0 < result.weights["fmri"]
    assert any("weight 0" in one for one in result.said) and np.ptp(result.meg, axis=1).min() > 0


def test_folds_are_refused_before_anything_is_fitted(data):
    """Each fold holds out what the finished runs were trained on."""
    module, folds = LateFusion("meg", "fmri"), copy(data["both"])
    folds.split = CrossValidated(folds.split, n_folds=3)
    module.trainer = Trainer(logger=False, accelerator="cpu", enable_checkpointing=False)
    module.trainer.datamodule = folds
    with pytest.raises(UserError, match="Leave --cross_validate out"):
        module.setup("fit")
