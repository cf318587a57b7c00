"""Scores in one shape: no score without a control, the table, and one subject alone."""

import pytest

from n2s.metrics.score import ALL, Measure, Row, Score, Scores

ROWS = {"model": Row("model"), "shuffled": Row("shuffled brain", "control")}


def rank_scores():
    """A model of two subjects; its control was made for one of them."""
    model = {ALL: Score(3.0, 2.0, 4.0, "over subjects"), "s/1": Score(2.5, 2.0, 3.0, "over stimuli"), "s/2": Score(3.5)}
    shuffled = {ALL: Score(9.0), "s/1": Score(9.0)}
    measure = Measure("rank", digits=1, higher_is_better=False, uncontrolled="too few clips")
    return Scores(ROWS, {"rank": measure}, {"rank": {"model": model, "shuffled": shuffled}})


def test_a_score_without_a_control_cannot_be_made():
    values = {"rank": {"model": {ALL: Score(3.0)}}}
    with pytest.raises(ValueError, match="rank has no control"):
        Scores(ROWS, {"rank": Measure("rank")}, values)
    with pytest.raises(ValueError, match="rank has no control"):  # a control without a value is none
        Scores(ROWS, {"rank": Measure("rank")}, {"rank": values["rank"] | {"shuffled": {ALL: Score(None)}}})
    assert not Scores(ROWS, {"rank": Measure("rank", uncontrolled="a set")}, values).has_control("rank")


def test_the_table_says_where_lower_is_better():
    headings, rows = rank_scores().table()
    assert headings == ["", "rank, lower is better"]
    assert rows == [["model", "3.0 (2.0 to 4.0)"], ["shuffled brain", "9.0"]]


def test_one_subject_alone():
    scores = rank_scores()
    own = scores.of("s/1")
    assert own.get("rank", "model") == scores.get("rank", "model", "s/1") and own.subjects == []
    assert own.table()[1] == [["model", "2.5 (2.0 to 3.0)"], ["shuffled brain", "9.0"]]
    assert scores.of("s/2").table()[1] == [["model", "3.5"]]
    assert scores.of("nobody").values == {}
