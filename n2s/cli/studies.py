"""``n2s studies``: the public data sets that n2s reads, and a check of any data."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from n2s.errors import UserError, nearest

if TYPE_CHECKING:
    from n2s.data.datamodule import NeuralDataModule
    from n2s.studies import Study


Words = list[str]  # `list` is a verb of the class
Labels = str | list[str] | None


class Studies:
    """Public data sets: list, show, download. Your own, too: check, example."""

    def list(self) -> None:
        """Print one line per data set."""
        from rich.table import Table

        from n2s.cli.study_cards import card_of
        from n2s.report.table import wide_console

        table = Table("name", "kind", "language", "people", "heard or said", "licence", "access", "citation", box=None)
        table.columns[0].no_wrap = True
        for name, study in public_studies().items():
            card = card_of(study)
            cells = (name, card.modality.split()[0], card.language, str(card.n_subjects), card.amount)
            table.add_row(*cells, card.licence.split(" (")[0], card.source.access, card.citation.split(",")[0])
        wide_console().print(table)
        print("\nA card: n2s studies show NAME. Get it: n2s studies download NAME --root FOLDER.")

    def show(self, name: str) -> None:
        """Print what a data set contains, where to get it, and what is left out.

        Parameters
        ----------
        name
            The name in ``n2s studies list``.
        """
        from n2s.cli.study_cards import card_lines

        study = _named(name)
        print("\n".join(card_lines(study.__name__.lower(), study)))

    def download(self, name: str, root: Path | None = None, subjects: Labels = None, jobs: int = 4) -> None:
        """Download a data set, or explain how to get it; a broken download continues.

        Parameters
        ----------
        name
            The name in ``n2s studies list``.
        root
            Folder to put it in.
        subjects
            Only these subjects' folders (01, or 01,02), and everything that belongs to no subject.
        jobs
            Parallel downloads.
        """
        from n2s.cli.study_cards import card_of
        from n2s.fetch.run import download
        from n2s.studies.card import Wall

        source = card_of(_named(name)).source
        if root is None and not isinstance(source, Wall):
            raise UserError(f"give a folder for the data set: n2s studies download {name} --root FOLDER.")
        download(source, root or Path(), subjects=chosen_labels(subjects), jobs=jobs)
        if root is not None:
            print(f"Next: n2s studies check {name} --root {root}")

    def example(self, folder: Path) -> None:
        """Write a small BIDS folder with MEG and EEG of three simulated people, to try n2s on.

        Parameters
        ----------
        folder
            A new folder.
        """
        from n2s.studies.simulated.example import write_example

        written = write_example(folder)
        events = sorted(written.glob("sub-*/meg/*_events.tsv"))[0]
        print(f"{written}: MEG and EEG of three simulated people who hear four stories.")
        print(f"{events.relative_to(written)} says when each sound plays, and each word of it:")
        print("\n".join(f"  {line}" for line in events.read_text("utf-8").splitlines()[:4]))
        print(f"Next: n2s studies check {folder}")

    def check(self, what: Words, root: Path | None = None, page: Path | None = None, all: bool = False) -> None:
        """Look at recordings, events and sounds before anything is prepared, and write a page of what is odd.

        Reads headers and tables of all recordings, all sounds, and all samples of the first recording of each person.
        Exit status: 0 if n2s can go on, 1 if something stops it.

        Parameters
        ----------
        what
            A BIDS folder; a recipe and its overlays (.yaml); or a name in ``n2s studies list``, with ``--root``.
        root
            Folder of a public data set.
        page
            The page; by default <what>_check.html here.
        all
            Read all samples of all recordings.
        """
        from n2s.checks.check import check
        from n2s.checks.folder import folder_studies
        from n2s.findings import kept

        data, name = None, Path(what[-1]).resolve().stem
        with kept() as found:
            if all_yaml := [one for one in what if one.endswith((".yaml", ".yml"))]:
                data = _recipe(what, all_yaml)
                studies: Any = data.studies
            elif len(what) > 1:
                raise UserError(f"check takes one folder or one name; got {', '.join(what)}.")
            elif root is None and Path(what[0]).is_dir():
                studies, name = folder_studies(Path(what[0])), Path(what[0]).resolve().name
            else:
                study = _named(what[0], folders=root is None)
                if root is None:
                    raise UserError("give the folder of the data set: --root FOLDER.")
                studies, name = {what[0]: study(str(root))}, what[0]  # type: ignore[call-arg]
        n_stops = check(studies, page or Path(f"{name}_check.html"), title=name, data=data, found=found, every=all)
        if n_stops:
            sys.exit(1)


def _recipe(what: Words, files: Words) -> "NeuralDataModule":
    from n2s.cli.recipe_data import recipe_data

    others = [one for one in what if one not in files]
    if others:
        raise UserError(f"check takes recipes (.yaml), or one folder or name; got {', '.join(others)} beside recipes.")
    return recipe_data(files)


def chosen_labels(given: Labels) -> Words | None:
    """Labels as they are typed: ``01``, ``01,02``, or a list."""
    if given is None:
        return None
    return [
        label for one in ([given] if isinstance(given, str) else given) for label in str(one).replace(",", " ").split()
    ]


def public_studies() -> dict[str, type["Study"]]:
    """Every data set with a card, by its name on the command line."""
    import n2s.studies

    classes = (getattr(n2s.studies, name) for name in n2s.studies.__all__)
    return {one.__name__.lower(): one for one in classes if getattr(one, "card", None) is not None}


def _named(name: str, *, folders: bool = False) -> type["Study"]:
    public = public_studies()
    if name.lower() not in public:
        neither = "no folder, recipe or data set" if folders else "no data set"
        raise UserError(f"{neither} '{name}'; there are {', '.join(public)}.{nearest(name.lower(), list(public))}")
    return public[name.lower()]
