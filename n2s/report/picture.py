"""A figure on a page: a picture that every browser shows at once, and the same as SVG to take away."""

import base64
import gzip
import io
from html import escape

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.collections import Collection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from n2s.metrics.result import Drawing

MOST_POINTS = 30_000  # of lines and marks; with more, an SVG is larger and slower to make than it is worth
MOST_BYTES = 1_000_000  # of an SVG


def picture_html(drawing: Drawing) -> str:
    """A figure with its caption. A button, which the page's script adds, saves it as SVG, unless that were larger than 1 MB."""
    memory = io.BytesIO()
    drawing.figure.savefig(memory, format="webp", pil_kwargs={"quality": 88, "method": 4})
    picture = base64.b64encode(memory.getvalue()).decode("ascii")
    svg = svg_of(drawing.figure)
    packed = (
        ""
        if svg is None
        else f'<script type="text/plain" class="svg">{base64.b64encode(gzip.compress(svg, mtime=0)).decode("ascii")}</script>'
    )
    name = escape(drawing.title)
    return (
        f'<figure><img alt="{name}" src="data:image/webp;base64,{picture}"><figcaption>{escape(drawing.caption)}</figcaption>'
        f"{packed}</figure>"
    )


def svg_of(figure: Figure) -> bytes | None:
    """The figure as SVG, the same bytes each time; None where it has too many parts, or would be larger than 1 MB."""
    if sum(map(_points, figure.findobj())) > MOST_POINTS:
        return None
    memory = io.BytesIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "n2s"}):  # text stays text, to be edited
        figure.savefig(memory, format="svg", metadata={"Date": None, "Creator": "n2s"})
    return memory.getvalue() if memory.tell() <= MOST_BYTES else None


def _points(artist: Artist) -> int:
    if isinstance(artist, Line2D):
        return len(artist.get_xdata(orig=False))
    if isinstance(artist, Collection):
        array = artist.get_array()
        return max(
            0 if array is None else array.size,
            len(artist.get_offsets()),
            sum(len(one.vertices) for one in artist.get_paths()),
        )
    return 1
