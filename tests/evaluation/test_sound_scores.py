"""Scores of what was heard: who is compared with whom, clips of several examples, and clips of other lengths."""

import numpy as np
import pytest

from n2s.evaluation.networks import Heard
from n2s.evaluation.sound_claims import claims_text, sound_claims
from n2s.evaluation.sound_scores import by_clip, score_sounds
from n2s.metrics import frechet_distance, mel_pcc
from n2s.metrics.clip_scores import Units


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def each(n: int) -> Units:
    return Units(np.arange(n), "clips")


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
    scores = score_sounds(true, made, units=each(6), n_ways=[2])
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


def test_clips_of_one_stimulus_have_no_interval(rng):
    true = heard(rng, [9] * 3)
    scores = score_sounds(true, heard(rng, [9] * 3, like=true), units=each(3), n_ways=[3])
    assert scores["fd"]["generated"]["mean"] > 0 and scores["mel_pcc"]["generated"]["low"] is not None
    one = score_sounds(true, true, units=Units(np.zeros(3), "stimuli"), n_ways=[2])
    assert all(row["generated"]["low"] is None and (row["ahead"] or {"p": None})["p"] is None for row in one.values())


def test_what_all_spectrograms_share_does_not_hide_what_tells_them_apart(rng):
    voice, own = 10 * rng.normal(size=(4, 9)), rng.normal(size=(6, 4, 9))
    other = 10 * rng.normal(size=(4, 9))  # of another voice, and fainter
    true, decoded = ([base + gain * one for one in own] for base, gain in ((voice, 1.0), (other, 0.2)))
    scores = score_sounds(*(Heard(mels, None, None, None, None) for mels in (true, decoded)), units=each(6), n_ways=[6])
    assert scores["identification_mel@6"]["generated"]["mean"] == 1


def test_equal_clips_have_no_finite_psnr_anywhere(rng):
    one = rng.uniform(size=(4, 9))
    same = Heard([one] * 4, None, None, None, None)
    scores = score_sounds(same, same, units=each(4), n_ways=[2])
    shuffled = scores["mel_psnr"]["shuffled"]
    assert shuffled["mean"] is None and shuffled["n_left_out"] == 4
    assert set(scores) == {"mel_pcc", "mel_psnr"}  # all clips are the same one: there is nothing to tell apart


def test_a_clip_that_is_there_twice_is_one_candidate(rng):
    true = heard(rng, [9] * 6)
    places = [0, 1, 2, 3, 4, 5, 2, 4]
    twice = Heard(
        *(
            None if v is None else [v[i] for i in places] if isinstance(v, list) else v[places]
            for v in vars(true).values()
        )
    )
    scores = score_sounds(twice, twice, units=each(8), n_ways=[2, 6, 8])
    for kind in ("mel", "cnn14", "clap"):
        assert scores[f"identification_{kind}@6"]["generated"]["mean"] == 1
        assert f"identification_{kind}@8" not in scores


@pytest.mark.slow
def test_sounds_at_chance_are_ahead_of_nothing_and_equal_ones_of_all():
    rng, n_wrong = np.random.default_rng(3), 0
    true = heard(rng, [9] * 20)
    for _ in range(20):
        claims = sound_claims(score_sounds(true, heard(rng, [9] * 20), units=each(20), n_ways=[2, 5]))
        assert len(claims) == 6 and all(one["p_holm"] >= one["p"] for one in claims.values())
        n_wrong += any(one["ahead"] for one in claims.values())
    assert n_wrong <= 3  # of 20 pages, 5% of which may claim something
    claims = sound_claims(score_sounds(true, heard(rng, [9] * 20, like=true), units=each(20), n_ways=[2, 5]))
    assert all(one["ahead"] for one in claims.values())
    text = " ".join(claims_text(claims, "the sounds of x"))
    assert "After Holm's correction for 6 tests, the sounds of x are ahead of chance in 2-way by mel by" in text
    assert "not reliably" not in text
