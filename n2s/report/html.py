"""The report of a run: one HTML file that stands alone, made from what is in the run's folder."""

import json
from html import escape
from pathlib import Path

import mne
import numpy as np

from n2s.paths import written_whole
from n2s.report.figures import Drawing, on_whole_pixels
from n2s.report.listen import Retrieved, player
from n2s.report.run_folder import TestSet, read_json, read_test_sets, run_drawings
from n2s.systems.contrastive.result import RetrievalResult
from n2s.systems.contrastive.table import (
    TABLE,
    candidates_sentence,
    chance_sentence,
    control_notes,
    count,
    counts_line,
    interval_notes,
    ratio_text,
    table_rows,
    tests_line,
    verdict,
)

PAGE_STYLE = """
#filter-by-tags-dropdown-menu, #toc h5 { display: none; }
#toc .nav-link.active { color: white !important; }
#content { padding-bottom: 4rem; }
#content .accordion-body { max-width: 62rem; overflow-x: auto; }
table.n2s { border-collapse: collapse; margin: 0.8rem 0; }
table.n2s th, table.n2s td { padding: 0.3rem 0.9rem 0.3rem 0; border-bottom: 1px solid #ddd; text-align: left;
  vertical-align: middle; font-variant-numeric: tabular-nums; }
table.n2s td:first-child, table.scores td, td.note { white-space: nowrap; }
table.n2s.wide td { white-space: normal; }
table.n2s.many { font-size: 0.85rem; }
table.n2s.many th, table.n2s.many td { padding-right: 0.55rem; }
table.n2s tr.model td, table.n2s tr.true td { font-weight: 600; }
table.n2s.listen { width: 100%; }
table.n2s td.window { padding-top: 1.2rem; border-bottom: 2px solid #888; font-size: 1.05rem; }
table.n2s audio { height: 2rem; width: 15rem; vertical-align: middle; }
p.note, td.note { color: #555; font-size: 0.9rem; }
pre.n2s { background: #f6f6f6; padding: 0.8rem; font-size: 0.85rem; white-space: pre-wrap; overflow-wrap: anywhere; }
"""


def write_report(run_dir: Path) -> Path:
    """Write ``report.html`` into a run's folder, from that folder alone (and the audio files that its results name).

    Read are ``config.yaml``, ``run.json``, ``metrics.csv``, ``metrics.json``, ``test/<test set>.*`` and
    ``test/attention.npz``. What is missing is left out, and the report says so.

    Returns
    -------
    The report's path.

    Raises
    ------
    UserError
        It is no run folder, or it has not been tested.
    """
    sets = read_test_sets(run_dir)
    listened = [(test_set, test_set.segments()) for test_set in sets]
    origin = origin_html(run_dir)
    report = mne.Report(title=f"n2s: {run_dir.resolve().parent.name}, {run_dir.resolve().name}", verbose="ERROR")
    report.add_custom_css(PAGE_STYLE)

    def title(text: str, test_set: TestSet) -> str:
        return text if len(sets) == 1 else f"{text}: {test_set.name}"

    for test_set in sets:
        report.add_html(_summary(test_set.summary, test_set.result), title("Summary", test_set), tags=())
    drawn = [(test_set, windows, test_set.drawings(windows)) for test_set, windows in listened]
    for test_set, _, drawings in drawn:
        for drawing in drawings[:2]:
            add_drawing(report, drawing, title(drawing.title, test_set))
    add_run_drawings(report, run_drawings(run_dir))
    for test_set, windows, drawings in drawn:
        for drawing in drawings[2:]:
            add_drawing(report, drawing, title(drawing.title, test_set))
        heard = heard_html(windows)
        report.add_html(heard, title("Segments to listen to", test_set), tags=())
    report.add_html(origin, "Configuration and origin", tags=())
    path = run_dir / "report.html"
    with written_whole(path) as temporary:
        report.save(temporary, open_browser=False, verbose="ERROR")
    return path


def add_drawing(report: mne.Report, drawing: Drawing, title: str) -> None:
    """A figure with its caption."""
    figure = on_whole_pixels(drawing.figure)
    report.add_figure(figure, title, caption=drawing.caption, image_format="webp", tags=())


def add_run_drawings(report: mne.Report, drawings: dict[str, Drawing | str]) -> None:
    """What is drawn of a run as a whole, or why it is not."""
    for heading, drawing in drawings.items():
        if isinstance(drawing, Drawing):
            add_drawing(report, drawing, heading)
        else:
            report.add_html(f'<p class="note">Left out: {escape(drawing)}.</p>', heading, tags=())


