"""How often ``n2s contamination`` calls noise contaminated, and how often a classifier of noise is above chance.

    python benchmarks/contamination_false_alarms.py --sets 200

Each set has runs of windows with random classes, a brain, and side signals. Of "noise" nothing has anything to do with anything. Of "brain"
the brain has the classes. Of "brain and lips" muscles have them, too, and do not reach the sensors, as in clean speech. Of "leak" they do.
What reaches the sensors is tested in courses that are slow and alike to themselves.
"""

import argparse
import time

import numpy as np
import pandas as pd
from scipy.signal import lfilter

from n2s.data.event_folds import folds_of
from n2s.metrics.same_moment import same_moment
from n2s.models import WindowLDA
from n2s.systems.contamination.compared import Rows, Scored, decoded, scored, table_of
from n2s.systems.contamination.verdict import CLEAN, CONTAMINATED, DOUBTFUL, judged

RUNS, TRIALS, CLASSES, TIMES = 4, 20, 4, 6
SIDE = {"audio": 1, "emg": 2, "eog": 1, "head": 6}
KINDS = {"noise": (0.0, 0.0, 0.0), "brain": (0.6, 0.0, 0.0), "brain and lips": (0.6, 2.0, 0.0), "leak": (0.0, 2.0, 1.0)}


def made(
    rng: np.random.Generator, gain: float, lips: float, leak: float
) -> tuple[pd.DataFrame, dict[str, np.ndarray], list[tuple]]:
    """A table of windows, windows by source, and courses (brain, EMG) of each run."""
    label = np.concatenate([rng.permutation(np.arange(TRIALS) % CLASSES) for _ in range(RUNS)])
    run = np.repeat([f"run-{i}" for i in range(RUNS)], TRIALS)
    start = np.tile(np.arange(TRIALS) * 3.0, RUNS)
    table = pd.DataFrame({"label": label, "unit": run, "recording": run, "start_s": start, "subject": "noise/01"})
    n_brain = 12
    drift = {
        name: rng.standard_normal((RUNS, n, 1)).repeat(TRIALS, 0) for name, n in {"brain": n_brain, **SIDE}.items()
    }
    x = {
        name: rng.standard_normal((len(label), n, TIMES)) + drift[name]
        for name, n in {"brain": n_brain, **SIDE}.items()
    }
    x["brain"] += gain * rng.standard_normal((CLASSES, n_brain, 1))[label]
    pattern = rng.standard_normal((CLASSES, SIDE["emg"], 1))[label]
    x["emg"] += lips * pattern
    x["brain"][:, : SIDE["emg"]] += leak * x["emg"]
    courses = []
    for _ in range(RUNS):
        both = lfilter([1.0], [1.0, -0.8], rng.standard_normal((600, n_brain + SIDE["emg"])), axis=0)
        both[:, : SIDE["emg"]] += leak * both[:, n_brain:]
        courses.append((both[:, :n_brain], both[:, n_brain:]))
    return table, x, courses


def verdict_of(rng: np.random.Generator, kind: str, *, n_permutations: int, seed: int) -> tuple[str, list[Scored]]:
    """The word, and the scores behind it."""
    table, x, courses = made(rng, *KINDS[kind])
    unit, folds = folds_of(table, {}, n_folds=RUNS, window_s=0.5)
    rows = Rows.of(table, unit, folds, n_classes=CLASSES, window_s=0.5)
    every = [
        scored(name, "noise/01", decoded(values, rows, WindowLDA()), rows, n_permutations=n_permutations, seed=seed)
        for name, values in x.items()
    ]
    reach = []
    for group, n in SIDE.items():
        others = [
            (b, s if group == "emg" else lfilter([1.0], [1.0, -0.8], rng.standard_normal((600, n)), axis=0))
            for b, s in courses
        ]
        link = same_moment(*zip(*others, strict=True), least_shift=50, n_draws=99, seed=seed)
        reach.append({"subject": "noise/01", "group": group, "view": "slow", "p": link.p_whole, "r": float(np.abs(link.r).max()), "sensor": "", "why": ""})  # fmt: skip
    return judged(table_of(every), pd.DataFrame(reach), ["noise/01"]).word, every


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=200, help="data sets of each kind")
    parser.add_argument("--permutations", type=int, default=300)
    options = parser.parse_args()
    print(
        f"{options.sets} data sets a kind: {RUNS} runs of {TRIALS} windows, {CLASSES} classes; {options.permutations} permutations"
    )
    for kind in KINDS:
        started, rng, words, above = time.perf_counter(), np.random.default_rng(0), [], {}
        for seed in range(options.sets):
            word, every = verdict_of(rng, kind, n_permutations=options.permutations, seed=seed)
            words.append(word)
            for one in every:
                above.setdefault(one.source, []).append(
                    (1 + (one.null >= one.value - 1e-12).sum()) / (1 + len(one.null)) <= 0.05
                )
        shares = ", ".join(f"{word} {np.mean(np.array(words) == word):.3f}" for word in (CONTAMINATED, DOUBTFUL, CLEAN))
        print(f"\n{kind} ({time.perf_counter() - started:.0f} s): {shares}")
        print("  above chance (p <= .05): " + ", ".join(f"{name} {np.mean(one):.3f}" for name, one in above.items()))


if __name__ == "__main__":
    main()
