"""The command on a tiny fMRI study."""

import shutil
from pathlib import Path

import pytest
import yaml
from fmri_runs import AUDIOMAE, DECODER, FBANK, TOKENS


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    """Where the study keeps its sounds."""
    return tmp_path_factory.mktemp("tiny_fmri")


@pytest.fixture
def n2s(tmp_path, monkeypatch, run_n2s, sounds):
    """Run a command with a recipe made of ``study``, ``data``, ``model`` and ``trainer`` options, in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def run(verb, task, *words, study=None, data=None, model=None, trainer=None):
        study = {"root": str(sounds)} | (study or {})
        options = {"lag_s": 2.0, "batch_size": None, "val_fraction": 0.2} | (data or {})
        options["studies"] = {"tiny": {"class_path": "tiny_fmri.TinyFMRI", "init_args": study}}
        options.setdefault("target", {"class_path": "n2s.features.MelStatistics", "init_args": {"n_mels": 4}})
        recipe = {
            "data": {"class_path": "n2s.data.FMRIDataModule", "init_args": options},
            "model": {"class_path": f"n2s.systems.{task}", "init_args": model or {}},
            "trainer": {
                "max_epochs": 1, "accelerator": "cpu", "enable_progress_bar": False, "enable_model_summary": False,
                "log_every_n_steps": 1,
            } | (trainer or {}),
        }  # fmt: skip
        Path(f"{task}.yaml").write_text(yaml.safe_dump(recipe))
        return run_n2s(verb, "--config", f"{task}.yaml", *words)

    return run


@pytest.fixture
def semantic(n2s):
    """The semantic stage, with fewer voxels than there are."""

    def run(verb, *words, model=None, **parts):
        options = {"n_voxels": 6, "alpha": 10.0, "n_folds": 4} | (model or {})
        return n2s(verb, "Semantic", *words, model=options, **parts)

    return run


@pytest.fixture
def fitted(semantic, sounds):
    """A finished semantic run in the folder: fitted once, then copied."""
    kept = sounds / "checkpoints"
    if kept.exists():
        shutil.copytree(kept, "checkpoints")
    else:
        assert semantic("fit")[0] == 0
        shutil.copytree("checkpoints", kept)


@pytest.fixture
def acoustic(n2s):
    """The acoustic stage after it."""

    def run(verb, *words, data=None, model=None, **parts):
        options = {
            "semantic_run": "Semantic",
            "n_voxels": 5,
            "decoder": {"class_path": "n2s.models.AcousticDecoder", "init_args": DECODER},
            "audiomae": {"class_path": "n2s.models.AudioMAE", "init_args": AUDIOMAE},
            "audiomae_lr": 1e-3,
            "optimizer": {"class_path": "torch.optim.AdamW", "init_args": {"lr": 3e-3}},
        } | (model or {})
        given = {"target": TOKENS, "spectrogram": FBANK, "batch_size": 16} | (data or {})
        return n2s(verb, "Acoustic", *words, data=given, model=options, **parts)

    return run
