"""Real BOLD through the whole path: what was seen predicts the voxels that scikit-learn says, and other runs' pictures do not."""

import json

import haxby
import nibabel
import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.linear_model import Ridge

from n2s.data import hrf_response


@pytest.fixture(scope="module")
def folder(real_data):
    return real_data / "fmri_nifti" / "haxby"


def recipe(folder, path):
    content = {
        "experiment": "haxby",
        "seed_everything": 0,
        "data": {
            "class_path": "n2s.data.EncodingDataModule",
            "init_args": {
                "studies": {"haxby": {"class_path": "haxby.Haxby", "init_args": {"root": str(folder)}}},
                "features": {"seen": {"class_path": "n2s.features.Ready", "init_args": {"n_features": 8}}},
                "response": {"class_path": "n2s.data.Glover"},
                "n_folds": 12,
                "detrend": "run",
            },
        },
        "model": {
            "class_path": "n2s.systems.BrainScore",
            "init_args": {"alphas": [100.0], "n_shifts": 2, "shift_s": 60.0, "n_permutations": 200},
        },
        "trainer": {"max_epochs": 1, "accelerator": "cpu", "devices": 1, "log_every_n_steps": 1,
                    "num_sanity_val_steps": 0, "enable_progress_bar": False, "logger": False},
    }  # fmt: skip
    path.write_text(yaml.safe_dump(content))
    return path


def without_line(values: np.ndarray) -> np.ndarray:
    """(t, p) less the line that fits each column of a run best: of responses and features alike."""
    line = np.stack([np.ones(len(values)), np.arange(len(values))], 1)
    return values - line @ np.linalg.lstsq(line, values, rcond=None)[0]


def expected(folder) -> np.ndarray:
    """(v,) R of scikit-learn's ridge, each run held out once."""
    study = haxby.Haxby(folder)
    runs, X, Y = [], [], []
    for number, recording in enumerate(study.recordings()):
        data = without_line(study.load(recording).data.astype(float))
        Y.append(data / np.where(data.std(0) > 0, data.std(0), 1))
        seen = study.features(f"run{recording.run}")
        X.append(without_line(hrf_response(seen.values, seen.rate_hz, 0.0, haxby.TR_S, len(data))))
        runs.append(np.full(len(data), number))
    X, Y, run = np.concatenate(X), np.concatenate(Y), np.concatenate(runs)
    predicted = np.zeros_like(Y)
    for one in np.unique(run):
        train, test = run != one, run == one
        mean, deviation = X[train].mean(0), X[train].std(0)
        found = Ridge(100.0).fit((X[train] - mean) / deviation, Y[train]).predict((X[test] - mean) / deviation)
        found = found - found.mean(0)
        predicted[test] = found / np.where(found.std(0) > 0, found.std(0), 1)
    return np.array([np.corrcoef(*pair)[0, 1] for pair in zip(predicted.T, Y.T, strict=True)])


@pytest.mark.slow
def test_the_whole_path(folder, tmp_path, monkeypatch, run_n2s):
    monkeypatch.chdir(tmp_path)
    for verb in ("fit", "test"):
        status, out, err = run_n2s(verb, "--config", recipe(folder, tmp_path / "haxby.yaml"))
        assert status == 0, err + out
    (run,) = (tmp_path / "checkpoints" / "haxby").iterdir()
    targets = pd.read_parquet(run / "test" / "test" / "targets.parquet")
    assert len(targets) == 530  # all voxels of the mask
    r, by_hand = targets["r:model/seen"].to_numpy(), expected(folder)
    np.testing.assert_allclose(r, by_hand, atol=2e-4)
    assert r.max() > 0.5
    shifted = targets["r:model (shifted)"]
    assert shifted.abs().max() < 0.2
    assert json.loads((run / "metrics.json").read_text())["test"]["settings"]["n_folds"] == [12, 12]
    written = nibabel.load(run / "test" / "test" / "maps" / "sub-01_stat-r_statmap.nii.gz")
    mask = nibabel.load(folder / "mask.nii.gz")
    assert np.allclose(written.affine, mask.affine)
    values = np.asarray(written.dataobj)[np.asarray(mask.dataobj) != 0].reshape(530, -1)
    assert np.abs(values - r[:, None]).max(0).min() < 1e-6  # one of the maps is R
