"""Classification of labels by stimulus: perfect, at chance, and not fooled by a stimulus that it knows."""

import numpy as np
import pytest
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.svm import SVC

from n2s.errors import UserError
from n2s.metrics.clip_scores import summarize_clips
from n2s.metrics.controls import is_chance
from n2s.metrics.semantic import classify, semantic_hits, tsne

STIMULUS = np.repeat(np.arange(24), 5)  # 24 stimuli of 5 clips
LABELS = np.array(["blues", "jazz", "rock"])[STIMULUS % 3]


@pytest.fixture
def kinds():
    """The three kinds lie apart, in dimensions of very different scale."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(3, 6))
    return (centres[STIMULUS % 3] * 3 + rng.normal(size=(120, 6))) * 10.0 ** np.arange(-3, 3)


def test_kinds_that_lie_apart_are_told(kinds):
    given = classify(kinds, LABELS, STIMULUS)
    assert given.dtype == LABELS.dtype and (given == LABELS).mean() > 0.95
    np.testing.assert_array_equal(given, classify(kinds.reshape(120, 2, 3), LABELS, STIMULUS))


def test_each_fold_against_a_machine_of_its_own(kinds):
    kinds = kinds + np.random.default_rng(1).normal(size=kinds.shape) * kinds.std(0) * 2
    given = classify(kinds, LABELS, STIMULUS, n_folds=2, penalty=0.1)
    for train, test in StratifiedGroupKFold(2, shuffle=True, random_state=0).split(kinds, LABELS, STIMULUS):
        assert not set(STIMULUS[train]) & set(STIMULUS[test])
        mean, deviation = kinds[train].mean(0), kinds[train].std(0)
        machine = SVC(kernel="linear", C=0.1).fit((kinds[train] - mean) / deviation, LABELS[train])
        np.testing.assert_array_equal(given[test], machine.predict((kinds[test] - mean) / deviation))


def test_knowing_the_stimulus_does_not_help():
    """Features that tell the stimulus and nothing of its kind: ungrouped folds call it meaning, grouped ones chance."""
    rng = np.random.default_rng(3)
    accuracies = {"grouped": [], "ungrouped": []}
    for _ in range(8):
        own = rng.normal(size=(24, 40))[STIMULUS] + 0.1 * rng.normal(size=(120, 40))
        accuracies["grouped"].append((classify(own, LABELS, STIMULUS) == LABELS).mean())
        accuracies["ungrouped"].append((classify(own, LABELS, np.arange(120)) == LABELS).mean())
    assert np.mean(accuracies["ungrouped"]) > 0.95
    assert np.mean(accuracies["grouped"]) < 0.45


def test_rows_beside_their_controls(kinds):
    subject = np.repeat(["a", "b"], 120)
    stimulus, labels = np.tile(STIMULUS, 2), np.tile(LABELS, 2)
    noise = np.random.default_rng(5).normal(size=kinds.shape)
    hits = semantic_hits(
        np.concatenate([kinds, noise]),
        labels,
        stimulus=stimulus,
        subject=subject,
        ceiling=np.concatenate([kinds, kinds]),
        n_permutations=4,
    )
    summary = summarize_clips(hits, subject, bounds=(0.0, 1.0))
    assert summary["model"]["per_subject"]["a"]["value"] > 0.95
    assert is_chance(hits["model"][subject == "b"].mean(), 120, 1 / 3)
    assert summary["ceiling"]["mean"] > 0.95
    assert abs(summary["shuffled"]["mean"] - 1 / 3) < 0.12
    assert summary["mean_prediction"]["mean"] == pytest.approx(1 / 3)  # as many clips of each kind


def test_a_kind_of_one_stimulus_cannot_be_tested(kinds):
    story = np.repeat(["hangtime", "smoke"], 60)
    gender = np.where(story == "smoke", "woman", "man")
    with pytest.raises(UserError, match=r"1 \(man\), 1 \(woman\) stimuli.*pass each clip as its own stimulus"):
        classify(kinds, gender, story)
    with pytest.raises(UserError, match="two labels or more"):
        classify(kinds, np.repeat("jazz", 120), STIMULUS)


def test_the_map_keeps_neighbours(kinds):
    kinds = (kinds - kinds.mean(0)) / kinds.std(0)
    points = tsne(kinds)
    assert points.shape == (120, 2)
    np.testing.assert_array_equal(points, tsne(kinds))
    distances = np.linalg.norm(points[:, None] - points[None], axis=2) + np.diag(np.full(120, np.inf))
    assert (LABELS[distances.argmin(1)] == LABELS).mean() > 0.9
    assert tsne(kinds[:5]).shape == (5, 2)  # fewer than the perplexity
    with pytest.raises(ValueError, match="3 clips make no map"):
        tsne(kinds[:3])
