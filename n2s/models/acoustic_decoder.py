"""From a few tokens that describe a moment of brain activity to the AudioMAE tokens of the sound that was heard."""

import torch
from torch import Tensor, nn

from n2s.models.audiomae import N_TOKENS
from n2s.models.heads import check_heads
from n2s.options import check_options


class AcousticDecoder(nn.Module):
    """Transformer encoder over the given tokens; decoder from learned queries, one for each patch of the spectrogram.

    The queries are in order of time: a shorter clip uses the first ones.

    Parameters
    ----------
    dim
        Width of all tokens; 768 as in AudioMAE.
    depth
        Layers of the encoder, and of the decoder.
    n_heads, hidden, dropout
        Sizes and dropout of each layer.
    max_patches
        Learned queries: 512 cover 10.24 s.

    References
    ----------
    Liu et al. 2024, Reverse the auditory processing pathway: coarse-to-fine audio reconstruction from fMRI. Heads, hidden
    size and dropout are not given there: we use the original Transformer's.

    Examples
    --------
    >>> import torch
    >>> from n2s.models import AcousticDecoder
    >>> decoder = AcousticDecoder(dim=32, depth=1, n_heads=4, hidden=64).eval()
    >>> brain = torch.randn(2, 6, 32)  # 2 clips of 6 brain tokens
    >>> decoder(brain, 80).shape  # 80 patches: a clip of 1.5 s
    torch.Size([2, 80, 32])
    """

    def __init__(
        self,
        *,
        dim: int = 768,
        depth: int = 4,
        n_heads: int = 8,
        hidden: int = 2048,
        dropout: float = 0.1,
        max_patches: int = N_TOKENS,
    ):
        check_heads("AcousticDecoder: ", dim, n_heads)
        check_options("AcousticDecoder: ", low=1, whole=True, depth=depth, hidden=hidden, max_patches=max_patches)
        check_options("AcousticDecoder: ", low=0, below=1, dropout=dropout)
        super().__init__()
        self.transformer = nn.Transformer(
            dim,
            n_heads,
            num_encoder_layers=depth,
            num_decoder_layers=depth,
            dim_feedforward=hidden,
            dropout=dropout,
            batch_first=True,
        )
        self.queries = nn.Parameter(0.02 * torch.randn(max_patches, dim))

    def forward(self, memory: Tensor, n_patch: int) -> Tensor:
        """``(b, m, d) -> (b, n_patch, d)``."""
        n, dim = self.queries.shape
        if memory.ndim != 3 or memory.shape[2] != dim:
            raise ValueError(f"memory is {tuple(memory.shape)}; expected (b, m, {dim}).")
        if not 0 < n_patch <= n:
            raise ValueError(f"n_patch is {n_patch}; expected 1 to {n} (max_patches).")
        return self.transformer(memory, self.queries[:n_patch].expand(len(memory), -1, -1))


class BrainTokens(nn.Module):
    """The memory of an `AcousticDecoder`: a semantic token, and the strongest voxels as they are.

    Parameters
    ----------
    n_semantic
        Dimension of the semantic vector (512: CLAP); 0 leaves the semantic token out (the fine-only ablation).
    n_voxels
        Voxels given.
    dim
        Width of a token. ``dim`` voxels are used unchanged (768 in the paper); another number is mapped linearly.
    """

    def __init__(self, n_voxels: int, n_semantic: int = 512, *, dim: int = 768):
        super().__init__()
        self.semantic = nn.Linear(n_semantic, dim) if n_semantic else None
        self.voxels = nn.Identity() if n_voxels == dim else nn.Linear(n_voxels, dim)

    def forward(self, voxels: Tensor, semantic: Tensor | None = None) -> Tensor:
        """``(b, v), (b, 512) -> (b, 2, d)``; ``(b, 1, d)`` without a semantic token."""
        tokens = [self.voxels(voxels)]
        if self.semantic is not None:
            if semantic is None:
                raise ValueError("this model has a semantic token: give semantic.")
            tokens.insert(0, self.semantic(semantic))
        return torch.stack(tokens, 1)
