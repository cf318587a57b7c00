"""Activations of one layer of a network of speech over time."""

from functools import cached_property

import torch
from torch import Tensor

from n2s.errors import UserError
from n2s.features.audio import read_stimulus
from n2s.features.feature import FrameFeature
from n2s.features.speech_net_runs import TrainedNet, UntrainedNet
from n2s.models.pretrained import frozen, full_float32
from n2s.models.speech_net import SpeechNet
from n2s.options import check_options
from n2s.studies.study import Frames, Stimulus


class SpeechNetLayer(FrameFeature):
    """Activations of one layer of a `SpeechNet`, ``(l, d)``: 50 frames a second, frame i centred at i / 50 s.

    Each stretch of sound is brought to mean 0 and deviation 1 as a whole, as in training. One of up to ``window_s`` goes through
    the network whole, as sentences do; a longer one in windows with ``context_s`` more at either end, of which frames are taken
    from the neighbour. The context is longer than what convolutions see (0.26 s), so that their borders do not matter at all;
    the GRU, which has no limit, has forgotten what is further away than the context.

    Activations are as the network has them. The paper first scales each unit to [0, 1]: encoding models z-score each column of
    the design with the training rows, so that a scale changes nothing, and one that is taken from all of the sound would
    look at the test. (The shift of a scale adds "there is sound" to units that are negative; the words' or phones' rate has it.)

    Parameters
    ----------
    net
        The network.
    layer
        conv1, conv2, conv3, rnn or linear.
    window_s, context_s
        See above; networks are trained on at most 20 s.
    device
        Where to compute; by default on a GPU if there is one.

    Examples
    --------
    >>> from n2s.features import LogSpectrogram, SpeechNetLayer, example_stimulus
    >>> from n2s.features.speech_net_runs import UntrainedNet
    >>> shape = {"n_classes": 29, "n_inputs": 160, "channels": [4, 4, 4], "hidden": 16}
    >>> feature = SpeechNetLayer(UntrainedNet(0, shape, LogSpectrogram()), "rnn", device="cpu")
    >>> feature.extract(example_stimulus()).values.shape  # 50 frames a second
    (101, 32)
    """

    contextual = True

    def __init__(
        self,
        net: TrainedNet | UntrainedNet,
        layer: str,
        *,
        window_s: float = 20.0,
        context_s: float = 3.0,
        device: str | None = None,
    ) -> None:
        check_options("SpeechNetLayer: ", above=0, window_s=window_s, context_s=context_s)
        if context_s < 0.3 or window_s - 2 * context_s < 1:
            raise UserError(
                f"SpeechNetLayer: window_s={window_s} with context_s={context_s} at either end; expected context_s of at least "
                "0.3, what convolutions see, and window_s >= 2 * context_s + 1."
            )
        self.net, self.layer, self.window_s, self.context_s, self.device = net, layer, window_s, context_s, device

    @property
    def n_features(self) -> int:
        """d: units of the layer."""
        return self._sizes[self.layer]

    def settings(self) -> dict:
        """The hash of the weights, the layer, the spectrogram and the windows."""
        return {
            "weights": self.net.digest,
            "layer": self.layer,
            "spectrogram": self.net.spectrogram.settings(),
            "window_s": self.window_s,
            "context_s": self.context_s,
        }

    def release(self) -> None:
        """Drop the network."""
        self.__dict__.pop("_network", None)

    @torch.inference_mode()
    def extract(self, stimulus: Stimulus, start_s: float = 0.0, stop_s: float | None = None) -> Frames:
        """Compute (l, d); a stretch shorter than half a window of the spectrogram has no frames."""
        front = self.net.spectrogram
        audio = read_stimulus(stimulus, front.sfreq, start_s, stop_s)
        rate_hz = front.sfreq / front.hop / 2
        if len(audio) <= front.n_fft // 2:
            return Frames(torch.zeros(0, self.n_features).numpy(), rate_hz, start_s)
        return Frames(self._in_windows(front.of_audio(audio)).numpy(), rate_hz, start_s)

    def _in_windows(self, spectrogram: Tensor) -> Tensor:
        """(n, f) -> (ceil(n / 2), d); windows start at even frames, so that each output looks around the same input."""
        rate_hz = self.net.spectrogram.sfreq / self.net.spectrogram.hop
        n, window, context = len(spectrogram), int(self.window_s * rate_hz), 2 * int(self.context_s * rate_hz / 2)
        kept = n if n <= window else 2 * ((window - 2 * context) // 2)
        values = torch.empty(SpeechNet.n_frames(n), self.n_features)
        for first in range(0, n, kept):
            last, seen = min(first + kept, n), max(0, first - context)
            found = self._layer(spectrogram[seen : min(n, last + context)])
            into = slice(first // 2, SpeechNet.n_frames(last))
            values[into] = found[(first - seen) // 2 :][: into.stop - into.start]
        return values

    def _layer(self, spectrogram: Tensor) -> Tensor:
        with full_float32():
            device = next(self._network.parameters()).device
            return self._network.layers(spectrogram[None].to(device), names=(self.layer,))[self.layer][0].cpu()

    @cached_property
    def _network(self) -> SpeechNet:
        return frozen(self.net.network(), self.device)

    @cached_property
    def _sizes(self) -> dict[str, int]:
        with torch.device("meta"):
            return SpeechNet(**self.net.shape).sizes
