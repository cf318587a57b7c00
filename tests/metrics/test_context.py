"""Scores of several windows together: against loops, on noise, and where a sentence says what a window cannot."""

import numpy as np
import pandas as pd
from scipy.special import logsumexp

from n2s.metrics import RetrievalResult
from n2s.metrics.context import over_listeners, sentence_pooled, with_sentences
from n2s.metrics.controls import is_chance
from n2s.metrics.retrieval import ranks
from n2s.metrics.summary import summarize

N_SENTENCES, N_WORDS, N_SUBJECTS = 12, 5, 3
SENTENCE = np.repeat(np.arange(N_SENTENCES), N_WORDS)  # of each candidate


def heard(evidence, *, seed=0, no_brain=0.0):
    """Every subject hears every candidate once; ``evidence`` for the sentence and for the word, on noise."""
    rng = np.random.default_rng(seed)
    k = len(SENTENCE)
    target = np.tile(np.arange(k), N_SUBJECTS)
    scores = rng.standard_normal((len(target), k))
    scores += evidence * (SENTENCE[target][:, None] == SENTENCE) + evidence * (target[:, None] == np.arange(k))
    subject = np.repeat([f"sim/{s}" for s in range(N_SUBJECTS)], k)
    table = pd.DataFrame({
        "recording": subject, "study": "sim", "start_s": 0.0, "stimulus": "a", "stimulus_start_s": 3.0 * target,
        "sequence": SENTENCE[target],
    })  # fmt: skip
    candidates = pd.DataFrame({
        "stimulus": "a", "start_s": 3.0 * np.arange(k), "duration_s": 3.0, "story": "s", "text": "", "audio": "",
    })  # fmt: skip
    same = no_brain * np.ones((len(target), k))
    return RetrievalResult(scores, target, subject, table, candidates, same)


def groups(result):
    return np.repeat(np.arange(N_SUBJECTS), len(SENTENCE)) * N_SENTENCES + SENTENCE[result.target]


def test_against_loops():
    rng = np.random.default_rng(1)
    scores = rng.standard_normal((7, 6)) * 3
    group, sentence = np.array([0, 0, 1, 1, 1, -1, -1]), np.array([0, 0, 1, 1, 1, 2])
    evidence = np.stack(
        [[logsumexp(row[sentence == s]) - np.log((sentence == s).sum()) for s in range(3)] for row in scores]
    )
    evidence -= evidence.mean(1, keepdims=True)
    expected = scores.copy()
    for i in range(7):
        for j in range(7):
            if i != j and group[i] == group[j] != -1:
                expected[i] += evidence[j][sentence]
    found = sentence_pooled(scores, group, sentence)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found[5:], scores[5:], rtol=1e-6)  # of no sentence: as they were
    shifted = sentence_pooled(scores + rng.standard_normal((7, 1)), group, sentence)  # a window's constant is nothing
    np.testing.assert_allclose(
        shifted - shifted.mean(1, keepdims=True), found - found.mean(1, keepdims=True), atol=1e-5
    )


def test_a_sentence_helps_its_windows_and_keeps_its_controls():
    single = heard(1.0)
    pooled = with_sentences(single, groups(single), SENTENCE)
    before, after = summarize(single, seed=0, n_permutations=50), summarize(pooled, seed=0, n_permutations=50)
    assert after["model"]["top1"]["mean"] > before["model"]["top1"]["mean"] + 0.1
    chance = before["chance"]["top1"]["mean"]
    assert after["shuffled"]["top1"]["mean"] < 2 * chance  # another sentence's windows: no better than a guess
    assert after["no_brain"]["top1"]["low"] < chance < after["no_brain"]["top1"]["high"]
    for p in range(3):  # nobody takes the place of a window of the same sentence
        assert (
            np.mean(ranks(pooled.scores[np.random.default_rng(p).permutation(len(single.target))], single.target) < 1)
            < 0.2
        )


def test_noise_stays_at_chance():
    single = heard(0.0, seed=3)
    pooled = with_sentences(single, groups(single), SENTENCE)
    n, k = pooled.scores.shape
    assert is_chance(np.mean(ranks(pooled.scores, pooled.target) < 10), n, 10 / k)


def test_listeners_averaged_is_the_mean_estimate():
    rng = np.random.default_rng(0)
    single = heard(1.0)
    estimate, candidate = rng.standard_normal((len(single.target), 8)), rng.standard_normal((len(SENTENCE), 8))
    single.scores = (estimate @ candidate.T).astype(np.float32)
    averaged = over_listeners(single)
    mean = np.stack([estimate[single.target == segment].mean(0) for segment in range(len(SENTENCE))])
    np.testing.assert_allclose(averaged.scores, mean @ candidate.T, atol=1e-5)
    assert averaged.subject.tolist() == ["sim/all"] * len(SENTENCE)
    assert averaged.target.tolist() == list(range(len(SENTENCE)))
    assert summarize(averaged, seed=0, n_permutations=20)["n_windows"] == len(SENTENCE)


def test_saved_with_its_groups(tmp_path):
    single = heard(1.0)
    pooled = with_sentences(single, groups(single), SENTENCE)
    pooled.save(tmp_path / "test, sentence context")
    again = RetrievalResult.load(tmp_path / "test, sentence context")
    np.testing.assert_array_equal(again.group, SENTENCE[single.target])
    assert summarize(again, seed=1, n_permutations=5) == summarize(pooled, seed=1, n_permutations=5)
