"""AudioMAE (Huang et al. 2022): a masked autoencoder of spectrograms; weights of the published checkpoint load into it."""

import argparse
import math
from pathlib import Path
from typing import Literal

import torch
from einops import rearrange
from torch import Tensor, nn

from n2s.errors import UserError
from n2s.models.attention_blocks import AttentionBlock, ShiftedWindowBlock
from n2s.models.heads import check_heads
from n2s.models.weights import read_weights
from n2s.options import check_options

N_FRAMES, N_MELS, PATCH = 1024, 128, 16
GRID = (N_FRAMES // PATCH, N_MELS // PATCH)  # 64 times x 8 frequencies: token n is time n // 8, frequency n % 8
N_TOKENS = GRID[0] * GRID[1]
CONTEXTUAL_FROM = 8  # "contextual": mean of the blocks after this one (AudioLDM2)


class AudioMAE(nn.Module):
    """ViT-B/16 encoder without masking; decoder of 16 shifted-window blocks. 136.99 M parameters, 51.34 M in the decoder.

    The published decoder was trained on spectrograms that were normalised patch by patch: its output is no spectrogram
    until it is fine-tuned.

    Parameters
    ----------
    dim, depth, n_heads
        Sizes of the encoder; the defaults are the published ones.
    decoder_dim, decoder_depth, decoder_heads
        Sizes of the decoder.

    References
    ----------
    Huang et al. 2022, Masked Autoencoders that Listen, NeurIPS.

    Examples
    --------
    >>> import torch
    >>> from n2s.models import AudioMAE
    >>> mae = AudioMAE(dim=32, depth=2, n_heads=4, decoder_dim=32, decoder_depth=2, decoder_heads=4).eval()
    >>> tokens = mae.encode(torch.randn(1, 1, 1024, 128))  # 10.24 s of filter bank
    >>> tokens.shape, mae.decode(tokens).shape
    (torch.Size([1, 512, 32]), torch.Size([1, 1, 1024, 128]))
    """

    def __init__(
        self,
        *,
        dim: int = 768,
        depth: int = 12,
        n_heads: int = 12,
        decoder_dim: int = 512,
        decoder_depth: int = 16,
        decoder_heads: int = 16,
    ):
        check_heads("AudioMAE: ", dim, n_heads)
        check_heads("AudioMAE: ", decoder_dim, decoder_heads, "decoder_dim", "decoder_heads")
        check_options("AudioMAE: ", low=0, whole=True, depth=depth, decoder_depth=decoder_depth)
        for name, width in (("dim", dim), ("decoder_dim", decoder_dim)):
            if width % 4:
                raise UserError(
                    f"AudioMAE: {name} is {width}; expected a multiple of 4: sines and cosines of two axes."
                )
        super().__init__()
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(1, dim, PATCH, PATCH)})
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.pos_embed = nn.Parameter(positions(dim), requires_grad=False)
        self.blocks = nn.ModuleList(AttentionBlock(dim, n_heads=n_heads) for _ in range(depth))
        self.norm = nn.LayerNorm(dim, eps=1e-6)

        self.decoder_embed = nn.Linear(dim, decoder_dim)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, decoder_dim))
        self.decoder_pos_embed = nn.Parameter(positions(decoder_dim), requires_grad=False)
        self.decoder_blocks = nn.ModuleList(
            ShiftedWindowBlock(decoder_dim, n_heads=decoder_heads, grid=GRID, shift=(2, 0) if index % 2 else (0, 0))
            for index in range(decoder_depth)
        )
        self.decoder_norm = nn.LayerNorm(decoder_dim, eps=1e-6)
        self.decoder_pred = nn.Linear(decoder_dim, PATCH * PATCH)
        for token in (self.cls_token, self.mask_token):
            nn.init.normal_(token, std=0.02)

    def encode(self, fbank: Tensor, output: Literal["last", "contextual"] = "last") -> Tensor:
        """``(b, 1, 1024, 128)`` from `n2s.features.audiomae.fbank` -> ``(b, 512, 768)``, in order of time.

        ``last`` is the normalised output of the last block, what the decoder was trained on; ``contextual`` the mean over
        the normalised outputs of the blocks after the ninth, what AudioLDM2 was trained on.
        """
        if fbank.ndim != 4 or tuple(fbank.shape[1:]) != (1, N_FRAMES, N_MELS):
            raise ValueError(f"fbank is {tuple(fbank.shape)}; expected (b, 1, {N_FRAMES}, {N_MELS}).")
        if output not in ("last", "contextual"):
            raise UserError(f"AudioMAE: output is '{output}'; expected 'last' or 'contextual'.")
        tokens = self.patch_embed["proj"](fbank).flatten(2).mT + self.pos_embed[:, 1:]
        tokens = torch.cat([(self.cls_token + self.pos_embed[:, :1]).expand(len(tokens), -1, -1), tokens], 1)
        outputs = []
        for index, block in enumerate(self.blocks):
            tokens = block(tokens)
            if output == "contextual" and index > CONTEXTUAL_FROM:
                outputs.append(self.norm(tokens))
        found = self.norm(tokens) if output == "last" else torch.stack(outputs).mean(0)
        return found[:, 1:]

    def decode(self, tokens: Tensor) -> Tensor:
        """``(b, n, 768) -> (b, 1, 1024, 128)``: from the first n of 512 patches; the rest are mask tokens."""
        return self.decode_blocks(tokens)[0]

    def decode_blocks(self, tokens: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The same, and the outputs ``(b, 512, 512)`` of all decoder blocks: for a perceptual loss."""
        b, n = tokens.shape[:2]
        if not 0 < n <= N_TOKENS:
            raise ValueError(f"{n} tokens; expected 1 to {N_TOKENS}.")
        x = torch.cat([self.decoder_embed(tokens), self.mask_token.expand(b, N_TOKENS - n, -1)], 1)
        x = x + self.decoder_pos_embed[:, 1:]
        outputs = []
        for block in self.decoder_blocks:
            x = block(x)
            outputs.append(x)
        return unpatched(self.decoder_pred(self.decoder_norm(x))), outputs

    def load_upstream(self, path: str | Path) -> "AudioMAE":
        """Load the published ``pretrained.pth`` (its key ``model``), or a bare state dict, strictly.

        A state dict that holds the encoder alone, as the Hugging Face ports do, loads too; the decoder keeps its weights.

        Raises
        ------
        UserError
            No such file, no state dict in it, or keys or shapes that do not match: which.
        """
        state = read_state(Path(path))
        own = self.state_dict()
        wanted = own if any(key.startswith("decoder_") for key in state) else {
            key: value for key, value in own.items() if not key.startswith(("decoder_", "mask_token"))
        }  # fmt: skip
        wrong = [
            f"{key} is {tuple(state[key].shape)}, not {tuple(value.shape)}"
            for key, value in wanted.items()
            if key in state and state[key].shape != value.shape
        ]
        for what, keys in (("missing", wanted.keys() - state.keys()), ("unknown", state.keys() - own.keys())):
            wrong += [f"{what}: {key}" for key in sorted(keys)]
        if wrong:
            more = f" and {len(wrong) - 6} more" if len(wrong) > 6 else ""
            raise UserError(
                f"{path} does not fit AudioMAE: {'; '.join(wrong[:6])}{more}. Expected the published pretrained.pth, or an "
                "encoder with the same names."
            )
        self.load_state_dict(state, strict=False)
        return self


def n_patches(duration_s: float) -> int:
    """Tokens that cover a clip: time patches in pairs, as the latent diffusion needs them (208, 80, 112 for 4, 1.5, 2 s)."""
    return 2 * math.ceil(round(100 * duration_s, 6) / 32) * GRID[1]


def positions(dim: int) -> Tensor:
    """``(1, 513, dim)``: sines and cosines, zero for the class token.

    Upstream built them for a grid of 8 rows and 64 columns though the tokens come in 64 rows of 8; weights were trained
    with that, so it stays: token n has column n % 64 in the first half of its dimensions, row n // 64 in the second.
    """
    index = torch.arange(N_TOKENS, dtype=torch.float64)
    rate = 10000.0 ** (-torch.arange(dim // 4, dtype=torch.float64) / (dim // 4))
    halves = []
    for place in (index % GRID[0], index // GRID[0]):
        angle = place[:, None] * rate
        halves += [angle.sin(), angle.cos()]
    return torch.cat([torch.zeros(1, dim), torch.cat(halves, 1).float()])[None]


def unpatched(patches: Tensor) -> Tensor:
    """``(b, 512, 256) -> (b, 1, 1024, 128)``."""
    time, mel = GRID
    return rearrange(patches, "b (time mel) (l f) -> b 1 (time l) (mel f)", time=time, mel=mel, l=PATCH)


def patched(fbank: Tensor) -> Tensor:
    """``(b, 1, 1024, 128) -> (b, 512, 256)``: the inverse."""
    return rearrange(fbank, "b 1 (time l) (mel f) -> b (time mel) (l f)", l=PATCH, f=PATCH)


def read_state(path: Path) -> dict[str, Tensor]:
    """The weights in a file of torch or safetensors; nothing in it is run."""
    if not path.is_file():
        raise UserError(f"no AudioMAE checkpoint at {path}. Give the path of the published pretrained.pth.")
    return read_weights(path, also=(argparse.Namespace,))  # the options of the training, beside the weights
