"""The weights of a fit: kept in the run's folder, or solved again from the training rows with the penalties that were chosen."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from n2s.errors import UserError, reading
from n2s.paths import written_whole

#: Targets whose equations are solved at once: the right-hand sides stay below 200 MB at 6,000 columns.
BLOCK = 4096
#: Rows that are float64 at once.
ROWS = 16_384
LARGEST = 1e30  # a penalty beyond it is infinite as float32, and its weights are 0


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
    penalties = penalties.to(train.device).double().clamp(max=LARGEST).reshape(len(widths), -1)
    if penalties.shape[1] != brain.shape[1] or sum(widths) != train.shape[1]:
        raise UserError(
            f"the run's penalties are of {penalties.shape[1]} targets, and the data have {brain.shape[1]}. Take the run's own config.yaml."
        )
    x, y = train - train.mean(0), brain - brain.mean(0)
    found = torch.zeros(x.shape[1], y.shape[1], device=x.device)
    different, which = torch.unique(penalties, dim=1, return_inverse=True)
    solve = _dual if x.shape[0] < x.shape[1] else _primal
    for columns, weights in solve(x, y, different, which, torch.tensor(widths, device=x.device)):
        found[:, columns] = weights.float()
    return found


def _primal(x: Tensor, y: Tensor, different: Tensor, which: Tensor, widths: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    gram = sum(part.double().T @ part.double() for part in x.split(ROWS))
    for number, penalty in enumerate(different.T):
        factor = torch.linalg.cholesky(gram + torch.diag(torch.repeat_interleave(penalty, widths)))
        for columns in torch.nonzero(which == number).flatten().split(BLOCK):
            target = y[:, columns]
            right = sum(a.double().T @ b.double() for a, b in zip(x.split(ROWS), target.split(ROWS), strict=True))
            yield columns, torch.cholesky_solve(right, factor)


def _dual(x: Tensor, y: Tensor, different: Tensor, which: Tensor, widths: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """``X' (sum of X_b X_b' / a_b + I)^-1 y / a_b`` for each band."""
    parts = x.double().split(widths.tolist(), 1)
    kernels = [part @ part.T for part in parts]
    one = torch.eye(len(x), dtype=torch.float64, device=x.device)
    for number, penalty in enumerate(different.T):
        kernel = sum(kernel / alpha for kernel, alpha in zip(kernels, penalty, strict=True))
        factor = torch.linalg.cholesky(kernel + one)
        for columns in torch.nonzero(which == number).flatten().split(BLOCK):
            dual = torch.cholesky_solve(y[:, columns].double(), factor)
            yield columns, torch.cat([part.T @ dual / alpha for part, alpha in zip(parts, penalty, strict=True)])
