"""What n2s leaves out of the user's data, corrects in them, or finds odd: said aloud, and kept for the pages that list it."""

import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal

logger = logging.getLogger(__name__)

Kind = Literal["left out", "corrected", "odd"]
SHOWN = 12  # lines: more would hide the rest of a command's output


@dataclass(frozen=True, order=True)
class Finding:
    """One fact about the user's data that does not stop n2s, but that the user should know.

    Attributes
    ----------
    kind
        ``left out``: n2s does not use it; ``corrected``: n2s uses another value than the one found; ``odd``: n2s uses it as it is.
    where
        The file, recording or option.
    text
        What was found, what n2s does with it, and what to do if that is wrong: a sentence without ``where``. Findings with the same
        text are told together, so what differs between recordings belongs into ``where``, if it can.

    Examples
    --------
    >>> from n2s.findings import Finding, summary
    >>> summary([Finding("left out", "run-1", "no sound."), Finding("left out", "run-2", "no sound.")])
    ['left out: run-1 and 1 more: no sound.']
    """

    kind: Kind
    where: str
    text: str


_kept: ContextVar[list[Finding] | None] = ContextVar("findings", default=None)
_said: set[Finding] = set()


def tell(kind: Kind, where: object, text: str) -> None:
    """Report a finding: to the `kept` block around this call, else at once, as a warning, once per process.

    Examples
    --------
    >>> from n2s.findings import kept, tell
    >>> with kept() as found:
    ...     tell("corrected", "sub-01_events.tsv", "onsets are in ms; n2s takes them as ms.")
    >>> [(one.kind, one.where) for one in found]
    [('corrected', 'sub-01_events.tsv')]
    """
    finding = Finding(kind, str(where), text)
    block = _kept.get()
    if block is None:
        say([finding])
    elif finding not in block:
        block.append(finding)


@contextmanager
def kept() -> Iterator[list[Finding]]:
    """Collect the findings of this block in a list; nothing is said."""
    found: list[Finding] = []
    token = _kept.set(found)
    try:
        yield found
    finally:
        _kept.reset(token)


def say(findings: Iterable[Finding]) -> None:
    """Log findings as warnings: equal ones in one line, each once per process, only in the first of several processes."""
    new = [one for one in dict.fromkeys(findings) if one not in _said]
    _said.update(new)
    if any(os.environ.get(name, "0") != "0" for name in ("RANK", "SLURM_PROCID", "LOCAL_RANK")):
        return
    lines = summary(new)
    for line in lines[:SHOWN]:
        logger.warning("%s", line)
    if len(lines) > SHOWN:
        logger.warning("... and %d more; `n2s studies check` lists all.", len(lines) - SHOWN)


def summary(findings: Iterable[Finding]) -> list[str]:
    """One line for each different text: its kind, the first place, how many more places, and the text."""
    places: dict[tuple[Kind, str], list[str]] = {}
    for one in findings:
        places.setdefault((one.kind, one.text), []).append(one.where)
    return [
        f"{kind}: {where[0]}{f' and {len(where) - 1} more' if len(where) > 1 else ''}: {text}"
        for (kind, text), where in places.items()
    ]
