"""Folds as one test set: windows keep the candidates and the model of their own fold."""

from dataclasses import replace

import numpy as np
import pytest
from planted import planted_result, with_attention

from n2s.metrics.exchange import exchanged_targets
from n2s.systems.contrastive.figures import similarity_matrix
from n2s.systems.contrastive.result import RetrievalResult
from n2s.systems.contrastive.words import candidates_sentence, notes, verdict


@pytest.fixture(scope="module")
def parts():
    """Three folds with stories, sizes and models of their own."""
    return [
        planted_result(n_subjects=2, n_per_story=n, stories=(f"a{fold}", f"b{fold}"), seed=fold)
        for fold, n in enumerate((12, 8, 10))
    ]


@pytest.fixture(scope="module")
def pooled(parts):
    return RetrievalResult.pooled(parts)


def test_ranks_are_those_of_the_folds(parts, pooled):
    for row in ("model", "ceiling"):
        np.testing.assert_array_equal(pooled.ranks[row], np.concatenate([one.ranks[row] for one in parts]))
    assert sorted(set(pooled.n_candidates)) == [16, 20, 24]
    assert pooled.scores().get("top1", "model", "planted/s0").mean == pytest.approx(
        np.mean(np.concatenate([one.ranks["model"][one.subject == "planted/s0"] for one in parts]) == 0)
    )
    chance = [min(1, 10 / len(one.candidates)) * len(one.windows) for one in parts]
    assert pooled.scores().get("top10", "chance").mean == pytest.approx(sum(chance) / len(pooled.windows))
    assert pooled.facts()["n_folds"] == 3 and parts[0].facts()["n_folds"] == 1


def test_how_similar_another_fold_s_model_finds_things_changes_nothing(parts, pooled):
    """A planted leak: a model whose scores tell the fold, and know nothing else."""
    louder = RetrievalResult.pooled([replace(one, similarity=one.similarity + 1000 * i) for i, one in enumerate(parts)])
    for row in ("model", "shuffled"):
        np.testing.assert_array_equal(louder.ranks[row], pooled.ranks[row])


def test_brains_are_exchanged_inside_a_fold_only(pooled):
    asked = exchanged_targets(pooled.target, pooled.listener, pooled.candidates, most=50)
    fold_of = np.empty(len(pooled.candidates), int)
    fold_of[pooled.target] = pooled.fold
    kept = asked >= 0
    assert kept.any(1).all()
    np.testing.assert_array_equal(fold_of[asked[kept]], np.broadcast_to(pooled.fold, asked.shape)[kept])
    assert (asked[kept] != np.broadcast_to(pooled.target, asked.shape)[kept]).all()


def test_noise_is_at_chance_and_a_decoder_above_it(pooled):
    rng = np.random.default_rng(0)
    noise = replace(pooled, similarity=rng.standard_normal(pooled.similarity.shape))
    assert verdict(noise, "model", 1) == "inside" and verdict(pooled, "model", 1) == "above"
    scores = noise.scores()
    assert scores.get("top1", "model").mean == pytest.approx(scores.get("top1", "chance").mean, abs=0.06)
    assert scores.get("top1", "shuffled").mean == pytest.approx(scores.get("top1", "chance").mean, abs=0.02)


def test_a_baseline_that_some_folds_lack_knows_nothing_there_and_a_ceiling_is_left_out(parts):
    sets = np.ones((2, len(parts[0].candidates)), bool)
    knows = replace(parts[0], candidate_sets=sets, candidate_set=(parts[0].subject == "planted/s1").astype(int),
                    subject_only=10 * np.eye(len(parts[0].candidates))[parts[0].target])  # fmt: skip
    pooled = RetrievalResult.pooled([knows, replace(parts[1], ideal=None), parts[2]])
    found = pooled.ranks["subject_only"]
    assert (found[pooled.fold == 0] == 0).all() and (found[pooled.fold == 1] == 0).mean() < 0.3
    assert pooled.ideal is None and "ceiling" not in pooled.ranks


def test_sentences_channels_and_texts_are_kept_apart(parts, tmp_path):
    def told(one, i):
        group = np.where(one.target % 5 == 4, -1, one.target // 5)
        return replace(with_attention(one), group=group, gaps=[f"gap {min(i, 1)}"], sounds=["alike"])

    pooled = RetrievalResult.pooled([told(one, i) for i, one in enumerate(parts)])
    assert pooled.gaps == ["fold 1: gap 0", "folds 2, 3: gap 1"] and pooled.sounds == ["alike"]
    assert len(pooled.attention) == 3 * len(with_attention(parts[0]).attention)
    per_fold = [set(pooled.group[(pooled.fold == i) & (pooled.group != -1)]) for i in range(3)]
    assert sum(map(len, per_fold)) == len(set().union(*per_fold)) and -1 in pooled.group
    pooled.save(tmp_path)
    again = RetrievalResult.load(tmp_path)
    np.testing.assert_array_equal(again.fold, pooled.fold)
    assert again.facts() == pooled.facts()


def test_the_page_says_how_windows_were_ranked(pooled):
    assert "held out once, in 3 folds" in candidates_sentence(pooled) and "(16 to 24)" in candidates_sentence(pooled)
    assert any("share most of their training data" in line for line in notes(pooled))
    image = similarity_matrix(pooled).figure.axes[0].images[0].get_array()
    assert np.isfinite(image).all() and image.shape[1] in (8, 10, 12)  # segments of one fold
