"""Products and Cholesky decompositions: SciPy's on a CPU, which there are faster than PyTorch's, and PyTorch's on a GPU."""

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

import numpy as np
import torch
from scipy.linalg import cython_lapack
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
    matrix = matrix.contiguous()
    return None if _lapack("potrf", matrix) else matrix


def solve(lower: Tensor, right: Tensor) -> Tensor:
    """(m, m) factor, (m, k) -> (m, k)."""
    if lower.device.type != "cpu":
        return torch.cholesky_solve(right, lower)
    columns = right.T.clone(memory_format=torch.contiguous_format)
    _lapack("potrs", lower.contiguous(), columns)
    return columns.T


def inverse(lower: Tensor) -> Tensor:
    """(m, m) factor -> (m, m) inverse, of which the lower triangle is meant. The factor is overwritten."""
    if lower.device.type != "cpu":
        return torch.cholesky_inverse(lower)
    lower = lower.contiguous()
    _lapack("potri", lower)
    return lower


def _lapack(name: str, matrix: Tensor, columns: Tensor | None = None) -> int:
    """Call a routine of LAPACK on a matrix, and on right-hand sides, a row each; both are overwritten.

    Our rows are LAPACK's columns: the lower triangle is its upper one. By their address, SciPy's routines let the interpreter go; its own
    functions (`scipy.linalg.lapack`) keep it, and threads would wait for each other.

    Returns
    -------
    int
        Above 0: the matrix is not positive definite.
    """
    m, found = ctypes.c_int(len(matrix)), ctypes.c_int()
    right = () if columns is None else (columns.data_ptr(), ctypes.byref(m))
    counts = () if columns is None else (ctypes.byref(ctypes.c_int(len(columns))),)
    routine = _routine(("s" if matrix.dtype == torch.float32 else "d") + name)
    routine(b"U", ctypes.byref(m), *counts, matrix.data_ptr(), ctypes.byref(m), *right, ctypes.byref(found))
    if found.value < 0:
        raise ValueError(f"LAPACK's {name} refuses its argument {-found.value}.")
    return found.value


@cache
def _routine(name: str) -> Callable:
    capsule = cython_lapack.__pyx_capi__[name]
    name_of, address_of = ctypes.pythonapi.PyCapsule_GetName, ctypes.pythonapi.PyCapsule_GetPointer
    name_of.restype, name_of.argtypes = ctypes.c_char_p, [ctypes.py_object]
    address_of.restype, address_of.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    signature = name_of(capsule)
    n_arguments = signature.count(b",") + 1
    return ctypes.CFUNCTYPE(None, ctypes.c_char_p, *[ctypes.c_void_p] * (n_arguments - 1))(
        address_of(capsule, signature)
    )


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
