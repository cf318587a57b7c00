"""Classification of labels by stimulus: perfect, at chance, and not fooled by a stimulus that it knows."""

import numpy as np
import pytest
from chance import is_chance
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.svm import SVC

from n2s.errors import UserError
from n2s.metrics.clip_scores import Units, exchanged, summarize_clips
from n2s.metrics.score import ALL
from n2s.metrics.semantic import classify, common_label, fold_groups, semantic_hits, tsne

STIMULUS = np.repeat(np.arange(24), 5)  # 24 stimuli of 5 clips
LABELS = np.array(["blues", "jazz", "rock"])[STIMULUS % 3]


@pytest.fixture
def kinds():
    """The three kinds lie apart."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(3, 6))
    return (centres[STIMULUS % 3] * 3 + rng.normal(size=(120, 6))) * 100


def test_kinds_that_lie_apart_are_told(kinds):
    given = classify(kinds, LABELS, STIMULUS)
    assert given.dtype == LABELS.dtype and (given == LABELS).mean() > 0.95
    np.testing.assert_array_equal(given, classify(kinds.reshape(120, 2, 3), LABELS, STIMULUS))


def test_each_fold_against_a_machine_of_its_own(kinds):
    kinds = kinds + np.random.default_rng(1).normal(size=kinds.shape) * kinds.std(0) * 2
    given = classify(kinds, LABELS, STIMULUS, n_folds=2, penalty=0.1)
    assert 0.5 < (given == LABELS).mean() < 0.95  # neither all alike nor all right: machines could differ
    for train, test in StratifiedGroupKFold(2, shuffle=True, random_state=0).split(kinds, LABELS, STIMULUS):
        assert not set(STIMULUS[train]) & set(STIMULUS[test])
        centred = kinds - kinds[train].mean(0)
        scaled = centred / np.sqrt((centred[train] ** 2).sum(1).mean())
        machine = SVC(kernel="linear", C=0.1).fit(scaled[train], LABELS[train])
        np.testing.assert_array_equal(given[test], machine.predict(scaled[test]))


def test_what_never_changes_and_what_is_past_one_block_of_columns_is_right():
    rng = np.random.default_rng(4)
    shift = np.where(LABELS == "jazz", 2.0, 0.0)[:, None]
    wide = np.concatenate([np.full((120, 2**14), 0.1, np.float32), rng.normal(size=(120, 5)) + shift], 1)
    np.testing.assert_array_equal(classify(wide, LABELS, STIMULUS), classify(wide[:, -5:], LABELS, STIMULUS))


def test_clips_left_out_change_nothing_that_is_learnt(kinds):
    """One clip a thousand times too large: only its own fold's answers of it may change, nobody else's machine scale."""
    folds = list(StratifiedGroupKFold(2, shuffle=True, random_state=0).split(kinds, LABELS, STIMULUS))
    _, test = folds[0]
    planted = kinds.copy()
    planted[test[0]] *= 1000
    before, after = (classify(values, LABELS, STIMULUS, n_folds=2) for values in (kinds, planted))
    np.testing.assert_array_equal(before[test[1:]], after[test[1:]])


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
    exchanges = exchanged(stimulus, subject, n_permutations=4, seed=0)
    hits = semantic_hits(
        np.concatenate([kinds, noise]),
        labels,
        stimulus=stimulus,
        subject=subject,
        exchanges=exchanges,
        ceiling=np.concatenate([kinds, kinds]),
        others={"fine_only": np.concatenate([noise, kinds])},
    )
    np.testing.assert_array_equal(hits["fine_only"][:120], classify(noise, LABELS, STIMULUS) == LABELS)
    np.testing.assert_array_equal(hits["fine_only"][120:], classify(kinds, LABELS, STIMULUS) == LABELS)
    summary = summarize_clips(hits, subject, units=Units(stimulus, "stimuli"), bounds=(0.0, 1.0))
    assert summary["model"]["a"].mean > 0.95
    assert is_chance(hits["model"][subject == "b"].mean(), 120, 1 / 3)
    assert summary["ceiling"][ALL].mean > 0.95
    assert abs(summary["shuffled"][ALL].mean - 1 / 3) < 0.12
    # each exchange is the classification of features that stand at other clips
    order = exchanges[2][:120]
    given = classify(kinds[order], LABELS, STIMULUS)
    np.testing.assert_array_equal(hits["shuffled"][2, :120], given == LABELS)
    assert summary["mean_prediction"][ALL].mean == pytest.approx(1 / 3)  # as many clips of each kind


def test_a_kind_of_one_stimulus_cannot_be_tested(kinds):
    story = np.repeat(["hangtime", "smoke"], 60)
    gender = np.where(story == "smoke", "woman", "man")
    with pytest.raises(
        UserError, match=r"1 \(man\), 1 \(woman\) stimuli or stretches.*pass each clip as its own stimulus"
    ):
        classify(kinds, gender, story)
    with pytest.raises(UserError, match="expected two labels or more"):
        classify(kinds, np.repeat("jazz", 120), STIMULUS)


def test_stories_of_which_a_label_has_too_few_are_cut_into_stretches():
    story = np.repeat(["hangtime", "smoke"], 60)
    gender = np.where(story == "smoke", "woman", "man")
    start_s = np.tile(np.repeat(np.arange(20), 3), 2) * 2.0  # each clip was heard three times
    groups, whole = fold_groups(gender, story, start_s)
    assert not whole and len(set(groups)) == 10
    for name in set(groups):
        own = groups == name
        assert len(set(story[own])) == 1 and own.sum() == 12
        starts = np.unique(start_s[own])
        assert np.ptp(starts) == 6.0  # four clips on end, with all their repeats
    groups, whole = fold_groups(LABELS, STIMULUS, np.tile(np.arange(5), 24))
    assert whole and (groups == STIMULUS.astype(str)).all()


def test_exchanges_of_two_stories_are_at_chance():
    """Between two stories, a decoder that tells them apart tells them as well when they change places."""
    rng = np.random.default_rng(6)
    story = np.repeat(["hangtime", "smoke"], 60)
    told = rng.normal(size=(120, 8)) + np.where(story == "smoke", 2.0, -2.0)[:, None]
    groups, _ = fold_groups(story, story, np.tile(np.arange(60), 2))
    subject = np.repeat("a", 120)
    exchanges = exchanged(groups, subject, n_permutations=40, seed=0)
    hits = semantic_hits(told, story, stimulus=groups, subject=subject, exchanges=exchanges)
    assert hits["model"].mean() > 0.95
    assert 0.3 < hits["shuffled"].mean() < 0.65


def test_runs_whose_mean_was_taken_away_are_told_worse_than_by_chance():
    """What is the same in all of a run is lost with its mean, and slow changes of the rest point the other way."""
    accuracies = {"as measured": [], "without the mean": []}
    story = np.repeat(["hangtime", "smoke"], 100)
    groups, _ = fold_groups(story, story, np.tile(np.arange(100), 2))
    for seed in range(6):
        rng = np.random.default_rng(seed)
        slow = np.repeat(rng.normal(size=(2, 10, 5)), 10, axis=1)
        runs = slow + rng.normal(size=(2, 100, 5)) + np.array([0.7, -0.7])[:, None, None]
        for name, values in (("as measured", runs), ("without the mean", runs - runs.mean(1, keepdims=True))):
            accuracies[name].append((classify(values.reshape(200, 5), story, groups) == story).mean())
    assert np.mean(accuracies["as measured"]) > 0.7
    assert np.mean(accuracies["without the mean"]) < 0.45


def test_a_guess_knows_whose_labels_they_are():
    labels, subject = np.array(["x", "x", "x", "y", "z", "z"]), np.array(["a"] * 4 + ["b"] * 2)
    assert common_label(labels, subject) == pytest.approx((3 / 4 + 1) / 2)


def test_labels_that_a_person_met_too_seldom_are_cut_into_stretches():
    """Five people heard two stories each, one of each voice: there are ten stories, but each person has two."""
    subject, story = np.repeat(np.arange(5), 20), np.repeat(np.arange(10), 10)
    voice = np.where(story % 2, "man", "woman")
    start_s = np.tile(np.arange(10.0), 10)
    assert fold_groups(voice, story, start_s)[1]
    groups, whole = fold_groups(voice, story, start_s, subject=subject)
    assert not whole and len(set(groups)) == 50


def test_the_map_keeps_neighbours(kinds):
    kinds = (kinds - kinds.mean(0)) / kinds.std(0)
    points = tsne(kinds)
    assert points.shape == (120, 2)
    np.testing.assert_array_equal(points, tsne(kinds))
    distances = np.linalg.norm(points[:, None] - points[None], axis=2) + np.diag(np.full(120, np.inf))
    assert (LABELS[distances.argmin(1)] == LABELS).mean() > 0.9
    assert tsne(kinds[:5]).shape == (5, 2)  # fewer than the perplexity
    with pytest.raises(ValueError, match="3 clips are too few for a map"):
        tsne(kinds[:3])
