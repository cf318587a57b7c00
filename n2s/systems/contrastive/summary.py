"""A test's result in numbers: every score with its controls and intervals, as plain JSON."""

from collections.abc import Callable

import numpy as np

from n2s.metrics.blocks import LEAST_WINDOWS, N_BLOCKS, time_blocks
from n2s.metrics.controls import Null, chance_reciprocal_rank, holm, null_of_hits, ranks_ties_at_random
from n2s.metrics.exchange import exchanged_targets
from n2s.metrics.intervals import cluster_interval, cluster_share_interval, t_interval
from n2s.metrics.retrieval import mean_reciprocal_rank, median_rank, ranks, ranks_of_many, topk_accuracy
from n2s.systems.contrastive.result import RetrievalResult

TOP = (1, 5, 10)
MEASURES = (*(f"top{k}" for k in TOP), "median_rank", "mrr")
ROWS = {
    "model": "model",
    "shuffled": "shuffled brain",
    "no_brain": "no brain",
    "subject_only": "subject only",
    "chance": "chance",
    "ceiling": "ceiling",
}
TESTED = ("model", "no_brain", "subject_only")  # rows that are compared with chance
SAME = "the same for all subjects: no interval over them"


def result_ranks(result: RetrievalResult, *, seed: int, n_permutations: int = 200) -> dict[str, np.ndarray]:
    """Ranks (n,) of ``model``, ``no_brain`` and, where known, ``subject_only`` and ``ceiling``; (m, n) of ``shuffled``, -1 for none."""
    target, allowed = result.target, result.allowed
    asked = exchanged_targets(target, result.subject, result.candidates, result.group, most=n_permutations)

    def control(scores: np.ndarray) -> np.ndarray:
        return ranks_ties_at_random(scores, target, np.random.default_rng(seed), allowed, alike=target)

    found = {
        "model": ranks(result.scores, target, allowed),
        "shuffled": ranks_of_many(result.scores, asked, allowed),
        "no_brain": control(result.no_brain),
    }
    if result.subject_only is not None:
        found["subject_only"] = control(result.subject_only)
    if result.ideal is not None:
        found["ceiling"] = ranks(result.ideal, target, allowed)
    return found


def summarize(
    result: RetrievalResult, *, seed: int, n_permutations: int = 200, found: dict[str, np.ndarray] | None = None
) -> dict:
    """Every score of a test set, over subjects and for each, beside its controls, as plain JSON types.

    Parameters
    ----------
    result
        Of the test.
    seed
        Of ties of controls.
    n_permutations
        How often brain and speech are exchanged for the shuffled brain, at most.
    found
        What `result_ranks` made of it, where that is known already.

    Returns
    -------
    ``n_candidates``, ``n_windows``, ``n_subjects``, ``seed``; ``subjects`` with the number of windows of each and
    ``candidates`` with the most candidates of a window of each; for each of ``model``, ``shuffled``, ``no_brain``,
    ``subject_only``, ``chance`` and ``ceiling`` (None where not known): ``interval`` (which kind it is, in words) and,
    for ``top1``, ``top5``, ``top10``, ``median_rank`` (0 the best) and ``mrr``, ``mean`` over subjects, ``low``,
    ``high``, and ``per_subject`` with ``value``, ``low``, ``high``; ``ratio_to_ceiling`` of the accuracies, likewise
    (None without one); ``tests``: row -> accuracy -> the bounds of chance (``low``, ``high``, 99.9%), ``p``,
    and ``p_corrected`` for the number of tests (see `correct`). An end that is not defined is None.
    """
    found = result_ranks(result, seed=seed, n_permutations=n_permutations) if found is None else found
    names, counts = np.unique(result.subject, return_counts=True)
    rows_of = {str(name): np.flatnonzero(result.subject == name) for name in names}
    blocks = _Blocks(result)
    n_of = {name: result.n_candidates[rows] for name, rows in rows_of.items()}
    by_subject = {row: {name: v[..., rows] for name, rows in rows_of.items()} for row, v in found.items()}
    shuffled = _shuffled(by_subject["shuffled"], result.group is not None)
    chance = _chance(n_of, shuffled if result.group is not None else None)
    tests = {row: _tests(found[row], chance, rows_of, blocks.independent) for row in TESTED if row in found}
    _bound(chance, tests["model"], found["model"], rows_of, blocks.independent)
    measured = {
        row: _measured(by_subject[row], n_of, {name: blocks.steady[rows] for name, rows in rows_of.items()})
        for row in ("model", "no_brain", "subject_only", "ceiling")
        if row in found
    }
    summary = {
        "n_candidates": len(result.candidates),
        "n_windows": len(result.windows),
        "n_subjects": len(names),
        "subjects": {str(name): int(count) for name, count in zip(names, counts, strict=True)},
        "candidates": {name: int(n.max()) for name, n in n_of.items()},
        "own_candidates": result.candidate_sets is not None,
        "seed": seed,
        "n_permutations": n_permutations,
        "shuffled": shuffled,
        "chance": chance,
        **{row: measured.get(row) for row in ("model", "no_brain", "subject_only", "ceiling")},
        "no_ceiling": result.no_ceiling,
        "ratio_to_ceiling": None,
        "tests": tests,
    }
    if "ceiling" in measured:
        summary["ratio_to_ceiling"] = {f"top{k}": _ratio(measured, f"top{k}") for k in TOP}
    correct({"": summary})
    return summary


