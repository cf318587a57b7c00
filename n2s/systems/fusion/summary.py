"""A fusion test in numbers: every score with its controls, ceilings and intervals."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from n2s.metrics.retrieval_chance import Comparison, Comparisons, compared
from n2s.metrics.retrieval_rows import MEASURES, TOP, RowScores, bounded_chance, chance_row, decoder_row, exchanged_row
from n2s.metrics.score import ALL, Row, Scores
from n2s.metrics.window_blocks import WindowBlocks
from n2s.systems.fusion.apart import blocks_of
from n2s.systems.fusion.pairs_scored import ScoredPairs
from n2s.systems.fusion.shuffles import partners

ROWS = {
    "both": Row("both"),
    "meg": Row("MEG alone"),
    "fmri": Row("fMRI alone"),
    "meg_shuffled": Row("both with MEG of another segment", "control"),
    "fmri_shuffled": Row("both with fMRI of another segment", "control"),
    "shuffled": Row("brain of another segment", "control"),
    "no_brain": Row("no brain", "control"),
    "chance": Row("chance", "control"),
    "ceiling": Row("best possible of both", "ceiling"),
    "ceiling_meg": Row("best possible of MEG", "ceiling"),
    "ceiling_fmri": Row("best possible of fMRI", "ceiling"),
    "ceiling_meg_shuffled": Row("best possible with MEG of another segment", "ceiling"),
    "ceiling_fmri_shuffled": Row("best possible with fMRI of another segment", "ceiling"),
    "meg_to_fmri": Row("fMRI found from MEG"),
    "fmri_to_meg": Row("MEG found from fMRI"),
    "chance_meg_to_fmri": Row("chance of fMRI found from MEG", "control"),
    "chance_fmri_to_meg": Row("chance of MEG found from fMRI", "control"),
}
ACROSS = ("meg_to_fmri", "fmri_to_meg")
DECODERS = ("both", "meg", "fmri", "no_brain", "ceiling", "ceiling_meg", "ceiling_fmri")
TESTED = ("both", "meg", "fmri", "no_brain", *ACROSS)  # rows that are compared with chance
TURNED = ("meg_shuffled", "fmri_shuffled", "ceiling_meg_shuffled", "ceiling_fmri_shuffled")


@dataclass(frozen=True)
class Summary:
    """The numbers of a test set.

    Parameters
    ----------
    scores
        Score -> row -> subject; rows that are not known are left out.
    tests
        The accuracies of `TESTED` against chance, each p-value on its own.
    subjects
        How many pairs each subject has.
    candidates
        The most candidates that a pair of each subject has.
    n_exchanges, n_turns
        How many times brain and speech were exchanged, and how many times MEG alone or fMRI alone was.
    """

    scores: Scores
    tests: Comparisons
    subjects: dict[str, int]
    candidates: dict[str, int]
    n_exchanges: int
    n_turns: int


def summarize(pairs: ScoredPairs, found: Mapping[str, np.ndarray]) -> Summary:
    """Every score of a test set, over subjects and for each, beside its controls.

    Parameters
    ----------
    pairs
        The pairs of the test.
    found
        Their ranks, see `n2s.systems.fusion.shuffles.pair_ranks`.
    """
    names, counts = np.unique(pairs.subject, return_counts=True)
    rows_of = {str(name): np.flatnonzero(pairs.subject == name) for name in names}
    blocks, n_of = blocks_of(pairs), {name: pairs.n_candidates[rows] for name, rows in rows_of.items()}

    def split(values: np.ndarray) -> dict[str, np.ndarray]:
        return {name: values[..., rows] for name, rows in rows_of.items()}

    known = {row: decoder_row(split(found[row]), n_of, split(blocks.steady)) for row in DECODERS if row in found}
    for row in ("shuffled", *TURNED):
        if row in found and len(found[row]):
            known[row] = exchanged_row(
                {name: turns for name, turns in split(found[row]).items() if (turns >= 0).any()}, "what a subject heard"
            )
    chance = chance_row(n_of)
    tests: dict[str, dict[str, Comparison]] = {
        row: _tested(found[row], chance, rows_of, blocks.independent, pairs.n_folds)
        for row in TESTED[:4]
        if row in found
    }
    known["chance"] = bounded_chance(
        chance, tests[pairs.main], found[pairs.main], rows_of, blocks.independent, n_folds=pairs.n_folds
    )
    for row in ACROSS:
        if row in found and (found[row] >= 0).any():
            tests[row] = _across(pairs, found[row], row, rows_of, blocks, known)
    return Summary(
        scores=Scores(
            {row: label for row, label in ROWS.items() if row in known},
            MEASURES,
            {name: {row: known[row][name] for row in ROWS if row in known} for name in MEASURES},
        ),
        tests=tests,
        subjects={str(name): int(count) for name, count in zip(names, counts, strict=True)},
        candidates={name: int(n.max()) for name, n in n_of.items()},
        n_exchanges=len(found["shuffled"]),
        n_turns=len(found.get("meg_shuffled", ())),
    )


def _tested(
    found: np.ndarray, chance: RowScores, rows_of: Mapping[str, np.ndarray], block: np.ndarray, n_folds: int
) -> dict[str, Comparison]:
    return {
        f"top{k}": compared(found, k, chance[f"top{k}"][ALL].mean, rows_of, block, n_folds=n_folds)
        if chance[f"top{k}"][ALL].mean < 1  # fewer candidates than k: all are hits, and nothing is tested
        else Comparison(None, None, None, None)
        for k in TOP
    }


def _across(
    pairs: ScoredPairs,
    found: np.ndarray,
    row: str,
    rows_of: Mapping[str, np.ndarray],
    blocks: WindowBlocks,
    known: dict[str, RowScores],
) -> dict[str, Comparison]:
    """Add the row of one modality found from the other, and its chance where that differs; return its tests."""
    n_of = partners(pairs, row).sum(1)
    own = {name: rows[found[rows] >= 0] for name, rows in rows_of.items()}
    own = {name: rows for name, rows in own.items() if len(rows)}
    numbers = {name: n_of[rows] for name, rows in own.items()}
    known[row] = decoder_row(
        {name: found[rows] for name, rows in own.items()},
        numbers,
        {name: blocks.steady[rows] for name, rows in own.items()},
    )
    chance = chance_row(numbers)
    tests = _tested(found, chance, own, blocks.independent, pairs.n_folds)
    if any(abs(chance[name][ALL].mean - known["chance"][name][ALL].mean) > 1e-9 for name in MEASURES):
        known[f"chance_{row}"] = bounded_chance(chance, tests, found, own, blocks.independent, n_folds=pairs.n_folds)
    return tests
