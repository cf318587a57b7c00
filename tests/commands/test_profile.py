"""`n2s profile`: its numbers against computation by hand, what is kept, and what it refuses."""

import json
from pathlib import Path

import pytest
import torch
import yaml
from fmri_runs import AUDIOMAE, DECODER, FBANK

from n2s.models import BrainEncoder
from n2s.profiling.clock import BACKWARD

ENCODER = {"n_virtual": 8, "n_fourier": 32, "hidden": 8, "depth": 2}
RECIPE = Path(__file__).parents[2] / "configs" / "meg_contrastive.yaml"


@pytest.fixture
def profile(tmp_path, monkeypatch, run_n2s):
    """Profile the MEG recipe on the tiny study; gives status, output, errors and the numbers."""
    monkeypatch.chdir(tmp_path)
    study = {"class_path": "tiny.TinyStudy", "init_args": {"root": str(tmp_path / "study")}}
    data = {
        "studies": {"tiny": study},
        "target": {"class_path": "n2s.features.Ready", "init_args": {"n_features": 4}},
        "preprocessing": {"class_path": "n2s.data.Preprocessing", "init_args": {"sfreq": 50.0, "picks": ["eeg"]}},
        "split": {"class_path": "n2s.data.SplitByStory", "init_args": {"val": ["story2"], "test": ["story3"]}},
        "train_windows": {"class_path": "n2s.data.Grid", "init_args": {"step_s": 3.0}},
        "batch_size": 8,
        "n_jobs": 1,
    }
    Path("data.yaml").write_text(yaml.safe_dump({"class_path": "n2s.data.MEGDataModule", "init_args": data}))
    model = {"encoder": {"init_args": ENCODER | {"spatial_dropout": 0.2}}, "target_encoder": None}
    more = {"model": {"init_args": model}, "trainer": {"accelerator": "cpu"}}
    Path("more.yaml").write_text(yaml.safe_dump(more))

    def run(*words):
        given = ["--config", RECIPE, "--config", "more.yaml", "--data", "data.yaml", "--steps", "3", "--warmup", "1"]
        status, out, err = run_n2s("profile", *given, "--out", "profile.json", *words)
        return status, out, err, json.loads(Path("profile.json").read_text()) if status == 0 else None

    return run


@pytest.mark.slow
def test_numbers_are_those_of_the_recipe(profile):
    status, out, err, found = profile()
    assert status == 0, err
    assert found["windows_per_step"] == 8
    assert found["windows_per_s"] == pytest.approx(8 / found["step_s"])
    parts_s = found["parts_s"]
    assert sum(parts_s.values()) == pytest.approx(found["parts_step_s"]) and min(parts_s.values()) >= 0
    assert parts_s["backward"] > parts_s["transfer"]
    encoder = BrainEncoder(2, 4, **ENCODER)
    n = sum(one.numel() for one in encoder.parameters())
    assert found["memory"]["parameters"] == found["memory"]["gradients"] == 4 * n
    steps_kept = 4 * len(list(encoder.parameters()))
    assert found["memory"]["optimizer state"] == 2 * 4 * n + steps_kept  # AdamW: two moments, and a count each
    # operations of what can be written down: 2 per multiplication and addition
    b, t, parts = 8, 142, found["operations_of_parts"]
    assert parts["forward: encoder.initial"] == 2 * b * t * 8 * 8
    assert parts["forward: encoder.head"] == 2 * b * t * (8 * 16 + 16 * 4)
    assert parts["forward: encoder.convs"] == 2 * b * t * 3 * (8 * 8 + 8 * 8 + 8 * 16)
    assert parts["forward: loss"] == 2 * b * b * 4 * t
    assert found["operations"] == sum(parts.values()) and parts[BACKWARD] > parts["forward: encoder.convs"]
    assert 0 < found["utilisation"] < 1 and 0 < found["data_wait_share"] < 1
    for name in ("encoder.attention", "loss", "backward", "optimizer", "data wait", "windows/s", "GFLOP"):
        assert name in out
    assert not Path("checkpoints").exists()  # nothing is kept


@pytest.mark.slow
def test_a_step_waits_for_nothing(profile):
    _, _, _, found = profile()
    # that the subjects are known is checked only where it costs nothing: on the CPU
    assert all(place.startswith("n2s/models/subject_layer.py") for place in found["host_waits"]), found["host_waits"]


