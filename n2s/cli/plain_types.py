"""Types of options in words: ``float | None`` is "number or null"."""

import inspect
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

PLAIN = {float: "number", int: "whole number", str: "text", bool: "true or false", type(None): "null", Path: "path"}


def told_type(kind: object) -> str:
    """A type as help and messages say it.

    Examples
    --------
    >>> told_type(float | None), told_type(list[str]), told_type(typing.Literal["device", "host"])
    ('number or null', 'list of text', 'device or host')
    """
    origin, inside = typing.get_origin(kind), typing.get_args(kind)
    if kind is inspect.Parameter.empty:
        return "any"
    if kind in PLAIN:
        return PLAIN[kind]
    if isinstance(kind, str):
        return kind
    if origin is typing.Annotated:
        return told_type(inside[0])
    if origin in (typing.Union, types.UnionType):
        return " or ".join(dict.fromkeys(told_type(one) for one in inside))
    if origin is typing.Literal:
        return " or ".join("null" if one is None else str(one) for one in inside)
    if origin in (dict, Mapping) or (inspect.isclass(origin) and issubclass(origin, Mapping)):
        return f"names with {told_type(inside[-1])} each"
    if origin is Callable or kind is Callable:
        return "class"
    if origin is tuple and Ellipsis not in inside:
        return f"list of {len(inside)}: {', '.join(told_type(one) for one in inside)}"
    if inspect.isclass(origin) and issubclass(origin, Sequence | set):
        return f"list of {told_type(inside[0])}"
    name = getattr(kind, "__name__", str(kind))
    return f"class: {name}" if inspect.isclass(kind) else name