def correct(summaries: dict[str, dict]) -> None:
    """Put ``p_corrected`` beside each ``p`` of all test sets that are shown together (Holm), and say how many there are."""
    tests = [
        test
        for one in summaries.values()
        for by_score in one["tests"].values()
        for test in by_score.values()
        if test["p"] is not None
    ]
    for test, p in zip(tests, holm(np.array([test["p"] for test in tests])), strict=True):
        test["p_corrected"] = float(p)
    for one in summaries.values():
        one["n_tests"] = len(tests)


class _Blocks:
    """What of a result is independent: ``independent`` (n,) where brain and speech do not fit; ``steady`` (n,) for intervals."""

    def __init__(self, result: RetrievalResult):
        stimulus = result.candidates.stimulus.to_numpy()
        start_s = result.candidates.start_s.to_numpy(np.float64)
        span_s = float(result.candidates.duration_s.max())
        order = np.lexsort((start_s, stimulus))
        next_to = stimulus[order][1:] == stimulus[order][:-1]
        overlap = bool((np.diff(start_s[order])[next_to] < span_s - 1e-6).any())
        if result.group is not None:  # windows of a sentence know of each other
            first, last = {}, {}
            for group, at in zip(result.group, start_s[result.target], strict=True):
                first[group], last[group] = min(at, first.get(group, at)), max(at, last.get(group, at))
            spans = [last[group] - first[group] for group in first if group != -1]
            span_s, overlap = span_s + (float(np.median(spans)) if spans else 0.0), True
        least_s = span_s * (LEAST_WINDOWS if overlap else 1)
        heard = stimulus[result.target], start_s[result.target]
        self.independent = time_blocks(*heard, duration_s=span_s, n_blocks=10**9, least_s=least_s)
        self.steady = time_blocks(*heard, duration_s=span_s, n_blocks=N_BLOCKS, least_s=least_s)


def _measure(name: str) -> Callable[[np.ndarray], np.ndarray]:
    if name == "median_rank":
        return median_rank
    if name == "mrr":
        return mean_reciprocal_rank
    return lambda found: topk_accuracy(found, int(name.removeprefix("top")))


def _value(value: float, low: float | None = None, high: float | None = None) -> dict:
    plain = [None if end is None else float(end) for end in (low, high)]
    return {"value": float(value), "low": plain[0], "high": plain[1]}


def _own(name: str, found: np.ndarray, block: np.ndarray) -> dict:
    """One subject's score, and how well its windows tell it."""
    value = float(_measure(name)(found))
    if name == "median_rank" or len(np.unique(block)) < 2:
        return _value(value)
    if name == "mrr":
        return _value(*cluster_interval(1 / (found + 1), block, bounds=(0.0, 1.0)))
    return _value(*cluster_share_interval(found < int(name[3:]), block))


def _measured(found: dict[str, np.ndarray], n_of: dict[str, np.ndarray], block: dict[str, np.ndarray]) -> dict:
    """Scores of a decoder: t interval over subjects, or that over the blocks of the only one's windows."""
    one = len(found) == 1
    row = {
        "interval": "95% Wilson interval over blocks of one subject's windows"
        if one
        else "95% t interval over subjects"
    }
    most = float(max(n.max() for n in n_of.values()) - 1)
    for name in MEASURES:
        per_subject = {subject: _own(name, r, block[subject]) for subject, r in found.items()}
        values = np.array([entry["value"] for entry in per_subject.values()])
        if one:
            (only,) = per_subject.values()
            mean, low, high = only["value"], only["low"], only["high"]
        elif np.ptp(values) < 1e-12:  # no spread to make an interval from
            mean, low, high = float(values[0]), None, None
        else:
            mean, low, high = t_interval(values, bounds=(0.0, most if name == "median_rank" else 1.0))
        row[name] = {"mean": mean, "low": low, "high": high, "per_subject": per_subject}
    if not one and all(row[name]["low"] is None for name in MEASURES):
        row["interval"] = SAME
    return row


