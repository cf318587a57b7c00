"""The port of networks that classify windows of the brain: any sensors, one row of logits a window."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from n2s.errors import UserError
from n2s.findings import tell


class EventNetwork(nn.Module, ABC):
    """Windows to logits: ``brain (b, c, t), positions (b, c, 2), subject (b,), mask (b, c) -> (b, k)``.

    What calls a network gives all four; a network uses what it needs. A softmax of the logits gives the classes; one logit (k = 1) is
    that of the second of two classes, by a sigmoid. A window's logits depend on that window alone when the network evaluates.

    Examples
    --------
    >>> import torch
    >>> from n2s.models import EventNetwork
    >>> class Power(EventNetwork):
    ...     def __init__(self, n_channels, n_classes):
    ...         super().__init__()
    ...         self.map = torch.nn.Linear(n_channels, n_classes)
    ...
    ...     def forward(self, brain, positions=None, subject=None, mask=None):
    ...         return self.map(brain.square().mean(-1).log())
    >>> Power(20, 3)(torch.randn(4, 20, 100)).shape
    torch.Size([4, 3])
    """

    @abstractmethod
    def forward(
        self,
        brain: Tensor,
        positions: Tensor | None = None,
        subject: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        """``(b, c, t), (b, c, 2), (b,), (b, c) -> (b, k)`` logits.

        Parameters
        ----------
        brain
            Scaled recordings.
        positions
            Positions of the sensors, in [0, 1].
        subject
            Index of the subject from 0 on; -1 for an unseen one.
        mask
            True where a channel is real and good; by default all are. What a masked channel holds does not matter.

        Raises
        ------
        UserError
            Windows of a shape that the network does not take, or an input that it needs is not there.
        """


def real_channels(brain: Tensor, mask: Tensor | None) -> Tensor:
    """``(b, c, t), (b, c) -> (b, c, t)``: channels that are not real or not good are 0."""
    return brain if mask is None else torch.where(mask[..., None], brain, 0.0)


def check_shape(brain: Tensor, n_channels: int, n_times: int | None, whose: str) -> None:
    """Raise a `UserError` unless windows have so many channels and, if ``n_times`` is given, samples.

    Parameters
    ----------
    brain
        (b, c, t)
    n_channels, n_times
        What the network was made for.
    whose
        Name of the network.
    """
    if brain.ndim != 3:
        raise UserError(f"{whose} takes windows (b, c, t); got {tuple(brain.shape)}.")
    c, t = brain.shape[1:]
    if c != n_channels:
        raise UserError(
            f"{whose} was made for {n_channels} channels; the windows have {c}. Set model.network.n_channels to {c}; weights that were trained "
            "with other channels do not fit."
        )
    if n_times is not None and t != n_times:
        raise UserError(
            f"{whose} was made for windows of {n_times} samples; these have {t}. Set model.network.n_times to {t}, or let the data cut "
            f"windows of {n_times} samples."
        )


def check_channels(network: nn.Module, n_channels: int, n_layouts: int = 1) -> None:
    """Raise a `UserError` if a recipe's network was made for another number of channels than the data have.

    Parameters
    ----------
    network
        A network that has ``n_channels`` takes channels by their numbers; others know sensors by their places.
    n_channels
        Of the data.
    n_layouts
        How many sets of sensors share these channels, such as people with contacts of their own: with more than one it is told.
    """
    made_for = getattr(network, "n_channels", None)
    if made_for is None:
        return
    if made_for != n_channels:
        raise UserError(
            f"model.network has n_channels {made_for}, and the data have {n_channels} channels. Set --model.network.n_channels {n_channels}."
        )
    if n_layouts > 1:
        tell_apart(type(network).__name__, n_layouts)


def tell_apart(who: str, n_layouts: int) -> None:
    """Say that one model takes channels that are other sensors in other people."""
    tell(
        "odd",
        "model",
        f"{who} takes channels by their numbers, and they are other contacts in each of {n_layouts} people. Train it on one person at a time, or "
        "take a network that knows sensors by their places (n2s.models.EncoderClassifier).",
    )
