"""What may be claimed: differences with intervals, p of the exchanges, and a page of noise that claims as seldom as it says."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from n2s.metrics.claims import Lead, ahead, ahead_of_nothing, claimed, probability
from n2s.metrics.clip_scores import Units, exchanged, mean_over
from n2s.metrics.controls import null_of
from n2s.metrics.identification import Choice, n_way_accuracy
from n2s.metrics.intervals import t_interval

STIMULUS = np.repeat(np.arange(24), 5)  # 24 stimuli of 5 clips
UNITS = Units(STIMULUS, "stimuli")


def test_how_far_ahead_with_whole_stimuli_as_the_sample():
    rng = np.random.default_rng(7)
    own = (rng.random(24) < 0.7)[STIMULUS].astype(float)  # all clips of a stimulus alike
    other = (rng.random(24) < 0.4)[STIMULUS].astype(float)
    one = ahead(own, other, subject=np.repeat("a", 120), units=UNITS)
    gap = (own - other)[::5]  # 24 stimuli, not 120 clips
    low, high = stats.t.interval(0.95, 23, gap.mean(), stats.sem(gap))
    assert one.all[:3] == pytest.approx((gap.mean(), low, high))
    assert one.p == pytest.approx(stats.ttest_1samp(gap, 0).pvalue, abs=2e-6)
    assert one.by_subject["a"].mean == one.all.mean and "stimuli" in one.all.kind
    subject = np.tile(["a", "b", "c"], 40)
    three = ahead(own, other, subject=subject, units=UNITS)
    means = np.array([(own - other)[subject == name].mean() for name in "abc"])
    low, high = stats.t.interval(0.95, 2, means.mean(), stats.sem(means))
    assert three.all[:3] == pytest.approx((means.mean(), low, high))
    assert three.p == pytest.approx(stats.ttest_1samp(means, 0).pvalue, abs=2e-6)
    plain = three.plain()
    assert (plain["mean"], plain["p"], plain["deviation"]) == (
        three.all.mean,
        three.p,
        pytest.approx(means.std(ddof=1)),
    )
    assert plain["per_subject"]["b"]["value"] == three.by_subject["b"].mean and "of" not in plain


def test_of_exchanges_their_mean_counts_and_of_a_number_the_scores_interval():
    rng = np.random.default_rng(0)
    own, exchanges = rng.random(120), rng.random((50, 120))
    by_hand = ahead(own, exchanges.mean(0), subject=np.zeros(120), units=UNITS)
    found = ahead(own, exchanges, subject=np.zeros(120), units=UNITS)
    assert (*found.all[:2], found.p) == pytest.approx((*by_hand.all[:2], by_hand.p))
    exchanges[3, :5] = np.nan  # no score
    assert ahead(own, exchanges, subject=np.zeros(120), units=UNITS).all.mean == pytest.approx(found.all.mean, abs=0.01)
    number = ahead(own, 0.3, subject=np.zeros(120), units=UNITS, bounds=(0.0, 1.0))
    interval = mean_over(own, STIMULUS, (0.0, 1.0))
    assert number.all[:3] == pytest.approx(tuple(end - 0.3 for end in interval))


def test_p_is_that_of_the_t_test():
    values = np.array([0.1, 0.4, 0.2, 0.7])
    found = probability(lambda level: t_interval(values, level=level, bounds=(-9, 9)), 0.05)
    assert found == pytest.approx(stats.ttest_1samp(values, 0.05).pvalue, abs=2e-6)


def test_holm_and_what_is_no_test():
    tests = {name: {"mean": mean, "p": p} for name, mean, p in
             (("a", 1.0, 0.01), ("b", 2.0, 0.04), ("c", -1.0, 0.001), ("d", 5.0, None))}  # fmt: skip
    found = claimed(tests)
    assert [found[name]["p_holm"] for name in "abc"] == pytest.approx([0.02, 0.04, 0.003])
    assert found["d"]["p_holm"] is None
    assert [name for name, one in found.items() if one["ahead"]] == ["a", "b"]  # c is behind


def decoded(rng, gain: float) -> tuple[np.ndarray, np.ndarray]:
    """(n, 8) predicted and true; clips of a stimulus are alike in both, and more so with what is decoded."""

    def alike() -> np.ndarray:
        return rng.normal(size=(24, 8))[STIMULUS] + rng.normal(size=(120, 8))

    true = alike()
    return gain * true + alike(), true


def outcome(rng, gain: float) -> Lead:
    predicted, true = decoded(rng, gain)
    choice = Choice.of(true, np.arange(120), np.zeros(120))
    scores = choice.similarities(predicted)
    orders = exchanged(STIMULUS, np.zeros(120), n_permutations=40, seed=0)
    two_way = [n_way_accuracy(choice.ranks(some), 120, 2) for some in (scores, *(scores[order] for order in orders))]
    options = {"subject": np.zeros(120), "units": UNITS}
    return ahead_of_nothing(two_way[0], np.stack(two_way[1:]), 0.5, **options)


@pytest.mark.parametrize("gain", [0.0, 0.5])
def test_noise_is_seldom_ahead_of_chance_and_a_signal_is(gain):
    rng = np.random.default_rng(1)
    found = [outcome(rng, gain) for _ in range(60)]
    claimed_share = np.mean([one.p < 0.05 and one.all.mean > 0 for one in found])
    # clips as if independent: 14 to 37% of noise
    assert claimed_share <= 0.075 if gain == 0 else claimed_share > 0.9
    truth = 0 if gain == 0 else np.mean([one.all.mean for one in found])
    assert np.mean([one.all.low <= truth <= one.all.high for one in found]) >= 0.9


def test_a_perfect_decoder_of_eight_clips_is_ahead():
    units, subject = Units(np.arange(8), "clips"), np.zeros(8)
    orders = exchanged(units.of, subject, n_permutations=200, seed=0)
    scores = np.eye(8) + 0.1 * np.random.default_rng(0).normal(size=(8, 8))
    choice = Choice.of(np.eye(8), np.arange(8), subject)
    shuffled = np.stack([n_way_accuracy(choice.ranks(scores[order]), 8, 2) for order in orders])
    found = ahead_of_nothing(np.ones(8), shuffled, 0.5, subject=subject, units=units)
    assert found.p < 0.01 and found.all.mean == 0.5 and found.of == found.plain()["of"] == "chance"


def sided(own, shuffled, chance, *, people=2):
    n = np.shape(own)[-1]
    subject, units = np.arange(n) % people, Units(np.arange(n) // people, "clips")
    return ahead_of_nothing(own, shuffled, chance, subject=subject, units=units), {"subject": subject, "units": units}


def test_of_many_people_the_larger_p_of_chance_and_exchanges_counts():
    rng = np.random.default_rng(3)
    own, shuffled = 0.55 + 0.05 * rng.normal(size=60), 0.5 + 0.1 * rng.normal(size=(30, 60))
    own += 0.03 * (np.arange(60) % 5)  # people differ
    for chance in (0.45, 0.55):
        found, options = sided(own, shuffled, chance, people=5)
        of_chance = ahead(own, chance, bounds=(0.0, 1.0), **options)
        of_shuffled = ahead(own, shuffled, **options)
        assert found.p == max(of_chance.p, of_shuffled.p) and of_chance.p != of_shuffled.p
        assert (found.all.mean, found.of) == (of_chance.all.mean, "chance")
    found, options = sided(own, shuffled, None, people=5)
    assert found == replace(ahead(own, shuffled, **options), of="shuffled")
    assert sided(own, shuffled, 0.75, people=5)[0].p == 1.0  # behind chance, ahead of the exchanges


def test_of_one_person_p_is_that_of_chance_as_exchanges_scatter():
    rng = np.random.default_rng(3)
    own, shuffled = (rng.random(60) < 0.62).astype(float), (rng.random((30, 60)) < 0.5).astype(float)
    found, options = sided(own, shuffled, 0.5, people=1)
    expected = null_of(shuffled.mean(1), 0.5).p_value(own.mean())
    assert found.p == max(expected, ahead(own, shuffled, **options).p)
    assert sided(own, shuffled[:1], 0.5, people=1)[0].p is None


def test_people_who_are_ahead_by_the_same_are_tested_by_their_clips():
    once = np.random.default_rng(4).normal(0.3, 1.0, 20)
    found = ahead(
        np.tile(once, 2), 0.0, subject=np.repeat(["a", "b"], 20), units=Units(np.tile(np.arange(20), 2), "clips")
    )
    pooled = mean_over(np.tile(once, 2), np.tile(np.arange(20), 2), (-np.inf, np.inf))
    assert found.all.low is None and pooled.low < 0 < found.p < 1 and found.all.mean == pytest.approx(once.mean())
    assert found.p == pytest.approx(stats.ttest_1samp(once, 0).pvalue, abs=2e-6)


def test_a_p_of_five_percent_or_a_mean_of_zero_is_no_claim():
    one = claimed({"a": {"mean": 1.0, "p": 0.05}})["a"]
    assert one["p_holm"] == 0.05 and one["ahead"] is False
    assert claimed({"a": {"mean": 0.0, "p": 0.01}})["a"]["ahead"] is False
    assert claimed({"a": {"mean": 0.5, "p": 0.049}})["a"]["ahead"] is True
