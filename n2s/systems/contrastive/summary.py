"""A test's result in numbers: every score with its controls and intervals."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from n2s.metrics.controls import ranks_ties_at_random
from n2s.metrics.exchange import exchanged_targets
from n2s.metrics.retrieval import ranks, ranks_of_many
from n2s.metrics.retrieval_chance import Comparisons, compared
from n2s.metrics.retrieval_rows import (
    MEASURES,
    TOP,
    RowScores,
    bounded_chance,
    chance_row,
    decoder_row,
    exchanged_row,
    share_of_best,
)
from n2s.metrics.score import ALL, Row, Scores
from n2s.metrics.window_blocks import window_blocks
from n2s.systems.contrastive.ranked import RankedWindows

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
    blocks = window_blocks(result.candidates, result.target, result.group)
    n_of = {name: result.n_candidates[rows] for name, rows in rows_of.items()}
    by_subject = {row: {name: v[..., rows] for name, rows in rows_of.items()} for row, v in found.items()}
    known = {
        row: decoder_row(by_subject[row], n_of, {name: blocks.steady[rows] for name, rows in rows_of.items()})
        for row in ("model", "linear", "encoding", "no_brain", "subject_only", "ceiling")
        if row in found
    }
    n_exchanges, pooled = len(found["shuffled"]), result.group is not None
    if n_exchanges:
        what = "whole sentences of about one length" if pooled else "what a subject heard"
        known["shuffled"] = exchanged_row(by_subject["shuffled"], what)
    chance = chance_row(n_of, known.get("shuffled") if pooled else None)
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
    known["chance"] = bounded_chance(
        chance, tests["model"], found["model"], rows_of, blocks.independent, n_folds=result.n_folds
    )
    scores = Scores(
        {row: label for row, label in ROWS.items() if row in known},
        MEASURES,
        {name: {row: known[row][name] for row in ROWS if row in known} for name in MEASURES},
    )
    return Summary(
        scores=scores,
        tests=tests,
        ratio=_ratios(known),
        subjects={str(name): int(count) for name, count in zip(names, counts, strict=True)},
        candidates={name: int(n.max()) for name, n in n_of.items()},
        n_exchanges=n_exchanges,
    )


def _ratios(known: Mapping[str, RowScores]) -> RowScores:
    if "ceiling" not in known:
        return {}
    return {f"top{k}": share_of_best(*(known[row][f"top{k}"] for row in ("model", "ceiling"))) for k in TOP}
