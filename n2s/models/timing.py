"""The no-brain baseline: what timing alone predicts about the audio."""

import torch
from torch import Tensor


class TimingBaseline:
    """Ridge regression from the timing of a window to its target.

    It retrieves without a brain: from the time of a window in the story, and from the length of the sentence and word
    that it starts in. A decoder must be better than this.

    Parameters
    ----------
    alpha
        Penalty, in multiples of the number of windows (inputs are standardised).
    """

    def __init__(self, alpha: float = 1e-2):
        self.alpha = alpha

    def fit(self, timing: Tensor, target: Tensor) -> "TimingBaseline":
        """``timing (n, p)``, ``target (n, f, t)``: of training windows."""
        self._mean, self._deviation = timing.mean(0), timing.std(0).clamp_min(1e-6)
        inputs = self._inputs(timing)
        gram = inputs.T @ inputs + self.alpha * len(inputs) * torch.eye(inputs.shape[1])
        gram[0, 0] -= self.alpha * len(inputs)  # the mean is not penalised
        self._weights = torch.linalg.solve(gram, inputs.T @ target.flatten(1).double())
        self._shape = target.shape[1:]
        return self

    def predict(self, timing: Tensor) -> Tensor:
        """``(n, p) -> (n, f, t)``."""
        return (self._inputs(timing) @ self._weights).float().unflatten(1, self._shape)

    def _inputs(self, timing: Tensor) -> Tensor:
        scaled = ((timing - self._mean) / self._deviation).clamp(-5, 5).double()
        return torch.cat([torch.ones(len(scaled), 1, dtype=torch.float64), scaled, scaled**2], 1)
