"""The public classes of packages, their numbers, and arguments with which each can be made: for tests that hold for all of them."""

import importlib
import inspect
import math
import types
import typing
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, Literal, Union, get_args, get_origin

#: What no number of a recipe may be. Whole numbers may not be 1.5, too.
NEVER = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf, "yes": True, "text": "three"}


@dataclass(frozen=True)
class Number:
    """A parameter of a constructor that is a number, or several."""

    name: str
    whole: bool
    many: bool  # a list or tuple of numbers
    default: Any

    def given(self, value: object) -> object:
        """The argument with this value; of several numbers it is the first."""
        if not self.many:
            return value
        rest = list(self.default)[1:] if isinstance(self.default, Sequence) else []
        return [value, *rest]


def public_classes(*packages: str) -> dict[str, type]:
    """``package.Name`` -> class: those in ``__all__`` that can be constructed (a class that lacks methods cannot)."""
    found = {}
    for package in packages:
        module = importlib.import_module(package)
        for name in getattr(module, "__all__", None) or [
            key for key, one in vars(module).items() if getattr(one, "__module__", "") == package and key[0] != "_"
        ]:
            one = getattr(module, name)
            if inspect.isclass(one) and not inspect.isabstract(one):
                found[f"{package}.{name}"] = one
    return found


def reachable(classes: Iterable[type]) -> dict[str, type]:
    """``module.Name`` -> class of n2s that can be made, has numbers, and is an option of a class, or of one of its options, and so on."""
    waiting = list(classes)
    seen, found = set(waiting), {}
    while waiting:
        for hint in typing.get_type_hints(waiting.pop().__init__).values():
            for one in _inside(hint):
                if not inspect.isclass(one) or not one.__module__.startswith("n2s."):
                    continue
                for kind in sorted(
                    {one, *one.__subclasses__()} - seen, key=lambda kind: f"{kind.__module__}.{kind.__qualname__}"
                ):
                    seen.add(kind)
                    waiting.append(kind)
                    if kind.__module__.startswith("n2s.") and not inspect.isabstract(kind) and numbers(kind):
                        found[f"{kind.__module__}.{kind.__name__}"] = kind
    return {name: kind for name, kind in found.items() if not kind.__name__.startswith("_")}


def _inside(hint: object) -> Iterator[object]:
    yield hint
    for one in get_args(hint):
        yield from _inside(one)


def numbers(cls: type) -> list[Number]:
    """The parameters that are numbers by their annotation."""
    hints = typing.get_type_hints(cls.__init__)
    found = []
    for parameter in inspect.signature(cls).parameters.values():
        kinds = _kinds(hints.get(parameter.name))
        if kinds is not None:
            whole, many = kinds
            found.append(Number(parameter.name, whole, many, parameter.default))
    return found


def _kinds(hint: object) -> tuple[bool, bool] | None:
    """Whether an annotation means whole numbers, and several; None if it means anything else."""
    options = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    options = [one for one in options if one is not type(None) and get_origin(one) is not Literal]
    if options and all(one in (int, float) for one in options):
        return float not in options, False
    for one in options:
        inside = [kind for kind in get_args(one) if kind is not Ellipsis]
        if get_origin(one) in (list, tuple, Sequence) and inside and all(kind in (int, float) for kind in inside):
            return float not in inside, True
    return None


def is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
