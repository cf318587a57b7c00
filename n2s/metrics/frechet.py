"""Fréchet distance between Gaussians fitted to two sets of embeddings."""

import warnings

import numpy as np


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Squared Fréchet distance between two sets of vectors, exact and without a matrix square root.

    ``|mu_a - mu_b|^2 + tr(S_a + S_b - 2 (S_a S_b)^(1/2))``, with the means and unbiased covariances of both. With the
    centred rows ``A / sqrt(n - 1)`` and ``B / sqrt(m - 1)``, the trace of the root is the sum of the singular values of
    ``A B^T``: no d x d matrix is needed, and ranks below d, where ``sqrtm`` loses digits, are no special case.

    With fewer rows, the distance of the same two distributions is larger; for n below d this effect far exceeds the
    differences between methods. Compare only values with the same n and m.

    Parameters
    ----------
    a, b
        (n, d) and (m, d) One embedding per row; n and m at least 2.

    Warns
    -----
    UserWarning
        n and m differ.

    Raises
    ------
    ValueError
        Other shapes, fewer than 2 rows, or numbers that are NaN or infinite.

    Examples
    --------
    >>> import numpy as np
    >>> from n2s.metrics import frechet_distance
    >>> made = np.random.default_rng(0).standard_normal((500, 8))
    >>> round(frechet_distance(made, made), 3), round(frechet_distance(made, made + 0.5), 3)  # 8 dimensions, each 0.5 away
    (0.0, 2.0)
    """
    a, b = _checked("a", a), _checked("b", b)
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"a has vectors of {a.shape[1]} numbers, b of {b.shape[1]}; expected (n, d) and (m, d).")
    if len(a) != len(b):
        warnings.warn(
            f"Fréchet distance of {len(a)} and {len(b)} rows: it falls as rows are added. Compare it with "
            "distances of the same numbers of rows only.",
            stacklevel=2,
        )
    (mean_a, root_a), (mean_b, root_b) = _moments(a), _moments(b)
    overlap = np.linalg.svd(root_a @ root_b.T, compute_uv=False).sum()
    squares = np.square(mean_a - mean_b).sum() + np.square(root_a).sum() + np.square(root_b).sum()
    return float(max(0.0, squares - 2 * overlap))  # for equal sets, rounding may give -1e-13


def _moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean (d,), and R (min(n, d), d) whose ``R^T R`` is the covariance."""
    mean = values.mean(0)
    root = (values - mean) / np.sqrt(len(values) - 1)
    return mean, root if len(root) <= root.shape[1] else np.linalg.qr(root, mode="r")


def _checked(name: str, values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 2 or len(values) < 2 or not values.shape[1]:
        raise ValueError(
            f"{name} has shape {values.shape}; expected (n, d) with n of 2 or more: one row has no spread."
        )
    bad = np.flatnonzero(~np.isfinite(values).all(1))
    if len(bad):
        raise ValueError(f"{name}: {len(bad)} of {len(values)} rows hold NaN or infinity; the first is row {bad[0]}.")
    return values
