"""Side files: read whatever wrote them, or refused by their own name, with line and column."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from n2s.errors import UserError
from n2s.findings import kept
from n2s.studies.readers.side_files import read_json, read_text


@pytest.fixture
def path(tmp_path):
    return tmp_path / "sub-01_meg.json"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_marks_of_encodings(path, encoding):
    path.write_text('{"TaskName": "höre", "PowerLineFrequency": 50}', encoding)
    assert read_json(path) == {"TaskName": "höre", "PowerLineFrequency": 50}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b'{"a": 1,\n "b": 2,}', "line 2, column 9: not JSON .* a comma after the last entry"),
        (b'{"a": 1} // b', "column 10.* no comments"),
        (b'{\n  # b\n  "a": 1}', "line 2, column 3.* no comments"),
        (b"{'a': 1}", "double quotes"),
        (b'{"a": True}', "true, false and null"),
        (b'{"a": 1', "line 1, column 8: not JSON"),
        (b'{"a": -Infinity}', "-Infinity"),
        (b'{"a": 1e999}', "too large"),
        (b'{"a": 1, "a": 2}', "a twice: 1 and 2"),
        (b"[1]", "array"),
        (b"[" * 100_000, "nested"),
        (b'{"a": ' + b"9" * 5000 + b"}", "thousands of digits"),
        ('{\n"a": "é"}'.encode("latin-1"), "line 2: not UTF-8 text .*0xE9.* Latin-1"),
        ('{"a": "中文中文中文"}'.encode("gb18030"), "GB18030"),
        ('{"a": 1}'.encode("utf-16-le"), "UTF-16 without a byte order mark"),
        (b'{"a": 1\0}', "zero byte"),
        ('{"a": "\0"}'.encode("utf-16"), "zero character"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
    ],
)
def test_what_is_refused(path, content, says):
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"(?s)^{path}.*{says}"):
        read_json(path)


def test_a_number_that_is_none_is_told(path):
    path.write_text('{"PowerLineFrequency": NaN, "a": 1}')
    with kept() as found:
        assert read_json(path) == {"PowerLineFrequency": None, "a": 1}
    assert [(one.kind, one.where) for one in found] == [("odd", str(path))]


def test_one_value_said_twice(path):
    path.write_text('{"a": 1, "a": 1}')
    assert read_json(path) == {"a": 1}


def test_a_link_to_nowhere_says_to_fetch(path):
    path.symlink_to("../.git/annex/objects/none")
    with pytest.raises(UserError, match=r"datalad get"):
        read_text(path)
    with pytest.raises(UserError, match="no such file"):
        read_text(path.with_name("none.json"))
    with pytest.raises(UserError, match="cannot be opened"):
        read_text(path.parent)


@pytest.mark.slow
@given(st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()))  # fmt: skip
def test_what_python_writes_is_read(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "side.json"
    path.write_text(json.dumps(content))
    assert read_json(path) == content
