"""What drives the brains of a simulated study, as a feature: the oracle that networks are compared with."""

from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import ClassVar

from n2s.errors import UserError, nearest
from n2s.features.feature import FrameFeature
from n2s.features.ready import Ready
from n2s.studies.simulated.areas_drivers import DRIVERS, IMPULSES
from n2s.studies.study import Frames, Stimulus


class StudyDriver(FrameFeature):
    """One of the drivers that a simulated study gives side by side (``Study.features``). Nothing is cached.

    Parameters
    ----------
    name
        Which one.

    Raises
    ------
    UserError
        There is no such driver.
    """

    kept = False

    #: Driver -> how many dimensions it has, in the order of the study.
    dimensions: ClassVar[Mapping[str, int]]

    #: Drivers that are 0 but at phones or words.
    impulses: ClassVar[Sequence[str]]

    def __init__(self, name: str) -> None:
        if name not in self.dimensions:
            known = list(self.dimensions)
            raise UserError(f"{type(self).__name__}: no '{name}'.{nearest(name, known)} There are: {', '.join(known)}.")
        self.name, self.events = name, name in self.impulses

    @property
    def n_features(self) -> int:
        """f: how many dimensions it has."""
        return self.dimensions[self.name]

    def settings(self) -> dict:
        """The driver's name."""
        return {"name": self.name}

    def extract(self, stimulus: Stimulus, start_s: float = 0.0, stop_s: float | None = None) -> Frames:
        """Give the frames with ``start_s <= time < stop_s``, as float32."""
        every = Ready(sum(self.dimensions.values())).extract(stimulus, start_s, stop_s)
        first = sum(self.dimensions[one] for one in takewhile(lambda one: one != self.name, self.dimensions))
        return Frames(every.values[:, first : first + self.n_features], every.rate_hz, every.start_s)


class Driver(StudyDriver):
    """One driver of the simulated areas, known to the study alone. Nothing is cached.

    Parameters
    ----------
    name
        ``mel``, ``modulations``, ``phones``, ``words`` or ``meaning``.

    Examples
    --------
    >>> from n2s.features import Driver
    >>> Driver("modulations").n_features
    6
    >>> Driver("words").events  # 0 but at words
    True
    """

    dimensions, impulses = DRIVERS, IMPULSES
