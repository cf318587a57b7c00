"""``data_of: earlier.yaml`` in a recipe: it takes the data block of another recipe, and says only what differs."""

import re
from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from n2s.errors import UserError, nearest

KEY = "data_of"


def complete(content: str, file: Path | None = None) -> str:
    """A recipe's YAML with the data block that it inherits, and without the key ``data_of``.

    The recipe's own ``data`` count before the inherited ones, option by option. An object of another class takes the place
    of the inherited one, with all its options; so does a table such as ``studies``.

    Parameters
    ----------
    content
        YAML. What is no mapping is returned as it is: the parser reports it.
    file
        The file that it is from; the path in ``data_of`` is relative to its folder. None: to the current folder.

    Raises
    ------
    UserError
        The other recipe is not there, is no YAML, has no data block, or takes its data from this one.
    """
    if not re.search(rf"^\s*['\"]?{KEY}\b", content, re.MULTILINE):
        return content
    try:
        own = OmegaConf.to_container(OmegaConf.create(content))
    except yaml.YAMLError:
        return content
    if not isinstance(own, dict) or KEY not in own:
        return content
    file = Path.cwd() / "recipe" if file is None else file.absolute()
    return yaml.dump(_completed(own, [file]), Dumper=yaml.SafeDumper, sort_keys=False, allow_unicode=True)


def merged(below: object, above: object) -> object:
    """``above``, with what it does not say from ``below``; only options of one class are merged one by one."""
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    if above.get("class_path", below.get("class_path")) != below.get("class_path"):
        return above
    if not {"class_path", "init_args"} & above.keys():
        return above
    options, own = below.get("init_args") or {}, above.get("init_args") or {}
    found = {name: merged(options[name], value) if name in options else value for name, value in own.items()}
    return below | above | ({"init_args": options | found} if options or found else {})


def _completed(own: dict, chain: list[Path]) -> dict:
    """A recipe with its inherited data block; ``chain`` are the files that led to it, itself the last."""
    other = own.pop(KEY)
    if other is None:
        return own
    if not isinstance(other, str):
        raise UserError(f"{chain[-1]}: {KEY} is {other!r}; expected the path of a recipe, relative to this file.")
    path = (chain[-1].parent / Path(other).expanduser()).resolve()
    if not path.is_file():
        known = nearest(path.name, [one.name for one in path.parent.glob("*.y*ml")]) if path.parent.is_dir() else ""
        raise UserError(
            f"{chain[-1].name}: {KEY} {other}: no file at {path}.{known} The path is relative to this file."
        )
    if path in [one.resolve() for one in chain]:
        names = " -> ".join(one.name for one in (*chain, path))
        raise UserError(f"{KEY}: {names}: a circle. One of them must say its data itself.")
    data = _data_block(path, chain)
    mine = own.get("data")
    return own | {"data": data if mine is None else merged(data, mine)}


def _data_block(path: Path, chain: list[Path]) -> dict:
    """The data of the recipe in a file, complete, and with its ``${...}`` resolved there."""
    try:
        recipe = OmegaConf.to_container(OmegaConf.create(path.read_text("utf-8")))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise UserError(f"{path}{where}: not valid YAML: {getattr(error, 'problem', error)}.") from None
    if isinstance(recipe, dict) and KEY in recipe:
        recipe = _completed(recipe, [*chain, path])
    if not isinstance(recipe, dict) or not isinstance(recipe.get("data"), dict):
        raise UserError(
            f"{chain[-1].name}: {KEY} {path.name}: {path} has no data block. Name a recipe with data: class_path, init_args."
        )
    try:
        found: Any = OmegaConf.to_container(OmegaConf.create(recipe).data, resolve=True)
    except OmegaConfBaseException as error:
        raise UserError(f"{path}: data: {str(error).splitlines()[0]}.") from None
    return found
