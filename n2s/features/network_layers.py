"""What the layers of pretrained networks share, of language or of speech: numbers of layers, seeds, one pass for all layers."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence

from n2s.errors import UserError
from n2s.features.layers import Layers
from n2s.features.one_layer import OneLayer, Pass
from n2s.options import check_options


class NetworkLayers(Layers):
    """The layers of a network by their numbers, ``layer0`` to the last.

    Parameters
    ----------
    model
        Hugging Face id or local folder.
    layers
        Which; None: all.

    Raises
    ------
    UserError
        ``layers`` are no numbers of layers.
    """

    def __init__(self, model: str, layers: list[int] | None) -> None:
        if layers is not None:
            check_options(f"{type(self).__name__}: ", low=0, whole=True, layers=list(layers))
        if layers is not None and len(set(layers)) < len(layers):
            raise UserError(f"{type(self).__name__}: layers={layers}; expected numbers of layers from 0, none twice.")
        self.model, self.layers = model, layers

    @abstractmethod
    def passes(self) -> Sequence[Pass]:
        """One for each seed of the network (one alone, if trained)."""

    def members(self) -> Mapping[str, Sequence[OneLayer]]:
        """``layer0``, ``layer1``, ..: one feature for each seed."""
        passes = self.passes()
        return {f"layer{layer}": [one.features[i] for one in passes] for i, layer in enumerate(passes[0].layers)}

    def chosen(self, n_states: int, below: str) -> list[int]:
        """The numbers of the chosen layers of a network with so many hidden states; ``below``: what number 0 is, in a message.

        Raises
        ------
        UserError
            The network has no such layer.
        """
        wrong = [layer for layer in self.layers or () if layer >= n_states]
        if wrong:
            raise UserError(
                f"{type(self).__name__}: layers {wrong}, but '{self.model}' has {n_states - 1}. Expected numbers from 0 ({below}) "
                f"to {n_states - 1} (the last)."
            )
        return list(range(n_states)) if self.layers is None else list(self.layers)


def checked_seeds(seeds: tuple[int, ...], name: str) -> tuple[int, ...]:
    """Seeds of random weights, for the class of this name; a UserError if there is none, or one twice."""
    check_options(f"{name}: ", low=0, whole=True, seeds=list(seeds))
    if len(set(seeds)) < len(seeds):
        raise UserError(f"{name}: seeds={seeds}; expected at least one, none twice.")
    return tuple(seeds)
