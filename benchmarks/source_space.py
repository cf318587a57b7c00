"""Time and memory of one joint fit of sources that MEG and BOLD see: n2s, a dense Kronecker solve, and SciPy's conjugate gradients.

python benchmarks/source_space.py                            # 40 features x 30 lags, 60 sensors, 200 voxels, 100 sources
python benchmarks/source_space.py --features 8 --lags 10 --sources 40    # small enough for the dense solve
python benchmarks/source_space.py --who n2s --sources 1000 --sensors 300

All three solve the same sums for 35 pairs of penalty and gain, each in its own process, to a residual of 1e-6. ``scipy`` is conjugate
gradients on the same equations as they stand, one pair after another. The limit is the FLOPs of the products of one step times the steps.
"""

import argparse
import os
import resource
import subprocess
import sys
import time

WHO = ("n2s", "dense", "scipy")
DENSE = 12_000  # unknowns of which a dense matrix is made: 1.2 GB


def measure(
    who: str, n_features: int, n_lags: int, n_sensors: int, n_voxels: int, n_sources: int, threads: int
) -> None:
    """Solve; print seconds, steps, GFLOP/s of the products, GB of memory at most, and the sum of all weights."""
    import numpy as np
    import torch
    from scipy.sparse.linalg import LinearOperator, cg

    from n2s.models.source_equations import Equations, Sight
    from n2s.models.source_sums import View

    torch.set_num_threads(threads)
    draw, p = np.random.default_rng(0), n_features * n_lags
    mixing = draw.normal(size=(n_features, n_features)) * np.linspace(1, 0.05, n_features)  # features are correlated
    lead, seen = draw.normal(size=(n_sensors, n_sources)), np.zeros((n_voxels, n_sources))
    seen[np.arange(n_voxels), np.arange(n_voxels) % n_sources] = 1
    weights = draw.normal(size=(p, n_sources)) / p**0.5
    spread = np.tile(np.eye(n_features), n_lags)

    def rows(n, columns):
        for story in range(4):
            course = np.cumsum(draw.normal(size=(n + n_lags, n_features)), 0)
            course = (course[8:] - course[:-8]) @ mixing / 8
            yield (
                story,
                (
                    np.lib.stride_tricks.sliding_window_view(course, n_lags, 0)[:n].transpose(0, 2, 1).reshape(-1, p)
                    if columns == p
                    else course[:n]
                ),
            )

    def of(n, columns, to):
        for story, x in rows(n, columns):
            y = x @ (weights if columns == p else spread @ weights) @ to.T
            yield story, torch.tensor(x), torch.from_numpy(y + 5 * y.std() * draw.normal(size=y.shape))

    views = [View.of(of(6000, p, lead), torch.from_numpy(lead))]
    views.append(View.of(of(300, n_features, seen), torch.from_numpy(seen), torch.from_numpy(spread)))
    sights = [Sight.of(view) for view in views]
    equations = Equations(sights)
    pairs = [(alpha, gain) for alpha in (0.1, 0.3, 1, 3, 10) for gain in (0.1, 0.2, 0.5, 1, 2, 5, 10)]
    if who == "dense" and p * n_sources > DENSE:
        print(f"{'dense':8} a matrix of {p * n_sources} unknowns would take {8 * (p * n_sources) ** 2 / 1e9:.0f} GB")
        return
    before, total, steps, flops = time.perf_counter(), 0.0, 0, 0.0
    if who == "n2s":
        flops += 9 * p**3  # eigenvectors of the columns
        for solved in equations.left_out(0, pairs, 1e-6, 4000):
            total += float((solved.weights.sum((0, 1)) @ equations.basis.T).sum())
            steps = max(steps, int(solved.steps.max()))
            one = (
                2 * n_features * solved.weights[:, 0].numel() + n_features * equations.basis.shape[1] ** 2
            )  # of a step
            flops += 2 * one * int(solved.steps.sum())
    else:
        a = [v.spread_out(v.spread_out(v.xx.sum(0) - v.xx[0]).T).numpy() for v in views]
        m = [(sight.white.T @ sight.white).numpy() for sight in sights]
        right = [
            v.spread_out(
                (v.xy.sum(0) - v.xy[0]) @ torch.linalg.solve_triangular(s.lower.T, s.white, upper=True)
            ).numpy()
            for v, s in zip(views, sights, strict=True)
        ]
        for alpha, gain in pairs:
            b = (right[0] + gain * right[1]).ravel()
            if who == "dense":
                matrix = np.kron(a[0], m[0]) + gain**2 * np.kron(a[1], m[1])
                matrix[np.diag_indices_from(matrix)] += alpha * equations.size
                total += np.linalg.solve(matrix, b).sum()
                flops += 2 / 3 * len(b) ** 3
            else:

                def apply(w, alpha=alpha, gain=gain):
                    w = w.reshape(p, n_sources)
                    return (a[0] @ w @ m[0] + gain**2 * (a[1] @ w @ m[1]) + alpha * equations.size * w).ravel()

                count = []
                found, bad = cg(
                    LinearOperator((len(b),) * 2, apply, dtype=float),
                    b,
                    rtol=1e-6,
                    maxiter=4000,
                    callback=lambda _, count=count: count.append(1),
                )
                assert not bad, "SciPy has not converged"
                total, steps = total + found.sum(), max(steps, len(count))
                flops += 4 * p * n_sources * (p + n_sources) * len(count)
    seconds = time.perf_counter() - before
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"{who:8} {seconds:8.2f} s   {steps:5d} steps   {flops / seconds / 1e9:6.1f} GFLOP/s   {memory:5.2f} GB   sum {total:.6g}",
        flush=True,
    )


def main() -> None:
    """One process for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--who", choices=WHO)
    for name, number in (
        ("features", 40),
        ("lags", 30),
        ("sensors", 60),
        ("voxels", 200),
        ("sources", 100),
        ("threads", 1),
    ):
        parser.add_argument(f"--{name}", type=int, default=number)
    given = parser.parse_args()
    sizes = given.features, given.lags, given.sensors, given.voxels, given.sources, given.threads
    if given.who:
        measure(given.who, *sizes)
        return
    for who in WHO:
        environment = os.environ | dict.fromkeys(
            ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(given.threads)
        )
        subprocess.run([sys.executable, __file__, "--who", who, *sys.argv[1:]], check=True, env=environment)


if __name__ == "__main__":
    main()
