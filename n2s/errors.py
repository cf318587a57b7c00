"""The one exception for problems that a user can fix."""

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


class UserError(Exception):
    """Something the user gave is wrong: the message says what was found, where, what was expected and what to do.

    The command line prints the message alone, without a traceback, and exits with 2.

    Examples
    --------
    >>> from n2s.data import SplitByTime
    >>> try:
    ...     SplitByTime(n_folds=1)
    ... except UserError as error:
    ...     print(error)
    split: n_folds is 1; expected a whole number from 3 on.
    """


@contextmanager
def reading(path: Path, expected: str, remedy: str = "Copy it again from its source.") -> Iterator[None]:
    """Call a library's reader in this block: any error from a damaged file becomes a `UserError` that names the file.

    The readers of NumPy, SciPy, h5py and nibabel document no exceptions, and raise any kind.

    Examples
    --------
    >>> with reading(Path("mel.npy"), "a NumPy array"):
    ...     raise ValueError("magic string is not correct")
    Traceback (most recent call last):
    n2s.errors.UserError: mel.npy cannot be read: not a NumPy array (ValueError: magic string is not correct). Copy it again from its source.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        told = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
        raise UserError(f"{path} cannot be read: not {expected} ({told}). {remedy}") from error


def nearest(name: str, known: list[str], n: int = 3) -> str:
    """A sentence for the end of a message: the known names that look most like ``name``; "" if none does.

    Examples
    --------
    >>> nearest("sub-1", ["sub-01", "sub-02", "emptyroom"])
    ' Nearest: sub-01, sub-02.'
    """
    lower = {one.lower(): one for one in known}
    close = difflib.get_close_matches(name.lower(), list(lower), n=n, cutoff=0.5)
    return f" Nearest: {', '.join(lower[one] for one in close)}." if close else ""


def counted(n: int, what: str, several: str | None = None) -> str:
    """A number and its noun: "1 recording", "3 recordings"; ``several`` is the plural, where it is not made with an s.

    Examples
    --------
    >>> counted(1, "recording"), counted(2, "story", "stories"), counted(0, "window")
    ('1 recording', '2 stories', '0 windows')
    """
    return f"{n} {what}" if n == 1 else f"{n} {several or what + 's'}"


def first_of(names: Iterable[object], n: int = 8, more: str = " and {} more") -> str:
    """The first ``n`` names for a message, and after them ``more``, where ``{}`` is how many are left.

    Examples
    --------
    >>> first_of(["MEG0111", "MEG0112", "MEG0113", "MEG0121"], 2)
    'MEG0111, MEG0112 and 2 more'
    """
    every = [str(name) for name in names]
    return ", ".join(every[:n]) + (more.format(len(every) - n) if len(every) > n else "")
