"""Ranks of the true candidates: by MEG, by fMRI, by both, and by both where one of them responds to another segment."""

from collections.abc import Mapping

import numpy as np

from n2s.metrics.controls import ranks_ties_at_random
from n2s.metrics.exchange import exchanged_targets
from n2s.metrics.retrieval import ranks, ranks_of_many
from n2s.systems.fusion.apart import near_candidates
from n2s.systems.fusion.pairs_scored import ScoredPairs

MOST_TURNS = 50  # of one modality: each costs the ranks of all pairs


def pair_ranks(pairs: ScoredPairs) -> dict[str, np.ndarray]:
    """Ranks of the true candidates.

    Returns
    -------
    dict
        (n,) for ``meg``, ``fmri`` and ``both`` (as far as there is one), ``no_brain``, ``ceiling_meg``, ``ceiling_fmri``, ``ceiling``,
        ``meg_to_fmri`` and ``fmri_to_meg`` where they are known (-1: a pair whose own partner is missing); (m, n) for ``shuffled``,
        ``meg_shuffled``, ``fmri_shuffled``, ``ceiling_meg_shuffled`` and ``ceiling_fmri_shuffled``, -1 for pairs that are left out of a turn.
    """
    target, allowed = pairs.target, pairs.allowed
    asked = _asked(pairs, pairs.n_permutations)
    found = _of_parts(pairs, pairs.meg, pairs.fmri, {"meg": "meg", "fmri": "fmri", "both": "both"})
    found["shuffled"] = ranks_of_many(pairs.score, asked, allowed)
    if pairs.no_brain is not None:
        rng = np.random.default_rng(pairs.seed)
        found["no_brain"] = ranks_ties_at_random(pairs.no_brain, target, rng, allowed, alike=target)
    best = {"meg": "ceiling_meg", "fmri": "ceiling_fmri", "both": "ceiling"}
    found |= _of_parts(pairs, pairs.ideal_meg, pairs.ideal_fmri, best)
    partner = donors(pairs)
    found |= _exchanged(pairs, pairs.meg, pairs.fmri, partner, "{}_shuffled")
    found |= _exchanged(pairs, pairs.ideal_meg, pairs.ideal_fmri, partner, "ceiling_{}_shuffled")
    for name in ("meg_to_fmri", "fmri_to_meg"):
        scores = getattr(pairs, name)
        if scores is not None:
            found[name] = _across(scores, target, partners(pairs, name))
    return found


def partners(pairs: ScoredPairs, name: str) -> np.ndarray:
    """(n, k) The candidates that have a pair of the same person with the other modality, for ``meg_to_fmri`` or ``fmri_to_meg``."""
    known = ~np.isnan(getattr(pairs, name))
    return known if pairs.allowed is None else known & pairs.allowed


def donors(pairs: ScoredPairs, most: int = MOST_TURNS) -> np.ndarray:
    """(m, n) For each turn and pair, another pair of the same person: its response replaces the pair's own. -1: none in this turn.

    All segments that a person heard form a circle, and each turn moves them on by some places. If a segment was heard several times, its
    responses are used in order.
    """
    asked = _asked(pairs, most)
    first: dict[tuple[str, int], list[int]] = {}
    for row, key in enumerate(zip(pairs.listener.tolist(), pairs.target.tolist(), strict=True)):
        first.setdefault(key, []).append(row)
    repeat = np.zeros(len(pairs.target), np.int64)
    for rows in first.values():
        repeat[rows] = np.arange(len(rows))
    table = np.full(asked.shape, -1, np.int64)
    for row, who in enumerate(pairs.listener.tolist()):
        for turn, candidate in enumerate(asked[:, row].tolist()):
            if candidate >= 0:
                given = first[who, candidate]
                table[turn, row] = given[repeat[row] % len(given)]
    return table


def _asked(pairs: ScoredPairs, most: int) -> np.ndarray:
    """(m, n) Candidates of the turns; -1 where the response to one would also hold some of the pair's own segment."""
    asked = exchanged_targets(pairs.target, pairs.listener, pairs.candidates, most=most)
    if pairs.fmri is None or not len(asked):
        return asked
    near = near_candidates(pairs)
    asked = np.where(near[np.arange(len(near)), asked], -1, asked)
    lost = (asked == -1).mean(1)
    # a turn from one story to the next keeps some neighbours; one inside a story loses all
    return asked[(lost <= lost.min() + 0.02) & (lost < 0.5)]


def _of_parts(
    pairs: ScoredPairs, meg: np.ndarray | None, fmri: np.ndarray | None, names: Mapping[str, str]
) -> dict[str, np.ndarray]:
    parts = {"meg": meg, "fmri": fmri}
    if meg is not None and fmri is not None:
        parts["both"] = meg.astype(np.float64) + fmri
    return {
        names[key]: ranks(scores, pairs.target, pairs.allowed) for key, scores in parts.items() if scores is not None
    }


def _exchanged(
    pairs: ScoredPairs, meg: np.ndarray | None, fmri: np.ndarray | None, partner: np.ndarray, name: str
) -> dict[str, np.ndarray]:
    """Ranks (m, n) with the response of one modality replaced by that of another pair."""
    if meg is None or fmri is None:
        return {}
    found = {}
    for key, moved, kept in (("meg", meg, fmri), ("fmri", fmri, meg)):
        table = np.empty(partner.shape, np.int32)
        for turn, given in enumerate(partner):
            score = moved[given].astype(np.float64) + kept  # -1 takes the last row, and is not counted
            table[turn] = np.where(given == -1, -1, ranks(score, pairs.target, pairs.allowed))
        found[name.format(key)] = table
    return found


def _across(scores: np.ndarray, target: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Ranks among the candidates that have a partner; -1 for pairs whose own has none."""
    own = known[np.arange(len(target)), target]
    return np.where(own, ranks(np.where(known, scores, -np.inf), target, known), -1)
