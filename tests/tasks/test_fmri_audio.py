"""The audio stage by the command: what learns, what is sampled, what is kept and what is scored."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
import yaml
from fmri_runs import FBANK, TOKENS, newest
from tiny_fmri import LAG_S, TinyFMRI

from n2s.data import FMRIDataModule
from n2s.errors import UserError
from n2s.evaluation.folders import evaluate_sounds
from n2s.features import MelStatistics, TinyClap, UntrainedAudioMAETokens
from n2s.listening.manifest import read_manifest
from n2s.models.diffusion import save_audioldm2, small_audioldm2
from n2s.models.mel_map import MelMap
from n2s.models.sound_generator import PretrainedAudioLDM2, SmallAudioLDM2
from n2s.models.sound_maker import SoundMaker
from n2s.studies.study import Stimulus
from n2s.systems import Acoustic, BrainAudio
from n2s.systems.clips.acoustic_networks import networks_of
from n2s.systems.sound.methods import SoundMethods
from n2s.systems.sound.prompts import read_prompts, semantic_vectors
from n2s.systems.sound.result import SoundResult
from n2s.systems.stages import StageRun

pytestmark = pytest.mark.slow

SMALL = {"channels": [8, 8, 8, 8], "autoencoder_steps": 3}
SAMPLER = {"class_path": "n2s.models.diffusion.DPMSolver", "init_args": {"n_steps": 2, "guidance": 2.0}}
DATA = {"target": TOKENS, "spectrogram": FBANK, "batch_size": 16, "subjects": ["01"]}
SWEEPS = Path(__file__).parents[2] / "configs" / "sweeps"
METHODS = ["ceiling", "decoded", "mel", "retrieval", "shuffled", "stimulus"]


@pytest.fixture
def audio(n2s):
    """The last stage, as small as can be."""

    def run(verb, *words, model=None, sounds=None, trainer=None):
        options = {
            "acoustic_run": "Acoustic",
            "generator": {"class_path": "n2s.models.sound_generator.SmallAudioLDM2", "init_args": SMALL},
            "unet_lr": 2e-3,
            "p_truth": 0.5,
            "match_variance": True,
            "sounds": {"sampler": SAMPLER, "page_clips": 3} | (sounds or {}),
        } | (model or {})
        trainer = {"num_sanity_val_steps": 0} | (trainer or {})
        return n2s(verb, "BrainAudio", *words, data=DATA, model=options, trainer=trainer)

    return run


@pytest.fixture
def decoded(fitted, acoustic, sounds):
    """A finished acoustic run in the folder, and the semantic one: fitted once, then copied."""
    kept = sounds / "acoustic"
    if not kept.exists():
        assert acoustic("fit", data={"subjects": ["01"]})[0] == 0
        shutil.copytree("checkpoints/Acoustic", kept)
    elif not Path("checkpoints/Acoustic").exists():
        shutil.copytree(kept, "checkpoints/Acoustic")


@pytest.fixture
def trained(decoded, audio, sounds):
    """A finished audio run: fitted once, then copied."""
    kept = sounds / "audio"
    if kept.exists():
        shutil.copytree(kept, "checkpoints/BrainAudio")
    else:
        status, _, err = audio("fit")
        assert status == 0, err
        shutil.copytree("checkpoints/BrainAudio", kept)
    return audio


@pytest.fixture
def sounded(trained, sounds):
    """The same with the sounds of one method: sampled once, then copied with their times."""
    kept = sounds / "sounded"
    if kept.exists():
        shutil.rmtree("checkpoints/BrainAudio")
        shutil.copytree(kept, "checkpoints/BrainAudio")
    else:
        status, _, err = trained("predict", sounds={"methods": ["decoded"]})
        assert status == 0, err
        shutil.copytree("checkpoints/BrainAudio", kept)
    return trained


def predicted(method):
    """The sounds of a method by clip."""
    return {path.stem: path for path in sorted((newest("BrainAudio") / "predictions" / method).glob("*.wav"))}


def wav(path):
    return soundfile.read(path, dtype="float32")[0]


def test_predict_makes_scores_and_shows_every_method(trained, sounds):
    shutil.rmtree("checkpoints/Acoustic")
    shutil.rmtree("checkpoints/Semantic")  # neither is needed any more
    status, out, err = trained("predict")
    assert status == 0, err
    folder = newest("BrainAudio")
    table = read_manifest(folder)
    assert sorted(set(table.method)) == METHODS and len(table) == 6 * 12
    assert set(table.subject) == {"tiny/01"} and (folder / "listening.html").stat().st_size > 0
    for row in table.itertuples():
        samples, rate = soundfile.read(row.path)
        assert len(samples) == rate == 16000 and 0 < np.abs(samples).max() < 1
        assert (folder / "predictions" / row.mel).stat().st_size > 0
    data = FMRIDataModule(
        {"tiny": TinyFMRI(sounds)}, UntrainedAudioMAETokens(**TOKENS["init_args"]), subjects=["01"], lag_s=LAG_S,
        val_fraction=0.2,
    )  # fmt: skip
    data.setup("predict")
    true = predicted("stimulus")
    heard = soundfile.read(data.stimuli["tiny/s5"].audio)[0].reshape(12, 16000)
    for clip, samples in zip(true, heard, strict=True):  # as they follow each other in the story
        centred = samples - samples.mean()
        np.testing.assert_allclose(wav(true[clip]), 0.5 * centred / np.abs(centred).max(), atol=1e-4)
    # the scores are those of `n2s evaluate` on the folders
    found = json.loads((folder / "predictions" / "metrics.json").read_text())["subjects"]["tiny/01"]
    for method in ("retrieval", "decoded"):
        scores = evaluate_sounds(folder / "predictions" / "stimulus", folder / "predictions" / method).found
        own = found[method]["scores"]
        assert {name: own[name] for name in own if "semantic" not in name} == scores
        by_meaning = []
        for paths in (predicted("stimulus"), predicted(method)):
            heard_as = [MelStatistics(n_mels=4).extract(Stimulus(c, p), np.zeros(1), 1.0)[0] for c, p in paths.items()]
            by_meaning.append((np.stack(heard_as) - np.mean(heard_as, 0)) / np.maximum(np.std(heard_as, 0), 1e-9))
        alike = np.corrcoef(by_meaning[1], by_meaning[0])[:12, 12:]
        pairs = (alike < np.diag(alike)[:, None]).sum(1) / 11
        assert own["identification_semantic@2"]["generated"]["mean"] == pytest.approx(pairs.mean(), abs=1e-6)
    ahead = found["decoded"]["ahead"]["identification_mel"]
    two_way = scores["identification_mel@2"]["generated"]["mean"]
    assert ahead["mean"] == pytest.approx(two_way - 0.5) and ahead["low"] <= ahead["mean"] <= ahead["high"]
    metrics = [yaml.safe_load(path.read_text())["metric"]["name"] for path in sorted(SWEEPS.glob("sound_*.yaml"))]
    assert metrics[0] == "sounds/decoded/identification_semantic@2"  # of guidance
    assert metrics[1] in (folder / "metrics.csv").read_text().splitlines()[0].split(",")  # of LoRA
    (shown,) = SoundResult.load(folder / "predictions" / "result").shown()  # what the page and W&B show
    by_meaning = found["decoded"]["ahead"]["identification_semantic"]["mean"]
    score = shown.scores.means()["decoded"][metrics[0].split("/")[2]]
    assert shown.name == "" and score - 0.5 == pytest.approx(by_meaning)
    page = (folder / "predictions" / "report.html").read_text()
    assert all(f">{drawing.title}</a>" in page for drawing in shown.drawings)
    assert "identification_mel@10" in scores and " ".join(METHODS[:1]) in out
    # each retrieved sound is that of some training clip
    train = data.splits["train"].table.drop_duplicates("clip_index")
    stories = {name: soundfile.read(data.stimuli[name].audio)[0].reshape(12, 16000) for name in set(train.stimulus)}
    known = np.stack([stories[row.stimulus][int(row.start_s)] for row in train.itertuples()])
    known = known - known.mean(1, keepdims=True)
    known *= 0.5 / np.abs(known).max(1, keepdims=True)
    for path in predicted("retrieval").values():
        assert np.abs(known - wav(path)).max(1).min() < 1e-4


def test_predict_goes_on_where_it_stopped_and_a_clip_does_not_depend_on_its_batch(sounded):
    only = {"methods": ["decoded"]}
    first = {clip: path.read_bytes() for clip, path in predicted("decoded").items()}
    times = {clip: path.stat().st_mtime_ns for clip, path in predicted("decoded").items()}
    lost = sorted(first)[3:8:2]
    for clip in lost:
        predicted("decoded")[clip].unlink()
    status, out, err = sounded("predict", sounds=only | {"batch_size": 2})
    assert status == 0 and "decoded: 3 sounds made, 9 were there" in out, err
    again = predicted("decoded")
    assert list(again) == list(first)
    for clip, path in again.items():
        if clip in lost:
            before = np.frombuffer(first[clip][-32000:], "<i2") / 32768
            assert np.abs(wav(path) - before).max() < 1e-3
        else:
            assert path.stat().st_mtime_ns == times[clip]
    other = {"class_path": "n2s.models.diffusion.DPMSolver", "init_args": {"n_steps": 3, "guidance": 2.0}}
    mine = newest("BrainAudio") / "predictions" / "mel" / "mine.txt"
    mine.parent.mkdir()
    mine.write_text("not yours")
    status, out, err = sounded("predict", sounds={"methods": ["decoded", "mel"], "sampler": other})
    assert status == 2 and "mel holds files that n2s predict did not write there" in " ".join(err.split())
    assert "decoded: 12 sounds made\n" in out  # of another sampler: none of the old ones is kept
    assert mine.read_text() == "not yours"
    assert all(path.read_bytes() != first[clip] for clip, path in predicted("decoded").items())


def test_a_killed_predict_leaves_whole_sounds_that_are_kept(trained, monkeypatch):
    sampled, calls = SoundMethods._sampled, []

    def killed(self, tokens, rows):
        calls.append(rows)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return sampled(self, tokens, rows)

    monkeypatch.setattr(SoundMethods, "_sampled", killed)
    only = {"methods": ["decoded"], "batch_size": 4}
    assert trained("predict", sounds=only)[0] != 0
    assert len(predicted("decoded")) == 8
    assert all(len(wav(path)) == 16000 for path in predicted("decoded").values())
    status, out, err = trained("predict", sounds=only)
    assert status == 0 and "decoded: 4 sounds made, 8 were there" in out, err


def test_a_prompt_replaces_the_meaning_of_the_clips_that_it_names(sounded):
    soundfile.write("siren.wav", 0.3 * np.sin(np.arange(24000) * 0.3 + 40 * np.sin(np.arange(24000) / 4000)), 16000)
    plain = predicted("decoded")
    assert len(plain) == 12
    one = sorted(plain)[4]
    pd.DataFrame({"clip": [one], "prompt": ["siren.wav"]}).to_csv("prompts.csv", index=False)
    only = {"methods": ["decoded", "prompted"]}
    status, _, err = sounded("predict", sounds=only | {"prompt": "prompts.csv"})
    assert status == 0, err
    assert list(predicted("prompted")) == [one]
    assert np.abs(wav(predicted("prompted")[one]) - wav(plain[one])).max() > 1e-4
    table = read_manifest(newest("BrainAudio"))
    assert table.prompt[table.method == "prompted"].tolist() == ["siren.wav"]
    status, _, err = sounded("predict", sounds=only | {"prompt": "a dog barks"})
    assert status == 2 and "the prompt 'a dog barks' is a text, and the semantic stage decodes MelStatistics" in err
    pd.DataFrame({"clip": [one[:-1] + "x"], "prompt": ["siren.wav"]}).to_csv("prompts.csv", index=False)
    status, _, err = sounded("predict", sounds=only | {"prompt": "prompts.csv"})
    message = " ".join(err.split())
    assert status == 2 and "which does not exist. Nearest: " in message and one in message
    assert predicted("decoded").keys() == plain.keys()  # what was finished is kept


@pytest.mark.nightly
def test_the_ablations_sounds_are_of_its_own_tokens(trained, acoustic, monkeypatch):
    assert acoustic("fit", "--experiment", "fine", data={"subjects": ["01"]}, model={"semantic": False})[0] == 0
    decoded, given = SoundMethods._of_decoded, []

    def seen(self, tokens, rows):
        given.append((self.data, tokens, rows))
        return decoded(self, tokens, rows)

    monkeypatch.setattr(SoundMethods, "_of_decoded", seen)
    only = {"methods": ["fine_only"]}
    status, _, err = trained("predict", sounds=only | {"fine_only_run": "fine"})
    assert status == 0 and len(predicted("fine_only")) == 12, err
    run = StageRun.found(Acoustic, "fine", Path("checkpoints").absolute(), key="here")
    assert sum(len(rows) for _, _, rows in given) == 12
    for data, tokens, rows in given:
        (network,) = networks_of(run, data)
        with torch.no_grad():
            torch.testing.assert_close(tokens, network.eval()(data.batch("test", rows).brain))
    status, _, err = trained("predict", sounds=only | {"fine_only_run": "Acoustic"})
    assert status == 2 and "has a semantic token. Fit it with model.semantic false" in " ".join(err.split()), err


@pytest.mark.nightly
def test_validate_and_test_need_no_earlier_run(trained):
    shutil.rmtree("checkpoints/Acoustic")
    status, out, err = trained("validate")
    assert status == 0 and "loss_of_true" in out, err
    status, out, err = trained("test")  # of what the tokens say, without sampling
    assert status == 0 and "PSNR" in out, err  # its column is narrow: "mel" stands above


def test_prompts_are_read_and_heard(tmp_path):
    clips = ["a", "b"]
    assert read_prompts("a siren", clips) == {"a": "a siren", "b": "a siren"}
    for content, message in (
        ("clip,text\na,b\n", "expected clip, prompt"),
        ("clip,prompt\na,x\na,y\n", "has two prompts"),
        ("clip,prompt\na,\n", "row 1: the prompt is empty"),
        ("clip,prompt\na,no.wav\n", "no sound file at"),
    ):
        (tmp_path / "p.csv").write_text(content)
        with pytest.raises(UserError, match=message):
            read_prompts(str(tmp_path / "p.csv"), clips)
    with pytest.raises(UserError, match="no table at"):
        read_prompts("elsewhere.csv", clips)
    sound = tmp_path / "s.wav"
    soundfile.write(sound, 0.1 * np.random.default_rng(0).standard_normal(20000), 16000)
    clap = TinyClap()
    found = semantic_vectors(["a siren", str(sound), "a siren"], clap)
    np.testing.assert_allclose(found[[0, 2]], np.repeat(clap.text(["a siren"]), 2, 0), atol=1e-6)
    expected = MelStatistics().extract(Stimulus("s", sound), np.zeros(1), 1.25)[0]
    np.testing.assert_allclose(semantic_vectors([str(sound)], MelStatistics())[0], expected, atol=1e-6)


def test_shuffled_responses_are_of_another_stimulus_of_the_same_subject():
    table = pd.DataFrame(
        {
            "subject": ["a"] * 7 + ["b"] * 4,
            "group": list("xxyyzzzxxyz"),
            "start_s": [0.0, 0.0, 2.0, 4.0, 0.0, 2.0, 4.0, 0.0, 2.0, 2.0, 4.0],
            "duration_s": 2.0,
        }
    )
    data = SimpleNamespace(splits={"test": SimpleNamespace(table=table)})
    for seed in range(5):
        others = SoundMethods(None, data, None, [], seed).others
        assert sorted(others) == list(range(11))
        assert (table.subject.to_numpy() == table.subject.to_numpy()[others]).all()
        assert (table.group.to_numpy() != table.group.to_numpy()[others]).all()


def test_the_map_between_spectrograms_is_linear_regression():
    rng = np.random.default_rng(0)
    spectrograms = rng.standard_normal((6, 5, 40)).astype(np.float32)
    weight = rng.standard_normal((5, 3))
    mels = np.einsum("nft,fo->nto", spectrograms, weight) + [1.0, 2.0, 3.0]
    fitted = MelMap(5, 3)
    fitted.fit(spectrograms, torch.from_numpy(mels), penalty=0.0)
    np.testing.assert_allclose(fitted.weight, weight, atol=1e-5)
    np.testing.assert_allclose(fitted(torch.from_numpy(spectrograms)), mels, atol=1e-4)


def test_tokens_are_scaled_for_a_unet_that_starts_from_nothing_and_left_to_a_published_one(tmp_path):
    save_audioldm2(small_audioldm2(condition_dim=16, channels=(8, 8, 8, 8), variant="speech"), tmp_path / "it")
    small = SmallAudioLDM2(channels=(8, 8, 8, 8), autoencoder_steps=1)
    drawn = torch.Generator().manual_seed(0)
    tokens = 5 + torch.randn(7, 64, 16, generator=drawn) * (0.1 + torch.rand(64, 16, generator=drawn))
    moments = tokens.mean(0), tokens.std(0, correction=0)
    given = np.zeros((1, 128, 128), np.float32), torch.randn(1, 128, 64), moments
    for generator in (small, PretrainedAudioLDM2(str(tmp_path / "it"), griffin_lim=True)):
        maker = SoundMaker(generator, 16, n_bands=128, duration_s=1.0)
        maker.prepare(*given)
        found = maker.conditions(tokens)
        if generator.published:
            assert torch.equal(found, tokens)
        else:
            torch.testing.assert_close(found.flatten(0, 1).mean(0), torch.zeros(16), atol=1e-4, rtol=0)
            torch.testing.assert_close(found.flatten(0, 1).std(0, correction=0), torch.ones(16), atol=1e-4, rtol=0)


@pytest.mark.parametrize("rate", [pytest.param(None, marks=pytest.mark.nightly), 1e-2])
def test_only_what_has_a_rate_learns_and_published_weights_stay_out_of_the_checkpoint(decoded, audio, rate):
    save_audioldm2(small_audioldm2(condition_dim=16, channels=(8, 8, 8, 8), variant="speech"), "published")
    model = {
        "generator": {
            "class_path": "n2s.models.sound_generator.PretrainedAudioLDM2",
            "init_args": {"id_or_folder": "published", "griffin_lim": True},
        },
        "mode": "lora",
        "decoder_lr": rate,
    }
    status, _, err = audio("fit", model=model)
    assert status == 0, err
    state = torch.load(newest("BrainAudio") / "last.ckpt", weights_only=True)["state_dict"]
    before = torch.load(newest("Acoustic") / "best.ckpt", weights_only=True)["state_dict"]
    same = {name: torch.equal(state[name], before[name]) for name in before}
    assert all(same[name] for name in same if ".audiomae." in name or ".ridge." in name)
    assert all(same.values()) == (rate is None) and same["networks.0.decoder.queries"] == (rate is None)
    kept = [name for name in state if name.startswith("maker.diffusion.")]
    assert kept and all("lora_" in name for name in kept)
    status, _, err = audio("predict", model=model, sounds={"methods": ["decoded"]})
    assert status == 0 and len(predicted("decoded")) == 12, err


def test_a_fit_that_goes_on_ends_with_the_same_bits(decoded, audio, monkeypatch):
    assert audio("fit", trainer={"max_epochs": 2})[0] == 0
    whole = torch.load(newest("BrainAudio") / "last.ckpt", weights_only=True)["state_dict"]
    step = BrainAudio.training_step

    def killed(self, batch, index):
        if self.current_epoch == 1:
            raise KeyboardInterrupt
        return step(self, batch, index)

    monkeypatch.setattr(BrainAudio, "training_step", killed)
    assert audio("fit", "--fresh", trainer={"max_epochs": 2})[0] != 0
    monkeypatch.setattr(BrainAudio, "training_step", step)
    status, out, err = audio("fit", trainer={"max_epochs": 2})
    assert status == 0 and "continues from last.ckpt" in out, err
    again = torch.load(newest("BrainAudio") / "last.ckpt", weights_only=True)["state_dict"]
    unequal = [
        name for name in whole if isinstance(whole[name], torch.Tensor) and not torch.equal(whole[name], again[name])
    ]
    assert whole.keys() == again.keys() and not unequal
    own, averaged = whole["maker.diffusion.unet.conv_in.weight"], whole["average.average_0"]
    assert own.shape == averaged.shape and 0 < (own - averaged).abs().max() < 0.1


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"acoustic_run": "elsewhere"}, "model.acoustic_run: no trained run at elsewhere"),
        ({"acoustic_run": "Semantic"}, "expected one of n2s.systems.Acoustic"),
        ({"mode": "none", "decoder_lr": None}, "nothing would learn"),
        ({"p_truth": 2.0}, "p_truth is 2"),
    ],
)
def test_what_does_not_fit_is_told_before_training(decoded, audio, model, message):
    status, _, err = audio("fit", model=model)
    assert status == 2 and message in " ".join(err.split()), err
    assert not list(Path("checkpoints").glob("BrainAudio/*/*.ckpt"))
