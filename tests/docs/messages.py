"""What the program can say when something is wrong: strings of the source, with a gap where a value stands."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from docs_pages import ROOT

GAP = "\0"


def text(node: ast.AST) -> str:
    """A string of the source as a reader sees it."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(text(part) for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return text(node.left) + text(node.right)
    return GAP


def sentences(path: Path) -> Iterator[str]:
    """Every string of a file that is no docstring."""
    tree = ast.parse(path.read_text("utf-8"))
    alone = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant | ast.JoinedStr | ast.BinOp) and node not in alone:
            yield " ".join(text(node).replace("`", "").split())


@cache
def families() -> dict[str, list[str]]:
    """Package of n2s that tells users what is wrong -> its sentences."""
    found: dict[str, list[str]] = {}
    raising = set()
    for path in sorted((ROOT / "n2s").rglob("*.py")):
        family = path.relative_to(ROOT / "n2s").parts[0].removesuffix(".py")
        found.setdefault(family, []).extend(sentences(path))
        if "UserError(" in path.read_text("utf-8"):
            raising.add(family)
    return {family: said for family, said in found.items() if family in raising}


def said_by(heading: str) -> set[str]:
    """Families with a sentence that has the fixed words of a heading, in their order; ``...`` is anything."""
    words = [part.strip() for part in heading.replace("`", "").split("...")]
    pattern = re.compile(".*?".join(re.escape(" ".join(part.split())) for part in words if part))
    return {family for family, every in families().items() if any(pattern.search(one) for one in every)}
