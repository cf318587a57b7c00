"""Labels in a recipe: the one that is meant, or an error that says to quote."""

import unicodedata

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from n2s.errors import UserError
from n2s.findings import kept
from n2s.studies.labels import chosen, label


def choose(values, known, **options):
    return chosen(values, known, option="data.subjects", what="subject", **options)


@pytest.mark.parametrize(
    ("values", "known", "expected"),
    [
        ([1, 2], ["01", "02", "10"], ["01", "02"]),
        (["1"], ["01"], ["01"]),
        (["010"], ["008", "010"], ["010"]),
        ([8], ["08", "10"], ["08"]),  # nobody writes 010 for the label 10
        ([0], ["000"], ["000"]),
        ("02", ["01", "02"], ["02"]),
        (["sub-02", 1], ["01", "02"], ["02", "01"]),
        (["1"], ["01", "1"], ["1"]),
        ([1000], ["1000"], ["1000"]),
        ([7, 64], ["007", "064"], ["007", "064"]),  # 007 is 7, and 0100 is no label of these
        ([8, 10], ["8", "10"], ["8", "10"]),
    ],
)
def test_the_label_that_is_meant(values, known, expected):
    assert choose(values, known, prefix="sub") == expected


@pytest.mark.parametrize(
    ("values", "known", "says"),
    [
        ([8], ["008", "010"], "'008' or '010'"),  # 010, as YAML gives it: yaml/pyyaml#107
        ([8], ["010", "012"], "'010'"),
        ([10], ["010", "012"], "'010' or '012'"),
        ([31], ["0x1f"], "0x1f"),
        ([750], ["12:30"], "12:30"),
        ([1], ["1", "01"], "'01' or '1'"),
        (["1"], ["001", "01"], "'001' or '01'"),
        ([True], ["yes"], "quotes"),
        ([False], ["no"], "quotes"),
        ([1000.0], ["1e3"], "quotes"),
        ([None], ["null"], "quotes"),
        ([9], ["01"], "no subject '9'"),
        (["subject1"], ["subject01"], "Nearest: subject01"),
        ([], ["01"], "empty"),
        ([" "], ["01"], "empty label"),
        ([1, "01"], ["01"], "twice"),
        (["01", "01"], ["01", "02"], "twice"),
    ],
)
def test_what_is_refused(values, known, says):
    with pytest.raises(UserError, match="data.subjects") as error:
        choose(values, known)
    assert says in str(error.value)


def test_a_number_that_may_be_a_label_that_is_not_here_is_told():
    """Subject 010 was not fetched, and 010 without quotes is 8."""
    for values, known, expected in (([8], ["008", "009"], 1), ([8], ["08"], 0), ([7], ["007"], 0), ([64], ["064"], 0)):
        with kept() as found:
            assert choose(values, known) == known[:1]
        assert len(found) == expected and all("If 010 was written" in one.text for one in found)


def test_a_name_composed_or_not():
    known = unicodedata.normalize("NFD", "Übung")  # as macOS writes file names
    assert choose(["Übung"], [known]) == [known]
    assert choose([known], ["Übung"]) == ["Übung"]
    assert label(known, "x") == "Übung"


@given(st.lists(st.text("0123456789", min_size=1, max_size=4), min_size=1, max_size=12, unique=True), st.data())
def test_an_unquoted_number_is_never_another_subject(known, data):
    """Whatever the labels, unquoted ones are the written label or an error."""
    written = data.draw(st.sampled_from(known))
    try:
        assert choose([yaml.safe_load(written)], known) == [written]
    except UserError as error:
        assert "quotes" in str(error)
    assert choose([written], known) == [written]