@pytest.mark.slow
@pytest.mark.nightly
def test_the_fmri_steps_wait_for_nothing(tmp_path, monkeypatch, run_n2s):
    monkeypatch.chdir(tmp_path)
    target = {
        "class_path": "n2s.features.UntrainedAudioMAETokens",
        "init_args": {"duration_s": 1.0, "dim": 16, "depth": 1},
    }
    data = {
        "studies": {"tiny": {"class_path": "tiny_fmri.TinyFMRI", "init_args": {"root": str(tmp_path), "n_subjects": 1}}},
        "target": target, "spectrogram": FBANK, "lag_s": 2.0, "val_fraction": 0.2, "subjects": ["01"],
    }  # fmt: skip
    small = {"channels": [8, 8, 8, 8], "autoencoder_steps": 2}
    stages = {
        "Semantic": ({"n_voxels": 6, "alpha": 10.0, "n_folds": 4}, {}),
        "Acoustic": (
            {
                "semantic_run": "Semantic", "n_voxels": 5, "audiomae_lr": 1e-3,
                "decoder": {"class_path": "n2s.models.AcousticDecoder", "init_args": DECODER},
                "audiomae": {"class_path": "n2s.models.AudioMAE", "init_args": AUDIOMAE},
            },
            {"batch_size": 16},
        ),
        "BrainAudio": (
            {
                "acoustic_run": "Acoustic",
                "generator": {"class_path": "n2s.models.sound_generator.SmallAudioLDM2", "init_args": small},
            },
            {"batch_size": 16},
        ),
    }  # fmt: skip
    trainer = {"max_epochs": 1, "accelerator": "cpu", "enable_progress_bar": False, "enable_model_summary": False}
    for task, (model, more) in stages.items():
        recipe = {
            "data": {"class_path": "n2s.data.FMRIDataModule", "init_args": data | more},
            "model": {"class_path": f"n2s.systems.{task}", "init_args": model},
            "trainer": trainer,
        }
        if task == "Semantic":
            recipe["data"]["init_args"] |= {
                "target": {"class_path": "n2s.features.MelStatistics", "init_args": {"n_mels": 4}}
            }
        Path(f"{task}.yaml").write_text(yaml.safe_dump(recipe))
        words = ("--config", f"{task}.yaml", "--steps", 2, "--warmup", 1, "--out", "profile.json")
        status, out, err = run_n2s("profile", *words)
        if task == "Semantic":
            assert status == 2 and "closed form" in err
        else:
            assert status == 0, err
            found = json.loads(Path("profile.json").read_text())
            assert found["host_waits"] == {} and "clips/s" in out
        if task != "BrainAudio":
            status, _, err = run_n2s("fit", "--config", f"{task}.yaml")
            assert status == 0, err


class Tight(BrainEncoder):
    """A network that a GPU's memory holds with 20 windows at most."""

    def forward(self, brain, *others):
        if len(brain) > 20:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return super().forward(brain, *others)


@pytest.mark.slow
def test_the_largest_batch_is_found(profile):
    words = ["--model.encoder", "test_profile.Tight", "--largest_batch", "true", "--data.batch_size", "12"]
    words += ["--data.train_windows.step_s", "0.5"]  # 220 windows: 11 batches of 20
    status, out, err, found = profile(*words)
    assert status == 0, err
    assert found["largest_batch"] == 19  # 20 less the tuner's margin of 5%
    assert found["windows_per_step"] <= 19 and "largest batch that fits: 19" in out
    assert not Path("checkpoints").exists()  # where the tuner kept the model meanwhile


@pytest.mark.slow
def test_a_compiled_encoder_is_one_part_and_computes_the_same(profile):
    _, _, _, eager = profile()
    callback = {"class_path": "n2s.training.Compile", "init_args": {"networks": ["encoder.head"]}}
    Path("compiled.yaml").write_text(yaml.safe_dump({"trainer": {"callbacks": [callback]}}))
    status, out, err, found = profile("--config", "compiled.yaml")
    assert status == 0, err
    assert found["setting"]["compiled"] == ["encoder.head"] and "compiled: encoder.head" in out
    assert found["operations"] == eager["operations"] and found["parts_s"]["forward: encoder.head"] > 0
    assert (
        profile(
            "--trainer.callbacks", '[{"class_path": "n2s.training.Compile", "init_args": {"networks": ["encode"]}}]'
        )[0]
        == 2
    )


@pytest.mark.slow
def test_what_is_refused(profile):
    status, _, err, _ = profile("--warmup", "0")
    assert status == 2 and "expected 1 or more" in err
    status, _, err, _ = profile("--trainer.limit_train_batches", "0")
    assert status == 2 and "no training batch" in err
