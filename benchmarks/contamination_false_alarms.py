"""How often ``n2s contamination`` calls noise contaminated, and how often a classifier of noise is above chance.

    python benchmarks/contamination_false_alarms.py --sets 200

Each set has runs of windows with random classes, a brain, and side signals. Of "noise" nothing has anything to do with anything. Of "brain"
the brain has the classes. Of "brain and lips" muscles have them, too, and do not reach the sensors, as in clean speech. Of "leak" they do.
"Ten people" are ten brains and lips, whose eyes reach the sensors and tell nothing, as eyes do: one verdict over all. What reaches the sensors is
tested in courses that are slow and alike to themselves.
"""

import argparse
import time
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.signal import lfilter

from n2s.data.event_folds import folds_of
from n2s.metrics.same_moment import same_moment
from n2s.metrics.score import ALL
from n2s.models import WindowLDA
from n2s.systems.contamination.compared import Rows, Scored, decoded, scored, table_of
from n2s.systems.contamination.joined import reaching
from n2s.systems.contamination.verdict import CLEAN, CONTAMINATED, DOUBTFUL, judged

RUNS, TRIALS, CLASSES, TIMES, N_BRAIN = 4, 20, 4, 6, 12
N_DRAWS = 199
SIDE = {"audio": 1, "emg": 2, "eog": 1, "head": 6}


class Kind(NamedTuple):
    """How strongly the brain and lips have the classes, how much of lips and eyes reaches the sensors, and how many people there are."""

    gain: float = 0.0
    lips: float = 0.0
    leak: float = 0.0
    eyes: float = 0.0
    people: int = 1


KINDS = {
    "noise": Kind(),
    "brain": Kind(gain=0.6),
    "brain and lips": Kind(gain=0.6, lips=2.0),
    "leak": Kind(lips=2.0, leak=1.0),
    "ten people": Kind(gain=0.6, lips=2.0, eyes=1.0, people=10),
}


def made(
    rng: np.random.Generator, kind: Kind
) -> tuple[pd.DataFrame, dict[str, np.ndarray], dict[str, list[np.ndarray]]]:
    """A table of windows, windows by source, and courses of each run by source."""
    label = np.concatenate([rng.permutation(np.arange(TRIALS) % CLASSES) for _ in range(RUNS)])
    run = np.repeat([f"run-{i}" for i in range(RUNS)], TRIALS)
    start = np.tile(np.arange(TRIALS) * 3.0, RUNS)
    table = pd.DataFrame({"label": label, "unit": run, "recording": run, "start_s": start})
    channels = {"brain": N_BRAIN, **SIDE}
    drift = {name: rng.standard_normal((RUNS, n, 1)).repeat(TRIALS, 0) for name, n in channels.items()}
    x = {name: rng.standard_normal((len(label), n, TIMES)) + drift[name] for name, n in channels.items()}
    x["brain"] += kind.gain * rng.standard_normal((CLASSES, N_BRAIN, 1))[label]
    x["emg"] += kind.lips * rng.standard_normal((CLASSES, SIDE["emg"], 1))[label]
    reach = {"emg": kind.leak, "eog": kind.eyes}
    courses = {
        name: [lfilter([1.0], [1.0, -0.8], rng.standard_normal((600, n)), axis=0) for _ in range(RUNS)]
        for name, n in channels.items()
    }
    for group, size in reach.items():
        x["brain"][:, : SIDE[group]] += size * x[group]
        for brain, other in zip(courses["brain"], courses[group], strict=True):
            brain[:, : SIDE[group]] += size * other
    return table, x, courses


def person(
    rng: np.random.Generator, kind: Kind, name: str, *, n_permutations: int, seed: int
) -> tuple[list[Scored], pd.DataFrame]:
    """Scores and links of a person."""
    table, x, courses = made(rng, kind)
    unit, folds = folds_of(table.assign(subject=name), {}, n_folds=RUNS, window_s=0.5)
    rows = Rows.of(table, unit, folds, n_classes=CLASSES, window_s=0.5)
    reach = []
    for group in SIDE:
        link = same_moment(courses["brain"], courses[group], least_shift=50, n_draws=N_DRAWS, seed=seed)
        reach.append(
            {"subject": name, "group": group, "view": "slow", "p": link.p_whole, "r": float(np.abs(link.r).max())}
        )
    links = pd.DataFrame(reach).assign(sensor="", why="", but="", unseen="")
    together = reaching(links, name)
    if len(together) > 1:
        x["reaching"] = np.concatenate([x[group] for group in together], axis=1)
    every = [
        scored(source, name, decoded(values, rows, WindowLDA()), rows, n_permutations=n_permutations, seed=seed)
        for source, values in x.items()
    ]
    return every, links


def verdict_of(rng: np.random.Generator, kind: Kind, *, n_permutations: int, seed: int) -> tuple[str, list[Scored]]:
    """The word over all, and the scores behind it."""
    names = [f"noise/{i:02d}" for i in range(kind.people)]
    people = [person(rng, kind, one, n_permutations=n_permutations, seed=seed) for one in names]
    every = [one for scores, _ in people for one in scores]
    links = pd.concat([one for _, one in people], ignore_index=True)
    return judged(table_of(every), links, [ALL, *names]).word, every


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=200, help="data sets of each kind")
    parser.add_argument("--permutations", type=int, default=300)
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=list(KINDS))
    options = parser.parse_args()
    print(
        f"{options.sets} data sets a kind: {RUNS} runs of {TRIALS} windows, {CLASSES} classes; {options.permutations} permutations"
    )
    for kind in options.kinds:
        started, rng, words, above = time.perf_counter(), np.random.default_rng(0), [], {}
        for seed in range(options.sets):
            word, every = verdict_of(rng, KINDS[kind], n_permutations=options.permutations, seed=seed)
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
