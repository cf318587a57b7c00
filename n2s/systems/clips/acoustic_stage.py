"""What a finished acoustic run gives to the stage that makes sound: its networks, and what they were trained after."""

import pickle
from dataclasses import dataclass
from pathlib import Path

import torch
import yaml
from jsonargparse import Namespace
from torch import Tensor

from n2s.config_classes import class_of
from n2s.data.clip_data import ClipData
from n2s.errors import UserError
from n2s.models.brain_to_sound import BrainToSound, ToSound
from n2s.models.fitted_ridge import FittedRidge
from n2s.models.meg_to_sound import MEGToSound
from n2s.systems.clips.decoder import SUBJECTS, part_of
from n2s.systems.clips.semantic import check_same_voxels
from n2s.systems.clips.semantic_stage import SEMANTIC_RUN
from n2s.training.experiments import trained_run
from n2s.training.run import Run

ENCODER = "n2s_encoder"  # key of a checkpoint


@dataclass(frozen=True)
class AcousticRun:
    """A run of `FMRIAcoustic` or `MEGAcoustic` that has weights.

    ``settings`` are plain types: the classes of ``decoder`` and ``audiomae``, that of the ``encoder`` (None of fMRI), whether
    there is a ``semantic`` token, the ``semantic_run``, and the class of that run's target, ``semantic_target``.
    """

    folder: Path
    settings: dict

    @classmethod
    def found(cls, given: str, experiment: Path, *, key: str) -> "AcousticRun":
        """See `n2s.training.experiments.trained_run`; a UserError too where the run is of another task."""
        run = trained_run(given, experiment, key=key, recipe="configs/fmri_acoustic.yaml (of MEG: meg_acoustic.yaml)")
        return cls(run.folder.absolute(), _settings(run))

    def networks(self, data: ClipData) -> list[ToSound]:
        """Of each of the data's subjects, checked to be of the same brains and tokens."""
        checkpoint = read_checkpoint(Run(self.folder).weights)
        names, found = checkpoint.get(SUBJECTS, []), []
        for index, name in enumerate(data.subjects):
            if name not in names:
                raise UserError(f"{self.folder} has no network of {name}; there are {', '.join(names) or 'none'}.")
            state = part_of(checkpoint["state_dict"], f"networks.{names.index(name)}.")
            network = assembled(self.settings, state)
            network.load_state_dict(state)
            check_same_brain(network, data, index)
            if tuple(network.mean.shape) != tuple(data.target.shape):
                raise UserError(
                    f"{self.folder} decodes tokens {tuple(network.mean.shape)}; data.target has {tuple(data.target.shape)}. "
                    "Take the target that the acoustic stage was trained with."
                )
            found.append(network)
        return found


def fine_only_networks(given: str, experiment: Path, data: ClipData, *, key: str) -> list[ToSound]:
    """Networks of a run without the semantic token, one a subject of the data, for evaluation."""
    run = AcousticRun.found(given, experiment, key=key)
    if run.settings["semantic"]:
        raise UserError(f"{key}: {run.folder} has a semantic token. Fit it with model.semantic false.")
    return [network.eval() for network in run.networks(data)]


def assembled(settings: dict, state: dict[str, Tensor]) -> ToSound:
    """A network into which this state dict can be loaded."""
    parts = {name: object_of(settings[name]) for name in ("decoder", "audiomae")}
    if settings.get("encoder") is not None:
        return MEGToSound.blank(object_of(settings["encoder"]), state, **parts)
    ridge = FittedRidge()
    ridge.intercept = state["ridge.intercept"]  # its length is that of a semantic vector
    moments = state["voxels"], state["mean"], state["deviation"]
    return BrainToSound(ridge, *moments, **parts, semantic=settings["semantic"])


def check_same_brain(network: ToSound, data: ClipData, subject: int) -> None:
    """Raise a UserError where the network was trained with other voxels."""
    if isinstance(network, BrainToSound):
        check_same_voxels(network.ridge, data, subject)


def object_of(entry: dict) -> object:
    """The object that a plain ``class_path`` and ``init_args`` describe."""
    return class_of(Namespace(class_path=entry["class_path"]))(**(entry.get("init_args") or {}))


def _settings(run: Run) -> dict:
    model = _config(run)["model"]
    task, options = model["class_path"].rpartition(".")[2], model["init_args"]
    if task not in ("FMRIAcoustic", "MEGAcoustic"):
        raise UserError(
            f"{run.folder} is a run of {model['class_path']}; expected one of n2s.systems.FMRIAcoustic or MEGAcoustic."
        )
    kept = {name: options[name] for name in ("decoder", "audiomae")}
    if task == "MEGAcoustic":
        return kept | {
            "encoder": read_checkpoint(run.weights)[ENCODER], "semantic": False, "semantic_run": None, "semantic_target": None,
        }  # fmt: skip
    semantic = Run(Path(read_checkpoint(run.weights)[SEMANTIC_RUN]))
    if not semantic.exists():  # all runs may have been moved together
        semantic = Run(run.folder.absolute().parents[1].joinpath(*semantic.folder.parts[-2:]))
    target = _config(semantic)["data"]["init_args"]["target"] if semantic.config.is_file() else None
    return kept | {
        "encoder": None,
        "semantic": options["semantic"],
        "semantic_run": str(semantic.folder),
        "semantic_target": target,
    }


def _config(run: Run) -> dict:
    if not run.config.is_file():
        raise UserError(f"{run.folder} has no config.yaml: what it was made of cannot be told. Fit it again.")
    return yaml.safe_load(run.config.read_text())


def read_checkpoint(file: Path) -> dict:
    """A run's checkpoint, on the CPU; a UserError where it is damaged."""
    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise UserError(f"{file} cannot be read ({str(error).splitlines()[0]}). Fit that run again.") from None
