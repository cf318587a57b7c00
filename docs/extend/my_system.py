"""A system: what is trained, what is tested, and which controls stand beside it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from my_metric import sign_agreement
from torch import Tensor, nn

from n2s.data import Batch, MEGDataModule
from n2s.metrics.intervals import t_interval
from n2s.metrics.result import Result
from n2s.metrics.score import ALL, Measure, Row, Score, Scores
from n2s.models.any_network import call
from n2s.systems.system import System


@dataclass
class CourseResult(Result):
    """Courses of test windows, ``(n, t)``, and who heard them: everything that scores are computed from."""

    predicted: np.ndarray
    true: np.ndarray
    subject: np.ndarray
    seed: int

    def scores(self) -> Scores:
        """The model, and the same with brains exchanged among windows. A score without a control is refused."""
        order = np.random.default_rng(self.seed).permutation(len(self.true))
        rows = {"model": self._row(self.predicted), "shuffled": self._row(self.predicted[order])}
        known = {"model": Row("model"), "shuffled": Row("shuffled brain", "control")}
        return Scores(known, {"agreement": Measure("sign agreement (%)", 100.0, 1)}, {"agreement": rows})

    def _row(self, predicted: np.ndarray) -> dict[str, Score]:
        of = {str(who): self.subject == who for who in np.unique(self.subject)}
        each = {who: sign_agreement(predicted[mine], self.true[mine]) for who, mine in of.items()}
        over = t_interval(np.array(list(each.values())), bounds=(0.0, 1.0))
        return {ALL: Score(*over, "95% t interval over subjects")} | {who: Score(one) for who, one in each.items()}


class Course(System):
    """Predicts the course of a feature by least squares.

    Parameters
    ----------
    network
        Any network, ``(b, c, t) -> (b, f, t)``.
    """

    takes = (MEGDataModule,)

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.save_hyperparameters()  # so that n2s.load makes it again
        self.network = network

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """A step of any Lightning module."""
        loss = nn.functional.mse_loss(call(self.network, *batch.inputs), batch.target)
        self.log("train/loss", loss, batch_size=len(batch))
        return loss

    def on_test_start(self) -> None:
        """Nothing is collected yet."""
        self._parts: list[tuple[Tensor, ...]] = []

    def test_step(self, batch: Batch, batch_index: int) -> None:
        """The first dimension of the feature."""
        estimate = call(self.network, *batch.inputs)
        self._parts.append((estimate[:, 0], batch.target[:, 0], batch.subject))

    def results(self, seed: int) -> Mapping[str, CourseResult]:
        """Test set -> its result. The table, the page, metrics.json and W&B are made from it."""
        predicted, true, subject = (torch.cat(part).cpu().numpy() for part in zip(*self._parts, strict=True))
        return {"test": CourseResult(predicted, true, np.array(self.data.subjects)[subject], seed)}
