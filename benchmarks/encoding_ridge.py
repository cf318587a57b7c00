"""EncodingRidge against himalaya's KernelRidgeCV and RidgeCV, and scikit-learn's RidgeCV: time and memory, each in its own process.

python benchmarks/encoding_ridge.py                                    # 600 rows x 700 columns x 3,000 targets, float64
python benchmarks/encoding_ridge.py --size 1500 1536 5000 --repeats 3
python benchmarks/encoding_ridge.py --size 3000 3072 10000
python benchmarks/encoding_ridge.py --size 9000 3072 95000 --dtype float32 --who n2s

All choose among 10 penalties for each target by R2 over the same 5 folds, but scikit-learn, which leaves one row out each time
(another question, and the fastest that it has). Seconds of the processor say what a free machine would take, where others run.
"""

import argparse
import os
import resource
import subprocess
import sys
import time

WHO = ("n2s", "kernel", "ridge", "sklearn")
NAMES = dict(
    n2s="n2s EncodingRidge", kernel="himalaya KernelRidgeCV", ridge="himalaya RidgeCV", sklearn="scikit-learn RidgeCV"
)


def measure(who: str, dtype: str, n: int, p: int, v: int, threads: int) -> None:
    """Fit once; print seconds, seconds of the processor, GB beyond the data, GB at most, and the mean log10 of the penalties."""
    import numpy as np
    import torch

    torch.set_num_threads(threads)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, p), dtype=dtype)
    y = rng.standard_normal((n, v), dtype=dtype)
    y *= 5
    driven = min(50, p)
    for start in range(0, v, 5000):  # in parts, so that making the data is not what needs most memory
        part = y[:, start : start + 5000]
        part += x[:, :driven] @ rng.standard_normal((driven, part.shape[1]), dtype=dtype)
    alphas, folds = np.logspace(1, 7, 10), np.arange(n) // 50 % 5
    if who == "n2s":
        from n2s.models import EncodingRidge

        model = EncodingRidge(alphas)
        fit = lambda: model.fit(x, y, np.arange(n) // 50).alpha_.numpy()  # noqa: E731
    elif who == "sklearn":
        from sklearn.linear_model import RidgeCV

        model = RidgeCV(alphas, alpha_per_target=True)
        fit = lambda: model.fit(x, y).alpha_  # noqa: E731
    else:
        from himalaya.kernel_ridge import KernelRidgeCV
        from himalaya.ridge import RidgeCV
        from himalaya.scoring import r2_score
        from sklearn.model_selection import PredefinedSplit

        solver = dict(score_func=r2_score, **({} if who == "kernel" else {"warn": False}))
        model = (KernelRidgeCV if who == "kernel" else RidgeCV)(
            alphas=alphas, fit_intercept=True, cv=PredefinedSplit(folds), solver_params=solver
        )
        fit = lambda: model.fit(x, y).best_alphas_  # noqa: E731
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start, used = time.perf_counter(), time.process_time()
    chosen = fit()
    spent, used = time.perf_counter() - start, time.process_time() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(spent, used, (peak - before) / 2**20, peak / 2**20, np.log10(chosen.astype(float)).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", nargs=3, type=int, default=(600, 700, 3000), metavar=("ROWS", "COLUMNS", "TARGETS"))
    parser.add_argument("--threads", nargs="+", type=int, default=sorted({1, os.cpu_count()}))
    parser.add_argument("--dtype", nargs="+", default=["float64"])
    parser.add_argument("--who", nargs="+", default=list(WHO), choices=WHO)
    parser.add_argument("--repeats", type=int, default=1, help="in turn; the smallest figures are shown")
    parser.add_argument("--measure", nargs=6)
    options = parser.parse_args()
    if options.measure:
        who, dtype, *numbers = options.measure
        measure(who, dtype, *map(int, numbers))
        return
    print("{} rows x {} columns x {} targets, 10 penalties, 5 folds".format(*options.size))
    print(f"{'':24} {'type':8} {'threads':>7} {'s':>8} {'s CPU':>8} {'GB more':>8} {'GB peak':>8}  mean log10(penalty)")
    for dtype in options.dtype:
        for threads in options.threads:
            env = os.environ | dict.fromkeys(
                ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(threads)
            )
            seen: dict[str, list[list[float]]] = {who: [] for who in options.who}
            for _ in range(options.repeats):
                for who, rows in seen.items():
                    numbers = map(str, (*options.size, threads))
                    line = [sys.executable, "-W", "ignore", __file__, "--measure", who, dtype, *numbers]
                    done = subprocess.run(line, env=env, capture_output=True, text=True)
                    if done.returncode:
                        print(f"{NAMES[who]:24} failed: {done.stderr.strip().splitlines()[-1]}")
                        continue
                    rows.append([float(number) for number in done.stdout.split()])
            for who, rows in seen.items():
                if rows:
                    spent, used, more, peak, mean = (min(column) for column in zip(*rows, strict=True))
                    print(
                        f"{NAMES[who]:24} {dtype:8} {threads:7} {spent:8.2f} {used:8.2f} {more:8.2f} {peak:8.2f}  {mean:.4f}",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
