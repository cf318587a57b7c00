"""What a test of decoded clips leaves: exchanges that are none, files that come back, and scores in plain JSON."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from tiny_fmri import LAG_S, TinyFMRI

from n2s.data import FMRIDataModule
from n2s.errors import UserError
from n2s.features import MelStatistics
from n2s.metrics.result import record
from n2s.metrics.score import ALL, cell
from n2s.systems.clips.decoded import Decoded
from n2s.systems.clips.result import ClipResult
from n2s.systems.clips.results import clip_result
from n2s.systems.clips.summary import ROWS, headline
from n2s.systems.clips.voxel_figures import voxel_table


def made(groups, *, noise=0.5, seed=0, labels=None, **more):
    """Two subjects who heard k clips; decoded features are the true ones and noise."""
    rng, k = np.random.default_rng(seed), len(groups)
    candidates = rng.standard_normal((k, 30)).astype(np.float32)
    target = np.tile(np.arange(k), 2)
    table = {"stimulus": groups, "start_s": np.arange(k) * 1.0, "duration_s": 1.0, "group": groups, "audio": ""}
    return ClipResult(
        predicted=candidates[target] + noise * rng.standard_normal((2 * k, 30)).astype(np.float32),
        candidates=candidates,
        target=target,
        subject=np.repeat(["a/1", "a/2"], k),
        clips=pd.DataFrame(table | {"label": labels if labels is not None else ""}),
        **more,
    )


def plain(result):
    """What ``metrics.json`` holds, read back."""
    return json.loads(json.dumps(record(result), allow_nan=False))


@pytest.mark.parametrize("groups", [["one"] * 12, ["one"] * 9 + ["two"] * 3, [f"g{i // 3}" for i in range(12)]])
def test_no_clip_keeps_its_own_response_when_they_are_exchanged(groups):
    result = made(groups, noise=0.0)  # a perfect decoder: any clip that kept its own would count as found
    scores = result.evaluated
    by_group = len(set(groups)) == 4
    assert scores.units.words == ("stimuli" if by_group else "stretches of stimuli")
    assert np.median(scores.correlations["model"]["a/1"]) == pytest.approx(1)
    assert abs(np.median(scores.correlations["shuffled"]["a/1"])) < 0.3
    assert (scores.ranks["shuffled"] > 0).all() and (scores.ranks["model"] == 0).all()


def test_responses_that_overlap_are_not_independent():
    """Clips of 1 s, each with the volumes of 4 s: stretches of 5 s shared most of them with the next."""
    scores = made(["one"] * 100, response_s=4.0).evaluated
    assert scores.n_units == {"a/1": 5, "a/2": 5} and made(["one"] * 100).evaluated.n_units == {"a/1": 20, "a/2": 20}
    with_clips = made(["one"] * 100, response_s=0.5).evaluated
    assert with_clips.n_units == {"a/1": 20, "a/2": 20}


@pytest.mark.parametrize(("window_s", "response_s"), [(None, 0.0), (3.0, 3.0)])
def test_a_result_knows_how_long_its_responses_are(tmp_path, window_s, response_s):
    data = FMRIDataModule(
        {"tiny": TinyFMRI(tmp_path / "tiny")}, MelStatistics(n_mels=4), lag_s=LAG_S, window_s=window_s, val_fraction=0.2
    )
    data.setup("test")
    table = data.splits["test"].table
    feature = torch.from_numpy(data.targets(table.clip_index.to_numpy()))
    assert clip_result(data, Decoded(torch.arange(len(table)), feature), "tiny").response_s == response_s


def test_the_mean_and_the_ideal_observer_stand_where_they_must():
    ideal = np.tile(np.eye(40), (2, 1))
    result = made([f"g{i}" for i in range(40)], ideal=ideal, noise=2.0)
    found = plain(result)
    two = found["identification"]["2"]
    assert two["ideal_observer"]["mean"] == two["ceiling"]["mean"] == 1
    assert abs(two["mean_prediction"]["mean"] - 0.5) < 3.3 / np.sqrt(12 * 80)
    assert two["shuffled"]["mean"] < two["model"]["mean"] < 1
    assert found["ceilings"]["ideal_observer"] and found["identification"].keys() == {"2", "5", "10", "40"}
    (shown,) = result.shown()
    headings, rows = shown.scores.table(shown.columns)
    assert headings[1:] == ["correlation (median dimension)", "2-way (%)", "10-way (%)", "40-way (%)"]
    left_out = ("fine_only", "subject_only")
    assert [row[0] for row in rows] == [row.label for name, row in ROWS.items() if name not in left_out]
    assert rows[-1] == ["chance", "-", "50.0", "10.0", "2.5"]
    assert any("no classification of labels" in note for note in shown.notes)
    # scores are the entries, laid out once more
    for n, entries in found["identification"].items():
        for row, own in found["scores"][f"identification@{n}"].items():
            mean = entries[row] if row == "chance" else entries[row]["mean"]
            assert own[ALL]["mean"] == mean and (row == "chance" or own[ALL]["low"] == entries[row]["low"])
    _, by_subject = shown.tables["Each subject"]
    assert [row[:3] for row in by_subject] == [
        ["a/1", "40", "model"],
        ["", "", "ceiling"],
        ["a/2", "40", "model"],
        ["", "", "ceiling"],
    ]
    assert by_subject[1][4] == "100.0"  # of the ideal observer
    own = found["identification"]["2"]["model"]["per_subject"]["a/2"]
    assert by_subject[2][4] == f"{100 * own['value']:.1f} ({100 * own['low']:.1f} to {100 * own['high']:.1f})"
    assert shown.counts == {"n_candidates": 40, "n_clips": 80, "n_subjects": 2}


def test_labels_are_told_from_decoded_features():
    labels = np.array(["speech", "music"] * 10)
    result = made([f"g{i}" for i in range(20)], labels=labels, noise=0.2)
    shift = np.where(labels == "music", 4.0, 0.0)[:, None]
    result.candidates = result.candidates + shift * (np.arange(30) < 5)
    result.predicted = result.predicted + shift[result.target] * (np.arange(30) < 5)
    found = result.facts()["semantic"]
    assert found["model"]["mean"] > 0.9 and found["chance"] == 0.5 and found["ceiling"]["mean"] > 0.9
    assert 0.2 < found["shuffled"]["mean"] < 0.75 and found["mean_prediction"]["mean"] == 0.5


def test_it_comes_back_as_it_was(tmp_path):
    result = made(["a", "b", "c"], mel_predicted=np.random.rand(6, 8, 5), mel_candidates=np.random.rand(3, 8, 5),
                  mel_mean=np.random.rand(8, 5), sounds=["one sound is shared"],
                  voxels=voxel_table("a/1", np.ones(3), None))  # fmt: skip
    result.seed = 3
    result.save(tmp_path / "test" / "test")
    again = ClipResult.load(tmp_path / "test" / "test")
    np.testing.assert_array_equal(again.mel_predicted, result.mel_predicted)
    pd.testing.assert_frame_equal(again.clips, result.clips)
    pd.testing.assert_frame_equal(again.voxels, result.voxels)
    assert again.ideal is None and plain(again) == plain(result)
    assert plain(again)["seed"] == 3 and plain(again)["sounds"] == ["one sound is shared"]
    assert "one sound is shared" in again.shown()[0].notes
    (tmp_path / "test" / "test" / "arrays.npz").unlink()
    with pytest.raises(UserError, match="no arrays.npz. Run the command that made it again: n2s test"):
        ClipResult.load(tmp_path / "test" / "test")
    with pytest.raises(ValueError, match="predicted has 5 rows; 6 decoded clips of 3 need 6"):
        ClipResult(result.predicted[:5], result.candidates, result.target, result.subject, result.clips)


def test_large_arrays_take_half_the_room(tmp_path):
    result = made(["a", "b", "c"], mel_predicted=np.zeros((6, 128, 100), np.float32), mel_candidates=np.zeros((3, 128, 100)),
                  mel_mean=np.zeros((128, 100)), ideal=np.zeros((6, 3), np.float32))  # fmt: skip
    result.save(tmp_path)
    again = ClipResult.load(tmp_path)
    assert again.mel_predicted.dtype == np.float16 and again.predicted.dtype == again.ideal.dtype == np.float32


@pytest.mark.slow
def test_coarse_to_fine_beside_fine_only_on_two_stories_of_which_each_has_a_voice():
    """A label has one story: folds are of stretches, and that is said."""
    voices = np.repeat(["man", "woman"], 30)
    result = made(np.repeat(["harbour", "market"], 30), labels=voices, noise=3.0)
    shift = np.where(voices == "man", 3.0, 0.0)[:, None] * (np.arange(30) < 4)
    result.candidates = result.candidates + shift
    result.fine_only = result.predicted.copy()
    result.predicted = result.predicted + 3 * shift[result.target]
    found = plain(result)
    semantic = found["semantic"]
    assert semantic["folds"] == "stretches of stimuli" and semantic["chance"] == 0.5
    gap = semantic["ahead_of_fine_only"]
    assert gap["mean"] == pytest.approx(semantic["model"]["mean"] - semantic["fine_only"]["mean"])
    assert gap["per_subject"].keys() == {"a/1", "a/2"} and gap["low"] <= gap["mean"] <= gap["high"]
    assert semantic["model"]["mean"] > 0.9 and semantic["fine_only"]["mean"] < 0.75 < semantic["ceiling"]["mean"]
    assert 0.3 < semantic["shuffled"]["mean"] < 0.6
    other = made(np.repeat(["harbour", "market"], 30), labels=voices, noise=3.0)
    other.candidates, other.predicted = result.candidates, result.fine_only
    alone = plain(other)  # as if the ablation were the model
    assert found["correlation"]["fine_only"] == alone["correlation"]["model"]
    assert found["identification"]["10"]["fine_only"] == alone["identification"]["10"]["model"]
    assert semantic["fine_only"] == alone["semantic"]["model"]
    (shown,) = result.shown()
    rows = {row[0]: row[1:] for row in shown.scores.table(shown.columns)[1]}
    assert rows["fine only"][-1].startswith(f"{100 * semantic['fine_only']['mean']:.1f} (")
    notes = " ".join(shown.notes)
    assert "5 folds of stretches of stimuli" in notes and "A label has fewer than 5 stimuli" in notes
    assert f"coarse to fine ahead of fine only: {100 * gap['mean']:+.1f} points" in notes


def test_people_who_heard_other_sounds_are_told_from_their_own_and_by_who_they_are():
    """Each heard clips of a kind of their own; the decoder knows whose brain it is, and nothing else."""
    rng, k = np.random.default_rng(0), 20
    kinds = 4 * rng.normal(size=(3, 30))
    subject, target = np.repeat(["a/1", "a/2", "a/3"], k), np.arange(3 * k)
    candidates = kinds[target // k] + rng.normal(size=(3 * k, 30))
    groups = [f"g{i // 2}" for i in range(3 * k)]
    table = {"stimulus": groups, "start_s": np.arange(3 * k) % 2 * 1.0, "duration_s": 1.0, "group": groups}
    result = ClipResult(
        predicted=kinds[target // k] + rng.normal(size=(3 * k, 30)),
        candidates=candidates,
        target=target,
        subject=subject,
        clips=pd.DataFrame(table | {"label": "", "audio": ""}),
        own_mean=kinds,
    )
    found = plain(result)
    assert found["candidates"] == {"a/1": 20, "a/2": 20, "a/3": 20} and found["own_candidates"]
    top = found["identification"]["20"]
    assert top["chance"] == 0.05 and abs(top["model"]["mean"] - 0.05) < 3 * np.sqrt(0.05 * 0.95 / 60)
    assert top["subject_only"]["mean"] == pytest.approx(0.05)
    assert not any(one["ahead"] for one in found["claims"].values())
    (shown,) = result.shown()
    assert "each clip is identified among those of the same subject" in " ".join(shown.notes)
    assert (
        cell(shown.scores.get("identification@20", "subject_only"), shown.scores.measures["identification@20"]) == "5.0"
    )
    assert "20 test clips of the same subject" in " ".join(shown.headline)


def test_what_is_said_of_noise_and_of_a_signal():
    groups = [f"g{i // 3}" for i in range(60)]
    noise = headline(made(groups, noise=1000.0).evaluated)
    assert "among all 60 test clips" in noise[0] and "Chance is 1.7%" in noise[0]
    assert "After Holm's correction for 2 tests the model is not reliably ahead of chance" in noise[1]
    two = " ".join(headline(made(groups, noise=3.0).evaluated))  # two people say little of others
    assert (
        "ahead by their own 95% intervals (not corrected): 2 of 2 in 2-way identification" in two
        and "is ahead of" not in two
    )
    result = made(groups, noise=1.0)
    more = [made(groups, noise=1.0, seed=0) for _ in range(2)]
    result.predicted = np.concatenate([result.predicted, *(one.predicted for one in more)])
    result.predicted = result.predicted + np.random.default_rng(1).normal(size=result.predicted.shape)
    result.target, result.subject = np.tile(result.target, 3), np.repeat([f"a/{i}" for i in range(6)], 60)
    said = " ".join(headline(result.evaluated))
    assert "the model is ahead of chance in 2-way identification by +" in said and "not reliably" not in said
