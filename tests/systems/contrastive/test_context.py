"""Scores of several windows together: against loops, on noise, and where a sentence says what a window cannot."""

from dataclasses import replace

import numpy as np
import pandas as pd
from chance import is_chance
from scipy.special import logsumexp

from n2s.metrics.retrieval import ranks
from n2s.systems.contrastive.context import over_listeners, sentence_pooled, with_sentences
from n2s.systems.contrastive.result import RetrievalResult

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
    lengths = [2, 3, 1]

    def evidence(row):
        own = np.array([logsumexp(row[sentence == s]) - np.log(lengths[s]) for s in range(3)])
        runs = [  # of as many neighbours, anywhere
            [logsumexp(row[(start + np.arange(n)) % 6]) - np.log(n) for start in range(6)] for n in lengths
        ]
        spread = np.std(runs, axis=1)
        return (own - np.mean(runs, axis=1)) / spread * spread.mean()

    expected = scores.copy()
    for i in range(7):
        for j in range(7):
            if i != j and group[i] == group[j] != -1:
                expected[i] += evidence(scores[j])[sentence]
    found = sentence_pooled(scores, group, sentence)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found[5:], scores[5:], rtol=1e-6)  # of no sentence: as they were
    shifted = sentence_pooled(scores + rng.standard_normal((7, 1)), group, sentence)  # a window's constant is nothing
    np.testing.assert_allclose(
        shifted - shifted.mean(1, keepdims=True), found - found.mean(1, keepdims=True), atol=1e-5
    )
    among = np.ones((7, 6), bool)
    among[:2, 5] = False  # what is no candidate has no say
    few = sentence_pooled(scores, group, sentence, among)
    np.testing.assert_allclose(few[:2, :5], sentence_pooled(scores[:2, :5], group[:2], sentence[:5]), rtol=1e-5)
    np.testing.assert_array_equal(few[2:], found[2:])


def test_evidence_of_noise_does_not_grow_with_the_number_of_candidates():
    rng = np.random.default_rng(0)
    sentence = np.repeat(np.arange(10), [1, 2, 3, 5, 8, 13, 21, 8, 2, 1])
    scores = 2.0 * rng.standard_normal((4000, len(sentence)))
    group = np.repeat(np.arange(2000), 2)
    added = sentence_pooled(scores, group, sentence) - scores
    first = np.unique(sentence, return_index=True)[1]
    mean, spread = added[:, first].mean(0), added[:, first].std(0)
    np.testing.assert_allclose(mean, 0.0, atol=0.12)  # without correction 0 to 1.6
    np.testing.assert_allclose(spread / spread.mean(), 1.0, atol=0.1)


def test_a_sentence_helps_its_windows_and_keeps_its_controls():
    single = heard(1.0)
    pooled = with_sentences(single, groups(single), SENTENCE)
    before, after = (replace(one, n_permutations=50).facts() for one in (single, pooled))
    assert after["model"]["top1"]["mean"] > before["model"]["top1"]["mean"] + 0.1
    chance = before["chance"]["top1"]["mean"]
    assert after["shuffled"]["top1"]["mean"] < 2 * chance  # another sentence's windows: no better than a guess
    assert after["chance"]["top1"]["mean"] == after["shuffled"]["top1"]["mean"]  # one null for both
    assert after["ceiling"] is None
    for p in range(3):  # nobody takes the place of a window of the same sentence
        assert (
            np.mean(
                ranks(pooled.similarity[np.random.default_rng(p).permutation(len(single.target))], single.target) < 1
            )
            < 0.2
        )


def test_noise_stays_at_chance():
    single = heard(0.0, seed=3)
    pooled = with_sentences(single, groups(single), SENTENCE)
    n, k = pooled.similarity.shape
    assert is_chance(np.mean(ranks(pooled.similarity, pooled.target) < 10), n, 10 / k)


def test_listeners_averaged_is_the_mean_estimate():
    rng = np.random.default_rng(0)
    single = heard(1.0)
    estimate, candidate = rng.standard_normal((len(single.target), 8)), rng.standard_normal((len(SENTENCE), 8))
    single.similarity = (estimate @ candidate.T).astype(np.float32)
    averaged = over_listeners(single)
    mean = np.stack([estimate[single.target == segment].mean(0) for segment in range(len(SENTENCE))])
    np.testing.assert_allclose(averaged.similarity, mean @ candidate.T, atol=1e-5)
    assert averaged.subject.tolist() == ["sim/all"] * len(SENTENCE)
    assert averaged.target.tolist() == list(range(len(SENTENCE)))
    assert averaged.facts()["n_windows"] == len(SENTENCE)


def test_who_heard_a_segment_tells_nothing_of_it_where_listeners_are_averaged():
    """Of three listeners, each heard two thirds: the averaged windows are ranked among what all their listeners heard."""
    single = heard(0.0)
    number = np.unique(single.subject, return_inverse=True)[1]
    sets = np.arange(len(SENTENCE)) // 20 != np.arange(N_SUBJECTS)[:, None]
    kept = sets[number, single.target]
    prefer = single.similarity[kept] + 6.0 * sets[number[kept]]
    parts = RetrievalResult(
        prefer, single.target[kept], single.subject[kept], single.windows[kept], single.candidates,
        np.zeros_like(prefer), candidate_sets=sets, candidate_set=number[kept],
    )  # fmt: skip
    averaged = over_listeners(parts)
    assert averaged.n_candidates.tolist() == [20] * 60  # each was heard by two, who share that third
    assert np.mean(ranks(averaged.similarity, averaged.target) < 10) > 0.4  # among all 60: the leak
    assert is_chance(np.mean(ranks(averaged.similarity, averaged.target, averaged.allowed) < 10), 60, 0.5)


def test_the_ideal_observer_of_many_listeners_adds_what_each_says():
    single = heard(1.0)
    single.ideal = single.similarity.copy()
    averaged = over_listeners(single)
    total = np.stack([single.ideal[single.target == segment].sum(0) for segment in range(len(SENTENCE))])
    np.testing.assert_allclose(averaged.ideal, total, rtol=1e-5, atol=1e-6)


def test_saved_with_its_groups(tmp_path):
    single = heard(1.0)
    pooled = with_sentences(single, groups(single), SENTENCE)
    pooled.save(tmp_path / "test, sentence context")
    again = RetrievalResult.load(tmp_path / "test, sentence context")
    np.testing.assert_array_equal(again.group, SENTENCE[single.target])
    assert again.facts() == pooled.facts()
