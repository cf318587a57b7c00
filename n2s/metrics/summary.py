"""A test's result in numbers: every score with its controls and intervals, as plain JSON and as one console table."""

from collections.abc import Callable

import numpy as np
from rich.console import Console
from rich.table import Table

from n2s.metrics.controls import (
    chance_accuracy,
    chance_bounds,
    chance_median_rank,
    chance_reciprocal_rank,
    ranks_ties_at_random,
    shuffled_ranks,
)
from n2s.metrics.intervals import t_interval, wilson_interval
from n2s.metrics.result import RetrievalResult
from n2s.metrics.retrieval import mean_reciprocal_rank, median_rank, ranks, topk_accuracy

TOP = (1, 5, 10)
MEASURES = (*(f"top{k}" for k in TOP), "median_rank", "mrr")
ROWS = {
    "model": "model",
    "shuffled": "shuffled brain",
    "no_brain": "no brain",
    "chance": "chance",
    "ceiling": "ceiling",
}
TABLE = ("score of", *(f"top-{k} (%)" for k in TOP), "median rank (0 best)")  # headings of `table_rows`


def result_ranks(result: RetrievalResult, *, seed: int, n_permutations: int = 200) -> dict[str, np.ndarray]:
    """Ranks (n,) of ``model``, ``no_brain`` and, where known, ``ceiling``; (p, n) of ``shuffled``."""
    found = {
        "model": ranks(result.scores, result.target),
        "shuffled": shuffled_ranks(
            result.scores,
            result.target,
            result.subject,
            n_permutations=n_permutations,
            seed=seed,
            group=result.group,
        ),
        "no_brain": ranks_ties_at_random(result.no_brain, result.target, np.random.default_rng(seed)),
    }
    if result.ideal is not None:
        found["ceiling"] = ranks(result.ideal, result.target)
    return found


def summarize(result: RetrievalResult, *, seed: int, n_permutations: int = 200) -> dict:
    """Every score of a test set, over subjects and for each, beside its controls, as plain JSON types.

    Parameters
    ----------
    result
        Of the test.
    seed
        Of the permutations of the shuffled brain.
    n_permutations
        How many.

    Returns
    -------
    ``n_candidates``, ``n_windows``, ``n_subjects``, ``seed``; for each of ``model``, ``shuffled``, ``no_brain``,
    ``chance`` and ``ceiling`` (None where not known): ``interval`` (which kind it is, in words) and, for ``top1``,
    ``top5``, ``top10``, ``median_rank`` (0 the best) and ``mrr``, ``mean`` over subjects, ``low``, ``high``, and
    ``per_subject`` with ``value``, ``low``, ``high``; ``subjects`` with the number of windows of each; and
    ``ratio_to_ceiling`` of the accuracies (None without one). An end that is not defined is None.
    """
    names, counts = np.unique(result.subject, return_counts=True)
    n_candidates, n_windows = len(result.candidates), len(result.windows)
    found = result_ranks(result, seed=seed, n_permutations=n_permutations)
    by_subject = {
        row: {str(name): values[..., result.subject == name] for name in names} for row, values in found.items()
    }
    summary = {
        "n_candidates": n_candidates,
        "n_windows": n_windows,
        "n_subjects": len(names),
        "subjects": {str(name): int(count) for name, count in zip(names, counts, strict=True)},
        "seed": seed,
        "model": _measured(by_subject["model"], n_candidates),
        "shuffled": _shuffled(by_subject["shuffled"], "segment" if result.group is None else "sentence"),
        "no_brain": _measured(by_subject["no_brain"], n_candidates),
        "chance": _chance(n_candidates, {str(n): int(c) for n, c in zip(names, counts, strict=True)}),
        "ceiling": None,
        "ratio_to_ceiling": None,
    }
    if "ceiling" in by_subject:
        summary["ceiling"] = _measured(by_subject["ceiling"], n_candidates)
        ceiling = {f"top{k}": summary["ceiling"][f"top{k}"]["mean"] for k in TOP}
        summary["ratio_to_ceiling"] = {
            name: summary["model"][name]["mean"] / best if best else None for name, best in ceiling.items()
        }
    return summary


def _measure(name: str) -> Callable[[np.ndarray], np.ndarray]:
    if name == "median_rank":
        return median_rank
    if name == "mrr":
        return mean_reciprocal_rank
    return lambda found: topk_accuracy(found, int(name.removeprefix("top")))


def _value(value: float, low: float | None = None, high: float | None = None) -> dict:
    plain = [None if end is None else float(end) for end in (low, high)]
    return {"value": float(value), "low": plain[0], "high": plain[1]}


