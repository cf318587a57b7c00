"""Verdicts in words: right on noise and on good data, for scores where more or less is better, and modest with few people."""

import numpy as np
import pytest

from n2s.metrics.intervals import t_interval
from n2s.metrics.row_difference import better, difference
from n2s.metrics.score import ALL, Measure, Row, Score, Scores
from n2s.metrics.verdict import Claim, verdict_of

ROWS = {
    "model": Row("network"),
    "linear": Row("linear decoder"),
    "shuffled": Row("shuffled brain", "control"),
    "no_brain": Row("no brain", "control"),
    "ceiling": Row("ceiling", "ceiling"),
}


def row(values, kind="95% t interval over subjects") -> dict[str, Score]:
    """A row of people: the mean and its t interval."""
    values = np.asarray(values, float)
    own = {f"s/{i}": Score(float(v), float(v) - 0.04, float(v) + 0.04) for i, v in enumerate(values)}
    over = (
        Score(*map(float, t_interval(values)), kind)
        if len(values) > 1 and np.ptp(values)
        else Score(float(values.mean()))
    )
    return {ALL: over if len(values) > 1 else own["s/0"]} | own


def table(*, higher=True, **rows) -> Scores:
    measure = Measure("top-10 (%)", 100, 1) if higher else Measure("WER (%)", 100, 1, higher_is_better=False)
    return Scores({name: ROWS[name] for name in rows}, {"score": measure}, {"score": rows})


GOOD = {
    "model": row([0.5, 0.55, 0.6, 0.52]),
    "shuffled": row([0.1, 0.11, 0.09, 0.1]),
    "no_brain": row([0.15, 0.17, 0.14, 0.16]),
}


def test_good_data_are_above_chance_and_the_ceiling_is_told():
    found = verdict_of(table(**GOOD, ceiling={ALL: Score(0.95)}))
    assert found.state == "above"
    assert found.sentences[0].startswith("Above chance and every control: top-10 accuracy of 'network' is 54.2% (")
    assert "no brain, has 15.5%" in found.sentences[0]
    assert "49% of the way" in found.sentences[1]  # (.5425 - .155) / (.95 - .155)
    assert any("Each of 4 people" in one for one in found.sentences)


def test_lower_may_be_better():
    errors = {"model": row([0.6, 0.55, 0.62, 0.58]), "shuffled": row([0.95, 0.97, 0.99, 0.96])}
    found = verdict_of(table(higher=False, **errors, ceiling={ALL: Score(0.2)}))
    assert found.state == "above" and "(lower is better)" in found.sentences[0] and "58.8%" in found.sentences[0]
    assert "50% of the way" in found.sentences[1]  # (.9675 - .5875) / (.9675 - .2)
    swapped = {"model": errors["shuffled"], "shuffled": errors["model"]}
    assert verdict_of(table(higher=False, **swapped)).state == "below"
    assert verdict_of(table(higher=True, **errors)).state == "below"


@pytest.mark.parametrize("higher", [True, False])
@pytest.mark.parametrize("n", [3, 4, 8])
def test_noise_is_rarely_above_chance(n, higher):
    """Two-sided 95% intervals, of two controls: at most 2.5% of noise may pass; 2.5% + three standard errors here."""
    rng, n_times = np.random.default_rng(n), 200
    states = [
        verdict_of(
            table(higher=higher, **{name: row(rng.normal(0.3, 0.05, n)) for name in ("model", "shuffled", "no_brain")})
        ).state
        for _ in range(n_times)
    ]
    assert states.count("above") <= n_times * 0.025 + 3 * np.sqrt(n_times * 0.025 * 0.975)
    assert states.count("not shown") > n_times / 2


def test_beating_one_control_is_not_beating_all():
    found = verdict_of(
        table(model=row([0.5, 0.55, 0.6]), shuffled=row([0.1, 0.11, 0.09]), no_brain=row([0.5, 0.58, 0.56]))
    )
    assert found.state == "not shown" and "beats shuffled brain, but not surely no brain" in found.sentences[0]


