"""Classes from their names in a config: ``class_path`` and ``init_args``."""

import importlib
from typing import TypeVar

from jsonargparse import ArgumentParser, Namespace

T = TypeVar("T")

#: The old module of the systems: its names refer to the current ones.
OLD_SYSTEMS = "n2s.tasks"


def class_of(entry: Namespace) -> type:
    """The class that an entry names."""
    module, _, name = entry.class_path.rpartition(".")
    return getattr(importlib.import_module(module), name)


def class_named(class_path: object) -> type | None:
    """The class of a path, or None if there is none."""
    try:
        found = class_of(Namespace(class_path=class_path))
    except (ImportError, AttributeError, ValueError, TypeError):
        return None
    return found if isinstance(found, type) else None


def name_of_today(class_path: str) -> str:
    """The current path of a system that a recipe names by its old path."""
    found = class_named(class_path) if class_path.startswith(f"{OLD_SYSTEMS}.") else None
    return class_path if found is None else f"n2s.systems.{found.__name__}"


def object_of(entry: dict) -> object:
    """The object that a plain ``class_path`` and ``init_args`` describe."""
    return class_of(Namespace(class_path=entry["class_path"]))(**(entry.get("init_args") or {}))


def built(kind: type[T], entry: dict) -> T:
    """The object of a class of ``kind`` that a plain ``class_path`` and ``init_args`` describe, with the objects among its options, at any depth.

    Examples
    --------
    >>> from n2s.features import Feature
    >>> built(Feature, {"class_path": "n2s.features.Mel", "init_args": {"n_mels": 40}}).n_features
    40
    """
    parser = ArgumentParser(exit_on_error=False)
    parser.add_subclass_arguments(kind, "it", fail_untyped=False)
    return parser.instantiate_classes(parser.parse_object({"it": entry})).it


def entries(value: object, kind: type) -> list[Namespace]:
    """The entries of one key (none, one or a list) whose class is a ``kind``."""
    found = [entry for entry in as_list(value) if isinstance(entry, Namespace)]
    return [entry for entry in found if isinstance(class_of(entry), type) and issubclass(class_of(entry), kind)]


def as_list(value: object) -> list:
    """None as [], one as [one]."""
    return [] if value is None else list(value) if isinstance(value, list) else [value]
