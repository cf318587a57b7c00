"""The folds of a cross-validation as one test set: all windows, each among the candidates of its own fold."""

from collections.abc import Sequence
from dataclasses import fields

import numpy as np
import pandas as pd

from n2s.systems.contrastive.ranked import SCORED, RankedWindows

#: A row that some folds lack: there, its baseline knows nothing, and its scores are all equal (ties are drawn at random).
LACKING = "subject_only"


def pooled_windows(parts: Sequence[RankedWindows]) -> dict[str, object]:
    """The fields of one `RankedWindows` that holds those of all folds.

    Scores of a window with candidates of other folds do not exist: another model gave those. They are 0, and no candidate set
    allows them.
    """
    sizes = np.array([one.similarity.shape for one in parts])
    windows, candidates = (np.concatenate([[0], np.cumsum(sizes[:, axis])]) for axis in (0, 1))
    found: dict[str, object] = {
        name: on_diagonal([getattr(one, name) for one in parts], windows, candidates, lacking=name == LACKING)
        for name in SCORED
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
    groups = [one.group for one in parts]
    if any(one is not None for one in groups):
        found["group"] = _groups(groups, sizes[:, 0])
    for name in ("scaled_by", "gaps", "sounds"):
        found[name] = texts_of([getattr(one, name) for one in parts])
    found["no_ceiling"] = next((one.no_ceiling for one in parts if one.no_ceiling), "")
    found["seed"], found["n_permutations"] = parts[0].seed, parts[0].n_permutations
    found |= _attention(parts)
    unknown = {one.name for one in fields(RankedWindows)} - found.keys() - {"group", "attention"} - _MAP
    if unknown:
        raise TypeError(f"fields of RankedWindows that are not pooled: {sorted(unknown)}.")
    return found


_MAP = {"sensor_positions", "sensors"}


def on_diagonal(
    parts: Sequence[np.ndarray | None], rows: np.ndarray, columns: np.ndarray, *, lacking: bool = False
) -> np.ndarray | None:
    """Arrays along the diagonal of one; None where a fold has none, unless ``lacking`` ones may be 0."""
    known = [one is not None for one in parts]
    if not (any(known) if lacking else all(known)):
        return None
    found = np.zeros((rows[-1], columns[-1]), np.float32)
    for place, one in enumerate(parts):
        if one is not None:
            found[rows[place] : rows[place + 1], columns[place] : columns[place + 1]] = one
    return found


def sets_of(one: RankedWindows) -> tuple[np.ndarray, np.ndarray]:
    """(s, k) and (n,): the candidate sets of a fold and the set of each window; one set of all by default."""
    if one.candidate_sets is None:
        return np.ones((1, len(one.candidates)), bool), np.zeros(len(one.target), np.int64)
    return one.candidate_sets, one.candidate_set


def joined(numbers: Sequence[np.ndarray], first: np.ndarray) -> np.ndarray:
    """Indices of each fold, moved to where its candidates (or sets) begin."""
    return np.concatenate([own + at for own, at in zip(numbers, first, strict=False)])


def texts_of(parts: Sequence[Sequence[str]]) -> list[str]:
    """Sentences of the folds, once each; those that are not of all folds say of which."""
    found = {text: [i for i, own in enumerate(parts, 1) if text in own] for own in parts for text in own}
    return [
        text if len(of) == len(parts) else f"{'fold' if len(of) == 1 else 'folds'} {', '.join(map(str, of))}: {text}"
        for text, of in found.items()
    ]


def _groups(groups: Sequence[np.ndarray | None], sizes: np.ndarray) -> np.ndarray:
    """Numbers of sentences that differ between folds; -1: none."""
    found, above = [], 0
    for own, n in zip(groups, sizes, strict=True):
        own = np.full(n, -1) if own is None else own
        found.append(np.where(own == -1, -1, own + above))
        above = max(above, int(found[-1].max(initial=-1)) + 1)
    return np.concatenate(found)


def _attention(parts: Sequence[RankedWindows]) -> dict[str, np.ndarray]:
    """The virtual channels of all models over the sensors, where these are the same in every fold."""
    if any(one.attention is None for one in parts):
        return {}
    if any(not np.array_equal(one.sensors, parts[0].sensors) for one in parts):
        return {}
    places = {"sensor_positions": parts[0].sensor_positions, "sensors": parts[0].sensors}
    return {"attention": np.concatenate([one.attention for one in parts])} | places
