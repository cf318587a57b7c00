"""The folds of a cross-validation as one test set: all decoded clips, each on the scales and among the clips of its fold."""

from collections.abc import Sequence
from dataclasses import fields

import numpy as np
import pandas as pd

from n2s.systems.clips.decoded_clips import DecodedClips
from n2s.systems.clips.voxel_figures import PLACES

ROWS = ("predicted", "candidates", "subject", "fine_only", "mel_predicted", "mel_candidates", "mel_ceiling")
PROMPTS = ("prompts", "prompt_names")  # on the scale of each fold: pages of folds show them


def pooled_clips(parts: Sequence[DecodedClips]) -> dict[str, object]:
    """The fields of one `DecodedClips` that holds those of all folds. What some folds lack is left out."""
    n, k = (np.array([len(getattr(one, name)) for one in parts]) for name in ("target", "clips"))
    first = np.concatenate([[0], np.cumsum(k)])
    found: dict[str, object] = {name: _joined([getattr(one, name) for one in parts]) for name in ROWS}
    found["target"] = np.concatenate([one.target + at for one, at in zip(parts, first, strict=False)])
    found["fold"] = np.repeat(np.arange(len(parts)), n)
    found["clips"] = pd.concat([one.clips for one in parts], ignore_index=True)
    found["ideal"] = _ideal([one.ideal for one in parts], first)
    means = [one.mel_mean for one in parts]
    found["mel_mean"] = None if any(one is None for one in means) else np.stack(means)
    found["own_mean"] = _own(parts, "own_mean", [np.zeros(one.predicted.shape[1], np.float32) for one in parts])
    found["mel_own_mean"] = None if found["mel_mean"] is None else _own(parts, "mel_own_mean", means)
    found["response_s"] = max(one.response_s for one in parts)
    found["voxels"] = _voxels([one.voxels for one in parts])
    found["sounds"] = list(dict.fromkeys(text for one in parts for text in one.sounds))
    found["seed"] = parts[0].seed
    unknown = {one.name for one in fields(DecodedClips)} - found.keys() - set(PROMPTS)
    if unknown:
        raise TypeError(f"fields of DecodedClips that are not pooled: {sorted(unknown)}.")
    return found


def _joined(parts: Sequence[np.ndarray | None]) -> np.ndarray | None:
    return None if any(one is None for one in parts) else np.concatenate(parts)


def _ideal(parts: Sequence[np.ndarray | None], first: np.ndarray) -> np.ndarray | None:
    """Log-likelihoods along the diagonal: those of clips of another fold are not asked for."""
    if any(one is None for one in parts):
        return None
    rows = [np.zeros((len(one), first[-1]), np.float32) for one in parts]
    for place, (row, one) in enumerate(zip(rows, parts, strict=True)):
        row[:, first[place] : first[place + 1]] = one
    return np.concatenate(rows)


def _own(parts: Sequence[DecodedClips], name: str, instead: Sequence[np.ndarray]) -> np.ndarray | None:
    """The training mean of each listener, in the order of the pooled listeners' names; None if no fold has any.

    ``instead`` is what a fold without has: there, all were trained on the same stimuli, and the mean of all is everybody's.
    """
    if all(getattr(one, name) is None for one in parts):
        return None
    of: dict[str, np.ndarray] = {}
    for fold, (one, common) in enumerate(zip(parts, instead, strict=True)):
        own = getattr(one, name)
        for place, subject in enumerate(np.unique(one.subject)):
            of[f"{subject} fold {fold}"] = common if own is None else own[place]
    return np.stack([of[listener] for listener in np.unique(list(of))])


def _voxels(tables: Sequence[pd.DataFrame | None]) -> pd.DataFrame | None:
    """The mean strength of each voxel over folds, where all folds have the same voxels."""
    known = [one for one in tables if one is not None]
    if len(known) < len(tables) or any(len(one) != len(known[0]) for one in known):
        return None
    same = all(one.subject.equals(known[0].subject) and one[PLACES].equals(known[0][PLACES]) for one in known)
    return known[0].assign(strength=np.mean([one.strength for one in known], axis=0)) if same else None
