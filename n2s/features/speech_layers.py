"""All layers of a speech model: in a causal sliding window, or with context on both sides."""

from functools import cached_property

import torch
from torch import Tensor

from n2s.errors import UserError
from n2s.features.audio import read_stimulus
from n2s.features.feature import FrameFeature
from n2s.features.network_input import AudioInput
from n2s.features.network_layers import NetworkLayers, checked_seeds
from n2s.features.one_layer import OneLayer
from n2s.features.progress import tracked
from n2s.features.speech_encoders import SpeechEncoder, WaveformEncoder, speech_encoder
from n2s.features.wav2vec2 import tiny_config
from n2s.options import check_options
from n2s.studies.study import Frames, Stimulus


class SpeechModelLayers(NetworkLayers):
    """The layers of wav2vec 2.0, HuBERT, WavLM, data2vec-audio or Whisper's encoder, ``layer0`` (the input of the first) to the last.

    With ``causal``, each value is the last frame of a window that ends at its moment, so that it has not heard what comes later: 16 s
    of context, every 0.1 s, as `HuthLab/encoding-model-scaling-laws` (Antonello 2023). The first windows of a stretch are shorter.
    Without it, long audio goes through in overlapping windows, each frame hears both sides, and frames come at the network's rate.
    All layers of a stretch are computed in one pass and kept.

    Parameters
    ----------
    model
        Hugging Face id or local folder.
    layers
        Which; None: all.
    causal
        Whether values hear nothing after their moment.
    window_s
        Audio heard at once, s.
    stride_s
        From one value to the next, s, if causal.
    context_s
        Context at either end of a window, s, if not causal: heard, but the frames there are taken from the neighbour.
    batch
        Windows at once, if causal.
    half
        Compute in float16: twice as fast on a GPU, three digits.
    device
        Where to compute; by default on a GPU if there is one.

    Examples
    --------
    >>> from n2s.features import SpeechModelLayers, example_stimulus
    >>> wav2vec = SpeechModelLayers("facebook/wav2vec2-base", layers=[0, 8])
    >>> wav2vec.members()["layer8"][0].extract(example_stimulus()).values.shape  # doctest: +SKIP
    (20, 768)
    """

    def __init__(
        self,
        model: str = "facebook/wav2vec2-base",
        layers: list[int] | None = None,
        *,
        causal: bool = True,
        window_s: float = 16.0,
        stride_s: float = 0.1,
        context_s: float = 5.0,
        batch: int = 8,
        half: bool = False,
        device: str | None = None,
    ) -> None:
        name = type(self).__name__
        check_options(f"{name}: ", above=0, window_s=window_s, stride_s=stride_s)
        check_options(f"{name}: ", low=0, context_s=context_s)
        check_options(f"{name}: ", low=1, whole=True, batch=batch)
        super().__init__(model, layers)
        if causal and not 0 < stride_s <= window_s:
            raise UserError(f"{name}: stride_s={stride_s} of window_s={window_s}; expected 0 < stride_s <= window_s.")
        if not causal and (context_s < 0 or window_s - 2 * context_s < 1):
            raise UserError(
                f"{name}: window_s={window_s} with context_s={context_s} at either end leaves less than 1 s between. "
                "Expected window_s >= 2 * context_s + 1."
            )
        self.causal, self.batch = causal, batch
        self.window_s, self.stride_s, self.context_s = window_s, stride_s, context_s
        self.half, self.device = half, device

    def passes(self) -> "list[_Pass]":
        """See `NetworkLayers`."""
        return [_Pass(encoder, self) for encoder in self._encoders()]

    def _encoders(self) -> list[SpeechEncoder]:
        return [speech_encoder(self.model, half=self.half, device=self.device)]


class UntrainedSpeechModelLayers(SpeechModelLayers):
    """The control: the same network with random weights, one for each seed. Only the configs of ``model`` are read.

    Parameters
    ----------
    model, layers, causal, window_s, stride_s, context_s, batch, half, device
        As for `SpeechModelLayers`.
    seeds
        Seeds of the weights.

    Examples
    --------
    >>> from n2s.features import UntrainedSpeechModelLayers
    >>> control = UntrainedSpeechModelLayers("facebook/wav2vec2-base", layers=[8], seeds=(0, 1, 2))
    >>> len(control.members()["layer8"])  # doctest: +SKIP
    3
    """

    def __init__(
        self,
        model: str = "facebook/wav2vec2-base",
        layers: list[int] | None = None,
        *,
        seeds: tuple[int, ...] = (0,),
        causal: bool = True,
        window_s: float = 16.0,
        stride_s: float = 0.1,
        context_s: float = 5.0,
        batch: int = 8,
        half: bool = False,
        device: str | None = None,
    ) -> None:
        super().__init__(
            model, layers, causal=causal, window_s=window_s, stride_s=stride_s, context_s=context_s, batch=batch, half=half,
            device=device,
        )  # fmt: skip
        self.seeds = checked_seeds(seeds, type(self).__name__)

    def _encoders(self) -> list[SpeechEncoder]:
        return [speech_encoder(self.model, seed=seed, half=self.half, device=self.device) for seed in self.seeds]


