"""Products and Cholesky decompositions: SciPy's on a CPU, which there are faster than PyTorch's, and PyTorch's on a GPU."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from scipy.linalg import get_lapack_funcs
from torch import Tensor


@contextmanager
def all_digits() -> Iterator[None]:
    """Products of float32 without TF32 in this block, whatever training has set: on a GPU it would leave three digits."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def product(a: Tensor, b: Tensor) -> Tensor:
    """(n, m), (m, k) -> (n, k). NumPy sees where one is the transpose of the other, and does half the work."""
    if a.device.type != "cpu":
        return a @ b
    return torch.from_numpy(np.matmul(a.numpy(), b.numpy()))


def factor(matrix: Tensor) -> Tensor | None:
    """(m, m) Cholesky factor in the lower triangle; None where the matrix is not positive definite. The matrix is overwritten."""
    if matrix.device.type != "cpu":
        lower, bad = torch.linalg.cholesky_ex(matrix)
        return None if bad else lower
    (potrf,) = get_lapack_funcs(("potrf",), (matrix.numpy(),))
    upper, bad = potrf(matrix.numpy().T, lower=0, overwrite_a=1, clean=0)  # rows of ours are LAPACK's columns
    return None if bad else torch.from_numpy(upper.T)


def solve(lower: Tensor, right: Tensor) -> Tensor:
    """(m, m) factor, (m, k) -> (m, k)."""
    if lower.device.type != "cpu":
        return torch.cholesky_solve(right, lower)
    (potrs,) = get_lapack_funcs(("potrs",), (lower.numpy(),))
    return torch.from_numpy(potrs(lower.numpy().T, right.numpy(), lower=0)[0])


def inverse(lower: Tensor) -> Tensor:
    """(m, m) factor -> (m, m) inverse, of which the lower triangle is meant. The factor is overwritten."""
    if lower.device.type != "cpu":
        return torch.cholesky_inverse(lower)
    (potri,) = get_lapack_funcs(("potri",), (lower.numpy(),))
    return torch.from_numpy(potri(lower.numpy().T, lower=0, overwrite_c=1)[0].T)


def whole(lower: Tensor) -> Tensor:
    """(m, m) the symmetric matrix of which the lower triangle is given."""
    below = lower.tril(-1)
    return lower.tril() + below.T


def largest(matrix: Tensor, n_steps: int = 12) -> float:
    """Largest eigenvalue of a positive semidefinite matrix, by power iteration: seldom more than a fifth too small."""
    vector = torch.ones(len(matrix), dtype=matrix.dtype, device=matrix.device)
    vector[1::2] = -0.5  # not orthogonal to the ones alone, which a centred matrix maps to zero
    for _ in range(n_steps):
        length = vector.norm()
        if length == 0:
            return 0.0
        vector = matrix @ (vector / length)
    return vector.norm().item()
