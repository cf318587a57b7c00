"""What a trained run is made of, from its folder or from an export: the same for both."""

import json
import pickle
import warnings
from argparse import ArgumentError
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import torch
import yaml
from lightning.pytorch.cli import instantiate_module
from safetensors.torch import load_file

from n2s import __version__
from n2s.api.nested import unpacked
from n2s.config_classes import class_named
from n2s.data.front import FILE, Front
from n2s.decoding.trained import Trained
from n2s.errors import UserError, first_of, reading
from n2s.systems.system import System
from n2s.training.run import Run

CONFIG, WEIGHTS = "config.json", "model.safetensors"
FORMAT = 1  # of exports
NEEDED = ("config", "record", "hyper_parameters", "entries")  # in the config of an export
#: Entries of a checkpoint that are Lightning's own, or what training alone needs.
LIGHTNING = {
    "epoch", "global_step", "pytorch-lightning_version", "state_dict", "loops", "callbacks", "optimizer_states", "lr_schedulers",
    "hparams_name", "hyper_parameters", "hparams_type", "MixedPrecision", "n2s",
}  # fmt: skip


@dataclass(frozen=True)
class Bundle:
    """A trained run.

    Parameters
    ----------
    folder
        Of the run, or of the export.
    config
        Complete for a run; of an export ``experiment``, ``seed_everything``, ``data`` without studies, and ``model``.
    record
        ``run.json``; of an export what it tells of it.
    metrics
        ``metrics.json`` of its test; {} before a test.
    exported
        Whether it is an export.
    """

    folder: Path
    config: dict
    record: dict
    metrics: dict = field(default_factory=dict)
    exported: bool = False

    @classmethod
    def of_run(cls, run: Run) -> "Bundle":
        """Of a run's folder; a UserError if it has no weights."""
        if not run.config.is_file():
            raise UserError(f"{run.folder} has no config.yaml: nothing says what made it.")
        metrics = run.folder / "metrics.json"
        config = yaml.safe_load(run.config.read_text("utf-8"))
        return cls(run.folder.absolute(), config, run.read(), _json(metrics) if metrics.is_file() else {})

    @classmethod
    def of_export(cls, folder: Path) -> "Bundle":
        """Of a folder that ``n2s export`` made."""
        told = _json(folder / CONFIG)
        version = told.get("format")
        if told.get("library_name") != "n2s" or not isinstance(version, int) or version > FORMAT:
            raise UserError(
                f"{folder / CONFIG}: not an export of n2s, or of a newer version (format {told.get('format')}). Expected what `n2s export RUN` makes."
            )
        lacks = [name for name in NEEDED if not isinstance(told.get(name), dict)]
        lacks += [f"config.{name}" for name in ("data", "model") if not lacks and not told["config"].get(name)]
        if lacks:
            raise UserError(
                f"{folder / CONFIG}: no {', '.join(lacks)} in it: it is no whole export. Export the run again."
            )
        metrics = folder / "metrics.json"
        return cls(folder.absolute(), told["config"], told["record"], _json(metrics) if metrics.is_file() else {}, True)

    @cached_property
    def checkpoint(self) -> dict:
        """``state_dict``, ``hyper_parameters`` and ``entries``, on the CPU."""
        return self._of_export() if self.exported else self._of_run()

    @cached_property
    def front(self) -> Front:
        """What was fitted to the training data; a UserError where the run has not kept it."""
        return Front.load(self.folder / FILE)

    @property
    def kind(self) -> type[System]:
        """The class of its system."""
        path = (self.config.get("model") or {}).get("class_path")
        found = class_named(path)
        if found is None or not issubclass(found, System):
            raise UserError(
                f"{self.folder}: its system {path} cannot be imported. Run this where that module is (its own folder, or PYTHONPATH)."
            )
        return found

    def system(self) -> System:
        """The system with its weights, in evaluation mode, on the CPU."""
        options = dict(self.checkpoint["hyper_parameters"])
        options.pop("_instantiator", None)
        given = (self.config.get("model") or {}).get("init_args")
        if given and not options:
            raise UserError(
                f"{self.folder}: its checkpoint does not hold the options of {self.kind.__name__} ({first_of(given, 4)}): without them it would be another system. "
                "It is of an older version: fit it again. Of a system of your own: call self.save_hyperparameters() in its __init__."
            )
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Attribute '.*' is an instance of `nn.Module`")
            try:
                found = instantiate_module(self.kind, options) if "_class_path" in options else self.kind(**options)
            except (TypeError, ValueError, ArgumentError) as error:  # jsonargparse gives any of them
                version = (self.record.get("versions") or {}).get("n2s", "unknown")
                raise UserError(
                    f"{self.folder}: its {self.kind.__name__} cannot be made from its options ({_first_reason(error)}). It was trained with "
                    f"n2s {version}; this is {__version__}. Load it with that version, or fit it again."
                ) from error
        state = self.checkpoint["state_dict"]
        found.rebuild(state, self.checkpoint["entries"])
        own, published = found.state_dict(), set(found.as_published())
        lacking = [key for key in own if key not in state and key not in published]
        if lacking:
            raise UserError(
                f"{self.folder}: its weights lack {lacking[0]} and {len(lacking) - 1} more: they are of another version. Fit it again."
            )
        found.load_state_dict({key: state.get(key, value) for key, value in own.items()})
        return found.eval()

    def trained(self) -> Trained:
        """What it was trained on, as decoders of new recordings take it."""
        return Trained(self.config["data"], self.front, self.checkpoint["entries"], str(self.folder))

    def _of_run(self) -> dict:
        file = Run(self.folder).weights
        if not file.is_file():
            raise UserError(f"{self.folder}: no weights yet ({file.name}). The same `n2s fit` command goes on.")
        try:
            found = torch.load(file, map_location="cpu", weights_only=True)
        except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
            raise UserError(f"{file} cannot be read ({str(error).splitlines()[0]}). Fit the run again.") from None
        entries = {key: value for key, value in found.items() if key not in LIGHTNING}
        return {
            "state_dict": found["state_dict"],
            "hyper_parameters": found.get("hyper_parameters", {}),
            "entries": entries,
        }

    def _of_export(self) -> dict:
        told = _json(self.folder / CONFIG)
        file = self.folder / WEIGHTS
        with reading(file, "whole safetensors", "Export the run again."):
            tensors = load_file(file)
        state = {key.removeprefix("state."): value for key, value in tensors.items() if key.startswith("state.")}
        return {
            "state_dict": state | unpacked(told.get("state", {}), tensors),
            "hyper_parameters": unpacked(told["hyper_parameters"], tensors),
            "entries": unpacked(told["entries"], tensors),
        }


def _first_reason(error: Exception) -> str:
    """The first reason in what jsonargparse says, which is a list of all that it has tried."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    reasons = [line.removeprefix("- ") for line in lines if line.startswith("- ")]
    return (reasons or lines or [type(error).__name__])[0][:200]


def _json(path: Path) -> dict:
    with reading(path, "a JSON file", "Run n2s test again, or export again."):
        found = json.loads(path.read_text("utf-8"))
        if not isinstance(found, dict):
            raise ValueError(f"it holds a {type(found).__name__}")
        return found
