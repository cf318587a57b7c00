"""The network of Millet & King 2021: DeepSpeech 2 in small, from a spectrogram to characters or classes of sound."""

from collections.abc import Iterator, Sequence

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from n2s.errors import UserError
from n2s.models.seeded import seeded
from n2s.options import check_options

#: Layers whose activations `SpeechNet.layers` gives, from the first to the deepest.
LAYERS = ("conv1", "conv2", "conv3", "rnn", "linear")
KERNELS = ((11, 41), (11, 21), (11, 21))  # time x frequency: Millet & King 2021, 2.3
STRIDES = ((2, 2), (1, 2), (1, 2))
N_RECEIVED = 51  # input frames that a frame of conv3 sees: 11 + 2 * 10 + 2 * 10


class SpeechNet(nn.Module):
    """Three convolutions over time and frequency, a bidirectional GRU, a linear layer, a softmax (Millet & King 2021, 2.3).

    From 100 spectrogram frames a second it makes 50: frame i looks around frame 2 i of its input, whatever its length. The
    default has the paper's sizes. Where the paper says nothing, this network follows the toolkit that it was trained with
    (OpenSeq2Seq, its DeepSpeech 2 encoder):

    - each convolution is followed by batch norm, then by the ReLU, and has no bias of its own;
    - convolutions keep the length (divided by the stride, rounded up). Zeros are added alike on both sides, while the toolkit
      places one frame more at the end of an even length;
    - the outputs of both directions of the GRU are concatenated (512 values);
    - weights are drawn from Glorot's normal distribution, biases are zero.

    The toolkit limits the ReLU to 20 and may have another fully connected layer before the last; the paper mentions neither,
    and so they are left out. Statistics of batch norm are those of real frames: the padding of a batch never changes
    a clip's output.

    Parameters
    ----------
    n_classes
        k: characters or classes, and the blank of CTC, which is class 0. In a recipe it comes from the data.
    n_inputs
        f: frequencies of the spectrogram. In a recipe it comes from the data.
    channels
        Of the three convolutions.
    hidden
        Units of the GRU in each direction.

    Examples
    --------
    >>> import torch
    >>> from n2s.models import SpeechNet
    >>> net = SpeechNet.seeded(0, n_classes=29, channels=(4, 4, 4), hidden=16).eval()
    >>> net(torch.randn(1, 100, 160)).shape  # a second of sound: 50 steps, 29 classes
    torch.Size([1, 50, 29])
    """

    def __init__(
        self, n_classes: int, *, n_inputs: int = 160, channels: Sequence[int] = (32, 64, 96), hidden: int = 256
    ):
        check_options("SpeechNet: ", low=1, whole=True, n_inputs=n_inputs, channels=channels, hidden=hidden)
        check_options("SpeechNet: ", low=2, whole=True, n_classes=n_classes)
        super().__init__()
        if len(channels) != len(KERNELS):
            raise UserError(
                f"SpeechNet: channels are {tuple(channels)}; expected {len(KERNELS)} numbers, one of each convolution."
            )
        self.shape = {"n_classes": n_classes, "n_inputs": n_inputs, "channels": tuple(channels), "hidden": hidden}
        widths, heights = (1, *channels), [n_inputs]
        for _, stride in STRIDES:
            heights.append(-(-heights[-1] // stride))
        self.convs = nn.ModuleList(
            nn.Conv2d(n_in, n_out, kernel, stride, tuple(size // 2 for size in kernel), bias=False)
            for n_in, n_out, kernel, stride in zip(widths, channels, KERNELS, STRIDES, strict=False)
        )
        self.norms = nn.ModuleList(FrameNorm(n) for n in channels)
        self.rnn = nn.GRU(channels[-1] * heights[-1], hidden, batch_first=True, bidirectional=True)
        self.linear = nn.Linear(2 * hidden, n_classes)
        sizes = [n * height for n, height in zip(channels, heights[1:], strict=True)]
        #: Dimension d of each layer.
        self.sizes = dict(zip(LAYERS, [*sizes, 2 * hidden, n_classes], strict=True))
        self._initialise()

    @classmethod
    def seeded(cls, seed: int, **shape: object) -> "SpeechNet":
        """A network with random weights of a seed; ``shape`` are the arguments of the constructor."""
        with seeded(seed):
            return cls(**shape)

    @staticmethod
    def n_frames(lengths: Tensor | int) -> Tensor | int:
        """Frames of the output for so many frames of the spectrogram."""
        return (lengths + 1) // 2

    def forward(self, spectrogram: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Log-probabilities of the classes, ``(b, l, f) -> (b, ceil(l / 2), k)``.

        Parameters
        ----------
        spectrogram
            Clips, padded at their ends to a common length.
        lengths
            (b,) Frames of each clip, in main memory; None: all are whole. Outputs after a clip's end mean nothing.
        """
        return self._activations(spectrogram, lengths, LAYERS[-1:])[LAYERS[-1]].log_softmax(-1)

    def layers(
        self, spectrogram: Tensor, lengths: Tensor | None = None, names: Sequence[str] = LAYERS
    ) -> dict[str, Tensor]:
        """Activations, ``(b, l, f) -> (b, ceil(l / 2), d)`` for each of the named layers.

        Of convolutions after batch norm and ReLU, ordered ``(channel frequency)``; of the GRU before the ReLU that follows it;
        of the linear layer before the softmax. Layers above the last named one are not computed.
        """
        unknown = [name for name in names if name not in LAYERS]
        if unknown or not names:
            raise UserError(
                f"SpeechNet has no layer {', '.join(unknown) or '(none is named)'}; expected {', '.join(LAYERS)}."
            )
        return self._activations(spectrogram, lengths, names)

    def _activations(self, spectrogram: Tensor, lengths: Tensor | None, names: Sequence[str]) -> dict[str, Tensor]:
        found, wanted = {}, set(names)
        for name, values in self._through(spectrogram, lengths):
            if name in wanted:
                found[name] = values
            if len(found) == len(wanted):
                break
        return {name: found[name] for name in names}

    def _through(self, spectrogram: Tensor, lengths: Tensor | None) -> Iterator[tuple[str, Tensor]]:
        """Layer by layer, the activations ``(b, l, d)``."""
        if lengths is None:
            lengths = torch.full((len(spectrogram),), spectrogram.shape[1])
        x = spectrogram[:, None] * _real(lengths, spectrogram)  # (b, 1, l, f)
        for name, conv, norm in zip(LAYERS, self.convs, self.norms, strict=False):
            x = conv(x)
            if name == LAYERS[0]:
                lengths = self.n_frames(lengths)
                real = _real(lengths, x[:, 0])
            x = (
                torch.relu(norm(x, real)) * real
            )  # the next convolution finds zeros after a clip's end, as without padding
            yield name, rearrange(x, "b c l f -> b l (c f)")
        x = rearrange(x, "b c l f -> b l (c f)")
        packed = pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
        x, _ = pad_packed_sequence(self.rnn(packed)[0], batch_first=True, total_length=x.shape[1])
        yield "rnn", x
        yield "linear", self.linear(torch.relu(x))

    def _initialise(self) -> None:
        for conv in self.convs:
            nn.init.xavier_normal_(conv.weight)
        for name, value in self.rnn.named_parameters():
            if name.startswith("bias"):
                nn.init.zeros_(value)
            else:
                for gate in value.chunk(3):  # Glorot's variance is that of one gate's matrix
                    nn.init.xavier_normal_(gate)
        nn.init.xavier_normal_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)


class FrameNorm(nn.Module):
    """Batch norm of ``(b, c, l, f)`` over real frames only; running statistics in evaluation, as `torch.nn.BatchNorm2d`.

    Parameters
    ----------
    n_channels
        c.
    momentum
        Of the running statistics.
    eps
        Added to the variance; the toolkit's.
    """

    def __init__(self, n_channels: int, *, momentum: float = 0.1, eps: float = 1e-3):
        super().__init__()
        self.momentum, self.eps = momentum, eps
        self.weight, self.bias = nn.Parameter(torch.ones(n_channels)), nn.Parameter(torch.zeros(n_channels))
        self.register_buffer("running_mean", torch.zeros(n_channels))
        self.register_buffer("running_var", torch.ones(n_channels))

    def forward(self, x: Tensor, real: Tensor) -> Tensor:
        """(b, c, l, f), and (b, 1, l, 1) 1 where a frame is real, else 0 -> (b, c, l, f)."""
        if not self.training:
            return nn.functional.batch_norm(
                x, self.running_mean, self.running_var, self.weight, self.bias, training=False, eps=self.eps
            )
        x, real = x.float(), real.float()  # sums of thousands of numbers, in mixed precision, too
        n = real.sum() * x.shape[-1]
        mean = (x * real).sum((0, 2, 3)) / n
        centred = x - mean[:, None, None]
        variance = (centred.square() * real).sum((0, 2, 3)) / n
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * n / (n - 1), self.momentum)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return centred * scale[:, None, None] + self.bias[:, None, None]


def _real(lengths: Tensor, x: Tensor) -> Tensor:
    """(b,) lengths -> (b, 1, l, 1): 1 within a clip, 0 after its end; l is the second axis of ``x``."""
    within = torch.arange(x.shape[1]) < lengths.cpu()[:, None]
    return within[:, None, :, None].to(x.device, x.dtype, non_blocking=True)
