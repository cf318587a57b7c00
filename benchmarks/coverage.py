"""How often intervals contain the true value and chance stays inside its bounds, on simulated noise and effects.

    python benchmarks/coverage.py [--runs 400] [--only word]

Each row: an interval or a bound, the data, the nominal share, the measured share with its standard error, and the number
of runs. The true value is exact for noise; for effects it is the mean of 4 times as many runs. To add an interval or a
bound, add a `Case` to `CASES`: a function that draws data and returns the result.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.signal import lfilter

from n2s.metrics.intervals import Interval, cluster_interval, cluster_share_interval, t_interval, wilson_interval
from n2s.systems.contrastive.context import with_sentences
from n2s.systems.contrastive.result import RetrievalResult

RATE_HZ, N_DIMS, WINDOW_S = 8, 4, 3.0


def smooth(rng: np.random.Generator, n: int, memory_s: float) -> np.ndarray:
    """(n, d) A stationary process of unit variance with a correlation time of ``memory_s``."""
    keep = np.exp(-1 / (memory_s * RATE_HZ))
    noise = rng.standard_normal((n + int(10 * memory_s * RATE_HZ) + 1, N_DIMS))
    return lfilter([np.sqrt(1 - keep**2)], [1, -keep], noise, axis=0)[-n:]


def retrieval(
    rng: np.random.Generator,
    *,
    n_subjects: int = 4,
    stimuli_s: tuple[float, ...] = (120.0, 120.0),
    word_s: float | None = 0.35,
    effect: float = 0.0,
    spread: float = 0.0,
    memory_s: float = 0.3,
    shared: float = 0.0,
    prefer: float = 0.5,
    parts: bool = False,
    sentences: bool = False,
) -> RetrievalResult:
    """A test with simulated brains: speech is a process; a brain is that process times ``effect``, plus noise.

    Parameters
    ----------
    rng
        Of all that is drawn.
    n_subjects, stimuli_s
        Listeners, and how long each stimulus is.
    word_s
        Mean time between words, with a window at each; None: windows one after another.
    effect, spread
        How much of the speech is in the brain; how unlike (in logarithms) subjects are.
    memory_s
        How long a brain's noise remembers.
    shared
        Share of the noise that is the same for all subjects.
    prefer
        Size of what is the same in all estimates, by which some candidates are taken more often.
    parts
        Each subject heard another part of all, from a quarter to all.
    sentences
        Pool the scores over sentences of 2 to 12 words.
    """
    n_window = round(WINDOW_S * RATE_HZ)
    speech = [smooth(rng, round(s * RATE_HZ) + n_window, 0.3) for s in stimuli_s]
    rows = []
    for i, length_s in enumerate(stimuli_s):
        starts = np.arange(0, length_s - WINDOW_S + 1e-6, WINDOW_S)
        if word_s is not None:
            starts = np.cumsum(rng.gamma(4, word_s / 4, int(3 * length_s / word_s)))
            starts = starts[starts < length_s - WINDOW_S]
        rows += [(f"story{i}", i, start, round(start * RATE_HZ)) for start in starts]
    candidates = pd.DataFrame(rows, columns=["stimulus", "number", "start_s", "first"])
    candidates = candidates.assign(duration_s=WINDOW_S, story=candidates.stimulus, text="", audio="")
    places = list(zip(candidates.number, candidates["first"], strict=True))

    def windows(courses: list[np.ndarray], chosen: np.ndarray) -> np.ndarray:
        return np.stack([courses[i][a : a + n_window].ravel() for i, a in (places[c] for c in chosen)])

    k = len(places)
    embedded = windows(speech, np.arange(k))
    embedded /= np.linalg.norm(embedded, axis=1, keepdims=True)
    common, bias = [smooth(rng, len(x), memory_s) for x in speech], prefer * rng.standard_normal(embedded.shape[1])
    scores, targets, sets = [], [], []
    for s in range(n_subjects):
        gain = effect * np.exp(spread * rng.standard_normal())
        brain = [
            gain * x + np.sqrt(shared) * c + np.sqrt(1 - shared) * smooth(rng, len(x), memory_s)
            for x, c in zip(speech, common, strict=True)
        ]
        heard = np.arange(k)
        if parts:
            heard = (round(s * k / n_subjects) + np.arange(round(k * (s + 1) / n_subjects))) % k
        sets.append(np.isin(np.arange(k), heard))
        scores.append(2.0 * (windows(brain, heard) + bias) @ embedded.T)
        targets.append(heard)
    target, number = np.concatenate(targets), np.repeat(np.arange(n_subjects), [len(t) for t in targets])
    subject = np.array([f"simulated/{s:02d}" for s in range(n_subjects)])[number]
    heard_at = candidates.iloc[target].reset_index(drop=True)
    table = pd.DataFrame({"recording": subject, "study": "simulated", "start_s": heard_at.start_s, "sequence": -1})
    table = table.assign(stimulus=heard_at.stimulus, stimulus_start_s=heard_at.start_s)
    result = RetrievalResult(
        np.concatenate(scores), target, subject, table, candidates, np.zeros((len(target), k)),
        candidate_sets=np.array(sets) if parts else None, candidate_set=number if parts else None,
    )  # fmt: skip
    if not sentences:
        return result
    sentence = np.repeat(np.arange(k), rng.integers(2, 13, k))[:k]
    return with_sentences(result, number * k + sentence[target], sentence)


@dataclass(frozen=True)
class Case:
    """An interval or a bound on some data.

    Attributes
    ----------
    name, data
        Of the interval or bound, and of the data.
    nominal
        Share of runs that should be right.
    draw
        Draws data and gives intervals of which the truth is to be inside.
    truth
        The exact one; None: the mean of what many runs find, each value of a run on its own.
    """

    name: str
    data: str
    nominal: float
    draw: Callable[[np.random.Generator], list[Interval]]
    truth: float | None = None


def measure(case: Case, n_runs: int, seed: int = 0) -> tuple[float, float, int]:
    """The share of intervals that contain the true value, its standard error (runs are independent), the number of runs."""
    rng = np.random.default_rng(seed)
    truth = case.truth
    if truth is None:
        truth = np.mean([[one.mean for one in case.draw(rng)] for _ in range(4 * n_runs)], axis=0)
    inside = []
    for _ in range(n_runs):
        found = case.draw(rng)
        wanted = np.broadcast_to(truth, len(found))
        inside.append(np.mean([one.low - 1e-9 <= t <= one.high + 1e-9 for one, t in zip(found, wanted, strict=True)]))
    share = float(np.mean(inside))
    smallest = np.sqrt(case.nominal * (1 - case.nominal) / n_runs)  # of runs with one interval
    return share, float(max(np.std(inside) / np.sqrt(n_runs), smallest if len(found) == 1 else 0.0)), n_runs


def bound(level: str, **options) -> Callable:
    """The model's top-10 minus chance: inside the bounds of chance if the interval contains zero."""

    def draw(rng: np.random.Generator) -> list[Interval]:
        summary = replace(retrieval(rng, **options), n_permutations=40).facts()
        p = summary["tests"]["model"]["top10"]["p"]
        return [Interval(0.0, -1.0, 1.0) if p >= 1 - float(level) else Interval(0.0, 1.0, 1.0)]

    return draw


