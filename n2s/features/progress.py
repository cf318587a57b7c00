"""Bars of progress on the terminal: one console, so that a bar inside another is drawn below it."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import TypeVar

from rich.console import Console
from rich.progress import track

T = TypeVar("T")


@cache
def _console() -> Console:
    return Console(stderr=True)


def tracked(things: Sequence[T], what: str, *, least: int) -> Iterable[T]:
    """Go through things with a bar that vanishes at the end; none for fewer than ``least``."""
    return track(things, description=what, console=_console(), disable=len(things) < least, transient=True)
