"""Sentences written for the corpora without a download: phrases of everyday life, put together by patterns."""

from pathlib import Path

import numpy as np

from n2s.errors import UserError

_FOLDER = Path(__file__).parent / "texts"
LANGUAGES = ("nl", "en", "bn")


def sentences(language: str, n: int, seed: int = 0) -> list[str]:
    """Draw ``n`` different sentences of 4 to 14 words.

    A file of ``texts/`` has patterns (``{who} {did} {when} {what}``) and the phrases of each kind. Verb and object are drawn
    together (``did+what``), everything else apart: whoever acts is a person, and whatever is done can be done by one at any
    time that is named. Dutch has questions, inversion and subordinate clauses.

    Raises
    ------
    UserError
        No such language, or fewer sentences exist.
    """
    if language not in LANGUAGES:
        raise UserError(f"no sentences are written in '{language}'; there are {', '.join(LANGUAGES)}.")
    phrases = _phrases(language)
    patterns = phrases.pop("patterns")
    most = int(sum(np.prod([len(found) for kind, found in phrases.items() if _asked(kind, one)]) for one in patterns))
    if not 1 <= n <= most // 2:
        raise UserError(f"{n} sentences of '{language}' were asked for; expected 1 to {most // 2}.")
    random, found = np.random.default_rng(seed), {}
    while len(found) < n:
        pattern = patterns[random.integers(len(patterns))]
        filled = {}
        for kind, known in phrases.items():
            parts = known[random.integers(len(known))].split(" | ")
            filled |= dict(zip(kind.split("+"), parts, strict=True))
        sentence = pattern.format(**filled)
        found[sentence[0].upper() + sentence[1:]] = None
    return list(found)


def _asked(kind: str, pattern: str) -> bool:
    return any(f"{{{name}}}" in pattern for name in kind.split("+"))


def _phrases(language: str) -> dict[str, list[str]]:
    """Heading -> its lines."""
    found: dict[str, list[str]] = {}
    for line in (_FOLDER / f"{language}.txt").read_text("utf-8").splitlines():
        if line.startswith("["):
            lines = found.setdefault(line.strip("[]"), [])
        elif line and not line.startswith("#"):
            lines.append(line)
    return found
