"""hrf_response against nilearn's compute_regressor: seconds for features of a story at 50 Hz, in one process.

python benchmarks/hrf.py                  # 10 minutes, 1024 dimensions, TR 2 s; one thread
"""

import argparse
import os
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402

RATE_HZ, TR_S, SHOWN = 50, 2.0, 4  # nilearn's dimensions are alike: few are measured


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--dimensions", type=int, default=1024)
    options = parser.parse_args()

    from nilearn.glm.first_level import compute_regressor

    from n2s.data import hrf_response

    n, n_trs = round(options.seconds * RATE_HZ), round(options.seconds / TR_S) + 16
    values = np.random.default_rng(0).uniform(size=(n, options.dimensions))
    times_s, found = np.arange(n_trs) * TR_S, None
    hrf_response(values[:100, :1], RATE_HZ, 0.0, TR_S, n_trs)  # imports
    for _ in range(2):
        start = time.perf_counter()
        found = hrf_response(values, RATE_HZ, 0.0, TR_S, n_trs)
        ours_s = time.perf_counter() - start
    start = time.perf_counter()
    apart = 0.0
    for column in range(SHOWN):
        # a hundredth of a bin early: on its own grid nilearn rounds onsets into wrong bins
        condition = ((np.arange(n) - 0.01) / RATE_HZ, np.full(n, 1 / RATE_HZ), values[:, column])
        expected, _ = compute_regressor(
            condition, "glover", times_s, oversampling=round(TR_S * RATE_HZ), min_onset=-2 * TR_S
        )
        apart = max(apart, np.abs(expected[:, 0] - found[:, column]).max())
    nilearn_s = (time.perf_counter() - start) / SHOWN
    print(f"{n} frames x {options.dimensions} dimensions -> {n_trs} volumes, one thread")
    print(f"hrf_response       {ours_s:8.3f} s, {1000 * ours_s / options.dimensions:8.4f} ms a dimension")
    print(
        f"compute_regressor  {nilearn_s * options.dimensions:8.1f} s, {1000 * nilearn_s:8.4f} ms a dimension (of {SHOWN} measured)"
    )
    print(f"largest difference {apart:.1e}")


if __name__ == "__main__":
    main()
