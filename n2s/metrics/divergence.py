"""Whether a classifier of sounds hears the same in two clips: the Kullback-Leibler divergence of its classes."""

from typing import Literal

import numpy as np
from scipy.special import expit, softmax, xlogy

Variant = Literal["softmax", "sigmoid"]

_FLOOR = 1e-6  # added to the generated clip's probabilities: audioldm_eval


def kl_divergence(
    reference_logits: np.ndarray,
    generated_logits: np.ndarray,
    *,
    variant: Variant = "softmax",
    floor: float = _FLOOR,
) -> float:
    """Mean over clips of `clip_divergences`, ``(n, k), (n, k) -> ()``: 0 where the classifier hears the same."""
    return float(clip_divergences(reference_logits, generated_logits, variant=variant, floor=floor).mean())


def clip_divergences(
    reference_logits: np.ndarray,
    generated_logits: np.ndarray,
    *,
    variant: Variant = "softmax",
    floor: float = _FLOOR,
) -> np.ndarray:
    """KL divergence of each clip's classes from its reference's in nats, ``(n, k), (n, k) -> (n,)``.

    ``sum p log(p / (q + floor))`` with the reference's probabilities p and the generated clip's q, as audioldm_eval has
    it.

    Parameters
    ----------
    reference_logits, generated_logits
        (n, k) Of the k classes, before softmax or sigmoid.
    variant
        ``softmax``: one distribution over classes. ``sigmoid``: each class by itself, without the term of its absence,
        as published ("KL-sigmoid"); no true divergence, it can be negative.
    floor
        Keeps a class that the generated clip has not from an infinite score. 0 for the exact divergence.

    Raises
    ------
    ValueError
        Shapes that do not fit, an unknown variant, or logits that are NaN or infinite.
    """
    reference, generated = (np.asarray(one, dtype=np.float64) for one in (reference_logits, generated_logits))
    if reference.shape != generated.shape or reference.ndim != 2 or not len(reference):
        raise ValueError(
            f"reference_logits are {reference.shape}, generated_logits {generated.shape}; "
            "expected (n, k), both the same."
        )
    for name, logits in (("reference_logits", reference), ("generated_logits", generated)):
        bad = np.flatnonzero(~np.isfinite(logits).all(1))
        if len(bad):
            raise ValueError(f"{name}: {len(bad)} of {len(logits)} rows hold NaN or infinity; the first is {bad[0]}.")
    if variant == "softmax":
        p, q = softmax(reference, axis=1), softmax(generated, axis=1)
    elif variant == "sigmoid":
        p, q = expit(reference), expit(generated)
    else:
        raise ValueError(f"variant is '{variant}'; expected 'softmax' or 'sigmoid'.")
    return (xlogy(p, p) - xlogy(p, q + floor)).sum(1)
