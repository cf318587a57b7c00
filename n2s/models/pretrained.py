"""The one door for pretrained networks: a Hugging Face id or a local folder goes in, or one clear error comes out."""

import hashlib
import importlib.util
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import torch
from huggingface_hub import constants
from safetensors import SafetensorError
from torch import nn

from n2s.errors import UserError

T = TypeVar("T")

_READ = (".json", ".txt", ".model", ".safetensors", ".bin")  # what config, tokenizer and weights are made of


def load_pretrained(
    kind: type[T], model: str, *, subfolder: str = "", may_lack: tuple[str, ...] = (), gguf_file: str | None = None
) -> T:
    """Load a pretrained network, or its config or tokenizer. The state of torch's random numbers stays as it was.

    Parameters
    ----------
    kind
        The class to load, with transformers' or diffusers' ``from_pretrained``: ``transformers.AutoConfig``,
        ``AutoTokenizer``, ``AutoModel``, ``Wav2Vec2Model``.
    model
        Hugging Face id (``facebook/wav2vec2-large-xlsr-53``) or a local folder that holds the same files.
    subfolder
        Part of a model that is kept in several folders (``vae``).
    may_lack
        Beginnings of the names of weights that the files may lack because they are not used. Any other missing
        weight is an error: it would be random.
    gguf_file
        The file of the model's folder that holds config, tokenizer and weights in llama.cpp's format.

    Returns
    -------
    T
        The loaded object; a network in evaluation mode, on the CPU.

    Raises
    ------
    UserError
        The folder or id does not exist, it cannot be downloaded, or the files are of another kind of model.
    """
    from transformers import AutoModel  # 0.6 s

    folder = Path(model).expanduser()
    is_folder = folder.is_dir()
    if not is_folder and (model.startswith((".", "~", "/")) or model.count("/") > 1):
        raise UserError(f"no folder at {folder}: expected a saved model there, or a Hugging Face id (owner/name).")
    source = str(folder) if is_folder else model
    options = {"gguf_file": gguf_file} if gguf_file else {"subfolder": subfolder}
    if gguf_file and importlib.util.find_spec("gguf") is None:
        raise UserError(f"'{model}': {gguf_file} is read by the package gguf: pip install gguf.")
    is_network = issubclass(kind, (nn.Module, AutoModel.__base__))
    try:
        with torch.random.fork_rng(devices=[]), _without_load_report():
            if not is_network:
                return kind.from_pretrained(source, **options)
            network, info = kind.from_pretrained(source, **options, output_loading_info=True)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise UserError(_advice(kind, model, is_folder, str(error))) from error
    random = sorted(name for name in info["missing_keys"] if not name.startswith(may_lack))
    if random:
        reason = f"it lacks {len(random)} of the network's weights ({', '.join(random[:3])}, ..), which would be random"
        raise UserError(_advice(kind, model, is_folder, reason))
    return network


def read_settings(model: str, name: str) -> dict | list | None:
    """A JSON file that lies beside a network's weights (``preprocessor_config.json``); None if there is none, or none can be fetched.

    Raises
    ------
    UserError
        The file is no JSON object or list.
    """
    from transformers.utils import cached_file

    folder = Path(model).expanduser()
    path = folder / name
    if not folder.is_dir():
        may_fail = {
            f"_raise_exceptions_for_{what}": False for what in ("gated_repo", "missing_entries", "connection_errors")
        }
        path = cached_file(model, name, **may_fail)
    if path is None or not Path(path).is_file():
        return None
    try:
        found = json.loads(Path(path).read_text("utf-8-sig"))
    except ValueError as error:
        raise UserError(f"{path}: not JSON ({error}). Copy it again from the model's source.") from error
    if not isinstance(found, dict | list):
        raise UserError(
            f"{path}: expected settings by their names; found {found!r}. Copy it again from the model's source."
        )
    return found


def model_identity(model: str) -> str:
    """The name of a model in a cache: its id; for a local folder, a hash of the files that are read."""
    folder = Path(model).expanduser()
    if not folder.is_dir():
        return model
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.iterdir() if path.suffix in _READ and path.is_file()):
        with open(path, "rb") as file:
            digest.update(f"{path.name}:{hashlib.file_digest(file, 'sha256').hexdigest()};".encode())
    return f"sha256:{digest.hexdigest()}"


def file_identity(path: Path) -> str:
    """The name of a file in a cache: a hash of it, or its name where it is not on this machine."""
    if not path.is_file():
        return path.name
    with open(path, "rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def frozen(network: nn.Module, device: str | None) -> nn.Module:
    """Make a network ready to compute features: float32, in evaluation, without gradients, on a GPU if there is one."""
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    return network.float().eval().requires_grad_(False).to(device)


@contextmanager
def full_float32() -> Iterator[None]:
    """Compute in full float32, whatever precision the training runs in: kept features must not depend on it."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
            yield
    finally:
        torch.set_float32_matmul_precision(before)


@contextmanager
def _without_load_report() -> Iterator[None]:
    """Keep transformers from printing every weight that a file has too many or too few: missing ones are raised."""
    from transformers.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)


def _advice(kind: type, model: str, is_folder: bool, reason: str) -> str:
    where = "the folder" if is_folder else "no folder here, so it is read as a Hugging Face id"
    what = f"'{model}' ({where}) cannot be loaded as {kind.__name__}: {' '.join(reason.split())[:300].rstrip('.')}."
    if is_folder:
        return f"{what} The folder must hold the config.json, the weights and the tokenizer of one model, as saved."
    offline = (
        "HF_HUB_OFFLINE is set, so that nothing was downloaded: unset it if there is a network. "
        if constants.is_offline_mode()
        else "Check the id and the network (HF_HUB_OFFLINE=1 makes a machine without one fail at once). "
    )
    return (
        f"{what} {offline}Without a network, fetch it elsewhere by `hf download {model} --local-dir FOLDER` and give "
        "the copied folder as the model; or copy the cache of a machine that has it and set HF_HOME to its folder."
    )
