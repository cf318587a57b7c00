"""The port of the layers of one network: several features, one a layer, each from one or several seeds."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from n2s.features.feature import FrameFeature, ImpulseFeature


class Layers(ABC):
    """The layers of a network, from the first to the deepest. Encoding models take them as feature spaces of their own.

    In a recipe, ``features: {dutch: <Layers>}`` makes the feature spaces ``dutch.conv1``, ``dutch.conv2``, ...

    Examples
    --------
    >>> from n2s.features import Layers, Mel
    >>> class Pyramid(Layers):
    ...     def members(self):
    ...         return {"coarse": [Mel(n_mels=10)], "fine": [Mel(n_mels=80)]}
    >>> list(Pyramid().members())
    ['coarse', 'fine']
    """

    @abstractmethod
    def members(self) -> Mapping[str, Sequence[FrameFeature | ImpulseFeature]]:
        """Name of a layer -> its feature from each seed of the network. All layers have the same seeds in one order."""
