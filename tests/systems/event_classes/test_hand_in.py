"""What a classifier hands in: probabilities of all windows of a holdout; and its score among the k likeliest."""

import numpy as np
import pandas as pd
import pytest
from libribrain_holdouts import write_speech
from lightning.pytorch import Trainer
from trees.libribrain import write_tree

from n2s.data import EventDataModule, Frames, Preprocessing
from n2s.errors import UserError
from n2s.metrics.score import ALL
from n2s.metrics.top_k import top_k_balanced, top_k_interval
from n2s.studies import LibriBrain, LibriBrainSpeechHoldout
from n2s.systems import LinearClassifier
from n2s.systems.event_classes.loss import log_probabilities
from n2s.systems.event_classes.result import EventResult
from n2s.systems.event_classes.submission import hand_in


def test_short_stretches_of_speech_are_silence_in_what_is_handed_in(tmp_path, capsys):
    root = write_tree(tmp_path / "libribrain", n_channels=3)
    write_speech(tmp_path, n_channels=3, duration_s=4.0)
    data = EventDataModule(
        {"libribrain": LibriBrain(str(root), subjects=["0"])},
        Frames(),
        preprocessing=Preprocessing(sfreq=250.0, picks=["meg"]),
        window_s=0.5,
        n_jobs=1,
        holdout=LibriBrainSpeechHoldout(str(tmp_path), n_rows=None),
    )
    data.setup("predict")
    row, logits = np.arange(1000 - 124), np.full((876, 1), -2.0, np.float32)
    logits[100:199], logits[300:400] = 1.0, 1.0  # of 99 and of 100 samples
    found = np.exp(log_probabilities(logits))
    path = hand_in(data, row, found, tmp_path / "out", min_run_s=0.4)
    assert str(path) in capsys.readouterr().out.replace("\n", "")
    said = pd.read_csv(path).speech_prob.to_numpy()
    speech, silence = 1 / (1 + np.exp(-1.0)), 1 / (1 + np.exp(2.0))
    expected = np.zeros(1000)
    expected[62 : 62 + 876] = silence
    expected[162:261], expected[362:462] = 0.0, speech
    assert np.allclose(said, expected, atol=1e-6)
    as_said = pd.read_csv(hand_in(data, row, found, tmp_path / "all")).speech_prob.to_numpy()
    assert np.allclose(as_said[162:261], speech, atol=1e-6)
    with pytest.raises(UserError, match="800 of 876 windows .*limit_predict_batches"):
        hand_in(data, row[:800], found[:800], tmp_path / "part")
    trainer = Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False)
    with pytest.raises(UserError, match="LinearClassifier predicts test windows alone"):  # and not those, in silence
        trainer.predict(LinearClassifier(), datamodule=data)


def test_how_often_a_class_is_among_the_k_likeliest_is_scored_beside_its_null():
    rng, k, n = np.random.default_rng(0), 6, 360
    label = rng.choice(k, n, p=np.arange(1, 7) / 21)
    run = np.repeat(np.arange(6), 60)
    events = pd.DataFrame(
        {
            "recording": [f"lab/sub-01_run-{number}" for number in run],
            "study": "lab",
            "subject": "lab/01",
            "unit": [f"run-{number}" for number in run],
            "condition": "listen",
            "label": label,
            "onset": np.tile(np.arange(60.0), 6),
            "duration": 0.2,
            "start_s": np.tile(np.arange(60.0), 6),
            "text": "",
            "previous": "",
            "pause_s": 0.0,
        }
    )
    logits = (rng.standard_normal((n, k)) + 1.2 * np.eye(k)[label]).astype(np.float32)
    plain = {"names": list("abcdef"), "trained": np.bincount(label, minlength=k), "n_permutations": 100}
    result = EventResult(events=events, logits=logits, top_k=3, **plain)
    found = result.scores().values["top_k_balanced"]
    model = found["model"][ALL]
    assert model.mean == pytest.approx(top_k_balanced(label, result.log_proba, 3))
    interval = top_k_interval(label, result.log_proba, 3, run)
    assert (found["model"]["lab/01"].low, found["model"]["lab/01"].high) == pytest.approx(tuple(interval)[1:3])
    assert found["permuted"][ALL].mean == pytest.approx(0.5, abs=0.03) and model.low > found["permuted"][ALL].high
    assert found["commonest"][ALL].mean == found["proportion"][ALL].mean == pytest.approx(0.5)
    assert result.summary.p["top_k_balanced"] == pytest.approx(1 / 101)
    (shown,) = result.shown()
    assert any("3 likeliest of 6" in note and "chance is 50%" in note for note in shown.notes)
    assert "top_k_balanced" not in EventResult(events=events, logits=logits, **plain).scores().values
