"""Folds of whole groups, for the cross-validation of penalties."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from n2s.errors import UserError, first_of


def dealt_folds(groups: Sequence | np.ndarray | Tensor | None, n: int, n_folds: int, whose: str) -> Tensor:
    """Deal whole groups out in turn, in the order of their first row: fold = rank of the group modulo ``n_folds``.

    A group may lie in several stretches; all of them are in one fold.

    Parameters
    ----------
    groups
        (n,) Name of the group of each row: its run, story or stimulus.
    n
        Rows.
    n_folds
        Folds.
    whose
        The estimator, for messages.

    Returns
    -------
    Tensor
        (n,) Fold of each row, each from 0 to ``n_folds`` - 1 at least once.

    Raises
    ------
    UserError
        No groups, not one a row, a row without one (None, NaN), or fewer than folds.
    """
    if groups is None:
        raise UserError(f"{whose}: cross-validation needs groups: the run, story or stimulus of each row.")
    rank: dict = {}
    names = groups.tolist() if hasattr(groups, "tolist") else list(groups)
    unknown = np.flatnonzero(pd.isna(pd.Series(names, dtype=object)))
    if len(unknown):  # NaN is not itself: each of these rows would be a group of its own, beside its neighbours
        raise UserError(
            f"{whose}: {len(unknown)} of {len(names)} rows have no group ({first_of(unknown)}). "
            "Name the run, story or stimulus of each row, or leave these out."
        )
    group = [rank.setdefault(name, len(rank)) for name in names]
    if len(group) != n or len(rank) < n_folds:
        raise UserError(
            f"{whose}: {len(group)} groups for {n} rows, {len(rank)} different; expected one a row, and at least "
            f"{n_folds} different (n_folds)."
        )
    return torch.tensor(group) % n_folds
