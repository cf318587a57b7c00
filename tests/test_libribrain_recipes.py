"""The recipes of LibriBrain's competitions: their published numbers, and a run of each in miniature, from training to the file that is handed in."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from recipe_data import write_libribrain_events
from recipe_runs import CONFIGS, STEP, step_and_test

from n2s.data import Arpabet
from n2s.models import MEGConformer
from n2s.studies.public.libribrain_words import WORDS

PAPER = CONFIGS / "paper"
#: A layer in place of 7 or 16, 12 sensors in place of 306; a few words in place of hours.
SMALL = {"model__network__n_channels": 12, "model__network__depth": 1, "data__batch_size": 8, "data__least_windows": 1, "model__n_permutations": 20}  # fmt: skip


def read(path: str) -> dict:
    return yaml.safe_load((PAPER / path).read_text())


def test_the_published_numbers():
    for name, published in {"libribrain2025/phoneme.yaml": 9_502_939, "libribrain2025/speech.yaml": 7_815_745}.items():
        recipe = read(name)
        model, data = recipe["model"]["init_args"], recipe["data"]["init_args"]
        n_classes = 39 if "phoneme" in name else 1
        network = MEGConformer(n_classes=n_classes, **model["network"]["init_args"])
        assert sum(one.numel() for one in network.parameters()) == published
        assert model["optimizer"]["init_args"] == {"lr": 1e-4, "weight_decay": 0.05}
        assert model["optimizer"]["class_path"] == "torch.optim.AdamW" and data["batch_size"] == 256
        assert recipe["trainer"]["max_epochs"] == 100 and data["preprocessing"]["init_args"]["sfreq"] == 250
        for callback in recipe["trainer"]["callbacks"]:
            assert (
                callback["init_args"]["monitor"] == "val/f1_macro" and callback["init_args"].get("patience", 10) == 10
            )
    phones, speech = (read(f"libribrain2025/{name}.yaml") for name in ("phoneme", "speech"))
    assert phones["data"]["init_args"]["average"] == 100 and phones["model"]["init_args"]["weights"] == "inverse_sqrt"
    assert "augment" not in phones["model"]["init_args"] and phones["data"]["init_args"]["window_s"] == 0.5
    frames, model = speech["data"]["init_args"]["windows"]["init_args"], speech["model"]["init_args"]
    assert (frames["step_s"] * 250, frames["test_step_s"] * 250, speech["data"]["init_args"]["window_s"]) == (
        60,
        1,
        2.5,
    )
    assert (model["label_smoothing"], model["min_run_s"] * 250, model["weights"]) == (0.1, 100, "none")
    augment = model["augment"]["init_args"]
    assert (augment["n_time_masks"], augment["time_mask_s"] * 250, augment["band_probability"]) == (2, 180, 0.4)


def test_the_words_are_those_of_the_competition_in_its_order():
    recipe = read("libribrain2026/words.yaml")
    assert tuple(recipe["data"]["init_args"]["windows"]["init_args"]["classes"]["init_args"]["classes"]) == WORDS
    assert recipe["model"]["init_args"]["top_k"] == 10


@pytest.fixture
def run(tmp_path, monkeypatch, run_n2s):
    """Fit and test a recipe, classify a holdout, and give the scores, the submission and the network's own probabilities."""
    write_libribrain_events(tmp_path / "data" / "libribrain")
    monkeypatch.setenv("N2S_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)

    def through(recipe: str, holdout: str, *, name: str = "submission.csv", verbs=("fit", "test"), **changes):
        changes = SMALL | changes
        scores = step_and_test(run_n2s, Path("paper") / recipe, verbs=verbs, **changes)
        options = STEP | {key.replace("__", "."): value for key, value in changes.items()}
        options |= {"data.holdout": f"n2s.studies.{holdout}", "data.holdout.root": "libribrain_holdout"}
        if "Word" not in holdout:
            options["data.holdout.n_rows"] = "null"
        words = [word for key, value in options.items() for word in (f"--{key}", value)]
        status, out, err = run_n2s("predict", "--config", PAPER / recipe, *words)
        assert status == 0, err + out
        (path,) = tmp_path.glob(f"checkpoints/*/*/predictions/{name}")
        assert str(path) in out.replace("\n", "")
        return scores, pd.read_csv(path)

    return through


@pytest.mark.slow
def test_phones_from_training_to_the_submission(run, tmp_path):
    scores, table = run("libribrain2025/phoneme.yaml", "LibriBrainPhoneHoldout", data__average=2)
    assert 0 <= scores["scores"]["f1_macro"]["model"]["all subjects"]["mean"] < 0.3  # noise
    assert len(table) == 30 and table.shape[1] == 40
    written = table.to_numpy()[:, 1:]
    (checkpoint,) = tmp_path.glob("checkpoints/*/*/best.ckpt")
    state = torch.load(checkpoint, weights_only=False)["state_dict"]
    network = MEGConformer(12, n_classes=39, **{key: value for key, value in read("libribrain2025/phoneme.yaml")["model"]["init_args"]["network"]["init_args"].items() if key not in ("n_channels", "depth")}, depth=1)  # fmt: skip
    network.load_state_dict(
        {key.removeprefix("network."): value for key, value in state.items() if key.startswith("network.")}
    )
    path = next((tmp_path / "data" / "libribrain_holdout").rglob("*.pt"))
    with torch.no_grad():
        own = network.eval()(torch.load(path, weights_only=True) / 1.349).softmax(1).numpy()
    assert np.abs(written - own).max() < 1e-4 and np.ptp(own, axis=0).max() > 1e-3
    assert tuple(Arpabet().names) == tuple(sorted(Arpabet().names))


@pytest.mark.slow
@pytest.mark.nightly
def test_two_seeds_vote_and_their_votes_are_handed_in(run, run_n2s):
    changes = {"data__average": 2, "verbs": ("fit",)}
    one = run("libribrain2025/phoneme.yaml", "LibriBrainPhoneHoldout", **changes)[1].to_numpy()[:, 1:]
    options = STEP | {key.replace("__", "."): value for key, value in (SMALL | {"data__average": 2}).items()}
    words = [word for key, value in options.items() for word in (f"--{key}", value)]
    status, out, err = run_n2s("fit", "--config", PAPER / "libribrain2025/phoneme.yaml", *words, "--seed_everything", 1)
    assert status == 0, err + out
    both = [PAPER / "libribrain2025" / f"{name}.yaml" for name in ("phoneme", "phoneme_vote")]
    options = {key: value for key, value in options.items() if not key.startswith("model.network")}
    words = [word for path in both for word in ("--config", path)]
    words += [word for key, value in options.items() for word in (f"--{key}", value)]
    holdout = ["--data.holdout", "n2s.studies.LibriBrainPhoneHoldout", "--data.holdout.root", "libribrain_holdout"]
    for verb, more in (("fit", []), ("predict", [*holdout, "--data.holdout.n_rows", "null"])):
        status, out, err = run_n2s(verb, *words, *more)
        assert status == 0, err + out
    (path,) = Path("checkpoints").glob("libribrain2025_phoneme_vote/*/predictions/submission.csv")
    voted = pd.read_csv(path).to_numpy()[:, 1:]
    assert set(np.unique(voted)) <= {0.0, 0.5, 1.0} and (voted.sum(1) == 1).all()
    assert (voted[np.arange(30), one.argmax(1)] >= 0.5).all()  # one of the two said that


@pytest.mark.slow
@pytest.mark.nightly
def test_speech_from_training_to_the_submission(run):
    seldom = {"data__windows__test_step_s": 2.0}  # in place of every sample
    _, table = run("libribrain2025/speech.yaml", "LibriBrainSpeechHoldout", **seldom)
    assert list(table) == ["idx", "speech_prob"] and len(table) == 750
    inside = table.speech_prob.to_numpy()
    assert not inside[:312].any() and not inside[-312:].any() and inside.min() >= 0 and inside.max() <= 1


@pytest.mark.slow
@pytest.mark.nightly
def test_words_from_training_to_the_submission(run):
    scores, table = run("libribrain2026/words.yaml", "LibriBrainWordHoldout", name="submission_deep.csv")
    found = scores["scores"]["top_k_balanced"]
    assert abs(found["permuted"]["all subjects"]["mean"] - 0.2) < 0.1 and "duration and pause only" in found
    assert found["commonest"]["all subjects"]["mean"] == pytest.approx(0.2)
    assert list(table)[:3] == ["index", "is", "the"] and table.shape == (8, 51)
    assert np.allclose(table.to_numpy()[:, 1:].sum(1), 1, atol=1e-4)