def listeners(k: int = 10, *, minus_chance: bool = True, **options) -> Callable:
    """Each listener's top-k accuracy minus chance."""

    def draw(rng: np.random.Generator) -> list[Interval]:
        summary = replace(retrieval(rng, **options), n_permutations=2).facts()
        found = summary["model"][f"top{k}"]["per_subject"]
        chance = summary["chance"][f"top{k}"]["per_subject"]
        chance = {name: chance[name]["value"] * minus_chance for name in found}
        return [Interval(*(one[end] - chance[name] for end in ("value", "low", "high"))) for name, one in found.items()]

    return draw


def over_subjects(k: int = 10, **options) -> Callable:
    """The mean over subjects minus chance."""

    def draw(rng: np.random.Generator) -> list[Interval]:
        found = {"low": None}
        while found["low"] is None:  # subjects who score the same have no interval
            summary = replace(retrieval(rng, **options), n_permutations=2).facts()
            found, chance = summary["model"][f"top{k}"], summary["chance"][f"top{k}"]["mean"]
        return [Interval(found["mean"] - chance, found["low"] - chance, found["high"] - chance)]

    return draw


def clusters(interval: Callable, *, n: int, alike: float, mean: float | None, sizes: str = "equal") -> Callable:
    """An interval over n clusters that share a fraction ``alike`` of their variance; ``mean`` None: normal values, not shares."""

    def draw(rng: np.random.Generator) -> list[Interval]:
        size = np.full(n, 20) if sizes == "equal" else rng.integers(3, 60, n)
        cluster = np.repeat(np.arange(n), size)
        if mean is None:
            values = np.sqrt(alike) * rng.standard_normal(n)[cluster]
            return [interval(values + np.sqrt(1 - alike) * rng.standard_normal(len(cluster)), cluster)]
        shares = rng.beta(mean * (1 / alike - 1), (1 - mean) * (1 / alike - 1), n)
        return [interval((rng.random(len(cluster)) < shares[cluster]).astype(float), cluster)]

    return draw


