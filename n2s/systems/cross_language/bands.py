"""Shared against language-specific: one ridge with three bands, [features, features in the first language, features in the second]."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import torch
from torch import Tensor

from n2s.models.banded_ridge import BandedRidge
from n2s.systems.cross_language.cells import Training
from n2s.systems.cross_language.inner import inner_folds
from n2s.systems.cross_language.people import Trained
from n2s.systems.encoding.weights import solved

SHARED = "shared"


def pair_name(pair: Sequence[str]) -> str:
    """``es+eu``."""
    return "+".join(pair)


def pairs_of(trained: Trained) -> list[tuple[str, str]]:
    """The pairs of languages whose rows are all of the tested person's: parts of one voxel's variance need one brain."""
    own = [name for name, source in trained.sources.items() if source.inputs is trained.tested]
    return list(combinations(own, 2))


def banded(features: np.ndarray, language: np.ndarray, pair: Sequence[str]) -> list[np.ndarray]:
    """``(n, p)`` -> [(n, p) as they are, (n, p) where the first language is heard, (n, p) where the second is], 0 elsewhere."""
    return [features, *(features * (language == one)[:, None] for one in pair)]


def fit_bands(trained: Trained, spaces: Sequence[str], *, alphas: Sequence[float], n_folds: int, n_draws: int, seed: int,
              device: torch.device | str) -> dict[str, Tensor]:  # fmt: skip
    """Pair of languages -> (3, v) penalties, from equal amounts of both languages' training rows."""
    found = {}
    for pair in pairs_of(trained):
        bands, brain, groups = training_bands(trained, spaces, pair)
        where = f"{trained.subject}, {trained.fold.name}, bands of {pair_name(pair)}"
        ridge = BandedRidge(
            list(alphas), n_folds=inner_folds(groups, alphas, n_folds, where), n_draws=n_draws, seed=seed
        )
        ridge.fit([one.to(device) for one in bands], brain.to(device), groups)
        found[pair_name(pair)] = ridge.alpha_.float().cpu()
    return found


def training_bands(
    trained: Trained, spaces: Sequence[str], pair: Sequence[str]
) -> tuple[list[Tensor], Tensor, list[str]]:
    """Bands (n, p) each, brain (n, v), and stories (n,) of training rows: all of both languages, equally many."""
    rows = trained.tested.rows
    n = min(len(rows.train(one)) for one in pair)
    places = np.concatenate([rows.part(Training((one,)), 0, n) for one in pair])
    features = np.hstack([trained.tested.features(space)[places] for space in spaces])
    bands = [torch.from_numpy(one) for one in banded(features, rows.language[places], pair)]
    groups = rows.table.unit.astype(str).to_numpy()[places].tolist()
    return bands, torch.from_numpy(trained.tested.brain[places]), groups


def explained(
    trained: Trained, spaces: Sequence[str], pair: Sequence[str], penalties: Tensor, device: torch.device | str
) -> tuple[np.ndarray, np.ndarray]:
    """Sums over the held-out rows of each language, by which R2 is divided among the bands (`parts_of_r2`).

    Returns
    -------
    (2, 3, v), (2, v): of each language and band, the band's own prediction times (2 response - prediction of all); and of the response
    squared. Both without their mean in each run. Ratios are parts of R2 (the product measure: Pratt 1987), and sums over folds add up.
    """
    bands, brain, _ = training_bands(trained, spaces, pair)
    widths = [one.shape[1] for one in bands]
    train = torch.cat(bands, 1).to(device)
    weights = solved(train, brain.to(device), penalties.to(device), widths).cpu().numpy()
    rows = trained.tested.rows
    places = np.concatenate([rows.test(one) for one in pair])
    features = np.hstack([trained.tested.features(space)[places] for space in spaces])
    recording = rows.table.recording.cat.codes.to_numpy()[places]
    parts = [
        centred_by(x @ w, recording)
        for x, w in zip(
            banded(features, rows.language[places], pair), np.split(weights, np.cumsum(widths)[:-1]), strict=True
        )
    ]
    true, every = centred_by(trained.tested.brain[places].astype(np.float64), recording), np.sum(parts, axis=0)
    product, power = np.stack([one * (2 * true - every) for one in parts]), np.square(true)
    own = [rows.language[places] == one for one in pair]
    return np.stack([product[:, one].sum(1) for one in own]), np.stack([power[one].sum(0) for one in own])


def parts_of_r2(sums: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """(3, v) Parts of R2 of the bands, from `explained` of all folds: the mean of both languages' own, however long each was heard."""
    product, power = (sum(one[i] for one in sums) for i in (0, 1))
    return (product / np.maximum(power, 1e-30)[:, None]).mean(0)


def centred_by(values: np.ndarray, part: np.ndarray) -> np.ndarray:
    """(n, v) without the mean of each part."""
    found = np.array(values, np.float64)
    for one in np.unique(part):
        found[part == one] -= found[part == one].mean(0)
    return found
