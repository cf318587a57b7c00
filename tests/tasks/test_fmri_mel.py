"""The baselines to the spectrogram: they learn what can be learnt, and the linear one is scikit-learn's ridge."""

import numpy as np
import pytest
import torch
from daily import some
from fmri_runs import FBANK, newest, scores
from sklearn.linear_model import Ridge
from tiny_fmri import LAG_S, TinyFMRI

from n2s.data import FMRIDataModule
from n2s.features import ClipFbank
from n2s.metrics.spectrogram import unit_decibels
from n2s.systems.clips.result import ClipResult

NETWORKS = {
    "MelMLP": {"hidden": [16]},
    "MelBiLSTM": {"dim": 8, "depth": 1},
    "MelTransformer": {"dim": 8, "depth": 1, "n_heads": 2, "hidden": 8},
}


def mel(n2s, verb, network, **parts):
    model = {
        "network": {"class_path": f"n2s.models.{network}", "init_args": NETWORKS[network]},
        "optimizer": {"class_path": "torch.optim.AdamW", "init_args": {"lr": 1e-2}},
    }
    data = {"target": FBANK, "batch_size": 16}
    return n2s(verb, "Spectrogram", model=model, data=data | parts.pop("data", {}), **parts)


@pytest.mark.slow
@pytest.mark.parametrize("network", some(NETWORKS, "MelTransformer"))
def test_networks_are_fitted_and_tested_by_the_command(n2s, network):
    status, _, err = mel(n2s, "fit", network, trainer={"max_epochs": 12 if network == "MelMLP" else 1})
    assert status == 0, err
    status, out, err = mel(n2s, "test", network)
    assert status == 0 and "PSNR" in out, err  # its column is narrow: "mel" stands above
    found = scores("Spectrogram")
    assert found["mel_pcc"].keys() == {"model", "shuffled", "mean_prediction"} and "ceiling" in found["ceilings"]
    if network == "MelMLP":
        pcc = {row: found["mel_pcc"][row]["mean"] for row in found["mel_pcc"]}
        assert pcc["model"] > pcc["mean_prediction"] + 0.002 and pcc["model"] > pcc["shuffled"] + 0.002
        psnr = {row: found["mel_psnr"][row]["mean"] for row in found["mel_psnr"]}
        assert psnr["model"] > max(psnr["mean_prediction"], psnr["shuffled"]) + 0.5
        assert found["identification"]["2"]["model"]["mean"] > 0.7


@pytest.mark.slow
def test_the_linear_baseline_is_ridge_regression(n2s, sounds):
    parts = {"data": {"target": FBANK}, "model": {"n_voxels": 0, "alpha": 30.0, "out_of_fold": False}}
    assert n2s("fit", "Semantic", **parts)[0] == n2s("test", "Semantic", **parts)[0] == 0
    result = ClipResult.load(newest("Semantic") / "test" / "test")
    feature = ClipFbank(duration_s=1.0)
    data = FMRIDataModule({"tiny": TinyFMRI(sounds)}, feature, lag_s=LAG_S, val_fraction=0.2)
    data.setup("fit")
    for train, test in zip(data.train_dataloader(), data.test_dataloader(), strict=True):
        target = train.target.flatten(1)
        # z-scored targets have no mean: the penalised bias is 0, as scikit-learn's free one
        deviation = torch.where(
            target.std(0) > 0, target.std(0), 1.0
        )  # some bands lie below the tones, and never change
        scaled = (target - target.mean(0)) / deviation
        machine = Ridge(alpha=30.0).fit(train.brain.numpy(), scaled.numpy())
        decoded = torch.from_numpy(machine.predict(test.brain.numpy())) * deviation + target.mean(0)
        expected = unit_decibels(feature.magnitude(decoded.reshape(-1, 128, 128).numpy()))
        rows = data.splits["test"].rows_of(train.brain_index)
        np.testing.assert_allclose(result.mel_predicted[rows].astype(float), expected, atol=2e-3)
    assert "mel_pcc" in scores("Semantic")


def test_another_target_is_refused(n2s):
    status, _, err = mel(n2s, "fit", "MelMLP", data={"target": {"class_path": "n2s.features.MelStatistics"}})
    assert status == 2 and "Spectrogram decodes spectrograms; data.target is MelStatistics" in " ".join(err.split())
