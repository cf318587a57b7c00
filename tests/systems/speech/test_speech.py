"""Networks of speech: CTC against paths counted one by one, training that learns, and a test that compares with controls."""

import itertools
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from torchmetrics.functional.text import char_error_rate, word_error_rate

from n2s.__main__ import main
from n2s.metrics.result import Result
from n2s.metrics.score import ALL
from n2s.systems import SoundScenes, SpeechToText
from n2s.systems.speech.scene_result import SceneResult
from n2s.systems.speech.system import ctc, greedy, single
from n2s.systems.speech.text_result import TranscriptResult, typical
from n2s.training.run import Run, runs_of

pytestmark = pytest.mark.slow


def by_paths(log_probs: torch.Tensor, target: list[int]) -> float:
    """Log p(target): the sum over every path that is the target once repeats are joined and blanks left out."""
    n, k = log_probs.shape
    total = -np.inf
    for path in itertools.product(range(k), repeat=n):
        written = [one for one, _ in itertools.groupby(path) if one]
        if written == target:
            total = np.logaddexp(total, sum(log_probs[t, one].item() for t, one in enumerate(path)))
    return total


@pytest.fixture(scope="module")
def log_probs():
    return torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64).log_softmax(-1)


def test_ctc_is_the_sum_over_all_paths(log_probs):
    lengths, targets = torch.tensor([5, 4, 3]), [[1, 1], [2, 3, 1], [3]]
    padded = torch.nn.utils.rnn.pad_sequence([torch.tensor(one) for one in targets], batch_first=True)
    found = ctc(log_probs, lengths, padded, torch.tensor([2, 3, 1]))
    known = [-by_paths(log_probs[i, : lengths[i]], one) for i, one in enumerate(targets)]
    assert np.allclose(found, known, atol=1e-5)


def test_the_likelihood_of_one_class_is_the_sum_over_all_paths(log_probs):
    lengths = torch.tensor([5, 4, 1])
    found = single(log_probs, lengths)
    known = [[by_paths(log_probs[i, : lengths[i]], [c]) for c in (1, 2, 3)] for i in range(3)]
    assert np.allclose(found[:, 1:], known, atol=1e-9) and torch.isinf(found[:, 0]).all()


def test_a_long_certain_clip_does_not_underflow():
    sure = torch.full((1, 1000, 5), -40.0)
    sure[0, :, 0] = 0
    sure[0, 500:520, 3] = 20
    assert single(sure.log_softmax(-1), torch.tensor([1000])).argmax() == 3


def test_greedy_joins_repeats_then_drops_blanks():
    path = torch.tensor([[1, 1, 0, 1, 2, 2, 0, 3]])
    log_probs = torch.nn.functional.one_hot(path, 4).float().log_softmax(-1)
    assert greedy(log_probs, torch.tensor([8])) == [[1, 1, 2, 3]] and greedy(log_probs, torch.tensor([3])) == [[1]]


STEPS = {"text": 160, "label": 96}


