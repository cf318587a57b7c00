"""The folds of a cross-validation as one test set: all pairs, each among the candidates of its own fold."""

from collections.abc import Sequence
from dataclasses import fields

import numpy as np
import pandas as pd

from n2s.errors import UserError
from n2s.systems.contrastive.pooled import joined, on_diagonal, sets_of, texts_of
from n2s.systems.fusion.pairs_scored import SCORED, ScoredPairs


def pooled_pairs(parts: Sequence[ScoredPairs]) -> dict[str, object]:
    """The fields of one `ScoredPairs` that holds those of all folds.

    Scores of a pair with candidates of other folds do not exist: another model gave those. They are 0, and no candidate set allows them.
    A part that some folds lack (an ideal observer) is left out. A modality that some lack is left out, too, and that is said.

    Raises
    ------
    UserError
        No modality is in all folds.
    """
    lacking = _lacking(parts)
    sizes = np.array([(len(one.target), len(one.candidates)) for one in parts])
    pairs, candidates = (np.concatenate([[0], np.cumsum(sizes[:, axis])]) for axis in (0, 1))
    found: dict[str, object] = {
        name: on_diagonal([getattr(one, name) for one in parts], pairs, candidates) for name in SCORED
    }
    sets = [sets_of(one) for one in parts]
    first = np.cumsum([0, *(len(own) for own, _ in sets)])
    found["candidate_sets"] = on_diagonal([own for own, _ in sets], first, candidates).astype(bool)
    found["candidate_set"] = joined([own for _, own in sets], first)
    found["target"] = joined([one.target for one in parts], candidates)
    found["subject"] = np.concatenate([one.subject for one in parts])
    found["fold"] = np.repeat(np.arange(len(parts)), sizes[:, 0])
    found["windows"] = pd.concat([one.windows for one in parts], ignore_index=True)
    found["candidates"] = pd.concat([one.candidates for one in parts], ignore_index=True)
    found["said"] = lacking + texts_of([one.said for one in parts])
    for modality in ("meg", "fmri"):
        if found[modality] is None:
            found |= {f"ideal_{modality}": None, "meg_to_fmri": None, "fmri_to_meg": None}
    found["reach_s"] = max(one.reach_s for one in parts)
    found["method"], found["seed"], found["n_permutations"] = parts[0].method, parts[0].seed, parts[0].n_permutations
    own = [one.weights for one in parts]
    found["weights"] = own[0] if all(one == own[0] for one in own) else {f"fold {i}": w for i, w in enumerate(own, 1)}
    unknown = {one.name for one in fields(ScoredPairs)} - found.keys()
    if unknown:
        raise TypeError(f"fields of ScoredPairs that are not pooled: {sorted(unknown)}.")
    return found


def _lacking(parts: Sequence[ScoredPairs]) -> list[str]:
    """Sentences on modalities that some folds lack and others have."""
    folds = {
        label: [i for i, one in enumerate(parts, 1) if getattr(one, name) is None]
        for name, label in (("meg", "MEG"), ("fmri", "fMRI"))
    }
    if all(folds.values()):
        raise UserError(
            f"--cross_validate: the folds cannot be pooled: {' and '.join(f'folds {f} have no {label}' for label, f in folds.items())}. "
            "Expected one modality that all folds have. Their own results are in folds/."
        )
    return [
        f"pooled without {label}: folds {', '.join(map(str, own))} have none"
        for label, own in folds.items()
        if own and len(own) < len(parts)
    ]