def test_a_network_beside_a_linear_decoder():
    ahead = table(**GOOD, linear=row([0.3, 0.34, 0.41, 0.3]))
    assert "The network is better than the linear decoder" in " ".join(
        verdict_of(ahead, Claim(linear="linear")).sentences
    )
    same = table(**GOOD, linear=row([0.54, 0.5, 0.62, 0.5]))
    assert "not shown to be better" in " ".join(verdict_of(same, Claim(linear="linear")).sentences)
    less = table(**GOOD, linear=row([0.9, 0.94, 0.97, 0.9]))
    assert "The linear decoder is better" in " ".join(verdict_of(less, Claim(linear="linear")).sentences)


def test_the_difference_is_paired_over_people():
    found = difference(table(**GOOD), "score", "model", "no_brain")
    gains = np.array([0.35, 0.38, 0.46, 0.36])
    np.testing.assert_allclose(found[:3], t_interval(gains))
    assert found.n_people == 4


def test_one_and_two_people_are_said():
    two = verdict_of(table(model=row([0.36, 0.87]), shuffled=row([0.1, 0.12])))
    assert two.state == "above"  # each of them, by the own interval
    assert "to" not in two.sentences[0].split("61.5%")[1].split(";")[0]  # no interval of two people
    assert two.sentences[-1].startswith("Two people (36.0% and 87.0%)")
    mixed = verdict_of(table(model=row([0.11, 0.87]), shuffled=row([0.1, 0.12])))
    assert mixed.state == "not shown"
    one = verdict_of(table(model=row([0.5]), shuffled=row([0.1])))
    assert one.state == "above" and "One person" in one.sentences[-1]


def test_without_any_interval_nothing_is_claimed():
    found = verdict_of(table(model={ALL: Score(0.9)}, shuffled={ALL: Score(0.1)}))
    assert found.state == "unknown" and "too few" in found.sentences[0]
    null = verdict_of(
        table(model={ALL: Score(0.9)}, shuffled={ALL: Score(0.1, 0.02, 0.2, "range of 95% of exchanges")})
    )
    assert null.state == "above"


def test_who_is_at_chance_and_who_has_no_score_is_named():
    people = {"model": row([0.5, 0.55, 0.6, 0.12]), "shuffled": row([0.1, 0.11, 0.09, 0.1])}
    people["model"]["s/2"] = Score(None)
    told = " ".join(verdict_of(table(**people)).sentences)
    assert "2 of 3 people are surely above every control; not s/3" in told and "No score: s/2." in told


def test_a_control_of_another_model_does_not_count():
    rows = {
        "a": Row("a"),
        "b": Row("b"),
        "a (shifted)": Row("a shifted", "control"),
        "b (shifted)": Row("b shifted", "control"),
    }
    values = {"a": row([0.5, 0.52, 0.56]), "b": row([0.9, 0.94, 0.92]), "a (shifted)": row([0.1, 0.11, 0.12]), "b (shifted)": row([0.7, 0.72, 0.71])}  # fmt: skip
    scores = Scores(rows, {"r": Measure("r")}, {"r": values})
    rows["aa"] = Row("x")
    assert better(scores, "r", "a", "b (shifted)") is False
    values = {
        "first": values["a"],
        "second": values["b"],
        "first (shifted)": values["a (shifted)"],
        "second (shifted)": values["b (shifted)"],
    }
    rows = {name: Row(name, "control" if "(" in name else "model") for name in values}
    assert verdict_of(Scores(rows, {"r": Measure("r")}, {"r": values})).state == "above"


def test_a_table_without_a_model_or_a_control_has_no_verdict():
    scores = Scores({"a": Row("a", "control")}, {"r": Measure("r")}, {"r": {"a": {ALL: Score(0.5)}}})
    assert verdict_of(scores) is None
    alone = Scores({"a": Row("a")}, {"r": Measure("r", uncontrolled="none")}, {"r": {"a": {ALL: Score(0.5)}}})
    assert verdict_of(alone) is None


