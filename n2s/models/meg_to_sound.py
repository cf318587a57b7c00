"""The acoustic stage of MEG and EEG: from a window of the brain to AudioMAE's tokens, and to the spectrogram that they stand for."""

import copy

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn.functional import pad

from n2s.models.acoustic_decoder import AcousticDecoder
from n2s.models.audiomae import GRID, AudioMAE
from n2s.models.brain_to_sound import ToSound


class WindowTokens(nn.Module):
    """The memory of an `AcousticDecoder`: the brain encoder's output for each stretch of a window, and its place.

    Parameters
    ----------
    encoder
        ``(brain, positions, subject, mask, kind) -> (b, f, t)``. One without gradients stays in evaluation mode.
    n_features
        f.
    n_times, length
        Stretches, and the samples of each. The last one is filled with zeros.
    dim
        Width of a token.
    """

    def __init__(self, encoder: nn.Module, n_features: int, *, n_times: int, length: int, dim: int):
        super().__init__()
        self.encoder = encoder
        self.stretches = nn.Conv1d(n_features, dim, length, stride=length)
        self.moments = nn.Parameter(torch.randn(n_times, dim))

    def forward(self, *window: Tensor) -> Tensor:
        """What the encoder takes ``-> (b, n_times, dim)``, without the stretches' own part, `moments`."""
        features = self.encoder(*window)
        n_samples = len(self.moments) * self.stretches.kernel_size[0]
        return self.stretches(pad(features, (0, n_samples - features.shape[-1]))).mT

    def train(self, mode: bool = True) -> "WindowTokens":
        """See torch."""
        super().train(mode)
        if not any(value.requires_grad for value in self.encoder.parameters()):
            self.encoder.eval()
        return self


class MEGToSound(ToSound):
    """A brain encoder of all listeners, the acoustic decoder, and AudioMAE's decoder.

    The brain gives a token for each time of the patches. The token is also mapped linearly to the patches of
    that time: most of the information is there, and the Transformer, which would have to learn where to look, adds the
    rest.

    Parameters
    ----------
    encoder
        It is copied; see `WindowTokens`.
    n_features
        Width of the encoder's output.
    length
        Samples of the encoder's output that make a token.
    mean, deviation, decoder, audiomae
        See `n2s.models.brain_to_sound.ToSound`.
    """

    def __init__(
        self,
        encoder: nn.Module,
        n_features: int,
        length: int,
        *,
        mean: Tensor,
        deviation: Tensor,
        decoder: AcousticDecoder,
        audiomae: AudioMAE,
    ):
        super().__init__(mean, deviation, decoder=decoder, audiomae=audiomae)
        n_patch, dim = mean.shape
        n_times = n_patch // GRID[1]
        self.tokens = WindowTokens(copy.deepcopy(encoder), n_features, n_times=n_times, length=length, dim=dim)
        self.same_time = nn.Linear(dim, GRID[1] * dim)

    @classmethod
    def blank(
        cls, encoder: nn.Module, state: dict[str, Tensor], *, decoder: AcousticDecoder, audiomae: AudioMAE
    ) -> "MEGToSound":
        """A network into which this state dict can be loaded."""
        _, n_features, length = state["tokens.stretches.weight"].shape
        moments = {name: state[name] for name in ("mean", "deviation")}
        return cls(encoder, n_features, length, **moments, decoder=decoder, audiomae=audiomae)

    def forward(self, *window: Tensor) -> Tensor:
        """``brain (b, c, t), positions, subject, mask, kind``, as `n2s.models.BrainEncoder` takes them ``-> (b, n_patch, d)``."""
        said = self.tokens(*window)
        here = rearrange(self.same_time(said), "b time (mel d) -> b (time mel) d", mel=GRID[1])
        return self.decoded(said + self.tokens.moments) + self.deviation * here