def ends(interval: Callable, values: Callable) -> Callable:
    """An interval of independent values."""
    return lambda rng: [interval(values(rng))]


NOISE = {
    "words, 4 listeners": {},
    "words, noise of 3 s": {"memory_s": 3.0},
    "words, shared noise": {"shared": 0.8},
    "words, 2 listeners, one story of 60 s": {"n_subjects": 2, "stimuli_s": (60.0,)},
    "words, 20 listeners": {"n_subjects": 20, "stimuli_s": (60.0, 60.0)},
    "words, 10 stories": {"stimuli_s": (24.0,) * 10},
    "words, listeners of other parts": {"parts": True},
    "words, sentences pooled": {"sentences": True},
    "windows apart": {"word_s": None},
    "windows apart, one listener": {"word_s": None, "n_subjects": 1},
}
CASES = [
    *(
        Case(f"bound of chance {p}", name, float(p), bound(p, **o), 0.0)
        for name, o in NOISE.items()
        for p in ("0.95", "0.999")
    ),
    *(
        Case("listener, top-10", f"noise: {name}", 0.95, listeners(**o), 0.0)
        for name, o in NOISE.items()
        if name != "words, sentences pooled"
    ),
    Case("listener, top-1", "noise: words, 4 listeners", 0.95, listeners(1), 0.0),
    Case("listener, top-10", "effect: words", 0.95, listeners(effect=0.3, n_subjects=2, minus_chance=False)),
    Case("listener, top-10", "effect: windows apart", 0.95, listeners(effect=0.3, word_s=None, minus_chance=False)),
    Case("t over subjects", "noise: words, 2 listeners", 0.95, over_subjects(n_subjects=2), 0.0),
    Case("t over subjects", "noise: words, 4 listeners", 0.95, over_subjects(), 0.0),
    Case("t over subjects", "noise: words, 20 listeners", 0.95, over_subjects(n_subjects=20, stimuli_s=(60.0,)), 0.0),
    Case("t over subjects", "effect: unlike subjects", 0.95, over_subjects(effect=0.2, spread=0.5, word_s=None)),
    *(
        Case(
            "cluster_interval",
            f"{n} {sizes} clusters, alike {alike}",
            0.95,
            clusters(cluster_interval, n=n, alike=alike, mean=None, sizes=sizes),
            0.0,
        )
        for n in (2, 4, 20)
        for sizes in ("equal", "unequal")
        for alike in (0.0, 0.5)
    ),
    *(
        Case(
            "cluster_share_interval",
            f"{n} {sizes} clusters, alike {alike}, share {mean}",
            0.95,
            clusters(cluster_share_interval, n=n, alike=alike, mean=mean, sizes=sizes),
            mean,
        )
        for n in (2, 4, 20)
        for sizes in ("equal", "unequal")
        for alike in (0.01, 0.3)
        for mean in (0.1, 0.5)
    ),
    Case(
        "t_interval",
        "5 normal values",
        0.95,
        ends(lambda v: t_interval(v, bounds=(-9, 9)), lambda rng: rng.standard_normal(5)),
        0.0,
    ),
    Case(
        "wilson_interval",
        "40 independent windows, share 0.25",
        0.95,
        ends(lambda h: wilson_interval(int(h), 40), lambda rng: rng.binomial(40, 0.25)),
        0.25,
    ),
]


def main() -> None:
    """Print one row per case."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--only", default="", help="a word of the interval or the data")
    options = parser.parse_args()
    print(f"{'interval or bound':26} {'data':48} nominal  measured           runs", flush=True)
    for case in CASES:
        if options.only in f"{case.name} {case.data}":
            share, error, n = measure(case, options.runs)
            print(f"{case.name:26} {case.data:48} {case.nominal:7.3f}  {share:.4f} +- {error:.4f}  {n:5d}", flush=True)


if __name__ == "__main__":
    main()
