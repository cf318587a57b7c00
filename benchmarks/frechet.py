"""The Fréchet distance by singular values against scipy's matrix root: seconds and difference.

python benchmarks/frechet.py            # 150 clips in 2,048 dimensions: the embedding of CNN14
python benchmarks/frechet.py --n 3000 --d 512
"""

import argparse
import os
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np  # noqa: E402
from scipy import linalg  # noqa: E402

from n2s.metrics import frechet_distance  # noqa: E402


def by_matrix_root(a: np.ndarray, b: np.ndarray) -> float:
    """As in audioldm_eval: covariances, sqrtm, and a patched diagonal if that fails."""
    one, two = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = linalg.sqrtm(one @ two)
    if not np.isfinite(root).all():
        patch = 1e-6 * np.eye(len(one))
        root = linalg.sqrtm((one + patch) @ (two + patch))
    mean = a.mean(0) - b.mean(0)
    return float(mean @ mean + np.trace(one) + np.trace(two) - 2 * np.trace(root).real)


def by_symmetric_root(a: np.ndarray, b: np.ndarray) -> float:
    """The same without loss at low rank: eigenvalues of the root of one covariance around the other."""
    one, two = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    values, vectors = np.linalg.eigh(one)
    half = vectors * np.sqrt(values.clip(0)) @ vectors.T
    overlap = np.sqrt(np.linalg.eigvalsh(half @ two @ half).clip(0)).sum()
    mean = a.mean(0) - b.mean(0)
    return float(mean @ mean + np.trace(one) + np.trace(two) - 2 * overlap)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=150)
    parser.add_argument("--d", type=int, default=2048)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    mixing = rng.standard_normal((options.d, options.d)) * 0.9 ** (np.arange(options.d) / 20)[:, None]
    a, b = (np.maximum(0, rng.standard_normal((options.n, options.d)) @ mixing + shift) for shift in (0.0, 0.2))
    print(f"{options.n} rows each, {options.d} dimensions, {os.environ['OMP_NUM_THREADS']} thread(s)")
    spent = {}
    for function, repeats in ((frechet_distance, 20), (by_symmetric_root, 1), (by_matrix_root, 1)):
        start = time.perf_counter()
        for _ in range(repeats):
            value = function(a, b)
        spent[function.__name__] = (time.perf_counter() - start) / repeats, value
    seconds, ours = spent["frechet_distance"]
    for name, (took, value) in spent.items():
        print(
            f"{name:18} {took:9.4f} s  x{took / seconds:<8.0f} {value:.9g}  relative difference {value / ours - 1:.1e}"
        )


if __name__ == "__main__":
    main()
