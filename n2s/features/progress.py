"""Progress of what features take: nothing is said of a few things."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from n2s.progress import track

T = TypeVar("T")


def tracked(things: Sequence[T], what: str, *, least: int) -> Iterable[T]:
    """Go through things and say how far; nothing for fewer than ``least``."""
    return track(things, what, least=least)
