"""Classes as a parsed config names them: ``class_path`` and ``init_args``."""

import importlib

from jsonargparse import Namespace


def class_of(entry: Namespace) -> type:
    """The class that an entry names."""
    module, _, name = entry.class_path.rpartition(".")
    return getattr(importlib.import_module(module), name)


def entries(value: object, kind: type) -> list[Namespace]:
    """The entries of one key (none, one or a list) whose class is a ``kind``."""
    found = [entry for entry in as_list(value) if isinstance(entry, Namespace)]
    return [entry for entry in found if isinstance(class_of(entry), type) and issubclass(class_of(entry), kind)]


def as_list(value: object) -> list:
    """None as [], one as [one]."""
    return [] if value is None else list(value) if isinstance(value, list) else [value]
