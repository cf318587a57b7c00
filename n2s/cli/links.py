"""The numbers that a recipe's networks take from the data, once the datamodule is built."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from jsonargparse import Namespace
from lightning.pytorch.cli import LightningArgumentParser, _InstantiatorFn
from torch import nn

from n2s.config_classes import class_named, class_of
from n2s.data.datamodule import NeuralDataModule
from n2s.errors import UserError

#: A link to no parameter: it makes the parser build the data before the model even if no network needs a number from them.
DATA_FIRST = "trainer.logger.init_args.nothing"


def link_shapes(parser: LightningArgumentParser, config: Namespace, final: Callable[[], Namespace]) -> None:
    """Set parameters of the recipe's networks from the data, by their names.

    The datamodule says which numbers it knows (`n2s.data.NeuralDataModule.shapes`). Every parameter of every network in
    the model's options that has such a name gets that number, however deep the network lies. A system may rename and add
    numbers (`n2s.systems.system.System.shapes`).

    Parameters
    ----------
    parser
        To add the links to.
    config
        The recipe as it is read so far: its classes are known, and its options are not yet checked.
    final
        Gives the model's complete config, when links are applied.

    Raises
    ------
    UserError
        When links are applied: the recipe gives another number.
    """
    known = {action.dest for action in parser._links_group._group_actions} if hasattr(parser, "_links_group") else set()
    targets = {f"model.init_args.{path}.init_args.{name}": (path, name) for path, name in _linked(config)}
    for target, (path, name) in targets.items():
        if target not in known:
            compute = partial(_number, final, path.replace(".init_args.", "."), name)
            parser.link_arguments("data", target, compute_fn=compute, apply_on="instantiate")
    if DATA_FIRST not in known:
        parser.link_arguments("data", DATA_FIRST, compute_fn=lambda data: None, apply_on="instantiate")


def drop_stale_links(parser: LightningArgumentParser, config: Namespace) -> None:
    """Forget links to parameters that the final recipe's networks lack: a later overlay named another class."""
    group = getattr(parser, "_links_group", None)
    if group is None or not isinstance(config.get("model"), Namespace):
        return
    kept = {f"model.init_args.{path}.init_args.{name}" for path, name in _linked(config)} | {DATA_FIRST}
    group._group_actions[:] = [
        action for action in group._group_actions if not action.dest.startswith("model.") or action.dest in kept
    ]


class Instantiator(_InstantiatorFn):
    """Build a class and keep its arguments for checkpoints, as Lightning does, but without links into parts that are null.

    A later overlay may remove a network that an earlier file has: its links exist, and Lightning alone fails on them.
    """

    def __call__(self, class_type: type, *args: Any, applied_instantiation_links: dict, **kwargs: Any) -> Any:
        """See Lightning."""
        self.cli._dump_config()
        applied = {key: value for key, value in applied_instantiation_links.items() if self._has_parent(key)}
        return super().__call__(class_type, *args, applied_instantiation_links=applied, **kwargs)

    def _has_parent(self, key: str) -> bool:
        config = self.cli.config_dump
        for part in key.split(".")[:-1]:
            config = config.get(part) if isinstance(config, dict) else None
        return isinstance(config, dict)


def networks(options: Namespace, prefix: str = "") -> Iterator[tuple[str, type[nn.Module]]]:
    """The networks among options, at any depth: the path of each (``head.init_args.inner``) and its class."""
    for key, value in vars(options).items():
        if not isinstance(value, Namespace):
            continue
        kind = _class_or_none(value)
        if kind is not None and issubclass(kind, nn.Module):
            yield f"{prefix}{key}", kind
        inner = value.get("init_args")
        if isinstance(inner, Namespace):
            yield from networks(inner, f"{prefix}{key}.init_args.")


def parameters(kind: type) -> dict[str, inspect.Parameter]:
    """The parameters of a class by name, including those of its bases if it passes ``**options`` on."""
    found: dict[str, inspect.Parameter] = {}
    for base in kind.__mro__:
        if "__init__" not in vars(base):
            continue
        own = inspect.signature(vars(base)["__init__"]).parameters
        found = {name: one for name, one in own.items() if name != "self"} | found
        if not any(one.kind is one.VAR_KEYWORD for one in own.values()):
            break
    return found


def _linked(config: Namespace) -> Iterator[tuple[str, str]]:
    """Each parameter to link: the place of its network, and its name."""
    data = _class_or_none(config.get("data")) or NeuralDataModule
    options = _options(config.model)
    for path, kind in networks(options):
        names = _shapes(config.model, dict.fromkeys(getattr(data, "shape_names", ()), 0))
        short = path.replace(".init_args.", ".")
        yield from ((path, name) for name in parameters(kind) if name in names or f"{short}.{name}" in names)


def _shapes(model: Namespace, data: Mapping[str, Any]) -> Mapping[str, Any]:
    """The numbers by the names that the model's system gives them."""
    declared = getattr(_class_or_none(model), "shapes", None)
    return data if declared is None else declared(data, _options(model))


def _number(final: Callable[[], Namespace], path: str, name: str, data: NeuralDataModule) -> int:
    """A parameter's number. An error if the recipe gives another one, which jsonargparse would silently override."""
    model = final()
    shapes = _shapes(model, data.shapes())
    value, config = shapes.get(f"{path}.{name}", shapes.get(name)), model.init_args
    for part in path.split("."):
        inside = config if isinstance(config.get(part), Namespace) else _options(config)
        if not isinstance(inside.get(part), Namespace):
            return value  # a later overlay removed the network (null): the number is not used
        config = inside[part]
    given, parameter = config.init_args.get(name), parameters(class_of(config)).get(name)
    if given in (None, value) or (parameter is not None and given == parameter.default):
        return value
    raise UserError(f"model.{path}.{name} is {given}, and the data say {value}: leave it out, it is set from the data.")


def _options(model: Namespace) -> Namespace:
    options = model.get("init_args")
    return options if isinstance(options, Namespace) else Namespace()


def _class_or_none(entry: object) -> type | None:
    """The class that an entry names; None if there is none, which the parser reports later."""
    if not isinstance(entry, Namespace) or not isinstance(entry.get("class_path"), str):
        return None
    return class_named(entry.class_path)
