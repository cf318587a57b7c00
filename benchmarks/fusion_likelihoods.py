"""Time and memory of one person's encoding model as a decoder: n2s, and scikit-learn's ridge with SciPy's Gaussian density.

python benchmarks/fusion_likelihoods.py                      # BOLD: 20 sounds of 110 volumes, 88 components; 48 windows x 48 candidates
python benchmarks/fusion_likelihoods.py --rows 11000 --columns 60 --window 480 --segments 12   # as much as MEG of ten minutes

Both choose features, penalty and shrinkage by four folds of whole sounds. The plain way fits ``Ridge`` for each choice and fold and asks
``multivariate_normal`` of all numbers of a window, once a candidate; it knows no low rank, so that n2s chooses among 16 times as many models. Each
runs in its own process.
"""

import argparse
import os
import resource
import subprocess
import sys
import time

WHO = ("n2s", "plain")


def measure(who: str, n_rows: int, n_columns: int, window: int, n_segments: int, threads: int) -> None:
    """Fit and score; print seconds of both, GFLOP/s of the scoring's products, GB at most, and the share found."""
    import numpy as np
    import scipy.stats  # noqa: F401  (what is imported is not timed)
    import sklearn.linear_model  # noqa: F401
    import torch

    import n2s.systems.fusion.low_rank  # noqa: F401

    torch.set_num_threads(threads)
    rng, f, sounds = np.random.default_rng(0), 32, 20
    per = n_rows // sounds // window * window
    n = sounds * per
    design = rng.standard_normal((n, 1, f))
    weights = rng.standard_normal((f, 4)) @ rng.standard_normal((4, n_columns)) * 0.3 / f**0.5
    response = design[:, 0] @ weights + rng.standard_normal((n, n_columns))
    group, windows = np.repeat(np.arange(sounds), per), np.arange(n).reshape(-1, window)
    test = rng.standard_normal((n_segments, window, f))
    seen = test @ weights + rng.standard_normal((n_segments, window, n_columns))
    begun = time.perf_counter()
    fit = _n2s if who == "n2s" else _plain
    scored, n_flop = fit(design, response, group, windows, test)
    fitted_s = time.perf_counter() - begun
    begun = time.perf_counter()
    scores = scored(seen)
    scored_s = time.perf_counter() - begun
    found = float((scores.argmax(1) == np.arange(n_segments)).mean())
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    rate = n_flop / scored_s / 1e9
    print(
        f"{who:6} fit {fitted_s:8.2f} s   score {scored_s:9.4f} s   {rate:7.3f} GFLOP/s   {memory:5.2f} GB   found {found:.2f}"
    )


def _n2s(design, response, group, windows, test):
    import numpy as np

    from n2s.systems.fusion.low_rank import Rows, fit_low_rank

    place = np.arange(len(design))
    model = fit_low_rank(Rows(design, response, group, place, windows, (1,), (0.1, 0.3, 0.7), coloured=False))
    would = (test @ model.weights[0]).reshape(len(test), -1)

    def scored(seen):
        return (seen @ model.components).reshape(len(seen), -1) @ would.T - 0.5 * np.square(would).sum(1)

    return scored, 2 * len(test) * (test.shape[1] * model.components.size + len(test) * would.shape[1])


def _plain(design, response, group, windows, test):
    import numpy as np
    from scipy.stats import multivariate_normal
    from sklearn.linear_model import Ridge

    from n2s.systems.fusion.low_rank import ALPHAS, N_FEATURES, information

    X, best = design[:, 0], (-np.inf,)
    fold = group % 4
    for n_features in N_FEATURES:
        for alpha in ALPHAS:
            blocks = {}
            for one in range(4):
                train = fold != one
                ridge = Ridge(alpha * train.sum(), fit_intercept=False).fit(X[train, :n_features], response[train])
                left = response[train] - ridge.predict(X[train, :n_features])
                own = windows[fold[windows[:, 0]] == one]
                would, seen = ridge.predict(X[:, :n_features])[own], response[own]
                for shrinkage in (0.1, 0.3, 0.7):
                    noise = (1 - shrinkage) * np.cov(left.T) + shrinkage * np.eye(left.shape[1])
                    precision = np.linalg.inv(noise)
                    scores = np.einsum("ntv,vw,ktw->nk", seen, precision, would, optimize=True)
                    scores -= 0.5 * np.einsum("ktv,vw,ktw->k", would, precision, would, optimize=True)
                    blocks.setdefault(shrinkage, []).append(scores)
            best = max(best, *((information(value), n_features, alpha, key) for key, value in blocks.items()))
    _, n_features, alpha, shrinkage = best
    ridge = Ridge(alpha * len(X), fit_intercept=False).fit(X[:, :n_features], response)
    left = response - ridge.predict(X[:, :n_features])
    noise = (1 - shrinkage) * np.cov(left.T) + shrinkage * np.eye(left.shape[1])
    would = np.stack([ridge.predict(one[:, :n_features]) for one in test])

    def scored(seen):
        return np.array(
            [[multivariate_normal.logpdf(y, np.zeros(len(noise)), noise).sum() for y in one - would] for one in seen]
        )

    v = len(noise)
    return scored, 2 * len(test) ** 2 * test.shape[1] * v * v


def main() -> None:
    """Run both, each alone."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2200)
    parser.add_argument("--columns", type=int, default=88)
    parser.add_argument("--window", type=int, default=7)
    parser.add_argument("--segments", type=int, default=48)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--who", choices=WHO)
    given = parser.parse_args()
    if given.who:
        measure(given.who, given.rows, given.columns, given.window, given.segments, given.threads)
        return
    threads = {name: str(given.threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    for who in WHO:
        subprocess.run([sys.executable, __file__, "--who", who, *sys.argv[1:]], env=os.environ | threads, check=True)


if __name__ == "__main__":
    main()
