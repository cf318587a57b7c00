"""How a clip sounds: tokens of AudioMAE's frozen encoder, the target of the acoustic decoder."""

import hashlib
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from n2s.errors import UserError
from n2s.features.audio import read_stimulus
from n2s.features.audiomae import DURATION_S, SFREQ, fbank, tiled
from n2s.features.feature import ClipFeature
from n2s.models.audiomae import CONTEXTUAL_FROM, AudioMAE, n_patches
from n2s.models.heads import check_heads
from n2s.models.pretrained import frozen, full_float32
from n2s.models.seeded import seeded
from n2s.options import check_options
from n2s.studies.study import Stimulus

_BATCH = 4  # clips encoded at once


class AudioMAETokens(ClipFeature):
    """Tokens of the patches that a clip covers, in order of time, as one vector: ``(n_patch * dim,)``, row by row.

    A clip is repeated until it is 10 s long and encoded without masking; the first `n_patches` of its 512 tokens are kept.
    ``tokens.reshape(-1, *feature.shape)`` is ``(n, n_patch, dim)`` again.

    Parameters
    ----------
    checkpoint
        The published ``pretrained.pth``, or a file with the encoder alone (see `AudioMAE.load_upstream`).
    duration_s
        Duration of every clip, s; at most 10. It decides how many tokens a clip has: 208, 80, 112 for 4, 1.5, 2 s.
    layer
        ``contextual``: the mean of the upper blocks, as AudioLDM2 uses it. ``last``: what AudioMAE's decoder was trained on.
    dim, depth, n_heads
        Size of the encoder, if it is not the published one.
    device
        Where to compute; by default on a GPU if there is one.

    Examples
    --------
    >>> import numpy as np
    >>> from n2s.features import AudioMAETokens, example_stimulus
    >>> tokens = AudioMAETokens("pretrained.pth", duration_s=1.5)
    >>> tokens.extract(example_stimulus(), np.array([0.0, 0.5]), 1.5).shape  # doctest: +SKIP
    (2, 61440)
    """

    version = 2  # a clip that ends a little after its sound is filled with silence

    def __init__(
        self,
        checkpoint: str | Path,
        *,
        duration_s: float,
        layer: Literal["last", "contextual"] = "contextual",
        dim: int = 768,
        depth: int = 12,
        n_heads: int = 12,
        device: str | None = None,
    ) -> None:
        name = type(self).__name__
        check_options(f"{name}: ", above=0, duration_s=duration_s)
        check_heads(f"{name}: ", dim, n_heads)
        check_options(f"{name}: ", low=1, whole=True, depth=depth)
        if not 0.025 <= duration_s <= DURATION_S:  # one frame of the filter bank
            raise UserError(f"{name}: duration_s={duration_s}; expected 0.025 to {DURATION_S:g} s.")
        if layer not in ("last", "contextual"):
            raise UserError(f"{name}: layer='{layer}'; expected 'last' or 'contextual'.")
        if layer == "contextual" and depth <= CONTEXTUAL_FROM + 1:
            raise UserError(
                f"{name}: layer='contextual' with depth={depth}; it is the mean of the blocks after the ninth. Expected a "
                "depth of 10 or more, or layer='last'."
            )
        self.checkpoint, self.duration_s, self.layer = checkpoint, duration_s, layer
        self.dim, self.depth, self.n_heads, self.device = dim, depth, n_heads, device

    @property
    def shape(self) -> tuple[int, int]:
        """(n_patch, dim) of one clip's tokens."""
        return n_patches(self.duration_s), self.dim

    @property
    def n_features(self) -> int:
        """f: n_patch * dim."""
        return self.shape[0] * self.shape[1]

    def settings(self) -> dict:
        """The encoder's weights by the hash of their file, its sizes, the layer and the duration."""
        return {
            "weights": self._identity,
            "dim": self.dim,
            "depth": self.depth,
            "n_heads": self.n_heads,
            "layer": self.layer,
            "duration_s": self.duration_s,
        }

    def release(self) -> None:
        """Drop the network."""
        self.__dict__.pop("_network", None)

    @torch.inference_mode()
    def extract(self, stimulus: Stimulus, starts_s: np.ndarray, duration_s: float) -> np.ndarray:
        """(n,) starts -> (n, n_patch * dim)."""
        if duration_s != self.duration_s:
            raise UserError(
                f"{type(self).__name__} was made for clips of {self.duration_s:g} s, which fixes its number of tokens; "
                f"'{stimulus.id}' has clips of {duration_s:g} s. Give it that duration_s."
            )
        found = np.empty((len(starts_s), *self.shape), np.float32)
        for first in range(0, len(starts_s), _BATCH):
            starts = [float(start) for start in starts_s[first : first + _BATCH]]
            clips = [read_stimulus(stimulus, SFREQ, start, start + duration_s) for start in starts]
            found[first : first + len(clips)] = self._encode(clips)
        return found.reshape(len(found), self.n_features)

    def _encode(self, clips: list[Tensor]) -> np.ndarray:
        mels = torch.stack([fbank(tiled(clip, SFREQ), SFREQ) for clip in clips])[:, None]
        with full_float32():
            tokens = self._network.encode(mels.to(self._network.cls_token.device), self.layer)
        return tokens[:, : self.shape[0]].cpu().numpy()

    @cached_property
    def _identity(self) -> str:
        path = Path(self.checkpoint).expanduser()
        if not path.is_file():
            raise UserError(f"no AudioMAE checkpoint at {path}. Give the path of the published pretrained.pth.")
        with open(path, "rb") as file:
            return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"

    @cached_property
    def _network(self) -> AudioMAE:
        return frozen(self._load_network(), self.device)

    def _load_network(self) -> AudioMAE:
        with torch.random.fork_rng(devices=[]):
            network = AudioMAE(dim=self.dim, depth=self.depth, n_heads=self.n_heads)
        return network.load_upstream(Path(self.checkpoint).expanduser())


class UntrainedAudioMAETokens(AudioMAETokens):
    """A stand-in without a download: the same encoder with random weights, small by default.

    It has learned nothing: its tokens are a fixed random map of the spectrogram and of their position in it.

    Parameters
    ----------
    duration_s, layer, dim, depth, n_heads, device
        As for `AudioMAETokens`.
    seed
        Seed of the weights.

    Examples
    --------
    >>> import numpy as np
    >>> from n2s.features import UntrainedAudioMAETokens, example_stimulus
    >>> tokens = UntrainedAudioMAETokens(duration_s=1.5)
    >>> tokens.extract(example_stimulus(), np.array([0.0, 0.5]), 1.5).reshape(2, *tokens.shape).shape  # 80 patches
    (2, 80, 48)
    """

    def __init__(
        self,
        *,
        duration_s: float,
        layer: Literal["last", "contextual"] = "last",
        dim: int = 48,
        depth: int = 2,
        n_heads: int = 4,
        seed: int = 0,
        device: str | None = None,
    ) -> None:
        check_options("UntrainedAudioMAETokens: ", low=0, whole=True, seed=seed)
        sizes = {"dim": dim, "depth": depth, "n_heads": n_heads}
        super().__init__("untrained", duration_s=duration_s, layer=layer, device=device, **sizes)
        self.seed = seed

    @property
    def _identity(self) -> str:
        return f"untrained, seed {self.seed}"

    def _load_network(self) -> AudioMAE:
        with seeded(self.seed):
            # the smallest decoder there can be: nothing is decoded here
            return AudioMAE(
                dim=self.dim, depth=self.depth, n_heads=self.n_heads, decoder_dim=16, decoder_depth=0, decoder_heads=1
            )
