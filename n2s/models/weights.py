"""Published weights from a file: read without running its code; a mismatch is reported."""

from pathlib import Path

import numpy as np
import torch
from numpy._core import multiarray
from torch import Tensor, nn

from n2s.errors import UserError, reading

_SUFFIXES = (".pth", ".pt", ".bin", ".safetensors")
# Numbers and arrays of numpy, which checkpoints hold beside the weights (PANNs': the sampler's state). numpy 1 had
# its functions below numpy.core.
_PLAIN = [
    np.ndarray,
    np.dtype,
    *{type(np.dtype(code)) for code in "?bBhHiIlLqQefdSU"},
    multiarray._reconstruct,
    multiarray.scalar,
    (multiarray._reconstruct, "numpy.core.multiarray._reconstruct"),
    (multiarray.scalar, "numpy.core.multiarray.scalar"),
]


def find_weights(place: str | Path, *, published: str, get: str) -> Path:
    """The file that a user means by a file or a folder.

    Parameters
    ----------
    place
        A file, or a folder that holds ``published``, or that holds one file of weights alone.
    published
        Name of the file that its authors gave it.
    get
        A sentence for whoever has not got it.

    Raises
    ------
    UserError
        There is no such file or folder, or it is not clear which of several is meant.
    """
    path = Path(place).expanduser()
    if path.is_file():
        return path
    if not path.is_dir():
        raise UserError(f"no weights at {path.absolute()}: expected {published}, or the folder that holds it. {get}")
    if (path / published).is_file():
        return path / published
    found = sorted(one for one in path.iterdir() if one.suffix in _SUFFIXES and one.is_file())
    if len(found) != 1:
        names = ", ".join(one.name for one in found[:5]) or "none"
        raise UserError(f"{path}: expected {published} there, or one file of weights; found {names}. {get}")
    return found[0]


def read_weights(path: Path, *, also: tuple[type, ...] = ()) -> dict[str, Tensor]:
    """Weights by name, from a file of torch (they may lie below the key ``model``) or of safetensors.

    Beside tensors a file of torch may hold numbers and arrays of numpy, and what is of the types ``also``.

    Raises
    ------
    UserError
        No such file, or it cannot be read without running code.
    """
    with reading(path, "weights that can be read without running code"):
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        with torch.serialization.safe_globals([*_PLAIN, *also]):
            found = torch.load(path, map_location="cpu", weights_only=True)
    state = found.get("model", found) if isinstance(found, dict) else None
    if not isinstance(state, dict) or not all(isinstance(k, str) and isinstance(v, Tensor) for k, v in state.items()):
        raise UserError(f"{path} holds no weights by name, nor such under the key 'model'.")
    return state


def fill(network: nn.Module, state: dict[str, Tensor], path: Path, *, may_have: tuple[str, ...] = ()) -> None:
    """Load weights into a network; each must be there, of the same shape, and none left over.

    Parameters
    ----------
    network
        To fill.
    state
        Weights by name.
    path
        Where they are from, for the message.
    may_have
        Beginnings of the names of further weights that the file may have and that are not used.

    Raises
    ------
    UserError
        They do not fit; says which.
    """
    own = network.state_dict()
    lacking = [name for name in own if name not in state]
    further = [name for name in state if name not in own and not name.startswith(may_have)]
    other = [
        f"{name} {tuple(state[name].shape)} in place of {tuple(own[name].shape)}"
        for name in own
        if name in state and state[name].shape != own[name].shape
    ]
    wrong = [
        f"{what} {len(names)} ({', '.join(names[:3])}{', ..' if len(names) > 3 else ''})"
        for what, names in (("lacks", lacking), ("has not known", further), ("has of another shape", other))
        if names
    ]
    if wrong:
        raise UserError(f"{path}: not the weights of {type(network).__name__}: of {len(own)} it {'; '.join(wrong)}.")
    network.load_state_dict({name: state[name] for name in own})