def _shuffled(found: dict[str, np.ndarray], sentences: bool) -> dict | None:
    """Scores (m,) of exchanges: their mean and the range of 95% of them; None where nothing could be exchanged."""
    n = min(len(r) for r in found.values())
    if not n:
        return None
    what = "whole sentences of about one length" if sentences else "what a subject heard"
    row = {"interval": f"range of 95% of {n} exchanges of {what}", "n_permutations": n}
    for name in MEASURES:
        values = {s: np.array([_measure(name)(turn[turn >= 0]) for turn in r]) for s, r in found.items()}
        mean = np.nanmean(list(values.values()), axis=0)
        row[name] = {
            "mean": float(mean.mean()),
            **dict(zip(("low", "high"), map(float, np.quantile(mean, [0.025, 0.975])), strict=True)),
            "per_subject": {s: _value(v.mean(), *np.quantile(v, [0.025, 0.975])) for s, v in values.items()},
        }
    return row


def _chance(n_of: dict[str, np.ndarray], exchanged: dict | None) -> dict:
    """What a guess scores, exactly; for pooled windows what exchanged sentences score."""
    row: dict = {"interval": "99.9% bound of chance"}
    for name in MEASURES:
        if exchanged is not None:
            per_subject = {subject: entry["value"] for subject, entry in exchanged[name]["per_subject"].items()}
        elif name.startswith("top"):
            per_subject = {s: float(np.minimum(1.0, int(name[3:]) / n).mean()) for s, n in n_of.items()}
        elif name == "median_rank":
            per_subject = {s: float(np.median((n - 1) / 2)) for s, n in n_of.items()}
        else:
            per_subject = {s: float(np.mean([chance_reciprocal_rank(k) for k in n])) for s, n in n_of.items()}
        row[name] = {
            "mean": float(np.mean(list(per_subject.values()))),
            "low": None,
            "high": None,
            "per_subject": {s: _value(value) for s, value in per_subject.items()},
        }
    return row


def _null(found: np.ndarray, k: int, expected: float, rows_of: dict[str, np.ndarray], block: np.ndarray) -> Null | None:
    weight = np.zeros(len(found))  # a score is the mean over subjects, however many windows each has
    for rows in rows_of.values():
        weight[rows] = 1 / len(rows)
    used = weight > 0
    return null_of_hits(found[used] < k, block[used], expected, weight[used])


def _tests(found: np.ndarray, chance: dict, rows_of: dict[str, np.ndarray], block: np.ndarray) -> dict:
    """Each accuracy of a row against chance."""
    tests = {}
    for k in TOP:
        expected = chance[f"top{k}"]["mean"]
        null = _null(found, k, expected, rows_of, block)
        score = np.mean([np.mean(found[rows] < k) for rows in rows_of.values()])
        low, high = null.bounds() if null else (None, None)
        p = null.p_value(float(score)) if null else None
        tests[f"top{k}"] = {"low": low, "high": high, "p": p, "p_corrected": p}
    return tests


def _bound(chance: dict, tests: dict, found: np.ndarray, rows_of: dict[str, np.ndarray], block: np.ndarray) -> None:
    """Put the bounds of chance into its row: over subjects, and for each."""
    for k in TOP:
        row = chance[f"top{k}"]
        row["low"], row["high"] = tests[f"top{k}"]["low"], tests[f"top{k}"]["high"]
        for name, rows in rows_of.items():
            own = row["per_subject"][name]
            null = _null(found, k, own["value"], {name: rows}, block)
            row["per_subject"][name] = _value(own["value"], *(null.bounds() if null else ()))


def _ratio(measured: dict, name: str) -> dict:
    """Model / ceiling of each subject, and the mean of these ratios; None where a ceiling is zero."""
    best = {s: entry["value"] for s, entry in measured["ceiling"][name]["per_subject"].items()}
    own = {s: entry["value"] for s, entry in measured["model"][name]["per_subject"].items()}
    per_subject = {s: own[s] / best[s] if best[s] else None for s in best}
    values = np.array([value for value in per_subject.values() if value is not None])
    mean = float(values.mean()) if len(values) else None
    low = high = None
    if len(values) > 1 and np.ptp(values) > 1e-12:
        _, low, high = t_interval(values, bounds=(0.0, np.inf))
    return {"mean": mean, "low": low, "high": high, "per_subject": per_subject}
