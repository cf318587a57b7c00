"""VGGish, whose embeddings the Fréchet audio distance compares (Hershey et al. 2017; Kilgour et al. 2019).

The names of its weights are those of torchvggish's ``vggish-10086976.pth``. Embeddings are as they come: no PCA, no
8-bit steps, and no ReLU after the last layer.
"""

import math
from itertools import pairwise
from pathlib import Path

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from n2s.models.weights import fill, find_weights, read_weights

SFREQ = 16000
PUBLISHED = "vggish-10086976.pth"
GET = f"Get {PUBLISHED} from https://github.com/harritaylor/torchvggish/releases (v0.1) and name the file."
WINDOW, HOP, N_FFT = 400, 160, 512  # samples: 25 ms, every 10 ms
N_MELS, FMIN, FMAX = 64, 125.0, 7500.0  # Hz
N_FRAMES = 96  # of an example: 0.96 s, without overlap
SHORTEST = (N_FRAMES - 1) * HOP + WINDOW  # samples: 0.975 s
_OFFSET = 0.01  # added before the logarithm


class VGGish(nn.Module):
    """``(b, 96, 64) -> (b, n_features)``: log-mel examples of 0.96 s to embeddings.

    Parameters
    ----------
    width
        Channels of the first convolution; those after it have 2, 4, 4, 8 and 8 times as many.
    hidden
        Width of the two linear layers before the last.
    n_features
        Width of the embedding.
    """

    def __init__(self, *, width: int = 64, hidden: int = 4096, n_features: int = 128) -> None:
        super().__init__()
        layers, n_in = [], 1
        for block in ((1,), (2,), (4, 4), (8, 8)):
            for times in block:
                layers += [nn.Conv2d(n_in, times * width, 3, padding=1), nn.ReLU()]
                n_in = times * width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        sizes = [n_in * (N_FRAMES // 16) * (N_MELS // 16), hidden, hidden, n_features]
        linear = [layer for a, b in pairwise(sizes) for layer in (nn.Linear(a, b), nn.ReLU())]
        self.embeddings = nn.Sequential(*linear[:-1])

    @classmethod
    def load(cls, place: str | Path) -> "VGGish":
        """Weights from a file, or from the folder that holds it; sizes are those of the file.

        Raises
        ------
        UserError
            No such file, or other weights in it.
        """
        path = find_weights(place, published=PUBLISHED, get=GET)
        state = read_weights(path)
        names = {"width": "features.0.bias", "hidden": "embeddings.0.bias", "n_features": "embeddings.4.bias"}
        sizes = {size: len(state[name]) for size, name in names.items() if name in state}
        with torch.random.fork_rng(devices=[]):
            network = cls(**sizes)
        fill(network, state, path, may_have=("pproc.",))  # the PCA, which some copies hold
        return network.eval()

    def forward(self, examples: Tensor) -> Tensor:
        """``(b, 96, 64) -> (b, n_features)``."""
        x = self.features(examples[:, None])
        return self.embeddings(rearrange(x, "b c l f -> b (l f c)"))  # TensorFlow's order: channels last


def examples(audio: Tensor) -> Tensor:
    """Log-mel examples of a sound of 16 kHz, ``(samples,) -> (l, 96, 64)``; what is left at the end is dropped.

    Full scale is 1. None of a sound shorter than 0.975 s.
    """
    if len(audio) < SHORTEST:
        return audio.new_zeros(0, N_FRAMES, N_MELS)
    window = torch.hann_window(WINDOW, dtype=audio.dtype, device=audio.device)
    frames = F.pad(audio.unfold(0, WINDOW, HOP) * window, (0, N_FFT - WINDOW))
    magnitude = torch.fft.rfft(frames).abs()
    log_mel = torch.log(magnitude @ _mel_bands().to(magnitude) + _OFFSET)
    n = len(log_mel) // N_FRAMES
    return log_mel[: n * N_FRAMES].reshape(n, N_FRAMES, N_MELS)


def _mel_bands() -> Tensor:
    """(257, 64): triangles that are straight on the mel axis, not in Hz as elsewhere, and of height 1."""
    frequencies = torch.linspace(0, SFREQ / 2, N_FFT // 2 + 1, dtype=torch.float64)
    mels = 1127 * torch.log1p(frequencies / 700)
    edges = torch.linspace(*(1127 * math.log1p(f / 700) for f in (FMIN, FMAX)), N_MELS + 2, dtype=torch.float64)
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    rise, fall = (mels[:, None] - low) / (centre - low), (high - mels[:, None]) / (high - centre)
    bands = torch.minimum(rise, fall).clamp(min=0)
    bands[0] = 0  # the mean, which no band hears
    return bands