def _summary(summary: dict, result: RetrievalResult) -> str:
    """What was decoded, the headline score and its controls in plain sentences, and the table."""
    seconds = result.candidates.duration_s
    lengths = f"{seconds.min():.1f} s" if np.ptp(seconds) < 0.05 else f"{seconds.min():.1f} to {seconds.max():.1f} s"
    studies = ", ".join(sorted(set(result.windows.study)))
    n_stories = result.candidates.story.nunique()
    what = (
        f"For each of {summary['n_windows']} brain windows of {count(summary['n_subjects'], 'subject')} ({studies}), "
        f"the model ordered {summary['n_candidates']} unique segments of {lengths} from "
        f"{count(n_stories, 'held-out story', 'held-out stories')} by how well they match. {candidates_sentence(summary)}"
    )
    headline = (
        f"The segment that was heard was among the first 10 in <strong>{_percent(summary['model']['top10'])}</strong> "
        f"of windows and the very first in <strong>{_percent(summary['model']['top1'])}</strong> "
        f"({summary['model']['interval']})"
        f"{', which is no more than chance' if verdict(summary, 'model', 10) == 'inside' else ''}."
    )
    rows = "".join(
        f'<tr class="{"model" if row[0] == "model" else "control"}">{"".join(f"<td>{cell}</td>" for cell in row)}</tr>'
        for row in table_rows(summary)
    )
    head = "".join(f"<th>{text}</th>" for text in ("", *TABLE[1:]))
    notes = [*interval_notes(summary), counts_line(summary), *control_notes(summary), tests_line(summary)]
    if summary.get("scaled_by"):
        notes.append(f"brain scaled by: {', '.join(summary['scaled_by'])}")
    notes += [*summary.get("gaps", []), *summary.get("sounds", [])]
    return (
        f"<p>{escape(what)} {headline}</p><p>{escape(_controls(summary))}</p>"
        f'<table class="n2s scores"><tr>{head}</tr>{rows}</table><p class="note">{"<br>".join(map(escape, notes))}</p>'
    )


def _controls(summary: dict) -> str:
    """The controls in plain sentences; a ratio to the ceiling only of a model that is ahead of chance."""
    rows = {"chance": "Chance in top-10 is", "shuffled": "the same model with brain and speech exchanged scores"}
    rows |= {"no_brain": "timing and duration without a brain", "subject_only": "who listens, without a brain"}
    told = [f"{text} {100 * summary[row]['top10']['mean']:.1f}%" for row, text in rows.items() if summary.get(row)]
    text = "; ".join(told)
    if summary["ceiling"] is None:
        text += "; no ceiling is known for these scores."
    else:
        text += f"; the ideal observer of these data scores {100 * summary['ceiling']['top10']['mean']:.1f}%."
        reached = ratio_text(summary, 10)
        if reached:
            text += f" The model reaches {reached} of it, in the mean of subjects."
    return f"{text} {chance_sentence(summary)}"


def _percent(score: dict) -> str:
    if score["low"] is None:
        return f"{100 * score['mean']:.1f}%"
    return f"{100 * score['mean']:.1f}% ({100 * score['low']:.1f} to {100 * score['high']:.1f}%)"


def heard_html(windows: list[Retrieved], *, text: str = "words") -> str:
    """A table of windows, with what was heard in them and what the model took it for, to listen to."""
    parts = [
        '<p class="note">Windows at fixed places in the order of all, from the best rank to the worst. Similarity is '
        "the model's score, z-scored over all candidates of the window. Bold: the segment that was heard.</p>"
        '<table class="n2s listen"><tr><th></th><th>listen</th>'
        f"<th>{text}</th><th>where</th><th>similarity</th></tr>"
    ]
    for window in windows:
        parts.append(
            f'<tr><td colspan="5" class="window">{window.pick[0].upper()}{window.pick[1:]}: rank {window.rank} '
            f"(of 0 to {window.n_candidates - 1}), subject {escape(window.subject)}</td></tr>"
        )
        parts += [
            f'<tr class="{"true" if segment.true else "other"}"><td>{label}</td><td>{player(segment.audio)}</td>'
            f'<td>{escape(segment.text) or "<em>no text</em>"}</td><td class="note">{escape(segment.place)}</td>'
            f"<td>{segment.z:.1f}</td></tr>"
            for label, segment in window.segments()
        ]
    return "".join(parts) + "</table>"


def origin_html(run_dir: Path) -> str:
    """Versions, commit, hashes and whatever else the run wrote down, then its whole configuration."""
    file = run_dir / "run.json"
    if file.is_file():
        rows, folded = [], []
        for key, value in read_json(file).items():
            entries = {f"{key}: {name}": entry for name, entry in value.items()} if isinstance(value, dict) else {}
            if len(entries) > 15 or any(isinstance(entry, dict) for entry in entries.values()):
                folded.append(_folded(key, json.dumps(value, indent=2, ensure_ascii=False)))
            else:
                rows += (entries or {key: value}).items()
        cells = "".join(f"<tr><td>{escape(str(key))}</td><td>{escape(str(value))}</td></tr>" for key, value in rows)
        origin = f'<table class="n2s">{cells}</table>{"".join(folded)}'
    else:
        origin = '<p class="note">Left out: the run has no run.json (versions, git commit, data hashes).</p>'
    return origin + _folded("config.yaml", (run_dir / "config.yaml").read_text(encoding="utf-8"))


def _folded(title: str, text: str) -> str:
    return f'<details><summary>{escape(title)}</summary><pre class="n2s">{escape(text)}</pre></details>'
