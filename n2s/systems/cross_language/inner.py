"""The cross-validation inside the training rows, in which penalties are chosen: whole stories."""

from collections.abc import Sequence

from n2s.errors import UserError


def inner_folds(groups: Sequence[str], alphas: Sequence[float], n_folds: int, where: str) -> int:
    """How many folds the choice of penalties has: at most one a story."""
    n_groups = len(set(groups))
    if n_groups < 2 and len(alphas) > 1:
        raise UserError(
            f"{where}: its training rows are of one story, and penalties are chosen by held-out stories. Take three stories a language or more, fewer "
            "folds (data.n_folds), or a single penalty (model.alphas)."
        )
    return max(2, min(n_folds, n_groups))
