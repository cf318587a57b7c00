"""Rows of a table of retrieval, from ranks: decoders with their intervals, exchanged brains, chance, and shares of the best possible."""

from collections.abc import Callable, Mapping

import numpy as np

from n2s.metrics.controls import chance_reciprocal_rank
from n2s.metrics.intervals import cluster_interval, cluster_share_interval, t_interval
from n2s.metrics.retrieval import mean_reciprocal_rank, median_rank, topk_accuracy
from n2s.metrics.retrieval_chance import Comparison, null
from n2s.metrics.score import ALL, Measure, Score

TOP = (1, 5, 10)
MEASURES = {f"top{k}": Measure(f"top-{k} (%)", 100, 1) for k in TOP} | {
    "median_rank": Measure("median rank", digits=1, higher_is_better=False, first=1),  # read from 1, as choices are
    "mrr": Measure("mean reciprocal rank"),
}
OVER_SUBJECTS = "95% t interval over subjects"
OVER_BLOCKS = "95% Wilson interval over blocks of one subject's windows"
SAME = "the same for all subjects: no interval over them"
OWN = "95% interval over blocks of the subject's windows"
CHANCE = "99.9% bound of chance"

BySubject = Mapping[str, np.ndarray]
RowScores = dict[str, dict[str, Score]]  # score -> subject (or `ALL`) -> value


def of_ranks(name: str) -> Callable[[np.ndarray], np.ndarray]:
    """The function of ranks (..., n) -> (...) behind a score of `MEASURES`."""
    if name == "median_rank":
        return median_rank
    if name == "mrr":
        return mean_reciprocal_rank
    return lambda found: topk_accuracy(found, int(name.removeprefix("top")))


def decoder_row(found: BySubject, n_of: BySubject, block: BySubject) -> RowScores:
    """Scores of a decoder: the t interval over subjects; of one subject, the interval over blocks of its windows.

    Parameters
    ----------
    found
        Subject -> ranks (w,) of its windows.
    n_of
        Subject -> (w,) how many candidates each window has.
    block
        Subject -> (w,) the block of time of each window.
    """
    own = {name: {subject: _own(name, r, block[subject]) for subject, r in found.items()} for name in MEASURES}
    if len(found) == 1:
        only = {name: next(iter(by_subject.values())) for name, by_subject in own.items()}
        return {name: {ALL: only[name]._replace(kind=OVER_BLOCKS), **own[name]} for name in MEASURES}
    most = float(max(n.max() for n in n_of.values()) - 1)
    over = {}
    for name in MEASURES:
        values = np.array([score.mean for score in own[name].values()])
        if np.ptp(values) < 1e-12:  # no spread to make an interval from
            over[name] = Score(float(values[0]))
        else:
            over[name] = Score(*t_interval(values, bounds=(0.0, most if name == "median_rank" else 1.0)))
    kind = SAME if all(score.low is None for score in over.values()) else OVER_SUBJECTS
    return {name: {ALL: over[name]._replace(kind=kind), **own[name]} for name in MEASURES}


def _own(name: str, found: np.ndarray, block: np.ndarray) -> Score:
    """One subject's score, and how well its windows determine it."""
    value = float(of_ranks(name)(found))
    if name == "median_rank" or len(np.unique(block)) < 2:
        return Score(value)
    if name == "mrr":
        return Score.of(cluster_interval(1 / (found + 1), block, bounds=(0.0, 1.0)), OWN)
    return Score.of(cluster_share_interval(found < int(name[3:]), block), OWN)


def exchanged_row(found: BySubject, what: str) -> RowScores:
    """Scores of m exchanges: their mean and the range of 95% of them.

    Parameters
    ----------
    found
        Subject -> ranks (m, w); -1 where a window is left out of an exchange.
    what
        What was exchanged, in words.
    """
    n = min(len(r) for r in found.values())
    kind = f"range of 95% of {n} exchanges of {what}"
    row = {}
    for name in MEASURES:
        values = {s: np.array([_exchanged(name, turn[turn >= 0]) for turn in r]) for s, r in found.items()}
        mean = np.nanmean(list(values.values()), axis=0)
        ranges = {ALL: mean} | values
        row[name] = {
            s: Score(*map(_number, (v.mean(), *np.quantile(v, [0.025, 0.975]))), kind)  # type: ignore[call-arg]
            for s, v in ranges.items()
        }
    return row


def _exchanged(name: str, found: np.ndarray) -> float:
    """The score of one exchange; nan for a subject whose windows were all left out of it."""
    return float(of_ranks(name)(found)) if len(found) else np.nan


def chance_row(n_of: BySubject, exchanged: RowScores | None = None) -> RowScores:
    """What a guess scores, exactly; with ``exchanged`` (for pooled windows) what exchanged sentences score.

    ``n_of``: subject -> (w,) how many candidates each window has.
    """
    row = {}
    for name in MEASURES:
        if exchanged is not None:
            values = {subject: score.mean for subject, score in exchanged[name].items() if subject != ALL}
        elif name.startswith("top"):
            values = {s: float(np.minimum(1.0, int(name[3:]) / n).mean()) for s, n in n_of.items()}
        elif name == "median_rank":
            values = {s: float(np.median((n - 1) / 2)) for s, n in n_of.items()}
        else:
            values = {s: float(np.mean([chance_reciprocal_rank(k) for k in n])) for s, n in n_of.items()}
        mean = float(np.mean([value for value in values.values() if value is not None]))
        row[name] = {ALL: Score(mean, kind=CHANCE)} | {s: Score(value) for s, value in values.items()}
    return row


def bounded_chance(
    chance: RowScores,
    tests: Mapping[str, Comparison],
    found: np.ndarray,
    rows_of: BySubject,
    block: np.ndarray,
    *,
    n_folds: int,
) -> RowScores:
    """Chance with the range that it has over these windows, of all subjects and of each.

    Parameters
    ----------
    chance
        See `chance_row`.
    tests
        Accuracy -> the decoder's comparison with chance.
    found
        (n,) Ranks of the decoder.
    rows_of, block, n_folds
        See `n2s.metrics.retrieval_chance.null`.
    """
    bounded = dict(chance)
    for k in TOP:
        name = f"top{k}"
        bounds = {ALL: tests[name][:2]}
        for subject, rows in rows_of.items():
            expected = chance[name][subject].mean
            own = None if expected is None else null(found, k, expected, {subject: rows}, block, n_folds=n_folds)
            bounds[subject] = own.bounds() if own else (None, None)
        bounded[name] = {s: Score(chance[name][s].mean, *map(_number, ends), CHANCE) for s, ends in bounds.items()}  # type: ignore[call-arg]
    return bounded


def share_of_best(own: Mapping[str, Score], best: Mapping[str, Score]) -> dict[str, Score]:
    """Decoder / ceiling of each subject, and the mean of these ratios; None where a ceiling is zero."""
    ratios = {s: own[s].mean / best[s].mean if best[s].mean else None for s in best if s != ALL}
    values = np.array([value for value in ratios.values() if value is not None])
    mean = float(values.mean()) if len(values) else None
    low = high = None
    if len(values) > 1 and np.ptp(values) > 1e-12:
        _, low, high = t_interval(values, bounds=(0.0, np.inf))
    return {ALL: Score(mean, low, high)} | {s: Score(value) for s, value in ratios.items()}


def _number(value: float | None) -> float | None:
    """A plain float; None where it is not defined."""
    return None if value is None or not np.isfinite(value) else float(value)
