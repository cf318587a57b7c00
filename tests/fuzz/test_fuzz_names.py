"""Names in recipes and side files in JSON: a mangled one is refused by name, or it is what it says."""

import json
import math

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from mangled import ODD, answer, fuzz, jsons

from n2s.errors import UserError
from n2s.findings import kept
from n2s.studies.labels import chosen, label, labelled, named
from n2s.studies.readers.side_files import MARKS, read_json
from n2s.studies.text import normal

LABELS = ("01", "1", "001", "010", "008", "8", "10", "no", "yes", "1e3", "12:30", "0x1f", "1_000", "2024-01-01", "null", "pilot", "Ü", "U\u0308", ".5")  # fmt: skip


@fuzz(share=2)
@given(
    st.lists(st.sampled_from(LABELS), min_size=1, unique=True),
    st.lists(st.sampled_from(LABELS), min_size=1, max_size=3),
)
def test_labels_that_were_not_quoted(known, written):
    """What YAML makes of labels is each the label that was written, or refused, or told."""
    values = yaml.safe_load(f"[{', '.join(written)}]")
    with kept() as told:
        found = answer(chosen, values, known, option="data.subjects", what="subject")
    if found is not None and not told:
        assert set(found) <= set(known) and len(found) == len(written)
        for one, text in zip(found, written, strict=True):
            unpadded = not one.startswith("0")  # nobody who has the label 8 writes 010
            assert unpadded or one.lstrip("0") == text.lstrip("0") or normal(one) == normal(text)


@fuzz(share=2)
@given(st.lists(st.one_of(st.sampled_from(ODD), st.none(), st.booleans(), st.floats(), st.integers(), st.binary())))
def test_any_values_as_names(values):
    found = answer(named, values, "data.split.test")
    if found is not None:
        assert all(isinstance(one, str) and one.strip() for one in found) and len(set(found)) == len(found)
    answer(chosen, values, list(LABELS), option="data.subjects", what="subject")
    answer(labelled, dict.fromkeys(one for one in values if one == one), "content")
    for one in values:
        answer(label, one, "x")


SIDE = {"TaskName": "listen", "PowerLineFrequency": 50, "SamplingFrequency": 1000.0, "Nested": {"a": [1, None]}}


def test_side_files(tmp_path):
    path = tmp_path / "a_meg.json"

    @fuzz(share=2)
    @given(jsons(SIDE))
    def check(content):
        path.write_bytes(content)
        found = answer(read_json, path)
        if found is None:
            return
        assert isinstance(found, dict)
        coding = next((name for mark, name in MARKS if content.startswith(mark)), "utf-8")
        plain = json.loads(content.decode(coding), parse_constant=lambda word: None)
        assert found == plain
        assert not any(isinstance(one, float) and not math.isfinite(one) for one in found.values())

    check()


def test_a_message_begins_with_the_file(tmp_path):
    path = tmp_path / "a_meg.json"
    for content in (b"", b"{", b"\xff", b"[]", b"{}\0"):
        path.write_bytes(content)
        with pytest.raises(UserError) as error:
            read_json(path)
        assert str(error.value).startswith(str(path))
