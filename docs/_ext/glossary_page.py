"""The glossary: the page of ``n2s.report.glossary``, whose sentences every report shows on hover."""

from pathlib import Path

from reference_pages import write
from sphinx.application import Sphinx

from n2s.report.glossary import GLOSSARY


def write_page(app: Sphinx, _config: object = None) -> None:
    """``glossary.md``."""
    entries = "\n\n".join(
        f"{term}\n: {meaning}" for term, meaning in sorted(GLOSSARY.items(), key=lambda e: e[0].lower())
    )
    text = "# Glossary\n\nThe same sentences appear in every report when you point at a term.\n\n"
    write(Path(app.srcdir) / "glossary.md", text + "```{glossary}\n" + entries.replace("\n: ", "\n  ") + "\n```\n")


def setup(app: Sphinx) -> dict:
    """Before Sphinx looks for pages."""
    app.connect("config-inited", write_page)
    return {"parallel_read_safe": True}
