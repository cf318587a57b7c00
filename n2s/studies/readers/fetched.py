"""Whether the content of a file is here: version control and downloads leave links, pointers and empty files in its place."""

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from n2s.errors import UserError

POINTER_BYTES = 32_768  # git-annex writes no larger pointer files; those of Git LFS have 1024 bytes at most
UNFINISHED = (".part", ".partial", ".filepart", ".crdownload", ".download", ".aria2", ".tmp")
NOT_FETCHED = "the content was not fetched"


def missing_content(path: Path) -> str:
    """Why a file cannot be read yet, as words for a message; "" if its content is here.

    Links to nowhere are how git-annex and DataLad keep files that are not fetched; the pointer files of git-annex (unlocked) and
    of Git LFS are short texts under the name of the file.
    See https://git-annex.branchable.com/internals/pointer_file/ and the specification of Git LFS.
    """
    path = Path(path)
    try:
        found = path.stat()
    except FileNotFoundError:
        if path.is_symlink():
            return f"{NOT_FETCHED}: a link to {os.readlink(path)}, which is not here (`datalad get` or `git annex get`)"
        return "no such file"
    except OSError as error:  # a link to itself, or a folder that is closed
        return f"cannot be opened ({error.strerror or type(error).__name__})"
    if stat.S_ISDIR(found.st_mode) or found.st_size > POINTER_BYTES:
        return ""
    if found.st_size == 0:
        return "an empty file (0 bytes)"
    try:
        with open(path, "rb") as file:
            start = file.read(64)
    except OSError as error:
        return f"cannot be opened ({error.strerror or type(error).__name__})"
    if start.startswith(b"/annex/objects/"):
        return f"{NOT_FETCHED}: only git-annex' pointer is here (`datalad get` or `git annex get`)"
    if start.startswith(b"version https://git-lfs.github.com/"):
        return f"{NOT_FETCHED}: only Git LFS' pointer is here (`git lfs pull`)"
    return ""


def check_fetched(path: Path) -> None:
    """A `UserError` if the content of a file is not here."""
    why = missing_content(path)
    if why:
        raise UserError(f"{path}: {why}. Fetch or copy it again.")


def first_missing(paths: Iterable[Path]) -> tuple[Path, str] | None:
    """The first file whose content is not here, and why."""
    return next(((path, why) for path in paths if (why := missing_content(path))), None)
