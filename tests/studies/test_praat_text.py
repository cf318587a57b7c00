"""TextGrids as programs and people write them: read with the right times, or refused with the line."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from praatio import textgrid

from n2s.errors import UserError
from n2s.findings import kept
from n2s.studies.readers.textgrid import read_alignment, read_textgrid, write_textgrid
from n2s.studies.text import plain

HEAD = 'File type = "ooTextFile"\nObject class = "TextGrid"\n\n'


def long_form(items, kind="IntervalTier", *, start=None, stop=None, name="words", time="number"):
    """A long TextGrid of one tier, of (start, stop, label) or (time, label), times written as given."""
    start, stop = items[0][0] if start is None else start, items[-1][-2] if stop is None else stop
    text = f"xmin = {start}\nxmax = {stop}\ntiers? <exists>\nsize = 1\nitem []:\n    item [1]:\n"
    text += f'        class = "{kind}"\n        name = "{name}"\n        xmin = {start}\n        xmax = {stop}\n'
    fields, what = (("xmin", "xmax", "text"), "intervals") if kind == "IntervalTier" else ((time, "mark"), "points")
    text += f"        {what}: size = {len(items)}\n"
    for i, item in enumerate(items, 1):
        values = [*item[:-1], f'"{item[-1]}"']
        text += f"        {what} [{i}]:\n" + "".join(
            f"            {field} = {value}\n" for field, value in zip(fields, values, strict=True)
        )
    return HEAD + text


def short_form(items, kind="IntervalTier", **options):
    """The same in the short form: the values alone."""
    lines = long_form(items, kind, **options).removeprefix(HEAD).splitlines()
    values = [line.split("= ", 1)[-1].strip() for line in lines]
    return HEAD + "\n".join(value.replace("tiers? ", "") for value in values if not value.endswith(":")) + "\n"


@pytest.fixture(params=[long_form, short_form])
def form(request):
    return request.param


@pytest.fixture
def read(tmp_path):
    def read(text, **options):
        path = tmp_path / "a.TextGrid"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_textgrid(path, **options)[["text", "onset", "duration"]].values.tolist()

    return read


def test_small_numbers_with_an_exponent(read, form):
    """As Python and R write them (tjmahr/readtextgrid#23)."""
    items = [(0, "6.25e-05", ""), ("6.25e-05", 1, "a"), (1, "2.5E+00", "b")]
    assert read(form(items)) == [["a", 6.25e-05, pytest.approx(1 - 6.25e-05)], ["b", 1.0, 1.5]]


def test_a_negative_time_keeps_its_sign(read, form):
    """timmahrt/praatIO#34: -0.5 s was read as 0.5 s."""
    with pytest.raises(UserError, match=r"'a' of 'words' is at -0.5 s .*times from 0"):
        read(form([(-0.5, 2, "a"), (2, 3, "b")]))
    with pytest.raises(UserError, match=r"at -0.25 s"):
        read(form([(-0.25, "a"), (2, "b")], "TextTier"))
    assert read(form([("-0.5", 0, ""), (0, 1, "a")])) == [["a", 0.0, 1.0]]  # nothing was said before 0
    assert [math.copysign(1, row[1]) for row in read(form([("-0", 1, "a")]))] == [1]


@pytest.mark.parametrize("time", ["number", "time"])
def test_points(read, time):
    assert read(long_form([("1e-1", "x"), (2, "y")], "TextTier", time=time)) == [["x", 0.1, 0.0], ["y", 2.0, 0.0]]


def test_labels_of_any_text(read, form):
    labels = [('say ""no""', 'say "no"'), ("a\nb", "a b"), ("! no comment", "! no comment"), ("3", "3"), ("<b>", "<b>"),
              ("text = 5", "text = 5"), ("Ha\u00adus\u200b\u00a0tür", "Haus tür"), ("u\u0308", "ü"), ('""', '"')]  # fmt: skip
    for written, expected in labels:
        assert read(form([(0, 1, written), (1, 2, "z")])) == [[expected, 0.0, 1.0], ["z", 1.0, 1.0]]


def test_comments_and_fields_without_spaces(read):
    text = long_form([(0, 1, "a"), (1, 2, "b")])
    assert read(text.replace(" = ", "=")) == [["a", 0.0, 1.0], ["b", 1.0, 1.0]]
    assert read(text.replace("tiers?", "! made by hand 3\ntiers?")) == [["a", 0.0, 1.0], ["b", 1.0, 1.0]]


def test_a_tier_of_nothing(read):
    text = long_form([(0, 1, "a")])
    empty = '    item [2]:\n        class = "IntervalTier"\n        name = "phones"\n        xmin = 0\n        xmax = 1\n        intervals: size = 0\n'
    assert read(text.replace("size = 1\nitem", "size = 2\nitem") + empty) == [["a", 0.0, 1.0]]
    assert read(HEAD + "xmin = 0\nxmax = 1\ntiers? <absent>\n") == []


@pytest.mark.parametrize(
    ("items", "says"),
    [
        ([(0, "0,5", "a"), ("0,5", 1, "b")], "line .*'0,5' is no number.*decimals with a point"),
        ([(0, 2, "a"), (1, 3, "b")], "'b' of 'words' starts at 1 s, before 'a' .* ends at 2 s"),
        ([(0, 1, "a"), (2, 1.5, "b")], "'b' of 'words' ends at 1.5 s, before it starts"),
        ([(0, "nan", "a"), (1, 3, "b")], "'nan' is no number"),
        ([(0, "1e999", "a"), (1, 3, "b")], "'1e999' is no number"),
        ([(0, "--undefined--", "a"), (1, 3, "b")], "'--undefined--' is no number"),
        ([(0, 1, 'say "no" now'), (1, 3, "b")], "written twice"),
        ([(0, 1, 'a" b'), (1, 3, "b")], "no number and no text"),
    ],
)
def test_what_is_refused(read, form, items, says):
    with pytest.raises(UserError, match=says):
        read(form(items, start=0, stop=3))


def test_counts_and_ends(read):
    text = long_form([(0, 1, "a"), (1, 2, "b")])
    with pytest.raises(UserError, match="more after the last of 1 tiers"):
        read(text.replace("intervals: size = 2", "intervals: size = 1"))
    with pytest.raises(UserError, match="ends where a time of tier 'words' is expected"):
        read(text.replace("intervals: size = 2", "intervals: size = 3"))
    with pytest.raises(UserError, match="whole number"):
        read(text.replace("intervals: size = 2", "intervals: size = 2.5"))
    with pytest.raises(UserError, match="binary"):
        read(b"ooBinaryFile\x08TextGrid")
    with pytest.raises(UserError, match="line 12: .*'0.5' where the name of a tier"):
        read(text.replace('name = "words"', "name = 0.5").replace("item [1]:\n", "item [1]:\n\n"))


def test_a_part_that_kept_its_times_is_told(read):
    with kept() as found:
        assert read(long_form([(5, 6, "a")])) == [["a", 5.0, 1.0]]
    assert [one.kind for one in found] == ["odd"] and "starts at 5 s" in found[0].text
    with kept() as found:
        read(long_form([(0, 6, "a")], stop=4))
    assert "1 labels end after" in found[0].text
    with kept() as found:
        read(long_form([(0, 6, "a")]))
    assert not found


def test_two_tiers_of_one_name(tmp_path):
    path = tmp_path / "a.TextGrid"
    text = long_form([(0, 1, "yes")])
    second = text.split("item [1]:")[1].replace("yes", "no")
    path.write_text(text.replace("size = 1\nitem", "size = 2\nitem") + "    item [2]:" + second)
    with pytest.raises(UserError, match=r"no tier of words.*words_1.*words_2"):
        read_alignment(path)
    assert read_alignment(path, word_tier="words_2").text.tolist() == ["no"]


def test_latin_1_is_named(read):
    with pytest.raises(UserError, match=r"0xF6.*neither UTF-8 nor UTF-16.*Mac Roman"):
        read(long_form([(0, 1, "hören")]).encode("latin-1"))


def test_what_praatio_writes_as_json(tmp_path):
    grid = textgrid.Textgrid()
    grid.addTier(textgrid.IntervalTier("words", [(0.0, 0.5, "who"), (0.5, 1.0, "")], 0, 1))
    grid.addTier(textgrid.PointTier("pitch", [(0.25, "120")], 0, 1))
    grid.save(str(tmp_path / "a.TextGrid"), "textgrid_json", includeBlankSpaces=True)
    assert read_textgrid(tmp_path / "a.TextGrid").values.tolist() == [
        ["words", "who", 0.0, 0.5],
        ["pitch", "120", 0.25, 0.0],
    ]


def by_praatio(path):
    grid = textgrid.openTextgrid(str(path), includeEmptyIntervals=False, reportingMode="silence", duplicateNamesMode="rename")  # fmt: skip
    rows = [(name, *entry) for name in grid.tierNames for entry in grid.getTier(name).entries]
    return [
        (row[0], " ".join(row[-1].split()), float(row[1]), float(row[-2] - row[1])) for row in rows if row[-1].strip()
    ]


@pytest.mark.slow
def test_real_files_as_praatio_reads_them(real_data):
    paths = sorted((real_data / "speech_audio").rglob("*.TextGrid"))
    assert len(paths) == 12
    for path in paths:
        found = [tuple(row) for row in read_textgrid(path).values.tolist()]
        expected = by_praatio(path)
        assert [row[:2] for row in found] == [row[:2] for row in expected], path
        assert [row[2:] for row in found] == [pytest.approx(row[2:], abs=1e-9) for row in expected], path


labels = st.text(st.characters(exclude_categories=["C", "Z"]), max_size=8)
lengths = st.lists(st.tuples(st.integers(1, 999), labels), min_size=1, max_size=6)


@settings(deadline=None)
@given(lengths, st.sampled_from([long_form, short_form]))
def test_valid_files_as_praatio_reads_them(tmp_path_factory, parts, form):
    path, at, items = tmp_path_factory.getbasetemp() / "valid.TextGrid", 0, []
    for length, label in parts:
        items.append((at / 1000, (at + length) / 1000, label.replace('"', '""')))
        at += length
    path.write_text(form(items))
    found = [tuple(row) for row in read_textgrid(path).values.tolist()]
    times = {start: label for (start, _, _), (_, label) in zip(items, parts, strict=True)}
    assert [row[2] for row in found] == [row[2] for row in by_praatio(path)]
    assert [row[1] for row in found] == [plain(times[row[2]]) for row in found]


def test_what_n2s_writes_it_reads(tmp_path):
    import pandas as pd

    table = pd.DataFrame({"text": ["a", 'b "c"'], "onset": [6.25e-05, 0.5], "duration": [0.25, 0.125]})
    write_textgrid(tmp_path / "a.TextGrid", {"words": table}, duration_s=1.0)
    found = read_alignment(tmp_path / "a.TextGrid")
    assert found.text.tolist() == ["a", 'b "c"']
    assert found.onset.tolist() == [6.25e-05, 0.5]


CHRONOLOGICAL = """"Praat chronological TextGrid text file"
0 2.5   ! Time domain.
2   ! Number of tiers.
"IntervalTier" "words" 0 2.5
"TextTier" "clicks" 0 2.5

! words:
1 0 1.25
"one"

! clicks:
2 0.5
"x ""y"" z"

! words:
1 1.25 2.5
"two"
"""


def test_the_chronological_form(tmp_path):
    path = tmp_path / "a.TextGrid"
    path.write_text(CHRONOLOGICAL)
    table = read_textgrid(path)
    assert table.values.tolist() == [
        ["words", "one", 0, 1.25],
        ["words", "two", 1.25, 1.25],
        ["clicks", 'x "y" z', 0.5, 0],
    ]
    for old, new, said in (
        ("\n2 0.5", "\n3 0.5", r"line 12: .*3.0 where the number of a tier is expected \(1 to 2\)"),
        ("IntervalTier", "Interval", "a tier of the class 'Interval'"),
        ('"two"\n', "", "the file ends where a label of tier 'words' is expected"),
        ("1 1.25 2.5", "1 1.0 2.5", "line 16: 'two' of 'words' starts at 1 s, before 'one'"),
    ):
        path.write_text(CHRONOLOGICAL.replace(old, new))
        with pytest.raises(UserError, match=said):
            read_textgrid(path)
    with kept() as found:
        assert len(read_textgrid(path, overlaps=True)) == 3
    assert [one.kind for one in found] == ["odd"]
