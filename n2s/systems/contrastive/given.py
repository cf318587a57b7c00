"""Estimates of anybody's model, scored as those of a trained network: the same rows, controls and ceiling."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from n2s.data.meg import MEGDataModule
from n2s.errors import UserError
from n2s.losses import ClipLoss
from n2s.systems.contrastive.result import RetrievalResult
from n2s.systems.contrastive.sets import single_windows
from n2s.systems.contrastive.task import Contrastive
from n2s.systems.system import System


def given_sets(
    data: MEGDataModule,
    estimate_of: Callable[[tuple[int, ...]], Tensor],
    *,
    system: System | None = None,
    encoder: nn.Module | None = None,
    seed: int = 0,
) -> dict[str, RetrievalResult]:
    """The results of estimates of all test windows, by name: ``test``, or each study.

    Parameters
    ----------
    data
        Set up.
    estimate_of
        Shape (f, t) of what is compared -> (n, f, t) estimates of all test windows, in their order.
    system
        A `Contrastive`, whose loss and target encoder compare; None: inner products with targets of length 1.
    encoder
        The network, whose spatial attention is drawn if it has one.
    seed
        Seed for ties of controls.

    Raises
    ------
    UserError
        The system is another one, or sees more than single windows.
    """
    if system is not None and (not isinstance(system, Contrastive) or system.context is not None):
        what = (
            "has a context, and sees whole sentences"
            if isinstance(system, Contrastive)
            else "makes no estimate of what was heard"
        )
        raise UserError(f"n2s.evaluate: {type(system).__name__} {what}. Test it with n2s test.")
    module = _Given(data, estimate_of, system, encoder)
    studies = data.windows["test"].by_study()
    return {("test" if len(studies) == 1 else one): single_windows(data, module, one, seed) for one in studies}


class _Given(System):
    """Estimates in the place of a tested `Contrastive`: what its test sets ask for."""

    context, encoding_model, linear_decoder = None, True, True

    def __init__(
        self,
        data: MEGDataModule,
        estimate_of: Callable[[tuple[int, ...]], Tensor],
        system: Contrastive | None,
        encoder: nn.Module | None,
    ):
        super().__init__()
        self._data, self.encoder, self._system = data, encoder, [system]  # in a list: no part of this module
        self.loss = ClipLoss() if system is None else system.loss
        with torch.inference_mode():
            compared = self.encoded_segments("test", np.arange(len(data.windows["test"].first)))
            estimate = estimate_of(tuple(compared.shape[1:]))
            scores = self.loss.scores(estimate.to(compared), compared).float().cpu()
        self.tested = torch.arange(len(scores)), scores

    @property
    def data(self) -> MEGDataModule:
        return self._data

    @property
    def device(self) -> torch.device:
        """That of the system."""
        return torch.device("cpu") if self._system[0] is None else self._system[0].device

    def encode_target(self, target: Tensor) -> Tensor:
        return target if self._system[0] is None else self._system[0].encode_target(target)

    def encoded_segments(self, split: str, segments: np.ndarray) -> Tensor:
        return Contrastive.encoded_segments(self, split, segments)
