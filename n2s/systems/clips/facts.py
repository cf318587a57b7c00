"""The entries of decoded clips in ``metrics.json``, as plain JSON types."""

from collections.abc import Mapping

import numpy as np

from n2s.metrics.clip_scores import clip_entry, deviation
from n2s.metrics.feature_correlation import quartiles
from n2s.metrics.score import ALL, Score, entry
from n2s.systems.clips.evaluation import ClipScores


def clip_facts(scores: ClipScores) -> dict:
    """Every score with its controls, over subjects and for each; counts, and the supported claims."""
    found = {
        "n_clips": len(scores.result.target),
        "n_candidates": scores.n_candidates,
        "candidates": scores.candidates,
        "own_candidates": scores.own_candidates,
        "n_subjects": len(scores.n_by_subject),
        "subjects": scores.n_by_subject,
        "n_folds": scores.result.n_folds,
        "seed": scores.seed,
        "units": {"words": scores.units.words, "n": scores.n_units},
        "ceilings": scores.ceilings,
        "correlation": _correlation(scores),
        "identification": {
            str(n): _entries(scores.rows[f"identification@{n}"], scores.ranks) | {"chance": 1 / n}
            for n in scores.n_ways
        },
        "semantic": None,
    }
    if isinstance(scores.semantic, str):
        found["semantic_left_out"] = scores.semantic
    else:
        found["semantic"] = _semantic(scores)
    for name, values in scores.mel.items():
        found[name] = _entries(scores.rows[name], values)
    return found | {"claims": scores.claims, "sounds": scores.result.sounds}


def _entries(rows: Mapping[str, Mapping[str, Score]], values: Mapping[str, np.ndarray]) -> dict:
    """Row -> its entry; ``values`` are the scores of clips, by row."""
    return {row: clip_entry(rows[row], values[row]) for row in values}


def _correlation(scores: ClipScores) -> dict:
    """Each subject's value comes with the quartiles over dimensions."""
    found = {}
    for row, by_subject in scores.rows["correlation"].items():
        if row not in scores.correlations:
            found[row] = {"mean": by_subject[ALL].mean}
            continue
        found[row] = entry(by_subject) | {"deviation": deviation(by_subject)}
        for name, values in scores.correlations[row].items():
            found[row]["per_subject"][name] |= quartiles(values)
    return found


def _semantic(scores: ClipScores) -> dict:
    rows, lead = scores.rows["label"], scores.ahead_of_fine_only
    found = _entries(rows, scores.semantic) | {"chance": rows["chance"][ALL].mean, "folds": scores.folds.words}
    return found if lead is None else found | {"ahead_of_fine_only": lead.plain()}
