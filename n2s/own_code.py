"""Where a user's own classes are found: in the current folder and beside the recipe, without PYTHONPATH."""

import importlib
import importlib.util
import json
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path

from n2s.errors import UserError

_asked: dict[str, None] = {}  # folders, in their order; beside sys.path, which has others, too


def find_in(*folders: Path | str) -> None:
    """Let modules be imported from folders, after all others: nobody's ``random.py`` may take the place of Python's."""
    for folder in folders:
        path = str(Path(folder).absolute())
        _asked[path] = None
        if path not in sys.path:
            sys.path.append(path)


def find_beside(files: Iterable[Path]) -> None:
    """`find_in` the current folder and those of some recipes; of a run's own config.yaml, those that the run was made with."""
    folders = [Path.cwd()]
    for file in files:
        folder = Path(file).absolute().parent
        folders += [folder, *folders_of_run(folder)]
    find_in(*folders)


def folders_of_run(run: Path) -> list[Path]:
    """The folders in which a run found its classes, as its ``run.json`` has them."""
    try:
        told = json.loads((run / "run.json").read_text("utf-8")).get("code_in") or []
    except (OSError, ValueError, AttributeError):
        return []
    return [Path(one) for one in told if isinstance(one, str)]


def asked() -> list[Path]:
    """The folders of `find_in`."""
    return [Path(one) for one in _asked]


def folders_used() -> list[str]:
    """The folders of `find_in` that modules were imported from, for the record of a run."""
    roots = set()
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if "." not in name and name not in ("n2s", "__main__") and file:
            path = Path(file)
            roots.add(str(path.parent.parent if path.name == "__init__.py" else path.parent))
    return [one for one in _asked if one in roots]


def check_imports(class_path: str, key: str) -> None:
    """Import the module of a class path, so that an error inside a user's own file is told with its file and line.

    Raises
    ------
    UserError
        The module is there, and importing it fails.
    """
    module = class_path.rpartition(".")[0]
    if not module:
        return
    try:
        if importlib.util.find_spec(module.partition(".")[0]) is None:
            return
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name and (module == error.name or module.startswith(f"{error.name}.")):
            return  # there is no such module: the caller says it
        raise UserError(_told(class_path, key, error)) from error
    except (Exception, SystemExit) as error:
        raise UserError(_told(class_path, key, error)) from error


def _told(class_path: str, key: str, error: BaseException) -> str:
    """What is wrong in which line of which file: the deepest line that is not Python's own."""
    kind, text = type(error).__name__, (str(error).splitlines() or [""])[0]
    if isinstance(error, SyntaxError):
        where, text = f"{error.filename}, line {error.lineno}", error.msg
    else:
        frames = [one for one in traceback.extract_tb(error.__traceback__) if "importlib" not in one.filename]
        where = f"{frames[-1].filename}, line {frames[-1].lineno}" if len(frames) > 1 else class_path
    remedy = f" Install it: pip install {error.name}." if isinstance(error, ModuleNotFoundError) else ""
    where = where.removeprefix(f"{Path.cwd()}/")
    return f"{key}: {class_path} cannot be imported: {where}: {kind}: {text}.{remedy}"
