"""Who is who in two scanners: ids, names, numbers, strangers, people without a partner."""

import numpy as np
import pytest
from paired_worlds import Sensors, Volumes, paired, runs_of, tunes

from n2s.data import SplitByStory
from n2s.data.paired_people import partners, persons
from n2s.errors import UserError
from n2s.findings import kept

MEG, FMRI = ["meg/01", "meg/02", "meg/03"], ["fmri/02", "fmri/03", "fmri/04"]


def told_of(call, *args):
    with kept() as told:
        found = call(*args)
    return found, [one.text for one in told]


def test_same_ids():
    found, told = told_of(persons, MEG, FMRI, "same")
    assert found == {
        "meg/01": "meg/01",
        "meg/02": "02",
        "meg/03": "03",
        "fmri/02": "02",
        "fmri/03": "03",
        "fmri/04": "fmri/04",
    }
    assert "1 of 3 people in the MEG have no partner in the fMRI: meg/01" in told[0] and "fMRI: fmri/04" not in told[0]
    assert "1 of 3 people in the fMRI have no partner in the MEG: fmri/04" in told[1]
    with pytest.raises(UserError, match="no id is in both: MEG has meg/01, .* strangers"):
        persons(MEG, ["fmri/1", "fmri/2"], "same")  # no guess that 1 is 01
    with pytest.raises(UserError, match="1 ids are in several studies of MEG, the first is 01"):
        persons([*MEG, "more/01"], FMRI, "same")


def test_people_by_name():
    found, _ = told_of(persons, MEG, FMRI, {"01": "04", "meg/02": "fmri/02"})
    assert found["meg/01"] == found["fmri/04"] == "meg/01 + fmri/04" and found["meg/02"] == found["fmri/02"] == "02"
    assert found["meg/03"] == "meg/03" and found["fmri/03"] == "fmri/03"
    two, _ = told_of(persons, [*MEG, "more/9"], FMRI, {"meg/02": "02", "more/9": "02"})
    assert (
        two["meg/02"] == two["more/9"] == two["fmri/02"] == "meg/02 + more/9 + fmri/02"
    )  # one person in two studies of MEG
    same, _ = told_of(persons, ["a/1", "b/1"], ["c/1", "d/1"], {"a/1": "c/1", "b/1": "d/1"})
    assert len(set(same.values())) == 2  # one id, two people


@pytest.mark.parametrize(
    ("people", "message"),
    [
        ({"01": "02", "02": "02"}, "gives fmri/02 two partners in the MEG of one study, meg/01 and meg/02"),
        ({"01": "02", "meg/01": "03"}, "names meg/01 twice"),
        ({"1": "02"}, "'1' of MEG is not there. There are: meg/01"),
        ({"01": 2}, "a number and no id: YAML reads 01 as 1"),
        ({8: "02"}, "8, a number and no id"),
        ({}, "names nobody"),
        ("sane", "data.people is 'sane'; expected same, strangers"),
    ],
)
def test_people_that_nobody_knows(people, message):
    with pytest.raises(UserError, match=message):
        persons(MEG, FMRI, people)


def test_numbers_are_ids_where_no_zero_can_be_lost():
    assert told_of(persons, ["m/8", "m/9"], ["f/7", "f/a"], {8: 7})[0]["m/8"] == "m/8 + f/7"
    with pytest.raises(UserError, match="YAML reads"):
        persons(["m/8", "m/010"], ["f/7"], {8: "7"})  # written as 010, it is 8, too
    assert persons(["m/1", "m/10"], ["f/7"], {1: "7"})["m/1"] == "m/1 + f/7"


def test_strangers_get_who_heard_most_of_the_same():
    heard = np.array([[0.0, 8.0, 0.0], [9.0, 8.0, 0.0], [0.0, 0.0, 0.0]])
    found, told = told_of(partners, MEG, FMRI, heard)
    assert found["meg/01"] == found["fmri/03"] == "meg/01 + fmri/03" and found["meg/02"] == found["fmri/02"]
    assert found["meg/03"] == "meg/03" and found["fmri/04"] == "fmri/04" and len(told) == 2
    same, _ = told_of(partners, [*MEG, "meg/04"], FMRI, np.ones((4, 3)))
    assert [same[one] for one in FMRI] == ["meg/01 + fmri/02", "meg/02 + fmri/03", "meg/03 + fmri/04"]  # in order


@pytest.mark.slow
def test_strangers_who_heard_other_stories(tmp_path):
    """Person 1 of the MEG heard test story c, person 2 test story d; in fMRI it is the other way round, and person 9 heard nothing of both."""
    sounds = tunes(tmp_path / "audio", "abcde", 30)
    told = {"lasts_s": 30.0}
    meg = Sensors(tmp_path / "m", runs_of("1", "abc", **told) | runs_of("2", "abd", **told), sounds)
    fmri = Volumes(
        tmp_path / "f", runs_of("9", "e", **told) | runs_of("1", "abd", **told) | runs_of("2", "abc", **told), sounds
    )
    data = paired(meg, fmri, people="strangers", split=SplitByStory(test=["c", "d"], val=["b"]))
    assert data.persons["meg/1"] == data.persons["fmri/2"] == "meg/1 + fmri/2"
    assert data.persons["meg/2"] == data.persons["fmri/1"] and data.persons["fmri/9"] == "fmri/9"
    table = data.pairs["test"]
    assert len(table) == 12 and (table[["meg", "fmri"]] >= 0).all(axis=None)
    train = data.pair_table("train")
    alone = train[train.person == "fmri/9"]
    assert len(alone) == 26 and (alone.meg < 0).all() and "1 of 3 people in the fMRI" not in str(data)
    assert "3 people: 2 with both, 2 in MEG (6 recordings), 3 in fMRI (7 runs)" in str(data)
