"""`n2s fit` and `n2s test` of the semantic stage: what they leave is the ridge that one fits by hand."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from fmri_runs import newest, scores
from scipy import stats
from tiny_fmri import LAG_S, TinyFMRI

from n2s.data import FMRIDataModule
from n2s.features import MelStatistics
from n2s.metrics.segment_scores import SegmentScores
from n2s.models.fitted_ridge import FittedRidge
from n2s.models.ridge import VoxelRidge
from n2s.studies.study import Stimulus
from n2s.systems.clips.decoder import part_of
from n2s.systems.clips.result import ClipResult
from n2s.training.results import write_reports


def the_data(sounds, **study):
    data = FMRIDataModule({"tiny": TinyFMRI(sounds, **study)}, MelStatistics(n_mels=4), lag_s=LAG_S, val_fraction=0.2)
    data.setup("fit")
    return data


def scaled(target):
    target = target.flatten(1)
    return (target - target.mean(0)) / target.std(0)


@pytest.mark.slow
def test_fit_and_test_leave_the_ridge_that_one_fits_by_hand(semantic, sounds):
    status, _, err = semantic("fit")
    assert status == 0, err
    run = newest("Semantic")
    state = torch.load(run / "best.ckpt", weights_only=True)["state_dict"]
    data = the_data(sounds)
    status, out, err = semantic("test")
    assert status == 0 and "report:" in out, err
    result = ClipResult.load(run / "test" / "test")
    mean, deviation = data.train_moments("target")
    for index, (train, test) in enumerate(zip(data.train_dataloader(), data.test_dataloader(), strict=True)):
        ridge = VoxelRidge(6, 10.0).fit(train.brain, scaled(train.target))
        own = FittedRidge()
        own.load_state_dict(part_of(state, f"networks.{index}."))
        np.testing.assert_allclose(own.coefficients, ridge.coef_, atol=1e-6)
        np.testing.assert_allclose(own.intercept, ridge.intercept_, atol=1e-6)
        assert (own.coefficients != 0).sum(0).tolist() == [6] * 12
        np.testing.assert_allclose(own.voxel_mean, data.scales[index].mean)
        assert own.strongest(3).tolist() == ridge.strongest(3).tolist()
        kept = result.voxels[result.voxels.subject == f"tiny/0{index + 1}"]
        assert kept[["right_mm", "front_mm", "up_mm"]].isna().all(axis=None)
        np.testing.assert_allclose(kept.strength, np.linalg.norm(ridge.coef_, axis=1), atol=1e-6)
        decoded = ridge.predict(test.brain) * train.target.std(0) + train.target.mean(0)
        rows = data.splits["test"].rows_of(index)
        np.testing.assert_allclose(result.predicted[rows], (decoded.numpy() - mean) / deviation, atol=1e-4)
        with np.load(run / "out_of_fold" / f"tiny_0{index + 1}.npz") as kept:
            np.testing.assert_allclose(kept["true"], scaled(train.target), atol=1e-5)
            keys = data.splits["train"].table.key.iloc[train.row.numpy()]
            assert kept["key"].tolist() == keys.tolist()
            for group in train.group.unique():  # four groups, four folds
                held = train.group == group
                other = VoxelRidge(6, 10.0).fit(train.brain[~held], scaled(train.target)[~held])
                np.testing.assert_allclose(kept["predicted"][held], other.predict(train.brain[held]), atol=1e-4)
    found = scores("Semantic")
    assert found["n_clips"] == 24 and found["n_candidates"] == 12 and found["n_subjects"] == 2
    assert found["correlation"]["model"]["mean"] > 0.6 > 0.3 > abs(found["correlation"]["shuffled"]["mean"])
    two = found["identification"]["2"]
    assert two["model"]["mean"] > 0.85 and two["ceiling"]["mean"] == 1 and 0.3 < two["shuffled"]["mean"] < 0.6
    assert found["semantic"]["folds"] == "stretches of stimuli"  # one sound: its clips are of one group
    for name in ("report.html", "metrics.csv", "last.ckpt", "run.json"):
        assert (run / name).stat().st_size > 0
    left = {split: SegmentScores.load(run / "scores" / split) for split in ("val", "test")}
    unit = [values / np.linalg.norm(values, axis=1, keepdims=True) for values in (result.predicted, result.candidates)]
    np.testing.assert_allclose(left["test"].similarity, unit[0] @ unit[1].T, atol=1e-5)
    np.testing.assert_array_equal(left["test"].target, result.target)
    table = data.splits["val"].table
    heard = left["val"].candidates.iloc[left["val"].target]
    np.testing.assert_allclose(heard.start_s, table.start_s)
    assert (
        heard.sound.tolist() == table.audio.tolist() and left["val"].windows.subject.tolist() == table.subject.tolist()
    )
    hits = left["val"].similarity.argmax(1) == left["val"].target
    assert hits.mean() > 3 / len(left["val"].candidates) and left["val"].modality == "fmri"


@pytest.mark.slow
def test_scores_are_those_of_scipy_and_of_counting_and_the_report_tells_them(semantic):
    assert semantic("fit")[0] == semantic("test")[0] == 0
    run, found = newest("Semantic"), scores("Semantic")
    result = ClipResult.load(run / "test" / "test")
    medians, pairs = [], []
    for name in np.unique(result.subject):
        own = np.flatnonzero(result.subject == name)
        true, decoded = result.candidates[result.target[own]], result.predicted[own]
        medians.append(np.median([stats.pearsonr(decoded[:, d], true[:, d])[0] for d in range(true.shape[1])]))
        alike = np.array([[stats.pearsonr(one, other)[0] for other in result.candidates] for one in decoded])
        at = result.target[own]
        pairs.append(np.mean([(alike[i] < alike[i, at[i]]).sum() / (len(result.clips) - 1) for i in range(len(own))]))
    assert found["correlation"]["model"]["mean"] == pytest.approx(np.mean(medians), abs=1e-4)
    assert found["identification"]["2"]["model"]["mean"] == pytest.approx(np.mean(pairs), abs=1e-4)
    (run / "report.html").unlink()
    (page,) = write_reports(run)
    page = page.read_text()
    assert f"{100 * found['identification']['12']['model']['mean']:.1f}% (95% interval" in page
    assert "5 folds of stretches of stimuli" in page and "After Holm" in page
    assert "the study does not give their positions" in page
    (test,) = result.shown()  # the same for W&B
    means = test.scores.means()
    assert means["model"]["identification@2"] == found["identification"]["2"]["model"]["mean"]
    assert means["model"]["correlation"] == found["correlation"]["model"]["mean"]
    assert means["chance"]["identification@12"] == 1 / 12 and means["ceiling"]["correlation"] == 1
    titles = [drawing.title for drawing in test.drawings]
    assert page.count("one epoch is no curve") == 2
    assert {"Identification by subject", "Segments as spectrograms"} <= set(titles)
    assert all(page.count(f">{title}</a>") for title in titles)
    assert page.count("data:image/webp;base64,") == len(titles)
    heard = [sound for sounds in test.listening.groups.values() for sound in sounds]
    assert len(heard) == page.count("<audio") == 5 * 4


@pytest.mark.slow
def test_noise_alone_scores_chance(semantic):
    study = {"gain": 0.0, "n_clips": 60, "seed": 4}
    assert semantic("fit", study=study)[0] == semantic("test", study=study)[0] == 0
    found = scores("Semantic")
    two = found["identification"]["2"]
    spread = 1 / np.sqrt(12 * found["n_clips"])  # of the mean of uniform ranks
    assert abs(two["model"]["mean"] - 0.5) < 3.3 * spread
    assert abs(found["correlation"]["model"]["mean"]) < 3.3 / np.sqrt(found["n_clips"])


@pytest.mark.slow
def test_alpha_by_cross_validation_is_voxel_ridges(semantic, sounds):
    alphas = [0.1, 10.0, 1000.0]
    assert semantic("fit", model={"alpha": alphas})[0] == 0
    state = torch.load(newest("Semantic") / "best.ckpt", weights_only=True)["state_dict"]
    for index, train in enumerate(the_data(sounds).train_dataloader()):
        ridge = VoxelRidge(6, alphas, n_folds=4).fit(train.brain, scaled(train.target), train.group.tolist())
        assert float(state[f"networks.{index}.alpha"]) == pytest.approx(ridge.alpha_)


@pytest.mark.slow
def test_one_of_the_subjects_can_be_tested_alone(semantic):
    assert semantic("fit")[0] == 0
    both = semantic("test")
    assert both[0] == 0
    first = scores("Semantic")["identification"]["2"]["model"]["per_subject"]["tiny/02"]["value"]
    status, _, err = semantic("test", data={"subjects": ["02"]})
    assert status == 0, err
    found = scores("Semantic")
    assert found["subjects"] == {"tiny/02": 12}
    assert found["correlation"]["model"]["per_subject"].keys() == {"tiny/02"}
    assert abs(found["identification"]["2"]["model"]["mean"] - first) < 0.05  # z-scored by one subject's clips


@pytest.mark.slow
def test_labels_are_classified_where_stimuli_allow(semantic, monkeypatch):
    together = TinyFMRI.clips

    def apart(study, run):
        table = together(study, run)
        return table.assign(group=run.task + "-" + table.start_s.astype(int).astype(str))

    monkeypatch.setattr(TinyFMRI, "clips", apart)
    assert semantic("fit", model={"n_folds": 3})[0] == semantic("test", model={"n_folds": 3})[0] == 0
    found = scores("Semantic")["semantic"]
    assert found["chance"] == 0.5 and found["ceiling"]["n_left_out"] == 0 and 0 <= found["model"]["mean"] <= 1
    assert found["folds"] == "stimuli"


@pytest.mark.slow
def test_prompts_lie_on_the_map_as_the_target_hears_them(semantic, fitted, sounds):
    siren, noise = 0.3 * np.sin(np.arange(16000) * 0.3), 0.1 * np.random.default_rng(0).standard_normal(24000)
    soundfile.write("siren.wav", siren, 16000)
    soundfile.write("noise.wav", noise, 16000)
    Path("prompts.csv").write_text("prompt\nsiren.wav\nnoise.wav\nsiren.wav\n")
    status, _, err = semantic("test", model={"prompts": "prompts.csv"})
    assert status == 0, err
    run, data = newest("Semantic"), the_data(sounds)
    result = ClipResult.load(run / "test" / "test")
    assert result.prompt_names.tolist() == ["siren.wav", "noise.wav"]
    mean, deviation = data.train_moments("target")
    for name, seconds, values in zip(result.prompt_names, (1.0, 1.5), result.prompts, strict=True):
        heard = MelStatistics(n_mels=4).extract(Stimulus(name, Path(name)), np.zeros(1), seconds)[0]
        np.testing.assert_allclose(values, (heard - mean) / deviation, rtol=1e-4, atol=1e-4)
    assert "Crosses: the prompts" in (run / "report.html").read_text()
    for given, message in (
        ("a dog barks", "'a dog barks' is a text, and the semantic stage decodes MelStatistics"),
        ("gone.csv", "model.prompts: no table at"),
        ("gone.wav", "model.prompts: no sound file at"),
    ):
        status, _, err = semantic("test", model={"prompts": given})
        assert status == 2 and message in " ".join(err.split()), err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": {"n_voxels": 9}}, "tiny/01 has 8 voxels, and model.n_voxels needs 9"),
        ({"model": {"n_voxels": 6}, "data": {"roi": "half"}}, "tiny/01 has 4 voxels in half"),
        ({"data": {"batch_size": 8}}, "data.batch_size is 8. Set it to null"),
        ({"model": {"n_folds": 5}}, "training clips of 4 groups, and cross-validation has 5 folds"),
        ({"trainer": {"max_epochs": 2}}, "set trainer.max_epochs to 1"),
        ({"model": {"alpha": -1.0}}, "model.alpha is -1; expected a number above 0"),
        ({"data": {"volumes": "stack"}}, "set data.volumes to mean"),
    ],
)
def test_what_does_not_fit_is_told_before_training(semantic, changes, message):
    status, _, err = semantic("fit", **changes)
    assert status == 2 and message in " ".join(err.split()), err
    if "trainer" not in changes:
        assert not list(Path("checkpoints").rglob("*.ckpt"))


@pytest.mark.slow
def test_other_voxels_than_those_of_the_fit_are_refused(semantic):
    assert semantic("fit", model={"n_voxels": 3})[0] == 0
    status, _, err = semantic("test", model={"n_voxels": 3}, data={"roi": "half"})
    assert status == 2 and "the data have 4 voxels, and the ridge was fitted to 8" in " ".join(err.split())
    status, _, err = semantic("test", model={"n_voxels": 3}, data={"lag_s": 3.0})
    assert status == 2 and "are not those that the ridge was fitted to" in " ".join(err.split())
    assert not (newest("Semantic") / "metrics.json").exists()


@pytest.mark.slow
def test_prepare_makes_runs_and_features_and_report_writes_the_page_again(semantic, run_n2s, tmp_path, monkeypatch):
    monkeypatch.setenv("N2S_CACHE", str(tmp_path / "cache"))
    status, out, err = semantic("prepare", "--shard", "1/2", "--n_jobs", "1")
    assert status == 0 and "part 1 of 2 is prepared; 7 recordings are left to other parts" in out, err
    kept, runs = tmp_path / "cache" / "features", tmp_path / "cache" / "prepared"
    assert len(list(kept.rglob("*.safetensors"))) == 3 and not Path("checkpoints").exists()
    assert len(list(runs.rglob("brain.npy"))) == 7
    status, out, err = semantic("prepare", "--shard", "2/2", "--n_jobs", "1")  # finds everything: checks it to the end
    assert len(list(runs.rglob("brain.npy"))) == 14
    assert status == 0 and "train: 96 responses to 48 clips of 4 groups" in out, err
    assert len(list(kept.rglob("*.safetensors"))) == 6
    assert semantic("fit")[0] == semantic("test")[0] == 0
    page = newest("Semantic") / "report.html"
    page.unlink()
    status, out, err = run_n2s("report", page.parent)
    assert status == 0 and "of cases" in page.read_text(), err
