"""Semantic vectors of the training clips from a semantic run: predictions by ridges that had not seen the clip."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from n2s.data.fmri import FMRIDataModule
from n2s.errors import UserError
from n2s.systems.clips.semantic import out_of_fold_file
from n2s.systems.stages import StageRun


@dataclass(frozen=True)
class Meanings:
    """The semantic vector of each training clip: usually the out-of-fold prediction, sometimes the true one.

    Parameters
    ----------
    predicted, true
        (n, d) In the row order of the training split, z-scored.
    p_truth
        Probability that a clip gets its true semantic vector.
    """

    predicted: Tensor
    true: Tensor
    p_truth: float

    @classmethod
    def of_run(cls, run: StageRun, data: FMRIDataModule, p_truth: float) -> "Meanings":
        """Load the predictions that a run of `n2s.systems.Semantic` saved."""
        table = data.splits["train"].table
        found: list[np.ndarray | None] = [None] * len(table)
        true = list(found)
        for index, subject in enumerate(data.subjects):
            file = out_of_fold_file(run.folder, subject)
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
        return cls(torch.from_numpy(np.stack(found)), torch.from_numpy(np.stack(true)), p_truth)

    def drawn(self, rows: Tensor) -> Tensor:
        """Draw semantic vectors, ``(b,) -> (b, d)``; each call draws again."""
        if not self.p_truth:
            return self.predicted[rows]
        told = torch.rand(len(rows), 1) < self.p_truth
        return torch.where(told, self.true[rows], self.predicted[rows])
