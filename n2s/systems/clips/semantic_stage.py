"""What a finished semantic run gives to the next stage: its ridges, and its predictions of clips that they had not seen."""

import pickle
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from n2s.data.fmri import FMRIDataModule
from n2s.errors import UserError
from n2s.models.fitted_ridge import FittedRidge
from n2s.systems.clips.decoder import SUBJECTS, part_of
from n2s.systems.clips.semantic import check_same_voxels, out_of_fold_file
from n2s.training.experiments import trained_run
from n2s.training.run import Run

SEMANTIC_RUN = "n2s_semantic_run"  # key of a checkpoint that was trained after one


@dataclass(frozen=True)
class SemanticRun:
    """A run of `Semantic` that came to its end."""

    folder: Path

    @classmethod
    def found(cls, given: str, experiment: Path) -> "SemanticRun":
        """See `n2s.training.experiments.trained_run`."""
        run = trained_run(given, experiment, key="model.semantic_run", recipe="configs/fmri_semantic.yaml")
        return cls(run.folder.absolute())

    def ridge(self, data: FMRIDataModule, subject: int) -> FittedRidge:
        """The ridge of one of the data's subjects, checked to be of the same voxels."""
        file = Run(self.folder).weights
        try:
            checkpoint = torch.load(file, map_location="cpu", weights_only=True)
        except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
            raise UserError(f"{file} cannot be read ({str(error).splitlines()[0]}). Fit that run again.") from None
        names, name = checkpoint.get(SUBJECTS, []), data.subjects[subject]
        if name not in names:
            raise UserError(f"{self.folder} has no ridge of {name}; there are {', '.join(names) or 'none'}.")
        state = part_of(checkpoint["state_dict"], f"networks.{names.index(name)}.")
        if "selected" not in state:
            raise UserError(f"{self.folder} is no run of Semantic. Name one in model.semantic_run.")
        ridge = FittedRidge()
        ridge.load_state_dict(state)
        check_same_voxels(ridge, data, subject)
        return ridge

    def out_of_fold(self, data: FMRIDataModule) -> tuple[Tensor, Tensor]:
        """Predicted and true semantic vectors, z-scored, ``(n, d)`` by row of the training split."""
        table = data.splits["train"].table
        found: list[np.ndarray | None] = [None] * len(table)
        true = list(found)
        for index, subject in enumerate(data.subjects):
            file = out_of_fold_file(self.folder, subject)
            if not file.is_file():
                raise UserError(f"no {file}. Fit the semantic stage with model.out_of_fold true.")
            with np.load(file, allow_pickle=False) as arrays:
                place = {key: row for row, key in enumerate(arrays["key"])}
                predicted, own = arrays["predicted"], arrays["true"]
            for row in data.splits["train"].rows_of(index):
                key = table.key.iloc[row]
                if key not in place:
                    raise UserError(
                        f"{file} has no prediction of the training clip {key}. Fit the semantic stage with the same studies, "
                        "split, lag_s and window_s."
                    )
                found[row], true[row] = predicted[place[key]], own[place[key]]
        return torch.from_numpy(np.stack(found)), torch.from_numpy(np.stack(true))


@dataclass(frozen=True)
class Meanings:
    """What a decoder is told about each training clip: mostly the out-of-fold prediction, at times the truth.

    Parameters
    ----------
    predicted, true
        (n, d) By row of the training split, z-scored; see `SemanticRun.out_of_fold`.
    p_truth
        Chance of a clip to be told truly.
    """

    predicted: Tensor
    true: Tensor
    p_truth: float

    def drawn(self, rows: Tensor) -> Tensor:
        """``(b,) -> (b, d)``, drawn anew each time."""
        if not self.p_truth:
            return self.predicted[rows]
        told = torch.rand(len(rows), 1) < self.p_truth
        return torch.where(told, self.true[rows], self.predicted[rows])
