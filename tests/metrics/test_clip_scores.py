"""What a clip's score stands beside: exchanges within a subject, the training mean, intervals."""

import json

import numpy as np
import pytest
from scipy import stats

from n2s.metrics.clip_scores import (
    Units,
    clip_entry,
    deviation,
    exchanged,
    independent_units,
    mean_over,
    summarize_clips,
    with_controls,
)
from n2s.metrics.score import ALL

SUBJECT = np.repeat(["a", "b"], [12, 9])
STIMULUS = np.array([*np.repeat(np.arange(4), 3), *np.repeat(np.arange(3), 3)])


def closeness(predicted, true):
    return -np.abs(predicted - true).mean(1)


def test_responses_are_exchanged_within_a_subject_and_between_stimuli():
    orders = exchanged(STIMULUS, SUBJECT, n_permutations=500, seed=0)
    assert orders.shape == (18, 21)  # all 9 ways to mismatch four stimuli, and both of three
    for order in orders:
        np.testing.assert_array_equal(np.sort(order), np.arange(21))  # each is used once
        np.testing.assert_array_equal(SUBJECT[order], SUBJECT)
        assert (STIMULUS[order] != STIMULUS).all()
    assert len({tuple(order) for order in orders}) == len(orders)
    np.testing.assert_array_equal(orders, exchanged(STIMULUS, SUBJECT, n_permutations=500, seed=0))


def test_what_neighbours_have_in_common_stays_with_neighbours():
    """Predictions drift slowly and know nothing: an exchange scatters as much as they do, a shuffle far less."""
    rng = np.random.default_rng(0)
    unit, subject = np.repeat(np.arange(12), 10), np.zeros(120)
    found, exchanges, shuffles = [], [], []
    for seed in range(60):
        predicted = np.repeat(rng.normal(size=12), 10) + 0.3 * rng.normal(size=120)
        true = np.repeat(rng.normal(size=12), 10) + 0.3 * rng.normal(size=120)
        found.append(predicted @ true)
        exchanges.append([predicted[order] @ true for order in exchanged(unit, subject, n_permutations=40, seed=seed)])
        shuffles.append([predicted[rng.permutation(120)] @ true for _ in range(40)])
    true, kept, lost = np.std(found), np.mean(np.std(exchanges, 1)), np.mean(np.std(shuffles, 1))
    assert kept == pytest.approx(true, rel=0.25) and lost < 0.5 * true


def test_units_are_stimuli_or_stretches_of_too_few():
    stimulus, start_s = np.repeat(["a", "b", "c"], 10), np.tile(np.arange(10.0), 3)
    units = independent_units(stimulus, np.zeros(30), start_s, duration_s=1.0)
    assert units.words == "stimuli" and (units.of == stimulus).all()
    for some in (stimulus < "c", stimulus == "a"):
        cut = independent_units(stimulus[some], np.zeros(some.sum()), start_s[some], duration_s=1.0)
        assert cut.words == "stretches of stimuli" and len(set(cut.of)) == 4
        for name in set(cut.of):
            own = cut.of == name
            assert len(set(stimulus[some][own])) == 1 and np.ptp(start_s[some][own]) == own.sum() - 1
    # one subject heard a stimulus for more than half of the time; the other one's clips do not matter
    subject = np.array(["x", "y"])[(np.arange(30) < 18).astype(int)]
    assert independent_units(stimulus, subject, start_s, duration_s=1.0).words == "stretches of stimuli"
    twice = independent_units(np.repeat("a", 24), np.zeros(24), np.tile(np.arange(12.0), 2), duration_s=1.0)
    np.testing.assert_array_equal(twice.of[:12], twice.of[12:])  # a repeat lies in the stretch of its clip


def test_clips_that_overlap_count_for_what_is_new_in_them():
    """Windows of 4 s, one a second: their stretches were of five clips, 5.2 s, and alike beyond their borders."""
    rng, start_s, hits = np.random.default_rng(0), np.arange(100.0), 0
    units = independent_units(np.repeat("a", 100), np.zeros(100), start_s, duration_s=4.0)
    assert len(set(units.of)) == 5
    for _ in range(1500):
        windows = np.convolve(0.1 * rng.standard_normal(103), np.ones(4), "valid")
        found = mean_over(windows, units.of, (-1, 1))
        hits += found.low <= 0 <= found.high
    assert hits / 1500 > 0.93  # was .91
    # neighbours of other lengths do not overlap
    lasts_s = rng.uniform(2, 10, 40)
    sentences = np.append(0, np.cumsum(lasts_s)[:-1])
    units = independent_units(np.repeat("a", 40), np.zeros(40), sentences, duration_s=lasts_s)
    assert len(set(units.of)) == 8


def test_a_subject_without_a_score_takes_no_control_from_the_others():
    rng, subject = np.random.default_rng(0), np.repeat(["a", "b", "c"], 8)
    found = {"model": rng.normal(size=24), "shuffled": rng.normal(size=(50, 24))}
    for values in found.values():
        values[..., 16:] = np.nan  # its true sounds are silent
    units = Units(np.tile(np.arange(8), 3), "stimuli")
    rows = summarize_clips(found, subject, units=units, bounds=(-np.inf, np.inf))
    assert rows["model"][ALL].mean == pytest.approx(found["model"][:16].mean())
    assert rows["shuffled"][ALL].mean == pytest.approx(found["shuffled"][:, :16].mean())
    assert rows["shuffled"]["c"].mean is None


