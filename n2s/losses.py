"""Contrastive losses between a network's estimate for a window of brain and the sound in that window."""

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from n2s.errors import UserError

_MAX_SCALE = 100.0  # as CLIP: a larger one makes training unstable


class ClipLoss(nn.Module):
    """Cross-entropy of picking the true candidate among all, by inner product over features and time.

    The defaults are the paper's loss (Défossez 2023): only the candidates are normalised, no temperature, one
    direction. ``normalize="both", temperature="learned", symmetric=True`` is CLIP's (Radford 2021).

    Parameters
    ----------
    normalize
        Tensors to divide by their L2 norm over features and time: the candidates ("target"), or the estimates too.
    temperature
        "learned": scores are multiplied by a learned scale, 1 / 0.07 at first and at most 100. Keep weight decay off
        it.
    symmetric
        Average with the other direction: the true estimate among all, for each candidate.

    Examples
    --------
    >>> import torch
    >>> from n2s.losses import ClipLoss
    >>> sounds = torch.randn(8, 40, 300, generator=torch.manual_seed(0))  # 8 windows, 40 features, 300 samples
    >>> loss = ClipLoss()
    >>> round(float(loss(sounds, sounds)), 3), round(float(loss(torch.zeros_like(sounds), sounds)), 3)  # perfect; chance is log(8)
    (0.0, 2.079)
    """

    def __init__(
        self,
        normalize: Literal["target", "both"] = "target",
        temperature: Literal["learned"] | None = None,
        symmetric: bool = False,
    ):
        super().__init__()
        if normalize not in ("target", "both") or temperature not in (None, "learned"):
            raise UserError(
                f"ClipLoss has normalize={normalize!r} and temperature={temperature!r}; expected normalize 'target' or "
                "'both', and temperature 'learned' or None."
            )
        self.normalize = normalize
        self.symmetric = symmetric
        self.log_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07))) if temperature == "learned" else None

    def scores(self, estimate: Tensor, candidate: Tensor) -> Tensor:
        """``(b, f, t), (k, f, t) -> (b, k)``: how well each candidate fits each estimate: the logits of the softmax.

        In float32 at least, also under autocast: with half precision the sum over 3 s of features loses the small
        differences that decide. ``torch.set_float32_matmul_precision("high")`` makes it fast on a GPU.
        """
        if estimate.ndim != 3 or candidate.ndim != 3 or estimate.shape[1:] != candidate.shape[1:]:
            raise ValueError(
                f"Found estimate {tuple(estimate.shape)} and candidate {tuple(candidate.shape)}; expected (b, f, t) "
                "and (k, f, t) with the same f and t (t = 1 for one vector a window)."
            )
        dtype = torch.promote_types(torch.promote_types(estimate.dtype, candidate.dtype), torch.float32)
        estimate, candidate = estimate.to(dtype).flatten(1), candidate.to(dtype).flatten(1)
        with torch.autocast(estimate.device.type, enabled=False):
            scores = estimate @ candidate.T * _inverse_norm(candidate)
            if self.normalize == "both":
                scores = scores * _inverse_norm(estimate)[:, None]
            if self.log_scale is not None:
                with torch.no_grad():  # here, not in the graph: a clamped value could never come back
                    self.log_scale.clamp_(max=math.log(_MAX_SCALE))
                scores = scores * self.log_scale.exp()
        return scores

    def forward(
        self,
        estimate: Tensor,
        candidate: Tensor,
        target: Tensor | None = None,
        estimate_ids: Tensor | None = None,
        candidate_ids: Tensor | None = None,
        *,
        rows: slice = slice(None),
    ) -> Tensor:
        """``(b, f, t), (k, f, t) -> ()``.

        Parameters
        ----------
        estimate
            The network's output for each window.
        candidate
            The possible sounds.
        target
            (b,) Index of each estimate's true candidate; by default the first b candidates, in order.
        estimate_ids, candidate_ids
            (b,) and (k,) Integers that say which instant of which stimulus it is. A candidate with an estimate's id
            that is not its target is no negative of it: it is left out of that row, and likewise in the other
            direction.
        rows
            The mean is over these estimates only (those of one process); in the other direction the rest are negatives.
            The mean of all is the mean of its parts, weighted by their sizes.

        Raises
        ------
        ValueError
            Shapes do not belong together, or only one of the two ids is given.
        """
        b, k = len(estimate), len(candidate)
        if target is None:
            if k < b:
                raise ValueError(f"Found {b} estimates and {k} candidates; without target, expected one for each.")
            target = torch.arange(b, device=estimate.device)
        elif target.shape != (b,):
            raise ValueError(f"Found target {tuple(target.shape)}; expected ({b},), an index for each estimate.")
        scores = self.scores(estimate[rows], candidate)
        same = _same(estimate_ids, candidate_ids, b, k, scores.device)
        own = target[rows]
        loss = _cross_entropy(scores, same[rows], own)
        if self.symmetric:
            # A row for each estimate: its candidate against all estimates, less the others of that candidate.
            itself = torch.arange(b, device=scores.device)[rows]
            others = scores[:, own] if len(own) == b else self.scores(estimate, candidate[own])
            loss = (loss + _cross_entropy(others.T, same[:, own].T | (own[:, None] == target), itself)) / 2
        return loss


def _inverse_norm(x: Tensor) -> Tensor:
    return 1 / (1e-8 + torch.linalg.vector_norm(x, dim=1))


def _same(estimate_ids: Tensor | None, candidate_ids: Tensor | None, b: int, k: int, device: torch.device) -> Tensor:
    """``(b, k)``: True where estimate and candidate have one instant of one stimulus."""
    if estimate_ids is None and candidate_ids is None:
        return torch.zeros(b, k, dtype=torch.bool, device=device)
    found = [None if ids is None else tuple(ids.shape) for ids in (estimate_ids, candidate_ids)]
    if estimate_ids is None or candidate_ids is None or found != [(b,), (k,)]:
        raise ValueError(
            f"Found estimate_ids {found[0]} and candidate_ids {found[1]}; expected ({b},) and ({k},), or neither."
        )
    return estimate_ids[:, None] == candidate_ids


def _cross_entropy(scores: Tensor, same: Tensor, target: Tensor) -> Tensor:
    """Mean over rows of the negative log-softmax at ``target``, without the ``same`` columns that are not it."""
    false_negative = same.scatter(1, target[:, None], False)
    return F.cross_entropy(scores.masked_fill(false_negative, -torch.inf), target)
