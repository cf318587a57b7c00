"""The table of scores on the console and on the page."""

from dataclasses import replace
from io import StringIO

from rich.console import Console

from n2s.metrics.result import Shown
from n2s.metrics.score import ALL, Measure, Row, Score, Scores
from n2s.report.table import MOST, grid, notes, print_shown, print_table, scores_html

ROWS = {"model": Row("model"), "chance": Row("chance", "control")}


def shown(n_scores):
    names = [f"score {i}" for i in range(n_scores)]
    values = {
        name: {"model": {ALL: Score(i, i - 1.0, i + 1.0)}, "chance": {ALL: Score(0.5)}} for i, name in enumerate(names)
    }
    return Shown(scores=Scores(ROWS, {name: Measure(name, digits=1) for name in names}, values))


def test_many_scores_lie_below_each_other():
    headings, rows = grid(shown(MOST))
    assert headings[:2] == ["", "score 0"] and rows[1] == ["chance", *["0.5"] * MOST]
    headings, rows = grid(shown(MOST + 1))
    assert headings == ["", "model", "chance"] and rows[0] == ["score 0", "0.0 (-1.0 to 1.0)", "0.5"]
    assert len(rows) == MOST + 1


def test_as_many_rows_as_scores_stay_rows():
    rows = {f"row {i}": Row(f"row {i}", "control") for i in range(MOST + 2)}
    values = {f"score {i}": {row: {ALL: Score(0.5)} for row in rows} for i in range(MOST + 1)}
    headings, lines = grid(Shown(scores=Scores(rows, {name: Measure(name) for name in values}, values)))
    assert len(headings) == 1 + MOST + 1 and len(lines) == MOST + 2


def test_columns_that_do_not_fit_go_into_a_further_table():
    memory = StringIO()
    print_shown(shown(MOST), Console(file=memory, width=80))
    lines = memory.getvalue().splitlines()
    heads = [line for line in lines if "score" in line and line.startswith("┃")]
    assert len(heads) == 2 and all(sum(f"score {i}" in line for line in heads) == 1 for i in range(MOST))
    assert [line.split("│")[1].strip() for line in lines if line.startswith("│ model")] == ["model", "model"]
    table = [line for line in lines if line[:1] in "┏┃┡│└"]
    assert sum("(0.0 to 2.0)" in line for line in lines) == 1 and max(map(len, table)) <= 80


def test_console_and_page_hold_the_same_cells():
    for n_scores in (2, MOST + 1):
        memory = StringIO()
        print_shown(shown(n_scores), Console(file=memory, width=200))
        page = scores_html(shown(n_scores))
        assert "1.0 (0.0 to 2.0)" in memory.getvalue() and "<td>1.0<br><small>0.0 to 2.0</small></td>" in page
        assert ('class="model"' in page) == (n_scores <= MOST)


def test_a_score_without_a_control_is_named_below_the_table():
    one = shown(1)
    assert notes(one) == []
    values = {"fd": {"model": {ALL: Score(1.0)}}, "score 0": one.scores.values["score 0"]}
    measures = {"fd": Measure("FD", uncontrolled="It compares sets."), "score 0": Measure("score 0")}
    two = Shown(scores=Scores(ROWS, measures, values), notes=["last"])
    assert notes(two) == ["FD: no control. It compares sets.", "last"]
    assert notes(replace(two, columns=["score 0"])) == ["last"]


def test_a_narrow_console_shows_whole_names():
    rows = [["simulated/01", "0.5 (0.4 to 0.6)"], ["simulated/02", "0.6 (0.5 to 0.7)"]]
    console = Console(width=24, record=True, file=StringIO())
    print_shown(Shown(tables={"Each subject": (["subject", "score"], rows)}), console)
    cells = [line.split("│")[1].strip() for line in console.export_text().splitlines() if line.count("│") == 3]
    assert "".join(cells) == "simulated/01simulated/02"


def test_no_number_is_cut_in_a_console_of_80_columns():
    rows = [[f"a long name of a row {i}", *(f"0.{i}{k}2345" for k in range(9))] for i in range(3)]
    for framed in (True, False):
        console = Console(width=80, record=True, file=StringIO())
        print_table(console, ["row", *(f"score number {k}" for k in range(9))], rows, framed=framed)
        text = console.export_text()
        assert "…" not in text and all(cell in text for row in rows for cell in row[1:])
        assert max(map(len, text.splitlines())) <= 80


def test_a_long_table_is_short_on_a_console_and_folded_on_a_page():
    rows = [[f"window {i}", "0.5"] for i in range(100)]
    shown, console = Shown(tables={"Windows": (["window", "z"], rows)}), Console(width=80, record=True, file=StringIO())
    print_shown(shown, console)
    text = console.export_text()
    assert "window 39 " in text and "window 40 " not in text and "... and 60 more rows on the page" in text
    page = scores_html(shown)
    assert "<details><summary>Windows: 100 rows</summary>" in page and "window 99" in page