def test_rows_against_a_loop():
    rng = np.random.default_rng(0)
    true, predicted, mean = rng.normal(size=(21, 5)), rng.normal(size=(21, 5)), rng.normal(size=5)
    orders = exchanged(STIMULUS, SUBJECT, n_permutations=99, seed=0)[:3]
    means = np.where(SUBJECT == "a", 1.0, 2.0)[:, None] * np.ones((21, 5))
    given = {"mean_prediction": mean, "subject_only": means}
    found = with_controls(closeness, predicted, true, exchanges=orders, means=given, ceiling=true)
    for i in range(21):
        assert found["model"][i] == -np.mean(np.abs(predicted[i] - true[i]))
        assert found["mean_prediction"][i] == -np.mean(np.abs(mean - true[i]))
        assert found["ceiling"][i] == 0
        for p in range(3):
            assert found["shuffled"][p, i] == -np.mean(np.abs(predicted[orders[p, i]] - true[i]))
    np.testing.assert_array_equal(found["subject_only"], closeness(means, true))
    assert "ceiling" not in with_controls(closeness, predicted, true, exchanges=orders, means={})


def test_a_control_of_another_shape_is_an_error():
    true, orders = np.zeros((21, 5)), np.zeros((2, 21), int)
    for wrong in ({"means": {"mean": np.zeros(4)}}, {"predicted": np.zeros((20, 5))}, {"exchanges": orders[:, :3]}):
        given = {"predicted": true, "exchanges": orders, "means": {}} | wrong
        with pytest.raises(ValueError, match="has shape"):
            with_controls(closeness, true=true, **given)


def test_intervals_over_subjects_and_over_units():
    rng = np.random.default_rng(1)
    subject, unit = np.repeat(["x", "y", "z"], [8, 8, 12]), np.repeat(np.arange(7), 4)
    scores, shuffled = rng.uniform(size=28) - 0.5, rng.uniform(size=(200, 28))
    summary = summarize_clips(
        {"model": scores, "shuffled": shuffled}, subject, units=Units(unit, "stimuli"), bounds=(-1.0, 1.0)
    )
    plain = clip_entry(summary["model"], scores)
    assert json.loads(json.dumps(plain)) == plain
    means = np.array([scores[subject == name].mean() for name in "xyz"])
    row = summary["model"][ALL]
    low, high = stats.t.interval(0.95, 2, means.mean(), stats.sem(means))
    np.testing.assert_allclose(row[:3], [means.mean(), max(low, -1), min(high, 1)])
    assert plain["deviation"] == pytest.approx(means.std(ddof=1)) and row.kind == "95% t interval over 3 subjects"
    own = scores[subject == "z"].reshape(3, 4).mean(1)  # three stimuli, not twelve clips
    low, high = stats.t.interval(0.95, 2, own.mean(), stats.sem(own))
    np.testing.assert_allclose(summary["model"]["z"][:3], [own.mean(), low, high])
    null = np.mean([shuffled[:, subject == name].mean(1) for name in "xyz"], axis=0)
    assert summary["shuffled"][ALL].mean == pytest.approx(null.mean())
    assert summary["shuffled"][ALL].low == pytest.approx(np.quantile(null, 0.025))
    few = summarize_clips({"shuffled": shuffled[:20]}, subject, units=Units(unit, ""), bounds=(-1.0, 1.0))["shuffled"][
        ALL
    ]
    assert few.low == pytest.approx(null[:20].min()) and few.kind == "lowest to highest of 20 exchanges"


def test_a_row_that_is_the_same_for_all_subjects_has_no_interval_over_them():
    subject, units = np.repeat(["x", "y"], 6), Units(np.tile(np.repeat(np.arange(3), 2), 2), "stimuli")
    same = np.tile([0.1, 0.5, 0.2, 0.9, 0.4, 0.3], 2)
    row = summarize_clips({"mean_prediction": same}, subject, units=units, bounds=(-1.0, 1.0))["mean_prediction"]
    assert row[ALL].low is None and row[ALL].high is None and "the same for every subject" in row[ALL].kind
    assert row[ALL].mean == pytest.approx(0.4) and row["x"].low < 0.4


def test_one_subject_hits_and_infinite_scores():
    one_each = Units(np.arange(4), "stimuli")
    one = summarize_clips({"model": np.array([1.0, 0, 1, 1])}, np.repeat("a", 4), units=one_each, bounds=(0.0, 1.0))
    mean, low, high, kind = one["model"][ALL]
    assert mean == 0.75 and 0 < low < 0.5 and high <= 1 and deviation(one["model"]) is None
    assert kind == "95% interval over stimuli of one subject"
    subject = np.array(["a", "a", "b", "b"])
    for values, mean, n_left_out in ((np.array([1.0, 3, np.inf, 5]), 3.5, 1), (np.full(4, np.inf), None, 4)):
        row = summarize_clips({"model": values}, subject, units=one_each, bounds=(0.0, 9.0))["model"]
        assert row[ALL].mean == mean and clip_entry(row, values)["n_left_out"] == n_left_out
    exchanges = np.array([[1.0, 2, np.inf, 3], [np.inf, 1, np.inf, 2]])
    row = summarize_clips({"shuffled": exchanges}, subject, units=one_each, bounds=(0.0, 9.0))["shuffled"]
    assert clip_entry(row, exchanges)["n_left_out"] == 2  # clips, not values
    alone = summarize_clips({"model": np.arange(4.0)}, np.repeat("a", 4), units=Units(np.zeros(4), ""), bounds=(0, 9))
    assert alone["model"][ALL].mean == 1.5 and alone["model"][ALL].low is None  # one stimulus: no interval
