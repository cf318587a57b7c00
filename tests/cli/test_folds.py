"""``n2s fit --cross_validate K``: every part is held out once, each fold is a run, and one page has the pooled scores."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from n2s.systems.clips.result import ClipResult
from n2s.systems.contrastive.result import RetrievalResult
from n2s.training.run import UNFINISHED, Run, runs_of

RECIPE = Path(__file__).parents[2] / "configs" / "meg_contrastive.yaml"
QUIET = {"accelerator": "cpu", "enable_progress_bar": False, "enable_model_summary": False, "logger": False}


def meg_recipe(root: Path, *, callbacks: list | None = None, **study) -> dict:
    """The contrastive recipe's overlay: two listeners, four stories of 12 s, a network of a few weights, an epoch."""
    study = {"root": str(root), "story_s": 12.0} | study
    data = {
        "studies": {"tiny": {"class_path": "tiny.TinyStudy", "init_args": study}},
        "target": {"class_path": "n2s.features.Ready", "init_args": {"n_features": 4}},
        "preprocessing": {"class_path": "n2s.data.Preprocessing", "init_args": {"sfreq": 50.0, "picks": ["eeg"]}},
        "train_windows": {"class_path": "n2s.data.Grid", "init_args": {"step_s": 0.5}},
        "batch_size": 16,
        "n_jobs": 1,
    }
    encoder = {"n_virtual": 4, "n_fourier": 32, "hidden": 4, "depth": 1, "dropout": 0.0}
    model = {
        "encoder": {"init_args": encoder},
        "target_encoder": None,
        "encoding_model": False,
        "linear_decoder": False,
    }
    trainer = {"max_epochs": 1, "callbacks": callbacks or []} | QUIET
    return {"data": {"init_args": data}, "model": {"init_args": model}, "trainer": trainer}


def fmri_recipe(root: Path) -> dict:
    study = {"root": str(root), "n_subjects": 1, "n_sounds": 6, "n_clips": 6}
    data = {
        "studies": {"tiny": {"class_path": "tiny_fmri.TinyFMRI", "init_args": study}},
        "target": {"class_path": "n2s.features.MelStatistics", "init_args": {"n_mels": 4}},
        "lag_s": 2.0,
    }
    model = {"n_voxels": 6, "alpha": 10.0, "n_folds": 2}
    return {
        "data": {"class_path": "n2s.data.FMRIDataModule", "init_args": data},
        "model": {"class_path": "n2s.systems.Semantic", "init_args": model},
        "trainer": {"max_epochs": 1, "log_every_n_steps": 1} | QUIET,
    }


def encoding_recipe(root: Path) -> dict:
    study = {"root": str(root), "n_subjects": 1, "story_s": 20.0}
    data = {
        "studies": {"tiny": {"class_path": "tiny.TinyStudy", "init_args": study}},
        "features": {"ready": {"class_path": "n2s.features.Ready", "init_args": {"n_features": 4}}},
        "response": {"class_path": "n2s.data.Lags", "init_args": {"tmin": 0.0, "tmax": 0.2}},
        "preprocessing": {"class_path": "n2s.data.Preprocessing", "init_args": {"sfreq": 25.0, "picks": ["eeg"]}},
    }
    model = {"alphas": [1.0, 100.0], "n_folds": 2, "n_shifts": 1, "n_permutations": 0}
    return {
        "data": {"class_path": "n2s.data.EncodingDataModule", "init_args": data},
        "model": {"class_path": "n2s.systems.BrainScore", "init_args": model},
        "trainer": {"max_epochs": 1, "log_every_n_steps": 1} | QUIET,
    }


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("N2S_RUNS", raising=False)
    return tmp_path


def newest(experiment: str) -> Run:
    (run,) = runs_of(Path("checkpoints") / experiment)
    return run


@pytest.mark.slow
def test_every_story_is_held_out_once_and_one_page_has_the_pooled_scores(here, run_n2s):
    Path("tiny.yaml").write_text(yaml.safe_dump(meg_recipe(here / "study")))
    status, out, err = run_n2s("fit", "--config", RECIPE, "--config", "tiny.yaml", "--cross_validate", 2)
    assert status == 0, err
    run = newest("meg_contrastive+tiny")
    folds = [Run(run.folder / "folds" / str(k)) for k in (1, 2)]
    pooled = RetrievalResult.load(run.folder / "test" / "test")
    parts = [RetrievalResult.load(fold.folder / "test" / "test") for fold in folds]
    held = [sorted(set(part.candidates.story)) for part in parts]
    assert sorted(sum(held, [])) == ["story0", "story1", "story2", "story3"] and len(held[0]) == 2
    for fold in folds:
        assert fold.read()["validates"] is False and not fold.best.exists()  # nothing needs a validation part
    ranks = np.concatenate([part.ranks["model"] for part in parts])
    np.testing.assert_array_equal(pooled.ranks["model"], ranks)  # each among the candidates of its fold
    scores = json.loads((run.folder / "metrics.json").read_text())["test"]["scores"]
    assert scores["top1"]["model"]["all subjects"]["mean"] == pytest.approx((ranks == 0).mean())
    page = (run.folder / "report.html").read_text()
    assert "held out once, in 2 folds" in page and "folds/2/report.html" in page
    assert out.rstrip().splitlines()[-1].endswith(f"{run.name}/report.html")


@pytest.mark.slow
@pytest.mark.nightly
def test_every_clip_of_fmri_is_decoded_by_a_model_that_has_not_heard_it(here, run_n2s):
    Path("clips.yaml").write_text(yaml.safe_dump(fmri_recipe(here / "study")))
    status, out, err = run_n2s("fit", "--config", "clips.yaml", "--cross_validate", 2)
    assert status == 0, err
    pooled = ClipResult.load(newest("clips").folder / "test" / "test")
    assert sorted(pooled.clips.stimulus.unique()) == [f"tiny/s{i}" for i in range(6)]
    assert len(pooled.target) == 6 * 6 and set(pooled.evaluated.choice.n_candidates) == {18}
    assert pooled.scores().get("identification@2", "model").mean > 0.7


@pytest.mark.slow
def test_an_encoding_recipe_has_all_folds_in_one_run(here, run_n2s):
    Path("scores.yaml").write_text(yaml.safe_dump(encoding_recipe(here / "study")))
    status, out, err = run_n2s("fit", "--config", "scores.yaml", "--cross_validate", 2)
    assert status == 0, err
    run = newest("scores")
    assert run.finished and (run.folder / "report.html").is_file() and not (run.folder / "folds").exists()
    config = yaml.safe_load(run.config.read_text())
    assert config["data"]["init_args"]["n_folds"] == 2 and "cross_validate" not in config
    status, out, err = run_n2s("test", "--config", "scores.yaml", "--cross_validate", 2)
    assert status == 0 and f"{run.name}/report.html" in out, err
    run.update(status=UNFINISHED)
    status, out, err = run_n2s("fit", "--config", "scores.yaml", "--cross_validate", 2, "--fresh")
    assert status == 0 and len(runs_of(Path("checkpoints/scores"))) == 2 and not run.finished, err
