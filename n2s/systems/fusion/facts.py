"""What ``metrics.json`` holds of a fusion test beside the scores."""

from n2s.systems.fusion.summarized import SummarizedPairs


def facts(result: SummarizedPairs) -> dict:
    """Counts, tests and differences of a result, as plain JSON types.

    Returns
    -------
    dict
        ``method``, ``weights``, ``n_candidates``, ``n_windows`` (pairs), ``n_subjects``, ``n_folds`` (1 without cross-validation),
        ``seed``, ``n_permutations``, ``n_exchanges`` and ``n_turns`` (of the brain, and of one modality); ``subjects`` with the number of
        pairs of each and ``candidates`` with the most candidates of a pair of each; ``tests``: row -> accuracy -> the bounds of
        chance (``low``, ``high``, 99.9%), ``p``, and ``p_corrected`` for ``n_tests`` tests; ``differences``: score -> what is compared ->
        ``segments`` and ``people`` (the difference with its interval over segments, and over subjects), ``best`` (that of the best possible
        decoder), ``ratio`` (the difference over it) and ``by_subject``; ``reached``: score -> the share of the best possible; ``said``.
    """
    summary = result.summary
    return {
        "method": result.method,
        "weights": result.weights,
        "n_candidates": len(result.candidates),
        "n_windows": len(result.windows),
        "n_subjects": len(summary.subjects),
        "n_folds": result.n_folds,
        "subjects": summary.subjects,
        "candidates": summary.candidates,
        "own_candidates": result.candidate_sets is not None,
        "seed": result.seed,
        "n_permutations": result.n_permutations,
        "n_exchanges": summary.n_exchanges,
        "n_turns": summary.n_turns,
        "tests": {
            row: {name: test._asdict() for name, test in by_score.items()} for row, by_score in result.tests.items()
        },
        "n_tests": result.n_tests,
        "differences": {
            name: {key: one.plain() for key, one in found.items()} for name, found in result.differences.items()
        },
        "reached": {name: dict(one._asdict()) for name, one in result.reached.items()},
        "said": result.said,
    }
