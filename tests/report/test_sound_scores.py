"""Scores of what was heard: who is compared with whom, clips of several examples, and clips of other lengths."""

import numpy as np
import pytest

from n2s.metrics import frechet_distance, mel_pcc
from n2s.report.sound_networks import Heard
from n2s.report.sound_scores import by_clip, score_sounds


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def heard(rng, frames: list[int], *, like: Heard | None = None) -> Heard:
    """Random clips, or noisy copies."""

    def noisy(values, shape):
        return rng.uniform(size=shape) if values is None else 0.8 * values + 0.2 * rng.uniform(size=shape)

    n = len(frames)
    mel = [noisy(like.mel[i] if like else None, (4, t)) for i, t in enumerate(frames)]
    sizes = [1 + i % 3 for i in range(n)]
    examples = [noisy(like.examples[i] if like else None, (size, 5)) for i, size in enumerate(sizes)]
    clap = noisy(like.clap if like else None, (n, 6))
    return Heard(
        mel,
        noisy(like.embedding if like else None, (n, 7)),
        noisy(like.logits if like else None, (n, 3)),
        examples,
        clap / np.linalg.norm(clap, axis=1, keepdims=True),
    )


def test_who_is_compared_with_whom(rng):
    true = heard(rng, [9] * 6)
    made = heard(rng, [9] * 6, like=true)
    order, scores = np.array([3, 0, 5, 1, 2, 4]), by_clip(true, made, (2,))
    assert scores["mel_pcc"](order)[2] == pytest.approx(mel_pcc(made.mel[5], true.mel[2]))
    assert scores["clap"](order)[3] == pytest.approx(made.clap[1] @ true.clap[3])
    r = [np.corrcoef(made.embedding[5], one)[0, 1] for one in true.embedding]  # clip 2 is guessed from 5
    assert scores["identification_cnn14@2"](order)[2] == pytest.approx((np.array(r) < r[2]).sum() / 5)
    # exchanging who guesses and who is guessed is not the same
    swapped = by_clip(made, true, (2,))
    assert scores["kl"](order)[2] != pytest.approx(swapped["kl"](order)[2])


def test_clips_of_several_examples(rng):
    true = heard(rng, [9] * 6)
    made = heard(rng, [9] * 6, like=true)
    scores = score_sounds(true, made, n_ways=[2], n_resamples=50)
    row = scores["fad"]
    assert row["n"] == 1 + 2 + 3 + 1 + 2 + 3
    expected = frechet_distance(np.concatenate(true.examples), np.concatenate(made.examples))
    assert row["generated"]["mean"] == pytest.approx(expected)
    assert row["generated"]["low"] < expected < row["generated"]["high"]
    assert scores["fd"]["generated"]["mean"] == pytest.approx(frechet_distance(true.embedding, made.embedding))


def test_clips_of_other_lengths_are_compared_over_what_both_have(rng):
    true = heard(rng, [9, 12, 7, 20])
    made = heard(rng, [9, 12, 7, 20], like=true)
    found = by_clip(true, made, (2,))["mel_pcc"](np.array([1, 0, 3, 2]))
    assert found[0] == pytest.approx(mel_pcc(made.mel[1][:, :9], true.mel[0]))
    assert found[1] == pytest.approx(mel_pcc(made.mel[0], true.mel[1][:, :9]))


def test_three_clips_have_distances_without_interval(rng):
    true = heard(rng, [9] * 3)
    scores = score_sounds(true, heard(rng, [9] * 3, like=true), n_ways=[3], n_resamples=20)
    assert scores["fd"]["generated"]["mean"] > 0 and scores["fd"]["generated"]["low"] is None
    assert scores["mel_pcc"]["generated"]["low"] is not None


def test_what_all_spectrograms_share_does_not_hide_what_tells_them_apart(rng):
    voice, own = 10 * rng.normal(size=(4, 9)), rng.normal(size=(6, 4, 9))
    other = 10 * rng.normal(size=(4, 9))  # of another voice, and fainter
    true, decoded = ([base + gain * one for one in own] for base, gain in ((voice, 1.0), (other, 0.2)))
    scores = score_sounds(
        *(Heard(mels, None, None, None, None) for mels in (true, decoded)), n_ways=[6], n_resamples=20
    )
    assert scores["identification_mel@6"]["generated"]["mean"] == 1


def test_equal_clips_have_no_finite_psnr_anywhere(rng):
    one = rng.uniform(size=(4, 9))
    same = Heard([one] * 4, None, None, None, None)
    scores = score_sounds(same, same, n_ways=[2], n_resamples=20)
    assert scores["mel_psnr"]["shuffled"] == {"mean": None, "low": None, "high": None, "n_left_out": 4}
    assert scores["identification_mel@2"]["generated"]["mean"] == 0  # all tie
    assert set(scores) == {"mel_pcc", "mel_psnr", "identification_mel@2"}