class TinyUntrainedSpeechLayers(UntrainedSpeechModelLayers):
    """A stand-in without a download: wav2vec 2.0's timing and parts, 64 wide, 4 layers, random weights.

    Parameters
    ----------
    layers, seeds, causal, window_s, stride_s, context_s, batch, device
        As for `UntrainedSpeechModelLayers`.

    Examples
    --------
    >>> from n2s.features import TinyUntrainedSpeechLayers, example_stimulus
    >>> layers = TinyUntrainedSpeechLayers(layers=[0, 4], window_s=1.0, device="cpu").members()
    >>> layers["layer4"][0].extract(example_stimulus()).values.shape  # a value each 0.1 s
    (20, 64)
    """

    def __init__(
        self,
        layers: list[int] | None = None,
        *,
        seeds: tuple[int, ...] = (0,),
        causal: bool = True,
        window_s: float = 16.0,
        stride_s: float = 0.1,
        context_s: float = 5.0,
        batch: int = 8,
        device: str | None = None,
    ) -> None:
        super().__init__(
            "tiny-untrained", layers, seeds=seeds, causal=causal, window_s=window_s, stride_s=stride_s, context_s=context_s,
            batch=batch, device=device,
        )  # fmt: skip

    def _encoders(self) -> list[SpeechEncoder]:
        return [
            WaveformEncoder(self.model, tiny_config(), AudioInput(), seed=seed, half=False, device=self.device)
            for seed in self.seeds
        ]


class _Pass:
    """One network over one stretch of sound: all chosen layers at once."""

    def __init__(self, encoder: SpeechEncoder, options: SpeechModelLayers) -> None:
        self.layers = options.chosen(encoder.n_states, "below the first")
        if encoder.longest is not None and options.window_s * encoder.sfreq > encoder.longest:
            raise UserError(
                f"{type(options).__name__}: window_s={options.window_s}, but '{options.model}' takes at most "
                f"{encoder.longest / encoder.sfreq:g} s at once."
            )
        self.network, self.options = encoder, options
        encoder.depth = max(self.layers)
        self.features = [_SpeechLayer(self, layer) for layer in self.layers]

    @cached_property
    def settings(self) -> dict:
        """What changes the numbers of any layer; once, since a folder of weights is read for it."""
        given = self.options
        windows = {"stride_s": given.stride_s} if given.causal else {"context_s": given.context_s}
        return self.network.settings() | {"causal": given.causal, "window_s": given.window_s} | windows

    @torch.inference_mode()
    def run(self, stimulus: Stimulus, start_s: float, stop_s: float | None) -> list[Frames]:
        """The frames of each layer, from the audio of this stretch alone."""
        audio = read_stimulus(stimulus, self.network.sfreq, start_s, stop_s)
        values, rate_hz, first_s = (self._sliding if self.options.causal else self._chunked)(audio)
        return [Frames(layer.numpy(), rate_hz, start_s + first_s) for layer in values]

    def _sliding(self, audio: Tensor) -> tuple[Tensor, float, float]:
        """(n,) -> (layers, l, f), their rate, and the moment of the first: each is put at the end of its window."""
        sfreq, stride_s, encoder = self.network.sfreq, self.options.stride_s, self.network
        window = round(self.options.window_s * sfreq)
        ends = [round((i + 1) * stride_s * sfreq) for i in range(int(len(audio) / sfreq / stride_s + 1e-6))]
        skipped = sum(encoder.n_frames(end) < 1 for end in ends)  # too short for one frame
        ends = [min(end, len(audio)) for end in ends[skipped:]]
        short = sum(end < window for end in ends)  # at the beginning, each of another length
        groups = [[end] for end in ends[:short]]
        groups += [ends[i : i + self.options.batch] for i in range(short, len(ends), self.options.batch)]
        values = [torch.empty(len(self.layers), 0, encoder.width)]
        for group in tracked(groups, f"{len(ends)} windows", least=100):
            heard = torch.stack([audio[max(0, end - window) : end] for end in group])
            values.append(encoder.last_states(encoder.prepared(heard), self.layers))
        return torch.cat(values, 1), 1 / stride_s, (skipped + 1) * stride_s

    def _chunked(self, audio: Tensor) -> tuple[Tensor, float, float]:
        """(n,) -> (layers, l, f); windows start on the grid of frames, so that each frame sees the samples it would in one."""
        encoder, options = self.network, self.options
        n_frames = encoder.n_frames(len(audio))
        audio = encoder.prepared(audio[None])[0]
        window, context = (
            int(seconds * encoder.sfreq / encoder.stride) for seconds in (options.window_s, options.context_s)
        )
        kept = window if n_frames <= window else window - 2 * context
        values = torch.empty(len(self.layers), n_frames, encoder.width)
        for first in tracked(range(0, n_frames, kept), f"{n_frames} frames", least=10):
            last = min(first + kept, n_frames)
            heard_first, heard_last = max(0, first - context), min(n_frames, last + context)
            heard = audio[heard_first * encoder.stride : (heard_last - 1) * encoder.stride + encoder.field]
            states = encoder.states(heard[None], self.layers)[:, 0]
            values[:, first:last] = states[:, first - heard_first : last - heard_first]
        return values, encoder.sfreq / encoder.stride, encoder.centre / encoder.sfreq


class _SpeechLayer(OneLayer, FrameFeature):
    """Of a speech model."""

    def extract_together(self, stimulus: Stimulus, start_s: float = 0.0, stop_s: float | None = None) -> list[Frames]:
        """All chosen layers in one pass."""
        return self._pass.run(stimulus, start_s, stop_s)
