"""Check a built site: every link inside leads to a page and an anchor that exist, and no page asks another host for anything.

``python tests/docs/check_links.py docs/_build/html``. Links to other hosts are counted; ``--external`` lists them.
"""

import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

#: Attributes that make a browser fetch something at once.
FETCHED = {"img": "src", "script": "src", "audio": "src", "source": "src", "iframe": "src", "link": "href"}
NOT_FETCHED = {"canonical", "search", "next", "prev", "author", "index", "copyright", "top"}  # values of rel


class Page(HTMLParser):
    """What a page links to, what it fetches, and its anchors."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.anchors: set[str] = {""}
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Collect."""
        said = {name: value or "" for name, value in attributes}
        self.anchors.update(said[name] for name in ("id", "name") if name in said)
        address = said.get(FETCHED.get(tag, ""), "")
        if address and not (tag == "link" and NOT_FETCHED & set(said.get("rel", "").split())):
            self.fetched.append(address)
        elif tag == "a" and "href" in said:
            self.links.append(said["href"])


def faults(folder: Path) -> Iterator[str]:
    """One line for each link that leads nowhere, and for each request to another host."""
    pages = {path: Page(path) for path in sorted(folder.rglob("*.html")) if "_static" not in path.parts}
    if not pages:
        yield f"{folder} has no pages"
    for path, page in pages.items():
        here = path.relative_to(folder)
        for address in page.fetched + page.links:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                if address in page.fetched and parts.scheme != "data":
                    yield f"{here} fetches {address}"
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            if not target.is_file():
                yield f"{here} links to {address}, which does not exist"
            elif target in pages and unquote(parts.fragment) not in pages[target].anchors:
                yield f"{here} links to {address}: no such anchor"


def external(folder: Path) -> set[str]:
    """Addresses of other hosts."""
    links = (link for path in folder.rglob("*.html") for link in Page(path).links)
    return {link for link in links if urlsplit(link).scheme in ("http", "https")}


def main() -> None:
    """Print what is wrong; exit with 1 if anything is."""
    folder = Path(sys.argv[1]).resolve()
    wrong = sorted(set(faults(folder)))
    outside = sorted(external(folder))
    print("\n".join(wrong + (outside if "--external" in sys.argv else [])))
    print(
        f"{len(list(folder.rglob('*.html')))} pages, {len(wrong)} faults, {len(outside)} links to other hosts (not opened)"
    )
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
