"""Folds of decoded clips as one test set: each clip keeps the model, the scales and the candidates of its fold."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from n2s.metrics.result import record
from n2s.systems.clips.result import ClipResult
from n2s.systems.clips.semantic_map import semantic_drawing
from n2s.systems.clips.summary import headline, notes
from n2s.systems.clips.voxel_figures import voxel_table

D = 20


def made(fold: int, *, n=15, signal=1.0, offset=0.0, labels="", true_offset=0.0, subjects=("a/1", "a/2")) -> ClipResult:
    """``n`` stimuli of a clip; decoded features are ``signal`` of the true ones, noise, and what the fold adds to all."""
    rng = np.random.default_rng(fold)
    candidates = rng.standard_normal((n, D)) + true_offset
    target = np.tile(np.arange(n), len(subjects))
    groups = [f"f{fold}g{i}" for i in range(n)]
    table = {"stimulus": groups, "start_s": 0.0, "duration_s": 1.0, "group": groups, "audio": "", "label": labels}
    noise = rng.standard_normal((len(target), D))
    return ClipResult(
        predicted=signal * (candidates[target] - true_offset) + noise + offset,
        candidates=candidates,
        target=target,
        subject=np.repeat(list(subjects), n),
        clips=pd.DataFrame(table),
        voxels=voxel_table("a/1", np.full(3, float(fold)), np.eye(3)),
    )


def test_clips_are_identified_among_those_of_their_fold():
    parts = [made(fold, n=n) for fold, n in enumerate((15, 9, 12))]
    pooled = ClipResult.pooled(parts)
    for row in ("model", "ceiling"):
        both = np.concatenate([one.evaluated.ranks[row] for one in parts])
        np.testing.assert_array_equal(pooled.evaluated.ranks[row], both)
    found = pooled.evaluated
    assert found.candidates == {"a/1": 9, "a/2": 9} and set(found.choice.n_candidates) == {9, 12, 15}
    assert found.n_units == {"a/1": 36, "a/2": 36} and found.units.words == "stimuli"
    index = np.arange(len(pooled.target))
    assert (pooled.listener[found.exchanges] == pooled.listener).all() and (found.exchanges != index).all()
    assert record(pooled)["n_folds"] == 3 and "held out once, in 3 folds" in headline(found)[1]
    assert any("share most of their training data" in line for line in notes(found))
    np.testing.assert_allclose(pooled.voxels.strength, 1.0)  # the mean of 0, 1 and 2
    assert "of one fold" in semantic_drawing(found).caption


def test_no_brain_is_at_chance_though_training_means_lean_against_what_is_held_out():
    """The known bias: where a fold's clips lie high, the mean of all others lies low, and predictions near it do, too."""
    leans = (-3.0, 0.0, 3.0)
    parts = [made(fold, signal=0.0, offset=-lean, true_offset=lean) for fold, lean in enumerate(leans)]
    naive = np.concatenate([one.predicted for one in parts])
    true = np.concatenate([one.candidates[one.target] for one in parts])
    assert np.corrcoef(naive[:, 0], true[:, 0])[0, 1] < -0.7
    scores = ClipResult.pooled(parts).scores()
    assert abs(scores.get("correlation", "model").mean) < 0.08
    assert abs(scores.get("identification@2", "model").mean - 0.5) < 0.08
    good = ClipResult.pooled(
        [made(fold, signal=3.0, offset=-lean, true_offset=lean) for fold, lean in enumerate(leans)]
    )
    assert good.scores().get("correlation", "model").mean > 0.8


def test_a_label_is_not_read_from_the_fold():
    """Each fold has mostly one label, and its model a level of its own: over folds the level would give the label away."""
    labels = [["x"] * 10 + ["y"] * 5, ["y"] * 10 + ["x"] * 5]
    parts = [
        made(fold, signal=0.0, offset=20.0 * fold, labels=own, subjects=("a/1",)) for fold, own in enumerate(labels)
    ]
    scores = ClipResult.pooled(parts).scores()
    assert scores.get("label", "model").mean <= scores.get("label", "chance").mean + 0.05
    few = ClipResult.pooled([made(fold, n=4, labels=["x", "x", "x", "y"]) for fold in range(3)])
    assert (
        "label" not in few.scores().values
        and "fewer" in few.evaluated.semantic
        or "each of 5 or more" in few.evaluated.semantic
    )


def test_what_a_fold_lacks_is_left_out_and_a_subject_s_mean_is_that_of_all():
    parts = [made(fold) for fold in range(2)]
    means = np.stack([np.full(D, 1.0), np.full(D, 2.0)])
    mel = {name: np.zeros((rows, 2, 3), np.float32) for name, rows in (("mel_predicted", 30), ("mel_candidates", 15))}
    parts[1] = replace(parts[1], own_mean=means)
    pooled = ClipResult.pooled(parts)
    by_name = dict(zip(np.unique(pooled.listener), pooled.own_mean[:, 0], strict=True))
    assert by_name == {"a/1 fold 0": 0, "a/1 fold 1": 1, "a/2 fold 0": 0, "a/2 fold 1": 2}
    with_mel = [replace(one, **mel, mel_mean=np.full((2, 3), i, np.float32)) for i, one in enumerate(parts)]
    assert ClipResult.pooled([with_mel[0], parts[1]]).mel_predicted is None
    both = ClipResult.pooled(with_mel)
    np.testing.assert_array_equal(both.mel_guess[:, 0, 0], both.fold)


def test_saved_and_loaded_is_the_same(tmp_path):
    pooled = ClipResult.pooled([made(fold, n=9) for fold in range(2)])
    pooled.save(tmp_path)
    again = ClipResult.load(tmp_path)
    assert record(again) == record(pooled)


@pytest.mark.parametrize("wrong", [{"fold": np.zeros(3, int)}, {"own_mean": np.zeros((2, D))}])
def test_parts_that_do_not_fit_are_refused(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} has . rows; 36 decoded clips"):
        replace(ClipResult.pooled([made(fold, n=9) for fold in range(2)]), **wrong)
