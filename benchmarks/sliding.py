"""Temporal generalisation: SlidingLDA against mne.decoding.GeneralizingEstimator, seconds and memory, each in its own process.

python benchmarks/sliding.py                # 400 windows of 5 classes, 102 sensors x 60 samples; tested on 200
python benchmarks/sliding.py --n_sensors 306 --n_times 125
"""

import argparse
import resource
import subprocess
import sys
import time


def measure(who: str, n: int, c: int, t: int, k: int) -> None:
    """Fit and test once; print seconds, memory beyond the data, and the mean share of right guesses."""
    import numpy as np
    from mne.decoding import GeneralizingEstimator
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from n2s.models import SlidingLDA

    rng = np.random.default_rng(0)
    y = np.arange(n + n // 2) % k
    pattern = 0.3 * rng.standard_normal((k, c, t)).cumsum(2) / t**0.5
    x = pattern[y] + rng.standard_normal((len(y), c, t))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    if who == "mne":
        lda = make_pipeline(StandardScaler(), LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.1))
        said = GeneralizingEstimator(lda, n_jobs=1, verbose="error").fit(x[:n], y[:n]).predict(x[n:])
        right = (said == y[n:, None, None]).mean(0)
    else:
        model = SlidingLDA(0.1, balanced=False).fit(x[:n], y[:n])
        right = (model.said_across_times(x[n:]) == y[n:, None, None]).mean(0)
    spent = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{spent:.3f} {(peak - before) / 2**10:.0f} {right.mean():.6f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, value in (("n_windows", 400), ("n_sensors", 102), ("n_times", 60), ("n_classes", 5)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--measure", choices=("mne", "n2s"))
    options = parser.parse_args()
    sizes = (options.n_windows, options.n_sensors, options.n_times, options.n_classes)
    if options.measure:
        measure(options.measure, *sizes)
        return
    print("{} windows, {} sensors, {} times, {} classes".format(*sizes))
    found = {}
    for who in ("mne", "n2s"):
        words = [f"--{name}={value}" for name, value in vars(options).items() if name != "measure"]
        out = subprocess.run(
            [sys.executable, __file__, "--measure", who, *words], check=True, capture_output=True, text=True
        ).stdout
        found[who] = [float(one) for one in out.split()]
        print(f"{who:4} {found[who][0]:8.2f} s {found[who][1]:8.0f} MB more, {100 * found[who][2]:.3f}% right")
    print(f"{found['mne'][0] / found['n2s'][0]:.1f} times as fast")


if __name__ == "__main__":
    main()
