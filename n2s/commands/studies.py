"""``n2s studies``: the public data sets that n2s reads."""

from pathlib import Path
from typing import TYPE_CHECKING

from n2s.errors import UserError, nearest

if TYPE_CHECKING:
    from n2s.studies import Study


Labels = list[str] | None  # `list` is a verb of the class


class Studies:
    """The public data sets: list, show, download, check."""

    def list(self) -> None:
        """Print one line per data set."""
        from rich.console import Console
        from rich.table import Table

        from n2s.studies.card import Wall

        table = Table("name", "kind", "language", "people", "hours each", "licence", "access", "citation", box=None)
        table.columns[0].no_wrap = True
        for name, study in _public().items():
            card = study.card
            access = "account" if isinstance(card.source, Wall) else "open"
            cells = (name, card.modality.split()[0], card.language, str(card.n_subjects), f"{card.hours:g}")
            table.add_row(*cells, card.licence.split(" (")[0], access, card.citation.split(",")[0])
        Console().print(table)

    def show(self, name: str) -> None:
        """Print what a data set contains, where to get it, and what is left out.

        Parameters
        ----------
        name
            The name in ``n2s studies list``.
        """
        from n2s.studies.card import Wall

        study = _named(name)
        card = study.card
        counts = ", ".join(f"{count} {what}" for what, count in (study.expected or {}).items())
        lines = [
            f"{name}: {card.title}",
            f"  {card.modality}; {card.language}; {card.n_subjects} people, {card.hours:g} h each",
        ]
        lines += [f"  licence: {card.licence}", f"  cite: {card.citation}", f"  read: {counts}"]
        lines += ["", "Layout", *(f"  {line}" for line in card.layout.splitlines()), "", "Get it"]
        if isinstance(card.source, Wall):
            lines += [f"  {number}. {step}" for number, step in enumerate(card.source.steps, 1)]
        else:
            lines.append(f"  n2s studies download {name} --root <folder>   ({card.source})")
        if card.left_out:
            lines += ["", "Left out", *(f"  {who}: {why}" for who, why in card.left_out.items())]
        if card.notes:
            lines += ["", "To know", f"  {card.notes}"]
        print("\n".join(lines))

    def download(self, name: str, root: Path | None = None, subjects: Labels = None, jobs: int = 4) -> None:
        """Download a data set, or explain how to get it; a broken download continues.

        Parameters
        ----------
        name
            The name in ``n2s studies list``.
        root
            Folder to put it in.
        subjects
            Only these subjects' folders (01), and everything that belongs to no subject.
        jobs
            Parallel downloads.
        """
        from n2s.fetch.run import download

        source = _named(name).card.source
        download(source, root or _asked(source), subjects=subjects, jobs=jobs)

    def check(self, name: str, root: Path | None = None, page: Path | None = None, all: bool = False) -> None:
        """Count the files, compare events, audio and triggers, and draw one recording on a page.

        Parameters
        ----------
        name
            The name in ``n2s studies list``.
        root
            Folder of the data set.
        page
            The page; by default <name>_check.html here.
        all
            Compare every recording, not only the first.
        """
        from n2s.checks.study import check_study

        if root is None:
            raise UserError("give the folder of the data set: --root FOLDER.")
        study = _named(name)(str(root))
        written = check_study(study, page or Path(f"{name}_check.html"), every=all)
        print(f"Page: {written}")


def _asked(source: object) -> Path:
    """No folder is needed if there are only steps to print."""
    from n2s.studies.card import Wall

    if not isinstance(source, Wall):
        raise UserError("give a folder for the data set: --root FOLDER.")
    return Path()


def _public() -> dict[str, type["Study"]]:
    """Every data set with a card, by its name on the command line."""
    import n2s.studies

    classes = (getattr(n2s.studies, name) for name in n2s.studies.__all__)
    return {one.__name__.lower(): one for one in classes if getattr(one, "card", None) is not None}


def _named(name: str) -> type["Study"]:
    public = _public()
    if name.lower() not in public:
        raise UserError(f"no data set '{name}'; there are {', '.join(public)}.{nearest(name.lower(), list(public))}")
    return public[name.lower()]
