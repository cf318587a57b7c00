"""Progress for whoever waits: a bar on a terminal, and a line from time to time where the output goes to a file."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.console import Console

T = TypeVar("T")
SOON_S, OFTEN_S = 5.0, 30.0  # the first line in a file, and the longest time between two


def told_s(seconds: float) -> str:
    """A time as people read it: ``0.4 s``, ``12 s``, ``2 min 5 s``, ``3 h 20 min``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60} min"


class Lines:
    """Says how far something is: after `SOON_S`, then after every tenth of the whole and every `OFTEN_S`.

    Nothing is said of what takes no longer than `SOON_S`.

    Parameters
    ----------
    what
        Before each line.
    total
        How many steps there are.
    """

    def __init__(self, what: str, total: int | None):
        self.what, self.total = what, total
        self.began = self.last = time.monotonic()
        self.tenth, self.said = 0, False

    def at(self, done: int, more: str = "") -> None:
        """``done`` steps are done; ``more`` is said after that."""
        now = time.monotonic()
        tenth = 10 * done // self.total if self.total else 0
        waited = now - self.last
        if waited < SOON_S or (tenth == self.tenth and waited < OFTEN_S):
            return
        self.last, self.tenth, self.said = now, tenth, True
        spent = now - self.began
        left = (
            f", about {told_s(spent / done * (self.total - done))} left" if self.total and 0 < done < self.total else ""
        )
        of = f" of {self.total} ({100 * done // self.total}%)" if self.total else ""
        print(f"{self.what}: {done}{of} after {told_s(spent)}{left}{more}", file=sys.stderr, flush=True)

    def end(self) -> None:
        """It is done; said if anything was."""
        if self.said:
            print(f"{self.what}: done in {told_s(time.monotonic() - self.began)}", file=sys.stderr, flush=True)


def on_terminal() -> bool:
    """Whether progress is read by somebody now: bars are drawn on stderr."""
    return sys.stderr is not None and sys.stderr.isatty()


def track(things: Iterable[T], what: str, total: int | None = None, *, least: int = 2) -> Iterator[T]:
    """Go through things, and say how far: nothing for fewer than ``least``.

    Parameters
    ----------
    things
        What to go through.
    what
        What is done with each: "preparing my_study".
    total
        How many there are, if ``things`` does not say.
    least
        Of fewer things nothing is said.
    """
    if total is None and isinstance(things, Sized):
        total = len(things)
    if total is not None and total < least:
        yield from things
    elif on_terminal():
        from rich.progress import track as bar

        yield from bar(things, what, total=total, console=_console(), transient=True)
    else:
        lines = Lines(what, total)
        for done, thing in enumerate(things):
            lines.at(done)
            yield thing
        lines.end()


@contextmanager
def reported(what: str) -> Iterator[Callable[[int, int], None]]:
    """Gives a function to call with how many steps are done, and of how many."""
    if on_terminal():
        from rich.progress import Progress

        with Progress(transient=True, console=_console()) as bar:
            task = bar.add_task(what, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)
        return
    lines = Lines(what, None)

    def report(done: int, total: int) -> None:
        lines.total = total
        lines.at(done)

    yield report
    lines.end()


@cache
def _console() -> "Console":
    from rich.console import Console

    return Console(stderr=True)  # one: a bar inside another is drawn below it
