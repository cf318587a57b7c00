"""The fine stage: from voxels and meaning to AudioMAE's tokens, and to the spectrogram that they stand for."""

import copy

from torch import Tensor, nn

from n2s.models.acoustic_decoder import AcousticDecoder, BrainTokens
from n2s.models.audiomae import AudioMAE
from n2s.models.fitted_ridge import FittedRidge

START_GAIN = 0.1


class ToSound(nn.Module):
    """The acoustic decoder, and AudioMAE's decoder after it.

    The acoustic decoder's output is what a token differs from its mean over training clips, in deviations.

    Parameters
    ----------
    mean, deviation
        (n_patch, d) Mean and deviation of each token over training clips.
    decoder, audiomae
        Both are copied. Only AudioMAE's decoder is kept: its encoder made the target.
    """

    def __init__(self, mean: Tensor, deviation: Tensor, *, decoder: AcousticDecoder, audiomae: AudioMAE):
        super().__init__()
        self.decoder, self.audiomae = copy.deepcopy(decoder), copy.deepcopy(audiomae)
        self.audiomae.blocks, self.audiomae.patch_embed = nn.ModuleList(), nn.ModuleDict()
        for unused in (self.audiomae.cls_token, *self.audiomae.norm.parameters()):  # DDP would wait for their gradients
            unused.requires_grad_(False)
        # near the mean of the training clips at first: most of a token cannot be known from the brain
        nn.init.constant_(self.decoder.transformer.decoder.norm.weight, START_GAIN)
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)

    def decoded(self, memory: Tensor) -> Tensor:
        """Tokens of the brain ``(b, m, d) -> (b, n_patch, d)``."""
        return self.mean + self.deviation * self.decoder(memory, len(self.mean))

    def spectrogram(self, tokens: Tensor) -> tuple[Tensor, list[Tensor]]:
        """``(b, n_patch, d) -> (b, 128, t)``, and what each decoder block gives for these patches, ``(b, n_patch, d)``."""
        n = tokens.shape[1]
        mel, blocks = self.audiomae.decode_blocks(tokens)
        return mel[:, 0, : 2 * n].mT, [block[:, :n] for block in blocks]  # 16 frames a patch, 8 patches a time


class BrainToSound(ToSound):
    """The model of one subject: a fitted ridge, the voxels with its largest weights, and the parts of `ToSound`.

    Parameters
    ----------
    ridge
        Ridge of the semantic stage.
    voxels
        (n,) Places of the voxels that are given as a token.
    mean, deviation, decoder, audiomae
        See `ToSound`.
    semantic
        Whether there is a semantic token.
    """

    def __init__(
        self,
        ridge: FittedRidge,
        voxels: Tensor,
        mean: Tensor,
        deviation: Tensor,
        *,
        decoder: AcousticDecoder,
        audiomae: AudioMAE,
        semantic: bool,
    ):
        super().__init__(mean, deviation, decoder=decoder, audiomae=audiomae)
        self.ridge = ridge
        n_semantic = len(ridge.intercept) if semantic else 0
        self.tokens = BrainTokens(len(voxels), n_semantic, dim=mean.shape[1])
        self.register_buffer("voxels", voxels)

    def forward(self, brain: Tensor, semantic: Tensor | None = None) -> Tensor:
        """``(b, v) -> (b, n_patch, d)``; ``semantic (b, d)`` is the ridge's prediction where it is not given."""
        if self.tokens.semantic is not None and semantic is None:
            semantic = self.ridge(brain)
        return self.decoded(self.tokens(brain[:, self.voxels], semantic))
