"""Encoders of speech from Hugging Face, of waveforms (wav2vec 2.0, HuBERT, WavLM, ..) and of spectrograms (Whisper): sound in, layers out."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from n2s.errors import UserError
from n2s.features.network_input import AudioInput, wav2vec2_input
from n2s.models.pretrained import frozen, full_float32, load_pretrained, model_identity
from n2s.models.seeded import seeded

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel, WhisperFeatureExtractor


class SpeechEncoder(ABC):
    """A network of frames: frame i sees the samples ``i * stride`` to ``i * stride + field`` of its input before any context.

    Parameters
    ----------
    model
        Hugging Face id or local folder.
    config
        Its config.
    seed
        Seed of random weights; None: the trained ones.
    half
        Compute in float16.
    device
        Where; None: on a GPU if there is one.
    """

    stride: int  #: samples from one frame to the next
    field: int  #: samples that the convolutions of a frame see
    centre: float  #: samples from a frame's first to the moment that it is put at
    longest: int | None = None  #: samples that the network takes at once

    def __init__(
        self, model: str, config: "PretrainedConfig", *, seed: int | None, half: bool, device: str | None
    ) -> None:
        self.model, self.config, self.seed, self.half, self.device = model, config, seed, half, device
        self.depth = self.n_states - 1

    @property
    @abstractmethod
    def n_states(self) -> int:
        """Hidden states: the input of the first transformer layer, and the output of each."""

    @property
    def width(self) -> int:
        """F."""
        return self.config.hidden_size

    @property
    @abstractmethod
    def sfreq(self) -> int:
        """Hz, of its input."""

    @abstractmethod
    def n_frames(self, n_samples: int) -> int:
        """How many frames a sound has."""

    @abstractmethod
    def prepared(self, audio: Tensor) -> Tensor:
        """(b, n) as the network was trained on it: each row by itself."""

    @abstractmethod
    def _hidden(self, audio: Tensor) -> Sequence[Tensor]:
        """(b, n) prepared -> (b, l, f) for each state."""

    @abstractmethod
    def _trained(self) -> "PreTrainedModel": ...

    def settings(self) -> dict:
        """The network, a local folder by the hash of its files."""
        return {"model": model_identity(self.model), "seed": self.seed, "half": self.half}

    def release(self) -> None:
        """Drop the network."""
        self.__dict__.pop("_network", None)

    def states(self, audio: Tensor, layers: Sequence[int]) -> Tensor:
        """(b, n) prepared -> (layers, b, l, f) float32, on the CPU."""
        with full_float32():
            found = self._hidden(audio.to(self._network.device, self._network.dtype))
        return torch.stack([found[layer][:, : self.n_frames(audio.shape[-1])] for layer in layers]).float().cpu()

    def last_states(self, audio: Tensor, layers: Sequence[int]) -> Tensor:
        """(b, n) prepared -> (layers, b, f): those of the last frame that is heard."""
        with full_float32():
            found = self._hidden(audio.to(self._network.device, self._network.dtype))
        last = self.n_frames(audio.shape[-1]) - 1
        return torch.stack([found[layer][:, last] for layer in layers]).float().cpu()

    @cached_property
    def _network(self) -> "PreTrainedModel":
        from transformers import AutoModel

        if self.seed is None:
            network = self._trained()
        else:
            with seeded(self.seed):
                network = AutoModel.from_config(self.config)
        network = self._encoder(network)
        # One more than needed: after the last layer comes a norm, which would be taken for a part of it.
        network.encoder.layers = network.encoder.layers[: self.depth + 1]
        network = frozen(network, self.device)
        return network.half() if self.half else network

    def _encoder(self, network: "PreTrainedModel") -> "PreTrainedModel":
        return network


class WaveformEncoder(SpeechEncoder):
    """wav2vec 2.0, HuBERT, WavLM, data2vec, UniSpeech: convolutions over the waveform, then transformer layers."""

    def __init__(self, model: str, config: "PretrainedConfig", audio: AudioInput | None = None, **options: Any) -> None:
        super().__init__(model, config, **options)
        self._audio = audio
        self.stride, self.field = 1, 1
        for kernel, step in zip(config.conv_kernel, config.conv_stride, strict=True):
            self.field += (kernel - 1) * self.stride
            self.stride *= step
        self.centre = self.field / 2

    @property
    def n_states(self) -> int:
        """The layers and one."""
        return self.config.num_hidden_layers + 1

    @property
    def sfreq(self) -> int:
        """Hz, as the file beside the weights says."""
        return self._input.sfreq

    def n_frames(self, n_samples: int) -> int:
        """Only where the convolutions are full."""
        return max(0, (n_samples - self.field) // self.stride + 1)

    def prepared(self, audio: Tensor) -> Tensor:
        """Zero mean and unit variance, if the network was trained so (`transformers.Wav2Vec2FeatureExtractor`)."""
        if not self._input.normalize:
            return audio
        return (audio - audio.mean(-1, keepdim=True)) / torch.sqrt(audio.var(-1, correction=0, keepdim=True) + 1e-7)

    def settings(self) -> dict:
        """The network, and what it expects of its audio where that is unusual."""
        return super().settings() | self._input.settings()

    @cached_property
    def _input(self) -> AudioInput:
        return self._audio or wav2vec2_input(self.model)

    def _trained(self) -> "PreTrainedModel":
        from transformers import AutoModel

        return load_pretrained(AutoModel, self.model, may_lack=("masked_spec_embed",))

    def _hidden(self, audio: Tensor) -> Sequence[Tensor]:
        return self._network(audio, output_hidden_states=True).hidden_states


class WhisperEncoder(SpeechEncoder):
    """The encoder of Whisper (Radford 2022): a log-mel spectrogram of 30 s, silence after the sound, frames of 20 ms."""

    stride, field, centre = 320, 320, 0.0
    longest = 30 * 16000
    sfreq = 16000

    @property
    def n_states(self) -> int:
        """The layers and one."""
        return self.config.encoder_layers + 1

    @property
    def width(self) -> int:
        """F."""
        return self.config.d_model

    def n_frames(self, n_samples: int) -> int:
        """Those whose middle is heard."""
        return -(-n_samples // self.stride)

    def prepared(self, audio: Tensor) -> Tensor:
        """As it is: the spectrogram of a window is clipped to 80 dB below its own peak."""
        return audio

    @cached_property
    def _spectrogram(self) -> "WhisperFeatureExtractor":
        from transformers import WhisperFeatureExtractor

        if self.seed is not None:
            return WhisperFeatureExtractor(feature_size=self.config.num_mel_bins)
        return load_pretrained(WhisperFeatureExtractor, self.model)

    def _trained(self) -> "PreTrainedModel":
        from transformers import WhisperModel

        return load_pretrained(WhisperModel, self.model)

    def _encoder(self, network: "PreTrainedModel") -> "PreTrainedModel":
        network.decoder = None  # half of the weights
        return network

    def _hidden(self, audio: Tensor) -> Sequence[Tensor]:
        rows = list(audio.float().cpu().numpy())
        mel = self._spectrogram(rows, sampling_rate=self.sfreq, return_tensors="pt").input_features
        network = self._network.encoder
        return network(mel.to(audio.device, audio.dtype), output_hidden_states=True).hidden_states


def speech_encoder(
    model: str, *, seed: int | None = None, half: bool = False, device: str | None = None
) -> SpeechEncoder:
    """The encoder of a Hugging Face id or folder, by its config; the weights are read at the first need.

    Raises
    ------
    UserError
        It is no network of speech that n2s knows.
    """
    from transformers import AutoConfig

    config = load_pretrained(AutoConfig, model)
    if config.model_type == "whisper":
        return WhisperEncoder(model, config, seed=seed, half=half, device=device)
    waves = all(hasattr(config, name) for name in ("conv_kernel", "conv_stride", "hidden_size", "num_hidden_layers"))
    if waves and not hasattr(config, "squeeze_factor"):  # SEW's layers have fewer frames than its convolutions
        return WaveformEncoder(model, config, seed=seed, half=half, device=device)
    raise UserError(
        f"'{model}' is a {config.model_type} network; expected one that hears speech: wav2vec 2.0, HuBERT, WavLM, data2vec-audio, "
        "UniSpeech or Whisper."
    )
