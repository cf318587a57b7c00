"""The page of `n2s studies check`: what was found, who heard what, and every recording."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from n2s.checks.dealt import HEADINGS as SPLIT_HEADINGS
from n2s.checks.dealt import Dealt
from n2s.checks.groups import KINDS, STOPS, Group, grouped
from n2s.checks.seen import Seen
from n2s.checks.survey import Survey
from n2s.checks.table import HEADINGS, by_person, overview, recording_cells
from n2s.metrics.result import Drawing
from n2s.report.page import write_parts
from n2s.report.table import table_html

COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#999999")
EDGES = {STOPS: "#D55E00", "odd": "#E69F00", "corrected": "#0072B2", "left out": "#999999"}
STYLE = """<style>
div.finding { border-left: 4px solid; padding: 0.2rem 0.8rem; margin: 0.6rem 0; overflow-wrap: anywhere; }
div.finding summary { color: var(--faint); font-size: 0.9rem; } div.finding ul { font-size: 0.9rem; }
td.heard svg { display: block; } td.heard { width: 22rem; }
</style>"""
WIDTH, HEIGHT = 340, 16  # pixels of the drawing of one recording
MOST_OPEN = 40  # recordings whose table is not folded
MOST_NAMES = 60  # labels on an axis


def write_check(
    path: Path, title: str, surveys: Sequence[Survey], split: Dealt | None, drawings: Sequence[tuple[str, Drawing]]
) -> Path:
    """Write the page.

    Parameters
    ----------
    path
        The HTML file.
    title
        What was checked.
    surveys
        Of each study.
    split
        What a recipe would train and test on.
    drawings
        Name of the study, and a figure of one of its recordings.
    """
    parts: list[tuple[str, str | Drawing]] = []
    many = len(surveys) > 1
    for one in surveys:
        parts.append((f"What was found{f': {one.name}' if many else ''}", STYLE + found_html(grouped(one))))
    if split is not None:
        parts.append(("Training, validation, test", table_html(SPLIT_HEADINGS, split.rows)))
    for one in surveys:
        end = f": {one.name}" if many else ""
        if one.study is not None:
            parts.append((f"What is there{end}", _there_html(one)))
        if any(len(seen.heard) for seen in one.seen):
            parts.append((f"Who heard what{end}", _matrix(one)))
            parts.append((f"Recordings{end}", _recordings_html(one.seen)))
    parts += [(f"{drawing.title}{f': {name}' if many else ''}", drawing) for name, drawing in drawings]
    return write_parts(path, title, parts)


def found_html(groups: Sequence[Group]) -> str:
    """The findings of each kind, the first place of each sort, and all places in a list to unfold."""
    if not groups:
        return "<p>Nothing stops n2s; nothing is odd, corrected or left out.</p>"
    parts = []
    for kind, heading in KINDS.items():
        own = [group for group in groups if group.kind == kind]
        if own:
            n = sum(len(group.each) for group in own)
            parts.append(f"<h4>{escape(heading)} ({n})</h4>{''.join(_group_html(group) for group in own)}")
    return "".join(parts)


def _group_html(group: Group) -> str:
    where, text = group.first
    alike = all(other == text for _, other in group.each)
    each = "".join(f"<li>{escape(at if alike else f'{at}: {said}')}</li>" for at, said in group.each)
    folded = f"<details><summary>all {len(group.each)}</summary><ul>{each}</ul></details>" if group.more else ""
    return (
        f'<div class="finding" style="border-color: {EDGES[group.kind]}"><b>{escape(where)}</b>{group.more}: '
        f"{escape(text)}{folded}</div>"
    )


def _there_html(survey: Survey) -> str:
    lines = "".join(f"<li>{escape(line)}</li>" for line in overview(survey))
    return f"<ul>{lines}</ul>{table_html(HEADINGS, by_person(survey))}"


def _recordings_html(seen: Sequence[Seen]) -> str:
    """A row for each recording, with a drawing of what was heard where."""
    stories = list(dict.fromkeys(story for one in seen for story in one.heard.story))
    color = {story: COLORS[index % len(COLORS)] for index, story in enumerate(stories)}
    longest_s = max([one.duration_s or _end_s(one) for one in seen], default=1.0) or 1.0
    headings = ("recording", "what was heard where", "s", "sensors", "Hz", "sounds", "s of sound", "words")
    head = "".join(f"<th>{escape(text)}</th>" for text in headings)
    rows = []
    for one in seen:
        cells = "".join(f"<td>{escape(cell)}</td>" for cell in recording_cells(one))
        rows.append(f'<tr><td>{escape(one.name)}</td><td class="heard">{_bar(one, longest_s, color)}</td>{cells}</tr>')
    table = f'<div class="wide"><table class="n2s many"><tr>{head}</tr>{"".join(rows)}</table></div>'
    note = '<p class="note">Each colour is a story; hold the pointer over it for its name. Grey: no sound.</p>'
    if len(seen) <= MOST_OPEN:
        return note + table
    return f"{note}<details><summary>all {len(seen)} recordings</summary>{table}</details>"


def _bar(one: Seen, longest_s: float, color: dict[str, str]) -> str:
    """The recording from left to right, on the scale of the longest one."""
    scale = WIDTH / longest_s
    whole = (one.duration_s or _end_s(one)) * scale
    parts = [f'<rect width="{whole:.1f}" height="{HEIGHT}" fill="#e4e4e4"/>']
    for row in one.heard.itertuples():
        said = f"{row.story}, {row.stimulus}: {row.onset:.1f} to {row.onset + row.duration:.1f} s"
        parts.append(
            f'<rect x="{row.onset * scale:.1f}" width="{max(row.duration * scale, 0.7):.1f}" height="{HEIGHT}" '
            f'fill="{color[row.story]}"><title>{escape(said)}</title></rect>'
        )
    return f'<svg width="{WIDTH}" height="{HEIGHT}">{"".join(parts)}</svg>'


def _end_s(one: Seen) -> float:
    rows = one.heard
    return float((rows.onset + rows.duration).max()) if len(rows) else 0.0


def _matrix(survey: Survey) -> Drawing:
    """Minutes that each person heard of each story."""
    stories = list(dict.fromkeys(story for one in survey.seen for story in one.heard.story))
    row, column = ({name: i for i, name in enumerate(names)} for names in (survey.subjects, stories))
    minutes = np.zeros((len(row), len(column)))
    for one in survey.seen:
        for story, seconds in one.heard.groupby("story").duration.sum().items():
            minutes[row[one.recording.subject], column[story]] += seconds / 60
    width, height = min(2.5 + 0.4 * len(column), 11), min(1.6 + 0.25 * len(row), 12)
    figure = Figure(figsize=(width, height), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(np.where(minutes > 0, minutes, np.nan), aspect="auto", cmap="Blues", vmin=0)
    axes.set_facecolor("#f2f2f2")
    for names, set_ticks in ((stories, axes.set_xticks), (survey.subjects, axes.set_yticks)):
        if len(names) <= MOST_NAMES:
            set_ticks(range(len(names)), names)
    axes.tick_params(axis="x", rotation=60 if len(stories) > 6 else 20)
    axes.set(xlabel="story", ylabel="person")
    figure.colorbar(image, label="minutes", shrink=0.8)
    return Drawing("Who heard what", figure, "Minutes that each person heard of each story; grey: not heard.")
