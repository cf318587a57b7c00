"""The page that `n2s studies check` writes: the findings, line by line, and figures."""

from html import escape
from pathlib import Path

import mne
from matplotlib.figure import Figure

from n2s.paths import written_whole
from n2s.report.figures import on_whole_pixels


def write_page(page: Path, name: str, lines: list[str], drawings: list[tuple[str, Figure, str]]) -> Path:
    """Write the lines as a list, and each drawing (title, figure, caption) below."""
    report = mne.Report(title=f"n2s: {name}", verbose="ERROR")
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    report.add_html(f"<ul>{items}</ul>", "What was found", tags=())
    for title, figure, caption in drawings:
        report.add_figure(on_whole_pixels(figure), title=title, caption=caption, tags=())
    with written_whole(page) as temporary:
        report.save(temporary.with_suffix(".html"), open_browser=False, overwrite=True, verbose="ERROR")
        temporary.with_suffix(".html").replace(temporary)
    return page


def against(found: int, wanted: int | None) -> str:
    """The text after a count: whether it is the expected one."""
    if wanted is None:
        return ""
    return " (all)" if found == wanted else f" of {wanted}"
