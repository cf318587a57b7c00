"""The one exception for what a user can mend."""

import difflib


class UserError(Exception):
    """Something the user gave is wrong: the message says what was found, where, what was expected and what to do.

    The command line prints the message alone, without a traceback, and exits with 2.
    """


def nearest(name: str, known: list[str], n: int = 3) -> str:
    """A sentence for the end of a message: the known names that look most like ``name``; "" if none does."""
    lower = {one.lower(): one for one in known}
    close = difflib.get_close_matches(name.lower(), list(lower), n=n, cutoff=0.5)
    return f" Nearest: {', '.join(lower[one] for one in close)}." if close else ""
