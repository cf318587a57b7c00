"""Every task in bfloat16: ``--trainer.precision bf16-mixed`` gives the losses of float32, and what is tested and written."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from fmri_runs import newest

from n2s.models.fitted_ridge import FittedRidge
from n2s.models.voxel_ridge import VoxelRidge
from n2s.systems.clips.decoder import Decoded

BF16 = ("--trainer.precision", "bf16-mixed")
AUDIO = {
    "acoustic_run": "Acoustic",
    "generator": {
        "class_path": "n2s.models.sound_generator.SmallAudioLDM2",
        "init_args": {"channels": [8, 8, 8, 8], "autoencoder_steps": 3},
    },
    "sounds": {
        "sampler": {"class_path": "n2s.models.diffusion.DPMSolver", "init_args": {"n_steps": 2, "guidance": 2.0}},
        "page_clips": 3,
    },
}


def losses(experiment):
    """The columns of the newest run's losses, without how fast it was."""
    with open(newest(experiment) / "metrics.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    names = [name for name in rows[0] if "loss" in name]
    return {name: np.array([float(row[name]) for row in rows if row[name]]) for name in names}


def compared(run, experiment, *words):
    """Fit in both precisions with one seed; the losses of both."""
    found = []
    for precision in ((), BF16):
        status, _, err = run("fit", *words, "--fresh", *precision)
        assert status == 0, err
        found.append(losses(experiment))
    return found


def assert_close(one, other, rtol):
    assert one.keys() == other.keys() and "train/loss" in one and "val/loss" in one
    for name in one:
        np.testing.assert_allclose(other[name], one[name], rtol=rtol, err_msg=name)


@pytest.mark.slow
def test_contrastive(tmp_path, monkeypatch, run_n2s):
    monkeypatch.chdir(tmp_path)
    data = {
        "studies": {"tiny": {"class_path": "tiny.TinyStudy", "init_args": {"root": str(tmp_path / "study")}}},
        "target": {"class_path": "n2s.features.Ready", "init_args": {"n_features": 4}},
        "preprocessing": {"class_path": "n2s.data.Preprocessing", "init_args": {"sfreq": 50.0, "picks": ["eeg"]}},
        "split": {"class_path": "n2s.data.SplitByStory", "init_args": {"val": ["story2"], "test": ["story3"]}},
        "train_windows": {"class_path": "n2s.data.Grid", "init_args": {"step_s": 3.0}},
        "batch_size": 8,
        "n_jobs": 1,
    }
    encoder = {"n_virtual": 16, "n_fourier": 32, "hidden": 16, "depth": 3}
    recipe = {
        "data": {"class_path": "n2s.data.MEGDataModule", "init_args": data},
        "model": {
            "class_path": "n2s.systems.Contrastive",
            "init_args": {"encoder": {"class_path": "n2s.models.BrainEncoder", "init_args": encoder}},
        },
        "trainer": {"max_epochs": 1, "accelerator": "cpu", "enable_progress_bar": False, "logger": False},
    }
    Path("meg.yaml").write_text(yaml.safe_dump(recipe))
    exact, half = compared(lambda verb, *words: run_n2s(verb, "--config", "meg.yaml", *words), "meg")
    assert_close(exact, half, rtol=0.01)
    assert any(not np.array_equal(exact[name], half[name]) for name in exact)  # it was bfloat16
    status, _, err = run_n2s("test", "--config", "meg.yaml", *BF16)
    assert status == 0, err
    assert 0 < json.loads((newest("meg") / "metrics.json").read_text())["test"]["model"]["top10"]["mean"] <= 1


@pytest.mark.slow
def test_a_ridge_is_solved_in_float32(semantic):
    exact, half = compared(semantic, "Semantic")
    assert_close(exact, half, rtol=0)


@pytest.mark.slow
@pytest.mark.nightly
def test_acoustic_then_sound(fitted, acoustic, n2s):
    exact, half = compared(lambda *words: acoustic(*words, data={"subjects": ["01"]}), "Acoustic")
    assert_close(exact, half, rtol=0.01)
    given = yaml.safe_load(Path("Acoustic.yaml").read_text())["data"]["init_args"]

    def audio(verb, *words):
        return n2s(verb, "BrainAudio", *words, data=given, model=AUDIO)

    exact, half = compared(audio, "BrainAudio")
    assert_close(exact, half, rtol=0.02)


@pytest.mark.slow
@pytest.mark.nightly
def test_mel(n2s):
    network = {"class_path": "n2s.models.MelMLP", "init_args": {"hidden": [16]}}
    target = {"class_path": "n2s.features.ClipFbank", "init_args": {"duration_s": 1.0}}

    def mel(verb, *words):
        return n2s(verb, "Spectrogram", *words, data={"target": target, "batch_size": 16}, model={"network": network})

    exact, half = compared(mel, "Spectrogram")
    assert_close(exact, half, rtol=0.01)
    status, _, err = mel("test", *BF16)
    assert status == 0, err


def test_what_is_decoded_in_bfloat16_can_be_written():
    row, values = torch.arange(3), torch.randn(3, 4).bfloat16()
    decoded = Decoded(row, values, None, values).cpu()
    assert decoded.row.dtype == torch.int64 and decoded.spectrogram is None
    np.testing.assert_array_equal(decoded.feature.numpy(), values.float().numpy())


def test_a_fitted_ridge_predicts_in_float32_under_autocast():
    torch.manual_seed(0)
    x, y = torch.randn(30, 8), torch.randn(30, 3)
    ridge = FittedRidge()
    ridge.voxel_mean = ridge.voxel_deviation = torch.ones(8)
    ridge.keep(VoxelRidge(4, 1.0).fit(x, y), torch.zeros(3), torch.ones(3))
    exact = ridge(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert (x @ y.new_zeros(8, 3)).dtype == torch.bfloat16
        assert torch.equal(ridge(x), exact)
