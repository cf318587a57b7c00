"""``--data.target.help``: which class stands at a key of a recipe, and the options of a class."""

import inspect
import re
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import docstring_parser
import yaml

from n2s.cli.data_of import complete, merged
from n2s.cli.links import parameters
from n2s.cli.plain_types import told_type
from n2s.cli.recipes import names, recipes_dir
from n2s.cli.yaml_files import files, text
from n2s.config_classes import class_named
from n2s.errors import UserError, counted, first_of, nearest
from n2s.own_code import check_imports

ASKED = re.compile(r"--((?:data|model|trainer)(?:\.\w+)*)\.help(?:=(.+))?")
WIDTH = 100  # characters of a line
MOST = 6  # other classes beside the recipe's own
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # of C: all recipes in .5 s, not 4


def asked_help(words: list[str]) -> str | None:
    """The help that a command asks for, if one of its words ends with ``.help``; else None.

    Parameters
    ----------
    words
        The words of the command line; the class may be the word behind, or stand behind a ``=``, or be left out.

    Raises
    ------
    UserError
        There is no such key, or no such class.
    """
    for word, after in zip(words, [*words[1:], ""], strict=False):
        if match := ASKED.fullmatch(word):
            given = match[2] or ("" if after.startswith("-") else after)
            return "\n".join(help_lines(match[1], given, _recipe(words)))
    return None


def help_lines(key: str, name: str, recipe: dict) -> Iterator[str]:
    """The lines of help for a key.

    Parameters
    ----------
    key
        As it is typed: ``data.target``, without ``init_args``.
    name
        A class, with or without its module; "": the one that the recipe has at this key.
    recipe
        What the command's recipes say, {} where it names none.
    """
    if key == "trainer":
        yield from _options(key, "lightning.pytorch.Trainer", recipe.get("trainer") or {})
        return
    here, (known, table) = list(_at(recipe, key.split("."))), usual_classes(key)
    if name:
        path = _path(name, key, known)
        values = next(
            (entry.get("init_args") for _, entry in here if class_named(entry["class_path"]) is class_named(path)), None
        )
        yield from _options(f"{key}.NAME" if table else key, path, values or {})
        return
    if not here and not known:
        raise UserError(f"--{key}.help: no recipe has a class at {key}.{nearest(key, sorted(_keys()))}")
    for place, entry in here:
        yield from _options(place, _path(entry["class_path"], place, known), entry.get("init_args") or {})
        yield ""
    others = [one for one in known if one not in {entry["class_path"] for _, entry in here}]
    if others:
        yield f"{'other classes' if here else 'classes'} that recipes have at {key}:"
        yield from _listed(others[:MOST] if here else others)
        if here and len(others) > MOST:
            yield f"  and {len(others) - MOST} more: n2s fit --{key}.help lists them all"
        yield f"options of one: n2s fit --{key}.help {others[0]}"


def elsewhere(key: str, option: str) -> str:
    """A sentence for an option that a class below a key has: ``data.subjects`` is ``data.studies.NAME.subjects``; else ""."""
    for place in sorted(one for one in _keys() if one.startswith(f"{key}.")):
        known, table = usual_classes(place)
        if any(option in parameters(kind) for path in known if (kind := class_named(path))):
            return f" It is an option of what stands at {place}: --{place}{'.NAME' if table else ''}.{option}."
    return ""


def _recipe(words: list[str]) -> dict:
    """What the recipes of a command say together, as far as classes and their options go."""
    found: dict = {}
    for path in files(words):
        read = read_recipe(path)
        for group in ("data", "model", "trainer"):
            if isinstance(read.get(group), dict):
                found[group] = _over(found.get(group), read[group])
    return found


def _over(below: object, above: object) -> object:
    """An overlay laid over a recipe: options that it does not name stay."""
    if isinstance(below, dict) and isinstance(above, dict) and "class_path" not in above and "init_args" not in above:
        return below | {key: _over(below.get(key), value) for key, value in above.items()}
    return merged(below, above)


def read_recipe(path: Path) -> dict:
    """What a recipe's file says; {} if it is no YAML of keys and values, which the parser says when it is used."""
    try:
        read = yaml.load(complete(text(path), path), LOADER)
    except yaml.YAMLError:
        return {}
    return read if isinstance(read, dict) else {}


@cache
def _shipped() -> dict[str, dict]:
    """Name -> content of every recipe and overlay that n2s brings along."""
    return {name: read_recipe(recipes_dir() / f"{name}.yaml") for name in names()}


