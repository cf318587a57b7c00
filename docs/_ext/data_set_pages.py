"""Public data sets: a page for each, from the card of its reader and from the table of known traps."""

import re
from pathlib import Path

from reference_pages import write
from sphinx.application import Sphinx

from n2s.cli.studies import public_studies
from n2s.cli.study_cards import counts, fits_with, language_names, steps
from n2s.studies.card import Wall

TRAPS = Path(__file__).parents[2] / "tests" / "studies" / "README.md"


def traps() -> dict[str, list[str]]:
    """Name of a data set -> what is known to go wrong with its files: every row has a test."""
    found: dict[str, list[str]] = {}
    table = TRAPS.read_text("utf-8").partition("\n## ")[0]
    for row in table.splitlines():
        cells = [cell.strip() for cell in row.strip("|").split(" | ")]
        if row.startswith("| ") and len(cells) == 3 and "test_" in cells[2]:
            for name in cells[0].split(","):
                found.setdefault(name.strip(), []).append(cells[1])
    return found


def with_links(text: str) -> str:
    """Each DOI of a text as a link."""
    return re.sub(r"doi:(10\.[^\s,()]+)", r"[doi:\1](https://doi.org/\1)", text)


def page(name: str, study: type, known: list[str]) -> str:
    """The page of a data set, as MyST."""
    card = study.card
    size = "" if card.size_gb is None else f", {card.size_gb:g} GB"
    facts = {
        "recorded": card.modality,
        "language": language_names(card.language),
        "people": f"{card.n_subjects}; {card.amount}",
        "n2s reads": counts(study),
        "licence": card.licence,
        "access": f"{card.source.access}{size}",
        "cite": with_links(card.citation),
        "reader": f"{{py:class}}`n2s.studies.{study.__name__}`",
    }
    rows = "\n".join(f"| {what} | {text} |" for what, text in facts.items())
    parts = [f"# {card.title}: {name}", f"| | |\n|---|---|\n{rows}", "## Get it"]
    if isinstance(card.source, Wall):
        parts.append(with_links("\n".join(steps(name, card))))
    else:
        parts.append(f"From {card.source.where}:")
        parts.append(f"```console\nn2s studies download {name} --root $N2S_DATA/{name}\n```")
        one = re.search(r"\bsub-([A-Za-z0-9]+)", card.layout)
        parts.append(f"A broken download continues. `--subjects {one[1] if one else 'NAME'}` takes some people alone.")
    parts.append(
        f"Then look at it, before anything else:\n\n```console\nn2s studies check {name} --root $N2S_DATA/{name}\n```"
    )
    parts.append(f"## Files\n\n```text\n{card.layout}\n```")
    commands = [re.sub(r"configs/(\S+)\.yaml", r"\1", command) for command in fits_with(study)]
    parts.append("## Train with it\n\n```console\n" + "\n".join(commands) + "\n```")
    parts.append(
        "`n2s test` with the same options follows. The overlay's first lines say in which folder of `N2S_DATA` the data are."
    )
    if card.notes:
        parts.append(f"## To know\n\n{card.notes}")
    if card.left_out:
        reasons: dict[str, list[str]] = {}
        for who, why in card.left_out.items():
            reasons.setdefault(why, []).append(who)
        rows = "\n".join(f"| {', '.join(who)} | {why} |" for why, who in reasons.items())
        parts.append(f"## Left out\n\n| what | why |\n|---|---|\n{rows}")
    if known:
        parts.append(
            "## Traps of its files\n\nThe reader knows these, and a test holds each:\n\n"
            + "\n".join(f"- {trap}" for trap in known)
        )
    return "\n\n".join(parts) + "\n"


def write_pages(app: Sphinx, _config: object = None) -> None:
    """A page for each data set, and the table that ``data_sets/index.md`` includes."""
    folder, known = Path(app.srcdir) / "data_sets", traps()
    rows = [
        "| name | recorded | language | people | heard or said | licence | access |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, study in public_studies().items():
        card = study.card
        write(folder / f"{name}.md", page(name, study, known.get(name, [])))
        cells = (
            f"[{name}]({name}.md)", card.modality.split()[0], language_names(card.language), str(card.n_subjects), card.amount,
            card.licence.split(" (")[0], card.source.access,
        )  # fmt: skip
        rows.append(f"| {' | '.join(cells)} |")
    write(folder / "_table.md", "\n".join(rows) + "\n")


def setup(app: Sphinx) -> dict:
    """Before Sphinx looks for pages."""
    app.connect("config-inited", write_pages)
    return {"parallel_read_safe": True}
