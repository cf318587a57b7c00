"""What drives an area of `SimulatedAreas`, as a feature: the oracle that networks are compared with."""

from n2s.errors import UserError, nearest
from n2s.features.feature import FrameFeature
from n2s.features.ready import Ready
from n2s.studies.simulated.areas_drivers import DRIVERS, IMPULSES
from n2s.studies.study import Frames, Stimulus


class Driver(FrameFeature):
    """One driver of the simulated areas, known to the study alone. Nothing is cached.

    Parameters
    ----------
    name
        ``mel``, ``modulations``, ``phones``, ``words`` or ``meaning``.

    Raises
    ------
    UserError
        There is no such driver.
    """

    kept = False

    def __init__(self, name: str) -> None:
        if name not in DRIVERS:
            raise UserError(f"Driver: no '{name}'.{nearest(name, list(DRIVERS))} There are: {', '.join(DRIVERS)}.")
        self.name, self.events = name, name in IMPULSES

    @property
    def n_features(self) -> int:
        """f: how many dimensions it has."""
        return DRIVERS[self.name]

    def settings(self) -> dict:
        """The driver's name."""
        return {"name": self.name}

    def extract(self, stimulus: Stimulus, start_s: float = 0.0, stop_s: float | None = None) -> Frames:
        """Give the frames with ``start_s <= time < stop_s``, as float32."""
        every = Ready(sum(DRIVERS.values())).extract(stimulus, start_s, stop_s)
        first = sum(n for name, n in DRIVERS.items() if list(DRIVERS).index(name) < list(DRIVERS).index(self.name))
        return Frames(every.values[:, first : first + self.n_features], every.rate_hz, every.start_s)