def _at(value: object, parts: list[str], place: str = "") -> Iterator[tuple[str, dict]]:
    """The classes at a key: their places and entries. A table such as ``data.studies`` has several."""
    if not parts:
        several = value if isinstance(value, list) else [value]
        for one in several:
            if isinstance(one, dict) and "class_path" in one:
                yield place, one
            elif isinstance(one, dict):
                for name, entry in one.items():
                    if isinstance(entry, dict) and "class_path" in entry:
                        yield f"{place}.{name}", entry
        return
    options = value.get("init_args", value) if isinstance(value, dict) else None
    if isinstance(options, dict) and parts[0] in options:
        yield from _at(options[parts[0]], parts[1:], f"{place}.{parts[0]}".removeprefix("."))


def _keys() -> set[str]:
    """The keys at which recipes have classes."""

    def below(value: object, place: str) -> Iterator[str]:
        if isinstance(value, dict) and "class_path" in value:
            yield place
            for name, entry in (value.get("init_args") or {}).items():
                yield from below(entry, f"{place}.{name}")
        elif isinstance(value, dict):  # a table of names, such as data.studies
            for entry in value.values():
                yield from below(entry, place)

    return {key for one in _shipped().values() for group in ("data", "model") for key in below(one.get(group), group)}


def usual_classes(key: str) -> tuple[list[str], bool]:
    """The classes that the recipes of n2s have at a key, the most frequent first; and whether it is a table of names."""
    count: dict[str, int] = {}
    table = False
    for recipe in _shipped().values():
        for place, entry in _at(recipe, key.split(".")):
            count[entry["class_path"]] = count.get(entry["class_path"], 0) + 1
            table = table or place != key
    return sorted(count, key=lambda one: -count[one]), table


def _path(name: str, key: str, known: list[str]) -> str:
    """The class path of a name: itself, or that of a class of this name at this key of a recipe, or in a package of n2s."""
    packages = ("systems", "data", "features", "models", "studies", "losses")
    paths = [one for one in known if one.rpartition(".")[2] == name] + [f"n2s.{one}.{name}" for one in packages]
    if "." in name:
        check_imports(name, f"--{key}.help")
        paths = [name]
    found = next((one for one in paths if class_named(one)), None)
    if found is None:
        raise UserError(f"--{key}.help {name}: no such class.{nearest(name, known)}")
    return found


def _options(key: str, path: str, values: dict) -> Iterator[str]:
    """What a class is, and a line or more for each of its options."""
    kind = class_named(path)
    if kind is None:
        raise UserError(f"--{key}.help: no class {path}.")
    told = _documented(kind)
    yield f"{key}: {path}"
    about = docstring_parser.parse(inspect.getdoc(kind) or "").short_description
    yield from _wrapped(about or "", 2)
    for name, one in parameters(kind).items():
        if one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD):
            continue
        default = "" if one.default is one.empty else f", by default {_short(one.default)}"
        mine = f"; the recipe has {_short(values[name])}" if name in values else ""
        needed = ", needed" if one.default is one.empty and name not in values else ""
        yield f"  --{key}.{name} ({told_type(one.annotation)}{needed}{default}{mine})"
        yield from _wrapped(told.get(name, ""), 6)


def _documented(kind: type) -> dict[str, str]:
    """What docstrings say of each option; one line may name several (``low, high``), and a base class may have them."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        for docs in (vars(base).get("__doc__"), getattr(vars(base).get("__init__"), "__doc__", None)):
            for one in docstring_parser.parse(inspect.cleandoc(docs or "")).params:
                said = re.sub(r"``?([^`]+)``?", r"\1", " ".join((one.description or "").split()))
                found |= dict.fromkeys(re.split(r",\s*", one.arg_name), said)
    return found


def _listed(classes: list[str]) -> Iterator[str]:
    for path in classes:
        kind = class_named(path)
        about = docstring_parser.parse((kind and inspect.getdoc(kind)) or "").short_description or ""
        yield f"  {path}: {about}" if about else f"  {path}"


def _short(value: object) -> str:
    """A value as it is typed, without what is inside a class."""
    if isinstance(value, dict) and "class_path" in value:
        return str(value["class_path"])
    if isinstance(value, dict) and value and all(isinstance(one, dict) for one in value.values()):
        return f"{counted(len(value), 'entry', 'entries')} ({first_of(value)})"
    if inspect.isclass(value) or inspect.isfunction(value):
        return value.__qualname__
    shown = "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."


def _wrapped(said: str, indent: int) -> list[str]:
    return textwrap.wrap(said, WIDTH, initial_indent=" " * indent, subsequent_indent=" " * indent)
