"""The comparison of two metrics.json files finds what differs, and nothing else."""

import copy

import pytest
from same_numbers import differences

OLD = {"test": {"model": {"top1": {"mean": 0.25, "low": None}}, "gaps": ["a", "b"], "n": 2}}


def test_more_entries_are_no_difference():
    new = copy.deepcopy(OLD)
    new["test"]["scores"] = {}
    assert differences(OLD, new) == []


@pytest.mark.parametrize(
    "place, value",
    [("mean", 0.25000000000000006), ("mean", None), ("low", 0.0), ("mean", "0.25")],
)
def test_a_changed_value(place, value):
    new = copy.deepcopy(OLD)
    new["test"]["model"]["top1"][place] = value
    (line,) = differences(OLD, new)
    assert line.startswith(f"/test/model/top1/{place}: ")


def test_a_missing_entry_a_shorter_list_and_another_type():
    new = copy.deepcopy(OLD)
    del new["test"]["model"]["top1"]["low"]
    new["test"]["gaps"] = ["a"]
    new["test"]["n"] = 2.0
    assert [line.split(":")[0] for line in differences(OLD, new)] == ["/test/model/top1/low", "/test/gaps", "/test/n"]
