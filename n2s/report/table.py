"""The score table of a test set and its sentences, for the console and the page."""

import os
from collections.abc import Collection, Sequence
from html import escape

from rich.console import Console
from rich.table import Table

from n2s.metrics.result import Shown

LOG_WIDTH = 160  # characters of a line where there is no terminal: with 80 no table of scores fits
MOST = 8  # maximum number of columns of scores; with more scores, each has its own line


def notes(shown: Shown) -> list[str]:
    """The text below the table: kinds of intervals, scores without a control, then the notes."""
    if shown.scores is None:
        return list(shown.notes)
    scores, lacking = shown.scores, {}
    for name in scores.measures if shown.columns is None else shown.columns:
        if not scores.has_control(name):
            measure = scores.measures[name]
            lacking.setdefault(measure.uncontrolled, []).append(measure.label)
    without = [f"{', '.join(labels)}: no control. {reason}" for reason, labels in lacking.items()]
    return [*scores.kinds(shown.columns), *without, *shown.notes]


def grid(shown: Shown) -> tuple[list[str], list[list[str]]]:
    """Headings and rows of the table of scores: one column per score, or one row per score if there are more than `MOST`."""
    headings, rows = shown.scores.table(shown.columns)
    if len(headings) <= 1 + MOST:
        return headings, rows
    headings, *rows = (list(column) for column in zip(headings, *rows, strict=True))
    return headings, rows


def print_shown(shown: Shown, console: Console) -> None:
    """Print the table of scores, the other tables, and the sentences."""
    if shown.name:
        console.print(shown.name, style="bold", markup=False, highlight=False)
    if shown.scores is not None:
        console.print(_table(*grid(shown), console.width, bold=_models(shown)))
    for title, (headings, rows) in shown.tables.items():
        console.print(_table(headings, rows, console.width, title=title))
    for sentence in (*shown.headline, *notes(shown)):
        console.print(sentence, highlight=False, markup=False)


def scores_html(shown: Shown) -> str:
    """Format the sentences, the tables and the notes as HTML."""
    parts = [f"<p>{escape(' '.join(shown.headline))}</p>"] if shown.headline else []
    if shown.scores is not None:
        headings, rows = grid(shown)
        models = _models(shown)
        kinds = ["model" if row[0] in models else "control" for row in rows]
        parts.append(table_html(headings, rows, kinds))
    for title, (headings, rows) in shown.tables.items():
        parts.append(f"<h4>{escape(title)}</h4>{table_html(headings, rows)}")
    lines = notes(shown)
    if lines:
        parts.append(f'<p class="note">{"<br>".join(map(escape, lines))}</p>')
    return "".join(parts)


def table_html(headings: Sequence[str], rows: Sequence[Sequence], kinds: Sequence[str] = ()) -> str:
    """An HTML table; an interval in brackets goes below its mean. ``kinds`` are the CSS classes of the rows."""
    head = "".join(f"<th>{escape(str(text))}</th>" for text in headings)
    body = []
    for place, row in enumerate(rows):
        kind = f' class="{kinds[place]}"' if kinds else ""
        body.append(f"<tr{kind}>{''.join(map(_td, row))}</tr>")
    many = " many" if len(headings) > 6 else ""
    return f'<table class="n2s scores{many}"><tr>{head}</tr>{"".join(body)}</table>'


def wide_console() -> Console:
    """A console as wide as the terminal; into a file or a pipe, such as a log of Slurm, `LOG_WIDTH` wide."""
    console = Console()
    return console if console.is_terminal or "COLUMNS" in os.environ else Console(width=LOG_WIDTH)


def _td(value: object) -> str:
    mean, bracket, interval = escape(str(value)).partition(" (")
    if bracket and interval.endswith(")") and " to " in interval:
        return f"<td>{mean}<br><small>{interval[:-1]}</small></td>"
    return f"<td>{escape(str(value))}</td>"


def _models(shown: Shown) -> set[str]:
    return {row.label for row in shown.scores.rows.values() if row.role == "model"}


def _table(
    headings: Sequence[str],
    rows: Sequence[Sequence],
    width: int,
    *,
    title: str | None = None,
    bold: Collection[str] = (),
) -> Table:
    """Fit a table to a console width. If it is too narrow, intervals go below their means, and long names wrap."""
    table, rows = Table(title=title), [[str(cell) for cell in row] for row in rows]
    for heading in headings:
        table.add_column(str(heading), overflow="fold")
    narrow = _wide(rows) > width
    for row in rows:
        cells = [cell.replace(" (", "\n(") for cell in row[1:]] if narrow else row[1:]
        table.add_row(row[0], *cells, style="bold" if row[0] in bold else None)
    return table


def _wide(rows: list[list[str]]) -> int:
    """Approximate width of the table, in characters."""
    return sum(3 + max(map(len, column)) for column in zip(*rows, strict=True)) if rows else 0
