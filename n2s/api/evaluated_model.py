"""What anybody's model says of windows, as scores need it: logits of classes, or estimates of a target."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from n2s.api.evaluated_estimator import Estimator, first_line
from n2s.api.window_set import AT_ONCE, WindowSet
from n2s.errors import UserError
from n2s.models.any_network import call
from n2s.systems.system import System


def checked_model(model: object) -> nn.Module | object:
    """The model; a UserError if it is neither a network nor an estimator."""
    if not isinstance(model, type) and (
        isinstance(model, nn.Module) or all(hasattr(model, one) for one in ("fit", "predict"))
    ):
        return model
    kind = f"the class {model.__name__} itself" if isinstance(model, type) else type(model).__name__
    raise UserError(
        f"n2s.evaluate: model is {kind}; expected a torch.nn.Module that is trained, or an estimator with fit and predict, as "
        f"scikit-learn has them.{' Give its .model.' if isinstance(getattr(model, 'model', None), nn.Module) else ''}"
    )


@contextmanager
def as_it_was(model: object) -> Iterator[None]:
    """Whatever asks a network in evaluation mode: what was in training mode is again, at the end."""
    trains = [one for one in model.modules() if one.training] if isinstance(model, nn.Module) else []
    try:
        yield
    finally:
        for one in trains:
            one.training = True


@torch.inference_mode()
def outputs(network: nn.Module, windows: WindowSet) -> Tensor:
    """(n, ...) What a network gives of all windows, in evaluation mode, on its own device.

    Raises
    ------
    UserError
        It takes something else, gives no tensor with a row a window, or values that are not finite.
    """
    parameter = next(network.parameters(), None)
    like = torch.zeros(0) if parameter is None or not parameter.is_floating_point() else parameter
    network.eval()
    parts = []
    for at in range(0, len(windows), AT_ONCE):
        given = windows.read(slice(at, at + AT_ONCE))
        found = _called(network, [None if one is None else _as(like, one) for one in given.inputs])
        if not isinstance(found, Tensor) or found.ndim < 2 or len(found) != len(given.brain):
            shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
            raise UserError(
                f"n2s.evaluate: {type(network).__name__} gives {shape} of windows {tuple(given.brain.shape)}; expected a tensor with a row "
                "a window."
            )
        parts.append(found.float().cpu())
    found = torch.cat(parts)
    if not torch.isfinite(found).all():
        bad = int((~torch.isfinite(found.flatten(1)).all(1)).sum())
        raise UserError(
            f"n2s.evaluate: {type(network).__name__} gives values that are not finite of {bad} of {len(found)} windows."
        )
    return found


def _as(like: Tensor, value: Tensor) -> Tensor:
    """On the device of a network's weights and, of real numbers, as precise."""
    return value.to(like) if value.is_floating_point() else value.to(like.device)


def _called(network: nn.Module, given: list[Any]) -> object:
    try:
        return call(network, *given)
    except UserError:
        raise
    except Exception as error:  # of anybody's network: any kind
        shape = tuple(given[0].shape)
        raise UserError(
            f"n2s.evaluate: {type(network).__name__} fails with windows {shape}, which have {shape[1]} sensors and {shape[2]} samples: "
            f"{first_line(error)}"
        ) from error


class Answers:
    """What a model says of windows, whatever it is."""

    def __init__(self, model: object, train: Callable[[], WindowSet], fit: bool | None, flat: bool | None):
        self.network: nn.Module | None = None
        self.estimator: Estimator | None = None
        if isinstance(model, System):
            model = _network(model)
        if isinstance(model, nn.Module):
            if fit:
                raise UserError(
                    f"n2s.evaluate: {type(model).__name__} is a network: train it first, and leave fit out."
                )
            self.network = model
        else:
            self.estimator = Estimator(model, train, fit=fit, flat=flat)

    @property
    def learned(self) -> str:
        """What is known of the windows that it has learned from, in a sentence or two."""
        n = None if self.estimator is None else self.estimator.n_fitted
        if n is not None:
            return f"Fitted here, on the {n:,} training windows alone."
        known = "n2s.windows(data, 'train')"
        return f"The model came trained, and n2s cannot know on what: these scores are of held-out windows only if it learned from {known} alone."

    @property
    def _name(self) -> str:
        return type(self.network).__name__ if self.estimator is None else self.estimator.name

    def logits(self, test: WindowSet) -> Tensor:
        """(n, k), or (n, 1) of the second of two."""
        k = len(test.class_names)
        found = outputs(self.network, test) if self.estimator is None else self.estimator.log_proba(test)
        if found.ndim != 2 or not (found.shape[1] == k or (k == 2 and found.shape[1] == 1)):
            raise UserError(
                f"n2s.evaluate: {self._name} gives {tuple(found.shape)} of {len(test)} windows and {k} classes; expected ({len(test)}, {k}) "
                "logits."
            )
        return found

    def estimate(self, test: WindowSet, shape: tuple[int, ...]) -> Tensor:
        """(n, f, t) of what it is compared with, ``shape`` (f, t)."""
        wanted = (len(test), *shape)
        if self.estimator is not None:
            found = torch.from_numpy(self.estimator.values(test))
        else:
            found = outputs(self.network, test)
        if found.ndim <= 2:  # flat ones, or features of a whole window
            found = found.reshape(wanted) if found.numel() == np.prod(wanted) else found.reshape(len(found), -1, 1)
        if shape[-1] == 1 and found.ndim == 3:
            found = found.mean(-1, keepdim=True)
        if tuple(found.shape) != wanted:
            raise UserError(
                f"n2s.evaluate: {self._name} gives {tuple(found.shape)} of {len(test)} windows; the target is {wanted}: as many features (f) "
                f"and frames (t) are expected, or flat ones, ({wanted[0]}, {shape[0] * shape[1]})."
            )
        return found


def _network(system: System) -> nn.Module:
    """The network of a system that has one of windows."""
    if not system.compiles:
        raise UserError(
            f"n2s.evaluate: model is a {type(system).__name__}, which has no network of single windows. Test it with n2s test."
        )
    return getattr(system, system.compiles[0])
