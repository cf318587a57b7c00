"""Spatial attention: any set of sensors onto a fixed number of virtual channels, by where the sensors lie."""

import math

import torch
from torch import Tensor, nn

from n2s.errors import UserError
from n2s.options import check_options


def fourier_embedding(positions: Tensor, n_features: int, margin: float) -> Tensor:
    """``(..., 2) -> (..., n_features)``: cosines, then sines, of plane waves over the unit square.

    The waves have ``0 .. sqrt(n_features / 2) - 1`` periods along x and along y, in every combination (y fastest),
    over a square that is larger than the unit one by ``margin`` on each side, so that opposite edges differ.
    """
    n_waves = math.isqrt(n_features // 2)
    periods = torch.arange(n_waves, dtype=positions.dtype, device=positions.device)
    x, y = ((positions + margin)[..., None] * periods * (2 * math.pi / (1 + 2 * margin))).unbind(-2)
    phase = (x[..., :, None] + y[..., None, :]).flatten(-2)
    return torch.cat([phase.cos(), phase.sin()], dim=-1)


class SpatialAttention(nn.Module):
    """Each virtual channel is a weighted mean of the sensors; the weights are a softmax of a learned map of the head.

    ``brain (b, c, t), positions (b, c, 2) -> (b, n_virtual, t)``. The map is a Fourier series over the positions, so
    recordings with different sensors share it. Source: Défossez 2023, Methods, "Spatial attention".

    Parameters
    ----------
    n_virtual
        Channels that come out.
    n_fourier
        Terms of the series: twice a square (cosines and sines, as many waves along x as along y).
    margin
        Kept free around the unit square, in its units.
    n_kinds
        Maps to learn: one a kind of sensor that may share its place with others. Planar gradiometers and the
        magnetometer between them lie at one point, and one map would give them one weight.
    dropout
        In training the sensors inside one disc of this radius get no weight; its centre is drawn anew for every
        batch, uniformly over the unit square. 0: no dropout.

    Examples
    --------
    >>> import torch
    >>> from n2s.models import SpatialAttention
    >>> attention = SpatialAttention(n_virtual=16, n_fourier=32).eval()
    >>> attention(torch.randn(2, 306, 100), torch.rand(2, 306, 2)).shape  # any number of sensors
    torch.Size([2, 16, 100])
    """

    def __init__(
        self,
        n_virtual: int = 270,
        n_fourier: int = 2048,
        *,
        margin: float = 0.2,
        dropout: float = 0.2,
        n_kinds: int = 1,
    ):
        check_options("SpatialAttention: ", low=1, whole=True, n_virtual=n_virtual, n_kinds=n_kinds)
        check_options("SpatialAttention: ", low=0, whole=True, n_fourier=n_fourier)
        check_options("SpatialAttention: ", low=0, margin=margin, dropout=dropout)
        super().__init__()
        if n_fourier != 2 * math.isqrt(n_fourier // 2) ** 2 or n_fourier < 2:
            raise UserError(
                f"SpatialAttention: n_fourier is {n_fourier}; it must be twice a square (a cosine and a sine for each wave of a square "
                "grid): 128, 288, 512, 2048, ..."
            )
        self.margin = margin
        self.dropout = dropout
        self.n_kinds = n_kinds
        maps = (n_virtual,) if n_kinds == 1 else (n_kinds, n_virtual)
        self.heads = nn.Parameter(torch.randn(*maps, n_fourier) / math.sqrt(n_fourier))

    def forward(
        self, brain: Tensor, positions: Tensor, mask: Tensor | None = None, kind: Tensor | None = None
    ) -> Tensor:
        """``(b, c, t), (b, c, 2), (b, c), (b, c) -> (b, n_virtual, t)``; a masked sensor may hold anything, NaN too."""
        if mask is not None:
            brain = brain.masked_fill(~mask[..., None], 0)  # a weight of 0 would not silence NaN
        return self.weights(positions, mask, kind) @ brain.to(self.heads.dtype)

    def weights(self, positions: Tensor, mask: Tensor | None = None, kind: Tensor | None = None) -> Tensor:
        """``(b, c, 2) -> (b, n_virtual, c)``: the weight of every sensor, in float32 under autocast too.

        ``b`` of ``positions`` may be 1 if all rows share their sensors; then the result's is that of ``mask``, or
        1. Rows with the same positions are found and computed once; rows that are one in memory (``expand``) without that
        the host waits for a GPU. ``mask`` is True where a sensor counts; in a row
        where no sensor does, all weights are equal. ``kind``, like ``positions``, holds each sensor's kind, from 0; where
        it is not given, all are 0.
        """
        with torch.autocast(positions.device.type, enabled=False):
            alike = [positions] if self.n_kinds == 1 or kind is None else [positions, kind]
            if all(one.stride(0) == 0 for one in alike):  # one row, expanded: known without a look at the values
                positions, kind = positions[:1], None if kind is None else kind[:1]
            places = positions.to(self.heads.dtype)
            if self.n_kinds > 1:
                kind = torch.zeros_like(places[..., 0]) if kind is None else kind.to(places.dtype)
                places = torch.cat([places, kind[..., None]], dim=-1)
            layouts, row = _layouts(places)
            layouts, kinds = layouts[..., :2], layouts[..., 2:]
            embedding = fourier_embedding(layouts, self.heads.shape[-1], self.margin)
            scores = torch.einsum("...of,bcf->b...oc", self.heads, embedding)
            if self.n_kinds > 1:
                of_kind = torch.arange(self.n_kinds, device=kinds.device) == kinds  # (b, c, kind)
                scores = torch.einsum("bkoc,bck->boc", scores, of_kind.to(scores.dtype))
            kept = self._outside_disc(layouts)
            if row is not None:
                scores, kept = scores[row], kept[row]
            valid = torch.ones_like(kept) if mask is None else mask
            kept = kept & valid
            kept = torch.where(kept.any(-1, keepdim=True), kept, valid)  # a disc may cover all that a row has
            # The lowest number, not -inf: a row without sensors is then uniform, not NaN.
            return scores.masked_fill(~kept[:, None], torch.finfo(scores.dtype).min).softmax(-1)

    def _outside_disc(self, positions: Tensor) -> Tensor:
        """``(b, c, 2) -> (b, c)``: True outside this batch's disc; in evaluation everywhere."""
        if not (self.training and self.dropout):
            return torch.ones_like(positions[..., 0], dtype=torch.bool)
        centre = torch.rand(2, dtype=positions.dtype, device=positions.device)
        return (positions - centre).norm(dim=-1) > self.dropout


def _layouts(positions: Tensor) -> tuple[Tensor, Tensor | None]:
    """The different rows of ``(b, c, 2)`` and which of them each row is; None if there is only one.

    On a GPU this waits for the device once (how many rows differ must be known); positions of one row need no
    comparison and no wait.
    """
    if len(positions) == 1 or bool((positions == positions[:1]).all()):
        return positions[:1], None
    layouts, row = torch.unique(positions, dim=0, return_inverse=True)
    return layouts, row