def recipe(folder: Path, target: str = "text", **trainer) -> Path:
    system = {"text": "SpeechToText", "label": "SoundScenes"}[target]
    front = {"class_path": "n2s.features.LogSpectrogram", "init_args": {"n_bins": 20, "sfreq": 8000, "window_s": 0.01}}
    corpus = {"class_path": "tone_corpus.ToneCorpus", "init_args": {"root": str(folder / "tones"), "n": 160}}
    content = {
        "data": {
            "class_path": "n2s.data.CorpusDataModule",
            "init_args": {"corpus": corpus, "spectrogram": front, "target": target, "n_jobs": 1},
        },
        "model": {
            "class_path": f"n2s.systems.{system}",
            "init_args": {
                "max_steps": STEPS[target],
                "network": {"class_path": "n2s.models.SpeechNet", "init_args": {"channels": [2, 4, 4], "hidden": 16}},
                "optimizer": {"class_path": "torch.optim.Adam", "init_args": {"lr": 0.02}},
                "scheduler": {
                    "class_path": "torch.optim.lr_scheduler.PolynomialLR",
                    "init_args": {"total_iters": "${model.init_args.max_steps}", "power": 1.0},
                },
            },
        },
        "trainer": {
            "max_epochs": -1,  "accelerator": "cpu", "enable_progress_bar": False, "num_sanity_val_steps": 0,
            "enable_model_summary": False, "gradient_clip_val": 10.0, "logger": False, "check_val_every_n_epoch": 4, **trainer,
        },
    }  # fmt: skip
    path = folder / f"tones_{target}.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def command(patch, *words) -> None:
    patch.setattr(sys, "argv", ["n2s", *map(str, words)])
    main()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of each system, fitted and tested."""
    folder = tmp_path_factory.mktemp("speech")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("N2S_RUNS", raising=False)
        patch.setenv("N2S_CACHE", str(folder / "cache"))
        found = {}
        for target in ("text", "label"):
            for verb in ("fit", "test"):
                command(patch, verb, "--config", recipe(folder, target))
            (found[target],) = runs_of(folder / "checkpoints" / f"tones_{target}")
        yield found


def scores(run: Run) -> dict:
    return json.loads((run.folder / "metrics.json").read_text())["test"]["scores"]


def loaded(run: Run, kind: type[Result]) -> Result:
    return kind.load(run.folder / "test" / "test")


def test_it_learns_to_write_and_beats_every_control(trained):
    cer = {row: by[ALL]["mean"] for row, by in scores(trained["text"])["cer"].items()}
    assert cer["model"] < 0.15
    assert all(cer["model"] < cer[row] - 0.3 for row in ("untrained", "shuffled", "constant", "empty"))
    assert cer["empty"] == 1


def test_error_rates_are_torchmetrics(trained):
    result = loaded(trained["text"], TranscriptResult)
    found, (said, true) = result.scores(), (result.clips.model.tolist(), result.clips.text.tolist())
    assert found.get("cer", "model").mean == pytest.approx(char_error_rate(said, true).item(), abs=1e-6)
    assert found.get("wer", "model").mean == pytest.approx(word_error_rate(said, true).item(), abs=1e-6)
    assert found.get("cer", "model").low <= found.get("cer", "model").mean <= found.get("cer", "model").high


def test_the_page_has_curves_transcripts_and_sounds(trained):
    page = (trained["text"].folder / "report.html").read_text()
    for part in (
        "Learning curves",
        "Transcripts",
        "Characters wrong in each clip",
        "<audio",
        "untrained network",
    ):
        assert part in page, part
    page = (trained["label"].folder / "report.html").read_text()
    assert "Each class" in page and "<audio" in page


def test_the_checkpoint_says_what_the_classes_mean(trained):
    checkpoint = torch.load(trained["text"].weights, weights_only=True)
    assert checkpoint["n2s_symbols"] == [" ", "a", "b", "c"]
    assert checkpoint["state_dict"]["network.linear.bias"].shape == (5,)


def test_scenes_are_named(trained):
    found = {row: by[ALL]["mean"] for row, by in scores(trained["label"])["error"].items()}
    assert found["chance"] == pytest.approx(2 / 3)
    assert found["model"] < found["chance"] - 0.2 and found["model"] < found["frequent"]


def test_validation_is_logged_and_the_schedule_goes_by_steps(trained):
    logged = pd.read_csv(trained["text"].folder / "metrics.csv")
    assert {"val/loss", "val/cer", "val/wer", "train/loss"} <= set(logged)
    last = torch.load(trained["text"].last, weights_only=True)
    assert last["global_step"] == last["lr_schedulers"][0]["last_epoch"] == STEPS["text"]
    assert last["lr_schedulers"][0]["_last_lr"] == [0.0]


class Stop(BaseException):
    pass


def test_a_continued_fit_is_the_uninterrupted_one(trained, tmp_path, monkeypatch):
    """To the bit, with a new order of clips in each epoch."""
    (folder,) = {run.folder.parents[2] for run in trained.values()}
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("N2S_CACHE", str(folder / "cache"))
    path = folder / "tones_short.yaml"
    path.write_text(recipe(folder, check_val_every_n_epoch=1).read_text())
    words = ("fit", "--config", path, "--model.max_steps", 24)
    command(monkeypatch, *words, "--runs_dir", "uninterrupted")
    (uninterrupted,) = runs_of(tmp_path / "uninterrupted" / "tones_short")
    with monkeypatch.context() as patch:

        def stop(self):
            if self.current_epoch == 1:
                raise Stop

        patch.setattr(SpeechToText, "on_train_epoch_start", stop)
        with pytest.raises(Stop):
            command(patch, *words)
    command(monkeypatch, *words)
    (run,) = runs_of(tmp_path / "checkpoints" / "tones_short")
    assert run.finished and len(run.read()["resumed"]) == 1
    ours, theirs = (torch.load(one.last, weights_only=True)["state_dict"] for one in (run, uninterrupted))
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())


@pytest.mark.parametrize(("system", "target"), [(SpeechToText, "label"), (SoundScenes, "text")])
def test_a_system_takes_its_own_target(system, target, trained, run_n2s, tmp_path, monkeypatch):
    (folder,) = {run.folder.parents[2] for run in trained.values()}
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("N2S_CACHE", str(folder / "cache"))
    path = recipe(folder, "text" if target == "label" else "label")
    status, _, err = run_n2s("fit", "--config", path, "--data.target", target)
    assert status == 2 and f"data.target is {target}" in err


def test_the_typical_sentence_is_the_middle_one():
    assert typical(["aaaa", "aaab", "abab", "bbbb"], 0) in ("aaab", "abab")


def test_equally_frequent_classes_are_a_guess_and_not_always_wrong():
    true = np.arange(4)
    clips = pd.DataFrame({"label": list("abcd"), "content": list("abcd"), "speaker": "", "duration_s": 1.0})
    sounds, places = np.zeros(4, np.float32), np.array([[0, 4]])
    found = SceneResult(
        clips, np.eye(4), np.zeros((4, 4)), true, list("abcd"), np.full(4, 5), "x", 0, 8000, sounds, places
    )
    assert found.scores().get("error", "frequent").mean == found.scores().get("error", "chance").mean == 0.75
    assert found.scores().get("error", "model").mean == 0


def test_a_rate_that_ends_before_the_training_is_refused(tmp_path, monkeypatch, run_n2s):
    """``${model.init_args.max_steps}`` is read from the files: steps on the command line do not change it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("N2S_CACHE", str(tmp_path / "cache"))
    more = STEPS["text"] + 10
    status, _, err = run_n2s("fit", "--config", recipe(tmp_path, "text"), "--model.init_args.max_steps", more)
    assert status == 2 and f"--model.scheduler.init_args.total_iters {more}" in err
