"""Direct decoders, the baselines: from the brain's response to a clip straight to the clip's mel spectrogram.

All share one contract: ``model(bold)`` takes ``(b, v)``, one response a clip, or ``(b, n, v)``, n volumes in order of
time, and gives ``(b, f, t)``: f mel bands, t frames. They are trained on the mean squared error, which makes smooth
spectrograms: high correlation, poor sound. The linear one is `n2s.models.ridge.VoxelRidge` on flattened spectrograms.

References
----------
Liu et al. 2024, Reverse the auditory processing pathway: coarse-to-fine audio reconstruction from fMRI, section 3.1.3: a
three-layer perceptron after Bellier et al. 2023, PLOS Biol. 21:e3002176; a BiLSTM and a Transformer encoder, "with the same
configuration as our Transformer": 768 wide, 4 layers. The perceptron's widths, and how one response becomes a sequence, are
not said there: here each frame starts from the response at its time and a learned vector of its own.
"""

from collections.abc import Sequence

import torch
from einops import rearrange
from torch import Tensor, nn

from n2s.models.heads import check_heads
from n2s.options import check_options


class MelMLP(nn.Module):
    """Perceptron from all volumes at once to all frames at once.

    Parameters
    ----------
    n_voxels, n_mels, n_frames
        v, f, t.
    n_volumes
        n: volumes that every clip has.
    hidden
        Width of each hidden layer; two make three layers.
    dropout
        After each hidden layer.

    Examples
    --------
    >>> import torch
    >>> from n2s.models import MelMLP
    >>> network = MelMLP(n_voxels=100, n_mels=16, n_frames=30, n_volumes=3, hidden=(32,))
    >>> network(torch.randn(2, 3, 100)).shape  # 2 clips of 3 volumes
    torch.Size([2, 16, 30])
    """

    def __init__(
        self,
        n_voxels: int,
        n_mels: int,
        n_frames: int,
        *,
        n_volumes: int = 1,
        hidden: Sequence[int] = (256, 128),
        dropout: float = 0.0,
    ):
        counts = {"n_voxels": n_voxels, "n_mels": n_mels, "n_frames": n_frames, "n_volumes": n_volumes}
        check_options("MelMLP: ", low=1, whole=True, **counts)
        if len(hidden):  # without hidden layers it is linear
            check_options("MelMLP: ", low=1, whole=True, hidden=hidden)
        check_options("MelMLP: ", low=0, below=1, dropout=dropout)
        super().__init__()
        self.n_voxels, self.n_volumes, self.n_mels = n_voxels, n_volumes, n_mels
        widths = [n_volumes * n_voxels, *hidden]
        layers = []
        for before, after in zip(widths, widths[1:], strict=False):
            layers += [nn.Linear(before, after), nn.ReLU(), nn.Dropout(dropout)]
        self.layers = nn.Sequential(*layers, nn.Linear(widths[-1], n_mels * n_frames))

    def forward(self, bold: Tensor) -> Tensor:
        """``(b, v)`` or ``(b, n, v) -> (b, f, t)``."""
        volumes = _volumes(bold, self.n_voxels)
        if volumes.shape[1] != self.n_volumes:
            raise ValueError(f"{volumes.shape[1]} volumes a clip; this MelMLP was made for n_volumes={self.n_volumes}.")
        return rearrange(self.layers(rearrange(volumes, "b n v -> b (n v)")), "b (f t) -> b f t", f=self.n_mels)


