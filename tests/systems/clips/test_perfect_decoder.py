"""Of every score of clips and of sounds: the ceiling's row is what a perfect decoder gets, and the best that can be had.

Among the clips are a sound that is there twice, its louder copy, silence, and a dimension that never changes.
"""

import numpy as np
import pandas as pd
import pytest

from n2s.evaluation.networks import Heard
from n2s.evaluation.sound_scores import score_sounds
from n2s.metrics import identification, kl_divergence
from n2s.metrics.clip_scores import Units
from n2s.systems.clips.result import ClipResult

K = 24


def clips(n_dimensions: int, *, noise: float | None = None) -> ClipResult:
    """Two people heard all clips; what is decoded is the truth, or noise in place of it."""
    rng = np.random.default_rng(n_dimensions)
    labels = np.array(["music", "speech"])[np.arange(K) % 2]
    true = rng.normal(size=(K, n_dimensions)) + np.where(labels == "music", 4.0, 0.0)[:, None]
    mel = rng.uniform(size=(K, 6, 5))
    true[2], mel[2] = true[0], mel[0]  # the same sound twice, of one label
    true[4], mel[4] = 2 * true[0], mel[0] + 0.1
    true[6], mel[6] = 0.0, 0.0  # silence
    if n_dimensions > 3:
        true[:, 3] = 1.0
    target = np.tile(np.arange(K), 2)
    groups = [f"g{i}" for i in range(K)]
    table = {"stimulus": groups, "start_s": 0.0, "duration_s": 1.0, "group": groups, "label": labels, "audio": ""}
    decoded = {"predicted": true[target], "mel_predicted": mel[target]}
    if noise is not None:
        decoded = {name: noise * rng.normal(size=values.shape) for name, values in decoded.items()}
    return ClipResult(
        **decoded, candidates=true, target=target, subject=np.repeat(["a/1", "a/2"], K), clips=pd.DataFrame(table),
        mel_candidates=mel, mel_mean=mel.mean(0), mel_ceiling=mel[target], ideal=-((true[:, None] - true[None]) ** 2).sum(2)[target],
    )  # fmt: skip


@pytest.mark.parametrize("n_dimensions", [1, 2, 3, 30])
def test_of_clips(n_dimensions):
    found = clips(n_dimensions).facts()
    assert found["n_candidates"] == K - 1  # the sound that is there twice is one
    scores = {f"identification@{n}": rows for n, rows in found["identification"].items()}
    scores |= {"label": found["semantic"], "mel_pcc": found["mel_pcc"], "mel_psnr": found["mel_psnr"]}
    assert {"identification@2", "identification@10", f"identification@{K - 1}"} <= set(scores)
    for name, rows in scores.items():
        assert rows["model"] == rows["ceiling"], name
        if name.startswith("identification"):
            assert rows["ceiling"]["mean"] == rows["ideal_observer"]["mean"] == 1, name
    assert found["mel_pcc"]["ceiling"]["mean"] == pytest.approx(1)
    assert found["mel_pcc"]["ceiling"]["n_left_out"] == 2  # silence, of both people
    assert found["mel_psnr"]["ceiling"]["mean"] is None  # infinite
    assert found["correlation"]["model"]["mean"] == pytest.approx(found["correlation"]["ceiling"]["mean"]) == 1
    claims = found["claims"]
    assert all(claims[name]["ahead"] for name in ("identification@2", "identification@10", "label", "mel_pcc"))


@pytest.mark.parametrize("n_dimensions", [1, 2, 3, 30])
def test_noise_is_ahead_of_nothing(n_dimensions):
    found = clips(n_dimensions, noise=1.0).facts()
    assert not any(one["ahead"] for one in found["claims"].values())
    assert abs(found["identification"]["2"]["model"]["mean"] - 0.5) < 0.15
    assert found["identification"]["2"]["mean_prediction"]["low"] is None  # the same for both
    assert "the same for every subject" in found["identification"]["2"]["mean_prediction"]["interval"]


@pytest.mark.parametrize("n_dimensions", [1, 2, 3, 30])
def test_of_the_public_names(n_dimensions):
    true = clips(n_dimensions).candidates
    for n_way in (2, 5, K - 1):
        assert identification(true, true, n_way) == 1
    logits = np.random.default_rng(0).normal(size=(K, 20))
    best = kl_divergence(logits, logits)
    assert best == pytest.approx(0, abs=1e-4) and best < kl_divergence(logits, np.roll(logits, 1, 0))


def test_of_sounds():
    rng, true = np.random.default_rng(0), clips(30)
    clap = rng.normal(size=(K, 8))
    semantic = clips(2).candidates
    same = {"embedding": rng.normal(size=(K, 9)), "logits": rng.normal(size=(K, 7)), "clap": clap}
    for values in (*same.values(), semantic):
        values[2] = values[0]
    same["clap"] = clap / np.linalg.norm(clap, axis=1, keepdims=True)
    heard = Heard(
        list(true.mel_candidates), examples=[rng.normal(size=(2, 5)) for _ in range(K)], semantic=semantic, **same
    )
    found = score_sounds(heard, heard, ceiling=heard, units=Units(np.arange(K), "clips"), n_ways=[2, 10, K - 1])
    kinds = ("mel", "cnn14", "clap", "semantic")
    names = {f"identification_{kind}@{n}" for kind in kinds for n in (2, 10, K - 1)}
    assert set(found) == names | {"mel_pcc", "mel_psnr", "fd", "kl", "fad", "clap"}
    for name, rows in found.items():
        assert rows["generated"] == rows["ceiling"], name
        expected = {"mel_psnr": None, "fd": 0, "kl": 0, "fad": 0}.get(name, 1)
        assert rows["ceiling"]["mean"] == (None if expected is None else pytest.approx(expected, abs=1e-4)), name
        if rows["shuffled"] and expected is not None:  # nobody is ahead by an infinite number
            assert rows["ahead"]["p"] < 0.01 and rows["ahead"]["mean"] > 0, name
