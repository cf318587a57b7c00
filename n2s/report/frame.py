"""The frame of a page: its head with n2s's name, the table of contents, the style, and what its buttons do. Nothing is fetched."""

import base64
import json
import re
from collections.abc import Sequence
from html import escape, unescape
from pathlib import Path

from n2s.report.glossary import appearing

HERE = Path(__file__).parent
_HIDDEN = re.compile(r"<(script|style|pre)\b.*?</\1>|<[^>]+>", re.DOTALL)


def framed(title: str, parts: Sequence[tuple[str, str]], *, style: str = "") -> str:
    """A whole HTML document.

    Parameters
    ----------
    title
        What the page is about: its name in the head and in the browser's tab.
    parts
        Headings and their HTML, in reading order.
    style
        More CSS.
    """
    mark = (HERE / "mark.svg").read_text("utf-8").strip()
    names = _anchors([heading for heading, _ in parts])
    sections = [
        f'<section id="{name}"><h2>{escape(heading)}</h2>{html}</section>'
        for name, (heading, html) in zip(names, parts, strict=True)
    ]
    links = [
        f'<li><a href="#{name}">{escape(heading)}</a></li>' for name, (heading, _) in zip(names, parts, strict=True)
    ]
    terms = appearing(unescape(_HIDDEN.sub(" ", " ".join(sections))))
    if terms:
        sections.append(_glossary(terms))
        links.append('<li><a href="#glossary">Glossary</a></li>')
    icon = base64.b64encode(mark.encode()).decode("ascii")
    known = json.dumps([[term.written, term.meaning] for term in terms], ensure_ascii=False).replace("</", "<\\/")
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="generator" content="n2s"><title>{escape(title)} · n2s</title>'
        f'<link rel="icon" href="data:image/svg+xml;base64,{icon}">'
        f"<style>{(HERE / 'page.css').read_text('utf-8')}{style}</style></head>\n"
        f'<body><header class="top">{mark}<b>n2s</b><span>{escape(title)}</span>'
        '<button type="button" id="theme" hidden>dark</button></header>\n'
        f'<div class="frame"><nav class="toc" aria-label="Contents"><details open><summary>Contents</summary><ol>{"".join(links)}</ol></details></nav>\n'
        f"<main>{''.join(sections)}</main></div>\n"
        f'<script type="application/json" id="terms">{known}</script>\n'
        f"<script>{(HERE / 'page.js').read_text('utf-8')}</script></body></html>\n"
    )


def _glossary(terms: Sequence) -> str:
    entries = "".join(
        f"<dt>{escape(term.word)}</dt><dd>{escape(term.meaning)}</dd>"
        for term in sorted(terms, key=lambda term: term.word.lower())
    )
    return f'<section id="glossary" class="plain"><h2>Glossary</h2><dl class="glossary">{entries}</dl></section>'


def _anchors(headings: Sequence[str]) -> list[str]:
    """A name for each heading that links can use, each once."""
    found: list[str] = []
    for heading in headings:
        name = re.sub(r"[^\w]+", "-", heading.lower()).strip("-") or "part"
        number = 2
        while (name if number == 2 else f"{name}-{number - 1}") in [*found, "glossary", "terms", "tip", "theme"]:
            number += 1
        found.append(name if number == 2 else f"{name}-{number - 1}")
    return found
