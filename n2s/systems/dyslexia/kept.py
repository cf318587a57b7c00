"""Arrays that a fit keeps until it ends, so that one that was interrupted goes on where it stopped."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType

import numpy as np
import torch

from n2s.errors import reading
from n2s.paths import written_whole

Arrays = dict[str, np.ndarray]


def once(path: Path, key: str, make: Callable[[], Arrays]) -> Arrays:
    """What a file keeps under a key, or what ``make`` gives, which is then kept.

    Parameters
    ----------
    path
        The file, ``.npz``.
    key
        Names all that the arrays depend on.
    make
        Computes them.
    """
    if path.is_file():
        remedy = "Remove it: it is made again."
        with reading(path, "arrays of a fit", remedy), np.load(path, allow_pickle=False) as found:
            if str(found["key"]) == key:
                return {part: found[part] for part in found.files if part != "key"}
    made = make()
    with written_whole(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, key=key, **made)
    return made


def described(one: object) -> object:
    """The options of an object as JSON can have them, the same in each process: two that differ in any option differ here.

    Parameters
    ----------
    one
        Numbers, text, arrays and lists of them; a function, a class or a call that is prepared (`functools.partial`); or an object, whose
        attributes are its options.
    """
    if one is None or isinstance(one, bool | int | float | str):
        return one
    if isinstance(one, Mapping):
        return {str(name): described(value) for name, value in one.items()}
    if isinstance(one, list | tuple | set | frozenset):
        return [described(value) for value in (sorted(one, key=repr) if isinstance(one, set | frozenset) else one)]
    if isinstance(one, np.ndarray | np.generic | torch.Tensor):
        return np.asarray(one).tolist()
    if isinstance(one, partial):
        # whoever makes what a recipe names stands before the class, with a parser and its locks: no options
        plain = type | bool | int | float | str | list | tuple | dict | np.ndarray | torch.Tensor
        args = [described(value) if isinstance(value, plain) else described(type(value)) for value in one.args]
        return [described(one.func), args, described(one.keywords)]
    if isinstance(one, type | BuiltinFunctionType):
        return f"{one.__module__}.{one.__qualname__}"
    if isinstance(one, MethodType):
        return [one.__func__.__qualname__, described(one.__self__)]
    if isinstance(one, FunctionType):
        name = f"{one.__module__}.{one.__qualname__}"
        if "<" not in name:
            return name
        # a lambda has no name: it is what it does, and what it has at hand
        around = [cell.cell_contents for cell in one.__closure__ or ()]
        return [
            name,
            _code(one.__code__),
            described(one.__defaults__),
            described(one.__kwdefaults__),
            described(around),
        ]
    if isinstance(one, Path):
        return str(one)
    return [described(type(one)), described(vars(one)) if hasattr(one, "__dict__") else repr(one)]


def _code(code: CodeType) -> list:
    constants = [_code(one) if isinstance(one, CodeType) else repr(one) for one in code.co_consts]
    return [code.co_code.hex(), list(code.co_names), constants]