class MelBiLSTM(nn.Module):
    """A bidirectional LSTM over frames.

    Parameters
    ----------
    n_voxels, n_mels, n_frames
        v, f, t.
    dim
        Width of a frame; each direction has half of it.
    depth
        Layers.
    dropout
        Between layers.

    Examples
    --------
    >>> import torch
    >>> from n2s.models import MelBiLSTM
    >>> network = MelBiLSTM(n_voxels=100, n_mels=16, n_frames=30, dim=32, depth=1)
    >>> network(torch.randn(2, 3, 100)).shape  # 2 clips of 3 volumes
    torch.Size([2, 16, 30])
    """

    def __init__(
        self, n_voxels: int, n_mels: int, n_frames: int, *, dim: int = 768, depth: int = 4, dropout: float = 0.1
    ):
        counts = {"n_voxels": n_voxels, "n_mels": n_mels, "n_frames": n_frames, "depth": depth}
        check_options("MelBiLSTM: ", low=1, whole=True, **counts)
        check_options("MelBiLSTM: ", low=2, whole=True, dim=dim)
        check_options("MelBiLSTM: ", low=0, below=1, dropout=dropout)
        super().__init__()
        self.frames = VolumesToFrames(n_voxels, n_frames, dim)
        between = dropout if depth > 1 else 0.0
        self.lstm = nn.LSTM(dim, dim // 2, depth, batch_first=True, dropout=between, bidirectional=True)
        self.to_mel = nn.Linear(2 * (dim // 2), n_mels)

    def forward(self, bold: Tensor) -> Tensor:
        """``(b, v)`` or ``(b, n, v) -> (b, f, t)``."""
        return self.to_mel(self.lstm(self.frames(bold))[0]).mT


class MelTransformer(nn.Module):
    """A Transformer encoder over frames.

    Parameters
    ----------
    n_voxels, n_mels, n_frames
        v, f, t.
    dim, depth, n_heads, hidden, dropout
        Sizes and dropout of its layers.

    Examples
    --------
    >>> import torch
    >>> from n2s.models import MelTransformer
    >>> network = MelTransformer(n_voxels=100, n_mels=16, n_frames=30, dim=32, depth=1, n_heads=4, hidden=32)
    >>> network(torch.randn(2, 3, 100)).shape  # 2 clips of 3 volumes
    torch.Size([2, 16, 30])
    """

    def __init__(
        self,
        n_voxels: int,
        n_mels: int,
        n_frames: int,
        *,
        dim: int = 768,
        depth: int = 4,
        n_heads: int = 8,
        hidden: int = 2048,
        dropout: float = 0.1,
    ):
        check_heads("MelTransformer: ", dim, n_heads)
        counts = {"n_voxels": n_voxels, "n_mels": n_mels, "n_frames": n_frames, "depth": depth, "hidden": hidden}
        check_options("MelTransformer: ", low=1, whole=True, **counts)
        check_options("MelTransformer: ", low=0, below=1, dropout=dropout)
        super().__init__()
        self.frames = VolumesToFrames(n_voxels, n_frames, dim)
        layer = nn.TransformerEncoderLayer(dim, n_heads, hidden, dropout, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, depth)
        self.to_mel = nn.Linear(dim, n_mels)

    def forward(self, bold: Tensor) -> Tensor:
        """``(b, v)`` or ``(b, n, v) -> (b, f, t)``."""
        return self.to_mel(self.encoder(self.frames(bold))).mT


class VolumesToFrames(nn.Module):
    """Each frame's start: the mapped response, interpolated between volumes to its time, plus a vector learned for it.

    Parameters
    ----------
    n_voxels
        v.
    n_frames
        t: they and the volumes cover the same stretch of time.
    dim
        d.
    """

    def __init__(self, n_voxels: int, n_frames: int, dim: int):
        super().__init__()
        self.voxels = nn.Linear(n_voxels, dim)
        self.places = nn.Parameter(torch.randn(n_frames, dim))  # as large as the mapped response: else it is not seen

    def forward(self, bold: Tensor) -> Tensor:
        """``(b, v)`` or ``(b, n, v) -> (b, t, d)``."""
        mapped = self.voxels(_volumes(bold, self.voxels.in_features)).mT
        stretched = nn.functional.interpolate(mapped, len(self.places), mode="linear", align_corners=False)
        return stretched.mT + self.places


def _volumes(bold: Tensor, n_voxels: int) -> Tensor:
    if bold.ndim not in (2, 3) or bold.shape[-1] != n_voxels:
        raise ValueError(f"bold is {tuple(bold.shape)}; expected (b, {n_voxels}) or (b, n, {n_voxels}).")
    return bold if bold.ndim == 3 else bold[:, None]
