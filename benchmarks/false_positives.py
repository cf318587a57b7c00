"""How often pure noise is called significant: brain scores of null data sets, by each test, with white and autocorrelated noise.

    python benchmarks/false_positives.py --sets 1000

Each set has features that change as slowly as speech after an HRF, and responses of noise alone. A ridge is fitted with
cross-validation over runs and tested on held-out runs. A test is honest if its rate is the nominal one (0.05), or below.
"""

import argparse
import time

import numpy as np
import torch
from scipy.signal import lfilter
from scipy.stats import pearsonr

from n2s.metrics.group_tests import benjamini_hochberg, sign_flip_max, wilcoxon
from n2s.metrics.permutation import block_permutation, phase_randomised
from n2s.models import EncodingRidge

LEVEL = 0.05
RUNS, ROWS, HELD_OUT = 6, 120, 2  # runs of 120 volumes (4 min at a TR of 2 s), the last two held out
FEATURES, TARGETS, SUBJECTS = 10, 20, 12
SLOW = 0.8  # autocorrelation of the features from one volume to the next
NOISES = {"white noise": 0.0, "AR(1) .5": 0.5, "AR(1) .9": 0.9}


def course(rng: np.random.Generator, n: int, ar: float) -> np.ndarray:
    """(RUNS * ROWS, n), each run z-scored."""
    runs = lfilter([1.0], [1.0, -ar], rng.normal(size=(RUNS, ROWS + 100, n)), axis=1)[:, 100:]
    return ((runs - runs.mean(1, keepdims=True)) / runs.std(1, keepdims=True)).reshape(RUNS * ROWS, n)


def scored(rng: np.random.Generator, ar: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Prediction, response and run of the held-out rows of one null data set."""
    run = np.repeat(np.arange(RUNS), ROWS)
    features, responses = course(rng, FEATURES, SLOW), course(rng, TARGETS, ar)
    train = run < RUNS - HELD_OUT
    ridge = EncodingRidge(alphas=[1.0, 100.0, 10_000.0], n_folds=RUNS - HELD_OUT)
    ridge.fit(features[train], responses[train], run[train])
    return np.asarray(ridge.predict(features[~train])), responses[~train], run[~train]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=100, help="null data sets of each kind of noise")
    parser.add_argument("--permutations", type=int, default=199)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(
        f"{options.sets} null sets a kind of noise, {TARGETS} targets, {HELD_OUT * ROWS} held-out volumes; nominal {LEVEL}"
    )
    for name, ar in NOISES.items():
        started, rng = time.perf_counter(), np.random.default_rng(0)
        hits: dict[str, list[float]] = {}
        r = []
        for draw in range(options.sets):
            predicted, true, run = scored(rng, ar)
            blocks = {
                rows: block_permutation(
                    predicted, true, run=run, block_rows=rows, n_permutations=options.permutations, seed=draw
                )
                for rows in (1, 10, 20)
            }
            phases = phase_randomised(predicted, true, run=run, n_permutations=options.permutations, seed=draw)
            r.append(blocks[10].r)
            rates = {
                "parametric p of r": pearsonr(predicted, true, axis=0, alternative="greater").pvalue,
                "rows permuted": blocks[1].p,
                "blocks of 10 permuted": blocks[10].p,
                "blocks of 20 permuted": blocks[20].p,
                "phases randomised": phases.p,
            }
            for test, p in rates.items():
                hits.setdefault(test, []).append(float((p <= LEVEL).mean()))
            hits.setdefault("any target, max statistic over targets (blocks of 10)", []).append(
                float((blocks[10].p_corrected <= LEVEL).any())
            )
            hits.setdefault("any target, max statistic over targets (phases)", []).append(
                float((phases.p_corrected <= LEVEL).any())
            )
        groups = np.array(r)[: options.sets // SUBJECTS * SUBJECTS].reshape(-1, SUBJECTS, TARGETS)
        for scores in groups:
            p = wilcoxon(scores)
            hits.setdefault(f"Wilcoxon over {SUBJECTS} subjects", []).append(float((p <= LEVEL).mean()))
            hits.setdefault("any target, Benjamini-Hochberg", []).append(float((benjamini_hochberg(p) <= LEVEL).any()))
            hits.setdefault("any target, sign flips with max t", []).append(
                float((sign_flip_max(scores, n_permutations=1000)[1] <= LEVEL).any())
            )
        print(f"\n{name} ({time.perf_counter() - started:.0f} s)")
        for test, found in hits.items():
            error = np.std(found, ddof=1) / np.sqrt(len(found)) if len(found) > 1 else float("nan")
            print(f"  {np.mean(found):.3f} +- {error:.3f}  {test}")


if __name__ == "__main__":
    main()
