"""From MEG to sound: windows as clips, the network over them, and the three stages by the command, with their controls."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
import yaml
from fmri_runs import AUDIOMAE, DECODER, TOKENS, newest, scores
from heard import HeardStudy
from torch import nn

import n2s as package
from n2s.data import Grid, MEGDataModule, Preprocessing, SplitByStory
from n2s.errors import UserError
from n2s.features import ClipFbank, Mel, UntrainedAudioMAETokens
from n2s.listening.manifest import read_manifest
from n2s.models import AcousticDecoder, AudioMAE
from n2s.models.meg_to_sound import MEGToSound
from n2s.systems import Acoustic
from n2s.systems.clips.result import ClipResult

pytestmark = pytest.mark.slow

STUDY = {"n_subjects": 2, "n_stories": 4, "story_s": 9.0, "gain": 2.0}
SPLIT = {"class_path": "n2s.data.SplitByStory", "init_args": {"test": ["story3"], "val": ["story2"]}}
ENCODER = {"n_virtual": 8, "n_fourier": 32, "hidden": 16, "depth": 2}


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    """Where the study keeps its sounds, and finished stages."""
    return tmp_path_factory.mktemp("heard")


@pytest.fixture(scope="module")
def clips(sounds):
    """Windows of 1 s of the study."""
    data = MEGDataModule(
        {"heard": HeardStudy(sounds / "study", **STUDY)}, UntrainedAudioMAETokens(**TOKENS["init_args"]),
        preprocessing=Preprocessing(sfreq=50.0, picks=["eeg"]), split=SplitByStory(test=["story3"], val=["story2"]), window_s=1.1,
        offset_s=0.1, baseline_s=0.0, train_windows=Grid(0.5), test_windows=Grid(0.9), batch_size=16, n_jobs=1,
    )  # fmt: skip
    data.setup("fit")
    return data


@pytest.fixture
def n2s(tmp_path, monkeypatch, run_n2s, sounds):
    """Run a stage by the command, in a folder of its own: verb, task, more words."""
    monkeypatch.chdir(tmp_path)

    def run(verb, task, *words, data=None, model=None, epochs=1):
        options = {
            "studies": {"heard": {"class_path": "heard.HeardStudy",
                                  "init_args": {"root": str(sounds / "study")} | STUDY}},
            "target": TOKENS, "preprocessing": {"class_path": "n2s.data.Preprocessing", "init_args": {"sfreq": 50.0, "picks": ["eeg"]}},
            "split": SPLIT, "window_s": 1.1, "offset_s": 0.1, "baseline_s": 0.0, "batch_size": 16, "n_jobs": 1,
            "train_windows": {"class_path": "n2s.data.Grid", "init_args": {"step_s": 0.5}},
            "test_windows": {"class_path": "n2s.data.Grid", "init_args": {"step_s": 0.9}},
        } | (data or {})  # fmt: skip
        recipe = {
            "data": {"class_path": "n2s.data.MEGDataModule", "init_args": options},
            "model": {"class_path": f"n2s.systems.{task}", "init_args": model or {}},
            "trainer": {"max_epochs": epochs, "accelerator": "cpu", "enable_progress_bar": False,
                        "enable_model_summary": False, "log_every_n_steps": 1},
        }  # fmt: skip
        Path(f"{task}.yaml").write_text(yaml.safe_dump(recipe))
        return run_n2s(verb, "--config", f"{task}.yaml", *words)

    return run


@pytest.fixture
def contrastive(n2s, sounds):
    """A finished run of the MEG encoder in the folder: fitted once, then copied."""
    kept = sounds / "Contrastive"
    if not kept.exists():
        target = {"class_path": "n2s.features.Mel", "init_args": {"n_mels": 8, "n_fft": 512, "hop": 320}}
        model = {"encoder": {"class_path": "n2s.models.BrainEncoder", "init_args": ENCODER},
                 "optimizer": {"class_path": "torch.optim.Adam", "init_args": {"lr": 3e-3}}}  # fmt: skip
        status, _, err = n2s("fit", "Contrastive", data={"target": target}, model=model, epochs=5)
        assert status == 0, err
        shutil.copytree("checkpoints/Contrastive", kept)
    elif not Path("checkpoints/Contrastive").exists():
        shutil.copytree(kept, "checkpoints/Contrastive")


@pytest.fixture
def acoustic(n2s):
    """The acoustic stage after it."""

    def run(verb, *words, model=None, **parts):
        options = {
            "encoder_run": "Contrastive",
            "decoder": {"class_path": "n2s.models.AcousticDecoder", "init_args": DECODER},
            "audiomae": {"class_path": "n2s.models.AudioMAE", "init_args": AUDIOMAE},
            "audiomae_lr": 1e-3,
            "optimizer": {"class_path": "torch.optim.AdamW", "init_args": {"lr": 5e-3}},
        } | (model or {})
        return n2s(verb, "Acoustic", *words, model=options, **parts)

    return run


@pytest.fixture
def decoded(contrastive, acoustic, sounds):
    """A finished acoustic run in the folder: fitted once, then copied."""
    kept = sounds / "Acoustic"
    if not kept.exists():
        status, _, err = acoustic("fit", epochs=5)
        assert status == 0, err
        shutil.copytree("checkpoints/Acoustic", kept)
    elif not Path("checkpoints/Acoustic").exists():
        shutil.copytree(kept, "checkpoints/Acoustic")


# -- windows as clips ------------------------------------------------------------------------------------------------


def test_each_window_is_a_response_to_the_clip_that_was_heard_in_it(clips):
    data = clips
    for split in ("train", "test"):
        table = clips.splits[split].table
        assert len(table) == len(data.windows[split]) and set(table.subject) == {"heard/01", "heard/02"}
        rows = np.array([3, len(table) - 1, 0])
        batch = clips.batch(split, rows)
        assert batch.row.tolist() == rows.tolist() and batch.brain.shape == (3, 8, 50)
        for place, row in enumerate(table.iloc[rows].itertuples()):
            stimulus, start = data.stimuli[row.stimulus], np.array([row.start_s])
            true = data.target.extract(stimulus, start, 1.0)[0].reshape(64, 16)
            _, deviation = (value.reshape(64, 16) for value in clips.train_moments("target"))
            assert (np.abs(batch.target[place].numpy() - true) < 2e-3 * deviation + 1e-5).mean() > 0.99
            mel = ClipFbank(duration_s=1.0).extract(stimulus, start, 1.0)[0].reshape(128, 128)
            np.testing.assert_allclose(batch.spectrogram[place], mel, atol=2e-3)
        # the brain, and whose it is, are those of the datamodule's own batch
        own = next(iter(data.test_dataloader() if split == "test" else data.train_dataloader()))
        again = clips.clips(own)
        rows = own.row.numpy()
        torch.testing.assert_close(again.brain, clips.batch(split, rows).brain)
        assert [f"heard/{1 + index:02d}" for index in again.inputs[2].tolist()] == table.subject.iloc[rows].tolist()
    # a clip that both heard has one number, and none is on two sides
    numbers = {split: part.table.clip_index for split, part in clips.splits.items()}
    assert all((counts == 2).all() for counts in (numbers[split].value_counts() for split in numbers))
    assert not set(numbers["train"]) & (set(numbers["val"]) | set(numbers["test"]))


def test_moments_are_of_training_clips_and_undo_the_scaling(clips):
    rows = clips.splits["train"].table.drop_duplicates("clip_index")
    target = clips.targets(rows.clip_index.to_numpy()).reshape(len(rows), -1)
    mean, deviation = clips.train_moments("target")
    np.testing.assert_allclose(mean, target.mean(0), atol=1e-3)
    np.testing.assert_allclose(deviation, target.std(0), rtol=1e-2, atol=1e-3)
    mels = clips.spectrograms(rows.clip_index.to_numpy()).reshape(len(rows), -1)
    np.testing.assert_allclose(clips.train_moments("spectrogram")[0], mels.mean(0), atol=1e-3)


def test_what_cannot_be_decoded_is_refused(sounds, acoustic, contrastive, n2s):
    data = MEGDataModule({"heard": HeardStudy(sounds / "study", **STUDY)}, Mel(n_mels=4))
    with pytest.raises(UserError, match="data.target is Mel. Set n2s.features.AudioMAETokens with duration_s 2.85"):
        data.check_clips()
    for data, message in (
        ({"preprocessing": {"class_path": "n2s.data.Preprocessing", "init_args": {"sfreq": 50.0, "picks": ["eeg"], "highpass_hz": 1.0}}},
         "other settings of data.preprocessing.init_args.highpass_hz"),
        ({"split": {"class_path": "n2s.data.SplitByStory", "init_args": {"test": ["story2"], "val": ["story3"]}}},
         "other settings of data.split"),
        ({"target": {"class_path": "n2s.features.UntrainedAudioMAETokens", "init_args": {"duration_s": 1.0}}},
         "tokens of 48 numbers, but model.decoder.dim is 16 and model.audiomae.dim is 16"),
        ({"per_dimension": False}, "leave data.per_dimension true"),
    ):  # fmt: skip
        status, _, err = acoustic("fit", data=data)
        assert status == 2 and message in " ".join(err.split()), err
    assert not list(Path("checkpoints").glob("Acoustic/*/*.ckpt"))
    status, _, err = acoustic("fit", model={"encoder_run": "elsewhere"})
    assert status == 2 and "model.encoder_run: no trained run at elsewhere" in " ".join(err.split())


# -- the network -----------------------------------------------------------------------------------------------------


class Through(nn.Module):
    """An encoder that gives what it is given."""

    def __init__(self):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(()))
        self.drop = nn.Dropout(0.5)

    def forward(self, brain, *others):
        return self.drop(self.gain * brain)


@pytest.fixture
def network():
    torch.manual_seed(0)
    moments = {"mean": torch.randn(64, 16), "deviation": torch.rand(64, 16)}
    parts = {"decoder": AcousticDecoder(**DECODER), "audiomae": AudioMAE(**AUDIOMAE)}
    return MEGToSound(Through(), 3, 7, **moments, **parts), parts


def test_what_the_brain_says_of_a_time_goes_straight_to_the_patches_of_that_time(network):
    network = network[0].eval()
    brain = torch.randn(2, 3, 50)
    other = brain.clone()
    other[:, :, 21:28] += 1  # the fourth of eight stretches of 7 samples
    nn.init.zeros_(network.decoder.transformer.decoder.norm.weight)  # the Transformer says nothing
    nn.init.zeros_(network.decoder.transformer.decoder.norm.bias)
    changed = (network(brain) != network(other)).any(2)
    assert changed.shape == (2, 64) and changed[:, 24:32].all() and changed.sum() == 16
    said = brain[:, :, 21:28].flatten(1) @ network.tokens.stretches.weight.flatten(1).T + network.tokens.stretches.bias
    here = (said @ network.same_time.weight.T + network.same_time.bias).reshape(2, 8, 16)
    expected = network.mean[24:32] + network.deviation[24:32] * here
    torch.testing.assert_close(network(brain)[:, 24:32], expected)


def test_a_frozen_encoder_stays_as_it_is_and_a_blank_network_takes_the_state(network):
    network, parts = network
    assert network.train().tokens.encoder.training
    network.tokens.encoder.requires_grad_(False)
    assert not network.train().tokens.encoder.training and network.tokens.training
    again = MEGToSound.blank(Through(), network.state_dict(), **parts)
    again.load_state_dict(network.state_dict())
    brain = torch.randn(2, 3, 50)
    torch.testing.assert_close(again.eval()(brain), network.eval()(brain))


# -- by the command --------------------------------------------------------------------------------------------------


def test_tokens_are_decoded_from_meg_and_scored_beside_controls(decoded, acoustic):
    shutil.rmtree("checkpoints/Contrastive")  # a test needs nothing of it
    status, out, err = acoustic("test")
    assert status == 0 and "mel" in out, err
    run, found = newest("Acoustic"), scores("Acoustic")
    assert (run / "report.html").stat().st_size > 0
    assert found["n_clips"] == 18 and found["n_candidates"] == 9 and set(found["subjects"]) == {"heard/01", "heard/02"}
    result = ClipResult.load(run / "test" / "test")
    # identification among all, computed anew
    alike = np.corrcoef(result.predicted, result.candidates)[:18, 18:]
    hits = alike.argmax(1) == result.target
    way = found["identification"]["9"]
    assert way["model"]["mean"] == pytest.approx(hits.mean()) and way["ceiling"]["mean"] == 1
    assert way["model"]["mean"] > way["shuffled"]["high"] and way["chance"] == pytest.approx(1 / 9)
    assert {"model", "shuffled", "mean_prediction", "ceiling"} <= found["mel_pcc"].keys()
    own = [np.corrcoef(p.ravel(), t.ravel())[0, 1]
           for p, t in zip(result.mel_predicted, result.mel_candidates[result.target], strict=True)]  # fmt: skip
    assert found["mel_pcc"]["model"]["mean"] == pytest.approx(np.mean(own), abs=1e-3)


def test_only_what_has_a_rate_learns(decoded, contrastive, acoustic):
    before = torch.load(newest("Contrastive") / "best.ckpt", weights_only=True)["state_dict"]
    before = {name: value for name, value in before.items() if name.startswith("encoder.")}

    def encoder_of(run):
        state = torch.load(run / "last.ckpt", weights_only=True)["state_dict"]
        return {name: state[f"networks.0.tokens.{name}"] for name in before}

    kept = encoder_of(newest("Acoustic"))
    assert before and all(torch.equal(kept[name], before[name]) for name in before)  # batch norm's statistics, too
    assert acoustic("fit", "--fresh", model={"encoder_lr": 1e-3, "audiomae_lr": None})[0] == 0
    learnt = encoder_of(newest("Acoustic"))
    assert not torch.equal(learnt["encoder.head.2.weight"], before["encoder.head.2.weight"])


def test_the_listeners_have_to_be_those_of_the_fit(decoded, acoustic, sounds):
    study = {"class_path": "heard.HeardStudy",
             "init_args": {"root": str(sounds / "study")} | STUDY | {"n_subjects": 1}}  # fmt: skip
    status, _, err = acoustic("test", data={"studies": {"heard": study}})
    assert status == 2 and "the listeners heard/01, heard/02; the data have heard/01." in " ".join(err.split()), err


def test_sounds_are_made_of_what_meg_says_and_stitched(decoded, n2s, run_n2s, sounds):
    model = {
        "acoustic_run": "Acoustic",
        "generator": {"class_path": "n2s.models.sound_generator.SmallAudioLDM2",
                      "init_args": {"channels": [8, 8, 8, 8], "autoencoder_steps": 3}},
        "unet_lr": 2e-3, "decoder_lr": None, "p_truth": 0.5,
        "sounds": {"sampler": {"class_path": "n2s.models.diffusion.DPMSolver",
                               "init_args": {"n_steps": 2, "guidance": 2.0}},
                   "methods": ["decoded", "mel"], "page_clips": 2, "stitch": True},
    }  # fmt: skip
    few = {"train_windows": {"class_path": "n2s.data.Grid", "init_args": {"step_s": 2.0}}}
    status, _, err = n2s("fit", "BrainAudio", data=few, model=model)
    assert status == 0, err
    shutil.rmtree("checkpoints/Acoustic")  # nor does predict
    status, out, err = n2s("predict", "BrainAudio", model=model)
    assert status == 0, err
    folder = newest("BrainAudio") / "predictions"
    table = read_manifest(folder)
    assert table.groupby("method").size().to_dict() == dict.fromkeys(["decoded", "mel", "stimulus"], 18)
    for row in table.itertuples():
        sound, rate = soundfile.read(row.path)
        assert len(sound) == rate == 16000 and 0 < np.abs(sound).max() < 1
    heard = json.loads((folder / "metrics.json").read_text())["subjects"]
    assert set(heard) == {"heard/01", "heard/02"} and all(one["decoded"]["n_clips"] == 9 for one in heard.values())
    stories = read_manifest(folder / "stitched")
    assert set(stories["clip"]) == {"heard_01_story3", "heard_02_story3"} and len(stories) == 2 * 3
    last_s = table.start_s.astype(float).max() - table.start_s.astype(float).min() + 1
    for row in stories.itertuples():
        assert soundfile.info(row.path).frames == round(last_s * 16000) and float(row.silent_s) == 0
    status, out, _ = n2s("predict", "BrainAudio", model=model)
    assert status == 0 and "mel: 0 sounds made, 18 were there" in out

    # a recording of no study: sounds by the command, and by the same tokens what was heard, and when
    study = HeardStudy(sounds / "study", **STUDY)
    raw = study.load([one for one in study.recordings() if (one.subject, one.task) == ("01", "story3")][0])
    raw.save("new_eeg.fif", verbose="error")
    heard = [study.audio("story3"), study.audio("story0")]
    run = newest("BrainAudio")
    status, out, err = run_n2s("decode", run, "--recording", "new_eeg.fif", "--audio", *heard)
    assert status == 0 and "sounds: decoded/new_eeg/sounds" in out, err
    made = pd.read_csv("decoded/new_eeg/made.csv")
    assert np.allclose(np.diff(made.time_s), 0.9) and all(Path("decoded/new_eeg", one).is_file() for one in made.file)
    assert set(pd.read_csv("decoded/new_eeg/sounds.csv")["sound"]) == {one.name for one in heard}
    told = Path("decoded/new_eeg/report.html").read_text()
    assert "Without a brain" in told and "somebody new" in told and told.count("<audio") >= 8
    found = package.load(run).decode(raw, step_s=3.0)
    assert found.ranking is None and found.made.shape[1] == 16000


def test_the_acoustic_stage_tells_which_sound_was_heard(decoded, sounds):
    study = HeardStudy(sounds / "study", **STUDY)
    raw = study.load([one for one in study.recordings() if (one.subject, one.task) == ("01", "story3")][0])
    run = package.load(newest("Acoustic"))
    values = run.predict(raw, subject="01", step_s=0.5)
    assert values.values.shape == (len(values.time_s), 64 * 16) and np.isfinite(values.values).all()
    found = run.decode(raw, [study.audio("story3"), study.audio("story0")], subject="01", step_s=0.5)
    assert found.sounds.sound[0] == study.audio("story3").name
    lead_s = study.events([one for one in study.recordings() if one.task == "story3"][0]).onset.min()
    assert abs(found.sounds.start_s[0] - lead_s) < 0.6


def test_one_system_takes_either_brain():
    assert [kind.__name__ for kind in Acoustic.takes] == ["FMRIDataModule", "MEGDataModule"]
