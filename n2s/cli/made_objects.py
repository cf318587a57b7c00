"""Errors of classes that a recipe names and that are not n2s's: an optimizer, a logger, a user's own network."""

import re
import sys
import traceback
from pathlib import Path

import n2s
from n2s.own_code import asked

INSTALLED = (Path(n2s.__file__).parent, Path(sys.prefix), Path(sys.base_prefix))


def constructor_message(chain: list[BaseException]) -> str | None:
    """One line for an error inside the constructor of a class that a recipe names; None for any other error.

    An error inside a class of n2s is a defect of n2s, and is shown in full.

    Parameters
    ----------
    chain
        The error, and those that led to it.
    """
    for error in reversed(chain):
        frames = list(traceback.walk_tb(error.__traceback__))
        calls = [
            number for number, (frame, _) in enumerate(frames) if frame.f_code.co_name == "default_class_instantiator"
        ]
        if not calls or not isinstance(error, Exception):
            continue
        kind = frames[calls[-1]][0].f_locals.get("class_type")
        if not isinstance(kind, type) or kind.__module__.partition(".")[0] == "n2s":
            continue
        return _told(kind, error, frames[calls[-1] + 1 :])
    return None


def own_code_message(chain: list[BaseException]) -> str | None:
    """One line for an error inside a user's own file, with the shapes of the tensors there; None for any other error.

    Parameters
    ----------
    chain
        The error, and those that led to it.
    """
    for error in reversed(chain):
        frames = [one for one in traceback.walk_tb(error.__traceback__) if _own(one[0].f_code.co_filename)]
        if frames and isinstance(error, Exception):
            frame, line = frames[-1]
            shapes = [f"{name} {tuple(one.shape)}" for name, one in frame.f_locals.items() if hasattr(one, "shape")]
            there = f" There: {', '.join(shapes)}." if shapes else ""
            return (
                f"{_short_path(frame.f_code.co_filename)}, line {line}, in {frame.f_code.co_name}: {type(error).__name__}: "
                f"{' '.join(str(error).split()).rstrip('.')}.{there} N2S_TRACEBACK=1 shows every call."
            )
    return None


def _short_path(file: str) -> str:
    return file.removeprefix(f"{Path.cwd()}/")


def _told(kind: type, error: Exception, inside: list) -> str:
    name = f"{kind.__module__}.{kind.__qualname__}"
    said = " ".join(str(error).split())
    missing = isinstance(error, ImportError) or re.search(r"No module named|pip install|[Rr]equirement", said)
    own = [(frame.f_code.co_filename, line) for frame, line in inside if _own(frame.f_code.co_filename)]
    if own:
        file, line = own[-1]
        return f"{name} cannot be made: {_short_path(file)}, line {line}: {type(error).__name__}: {said}"
    if missing:
        package = re.search(r"No module named '?([\w]+)|[Rr]equirement '?([\w-]+)|pip install (?:-U )?'?([\w-]+)", said)
        found = package and next(one for one in package.groups() if one)
        remedy = f" Install it: pip install {found}." if found else ""
        return f"{name} needs a package that is not here: {said.split('. ')[0].rstrip('.')}.{remedy}"
    return f"{name} cannot be made with these options: {said.rstrip('.')}."


def _own(file: str) -> bool:
    """Whether a file is a user's: a module, or in a package, of the current folder or the recipe's; neither installed nor n2s's."""
    path = Path(file)
    if "site-packages" in path.parts or any(path.is_relative_to(one) for one in INSTALLED):
        return False
    folder = path.parent
    while (folder / "__init__.py").is_file():
        folder = folder.parent
    return folder in asked()
