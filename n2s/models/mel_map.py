"""A linear map from one spectrogram to another, frame by frame: what AudioMAE's decoder gives, as a vocoder takes it."""

import numpy as np
import torch
from torch import Tensor, nn

_MOST_FRAMES = 200_000  # enough for a few hundred bands, and seconds


class MelMap(nn.Module):
    """Ridge regression of the bands of a frame, with a bias: ``(b, f, t) -> (b, t, f')``.

    Parameters
    ----------
    n_inputs, n_outputs
        Bands.

    References
    ----------
    Liu et al. 2024, Reverse the auditory processing pathway: the baseline C2F-Decoder.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, n_inputs: int, n_outputs: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.zeros(n_inputs, n_outputs))
        self.register_buffer("bias", torch.zeros(n_outputs))

    def forward(self, spectrogram: Tensor) -> Tensor:
        """``(b, f, t) -> (b, t, f')``."""
        return spectrogram.mT.float() @ self.weight + self.bias

    def fit(self, spectrograms: np.ndarray, mels: Tensor, *, penalty: float = 1e-3) -> None:
        """From pairs of the same clips, ``(n, f, t)`` and ``(n, t, f')``; ``penalty`` is relative to the bands' variance."""
        inputs = torch.from_numpy(spectrograms).mT.flatten(0, 1).double()
        outputs = mels.flatten(0, 1).double()
        step = -(-len(inputs) // _MOST_FRAMES)
        inputs, outputs = inputs[::step], outputs[::step]
        mean, target_mean = inputs.mean(0), outputs.mean(0)
        inputs = inputs - mean
        gram = inputs.T @ inputs
        gram.diagonal().add_(penalty * gram.diagonal().mean() + 1e-9)  # never singular
        weight = torch.linalg.solve(gram, inputs.T @ (outputs - target_mean))
        self.weight.copy_(weight)
        self.bias.copy_(target_mean - mean @ weight)
