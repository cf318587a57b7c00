"""The fit of one subject and fold: the penalties of every cell, encoding and decoding, and of the three bands."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch

from n2s.data.encoding_data import EncodingData, Fold
from n2s.errors import UserError
from n2s.models.encoding_ridge import EncodingRidge
from n2s.models.held_out_residuals import held_out_r2
from n2s.options import check_number
from n2s.systems.cross_language.bands import fit_bands
from n2s.systems.cross_language.cells import Training, cells_of, trainings_of
from n2s.systems.cross_language.inner import inner_folds
from n2s.systems.cross_language.people import Examples, People, Trained
from n2s.systems.encoding.inputs import mark, rows_hash


@dataclass(frozen=True)
class Plan:
    """What is fitted, and how; see `n2s.systems.CrossLanguage`.

    ``spaces``: the main feature space and the controls.
    """

    languages: tuple[str, ...]
    spaces: tuple[str, ...]
    banded: tuple[str, ...]
    alphas: tuple[float, ...]
    n_folds: int
    people: People
    n_people: int | None
    equal_rows: bool
    decode: bool
    n_voxels: int | None
    matched: bool
    rate: str
    n_draws: int
    seed: int

    def __post_init__(self) -> None:
        for alpha in self.alphas:
            check_number("model.alphas", alpha, above=0)
        check_number("model.n_folds", self.n_folds, low=2, whole=True)
        check_number("model.n_people", self.n_people, low=1, whole=True)
        check_number("model.n_voxels", self.n_voxels, low=1, whole=True)
        check_number("model.n_draws", self.n_draws, low=1, whole=True)
        check_number("model.seed", self.seed, low=0, whole=True)

    def plain(self) -> dict:
        """For checkpoints."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    def trained(self, data: EncodingData, subject: str, fold: Fold, languages: Mapping[str, Sequence[str]]) -> Trained:
        """Where training rows come from."""
        return Trained(
            data, subject, fold, languages, people=self.people, n_people=self.n_people, equal=self.equal_rows, rate=self.rate, seed=self.seed
        )  # fmt: skip

    def trainings(self, tested: Sequence[str]) -> list[Training]:
        """Those of all cells that test one of some languages."""
        cells = cells_of(self.languages, matched=self.matched)
        return trainings_of([cell for cell in cells if cell.test in tested])


def fit_fold(
    data: EncodingData,
    subject: str,
    fold: Fold,
    plan: Plan,
    languages: Mapping[str, Sequence[str]],
    *,
    device: torch.device | str = "cpu",
) -> dict:
    """Choose the penalties of every cell from the training rows of a fold.

    Returns
    -------
    ``encoding``: `key` -> (v,) penalties; ``decoding``: `key` -> ``alpha (f,)``, ``voxels (k,)``; ``bands``: pair of languages ->
    (3, v) penalties; ``marks``: what a test knows the data by.
    """
    trained = plan.trained(data, subject, fold, languages)
    found: dict = {"encoding": {}, "decoding": {}, "bands": {}}
    known = [name for name in languages[subject] if len(trained.tested.rows.test(name))]
    for space in plan.spaces:
        for training in plan.trainings(known):
            if not set(training.languages) <= set(trained.sources):
                continue
            where = f"{subject}, {fold.name}, {training.label}, '{space}'"
            examples = trained.encoding(training, space)
            ridge = fitted(examples, plan, where, device)
            found["encoding"][key(space, training)] = ridge.alpha_.float().cpu()
            if plan.decode:
                voxels = best_voxels(ridge, examples, plan.n_voxels, where)
                decoder = fitted(trained.decoding(training, space, voxels), plan, where, device)
                found["decoding"][key(space, training)] = {
                    "alpha": decoder.alpha_.float().cpu(),
                    "voxels": torch.from_numpy(voxels),
                }
    if plan.banded:
        found["bands"] = fit_bands(trained, plan.banded, alphas=plan.alphas, n_folds=plan.n_folds, n_draws=plan.n_draws, seed=plan.seed, device=device)  # fmt: skip
    for space in plan.spaces:
        trained.tested.features(space)  # its mark, also where others are learned from
    marks = {name: torch.from_numpy(one) for name, one in trained.tested.marks.items()}
    marks |= {
        "rows": rows_hash(data, subject, fold),
        "brain": torch.from_numpy(mark(trained.tested.brain[: trained.tested.rows.n_train])),
    }
    return found | {"marks": marks}


def key(space: str, training: Training) -> str:
    """The name of a fit in checkpoints."""
    return f"{space}|{training.key}"


def fitted(examples: Examples, plan: Plan, where: str, device: torch.device | str) -> EncodingRidge:
    """A ridge whose penalties are chosen by whole stories.

    Raises
    ------
    UserError
        Training rows are of one story alone.
    """
    n_folds = inner_folds(examples.groups, plan.alphas, plan.n_folds, where)
    ridge = EncodingRidge(list(plan.alphas), n_folds=n_folds)
    return ridge.fit(examples.x.to(device), examples.y.to(device), examples.groups)


def best_voxels(ridge: EncodingRidge, examples: Examples, n_voxels: int | None, where: str) -> np.ndarray:
    """(k,) numbers, ascending, of the voxels that the encoding model predicts best inside its training rows; all if None.

    Raises
    ------
    UserError
        There is one penalty and one story: no row was predicted from others.
    """
    n = ridge.alpha_.shape[0]
    if n_voxels is None or n_voxels >= n:
        return np.arange(n)
    if len(ridge.alphas) < 2 and len(set(examples.groups)) < 2:
        raise UserError(
            f"{where}: model.n_voxels is {n_voxels} of {n}, and voxels are chosen by held-out stories of the training rows, which are of one story. Take more "
            "stories, or set model.n_voxels to null for all voxels."
        )
    x, y = examples.x.to(ridge.alpha_), examples.y.to(ridge.alpha_)
    score = held_out_r2(ridge, x, y, examples.groups).cpu().numpy()
    return np.sort(np.argsort(-score, kind="stable")[:n_voxels])
