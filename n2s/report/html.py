"""Parts of pages that are not yet made by `n2s.report.page`."""

from html import escape

import mne

from n2s.report.figures import Drawing, on_whole_pixels
from n2s.report.listen import Retrieved, player
from n2s.report.page import STYLE, origin_html

__all__ = ["PAGE_STYLE", "add_drawing", "add_run_drawings", "heard_html", "origin_html"]

PAGE_STYLE = f"{STYLE}table.n2s.wide td {{ white-space: normal; }}\n"


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
