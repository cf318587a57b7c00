"""CNN14, which names 527 classes of sound: its embedding and logits measure how natural and how alike sounds are.

Kong et al. 2020, PANNs, the model for 16 kHz. The names of its weights are those of the published
``Cnn14_16k_mAP=0.438.pth``, whose own Fourier and mel matrices are used.
"""

import math
from pathlib import Path

import torch
import torchaudio
from torch import Tensor, nn
from torch.nn import functional as F

from n2s.models.weights import fill, find_weights, read_weights

SFREQ = 16000
PUBLISHED = "Cnn14_16k_mAP=0.438.pth"
GET = f"Get {PUBLISHED} from https://zenodo.org/records/3987831 and name the file."
N_FFT, HOP, N_MELS = 512, 160, 64
FMIN, FMAX = 50.0, 8000.0  # Hz
_LEAST_POWER = 1e-10  # -100 dB


class Cnn14(nn.Module):
    """Log-mel spectrogram, six blocks of two convolutions, mean and maximum over time, two linear layers.

    ``(b, samples) -> (b, 32 width), (b, n_classes)``: audio of 16 kHz to the embedding, after its ReLU, and the logits.

    Parameters
    ----------
    width
        Channels of the first block; each of the next has twice as many.
    n_classes
        Number of logits.
    """

    def __init__(self, *, width: int = 64, n_classes: int = 527) -> None:
        super().__init__()
        self.spectrogram_extractor, self.logmel_extractor = _PowerSpectrogram(), _LogMel()
        self.bn0 = nn.BatchNorm2d(N_MELS)
        channels = [1] + [width * 2**i for i in range(6)]
        for i in range(6):
            self.add_module(f"conv_block{i + 1}", _Block(channels[i], channels[i + 1]))
        self.fc1 = nn.Linear(channels[-1], channels[-1])
        self.fc_audioset = nn.Linear(channels[-1], n_classes)

    @classmethod
    def load(cls, place: str | Path) -> "Cnn14":
        """Weights from a file, or from the folder that holds it; sizes are those of the file.

        Raises
        ------
        UserError
            No such file, or other weights in it.
        """
        path = find_weights(place, published=PUBLISHED, get=GET)
        state = read_weights(path)
        first, last = state.get("conv_block1.conv1.weight"), state.get("fc_audioset.bias")
        sizes = {} if first is None or last is None else {"width": len(first), "n_classes": len(last)}
        with torch.random.fork_rng(devices=[]):
            network = cls(**sizes)
        fill(network, state, path)
        return network.eval()

    def log_mel(self, audio: Tensor) -> Tensor:
        """``(b, samples) -> (b, 1, t, 64)`` in dB; frame i is centred at sample 160 i, and both ends are mirrored."""
        return self.logmel_extractor(self.spectrogram_extractor(audio))

    def forward(self, audio: Tensor) -> tuple[Tensor, Tensor]:
        """``(b, samples)``, a third of a second at the least, ``-> (b, 32 width), (b, n_classes)``."""
        x = self.bn0(self.log_mel(audio).transpose(1, 3)).transpose(1, 3)  # each mel band has its own scale
        for i in range(1, 7):
            x = getattr(self, f"conv_block{i}")(x)
            x = F.avg_pool2d(x, 2) if i < 6 else x
            x = F.dropout(x, 0.2, self.training)
        x = x.mean(3)
        x = F.dropout(x.amax(2) + x.mean(2), 0.5, self.training)
        embedding = F.relu(self.fc1(x))
        return embedding, self.fc_audioset(F.dropout(embedding, 0.5, self.training))


class _Block(nn.Module):
    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(n_in, n_out, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(n_out, n_out, 3, padding=1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(n_out), nn.BatchNorm2d(n_out)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))


class _PowerSpectrogram(nn.Module):
    """``(b, samples) -> (b, 1, t, 257)``. The transform is a convolution: its matrix is among the published weights."""

    def __init__(self) -> None:
        super().__init__()
        self.stft = nn.Module()
        angle = 2 * math.pi * torch.outer(torch.arange(N_FFT // 2 + 1).double(), torch.arange(N_FFT).double()) / N_FFT
        window = torch.hann_window(N_FFT, dtype=torch.float64)
        for name, wave in (("conv_real", angle.cos()), ("conv_imag", -angle.sin())):
            layer = nn.Conv1d(1, N_FFT // 2 + 1, N_FFT, stride=HOP, bias=False).requires_grad_(False)
            layer.weight.copy_((wave * window)[:, None])
            self.stft.add_module(name, layer)

    def forward(self, audio: Tensor) -> Tensor:
        padded = F.pad(audio[:, None], (N_FFT // 2, N_FFT // 2), mode="reflect")
        power = self.stft.conv_real(padded).square() + self.stft.conv_imag(padded).square()
        return power.transpose(1, 2)[:, None]


class _LogMel(nn.Module):
    """``(b, 1, t, 257) -> (b, 1, t, 64)`` in dB."""

    def __init__(self) -> None:
        super().__init__()
        bands = torchaudio.functional.melscale_fbanks(
            N_FFT // 2 + 1, FMIN, FMAX, N_MELS, SFREQ, norm="slaney", mel_scale="slaney"
        )
        self.melW = nn.Parameter(bands, requires_grad=False)

    def forward(self, power: Tensor) -> Tensor:
        return 10 * torch.log10((power @ self.melW).clamp(min=_LEAST_POWER))
