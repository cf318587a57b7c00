"""Tables as spreadsheets, MATLAB, R and people save them: the same cells, or an error that says what to save."""

import numpy as np
import pytest

from n2s.errors import UserError
from n2s.studies.readers.cells import table_cells
from n2s.studies.readers.tsv import read_cells, read_table

TABLE = 'onset\tduration\tword\n0.5\t0.25\tÄpfel\n1.5\tn/a\tsagt "ja"\n'
EXPECTED = [["0.5", "0.25", "Äpfel"], ["1.5", "", 'sagt "ja"']]


@pytest.fixture
def write(tmp_path):
    def write(content, encoding="utf-8"):
        path = tmp_path / "events.tsv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return write


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends(write, encoding, end):
    assert table_cells(write(TABLE.replace("\n", end), encoding)).values.tolist() == EXPECTED


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text + "\n\n  \n\t\t\n",
        lambda text: text.replace("\n", "\t\t\n"),
        lambda text: text.rstrip("\n"),
        lambda text: "\n" + text,
        lambda text: text.replace("\n", "\n\n"),
        lambda text: text.replace("onset", ' "onset" ').replace("1.5", '"1.5"').replace('sagt "ja"', '"sagt ""ja"""'),
        lambda text: text.replace("word", "\ufeffword\u00a0").replace("duration", "dura\u00adtion"),
    ],
)
def test_what_programs_add(write, change):
    table = table_cells(write(change(TABLE)))
    assert list(table) == ["onset", "duration", "word"]
    assert table.values.tolist() == EXPECTED


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_quoted_cell_over_several_lines(write, end):
    """Transcripts in CSV: rows keep the lines that they begin at."""
    table = table_cells(write('path,text\na,"ja, ""nee""\nen\nmeer"\n\nb,goed\n'.replace("\n", end)), ",")
    assert table.values.tolist() == [["a", 'ja, "nee" en meer'], ["b", "goed"]] and (table.index + 2).tolist() == [2, 6]
    with pytest.raises(UserError, match="row 1: 2 cells under 3 columns"):
        table_cells(write('a,b,c\n1,"2\n3,4,5\n6,7,8\n'), ",")  # a quote that is never closed


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (TABLE.replace("\t", ";"), "semicolons and no tab"),
        (TABLE.replace("\t", ","), "commas and no tab"),
        (TABLE.replace("\t", "  "), "spaces and no tab"),
        (TABLE.encode("cp1252"), r"line 2: not UTF-8 text \(the byte 0xC4 .*Windows-1252.*Save it as UTF-8"),
        (TABLE.encode("utf-16-le"), "UTF-16 without a byte order mark"),
        (TABLE.replace("0.25", "0.2\x005"), "line 2: a zero byte"),
        (TABLE.replace("\tÄpfel", ""), "row 1: 2 cells under 3 columns"),
        (TABLE.replace("\n1.5", "\t7\n1.5"), "row 1: 4 cells under 3 columns"),
        (TABLE.replace("word", "onset"), r"several columns are named \['onset'\]"),
        (TABLE.replace("word", " onset"), r"several columns are named \['onset'\]"),
        ("onset\tduration\n\t\n", "no rows"),
        ("", "empty file"),
    ],
)
def test_what_is_refused(write, content, says):
    path = write(content)
    with pytest.raises(UserError, match=says) as error:
        table_cells(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    "cell", ["12,345", "1.234,5", "1 000", "1_000", "0x10", "1d5", "12:30", "٣", "3 s", "True", "--"]
)
def test_what_is_no_number_is_never_another_number(write, cell):
    path = write(TABLE.replace("0.5", cell))
    with pytest.raises(UserError, match=f"line 2: onset is '{cell}'"):
        read_cells(path)


@pytest.mark.parametrize("cell", ["12,345", "1.234,5"])
def test_the_remedy_of_a_decimal_comma(write, cell):
    with pytest.raises(UserError, match="decimals with a point"):
        read_cells(write(TABLE.replace("0.5", cell)))


@pytest.mark.parametrize("cell", ["NaN", "nan", "NA"])
def test_what_matlab_and_r_write_for_no_value(write, cell):
    assert np.isnan(read_cells(write(TABLE.replace("0.25", cell))).duration).tolist() == [True, True]
    with pytest.raises(UserError, match="line 2: onset is n/a"):
        read_cells(write(TABLE.replace("0.5", cell)))


def test_a_table_of_commas(write):
    path = write('word,start\n"a, b",1.5\n')
    assert read_table(path, numbers=("start",), separator=",").values.tolist() == [["a, b", 1.5]]
    with pytest.raises(UserError, match="semicolons and no comma"):
        read_table(write('word;start\n"a";1,5\n'), numbers=("start",), separator=",")
    with pytest.raises(UserError, match="row 1: 3 cells under 2 columns"):
        read_table(write("word,start\na,1,5\n"), numbers=("start",), separator=",")
