"""Anybody's network: it is given what its ``forward`` takes, by name or in order, and its output is checked."""

import inspect
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import torch
from torch import Tensor, nn

from n2s.errors import UserError

#: What a network of windows of sensors may take, in this order. The first is always given.
INPUTS = ("brain", "positions", "subject", "mask", "kind")

CONTRACT = (
    "forward(self, brain) is enough: brain is (b, c, t), scaled. It may take more, in this order or by these names: positions (b, c, 2) in [0, 1], "
    "subject (b,) from 0 on and -1 for a new person, mask (b, c) true where a sensor is real and good, kind (b, c) of sensor"
)


def call(network: nn.Module, *inputs: Tensor | None) -> Tensor:
    """Call a network with those of its inputs that its ``forward`` takes. If it takes no mask, bad and absent sensors are 0.

    Parameters
    ----------
    network
        ``forward(brain)``, or with some of `INPUTS` after it: in their order, or by their names where it names them otherwise ordered.
    inputs
        As many of `INPUTS` as there are, in this order: `n2s.data.Batch.inputs`.

    Raises
    ------
    UserError
        Its ``forward`` needs something else, or fails.

    Examples
    --------
    >>> import torch
    >>> class Mine(torch.nn.Module):
    ...     def forward(self, x):
    ...         return x.mean(1, keepdim=True)
    >>> tuple(call(Mine(), torch.zeros(2, 5, 7), torch.zeros(2, 5, 2), torch.zeros(2, dtype=torch.long)).shape)
    (2, 1, 7)
    """
    names = taken(type(network))
    if names is None:
        with _said(network, inputs[0]):
            return network(*inputs)
    given = dict(zip(INPUTS, inputs, strict=False))
    lacks = [name for name in names if name not in given]
    if lacks:
        raise UserError(f"{type(network).__name__} takes {', '.join(lacks)}, which these data do not give. {CONTRACT}.")
    brain, mask = given["brain"], given.get("mask")
    if mask is not None and "mask" not in names:  # it cannot know which sensors are bad or not there: they are 0
        brain = torch.where(mask[..., None], brain, 0.0)
    with _said(network, brain):
        return network(brain, **{name: given[name] for name in names[1:]})


@contextmanager
def _said(network: nn.Module, brain: Tensor) -> Iterator[None]:
    """Say in a line what fails inside somebody's own network, and where; of n2s's own it is shown in full."""
    try:
        yield
    except (RuntimeError, TypeError, ValueError, IndexError, AttributeError) as error:
        kind = type(network)
        if isinstance(error, UserError | torch.OutOfMemoryError) or kind.__module__.partition(".")[0] in (
            "n2s",
            "torch",
        ):
            raise
        # not inspect.getfile: it fails for classes of a notebook
        code = getattr(inspect.unwrap(kind.forward), "__code__", None)
        file = getattr(code, "co_filename", None)
        frames = [one for one in traceback.extract_tb(error.__traceback__) if one.filename == file]
        where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno}: {frames[-1].line})" if frames else ""
        shape = f"brain {tuple(brain.shape)}: {brain.shape[0]} windows, {brain.shape[1]} sensors"
        raise UserError(
            f"{kind.__name__}.forward fails with {shape}{where}. {type(error).__name__}: {error}"
        ) from error


def check_output(key: str, network: nn.Module, output: object, expected: tuple[int, ...], axes: str) -> None:
    """Compare what a network gives with what is needed of it.

    Parameters
    ----------
    key, network
        The key in the recipe, and what stands there.
    output
        What it gave.
    expected
        The shape that is needed.
    axes
        What the axes of that shape are, for the message.

    Raises
    ------
    UserError
        It gave no tensor, or one of another shape.
    """
    if isinstance(output, Tensor) and tuple(output.shape) == tuple(expected):
        return
    found = f"a tensor {tuple(output.shape)}" if isinstance(output, Tensor) else f"a {type(output).__name__}"
    raise UserError(f"{key}: {type(network).__name__} gives {found}; expected {tuple(expected)}: {axes}.")


@cache
def taken(kind: type[nn.Module]) -> tuple[str, ...] | None:
    """Which of `INPUTS` a class of networks takes; None: as many as there are, in order (it takes ``*inputs``).

    Raises
    ------
    UserError
        Its ``forward`` needs an argument that is none of them.
    """
    parameters = list(inspect.signature(kind.forward).parameters.values())[1:]
    if any(one.kind is one.VAR_POSITIONAL for one in parameters):
        return None
    if not parameters:
        raise UserError(f"{kind.__name__}.forward takes nothing. {CONTRACT}.")
    first, *others = [one for one in parameters if one.kind is not one.VAR_KEYWORD]
    needed = [one.name for one in others if one.default is one.empty and one.name not in INPUTS[1:]]
    if needed:
        raise UserError(f"{kind.__name__}.forward needs {', '.join(needed)}, which n2s does not know. {CONTRACT}.")
    return ("brain", *(one.name for one in others if one.name in INPUTS[1:]))
