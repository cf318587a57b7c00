"""Out of memory in a ridge regression: what it needs, and how many targets would fit."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from n2s.errors import UserError
from n2s.models.by_target import OPERATOR_BYTES


@contextmanager
def told(X: Tensor, v: int, n_candidates: int, whose: str) -> Iterator[None]:
    """Turn an error of an allocation in this block into one that names sizes.

    Parameters
    ----------
    X
        (n, p)
    v
        Targets.
    n_candidates
        Penalties, or combinations of them, that are tried.
    whose
        The estimator, for the message.

    Raises
    ------
    UserError
        Out of memory.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError | torch.OutOfMemoryError) and "memory" not in str(error):
            raise
        (n, p), size = X.shape, X.element_size()
        m = min(n, p)
        operators = min(OPERATOR_BYTES, n_candidates * n * m * size)
        fixed = n * p * size + operators + 4 * m * m * 8  # the equations, a copy in each of two threads, in float64
        each = (m + 2 * n_candidates + 8) * size
        if X.device.type == "cuda":
            machine = torch.cuda.get_device_properties(X.device).total_memory
        else:
            machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        fit = int((machine - fixed) / each)
        remedy = (
            f"about {fit} targets would fit: fit them in parts." if fit > 0 else "fewer rows or columns are needed."
        )
        raise UserError(
            f"{whose}: out of memory on {X.device}. Beside X and Y, {n} rows x {p} columns x {v} targets of {X.dtype} need "
            f"{fixed / 2**30:.1f} GB and {each * v / 2**30:.1f} GB for weights and scores; {remedy}"
        ) from error
