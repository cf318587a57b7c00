"""Any network of braindecode, or of another package with its arguments, as a classifier of windows."""

import importlib.util
import inspect
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from n2s.errors import UserError, nearest
from n2s.findings import tell
from n2s.models.event_network import EventNetwork, check_shape, real_channels
from n2s.options import check_options

SMALLEST = 1e-12  # probability, before its logarithm


class BraindecodeNetwork(EventNetwork):
    """A model of braindecode behind n2s's port: ``brain (b, c, t) -> (b, k)``. Positions and subject are not used.

    A model that gives logits at several times is meant over them; one that gives probabilities, by a softmax of its own, has their
    logarithm taken (logarithms of probabilities are logits already).

    Parameters
    ----------
    n_channels, n_times, n_classes
        Shape of a window, and logits: its ``n_chans``, ``n_times`` and ``n_outputs``.
    model
        Name of a class in ``braindecode.models`` (``EEGNet``, ``ShallowFBCSPNet``, ``Deep4Net``, ``EEGConformer``, ``TCFormer`` ..), or a
        whole class path, of any package.
    options
        Its other arguments.
    sfreq
        Samples per second; needed by models with filters of their own. A recipe's data set it.

    References
    ----------
    Schirrmeister et al. 2017, Deep learning with convolutional neural networks for EEG decoding and visualization, Hum Brain Mapp.

    Examples
    --------
    >>> import torch
    >>> from n2s.models import BraindecodeNetwork
    >>> network = BraindecodeNetwork(n_channels=20, n_times=200, n_classes=3, model="ShallowFBCSPNet").eval()
    >>> network(torch.randn(5, 20, 200)).shape
    torch.Size([5, 3])
    """

    def __init__(
        self,
        n_channels: int,
        n_times: int,
        n_classes: int,
        *,
        model: str = "EEGNet",
        options: dict[str, Any] | None = None,
        sfreq: float | None = None,
    ):
        check_options(
            "BraindecodeNetwork: ", low=1, whole=True, n_channels=n_channels, n_times=n_times, n_classes=n_classes
        )
        check_options("BraindecodeNetwork: ", above=0, sfreq=sfreq)
        super().__init__()
        self.name, self.n_channels, self.n_times, self.n_classes = model, n_channels, n_times, n_classes
        kind = _class(model)
        sizes = {"n_chans": n_channels, "n_times": n_times, "n_outputs": n_classes, "sfreq": sfreq}
        arguments = _arguments(
            kind, model, {name: one for name, one in sizes.items() if one is not None}, options or {}
        )
        window = f"{n_channels} channels, {n_times} samples, {n_classes} classes" + (f", {sfreq:g} Hz" if sfreq else "")
        try:
            with warnings.catch_warnings(record=True) as said:
                warnings.simplefilter("always", UserWarning)
                self.model = kind(**arguments)
                found = self._on_noise()
        except Exception as error:  # each model has checks of its own, of any kind
            told = f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}"
            raise UserError(
                f"{model} does not run on windows of {window} ({told}). Choose other windows or another model, or set model.network.options."
            ) from error
        for one in said:
            if issubclass(one.category, UserWarning):  # such as a kernel that it shortens for short windows
                tell("odd", model, str(one.message))
        logits = _class_axis(found, n_classes, model)
        sums = logits.sum(1)
        self.gives_probabilities = n_classes > 1 and bool((logits >= 0).all() and (sums - 1).abs().max() < 1e-4)

    def _on_noise(self) -> object:
        """What the model gives for two windows; random numbers elsewhere stay as they are."""
        training = self.model.training
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            found = self.model.eval()(torch.randn(2, self.n_channels, self.n_times))
        self.model.train(training)
        return found

    def forward(
        self,
        brain: Tensor,
        positions: Tensor | None = None,
        subject: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        """``(b, c, t), (b, c, 2), (b,), (b, c) -> (b, k)`` logits.

        Raises
        ------
        UserError
            Windows of another shape.
        """
        check_shape(brain, self.n_channels, self.n_times, self.name)
        found = _class_axis(self.model(real_channels(brain, mask)), self.n_classes, self.name)
        found = found.clamp_min(SMALLEST).log() if self.gives_probabilities else found
        return found.flatten(2).mean(2) if found.ndim > 2 else found


@contextmanager
def _without_deprecations() -> Iterator[None]:
    """What braindecode uses of MNE that will change one day is nothing for its users; MNE writes it to its log as well."""
    import mne

    with mne.use_log_level("ERROR"), warnings.catch_warnings():
        for kind in (FutureWarning, DeprecationWarning):
            warnings.simplefilter("ignore", kind)
        yield


def _class(model: str) -> type[nn.Module]:
    """The class that a name or a path means."""
    path, _, name = model.rpartition(".")
    path = path or "braindecode.models"
    try:
        with _without_deprecations():
            module = importlib.import_module(path)
    except ImportError as error:
        if path.split(".")[0] == "braindecode" and importlib.util.find_spec("braindecode") is None:
            raise UserError(
                f"{model}: braindecode is not installed. pip install 'n2s[braindecode]' brings it."
            ) from error
        raise UserError(f"model.network.model is {model}: {path} cannot be imported ({error}).") from error
    classes = {key: one for key, one in vars(module).items() if inspect.isclass(one) and issubclass(one, nn.Module)}
    if name not in classes:
        raise UserError(f"model.network.model is {model}: {path} has no network {name}.{nearest(name, list(classes))}")
    return classes[name]


def _arguments(kind: type, model: str, sizes: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    """What its constructor gets: the sizes that it takes, and the options, which it must all take."""
    taken = inspect.signature(kind).parameters
    open_ended = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in taken.values())
    if open_ended and not kind.__module__.startswith("braindecode."):  # whose own are for names of earlier versions
        return sizes | options
    if "n_outputs" not in taken:
        raise UserError(
            f"{model} takes {', '.join(taken)}; expected arguments as braindecode's models have, n_outputs among them."
        )
    for name in options:
        if name not in taken:
            raise UserError(f"model.network.options: {model} has no argument {name}.{nearest(name, list(taken))}")
    return {name: one for name, one in sizes.items() if name in taken} | options


def _class_axis(found: object, k: int, model: str) -> Tensor:
    """``(b, k, ...)`` of what a model gives, whether or not classes come last."""
    if isinstance(found, Tensor) and found.ndim > 1:
        if found.shape[1] == k:
            return found
        if found.shape[-1] == k:
            return found.movedim(-1, 1)
    shape = f"a tensor {tuple(found.shape)}" if isinstance(found, Tensor) else f"a {type(found).__name__}"
    raise UserError(
        f"{model} gives {shape}; expected (b, {k}), or (b, {k}, times). It is no classifier of windows as it is set."
    )
