"""The weights of a fit: kept in the run's folder, or solved again from the training rows with the penalties that were chosen."""

import hashlib
import re
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from n2s.errors import UserError, reading
from n2s.paths import written_whole

#: Targets whose equations are solved at once: the right-hand sides stay below 200 MB at 6,000 columns.
BLOCK = 4096


def weights_file(folder: Path, subject: str, fold: str, fit: str) -> Path:
    """Where the weights (p, v) of a fit lie."""
    plain = [re.sub(r"[^A-Za-z0-9.-]+", "_", name) for name in (subject, fold, fit)]
    short = hashlib.sha256(fit.encode()).hexdigest()[:8]  # keys may be long, or differ in a sign alone
    return folder / plain[0] / f"{plain[1]}_{plain[2][:80]}_{short}.npy"


def keep_weights(folder: Path, subject: str, fold: str, fit: str, weights: Tensor | np.ndarray) -> None:
    """Write (p, v) float32, whole or not at all."""
    path = weights_file(folder, subject, fold, fit)
    values = weights.cpu().numpy() if isinstance(weights, Tensor) else np.asarray(weights)
    with written_whole(path) as temporary, open(temporary, "wb") as file:
        np.save(file, values.astype(np.float32), allow_pickle=False)


def kept_weights(folder: Path, subject: str, fold: str, fit: str) -> Tensor | None:
    """(p, v) float32; None if the run did not keep any."""
    path = weights_file(folder, subject, fold, fit)
    if not path.is_file():
        return None
    with reading(path, "weights of an encoding model", "Fit again, or remove the file: then they are solved again."):
        return torch.from_numpy(np.load(path, allow_pickle=False))


def solved(train: Tensor, brain: Tensor, penalties: Tensor, widths: list[int]) -> Tensor:
    """Ridge weights with the penalties given: ``(n, p), (n, v) -> (p, v)`` float32.

    Both sides are centred by the training rows. The Gram matrix of the smaller side is made once, in float64 (a small penalty
    beside large eigenvalues is lost in float32), and factorised once for each different penalty.

    Parameters
    ----------
    train, brain
        Features and responses of the training rows.
    penalties
        (v,), or (bands, v) with the penalty of each band.
    widths
        Columns of each band, which sum to p.
    """
    x, y = train.double(), brain - brain.mean(0)
    x = x - x.mean(0)
    penalties = penalties.to(x).reshape(len(widths), -1)
    if penalties.shape[1] != y.shape[1] or sum(widths) != x.shape[1]:
        raise UserError(
            f"the run's penalties are of {penalties.shape[1]} targets, and the data have {y.shape[1]}. Take the run's own config.yaml."
        )
    found = torch.zeros(x.shape[1], y.shape[1], device=x.device)
    different, which = torch.unique(penalties, dim=1, return_inverse=True)
    gram = _gram(x) if len(widths) == 1 else None
    for number, penalty in enumerate(different.T):
        columns = torch.nonzero(which == number).flatten()
        scale = torch.repeat_interleave(penalty.rsqrt(), torch.tensor(widths, device=x.device))
        scaled = x if gram is not None else x * scale
        one = gram if gram is not None else _gram(scaled)
        added = penalty[0] if gram is not None else 1.0
        factor = torch.linalg.cholesky(one + added * torch.eye(len(one), dtype=x.dtype, device=x.device))
        for block in columns.split(BLOCK):
            target = y[:, block].double()
            if x.shape[0] < x.shape[1]:
                part = scaled.T @ torch.cholesky_solve(target, factor)
            else:
                part = torch.cholesky_solve(scaled.T @ target, factor)
            found[:, block] = (part if gram is not None else part * scale[:, None]).float()
    return found


def _gram(x: Tensor) -> Tensor:
    return x @ x.T if x.shape[0] < x.shape[1] else x.T @ x
