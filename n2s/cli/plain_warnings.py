"""Warnings of n2s itself in one line: without the file and the line of code that Python adds."""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]


@contextmanager
def plain_warnings() -> Iterator[None]:
    """Show n2s's own warnings as ``warning: ...`` in this block; those of other packages as they are."""
    usual = warnings.showwarning

    def show(message, category, filename, lineno, file=None, line=None):  # type: ignore[no-untyped-def]
        if Path(filename).resolve().is_relative_to(HERE):
            print(f"warning: {message}", file=file or sys.stderr)
        else:
            usual(message, category, filename, lineno, file, line)

    warnings.showwarning = show
    try:
        yield
    finally:
        warnings.showwarning = usual
