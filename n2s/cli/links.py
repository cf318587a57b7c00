"""The numbers that a model takes from the data, once the data module is built."""

import inspect
from collections.abc import Callable

from jsonargparse import Namespace
from lightning.pytorch.cli import LightningArgumentParser, _InstantiatorFn

from n2s.config_classes import class_of
from n2s.data.datamodule import NeuralDataModule
from n2s.errors import UserError


def link_shapes(parser: LightningArgumentParser, model: Callable[[], Namespace]) -> None:
    """Set the shapes of a model's ``encoder``, ``target_encoder`` and ``context``, where it has them, from the data's.

    Parameters
    ----------
    parser
        To add the links to.
    model
        Gives the model's parsed config, when links are applied.

    Raises
    ------
    UserError
        When links are applied: the recipe gives another number.
    """

    def n_subjects(data: NeuralDataModule) -> int:
        return _checked(model(), "encoder", "n_subjects", data.n_subjects)

    def compared(data: NeuralDataModule) -> int:
        target = model().init_args.get("target_encoder")
        given = target.init_args.get("n_outputs") if target else None
        return data.n_features if given is None else given

    def n_outputs(data: NeuralDataModule) -> int:
        return _checked(model(), "encoder", "n_outputs", compared(data))

    def n_features(data: NeuralDataModule) -> int:
        return _checked(model(), "context", "n_features", compared(data))

    def n_inputs(data: NeuralDataModule) -> int:
        return _checked(model(), "target_encoder", "n_inputs", data.n_features)

    for part, compute in (
        ("encoder", n_subjects),
        ("encoder", n_outputs),
        ("target_encoder", n_inputs),
        ("context", n_features),
    ):
        target = f"model.init_args.{part}.init_args.{compute.__name__}"
        parser.link_arguments("data", target, compute_fn=compute, apply_on="instantiate")


def _checked(model: Namespace, part: str, name: str, value: int) -> int:
    """``value``, unless the recipe says otherwise: jsonargparse would overrule it without a word."""
    config = model.init_args.get(part)
    given = config.init_args.get(name) if config else None
    if given is None or given == value:
        return value
    parameter = inspect.signature(class_of(config)).parameters.get(name)
    if parameter is not None and given == parameter.default:
        return value
    raise UserError(f"model.{part}.{name} is {given}, and the data say {value}: leave it out, it is set from the data.")


class Instantiator(_InstantiatorFn):
    """Lightning's keeps a class's arguments for its checkpoints; alone it fails on a link into a part that is null."""

    def __call__(self, class_type: type, *args, applied_instantiation_links: dict, **kwargs):
        """See Lightning."""
        self.cli._dump_config()
        applied = {key: value for key, value in applied_instantiation_links.items() if self._has_parent(key)}
        return super().__call__(class_type, *args, applied_instantiation_links=applied, **kwargs)

    def _has_parent(self, key: str) -> bool:
        config = self.cli.config_dump
        for part in key.split(".")[:-1]:
            config = config.get(part) if isinstance(config, dict) else None
        return isinstance(config, dict)
