"""A test's result in numbers: every score with its controls and intervals."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from n2s.metrics.controls import chance_reciprocal_rank, ranks_ties_at_random
from n2s.metrics.exchange import exchanged_targets
from n2s.metrics.intervals import cluster_interval, cluster_share_interval, t_interval
from n2s.metrics.retrieval import mean_reciprocal_rank, median_rank, ranks, ranks_of_many, topk_accuracy
from n2s.metrics.score import ALL, Measure, Row, Score, Scores
from n2s.systems.contrastive.chance import Comparisons, compared, null
from n2s.systems.contrastive.ranked import RankedWindows
from n2s.systems.contrastive.window_blocks import window_blocks

TOP = (1, 5, 10)
MEASURES = {f"top{k}": Measure(f"top-{k} (%)", 100, 1) for k in TOP} | {
    "median_rank": Measure("median rank (from 0)", digits=1, higher_is_better=False),
    "mrr": Measure("mean reciprocal rank"),
}
ROWS = {
    "model": Row("model"),
    "linear": Row("linear decoder"),
    "encoding": Row("encoding model"),
    "shuffled": Row("shuffled brain", "control"),
    "no_brain": Row("no brain", "control"),
    "subject_only": Row("subject only", "control"),
    "chance": Row("chance", "control"),
    "ceiling": Row("ceiling", "ceiling"),
}
TESTED = ("model", "linear", "encoding", "no_brain", "subject_only")  # rows that are compared with chance
OVER_SUBJECTS = "95% t interval over subjects"
OVER_BLOCKS = "95% Wilson interval over blocks of one subject's windows"
SAME = "the same for all subjects: no interval over them"
OWN = "95% interval over blocks of the subject's windows"
CHANCE = "99.9% bound of chance"

RowScores = dict[str, dict[str, Score]]  # score -> subject (or `ALL`) -> value


@dataclass(frozen=True)
class Summary:
    """The numbers of a test set.

    Parameters
    ----------
    scores
        Score -> row -> subject; rows that are not known are left out.
    tests
        The accuracies of the model, the linear decoder, the encoding model, no brain and subject only against chance, each p-value on its own.
    ratio
        Accuracy -> subject -> model / ceiling; empty without a ceiling.
    subjects
        How many windows each subject has.
    candidates
        The most candidates that a window of each subject has.
    n_exchanges
        How often brain and speech were exchanged for the shuffled brain.
    """

    scores: Scores
    tests: Comparisons
    ratio: RowScores
    subjects: dict[str, int]
    candidates: dict[str, int]
    n_exchanges: int


def result_ranks(result: RankedWindows) -> dict[str, np.ndarray]:
    """Ranks of the true candidates.

    Returns
    -------
    (n,) for ``model``, ``no_brain`` and, where known, ``linear``, ``encoding``, ``subject_only`` and ``ceiling``; (m, n) for ``shuffled``, -1 for
    windows that are left out of an exchange.
    """
    target, allowed = result.target, result.allowed
    asked = exchanged_targets(target, result.listener, result.candidates, result.group, most=result.n_permutations)

    def control(scores: np.ndarray) -> np.ndarray:
        return ranks_ties_at_random(scores, target, np.random.default_rng(result.seed), allowed, alike=target)

    found = {
        "model": ranks(result.similarity, target, allowed),
        "shuffled": ranks_of_many(result.similarity, asked, allowed),
        "no_brain": control(result.no_brain),
    }
    for name, scores in (("linear", result.linear), ("encoding", result.encoding)):
        if scores is not None:
            found[name] = ranks(scores, target, allowed)
    if result.subject_only is not None:
        found["subject_only"] = control(result.subject_only)
    if result.ideal is not None:
        found["ceiling"] = ranks(result.ideal, target, allowed)
    return found


def summarize(result: RankedWindows, found: Mapping[str, np.ndarray]) -> Summary:
    """Every score of a test set, over subjects and for each, beside its controls.

    Parameters
    ----------
    result
        The result of the test.
    found
        Its ranks, see `result_ranks`.
    """
    names, counts = np.unique(result.subject, return_counts=True)
    rows_of = {str(name): np.flatnonzero(result.subject == name) for name in names}
    blocks = window_blocks(result)
    n_of = {name: result.n_candidates[rows] for name, rows in rows_of.items()}
    by_subject = {row: {name: v[..., rows] for name, rows in rows_of.items()} for row, v in found.items()}
    known = {
        row: _decoder(by_subject[row], n_of, {name: blocks.steady[rows] for name, rows in rows_of.items()})
        for row in ("model", "linear", "encoding", "no_brain", "subject_only", "ceiling")
        if row in found
    }
    n_exchanges, pooled = len(found["shuffled"]), result.group is not None
    if n_exchanges:
        known["shuffled"] = _shuffled(by_subject["shuffled"], pooled)
    chance = _chance(n_of, known.get("shuffled") if pooled else None)
    tests = {
        row: {
            f"top{k}": compared(
                found[row], k, chance[f"top{k}"][ALL].mean, rows_of, blocks.independent, n_folds=result.n_folds
            )
            for k in TOP
        }
        for row in TESTED
        if row in found
    }
    for k in TOP:
        name = f"top{k}"
        bounds = {ALL: tests["model"][name][:2]}
        for subject, rows in rows_of.items():
            expected = chance[name][subject].mean
            own = (
                None
                if expected is None
                else null(found["model"], k, expected, {subject: rows}, blocks.independent, n_folds=result.n_folds)
            )
            bounds[subject] = own.bounds() if own else (None, None)
        chance[name] = {s: Score(chance[name][s].mean, *map(_number, ends), CHANCE) for s, ends in bounds.items()}
    known["chance"] = chance
    scores = Scores(
        {row: label for row, label in ROWS.items() if row in known},
        MEASURES,
        {name: {row: known[row][name] for row in ROWS if row in known} for name in MEASURES},
    )
    return Summary(
        scores=scores,
        tests=tests,
        ratio={f"top{k}": _ratio(known, f"top{k}") for k in TOP} if "ceiling" in known else {},
        subjects={str(name): int(count) for name, count in zip(names, counts, strict=True)},
        candidates={name: int(n.max()) for name, n in n_of.items()},
        n_exchanges=n_exchanges,
    )


def _measure(name: str) -> Callable[[np.ndarray], np.ndarray]:
    if name == "median_rank":
        return median_rank
    if name == "mrr":
        return mean_reciprocal_rank
    return lambda found: topk_accuracy(found, int(name.removeprefix("top")))


def _number(value: float | None) -> float | None:
    """A plain float; None where it is not defined."""
    return None if value is None or not np.isfinite(value) else float(value)


def _own(name: str, found: np.ndarray, block: np.ndarray) -> Score:
    """One subject's score, and how well its windows determine it."""
    value = float(_measure(name)(found))
    if name == "median_rank" or len(np.unique(block)) < 2:
        return Score(value)
    if name == "mrr":
        return Score(*map(float, cluster_interval(1 / (found + 1), block, bounds=(0.0, 1.0))), OWN)
    return Score(*map(float, cluster_share_interval(found < int(name[3:]), block)), OWN)


