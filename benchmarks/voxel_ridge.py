"""VoxelRidge against fastl2lir: seconds and memory, each in its own process.

python benchmarks/voxel_ridge.py                 # 2,000 samples x 6,000 voxels x 512 dimensions; pip install fastl2lir
python benchmarks/voxel_ridge.py --whole_brain   # 4,800 x 60,000 x 512, where fastl2lir would need over 29 GB
"""

import argparse
import os
import resource
import subprocess
import sys
import time

K, ALPHA = 500, 100.0


def measure(who: str, n: int, v: int, d: int, threads: int) -> None:
    """Fit once; print seconds, memory beyond the data, and a checksum."""
    import numpy as np
    import torch

    torch.set_num_threads(threads)
    dtype = np.float32 if who == "float32" else np.float64
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, v), dtype=dtype)
    y = x[:, :d] + x[:, d : 2 * d] + rng.standard_normal((n, d), dtype=dtype)
    for values in (x, y):
        values -= values.mean(0)
        values /= values.std(0, ddof=1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    if who == "fastl2lir":
        import fastl2lir

        model = fastl2lir.FastL2LiR()
        model.fit(x, y, alpha=ALPHA, n_feat=K)
        checksum = np.abs(model.W).sum()
    else:
        from n2s.models.ridge import VoxelRidge

        checksum = VoxelRidge(K, ALPHA).fit(x, y).coef_.abs().sum().item()
    spent = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{spent:.2f} {(peak - before) / 2**20:.2f} {peak / 2**20:.2f} {checksum:.6g}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--whole_brain", action="store_true")
    parser.add_argument("--measure", nargs=5)
    options = parser.parse_args()
    if options.measure:
        who, *numbers = options.measure
        measure(who, *map(int, numbers))
        return
    n, v, d = (4800, 60000, 512) if options.whole_brain else (2000, 6000, 512)
    rows = ("float32",) if options.whole_brain else ("fastl2lir", "float64", "float32")
    print(f"{n} samples x {v} voxels x {d} dimensions, {K} voxels each")
    print(f"{'':12} {'threads':>7} {'s':>8} {'GB more':>8} {'GB peak':>8}  sum of |weights|")
    for threads in (1, os.cpu_count()):
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        env = os.environ | dict.fromkeys(names, str(threads))
        for who in rows:
            line = [sys.executable, "-W", "ignore", __file__, "--measure", who, *map(str, (n, v, d, threads))]
            done = subprocess.run(line, env=env, capture_output=True, text=True)
            if done.returncode:
                print(f"{who:12} {threads:7} failed: {done.stderr.strip().splitlines()[-1]}")
                continue
            spent, more, peak, checksum = done.stdout.split()
            print(f"{who:12} {threads:7} {spent:>8} {more:>8} {peak:>8}  {checksum}", flush=True)


if __name__ == "__main__":
    main()
