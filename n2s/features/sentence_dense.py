"""The linear layer that some sentence models have after their pooling, such as LaBSE: in a folder of its own beside the weights."""

import hashlib
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

from n2s.errors import UserError, reading
from n2s.models.pretrained import frozen, read_settings

ACTIVATIONS = {"Tanh": nn.Tanh, "Identity": nn.Identity, "ReLU": nn.ReLU, "GELU": nn.GELU}


def out_features(model: str, folder: str) -> int:
    """How many numbers it gives, as its config says."""
    return int(_config(model, folder)["out_features"])


def dense_identity(model: str, folder: str) -> str:
    """Its name in a cache: the folder, and for a local model the hash of its weights."""
    if not Path(model).expanduser().is_dir():
        return folder
    with open(_weights_file(model, folder), "rb") as file:
        return f"{folder} sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def load_dense(model: str, folder: str, device: torch.device) -> nn.Module:
    """The layer with its activation.

    Parameters
    ----------
    model
        Hugging Face id or local folder.
    folder
        Of the layer in it, such as ``2_Dense``.
    device
        Where.

    Raises
    ------
    UserError
        The files are missing, or of another kind.
    """
    config = _config(model, folder)
    name = str(config.get("activation_function", "Identity")).rsplit(".", 1)[-1]
    if name not in ACTIVATIONS:
        raise UserError(
            f"'{model}', {folder}/config.json: activation {name}; expected one of {', '.join(ACTIVATIONS)}."
        )
    layer = nn.Linear(config["in_features"], config["out_features"], bias=config.get("bias", True))
    file = _weights_file(model, folder)
    with reading(file, "the weights of a linear layer", "Copy them again from the model's source."):
        state = (
            load_file(file)
            if file.suffix == ".safetensors"
            else torch.load(file, map_location="cpu", weights_only=True)
        )
        layer.load_state_dict({key.removeprefix("linear."): value for key, value in state.items()})
    return frozen(nn.Sequential(layer, ACTIVATIONS[name]()), str(device))


def _config(model: str, folder: str) -> dict:
    found = read_settings(model, f"{folder}/config.json")
    if not isinstance(found, dict) or not {"in_features", "out_features"} <= set(found):
        raise UserError(
            f"'{model}': no {folder}/config.json with in_features and out_features, though modules.json names that step. Copy the whole model again."
        )
    return found


def _weights_file(model: str, folder: str) -> Path:
    """The safetensors file, else the older one."""
    from transformers.utils import cached_file

    here = Path(model).expanduser()
    for name in ("model.safetensors", "pytorch_model.bin"):
        if here.is_dir():
            found = here / folder / name
        else:
            may_fail = {
                f"_raise_exceptions_for_{what}": False
                for what in ("gated_repo", "missing_entries", "connection_errors")
            }
            found = cached_file(model, f"{folder}/{name}", **may_fail)
        if found is not None and Path(found).is_file():
            return Path(found)
    raise UserError(
        f"'{model}': no weights in {folder} (model.safetensors), though modules.json names that step. Copy the whole model again."
    )