def _measured(found: dict[str, np.ndarray], n_candidates: int) -> dict:
    """Scores of a decoder: t interval over subjects, or the Wilson interval of the only one."""
    one = len(found) == 1
    row = {"interval": "95% Wilson interval over the windows of one subject" if one else "95% t interval over subjects"}
    for name in MEASURES:
        values = {subject: float(_measure(name)(r)) for subject, r in found.items()}
        per_subject = {subject: _value(value) for subject, value in values.items()}
        if name.startswith("top"):
            for subject, r in found.items():
                per_subject[subject] = _value(*wilson_interval(int(np.sum(r < int(name[3:]))), len(r)))
        if one:
            (only,) = per_subject.values()
            mean, low, high = only["value"], only["low"], only["high"]
        else:
            bounds = (0.0, float(n_candidates - 1)) if name == "median_rank" else (0.0, 1.0)
            mean, low, high = t_interval(np.array(list(values.values())), bounds=bounds)
        row[name] = {"mean": mean, "low": low, "high": high, "per_subject": per_subject}
    return row


def _shuffled(found: dict[str, np.ndarray], kept: str) -> dict:
    """Scores (p,) of permutations: their mean and the range of 95% of them."""
    n_permutations = len(next(iter(found.values())))
    kind = f"range of 95% of {n_permutations} permutations (no window keeps its own {kept}: a little below chance)"
    row = {"interval": kind, "n_permutations": n_permutations}
    for name in MEASURES:
        values = {subject: _measure(name)(r) for subject, r in found.items()}
        mean = np.mean(list(values.values()), axis=0)
        low, high = np.quantile(mean, [0.025, 0.975])
        row[name] = {
            "mean": float(mean.mean()),
            "low": float(low),
            "high": float(high),
            "per_subject": {s: _value(v.mean(), *np.quantile(v, [0.025, 0.975])) for s, v in values.items()},
        }
    return row


def _chance(n_candidates: int, n_windows: dict[str, int]) -> dict:
    """Exact chance, and how far from it that many windows may fall."""
    total = sum(n_windows.values())
    row = {"interval": f"99.9% binomial bound of chance over {total} windows"}
    for name in MEASURES:
        if name.startswith("top"):
            value = chance_accuracy(int(name[3:]), n_candidates)
            bounds = {subject: chance_bounds(n, value) for subject, n in n_windows.items()}
            low, high = chance_bounds(total, value)
        else:
            value = (chance_median_rank if name == "median_rank" else chance_reciprocal_rank)(n_candidates)
            bounds = dict.fromkeys(n_windows, (None, None))
            low = high = None
        per_subject = {subject: _value(value, *ends) for subject, ends in bounds.items()}
        row[name] = {"mean": value, "low": low, "high": high, "per_subject": per_subject}
    return row


def table_rows(summary: dict) -> list[list[str]]:
    """The rows of the table, for console and report: a label, then top-1, top-5, top-10 (%) and the median rank."""
    rows = []
    for key, label in ROWS.items():
        row = summary[key]
        cells = [_cell(row[f"top{k}"], 100) if row else "not known" for k in TOP]
        rows.append([label, *cells, _cell(row["median_rank"], 1) if row else "not known"])
    return rows


def _cell(score: dict, scale: float) -> str:
    mean = f"{scale * score['mean']:.1f}"
    if score["low"] is None:
        return mean
    return f"{mean} ({scale * score['low']:.1f}–{scale * score['high']:.1f})"


def interval_notes(summary: dict) -> list[str]:
    """What the intervals in each row of the table are."""
    kinds: dict[str, list[str]] = {}
    for key, label in ROWS.items():
        if summary[key]:
            kinds.setdefault(summary[key]["interval"], []).append(label)
    return [f"{', '.join(labels)}: {kind}" for kind, labels in kinds.items()]


def count(n: int, one: str, many: str | None = None) -> str:
    """``1 subject``, ``2 subjects``."""
    return f"{n} {one if n == 1 else many or one + 's'}"


def counts_line(summary: dict) -> str:
    """Candidates, windows and subjects, and the ratio to the ceiling where there is one."""
    line = ", ".join(count(summary[f"n_{name}s"], name) for name in ("candidate", "window", "subject"))
    ratios = summary["ratio_to_ceiling"] or {}
    told = [f"{ratios[f'top{k}']:.2f} in top-{k}" for k in (1, 10) if ratios.get(f"top{k}") is not None]
    return line + (f"; model / ceiling: {', '.join(told)}" if told else "")


def print_table(summary: dict, console: Console) -> None:
    """Print the scores beside their controls, then what the intervals are, and the counts."""
    table = Table(
        "", *(f"top-{k} (%)" for k in TOP), "median rank (0 best)", caption="\n".join(interval_notes(summary))
    )
    for row in table_rows(summary):
        if console.width < 98:  # the table is wider: put the intervals below the means
            row = [row[0], *(cell.replace(" (", "\n(") for cell in row[1:])]
        table.add_row(*row, style="bold" if row[0] == ROWS["model"] else None)
    console.print(table)
    console.print(counts_line(summary), highlight=False)
