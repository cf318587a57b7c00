"""The loss of classifiers of events: classes weighted by how rare they are, labels smoothed."""

from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

Weights = Literal["none", "inverse", "inverse_sqrt"]
WEIGHTS = get_args(Weights)
#: Of the classes' frequencies, in the prior that weighted training takes: its classes count as often as ``frequency ** power`` says.
PRIOR_POWER = {"none": 1.0, "inverse": 0.0, "inverse_sqrt": 0.5}


def class_weights(counts: np.ndarray, weights: Weights) -> np.ndarray:
    """(k,) training samples of each class -> their weights, 1 on average over classes.

    ``inverse``: 1 / count; ``inverse_sqrt``: 1 / sqrt(count). A class without samples counts as if it had one.
    """
    counts = np.maximum(np.asarray(counts, np.float64), 1)
    found = counts ** (PRIOR_POWER[weights] - 1)
    return found / found.mean()


def prior_power(weights: Weights, balance: str) -> float:
    """Of the classes' frequencies, in the prior that a network learns: ``balance`` says what an epoch has equally many of (`EventDataModule`)."""
    return PRIOR_POWER[weights] - (1.0 if balance == "class" else 0.0)


def weighted_losses(
    logits: Tensor, target: Tensor, class_weight: Tensor, label_smoothing: float
) -> tuple[Tensor, Tensor]:
    """The sum of weighted losses, and the sum of weights: the loss is their ratio, over all processes.

    Parameters
    ----------
    logits
        (b, k) for the cross-entropy of a softmax; (b, 1) of the second of two classes, for that of a sigmoid.
    target
        (b,) classes.
    class_weight
        (k,), (2,) of one logit.
    label_smoothing
        s: with a softmax, s of each label is given to all classes alike; with a sigmoid the label y is y (1 - s) + s / 2. Both are the same
        for two classes.
    """
    weight, logits = class_weight[target], logits.float()
    if logits.shape[1] == 1:
        wanted = target.float() * (1 - label_smoothing) + label_smoothing / 2
        each = F.binary_cross_entropy_with_logits(logits[:, 0], wanted, reduction="none")
        return (each * weight).sum(), weight.sum()
    total = F.cross_entropy(logits, target, class_weight, reduction="sum", label_smoothing=label_smoothing)
    return total, weight.sum()


def predicted_classes(logits: np.ndarray) -> np.ndarray:
    """(n, k) or (n, 1) -> (n,): the likeliest class."""
    return (logits[:, 0] > 0).astype(np.int64) if logits.shape[1] == 1 else logits.argmax(1)


def log_probabilities(logits: np.ndarray) -> np.ndarray:
    """(n, k) -> (n, k), (n, 1) -> (n, 2): log-probabilities of the classes."""
    values = torch.from_numpy(np.ascontiguousarray(logits, np.float32)).double()
    if values.shape[1] == 1:
        values = torch.cat([torch.zeros_like(values), values], 1)
    return torch.log_softmax(values, 1).numpy()
