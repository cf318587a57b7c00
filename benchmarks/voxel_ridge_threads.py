"""VoxelRidge on one thread and on all, while the machine is free and while another program keeps every core busy.

python benchmarks/voxel_ridge_threads.py           # 2,000 samples x 2,000 voxels x 128 dimensions
python benchmarks/voxel_ridge_threads.py --full    # 2,000 x 6,000 x 512
"""

import argparse
import os
import subprocess
import sys
import time

K, ALPHA = 500, 100.0
BUSY = "import numpy\na = numpy.ones((500, 500))\nwhile True: a @ a"


def measure(n: int, v: int, d: int, threads: int) -> None:
    """Fit once; print seconds on the clock and of the processor."""
    import numpy as np
    import torch

    from n2s.models.ridge import VoxelRidge

    torch.set_num_threads(threads)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, v))
    y = x[:, :d] + rng.standard_normal((n, d))
    for values in (x, y):
        values -= values.mean(0)
        values /= values.std(0, ddof=1)
    start, used = time.perf_counter(), time.process_time()
    VoxelRidge(K, ALPHA).fit(x, y)
    print(f"{time.perf_counter() - start} {time.process_time() - used}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--measure", nargs=4, type=int)
    options = parser.parse_args()
    if options.measure:
        measure(*options.measure)
        return
    n, v, d = (2000, 6000, 512) if options.full else (2000, 2000, 128)
    print(f"{n} samples x {v} voxels x {d} dimensions, {K} voxels each; the best of {options.repeats}")
    print(f"{'':8} {'threads':>7} {'s':>8} {'s of the processor':>20}")
    for load in ("free", "busy"):
        one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        others = [
            subprocess.Popen([sys.executable, "-c", BUSY], env=os.environ | one)
            for _ in range(os.cpu_count() if load == "busy" else 0)
        ]
        try:
            seen: dict[int, list[tuple[float, float]]] = {1: [], os.cpu_count(): []}
            for _ in range(options.repeats):  # in turn, so that what else runs disturbs both alike
                for threads, rows in seen.items():
                    line = [sys.executable, "-W", "ignore", __file__, "--measure", *map(str, (n, v, d, threads))]
                    env = os.environ | dict.fromkeys(one, str(threads))
                    done = subprocess.run(line, env=env, capture_output=True, text=True, check=True)
                    rows.append(tuple(map(float, done.stdout.split())))
            for threads, rows in seen.items():
                spent, used = min(rows)
                print(f"{load:8} {threads:7} {spent:8.2f} {used:20.2f}", flush=True)
        finally:
            for other in others:
                other.kill()
                other.wait()


if __name__ == "__main__":
    main()
