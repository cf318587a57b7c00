"""A lab's own iEEG from its BIDS folder to scores, by the command alone: high-gamma follows the sound where it was made to."""

import numpy as np
import pandas as pd
import pytest
import soundfile
import yaml
from builders import bids_from_raw, story_events
from contacts import CONTACTS, contacts_raw
from recipe_runs import CONFIGS
from scipy import signal as dsp

SFREQ, SECONDS, N_DRIVEN = 400.0, 16.0, 4


def sound(path, seed):
    """Noise whose loudness changes some times a second; its loudness at the rate of the recording is returned."""
    rng = np.random.default_rng(seed)
    knots = rng.normal(size=round(6 * SECONDS) + 1)
    loudness = np.exp(0.8 * np.interp(np.arange(round(8000 * SECONDS)) / 8000, np.arange(len(knots)) / 6, knots))
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.02 * loudness * rng.normal(size=len(loudness)), 8000)
    return loudness[:: round(8000 / SFREQ)]


def write_lab(root):
    """Two people of other contacts, three stories each: the first four contacts follow the loudness 100 ms later."""
    heard = {name: sound(root / "stimuli" / f"{name}.wav", seed) for seed, name in enumerate("abc")}
    sections = dsp.butter(4, [75, 165], btype="bandpass", output="sos", fs=SFREQ)
    for subject in (1, 2):
        names = CONTACTS if subject == 1 else [f"T{name}" for name in CONTACTS]
        for run, (name, loudness) in enumerate(heard.items(), 1):
            rng = np.random.default_rng([subject, run])
            carrier = dsp.sosfiltfilt(sections, rng.normal(size=(len(loudness) + round(2 * SFREQ), len(names))), axis=0)
            first = round(1.1 * SFREQ)
            carrier[first : first + len(loudness), :N_DRIVEN] *= loudness[:, None]
            words = [(f"{name}{i}", i + 0.2, 0.4) for i in range(15)]
            bids_from_raw(
                contacts_raw(20 * carrier, SFREQ, names=names), root, subject=f"0{subject}", run=str(run), datatype="ieeg",
                format="BrainVision", events=story_events(f"{name}.wav", words, onset=1.0),
            )  # fmt: skip


@pytest.mark.slow
def test_from_a_folder_to_scores(tmp_path, monkeypatch, run_n2s):
    monkeypatch.setenv("N2S_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    write_lab(tmp_path / "lab")
    recipes = [CONFIGS / "brain_scores_meg.yaml", CONFIGS / "data_encoding" / "own_ieeg.yaml"]
    small = {"n_permutations": 50, "n_folds": 2, "per_lag": False, "kernels": False, "n_shifts": 1}
    (tmp_path / "small.yaml").write_text(
        yaml.safe_dump(
            {
                "data": {"init_args": {"studies": {"own": {"init_args": {"root": str(tmp_path / "lab")}}}}},
                "model": {"init_args": small},
                "trainer": {
                    "accelerator": "cpu",
                    "logger": False,
                    "enable_progress_bar": False,
                    "enable_model_summary": False,
                },
            }
        )
    )
    words = [word for path in (*recipes, tmp_path / "small.yaml") for word in ("--config", path)]
    for verb in ("fit", "test"):
        status, out, err = run_n2s(verb, *words)
        assert status == 0, err + out
    (found,) = (tmp_path / "checkpoints").rglob("targets.parquet")
    targets = pd.read_parquet(found)
    driven = targets.name.str.startswith(("LA", "TLA"))
    assert len(targets) == 14 and driven.sum() == 2 * N_DRIVEN
    r, shifted = targets["r:model/mel"], targets["r:model (shifted)"]
    assert (r[driven] > 0.6).all() and (np.abs(r[~driven]) < 0.15).all() and (np.abs(shifted) < 0.2).all()
    assert (targets["p:model/mel"][driven] < 0.05).all()
