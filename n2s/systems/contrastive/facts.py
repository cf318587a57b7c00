"""What ``metrics.json`` holds of a retrieval test beside the scores."""

from n2s.metrics.retrieval_rows import MEASURES
from n2s.metrics.score import ALL, entry
from n2s.systems.contrastive.summarized import SummarizedWindows
from n2s.systems.contrastive.summary import ROWS


def facts(result: SummarizedWindows) -> dict:
    """Counts, rows, ratios and tests of a result, as plain JSON types.

    Returns
    -------
    ``n_candidates``, ``n_windows``, ``n_subjects``, ``n_folds`` (1 without cross-validation), ``seed``, ``n_permutations``; ``subjects`` with the number of
    windows of each and ``candidates`` with the most candidates of a window of each; for each of ``model``, ``linear``, ``encoding``,
    ``shuffled``, ``no_brain``, ``subject_only``, ``chance`` and ``ceiling`` (None where not known): ``interval`` (which
    kind it is, in words) and, for ``top1``, ``top5``, ``top10``, ``median_rank`` (0 the best) and ``mrr``, ``mean`` over
    subjects, ``low``, ``high``, and ``per_subject`` with ``value``, ``low``, ``high``; ``ratio_to_ceiling`` of the
    accuracies (None without a ceiling); ``tests``: row -> accuracy -> the bounds of chance (``low``, ``high``, 99.9%),
    ``p``, and ``p_corrected`` for ``n_tests`` tests; ``scaled_by``, ``gaps`` and ``sounds``, in words. An end that is
    not defined is None.
    """
    summary = result.summary
    rows = {row: _row(result, row) for row in ROWS}
    if rows["shuffled"] is not None:
        rows["shuffled"]["n_permutations"] = summary.n_exchanges
    return {
        "n_candidates": len(result.candidates),
        "n_windows": len(result.windows),
        "n_subjects": len(summary.subjects),
        "n_folds": result.n_folds,
        "subjects": summary.subjects,
        "candidates": summary.candidates,
        "own_candidates": result.candidate_sets is not None,
        "seed": result.seed,
        "n_permutations": result.n_permutations,
        **rows,
        "no_ceiling": result.no_ceiling,
        # a subject's ratio is a plain number: it has no interval
        "ratio_to_ceiling": {
            name: entry(ratio) | {"per_subject": {s: one.mean for s, one in ratio.items() if s != ALL}}
            for name, ratio in summary.ratio.items()
        }
        or None,
        "tests": {
            row: {name: test._asdict() for name, test in by_score.items()} for row, by_score in result.tests.items()
        },
        "n_tests": result.n_tests,
        "scaled_by": result.scaled_by,
        "gaps": result.gaps,
        "sounds": result.sounds,
    }


def _row(result: SummarizedWindows, row: str) -> dict | None:
    scores = result.summary.scores
    if row not in scores.rows:
        return None
    first = scores.get("top1", row)
    return {"interval": first.kind} | {name: entry(scores.values[name][row]) for name in MEASURES}
