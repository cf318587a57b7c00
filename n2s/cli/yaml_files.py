"""The YAML files of a command: where a word stands in them, and what is wrong with one that is no YAML."""

import re
from collections.abc import Iterator
from pathlib import Path

from n2s.cli.recipes import found_recipe
from n2s.errors import UserError


def broken_yaml(message: str, arguments: list[str]) -> str | None:
    """Our message for an error of jsonargparse, if a file of the command is no YAML of keys and values; else None."""
    import yaml

    if not re.match(r"Problems parsing config|Unexpected config", message):
        return None
    for path in files(arguments):
        try:
            content = yaml.safe_load(text(path))
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = f", line {mark.line + 1}" if mark else ""
            return f"{path}{line}: not valid YAML: {getattr(error, 'problem', error)}.{_remedy(error)}"
        if not isinstance(content, dict):
            kind = "nothing" if content is None else f"a {type(content).__name__}"
            return f"{path}: expected keys and values, found {kind}."
    twice = re.search(r"found duplicate key (\S+)\s+in \"<file>\", line (\d+)", message)
    if twice:
        where = next((path for path in files(arguments) if _has(path, int(twice[2]), twice[1])), "the recipe")
        return f"{where}, line {twice[2]}: the key '{twice[1]}' is there twice. Keep one."
    return None


def files(arguments: list[str], options: tuple[str, ...] = ()) -> Iterator[Path]:
    """The YAML files that a command names: after ``--config``, and with such an ending after any option, or after ``options`` alone."""
    for before, word in zip(["", *arguments], arguments, strict=False):
        option, _, value = word.rpartition("=")
        path, config = Path(value), "--config" in (before, option) or before == "-c"
        if config:
            path = found_recipe(value) or path
        if options and before not in options and option not in options:
            continue
        if (config or path.suffix in (".yaml", ".yml")) and path.is_file():
            yield path


def text(path: Path) -> str:
    """The text of a recipe.

    Raises
    ------
    UserError
        It is not UTF-8.
    """
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UserError(
            f"{path}, line {line}: not UTF-8 text (the byte 0x{content[error.start]:02X}). Save it as UTF-8."
        ) from None


def in_file(arguments: list[str], *words: str) -> str:
    """The place of wrong words: `` (recipe.yaml, line 3)``; empty if they came from the command line."""
    for path in files(arguments):
        for number, line in enumerate(text(path).splitlines(), 1):
            if all(re.search(rf"(?<![\w.]){re.escape(word)}(?!\w)", line) for word in words):
                return f" ({path}, line {number})"
    return ""


def _has(path: Path, number: int, word: str) -> bool:
    lines = text(path).splitlines()
    return number <= len(lines) and word in lines[number - 1]


def _remedy(error: Exception) -> str:
    problem = str(getattr(error, "problem", ""))
    if "\\t" in problem:
        return " Indent with spaces, not with tabs."
    return " Check colons, brackets, quotes and the indentation there."