def test_a_test_of_chance_that_is_not_passed_is_said_beside_intervals_that_are_above():
    found = verdict_of(table(**GOOD), Claim(state="not shown"))
    assert found.state == "not shown" and found.sentences[0].startswith("Not shown to be above chance")
    assert "the test of chance, which counts all tests on this page, is not passed" in found.sentences[0]


def test_a_control_without_a_value_is_none():
    found = verdict_of(table(**GOOD, ceiling={ALL: Score(0.95)}), Claim(controls=["no_brain"]))
    empty = GOOD | {"shuffled": {ALL: Score(None)}}
    assert verdict_of(table(**empty, ceiling={ALL: Score(0.95)}), Claim(controls=["shuffled", "no_brain"])) == found


def test_people_without_one_of_two_rows_are_in_neither_mean_nor_interval():
    """One person more, with 90% in the network alone: no part of a paired difference."""
    four = row([0.4, 0.5, 0.45, 0.42])
    five = row([0.4, 0.5, 0.45, 0.42, 0.9])
    other = row([0.35, 0.42, 0.41, 0.36])
    whole, partial = (difference(table(model=one, linear=other, shuffled=GOOD["shuffled"]), "score", "model", "linear") for one in (four, five))  # fmt: skip
    assert partial == pytest.approx(whole) and partial.low < partial.mean < partial.high


def test_two_people_one_of_them_without_a_score_are_one():
    one = row([0.5]) | {"s/1": Score(None)}
    told = verdict_of(table(model=one, shuffled=row([0.1, 0.1]))).sentences
    assert "One person: nothing is said about other people." in told and "No score: s/1." in told


def test_lower_is_never_called_above():
    errors = {"model": row([0.6, 0.55, 0.62, 0.58]), "shuffled": row([0.95, 0.97, 0.99, 0.96])}
    told = verdict_of(table(higher=False, **errors)).sentences
    assert told[0].startswith("Better than chance and every control") and not any(" above " in one for one in told)


def test_the_same_gain_for_everybody_is_judged_by_each_persons_interval():
    """No spread over people, no interval over them: that everybody is perfect must not hide that everybody beats the control."""
    perfect = {ALL: Score(1.0)} | {f"s/{i}": Score(1.0, 0.8, 1.0) for i in range(3)}
    weak = {ALL: Score(0.2)} | {f"s/{i}": Score(0.2) for i in range(3)}
    scores = table(model=perfect, no_brain=weak)
    assert better(scores, "score", "model", "no_brain") is True
    assert verdict_of(scores).sentences[0].startswith("Above chance and every control")
    unsure = perfect | {"s/1": Score(1.0, 0.1, 1.0)}
    assert better(table(model=unsure, no_brain=weak), "score", "model", "no_brain") is False


def test_worse_than_one_control_and_better_than_chance_is_no_error_in_the_data():
    rows = {"model": row([0.5, 0.55, 0.6]), "shuffled": row([0.1, 0.11, 0.09]), "no_brain": row([0.8, 0.85, 0.9])}
    found = verdict_of(table(**rows))
    assert found.state == "below" and "Look for an error" not in found.sentences[0]
    assert found.sentences[0].startswith("Worse than no brain: ") and "It beats shuffled brain" in found.sentences[0]


def test_a_test_of_the_systems_own_decides_for_what_it_tests():
    """Two people, of which one is weak: intervals cannot tell, and the permutation test of the page does."""
    people = {ALL: Score(0.67), "s/0": Score(0.5, 0.1, 0.9), "s/1": Score(0.85, 0.6, 1.0)}
    scores = table(model=people, shuffled={ALL: Score(0.2)})
    assert verdict_of(scores).state != "above"
    found = verdict_of(scores, Claim(state="above", tested=["shuffled"]))
    assert found.sentences[0].startswith("Above chance and every control: ") and "though" not in found.sentences[0]
