"""A Transformer over the windows of a sentence: the words before and after a window help to decode it."""

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from n2s.errors import UserError
from n2s.models.heads import check_heads
from n2s.options import check_options


class SentenceContext(nn.Module):
    """Corrects each window's estimate by those of the other windows of its sentence: ``(b, f, t), (b,) -> (b, f, t)``.

    An estimate is cut into patches of time; all patches of a sentence's windows attend to each other, whatever their
    place in the batch, and each answers with what is added to it: nothing at first. Patches know their place in their
    window, and their window's order in the sentence, but not its time: word timing is no brain signal. After d'Ascoli
    et al. 2025 (Nat Commun 16:10521), whose Transformer has one token a word.

    Parameters
    ----------
    n_features
        f: width of the estimate; set from the data.
    dim, n_heads, depth
        Width, heads and layers of the Transformer.
    patch
        Samples of a patch.
    dropout
        In the Transformer.
    max_windows
        Windows of a sentence that are distinguished by their order; later ones share the last place.
    max_patches
        Patches a window, at most.

    Examples
    --------
    >>> import torch
    >>> from n2s.models import SentenceContext
    >>> context = SentenceContext(n_features=40, dim=16, n_heads=2, depth=1).eval()
    >>> estimate = torch.randn(3, 40, 100)
    >>> corrected = context(estimate, torch.tensor([0, 0, -1]))  # two windows of one sentence, one of none
    >>> torch.equal(corrected, estimate)  # before it learns, nothing is added
    True
    """

    def __init__(
        self,
        n_features: int,
        *,
        dim: int = 128,
        n_heads: int = 4,
        depth: int = 2,
        patch: int = 25,
        dropout: float = 0.1,
        max_windows: int = 64,
        max_patches: int = 32,
    ):
        check_heads("SentenceContext: ", dim, n_heads)
        counts = {"n_features": n_features, "depth": depth, "patch": patch, "max_windows": max_windows}
        check_options("SentenceContext: ", low=1, whole=True, max_patches=max_patches, **counts)
        check_options("SentenceContext: ", low=0, below=1, dropout=dropout)
        super().__init__()
        self.patch, self.max_windows, self.max_patches = patch, max_windows, max_patches
        self.inward = nn.Linear(n_features * patch, dim)
        self.place = nn.Parameter(0.02 * torch.randn(max_patches, dim))
        self.order = nn.Parameter(0.02 * torch.randn(max_windows, dim))
        layer = nn.TransformerEncoderLayer(
            dim, n_heads, 4 * dim, dropout, activation="gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)
        self.outward = nn.Linear(dim, n_features * patch)
        nn.init.zeros_(self.outward.weight)
        nn.init.zeros_(self.outward.bias)

    def forward(self, estimate: Tensor, sentence: Tensor) -> Tensor:
        """``(b, f, t), (b,) -> (b, f, t)``.

        Parameters
        ----------
        estimate
            Estimate of each window.
        sentence
            Windows with one number belong to one sentence of one recording, in the order of the batch; -1: to none.
        """
        b, _, t = estimate.shape
        n = -(-t // self.patch)
        if n > self.max_patches:
            raise UserError(
                f"SentenceContext: a window has {n} patches of {self.patch} samples; max_patches is {self.max_patches}."
            )
        padded = F.pad(estimate, (0, n * self.patch - t))
        patches = rearrange(padded, "b f (n patch) -> b n (f patch)", n=n)
        alone = torch.arange(b, device=sentence.device)
        group = torch.where(sentence == -1, -1 - alone, sentence)
        same = group[:, None] == group
        order = (same & (alone[:, None] > alone)).sum(1).clamp(max=self.max_windows - 1)
        tokens = self.inward(patches) + self.place[:n] + self.order[order][:, None]
        apart = ~same.repeat_interleave(n, 0).repeat_interleave(n, 1)
        answer = self.layers(tokens.flatten(0, 1)[None], mask=apart)[0]
        answer = rearrange(self.outward(answer), "(b n) (f patch) -> b f (n patch)", n=n, patch=self.patch)
        return estimate + answer[..., :t]
