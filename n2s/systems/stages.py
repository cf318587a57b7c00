"""An earlier run of another system, that a system builds on: found, checked and loaded."""

import pickle
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import torch
import yaml
from torch import Tensor

from n2s.config_classes import class_named
from n2s.errors import UserError
from n2s.systems.system import System
from n2s.training.experiments import trained_run
from n2s.training.run import Run, differences

#: Key of a checkpoint: the subjects of a system with a network a subject, in the order of its networks.
SUBJECTS = "n2s_subjects"


@dataclass(frozen=True)
class StageRun:
    """A run of ``system`` that has weights. A system says in its own file what it gives to later stages.

    Parameters
    ----------
    system
        Runs of its subclasses count as its runs.
    folder
        The run's, absolute.
    key
        What named it in the later stage's recipe, for messages.
    """

    system: type[System]
    folder: Path
    key: str = field(default="the earlier run", compare=False)

    @classmethod
    def found(cls, system: type[System], given: str, experiment: Path, *, key: str) -> "StageRun":
        """The newest run of an experiment, or that of a folder.

        Parameters
        ----------
        system
            Whose run it must be.
        given
            The experiment or the folder; see `n2s.training.experiments.trained_run`.
        experiment
            The own experiment's folder.
        key
            Of the own recipe.

        Raises
        ------
        UserError
            There is none (then it says what to run first), or it is a run of another system.
        """
        run = trained_run(given, experiment, key=key, recipe=system.recipe or f"the recipe of {system.__name__}")
        found = cls(system, run.folder.absolute(), key)
        name = (found.config.get("model") or {}).get("class_path")
        made_by = class_named(name)
        if made_by is None or not issubclass(made_by, system):
            raise UserError(f"{key}: {run.folder} is a run of {name}; expected one of {public_name(system)}.")
        return found

    @cached_property
    def config(self) -> dict:
        """The complete config of the fit, in plain types."""
        file = Run(self.folder).config
        if not file.is_file():
            raise UserError(f"{self.folder} has no config.yaml: it is not known what made it. Fit it again.")
        return _config(file)

    @property
    def options(self) -> dict:
        """The system's options, as its recipe gave them."""
        return self.config["model"].get("init_args") or {}

    @cached_property
    def checkpoint(self) -> dict:
        """The weights and what lies beside them, on the CPU."""
        file = Run(self.folder).weights
        try:
            return torch.load(file, map_location="cpu", weights_only=True)
        except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
            raise UserError(f"{file} cannot be read ({str(error).splitlines()[0]}). Fit that run again.") from None

    def weights(self, part: str) -> dict[str, Tensor]:
        """The state dict of a part of the system."""
        return part_of(self.checkpoint["state_dict"], f"{part}.")

    def of_subject(self, name: str, what: str = "network") -> dict[str, Tensor]:
        """The state dict of a subject's network, of a system with a network a subject."""
        names = self.checkpoint.get(SUBJECTS, [])
        if name not in names:
            raise UserError(f"{self.folder} has no {what} of {name}; there are {', '.join(names) or 'none'}.")
        return self.weights(f"networks.{names.index(name)}")

    def check_same_data(self, own: Run, keys: Sequence[str], why: str) -> None:
        """Raise a UserError where these settings of the data differ from those of the own run."""
        if not own.config.is_file():
            return
        both = [(config.get("data") or {}).get("init_args") or {} for config in (_config(own.config), self.config)]
        wrong = list(differences(*({key: one.get(key) for key in keys} for one in both)))
        if wrong:
            raise UserError(
                f"{self.key}: {self.folder} was trained with other settings of data.{', data.'.join(wrong)}. {why} Make "
                "them equal."
            )


def part_of(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The entries of a state dict below a prefix, without it."""
    return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}


def public_name(system: type[System]) -> str:
    """What a recipe calls it."""
    package = ".".join(system.__module__.split(".")[:2])
    return f"{package if package == 'n2s.systems' else system.__module__}.{system.__name__}"


def _config(file: Path) -> dict:
    return yaml.safe_load(file.read_text("utf-8")) or {}
