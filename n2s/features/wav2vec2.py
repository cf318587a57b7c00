"""Layers of wav2vec 2.0, trained or untrained: the target of the contrastive decoder, and its control."""

from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from n2s.errors import UserError
from n2s.features.audio import read_stimulus
from n2s.features.feature import FrameFeature
from n2s.features.network_input import AudioInput, wav2vec2_input
from n2s.models.pretrained import frozen, full_float32, load_pretrained, model_identity
from n2s.models.seeded import seeded
from n2s.options import check_options
from n2s.studies.study import Frames, Stimulus

if TYPE_CHECKING:
    from transformers import Wav2Vec2Config, Wav2Vec2Model


class Wav2Vec2(FrameFeature):
    """Mean of some hidden states of a pretrained wav2vec 2.0 (Baevski 2020), ``(l, hidden size)``.

    The convolutional part has a stride of 320 samples and sees 400 (in all published networks), so that frame i is
    centred at ``(200 + 320 i) / 16000`` s: 50 frames a second. ``preprocessor_config.json`` beside the weights is followed:
    another sampling rate, or audio as it is (``do_normalize: false``). Long audio is processed in overlapping windows, on a GPU
    if there is one, always in full float32.

    Parameters
    ----------
    model
        Hugging Face id or local folder.
    layers
        Hidden states to average: 0 is the input of the first transformer layer, k the output of the k-th. The default
        follows the published code of Défossez 2023 (its text says the last four).
    window_s
        Audio processed at once, s: it limits the memory.
    context_s
        Context at either end of a window, s: processed, but the frames there are taken from the neighbour.
    device
        Where to compute; by default on a GPU if there is one.

    Examples
    --------
    >>> from n2s.features import Wav2Vec2, example_stimulus
    >>> Wav2Vec2("facebook/wav2vec2-large-xlsr-53").extract(example_stimulus()).values.shape  # doctest: +SKIP
    (99, 1024)
    """

    contextual = True

    def __init__(
        self,
        model: str = "facebook/wav2vec2-large-xlsr-53",
        layers: tuple[int, ...] = (14, 15, 16, 17, 18),
        *,
        window_s: float = 30.0,
        context_s: float = 5.0,
        device: str | None = None,
    ) -> None:
        name = type(self).__name__
        check_options(f"{name}: ", low=0, whole=True, layers=list(layers))
        check_options(f"{name}: ", above=0, window_s=window_s)
        check_options(f"{name}: ", low=0, context_s=context_s)
        if context_s < 0 or window_s - 2 * context_s < 1:
            raise UserError(
                f"{name}: window_s={window_s} with context_s={context_s} at either end leaves less than 1 s between. "
                "Expected context_s >= 0 and window_s >= 2 * context_s + 1."
            )
        self.model, self.layers = model, tuple(layers)
        self.window_s, self.context_s, self.device = window_s, context_s, device

    @property
    def n_features(self) -> int:
        """f: the width of the network, from its config alone."""
        return self._config.hidden_size

    def settings(self) -> dict:
        """The network (a local folder by the hash of its files), the layers and the windows."""
        return {
            "model": self._identity,
            "layers": list(self.layers),
            "window_s": self.window_s,
            "context_s": self.context_s,
        } | self._input.settings()

    def release(self) -> None:
        """Drop the network."""
        self.__dict__.pop("_network", None)

    @torch.inference_mode()
    def extract(self, stimulus: Stimulus, start_s: float = 0.0, stop_s: float | None = None) -> Frames:
        """Compute (l, f) from audio brought to zero mean and unit variance, unless the network was trained without.

        A stretch shorter than the input of one frame has no frames.
        """
        sfreq = self._input.sfreq
        audio = read_stimulus(stimulus, sfreq, start_s, stop_s)
        if self._input.normalize:
            audio = (audio - audio.mean()) / torch.sqrt(audio.var(correction=0) + 1e-7)  # as Wav2Vec2FeatureExtractor
        stride, field = self._stride_and_field
        return Frames(self._in_windows(audio).numpy(), sfreq / stride, start_s + field / 2 / sfreq)

    def _in_windows(self, audio: Tensor) -> Tensor:
        """(n,) -> (l, f); windows start on the grid of frames, so that each frame sees the samples it would in one."""
        stride, field = self._stride_and_field
        n_frames = max(0, (len(audio) - field) // stride + 1)
        window, context = (int(seconds * self._input.sfreq / stride) for seconds in (self.window_s, self.context_s))
        kept = window if n_frames <= window else window - 2 * context
        values = torch.empty(n_frames, self.n_features)
        for first in range(0, n_frames, kept):
            last = min(first + kept, n_frames)
            heard_first, heard_last = max(0, first - context), min(n_frames, last + context)
            heard = self._mean_of_layers(audio[heard_first * stride : (heard_last - 1) * stride + field])
            values[first:last] = heard[first - heard_first : last - heard_first]
        return values

    def _mean_of_layers(self, audio: Tensor) -> Tensor:
        """(n,) -> (l, f)."""
        with full_float32():
            states = self._network(audio[None].to(self._network.device), output_hidden_states=True).hidden_states
            return torch.stack([states[layer][0] for layer in self.layers]).mean(0).cpu()

    @cached_property
    def _identity(self) -> str:
        return model_identity(self.model)

    @cached_property
    def _input(self) -> AudioInput:
        self._config  # noqa: B018 (checked first: another kind of network is named)
        return self._load_input()

    @cached_property
    def _config(self) -> "Wav2Vec2Config":
        config = self._load_config()
        if config.model_type != "wav2vec2":
            raise UserError(f"'{self.model}' is a {config.model_type} network; expected a wav2vec 2.0 (wav2vec2).")
        if max(self.layers) > config.num_hidden_layers:
            raise UserError(
                f"{type(self).__name__}: layers={self.layers}, but the network has {config.num_hidden_layers}. "
                f"Expected numbers from 0 (below the first) to {config.num_hidden_layers} (the last)."
            )
        return config

    @cached_property
    def _network(self) -> "Wav2Vec2Model":
        network = frozen(self._load_network(), self.device)
        network.encoder.layers = network.encoder.layers[: max(1, *self.layers)]  # higher layers are not needed
        return network

    @property
    def _stride_and_field(self) -> tuple[int, int]:
        """Samples from one frame to the next, and samples that the convolutions of one frame see."""
        stride, field = 1, 1
        for kernel, step in zip(self._config.conv_kernel, self._config.conv_stride, strict=True):
            field += (kernel - 1) * stride
            stride *= step
        return stride, field

    def _load_config(self) -> "Wav2Vec2Config":
        from transformers import AutoConfig

        return load_pretrained(AutoConfig, self.model)

    def _load_input(self) -> AudioInput:
        return wav2vec2_input(self.model)

    def _load_network(self) -> "Wav2Vec2Model":
        from transformers import Wav2Vec2Model

        self._config  # noqa: B018 (checked before its weights are fetched)
        return load_pretrained(Wav2Vec2Model, self.model, may_lack=("masked_spec_embed",))


class UntrainedWav2Vec2(Wav2Vec2):
    """The control: the same network with random weights. Only the configs of ``model`` are read.

    Parameters
    ----------
    model, layers, window_s, context_s, device
        As for `Wav2Vec2`.
    seed
        Seed of the weights.

    Examples
    --------
    >>> from n2s.features import UntrainedWav2Vec2
    >>> UntrainedWav2Vec2("facebook/wav2vec2-large-xlsr-53", seed=1).n_features  # doctest: +SKIP
    1024
    """

    def __init__(
        self,
        model: str = "facebook/wav2vec2-large-xlsr-53",
        layers: tuple[int, ...] = (14, 15, 16, 17, 18),
        *,
        seed: int = 0,
        window_s: float = 30.0,
        context_s: float = 5.0,
        device: str | None = None,
    ) -> None:
        check_options(f"{type(self).__name__}: ", low=0, whole=True, seed=seed)
        super().__init__(model, layers, window_s=window_s, context_s=context_s, device=device)
        self.seed = seed

    def settings(self) -> dict:
        """The settings of the trained network, and the seed."""
        return super().settings() | {"seed": self.seed}

    def _load_network(self) -> "Wav2Vec2Model":
        from transformers import Wav2Vec2Model

        with seeded(self.seed):
            return Wav2Vec2Model(self._config)


class TinyUntrainedWav2Vec2(UntrainedWav2Vec2):
    """A stand-in without a download: wav2vec 2.0's timing and parts, 64 wide, 4 layers, random weights.

    It has learned nothing. It tests everything around it.

    Parameters
    ----------
    layers, seed, window_s, context_s, device
        As for `UntrainedWav2Vec2`.

    Examples
    --------
    >>> from n2s.features import TinyUntrainedWav2Vec2, example_stimulus
    >>> frames = TinyUntrainedWav2Vec2(device="cpu").extract(example_stimulus())
    >>> frames.values.shape, frames.rate_hz
    ((99, 64), 50.0)
    """

    def __init__(
        self,
        layers: tuple[int, ...] = (2, 3, 4),
        *,
        seed: int = 0,
        window_s: float = 30.0,
        context_s: float = 5.0,
        device: str | None = None,
    ) -> None:
        super().__init__("tiny-untrained", layers, seed=seed, window_s=window_s, context_s=context_s, device=device)

    def _load_config(self) -> "Wav2Vec2Config":
        return tiny_config()

    def _load_input(self) -> AudioInput:
        return AudioInput()


def tiny_config() -> "Wav2Vec2Config":
    """The config of a wav2vec 2.0 of 4 layers, 64 wide, that has learned nothing."""
    from transformers import Wav2Vec2Config

    return Wav2Vec2Config(
        hidden_size=64,
        num_hidden_layers=4,
        num_attention_heads=4,
        intermediate_size=128,
        conv_dim=(32,) * 7,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=4,
        # as the large networks: these norms look at one moment at a time
        feat_extract_norm="layer",
        do_stable_layer_norm=True,
        conv_bias=True,
    )
