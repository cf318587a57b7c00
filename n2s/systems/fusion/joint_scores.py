"""What the joint model says of the pairs of a split: the scores of each modality, ranks, and how alike the estimates are."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from lightning.pytorch import LightningModule
from torch import Tensor

from n2s.data.paired_batch import PairedBatch
from n2s.metrics.retrieval import ranks
from n2s.systems.processes import gathered

TOP = (1, 5, 10)
USUAL = "listen"  # the condition that most people have
PARTS = ("loss_meg", "loss_fmri", "loss_both", "loss_between")


@dataclass(frozen=True)
class TestedPairs:
    """Scores (n, k) of both modalities for all pairs of a split, 0 where a pair lacks it; and the estimates as unit vectors (n, d)."""

    __test__ = False  # pytest takes classes of this name for tests

    meg: np.ndarray
    fmri: np.ndarray
    meg_estimate: np.ndarray | None = None
    fmri_estimate: np.ndarray | None = None

    def across(self, table: pd.DataFrame) -> dict[str, np.ndarray | None]:
        """``meg_to_fmri`` and ``fmri_to_meg``: how alike a pair's estimate is to the other modality's of the same person's pairs.

        Of several responses to a segment, the first in the pair's own condition is taken; without one, the first while listening.

        Parameters
        ----------
        table
            n pairs (`PairedDataModule.pair_table`).

        Returns
        -------
        Each (n, k), NaN where the person has no pair with that segment and the other modality; None without estimates of both.
        """
        names = {"meg_to_fmri": ("meg", "fmri"), "fmri_to_meg": ("fmri", "meg")}
        if not ((table.meg >= 0) & (table.fmri >= 0)).any():
            return dict.fromkeys(names)
        return {name: self._across(table, *sides) for name, sides in names.items()}

    def _across(self, table: pd.DataFrame, one: str, other: str) -> np.ndarray:
        estimates = {"meg": self.meg_estimate, "fmri": self.fmri_estimate}
        found = np.full(self.meg.shape, np.nan, np.float32)
        has = {name: (table[name] >= 0).to_numpy() for name in (one, other)}
        person, condition, heard = (table[name].to_numpy() for name in ("person", "condition", "segment"))
        for (who, what), rows in table.reset_index(drop=True).groupby(["person", "condition"]).indices.items():
            asked, known = rows[has[one][rows]], np.flatnonzero(has[other] & (person == who))
            later = np.where(condition[known] == what, 0, np.where(condition[known] == USUAL, 1, 2))
            known = known[np.argsort(later, kind="stable")]
            segment, first = np.unique(heard[known], return_index=True)
            compared = estimates[one][asked].astype(np.float32) @ estimates[other][known[first]].astype(np.float32).T
            found[np.ix_(asked, segment)] = compared
        return found


class JointScores:
    """Collects the pairs of a validation or test, batch by batch.

    Parameters
    ----------
    module
        The model, with ``loss``, ``data`` and ``encoded_segments``.
    split
        ``val`` or ``test``.
    estimates
        Keep the estimates, too.
    """

    def __init__(self, module: LightningModule, split: str, *, estimates: bool = False):
        self.module, self.split, self.estimates = module, split, estimates
        self.candidates = module.encoded_segments(split)
        self.table = module.data.pair_table(split)
        self.rows: list[Tensor] = []
        self.parts: list[list[Tensor]] = []
        self.losses: dict[str, Tensor] = {}

    def add(self, batch: PairedBatch, meg: Tensor, fmri: Tensor, losses: dict[str, Tensor] | None = None) -> None:
        """The estimates of a batch; ``losses``: each part's mean over those of its rows that have it."""
        self.rows.append(batch.row)
        found = []
        for estimate, at in ((meg, batch.meg_at), (fmri, batch.bold_at)):
            found.append(_placed(self.module.loss.scores(estimate, self.candidates), at, len(batch)).float().cpu())
        if self.estimates:
            for estimate, at in ((meg, batch.meg_at), (fmri, batch.bold_at)):
                unit = torch.nn.functional.normalize(estimate.flatten(1).float(), dim=1)
                found.append(_placed(unit, at, len(batch)).half().cpu())
        self.parts.append(found)
        if losses:
            self.add_losses({name: batch.has(name) for name in ("meg", "fmri")}, losses)

    def add_losses(self, has: dict[str, Tensor], losses: dict[str, Tensor]) -> None:
        """The losses of a batch; ``has``: by modality, (b,) bool, its rows with ``meg`` and with ``fmri``."""
        n_rows = {"loss_meg": has["meg"].sum(), "loss_fmri": has["fmri"].sum(), "loss_both": len(has["meg"])}
        n_rows["loss_between"] = (has["meg"] & has["fmri"]).sum()
        for name in PARTS:
            if name in losses:
                n = float(n_rows[name])
                weighted = torch.tensor([float(losses[name].detach()) * n, n], dtype=torch.double)
                self.losses[name] = self.losses.get(name, 0) + weighted

    def log_losses(self) -> None:
        """The parts of ``val/loss``, each the mean over the rows of all processes that have it, and their sum as in training."""
        sums = torch.stack([self.losses.get(name, torch.zeros(2).double()) for name in PARTS]).float()
        sums = self.module.trainer.strategy.reduce(sums.to(self.module.device), reduce_op="sum").cpu()
        found = {name: total / n for name, (total, n) in zip(PARTS, sums, strict=True) if n}
        if not found:
            return
        weight = {"loss_between": self.module.between_weight}
        found = {"loss": sum(weight.get(name, 1.0) * value for name, value in found.items())} | found
        for name, value in found.items():
            shown = {"prog_bar": name == "loss", "sync_dist": True}
            self.module.log(f"{self.split}/{name}", value.to(self.module.device), **shown)

    def finish(self) -> TestedPairs:
        """Log the ranks, and give the scores of all pairs in their order."""
        module = self.module
        k, d = len(self.candidates), self.candidates[0].numel()
        kinds = [(k, torch.float32)] * 2 + [(d, torch.half)] * (2 * self.estimates)
        nothing = [torch.zeros(0, width, dtype=kind) for width, kind in kinds]
        row = torch.cat([torch.zeros(0, dtype=torch.long), *self.rows])
        parts = [torch.cat(one) for one in zip(nothing, *self.parts, strict=True)]
        if module.trainer.world_size > 1:
            shares = module.all_gather(torch.tensor(len(row), device=module.device)).tolist()
            row, *parts = (gathered(module, one.to(module.device), shares).cpu() for one in (row, *parts))
        order = row.argsort()
        row, found = row[order], [one[order] for one in parts]
        self._log_ranks(row, *found[:2])
        return TestedPairs(*(one.numpy() for one in found))

    def _log_ranks(self, row: Tensor, meg: Tensor, fmri: Tensor) -> None:
        table = self.table.iloc[row.numpy()].reset_index(drop=True)
        has = {"meg_": (table.meg >= 0).to_numpy(), "fmri_": (table.fmri >= 0).to_numpy()}
        both = has["meg_"] & has["fmri_"]
        has[""] = both if both.any() else np.ones(len(table), bool)
        for name, scores in {"": meg + fmri, "meg_": meg, "fmri_": fmri}.items():
            chosen = np.flatnonzero(has[name])
            if not len(chosen) or (name and both.sum() == 0):
                continue
            rank, n_candidates = self._ranks(table, chosen, scores)
            for k in TOP:
                shown = {"prog_bar": not name and k == 10, "sync_dist": True}
                self.module.log(f"{self.split}/{name}top{k}", float((rank < k).mean()), **shown)
                if self.split == "val" and not name:  # shown beside it in dashboards
                    self.module.log(f"val/chance_top{k}", float(np.minimum(1, k / n_candidates).mean()), sync_dist=True)

    def _ranks(self, table: pd.DataFrame, chosen: np.ndarray, scores: Tensor) -> tuple[np.ndarray, np.ndarray]:
        """The rank of the true segment of some pairs among those that the person heard, and how many these are."""
        segment, person = table.segment.to_numpy(), table.person.to_numpy()
        allowed = np.zeros((len(chosen), scores.shape[1]), bool)
        for name in np.unique(person[chosen]):
            allowed[np.ix_(np.flatnonzero(person[chosen] == name), np.unique(segment[person == name]))] = True
        return ranks(scores.numpy()[chosen], segment[chosen], allowed), allowed.sum(1)


def _placed(values: Tensor, at: Tensor, n: int) -> Tensor:
    """(e, w) values of some rows -> (n, w), 0 elsewhere."""
    return torch.zeros(n, values.shape[1], dtype=values.dtype, device=values.device).index_copy(0, at, values)
