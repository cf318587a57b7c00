"""What encoding models leave unexplained in rows that they were not fitted on, and its covariance."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from n2s.errors import UserError
from n2s.models.encoding_ridge import EncodingRidge
from n2s.models.fold_operators import Rows, enough_digits
from n2s.models.symmetric import all_digits, product


def held_out_residuals(X: Tensor, Y: Tensor, groups: Sequence, alphas: Tensor) -> Tensor:
    """Residuals of each row, by ridge regression on the rows of all other groups (leave one story out).

    Parameters
    ----------
    X
        (n, p) Features.
    Y
        (n, v) Responses.
    groups
        (n,) The story of each row.
    alphas
        (v,) The penalty of each target, such as `n2s.models.EncodingRidge.alpha_`. Both sides are centred by the rows of each fit.

    Returns
    -------
    (n, v) of the type of ``Y``.

    Raises
    ------
    UserError
        There is one group alone.
    """
    names, code = np.unique(np.asarray(groups).astype(str), return_inverse=True)
    if len(names) < 2:
        raise UserError(
            f"noise is measured in stories that a fit has not seen, and all {len(X)} training rows are of one story ({names[0] if len(names) else 'none'}). "
            "Train on two stories or more, or make units smaller (data.split)."
        )
    order = torch.from_numpy(np.argsort(code, kind="stable")).to(X.device)
    found = torch.empty_like(Y)
    with all_digits():
        given = enough_digits(X)
        given = given - given.mean(0)
        rows = Rows(given[order], np.bincount(code).tolist())
        alphas = alphas.to(Y.device)
        for alpha in alphas.unique().tolist():
            own = (alphas == alpha).nonzero()[:, 0]
            found[order[:, None], own] = _of_penalty(rows, Y[order][:, own].to(rows.X), alpha).to(Y)
    return found


def held_out_r2(ridge: EncodingRidge, X: Tensor, Y: Tensor, groups: Sequence) -> Tensor:
    """(v,) How well a fitted ridge predicts each target in groups that it did not learn from: the best R2 of its choice of penalties.

    With one penalty there was no choice: then each group is left out in turn. -inf: not known.

    Parameters
    ----------
    ridge
        Fitted to the same.
    X, Y, groups
        (n, p), (n, v), (n,)

    Raises
    ------
    UserError
        There is one penalty and one group.
    """
    if len(ridge.alphas) > 1:
        return ridge.cv_scores_.nan_to_num(-torch.inf).amax(0)
    left = held_out_residuals(X, Y, groups, ridge.alpha_).square().sum(0)
    power = (Y - Y.mean(0)).square().sum(0)
    return torch.where(power > 0, 1 - left / power.clamp(min=1e-30), -torch.inf)


def _of_penalty(rows: Rows, Y: Tensor, alpha: float) -> Tensor:
    """(n, k) in the order of the rows."""
    Y = Y - Y.mean(0)
    sizes = [one.stop - one.start for one in rows.folds]
    width = [rows.n - size if rows.dual else rows.m + 1 for size in sizes]
    out = [rows.X.new_empty(size, w) for size, w in zip(sizes, width, strict=True)]
    rows.prepare([(alpha,)])
    rows.operators((alpha,), out, [rows.X.new_empty(size, size) for size in sizes])
    total = None if rows.dual else product(rows.X.T, Y)
    parts = []
    for one, operator in zip(rows.folds, out, strict=True):
        if rows.dual:
            seen = torch.cat([Y[: one.start], Y[one.stop :]])
        else:
            left = rows.n - (one.stop - one.start)
            seen = torch.cat([total - product(rows.X[one].T, Y[one]), -Y[one].sum(0, keepdim=True) / left])
        parts.append(Y[one] - product(operator, seen))
    return torch.cat(parts)


def noise_covariance(residuals: Tensor, groups: Sequence) -> Tensor:
    """(n, v) residuals of held-out rows -> (v, v): the mean over stories of each one's products, scaled to a mean variance of 1.

    So no story counts more for being longer or noisier (Tang et al. 2023, Nat. Neurosci. 26:858).
    """
    code = np.unique(np.asarray(groups).astype(str), return_inverse=True)[1]
    found = residuals.new_zeros(residuals.shape[1], residuals.shape[1])
    for group in range(code.max() + 1):
        own = residuals[torch.from_numpy(code == group).to(residuals.device)]
        products = own.T @ own
        found += products / products.diagonal().mean() / (code.max() + 1)
    return found
