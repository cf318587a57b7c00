"""The tiny recipe with data that are dealt to folds, and a result that is pooled: a cross-validation in seconds."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tiny_recipe
import torch
from torch.utils.data import DataLoader, TensorDataset

from n2s.data.cross_validated import check_folds
from n2s.errors import UserError
from n2s.metrics.result import Result
from n2s.metrics.score import ALL, Measure, Row, Score, Scores


class FoldedData(tiny_recipe.TinyData):
    """24 vectors; ``fold`` of ``n_folds`` holds out every n-th."""

    def __init__(
        self, root: str = "data", batch_size: int = 4, n_folds: int = 4, fold: int = 0, validation: bool = True
    ):
        super().__init__(root, batch_size)
        self.n_folds, self.fold, self.validation = n_folds, fold, validation

    @classmethod
    def folded(cls, options, n_folds, *, validation):
        check_folds(n_folds, validation=validation, where="--cross_validate")
        return [dict(options) | {"n_folds": n_folds, "fold": k, "validation": validation} for k in range(n_folds)]

    @property
    def validates(self):
        return self.validation

    def setup(self, stage):
        if self.root == f"breaks in {self.fold}":
            raise UserError("data.root breaks.")
        super().setup(stage)

    def _part(self, held_out: bool, shuffle: bool):
        place = np.arange(tiny_recipe.N)
        rows = place[(place % self.n_folds == self.fold) == held_out]
        generator = torch.Generator().manual_seed(1)
        whole = TensorDataset(
            torch.randn(tiny_recipe.N, tiny_recipe.N_IN, generator=generator),
            torch.randint(tiny_recipe.N_SUBJECTS, (tiny_recipe.N,), generator=generator),
            torch.randn(tiny_recipe.N, tiny_recipe.N_FEATURES, generator=generator),
        )
        return DataLoader(torch.utils.data.Subset(whole, rows.tolist()), self.batch_size, shuffle=shuffle)

    def train_dataloader(self):
        return self._part(False, True)

    def val_dataloader(self):
        return self._part(False, False) if self.validation else []

    def test_dataloader(self):
        return self._part(True, False)


@dataclass
class ErrorResult(Result):
    """The error of each held-out vector, and that of a guess of 0."""

    error: np.ndarray
    guess: np.ndarray

    @classmethod
    def pooled(cls, parts):
        return cls(*(np.concatenate([getattr(one, name) for one in parts]) for name in ("error", "guess")))

    def scores(self):
        rows = {"model": Row("model"), "guess": Row("guess", "control")}
        values = {row: {ALL: Score(float(v.mean()))} for row, v in (("model", self.error), ("guess", self.guess))}
        return Scores(rows, {"error": Measure("error", higher_is_better=False)}, {"error": values})


@dataclass
class Apart(Result):
    """A result that says nothing of folds."""

    error: np.ndarray
    guess: np.ndarray

    scores = ErrorResult.scores


class ScoredDecoder(tiny_recipe.TinyDecoder):
    def on_test_start(self):
        self._errors = []

    def test_step(self, batch, batch_index):
        x, subject, y = batch
        self._errors.append((((self.encoder(x, subject) - y) ** 2).mean(1), (y**2).mean(1)))

    def results(self, seed):
        return {"test": ErrorResult(*(torch.cat(part).numpy() for part in zip(*self._errors, strict=True)))}


def write(path: Path = Path("tiny.yaml"), **changes) -> None:
    """The recipe."""
    content = tiny_recipe.recipe(epochs=2)["model"]["init_args"]
    tiny_recipe.write_recipe(
        path,
        epochs=2,
        model={"class_path": "fold_recipe.ScoredDecoder", "init_args": content},
        data={"class_path": "fold_recipe.FoldedData"},
        **changes,
    )
