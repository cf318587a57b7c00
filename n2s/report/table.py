"""The score table of a test set and its sentences, for the console and the page."""

import csv
import io
import os
from collections.abc import Collection, Sequence
from functools import partial
from html import escape

from rich.box import HEAVY_HEAD
from rich.console import Console
from rich.table import Table

from n2s.metrics.result import Shown
from n2s.metrics.score import Scores

LOG_WIDTH = 160  # characters of a line where there is no terminal: with 80 no table of scores fits
LONG = 40  # rows of a table beside that of scores: a console shows no more, and a page folds it
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
    """Headings and rows of the table of scores: one column per score, or one row per score if there are more than `MOST`, and fewer rows."""
    if shown.scores is None:
        return [], []
    headings, rows = shown.scores.table(shown.columns)
    if len(headings) <= 1 + max(MOST, len(rows)):
        return headings, rows
    headings, *rows = (list(column) for column in zip(headings, *rows, strict=True))
    return headings, rows


def print_shown(shown: Shown, console: Console) -> None:
    """Print the table of scores, the other tables, and the sentences."""
    if shown.name:
        console.print(shown.name, style="bold", markup=False, highlight=False)
    if shown.scores is not None:
        print_table(console, *grid(shown), bold=_models(shown))
    for title, (headings, rows) in shown.tables.items():
        print_table(console, headings, rows[:LONG], title=title)
        if len(rows) > LONG:
            console.print(f"... and {len(rows) - LONG} more rows on the page", highlight=False)
    say = partial(
        console.print, highlight=False, markup=False, soft_wrap=not console.is_terminal
    )  # a log keeps commands whole
    for sentence in (*shown.headline, *notes(shown)):
        say(sentence)
    found = shown.judgement()
    if found is not None:  # last, where a console is read first
        say(found.sentences[0], style="bold")
        for sentence in found.sentences[1:]:
            say(sentence)
    for sentence in shown.advice:
        say(f"next: {sentence}")


def scores_html(shown: Shown) -> str:
    """Format the sentences, the tables and the notes as HTML."""
    parts = [verdict_html(shown)]
    if shown.headline:
        parts.append(f"<p>{escape(' '.join(shown.headline))}</p>")
    if shown.scores is not None:
        headings, rows = grid(shown)
        models = _models(shown)
        kinds = ["model" if row[0] in models else "control" for row in rows]
        parts.append(table_html(headings, rows, kinds, scores_csv(shown.scores)))
    for title, (columns, cells) in shown.tables.items():
        table = table_html(columns, cells)
        if len(cells) > LONG:
            parts.append(f"<details><summary>{escape(title)}: {len(cells)} rows</summary>{table}</details>")
        else:
            parts.append(f"<h4>{escape(title)}</h4>{table}")
    lines = notes(shown)
    if lines:
        parts.append(f'<p class="note">{"<br>".join(map(escape, lines))}</p>')
    return "".join(parts)


def verdict_html(shown: Shown) -> str:
    """The verdict in a box, and what to try next; empty where there is neither."""
    found = shown.judgement()
    if found is None and not shown.advice:
        return ""
    state, sentences = ("unknown", ()) if found is None else (found.state.replace(" ", "-"), found.sentences)
    told = [
        f'<p class="first">{escape(one)}</p>' if place == 0 else f"<p>{escape(one)}</p>"
        for place, one in enumerate(sentences)
    ]
    if shown.advice:
        told.append(
            f"<h3>What to try next</h3><ul>{''.join(f'<li>{_with_code(one)}</li>' for one in shown.advice)}</ul>"
        )
    return f'<div class="verdict {state}">{"".join(told)}</div>'


def _with_code(sentence: str) -> str:
    """HTML of a sentence; what is between backticks is a command."""
    parts = escape(sentence).split("`")
    return "".join(f"<code>{one}</code>" if place % 2 else one for place, one in enumerate(parts))


def scores_csv(scores: Scores) -> str:
    """Every score with all its digits: a line for each score, row and person, in the units of ``metrics.json``."""
    memory = io.StringIO()
    lines = csv.writer(memory, lineterminator="\n")
    lines.writerow(("score", "row", "role", "who", "mean", "low", "high", "interval"))
    for name, rows in scores.values.items():
        for key, by_subject in rows.items():
            row = scores.rows[key]
            lines.writerows((name, row.label, row.role, who, *one) for who, one in by_subject.items())
    return memory.getvalue()


def table_html(headings: Sequence[str], rows: Sequence[Sequence], kinds: Sequence[str] = (), whole: str = "") -> str:
    """An HTML table; an interval in brackets goes below its mean. ``kinds`` are the CSS classes of the rows.

    ``whole`` is what the page's button for CSV saves; by default the cells.
    """
    head = "".join(f"<th>{escape(str(text))}</th>" for text in headings)
    body = []
    for place, row in enumerate(rows):
        kind = f' class="{kinds[place]}"' if kinds else ""
        body.append(f"<tr{kind}>{''.join(map(_td, row))}</tr>")
    many = " many" if len(headings) > 6 else ""
    data = f' data-csv="{escape(whole)}"' if whole else ""
    return f'<div class="wide"><table class="n2s scores{many}"{data}><tr>{head}</tr>{"".join(body)}</table></div>'


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
    rows = shown.scores.rows.values() if shown.scores else ()
    return {row.label for row in rows if row.role == "model"}


def print_table(
    console: Console,
    headings: Sequence[str],
    rows: Sequence[Sequence],
    *,
    title: str | None = None,
    bold: Collection[str] = (),
    framed: bool = True,
) -> None:
    """Print a table. Where it is too wide, intervals go below their means, then columns into further tables, then names wrap."""
    rows = [[str(cell) for cell in row] for row in rows]
    if sum(_sizes(["" for _ in headings], rows)) > console.width:
        rows = [[row[0], *(cell.replace(" (", "\n(") for cell in row[1:])] for row in rows]
    for columns in _blocks(_sizes(headings, rows), console.width):
        table = Table(title=title, box=HEAVY_HEAD if framed else None)
        for column in columns:
            table.add_column(str(headings[column]), overflow="fold")
        for row in rows:
            table.add_row(*(row[column] for column in columns), style="bold" if row[0] in bold else None)
        console.print(table)
        title = None


def _blocks(sizes: Sequence[int], width: int) -> list[list[int]]:
    """Numbers of the columns of each table, all with the first column: as many as fit, and one more at least."""
    left = width - 1 - min(sizes[0], width // 3) if sizes else 0
    blocks: list[list[int]] = [[]]
    used = 0
    for column, size in enumerate(sizes[1:], 1):
        if blocks[-1] and used + size > left:
            blocks.append([])
            used = 0
        blocks[-1].append(column)
        used += size
    return [[0, *block] for block in blocks] if sizes else []


def _sizes(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    """Width of each column, in characters: that of the longest line of a cell, or word of a heading, and of the frame."""
    columns = zip(*rows, strict=True) if rows else [() for _ in headings]
    return [
        3 + max(map(len, [*str(heading).split(), *(line for cell in cells for line in cell.split("\n"))]), default=0)
        for heading, cells in zip(headings, columns, strict=True)
    ]
