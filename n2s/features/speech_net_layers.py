"""Layers of networks that were trained on speech or sounds here, and of untrained ones: Millet & King 2021."""

import json
from collections.abc import Mapping, Sequence

from n2s.errors import UserError, first_of
from n2s.features.layers import Layers
from n2s.features.log_spectrogram import LogSpectrogram
from n2s.features.speech_net_layer import SpeechNetLayer
from n2s.features.speech_net_runs import TrainedNet, UntrainedNet, trained_nets
from n2s.models.speech_net import LAYERS
from n2s.options import check_options


class SpeechNetLayers(Layers):
    """The layers of networks that ``n2s fit`` has trained, one network a seed.

    Parameters
    ----------
    runs
        Folders of runs, or experiments (``millet2021_dutch``): of an experiment the newest finished run of each seed. They are
        looked for here, then in the folder of experiments (``N2S_RUNS``, by default ``checkpoints``).
    seeds
        The seeds that must be there (``seed_everything`` of the fits), in this order; None: all that are found.
    layers
        Which layers, from the first to the deepest.
    window_s, context_s, device
        See `SpeechNetLayer`.

    Raises
    ------
    UserError
        A run is missing (it says what to run first), unfinished or of another system; networks of different shapes.

    Examples
    --------
    After ``n2s fit --config millet2021_dutch``:

    >>> from n2s.features import SpeechNetLayers
    >>> SpeechNetLayers(["millet2021_dutch"], layers=["conv1", "rnn"]).members()  # doctest: +SKIP
    {'conv1': [...], 'rnn': [...]}
    """

    def __init__(
        self,
        runs: list[str],
        *,
        seeds: list[int] | None = None,
        layers: list[str] | None = None,
        window_s: float = 20.0,
        context_s: float = 3.0,
        device: str | None = None,
    ) -> None:
        check_options("SpeechNetLayers: ", above=0, window_s=window_s, context_s=context_s)
        if seeds is not None:
            check_options("SpeechNetLayers: ", low=0, whole=True, seeds=list(seeds))
        self.layers = _checked(layers)
        self.options = {"window_s": window_s, "context_s": context_s, "device": device}
        found = [net for given in runs for net in trained_nets(given)]
        if not found:
            raise UserError("SpeechNetLayers: runs is empty. Name an experiment, or folders of runs.")
        if seeds is not None:
            found = [_of_seed(found, seed, runs) for seed in seeds]
        shapes = {json.dumps([net.shape, net.spectrogram.settings()], sort_keys=True) for net in found}
        if len(shapes) > 1:
            raise UserError(
                f"SpeechNetLayers: networks of different shapes: {first_of((net.folder for net in found), 3)}. Layers of several "
                "seeds are averaged: name runs of one recipe."
            )
        self.nets = found

    def members(self) -> Mapping[str, Sequence[SpeechNetLayer]]:
        """See `Layers`."""
        return {layer: [SpeechNetLayer(net, layer, **self.options) for net in self.nets] for layer in self.layers}


class UntrainedSpeechNetLayers(Layers):
    """The control: layers of the same network with random weights.

    Parameters
    ----------
    seeds
        Of the weights, one network each.
    n_classes, channels, hidden
        See `n2s.models.SpeechNet`.
    spectrogram
        Its input.
    layers
        Which layers, from the first to the deepest.
    window_s, context_s, device
        See `SpeechNetLayer`.

    Examples
    --------
    >>> from n2s.features import UntrainedSpeechNetLayers
    >>> control = UntrainedSpeechNetLayers(seeds=[0, 1], channels=(4, 4, 4), hidden=16, layers=["conv1", "rnn"])
    >>> {name: [one.n_features for one in seeds] for name, seeds in control.members().items()}
    {'conv1': [320, 320], 'rnn': [32, 32]}
    """

    def __init__(
        self,
        seeds: Sequence[int] = (0, 1, 2, 3, 4, 5),
        *,
        n_classes: int = 29,
        channels: Sequence[int] = (32, 64, 96),
        hidden: int = 256,
        spectrogram: LogSpectrogram | None = None,
        layers: list[str] | None = None,
        window_s: float = 20.0,
        context_s: float = 3.0,
        device: str | None = None,
    ) -> None:
        check_options("UntrainedSpeechNetLayers: ", low=0, whole=True, seeds=list(seeds))
        check_options("UntrainedSpeechNetLayers: ", low=2, whole=True, n_classes=n_classes)
        check_options("UntrainedSpeechNetLayers: ", low=1, whole=True, channels=list(channels), hidden=hidden)
        check_options("UntrainedSpeechNetLayers: ", above=0, window_s=window_s, context_s=context_s)
        if not seeds:
            raise UserError("UntrainedSpeechNetLayers: seeds is empty. Give one a network.")
        spectrogram = spectrogram if spectrogram is not None else LogSpectrogram()
        shape = {
            "n_classes": n_classes, "n_inputs": spectrogram.n_features, "channels": list(channels), "hidden": hidden
        }  # fmt: skip
        self.layers = _checked(layers)
        self.options = {"window_s": window_s, "context_s": context_s, "device": device}
        self.nets = [UntrainedNet(seed, shape, spectrogram) for seed in seeds]

    def members(self) -> Mapping[str, Sequence[SpeechNetLayer]]:
        """See `Layers`."""
        return {layer: [SpeechNetLayer(net, layer, **self.options) for net in self.nets] for layer in self.layers}


def _of_seed(nets: Sequence[TrainedNet], seed: int, runs: Sequence[str]) -> TrainedNet:
    found = [net for net in nets if net.seed == seed]
    if len(found) == 1:
        return found[0]
    has = ", ".join(str(net.seed) for net in nets)
    raise UserError(
        f"SpeechNetLayers: {len(found) or 'no'} finished runs of seed {seed} in {', '.join(runs)}; expected one. There are seeds {has}. "
        f"Train it: n2s fit with the same config and --seed_everything {seed}."
    )


def _checked(layers: list[str] | None) -> list[str]:
    layers = list(LAYERS) if layers is None else list(layers)
    unknown = [name for name in layers if name not in LAYERS]
    if unknown or not layers or len(set(layers)) < len(layers):
        raise UserError(f"layers={layers}; expected some of {', '.join(LAYERS)}, each once.")
    return sorted(layers, key=LAYERS.index)
