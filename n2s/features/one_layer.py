"""A layer of a network whose layers all come from one pass."""

from typing import Protocol

from n2s.features.feature import Feature
from n2s.studies.study import Frames, Impulses, Stimulus


class Pass(Protocol):
    """One network over a stretch: the numbers of its chosen ``layers``, their ``features``, and ``settings`` that they share.

    ``network`` has a ``width`` and `release`.
    """

    network: object
    layers: list[int]
    features: list["OneLayer"]
    settings: dict


class OneLayer(Feature):
    """One layer; the others of its pass are kept with it."""

    contextual = True

    def __init__(self, one: Pass, layer: int) -> None:
        self._pass, self.layer = one, layer

    @property
    def n_features(self) -> int:
        """f: the width of the network."""
        return self._pass.network.width

    def settings(self) -> dict:
        """The network, what it hears, and the layer."""
        return self._pass.settings | {"layer": self.layer}

    @property
    def together(self) -> list["OneLayer"]:
        """All chosen layers."""
        return self._pass.features

    def extract(self, stimulus: Stimulus, start_s: float = 0.0, stop_s: float | None = None) -> Frames | Impulses:
        """Its values alone, (n, f)."""
        return self.extract_together(stimulus, start_s, stop_s)[self._pass.layers.index(self.layer)]

    def release(self) -> None:
        """Drop the network."""
        self._pass.network.release()
