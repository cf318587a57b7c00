"""Which clips of a corpus are trained on, where the corpus itself does not say so."""

import numpy as np

from n2s.errors import UserError
from n2s.options import check_number


def by_share(n: int, val_fraction: float, test_fraction: float, seed: int) -> list[str]:
    """``train``, ``val`` or ``test`` for each of ``n`` things, in shares that are exact to one, at random.

    Raises
    ------
    UserError
        A share is negative, or nothing is left to train on.
    """
    check_number("val_fraction", val_fraction, low=0, below=1)
    check_number("test_fraction", test_fraction, low=0, below=1)
    n_val, n_test = round(n * val_fraction), round(n * test_fraction)
    if n_val + n_test >= n:
        raise UserError(
            f"val_fraction={val_fraction} and test_fraction={test_fraction} of {n}: nothing is left to train on. "
            "Expected shares from 0 whose sum is below 1."
        )
    parts = np.array(["train"] * n, dtype=object)
    order = np.random.default_rng(seed).permutation(n)
    parts[order[:n_val]], parts[order[n_val : n_val + n_test]] = "val", "test"
    return parts.tolist()
