"""A whole system in one file, outside the package: how loud each mel band was, from the power of the sensors."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from n2s.data import MEGDataModule
from n2s.data.batch import Batch
from n2s.metrics.intervals import t_interval
from n2s.metrics.result import Result
from n2s.metrics.score import ALL, Measure, Row, Score, Scores
from n2s.systems.system import System


class Bands(nn.Module):
    """``(b, c, t) -> (b, f)``."""

    def __init__(self, n_features: int, n_bins: int = 8):
        super().__init__()
        self.pool, self.head = nn.AdaptiveAvgPool1d(n_bins), nn.Linear(n_bins, n_features)

    def forward(self, brain: Tensor) -> Tensor:
        return self.head(self.pool(brain.abs().mean(1, keepdim=True))[:, 0])


@dataclass
class LevelResult(Result):
    predicted: np.ndarray
    true: np.ndarray
    subject: np.ndarray
    seed: int

    def scores(self) -> Scores:
        order = np.random.default_rng(self.seed).permutation(len(self.true))
        rows = {"model": self._row(self.predicted), "shuffled": self._row(self.predicted[order])}
        known = {"model": Row("model"), "shuffled": Row("shuffled brain", "control")}
        return Scores(known, {"correlation": Measure("correlation")}, {"correlation": rows})

    def _row(self, predicted: np.ndarray) -> dict[str, Score]:
        own = {
            str(n): np.corrcoef(predicted[r].ravel(), self.true[r].ravel())[0, 1]
            for n in np.unique(self.subject)
            if (r := self.subject == n).any()
        }
        over = t_interval(np.array(list(own.values())), bounds=(-1.0, 1.0))
        return {ALL: Score(*over, "95% t interval over subjects")} | {n: Score(float(r)) for n, r in own.items()}


class Level(System):
    takes = (MEGDataModule,)

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        loss = nn.functional.mse_loss(self.network(batch.brain), batch.target.mean(2))
        self.log("train/loss", loss, batch_size=len(batch))
        return loss

    def on_test_start(self) -> None:
        self._parts: list[tuple[Tensor, ...]] = []

    def test_step(self, batch: Batch, batch_index: int) -> None:
        self._parts.append((self.network(batch.brain), batch.target.mean(2), batch.subject))

    def results(self, seed: int) -> Mapping[str, LevelResult]:
        predicted, true, subject = (torch.cat(part).cpu().numpy() for part in zip(*self._parts, strict=True))
        names = np.array(self.data.subjects)
        return {"test": LevelResult(predicted, true, names[subject], seed)}
