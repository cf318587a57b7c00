"""The page of a run: one self-contained HTML file for any results."""

import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from urllib.parse import quote

from n2s.errors import UserError
from n2s.metrics.result import Drawing, Listening, Shown
from n2s.paths import written_whole
from n2s.report.cleaned import cleaned_html
from n2s.report.figures import on_whole_pixels
from n2s.report.frame import framed
from n2s.report.listen import player
from n2s.report.picture import picture_html
from n2s.report.reading import READING_STYLE, reading_html
from n2s.report.table import scores_html


def write_page(path: Path, run_dir: Path, shown: Sequence[Shown], drawn: Mapping[str, Drawing | str]) -> Path:
    """Write the page.

    Parameters
    ----------
    path
        The HTML file.
    run_dir
        The run's folder; its ``cleaned.json``, ``config.yaml`` and ``run.json`` are at the end of the page.
    shown
        The parts, in reading order.
    drawn
        Figures of the whole run, by title; or the reason why one is left out.

    Returns
    -------
    ``path``.
    """
    run = run_dir.resolve()
    parts = shown_parts(shown)
    for title, drawing in drawn.items():
        left_out = None if isinstance(drawing, Drawing) else f'<p class="note">Left out: {escape(drawing)}.</p>'
        parts.append((title, left_out or drawing))
    cleaned = cleaned_html(run_dir)
    if cleaned is not None:
        parts.append(("What cleaning removed", cleaned))
    parts.append(("Configuration and origin", origin_html(run_dir)))
    return write_parts(path, f"{run.parent.name}, {run.name}", parts)


def shown_parts(shown: Sequence[Shown]) -> list[tuple[str, str | Drawing]]:
    """Headings and contents of a page: of each part its summary, figures, sounds, texts and files. Several parts are told apart by their names."""
    parts: list[tuple[str, str | Drawing]] = []
    for part in shown:
        end = f": {part.name}" if part.name and len(shown) > 1 else ""
        parts.append((f"Summary{end}", scores_html(part)))
        parts += [(f"{drawing.title}{end}", drawing) for drawing in part.drawings]
        if part.listening is not None:
            parts.append((f"{part.listening.title}{end}", listening_html(part.listening)))
        parts += [(f"{one.title}{end}", reading_html(one)) for one in part.reading]
        if part.files:
            parts.append((f"Files{end}", files_html(part.files)))
    return parts


def write_parts(path: Path, title: str, parts: Sequence[tuple[str, str | Drawing]]) -> Path:
    """Write a page of parts with headings, in reading order: HTML, or figures."""
    made = [(heading, _drawn(part) if isinstance(part, Drawing) else part) for heading, part in parts]
    with written_whole(path) as temporary:
        temporary.write_text(framed(title, made, style=READING_STYLE), "utf-8")
    return path


def _drawn(drawing: Drawing) -> str:
    on_whole_pixels(drawing.figure)
    return picture_html(drawing)


def listening_html(listening: Listening) -> str:
    """Groups of sounds with their players. The true sound is bold."""
    columns = [title for title in listening.columns if title]
    head = "".join(f"<th>{escape(title)}</th>" for title in ("", "listen", *columns))
    parts = [f'<p class="note">{escape(listening.note)}</p><div class="wide"><table class="n2s listen"><tr>{head}</tr>']
    for title, sounds in listening.groups.items():
        parts.append(f'<tr><td colspan="{2 + len(columns)}" class="window">{escape(title)}</td></tr>')
        for sound in sounds:
            cells = "".join(
                f'<td class="note">{escape(value) or "<em>none</em>"}</td>'
                for value, heading in zip((sound.text, sound.place, sound.value), listening.columns, strict=True)
                if heading
            )
            parts.append(
                f'<tr class="{"true" if sound.true else "other"}"><td>{escape(sound.label)}</td>'
                f"<td>{player(sound.samples, sound.rate)}</td>{cells}</tr>"
            )
    return "".join(parts) + "</table></div>"


def files_html(files: Mapping[str, str]) -> str:
    """Links to files beside the page: what each shows -> its path from the page."""
    links = (f'<li><a href="{quote(path)}" target="_blank">{escape(text)}</a></li>' for text, path in files.items())
    return f"<ul>{''.join(links)}</ul>"


def origin_html(run_dir: Path) -> str:
    """Versions, commit, hashes and other records of the run, then its complete configuration."""
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
        origin = f'<div class="wide"><table class="n2s origin">{cells}</table></div>{"".join(folded)}'
    else:
        origin = '<p class="note">Left out: the run has no run.json (versions, git commit, data hashes).</p>'
    config = run_dir / "config.yaml"
    return origin + (_folded("config.yaml", config.read_text(encoding="utf-8")) if config.is_file() else "")


def read_json(file: Path) -> dict:
    """The content of one of the run's JSON files; a UserError if it is damaged."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file}: not JSON ({error}). Run `n2s test` on this run again.") from error
    if not isinstance(content, dict):
        raise UserError(f"{file}: expected a JSON object. Run `n2s test` on this run again.")
    return content


def _folded(title: str, text: str) -> str:
    return f'<details><summary>{escape(title)}</summary><pre class="n2s">{escape(text)}</pre></details>'
