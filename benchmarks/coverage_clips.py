"""How often the intervals of scores of clips and sounds contain the true value, on simulated noise and effects.

    python benchmarks/coverage_clips.py [--runs 150] [--only ratings]

Each row: an interval, the data, the nominal share, the measured share with its standard error, and the number of runs. The
true value is known for noise; for an effect it is the mean of all runs. The rows of claims show how often a claim is made at
the 5% level: on noise in at most 2.5% (a claim needs a score above chance); the test of exchanged responses is even stricter.
"""

import argparse
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from n2s.metrics.claims import ahead_of_nothing
from n2s.metrics.clip_scores import exchanged, independent_units, mean_over
from n2s.metrics.feature_correlation import median_intervals
from n2s.metrics.frechet import frechet_distance
from n2s.metrics.identification import Choice, n_way_accuracy
from n2s.metrics.intervals import Interval
from n2s.metrics.jackknife import jackknife_interval
from n2s.metrics.ratings import summarize_ratings
from n2s.metrics.spectrogram import mel_pcc

N_DIMS = 12
#: Stimuli, clips per stimulus, share of variance that the clips of a stimulus share, correlation with the clip before
DATA = {
    "12 stimuli of 10 clips": (12, 10, 0.4, 0.6),
    "5 stimuli of 12": (5, 12, 0.4, 0.6),
    "3 stimuli of 20": (3, 20, 0.4, 0.6),
    "2 stories of 30, stretches": (2, 30, 0.0, 0.6),
    "1 story of 60, stretches": (1, 60, 0.0, 0.8),
    "60 stimuli of 1": (60, 1, 0.0, 0.0),
}
NOISE = {"2-way": 0.5, "10-way": 0.1, "mel PCC": 0.0, "correlation of the median dimension": 0.0}

#: The output of a run: the name of an interval and the interval, or the name of a claim and whether it was made.
Run = Iterator[tuple[str, Interval | bool]]


def alike(rng: np.random.Generator, n_stimuli: int, n_clips: int, common: float, before: float) -> np.ndarray:
    """(n, d) values of unit variance."""
    found = rng.standard_normal((n_stimuli, n_clips, N_DIMS))
    for clip in range(1, n_clips):
        found[:, clip] = before * found[:, clip - 1] + np.sqrt(1 - before**2) * found[:, clip]
    shared = rng.standard_normal((n_stimuli, 1, N_DIMS))
    return (np.sqrt(common) * shared + np.sqrt(1 - common) * found).reshape(-1, N_DIMS)


def decoded(rng: np.random.Generator, data: str, gain: float) -> Run:
    """One subject's scores."""
    n_stimuli, n_clips, *shape = DATA[data]
    true, noise = (alike(rng, n_stimuli, n_clips, *shape) for _ in range(2))
    predicted, subject = gain * true + noise, np.zeros(len(true))
    stimulus, start_s = np.repeat(np.arange(n_stimuli), n_clips), np.tile(2.0 * np.arange(n_clips), n_stimuli)
    units = independent_units(stimulus, subject, start_s, duration_s=2.0)
    orders = exchanged(units.of, subject, n_permutations=60, seed=0)
    choice = Choice.of(true, np.arange(len(true)), subject)
    alikeness = choice.similarities(predicted)
    own, *others = (choice.ranks(alikeness[order]) for order in (np.arange(len(true)), *orders))
    for n_way in (2, 10):
        values = n_way_accuracy(own, len(true), n_way)
        yield f"{n_way}-way", mean_over(values, units.of, (0.0, 1.0))
        shuffled = n_way_accuracy(np.stack(others), len(true), n_way)
        found = ahead_of_nothing(values, shuffled, 1 / n_way, subject=subject, units=units)
        yield f"claim of {n_way}-way", found.p < 0.05 and found.all.mean > 0
    pictures = [values.reshape(-1, 3, 4) for values in (predicted, true)]
    yield "mel PCC", mean_over(mel_pcc(*pictures), units.of, (-1.0, 1.0))
    (median,) = median_intervals(predicted, true, subject=subject, units=units).values()
    yield "correlation of the median dimension", median


def distance(rng: np.random.Generator, data: str, gain: float) -> Run:
    """The distance of two sets in which clips of a stimulus are similar; most of the 60 dimensions vary little."""
    n_stimuli, n_clips, common, _ = DATA[data]
    scale, unit = 1 / np.sqrt(1 + np.arange(60)), np.repeat(np.arange(n_stimuli), n_clips)
    shared = np.sqrt(common) * rng.standard_normal((n_stimuli, 60))[unit]
    a = (shared + np.sqrt(1 - common) * rng.standard_normal((len(unit), 60))) * scale
    b = (gain * shared + rng.standard_normal((len(unit), 60))) * scale + 0.1
    yield "Fréchet distance", jackknife_interval(lambda rows: frechet_distance(a[rows], b[rows]), unit)


def rated(rng: np.random.Generator, n_raters: int) -> Run:
    """Two methods: the second is better by 0.5; this difference varies over raters, clips and their pairs."""
    values = 4 + 0.6 * rng.standard_normal((n_raters, 1, 1)) + 0.8 * rng.standard_normal((1, 30, 1))
    values = values + rng.standard_normal((n_raters, 30, 2)) + [0.0, 0.5]
    values[..., 1] += 0.3 * rng.standard_normal((n_raters, 1)) + 0.3 * rng.standard_normal((1, 30))
    names = [f"rater {i}" for i in range(n_raters)]
    found = summarize_ratings(values, raters=names, methods=["a", "b"], n_bootstrap=400, n_permutations=10)
    first, (pair,) = found["methods"]["a"], found["pairs"]
    yield "mean rating", Interval(first["mean"], first["low"], first["high"])
    yield "difference of two methods", Interval(pair["difference"], pair["low"], pair["high"])


def cases() -> Iterator[tuple[str, Callable[[np.random.Generator], Run], dict[str, float]]]:
    """The name of the data, a function for one run, and the known true values."""
    for data in DATA:
        yield f"noise, {data}", partial(decoded, data=data, gain=0.0), NOISE
        yield f"effect, {data}", partial(decoded, data=data, gain=0.25), {}
    for data in ("12 stimuli of 10 clips", "5 stimuli of 12", "60 stimuli of 1"):
        yield f"sets, {data}", partial(distance, data=data, gain=0.7), {}
    for n_raters in (3, 6, 12):
        truths = {"mean rating": 4.0, "difference of two methods": -0.5}
        yield f"ratings, {n_raters} raters of 30 clips", partial(rated, n_raters=n_raters), truths


def main() -> None:
    """Print one row per interval."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=150)
    parser.add_argument("--only", default="", help="a part of the name of data")
    options = parser.parse_args()
    print(f"{'data':40} {'interval':38} nominal  measured  error  runs", flush=True)
    for data, run, truths in cases():
        if options.only not in data:
            continue
        rng, found = np.random.default_rng(0), {}
        for _ in range(options.runs):
            for name, one in run(rng):
                found.setdefault(name, []).append(one)
        for name, ones in found.items():
            held, nominal = ones, "-"
            if isinstance(ones[0], Interval):
                truth, nominal = truths.get(name, np.mean([one.mean for one in ones])), "0.950"
                held = [one.low is not None and one.low <= truth <= one.high for one in ones]
            share = float(np.mean(held))
            error = np.sqrt(share * (1 - share) / len(held))
            print(f"{data:40} {name:38} {nominal:>7}  {share:8.3f}  {error:.3f}  {len(held):4}", flush=True)


if __name__ == "__main__":
    main()
