"""Nested plain values with tensors among them, as tensors by name and JSON."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

TENSOR, ARRAY, TUPLE, PAIRS = "__tensor__", "__array__", "__tuple__", "__pairs__"


def packed(value: object, prefix: str = "") -> tuple[object, dict[str, Tensor]]:
    """JSON types, and the tensors that were among them, by their place.

    Raises
    ------
    TypeError
        A value is neither plain nor a tensor.

    Examples
    --------
    >>> plain, tensors = packed({"alpha": 10.0, "weights": torch.zeros(2, 3)})
    >>> plain, list(tensors)
    ({'alpha': 10.0, 'weights': {'__tensor__': '/weights'}}, ['/weights'])
    >>> unpacked(plain, tensors)["weights"].shape
    torch.Size([2, 3])
    """
    if isinstance(value, Tensor):
        return {TENSOR: prefix}, {prefix: value.detach().cpu().contiguous()}
    if isinstance(value, np.ndarray):
        return {ARRAY: prefix}, {prefix: torch.from_numpy(np.ascontiguousarray(value))}
    if isinstance(value, np.generic):
        return value.item(), {}
    if value is None or isinstance(value, (str, bool, int, float)):
        return value, {}
    tensors: dict[str, Tensor] = {}
    if isinstance(value, dict):
        items = []
        for key, one in value.items():
            plain, own = packed(one, f"{prefix}/{key}")
            items.append((key, plain))
            tensors |= own
        if all(isinstance(key, str) for key, _ in items):
            return dict(items), tensors
        return {PAIRS: [[key, one] for key, one in items]}, tensors
    if isinstance(value, (list, tuple)):
        found = []
        for i, one in enumerate(value):
            plain, own = packed(one, f"{prefix}/{i}")
            found.append(plain)
            tensors |= own
        return ({TUPLE: found} if isinstance(value, tuple) else found), tensors
    raise TypeError(f"{prefix or 'value'}: {type(value).__name__} is neither plain nor a tensor.")


def unpacked(plain: object, tensors: dict[str, Tensor]) -> Any:
    """The opposite of `packed`."""
    if isinstance(plain, dict):
        if TENSOR in plain:
            return tensors[plain[TENSOR]]
        if ARRAY in plain:
            return tensors[plain[ARRAY]].numpy()
        if TUPLE in plain:
            return tuple(unpacked(one, tensors) for one in plain[TUPLE])
        if PAIRS in plain:
            return {key: unpacked(one, tensors) for key, one in plain[PAIRS]}
        return {key: unpacked(one, tensors) for key, one in plain.items()}
    if isinstance(plain, list):
        return [unpacked(one, tensors) for one in plain]
    return plain
