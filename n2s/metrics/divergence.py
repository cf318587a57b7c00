"""Kullback-Leibler divergence of a sound classifier's output on two clips."""

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
    """Mean of `clip_divergences` over clips, ``(n, k), (n, k) -> ()``: 0 if the classifier's outputs are equal.

    Examples
    --------
    >>> import numpy as np
    >>> from n2s.metrics import kl_divergence
    >>> speech, music = np.array([[4.0, 0.0, 0.0]]), np.array([[0.0, 4.0, 0.0]])  # logits of three classes
    >>> kl_divergence(speech, speech) < 1e-3, round(kl_divergence(speech, music), 2)
    (True, 3.79)
    """
    return float(clip_divergences(reference_logits, generated_logits, variant=variant, floor=floor).mean())


def clip_divergences(
    reference_logits: np.ndarray,
    generated_logits: np.ndarray,
    *,
    variant: Variant = "softmax",
    floor: float = _FLOOR,
) -> np.ndarray:
    """KL divergence of each clip's classes from its reference's in nats, ``(n, k), (n, k) -> (n,)``.

    ``sum p log(p / (q + floor))`` with the reference's probabilities p and the generated clip's q, as in
    audioldm_eval.

    Parameters
    ----------
    reference_logits, generated_logits
        (n, k) Logits of the k classes, before softmax or sigmoid.
    variant
        ``softmax``: one distribution over classes. ``sigmoid``: each class separately, without the term for its absence,
        as published ("KL-sigmoid"); not a true divergence, it can be negative.
    floor
        Prevents an infinite score for a class that is absent from the generated clip. 0 for the exact divergence.

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
