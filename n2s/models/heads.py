"""Attention heads share the width of a layer: whether that goes."""

from n2s.errors import UserError
from n2s.options import check_options


def check_heads(prefix: str, dim: int, n_heads: int, dim_name: str = "dim", heads_name: str = "n_heads") -> None:
    """Raise a `UserError` if a width and its heads are not whole numbers from 1 on, or the heads do not divide it."""
    check_options(prefix, low=1, whole=True, **{dim_name: dim, heads_name: n_heads})
    if dim % n_heads:
        raise UserError(
            f"{prefix}{dim_name} is {dim}, which {heads_name} {n_heads} does not divide. Choose a multiple of {n_heads}."
        )
