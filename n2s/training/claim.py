"""Claim the folder of a new run for one process, and remove it if the command is refused."""

import shutil
from dataclasses import replace
from pathlib import Path

from n2s.errors import UserError
from n2s.paths import make_folder, writable
from n2s.training.choose_run import Choice, shown
from n2s.training.run import Run


class Claim:
    """Make the folder of a new run, under the next free name if another process was faster.

    Parameters
    ----------
    choice
        The choice of a new run.
    named
        The user gave the name, so it cannot be changed.

    Raises
    ------
    UserError
        The folder cannot be written, or another process has the named one.
    """

    def __init__(self, choice: Choice, *, named: bool = False):
        first = Path(choice.folder)
        above = [first.parent, *first.parent.parents]
        self._made = [folder for folder in above if not folder.exists()]
        make_folder(first.parent)
        folder, count = first, 1
        while not _make(folder):
            if named:
                raise UserError(
                    f"N2S_RUN={first.name}: another process has just begun in {first}. Choose another name."
                )
            count += 1
            folder = first.with_name(f"{first.name}_{count}")
        message = choice.message.replace(str(shown(first)), str(shown(folder)), 1)
        self.choice = replace(choice, folder=str(folder), message=message)

    def drop(self) -> None:
        """Remove the folder, and the folders above it that were made for it and are empty."""
        shutil.rmtree(self.choice.folder, ignore_errors=True)
        for folder in self._made:
            if not folder.is_dir() or any(folder.iterdir()):
                return
            folder.rmdir()

    def drop_unused(self) -> None:
        """`drop`, unless the folder has become a run."""
        if not Run(Path(self.choice.folder)).exists():
            self.drop()


def _make(folder: Path) -> bool:
    try:
        with writable(folder):
            folder.mkdir()
    except UserError:
        if folder.is_dir():
            return False
        raise
    return True
