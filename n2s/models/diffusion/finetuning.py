"""Which weights of the UNet are trained, at which rates, and their running average."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor, nn

from n2s.errors import UserError
from n2s.models.diffusion.attention import attention_layers
from n2s.models.diffusion.latent_diffusion import LatentDiffusion
from n2s.models.diffusion.lora import add_lora

Mode = Literal["full", "cross_attention", "lora", "none"]


def choose_trained(model: LatentDiffusion, mode: Mode, *, rank: int = 8) -> list[nn.Parameter]:
    """Let only some weights of the UNet learn, and return them; autoencoder and vocoder never do.

    Parameters
    ----------
    model
        Its UNet is changed in place.
    mode
        ``full``: all of the UNet. ``cross_attention``: the layers in which it looks at the condition. ``lora``: adapters of
        low rank beside the projections of its attention (`add_lora`). ``none``: nothing. Layers that look at a second
        context, which is zeros here, are trained in ``full`` only.
    rank
        Rank of the adapters.

    Raises
    ------
    UserError
        Another mode, or adapters that are there already.
    """
    if mode not in ("full", "cross_attention", "lora", "none"):
        raise UserError(f"fine-tuning mode '{mode}'; expected 'full', 'cross_attention', 'lora' or 'none'.")
    if getattr(model.unet, "peft_config", None):
        raise UserError(
            "the UNet has adapters: choose what is trained before add_lora or load_lora, or merge_lora first."
        )
    if mode == "lora":
        add_lora(model, rank=rank)
    else:
        model.unet.requires_grad_(mode == "full")
    if mode == "cross_attention":
        for layer in attention_layers(model).values():
            layer.requires_grad_(layer.is_cross_attention)
    return [parameter for parameter in model.unet.parameters() if parameter.requires_grad]


def parameter_groups(*groups: tuple[str, Iterable[nn.Parameter], float]) -> list[dict]:
    """Groups for an optimizer: name, parameters and learning rate of each; only parameters that learn.

    Raises
    ------
    UserError
        A group has none, or a parameter is in two groups.
    """
    found, taken = [], set()
    for name, parameters, lr in groups:
        learned = [parameter for parameter in parameters if parameter.requires_grad]
        if not learned:
            raise UserError(
                f"'{name}' has a learning rate of {lr:g}, but all of it is frozen. Unfreeze it, or leave it out."
            )
        if taken & {id(parameter) for parameter in learned}:
            raise UserError(
                f"'{name}' shares parameters with another group: which learning rate counts would be unclear."
            )
        taken |= {id(parameter) for parameter in learned}
        found.append({"name": name, "params": learned, "lr": lr})
    return found


class RunningAverage(nn.Module):
    """Exponential moving average of parameters, in float32; a checkpoint keeps it.

    Parameters
    ----------
    parameters
        Those that learn: `choose_trained` gives them. They stay where they are; this holds a copy.
    decay
        Final decay of the average. After n updates it is (1 + n) / (10 + n), if that is less, so that the beginning is soon
        forgotten (CompVis, latent-diffusion).
    """

    n_updates: Tensor

    def __init__(self, parameters: Iterable[nn.Parameter], decay: float = 0.9999) -> None:
        super().__init__()
        if not 0 <= decay < 1:
            raise UserError(f"RunningAverage: decay={decay}; expected 0 <= decay < 1.")
        self.decay = decay
        self._parameters_of_model = list(parameters)
        self._n: int | None = None  # as n_updates, in main memory
        self.register_buffer("n_updates", torch.zeros((), dtype=torch.int64))
        for index, parameter in enumerate(self._parameters_of_model):
            self.register_buffer(f"average_{index}", parameter.detach().float().clone())

    def averages(self) -> list[Tensor]:
        """One for each parameter."""
        return [getattr(self, f"average_{index}") for index in range(len(self._parameters_of_model))]

    @torch.no_grad()
    def update(self) -> None:
        """Take in the parameters as they are now: after each step of the optimizer."""
        if self._n is None:
            self._n = int(self.n_updates)  # once: the host would wait for a GPU in every step
        self._n += 1
        self.n_updates.fill_(self._n)
        share = 1 - min(self.decay, (1 + self._n) / (10 + self._n))
        averages = self.averages()
        values = [value.detach().to(own) for value, own in zip(self._parameters_of_model, averages, strict=True)]
        torch._foreach_lerp_(averages, values, share)  # as torch's own averages: few kernels, not one a weight

    def _load_from_state_dict(self, *given: object) -> None:
        self._n = None
        super()._load_from_state_dict(*given)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The model has the averages meanwhile: for validation, sampling and export."""
        kept = [parameter.detach().clone() for parameter in self._parameters_of_model]
        self._copy(self.averages())
        try:
            yield
        finally:
            self._copy(kept)

    @torch.no_grad()
    def _copy(self, values: list[Tensor]) -> None:
        for value, parameter in zip(values, self._parameters_of_model, strict=True):
            parameter.copy_(value)
