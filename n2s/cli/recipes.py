"""Recipes by name: ``--config meg_contrastive`` is a file of this folder, or one that n2s brings along."""

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import n2s
from n2s.errors import UserError, first_of, nearest

SUFFIXES = (".yaml", ".yml")


@cache
def recipes_dir() -> Path:
    """The folder of the recipes that n2s brings along: in the package as it is installed, beside it in a checkout."""
    package = Path(n2s.__file__).parent
    return next((one for one in (package / "configs", package.parent / "configs") if one.is_dir()), package / "configs")


@cache
def names() -> tuple[str, ...]:
    """The names of all recipes and overlays that n2s brings along: ``meg_contrastive``, ``data/gwilliams2022``."""
    found = [one.relative_to(recipes_dir()).with_suffix("") for one in recipes_dir().rglob("*.yaml")]
    return tuple(sorted((one.as_posix() for one in found), key=lambda name: (name.count("/"), name)))


def found_recipe(name: str | Path) -> Path | None:
    """The file of a recipe, or None if there is none: see `recipe_path`.

    Raises
    ------
    UserError
        Several recipes of n2s have this name.
    """
    given = Path(name).expanduser()
    for path in (given, *(given.with_name(given.name + one) for one in SUFFIXES if given.name)):
        if path.is_file():
            return path
    if given.is_absolute() or given.is_dir():
        return None
    bare = given.with_suffix("") if given.suffix in SUFFIXES else given
    wanted = bare.as_posix().removeprefix("configs/")
    if wanted in names():
        return recipes_dir() / f"{wanted}.yaml"
    ends = [one for one in names() if one.endswith(f"/{wanted}")]
    if len(ends) > 1:
        raise UserError(f"--config {name}: there are {first_of(ends)}. Name one of them.")
    return recipes_dir() / f"{ends[0]}.yaml" if ends else None


def recipe_path(name: str | Path) -> Path:
    """The file of a recipe.

    Parameters
    ----------
    name
        The path of a file, with or without its ending; or the name of a recipe that n2s brings along: ``meg_contrastive``,
        ``configs/meg_contrastive.yaml``, ``data/gwilliams2022``, or ``gwilliams2022`` where no other has this name.

    Raises
    ------
    UserError
        There is none, or there are several.

    Examples
    --------
    >>> recipe_path("meg_contrastive").name
    'meg_contrastive.yaml'
    """
    found = found_recipe(name)
    if found is None:
        raise UserError(no_recipe(name))
    return found


def no_recipe(name: str | Path) -> str:
    """The message for a recipe that does not exist."""
    path = Path(name)
    if path.is_dir():
        return f"{name} is a folder, expected a YAML file."
    here = path.parent if path.parent.is_dir() else Path()
    stem = path.stem if path.suffix in SUFFIXES else path.name
    beside = {one.stem: one for one in sorted(here.glob("*.y*ml"))}
    near = nearest(stem, list(beside)).removesuffix(".")
    if near:
        return f"no such file: {name}.{near} (in {here})."
    known = {one.rpartition("/")[2]: one for one in reversed(names())}
    near = re.sub(r"[\w]+(?=[,.]|$)", lambda word: known.get(word[0], word[0]), nearest(stem, list(known)))
    return f"no such recipe: {name}; neither a file here nor a recipe of n2s.{near} `n2s recipes` lists those."


def with_paths(words: Iterable[str]) -> list[str]:
    """The words of a command, with the path in place of each name of a recipe after ``--config`` and of a file after a group."""
    found, before = [], ""
    for word in words:
        option, equals, value = word.partition("=")
        if before in ("--config", "-c"):
            word = str(recipe_path(word))
        elif option == "--config" and equals:
            word = f"{option}={recipe_path(value)}"
        elif before in ("--trainer", "--model", "--data") and (before == "--trainer" or _is_file_name(word)):
            word = str(found_recipe(word) or word)
        found.append(word)
        before = option if not equals else ""
    return found


def shown_name(path: Path) -> str:
    """A recipe as a user types it: by name, if n2s brings it along."""
    inside = path.absolute()
    if inside.is_relative_to(recipes_dir()):
        return inside.relative_to(recipes_dir()).with_suffix("").as_posix()
    return str(path)


def _is_file_name(word: str) -> bool:
    """Whether a word is the name of a file, not that of a class."""
    return Path(word).suffix in SUFFIXES or "/" in word
