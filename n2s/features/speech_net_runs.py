"""Networks of speech in the folders of their runs, and untrained ones."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
import yaml
from torch import Tensor

from n2s.errors import UserError, reading
from n2s.features.log_spectrogram import LogSpectrogram
from n2s.models.speech_net import SpeechNet

_PART = "network."  # of a checkpoint's state dict
AGAIN = "Fit that run again, or copy its whole folder."


@dataclass(frozen=True)
class TrainedNet:
    """A trained network in a run's folder, and the spectrogram that it was trained on.

    Parameters
    ----------
    folder
        The run's, with ``config.yaml`` and ``best.ckpt``.
    """

    folder: Path

    @cached_property
    def config(self) -> dict:
        """The complete config of the fit."""
        file = self.folder / "config.yaml"
        with reading(file, "the config of a fit", AGAIN):
            return dict(yaml.safe_load(file.read_text("utf-8")))

    @property
    def seed(self) -> int:
        """Of the weights at the start."""
        return int(self.config.get("seed_everything") or 0)

    @cached_property
    def spectrogram(self) -> LogSpectrogram:
        """As the network was trained."""
        given = ((self.config.get("data") or {}).get("init_args") or {}).get("spectrogram") or {}
        return LogSpectrogram(**(given.get("init_args") or {}))

    @cached_property
    def shape(self) -> dict:
        """The arguments of `SpeechNet`."""
        network = ((self.config.get("model") or {}).get("init_args") or {}).get("network") or {}
        if network.get("class_path") != "n2s.models.SpeechNet":
            raise UserError(
                f"{self.folder} is a run of {(self.config.get('model') or {}).get('class_path')}; expected a SpeechNet, trained by "
                "n2s.systems.SpeechToText or n2s.systems.SoundScenes."
            )
        options = {
            name: value for name, value in (network.get("init_args") or {}).items() if name in ("channels", "hidden")
        }
        return options | {"n_classes": len(self._state["linear.bias"]), "n_inputs": self.spectrogram.n_features}

    @cached_property
    def digest(self) -> str:
        """Hash of the weights, with the names of the tensors."""
        hashed = hashlib.sha256()
        for name, value in sorted(self._state.items()):
            hashed.update(name.encode() + value.numpy().tobytes())
        return hashed.hexdigest()[:16]

    def network(self) -> SpeechNet:
        """With the trained weights."""
        network = SpeechNet(**self.shape)
        with reading(self.folder / "best.ckpt", "the network of config.yaml beside it", AGAIN):
            network.load_state_dict(self._state)
        return network

    @cached_property
    def _state(self) -> dict[str, Tensor]:
        file = self.folder / "best.ckpt"
        with reading(file, "a checkpoint of a fit", AGAIN):
            found = torch.load(file, map_location="cpu", weights_only=True)["state_dict"]
        return {name.removeprefix(_PART): value for name, value in found.items() if name.startswith(_PART)}


@dataclass(frozen=True)
class UntrainedNet:
    """A network with random weights.

    Parameters
    ----------
    seed
        Of the weights.
    shape
        The arguments of `SpeechNet`.
    spectrogram
        Its input.
    """

    seed: int
    shape: Mapping
    spectrogram: LogSpectrogram

    @property
    def digest(self) -> str:
        """Names the weights."""
        return f"untrained {json.dumps(dict(self.shape), sort_keys=True)}, seed {self.seed}"

    def network(self) -> SpeechNet:
        """With random weights."""
        return SpeechNet.seeded(self.seed, **self.shape)


def trained_nets(given: str) -> list[TrainedNet]:
    """The network of a run's folder; or of an experiment the newest finished run of each seed, by seed.

    Raises
    ------
    UserError
        There is none; it says what to run first.
    """
    root = Path(os.environ.get("N2S_RUNS") or "checkpoints").expanduser()
    places = list(dict.fromkeys(path.absolute() for path in (Path(given).expanduser(), root / given)))
    for place in places:
        if (place / "run.json").is_file():
            if not (place / "best.ckpt").is_file():
                raise UserError(f"{place}: the run has no best.ckpt yet. Let `n2s fit` end, with the same config.")
            return [TrainedNet(place)]
        newest: dict[int, tuple[str, TrainedNet]] = {}
        for record in sorted(place.glob("*/run.json")):
            with reading(record, "the record of a run", AGAIN):
                told = {"started": ""} | json.loads(record.read_text("utf-8"))
            net = TrainedNet(record.parent)
            if told.get("status") != "finished" or told.get("rerun_of") or not (net.folder / "best.ckpt").is_file():
                continue
            if net.seed not in newest or told["started"] > newest[net.seed][0]:
                newest[net.seed] = told["started"], net
        if newest:
            return [newest[seed][1] for seed in sorted(newest)]
    raise UserError(
        f"SpeechNetLayers: no finished run at {' or '.join(map(str, places))}. First train it, once a seed: n2s fit --config "
        f"RECIPE --experiment {Path(given).name} --seed_everything 0. Recipes: configs/speech_net.yaml, configs/paper/millet2021."
    )
