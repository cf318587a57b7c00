"""An encoding model of one person's BOLD as a decoder: how likely the volumes of a segment are under what each candidate would evoke."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from n2s.data.paired import PairedDataModule
from n2s.systems.fusion.bold_rows import training_rows
from n2s.systems.fusion.low_rank import N_FEATURES, Rows, fit_low_rank

SHRINKAGES = (0.1, 0.3, 0.7)
LEAST_VARIANCE = 1e-3  # of a direction over time, of a volume's noise
LEAST_POWER = 1e-6  # of a component of what was heard, of the largest one


@dataclass
class BoldDecoder:
    """A fitted model; tensors of float64.

    Parameters
    ----------
    delays_s
        (q,) Of the haemodynamic response; the first is tried alone, too.
    features
        (c, f) From columns of what was heard to principal components of variance 1.
    components
        (p, r) From the person's courses to responses with independent noise of variance 1.
    weights
        (q, f, r)
    memory
        (m,) Autocovariance of the noise at 0, 1, ... volumes.
    held_out
        Log-likelihoods of left-out training segments: see `n2s.systems.fusion.low_rank.LowRank`.
    chosen
        See there.
    """

    delays_s: Tensor
    features: Tensor
    components: Tensor
    weights: Tensor
    memory: Tensor
    held_out: list[Tensor]
    chosen: dict[str, float]

    def would(self, columns: Tensor) -> Tensor:
        """(t, q, c) what is heard -> (t, r) the responses it would evoke."""
        return torch.einsum("tqc,cf,qfr->tr", columns, self.features, self.weights)

    def scores(self, would: Tensor, seen: Tensor, cleaning: Tensor) -> Tensor:
        """Log-likelihoods (k,) of some cleaned volumes of a run.

        Parameters
        ----------
        would
            (k, s, r) Responses in these s volumes that candidates would evoke, cleaned as they were.
        seen
            (s, p) The volumes.
        cleaning
            (s, t) What makes cleaned volumes of the whole run's: noise over time was cleaned, too.
        """
        memory = torch.zeros(cleaning.shape[1], dtype=torch.float64)
        memory[: len(self.memory)] = self.memory[: len(memory)]
        at = torch.arange(len(memory))
        variance, axes = torch.linalg.eigh(cleaning @ memory[(at[:, None] - at).abs()] @ cleaning.T)
        known = variance > LEAST_VARIANCE * memory[0]  # of the rest, cleaning has left nothing
        filtering = (axes[:, known] / variance[known].sqrt()).T
        would, seen = filtering @ would, filtering @ (seen @ self.components)
        return would.flatten(1) @ seen.flatten() - 0.5 * would.square().sum((1, 2))

    def plain(self) -> dict:
        """What a checkpoint keeps."""
        return dict(vars(self))


def fit_bold(data: PairedDataModule, subject: str, delays_s: Sequence[float]) -> BoldDecoder:
    """Fit one person (``study/id``).

    What was heard, through Glover's response, predicts the components of the person's voxels, both cleaned as the run was. Components are as
    large as they are in voxels: their noise is more alike then than when they are whitened.

    Raises
    ------
    TooFewSounds
        Too few training sounds.
    """
    axes = np.linalg.norm(np.asarray(data.courses(subject).axes, np.float64), axis=0)
    scale = np.where(axes > 0, 1 / np.where(axes > 0, axes, 1), 0)
    scale /= scale[scale > 0].mean()
    found = training_rows(data, subject, delays_s)
    response = (found.response * scale)[:, scale > 0]
    features = principal(found.design[:, 0])
    rows = Rows(
        found.design @ features, response, found.group, found.place, found.windows, (1, len(delays_s)), SHRINKAGES, True
    )
    model = fit_low_rank(rows)
    components = np.zeros((len(scale), model.components.shape[1]))
    components[scale > 0] = scale[scale > 0, None] * model.components
    tensors = (np.array(delays_s, float), features, components, model.weights, model.memory)
    return BoldDecoder(*map(torch.from_numpy, tensors), [torch.from_numpy(one) for one in model.held_out], model.chosen)  # type: ignore[call-arg]


def principal(columns: np.ndarray) -> np.ndarray:
    """(n, c) -> (c, f) onto principal components of variance 1, the largest first, at most as many as are tried."""
    power, axes = np.linalg.eigh(columns.T @ columns / len(columns))
    kept = np.flatnonzero(power > LEAST_POWER * max(power[-1], 1e-300))[::-1][: max(N_FEATURES)]
    return axes[:, kept] / np.sqrt(power[kept])