def _decoder(found: dict[str, np.ndarray], n_of: dict[str, np.ndarray], block: dict[str, np.ndarray]) -> RowScores:
    """Scores of a decoder: the t interval over subjects; of one subject, the interval over blocks of its windows."""
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


def _shuffled(found: dict[str, np.ndarray], pooled: bool) -> RowScores:
    """Scores (m,) of exchanges: their mean and the range of 95% of them."""
    n = min(len(r) for r in found.values())
    kind = f"range of 95% of {n} exchanges of "
    kind += "whole sentences of about one length" if pooled else "what a subject heard"
    row = {}
    for name in MEASURES:
        values = {s: np.array([_exchanged(name, turn[turn >= 0]) for turn in r]) for s, r in found.items()}
        mean = np.nanmean(list(values.values()), axis=0)
        ranges = {ALL: mean} | values
        row[name] = {
            s: Score(*map(_number, (v.mean(), *np.quantile(v, [0.025, 0.975]))), kind) for s, v in ranges.items()
        }
    return row


def _exchanged(name: str, found: np.ndarray) -> float:
    """The score of one exchange; nan for a subject whose windows were all left out of it."""
    return float(_measure(name)(found)) if len(found) else np.nan


def _chance(n_of: dict[str, np.ndarray], exchanged: RowScores | None) -> RowScores:
    """What a guess scores, exactly; for pooled windows what exchanged sentences score."""
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


def _ratio(known: dict[str, RowScores], name: str) -> dict[str, Score]:
    """Model / ceiling of each subject, and the mean of these ratios; None where a ceiling is zero."""
    own, best = ({s: score.mean for s, score in known[row][name].items() if s != ALL} for row in ("model", "ceiling"))
    ratios = {s: own[s] / best[s] if best[s] else None for s in best}
    values = np.array([value for value in ratios.values() if value is not None])
    mean = float(values.mean()) if len(values) else None
    low = high = None
    if len(values) > 1 and np.ptp(values) > 1e-12:
        _, low, high = t_interval(values, bounds=(0.0, np.inf))
    return {ALL: Score(mean, low, high)} | {s: Score(value) for s, value in ratios.items()}
