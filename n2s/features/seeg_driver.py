"""What drives the contacts of `SimulatedSEEG`, as a feature."""

from n2s.errors import UserError, nearest
from n2s.features.feature import FrameFeature
from n2s.features.ready import Ready
from n2s.studies.simulated.seeg_brain import DRIVERS, KNOWN
from n2s.studies.study import Frames, Stimulus


class SEEGDriver(FrameFeature):
    """One driver of the simulated contacts (`n2s.studies.simulated.seeg_brain`). Nothing is cached.

    Parameters
    ----------
    name
        ``envelope``, ``phones`` (numbers that phones draw, at each), or ``words`` (an embedding, at each word).

    Raises
    ------
    UserError
        There is no such driver.
    """

    kept = False

    def __init__(self, name: str) -> None:
        if name not in KNOWN:
            raise UserError(f"SEEGDriver: no '{name}'.{nearest(name, list(KNOWN))} There are: {', '.join(KNOWN)}.")
        self.name, self.events = name, name != "envelope"

    @property
    def n_features(self) -> int:
        """f: how many dimensions it has."""
        return DRIVERS[self.name]

    def settings(self) -> dict:
        """The driver's name."""
        return {"name": self.name}

    def extract(self, stimulus: Stimulus, start_s: float = 0.0, stop_s: float | None = None) -> Frames:
        """Give the frames with ``start_s <= time < stop_s``, as float32."""
        every = Ready(sum(DRIVERS[one] for one in KNOWN)).extract(stimulus, start_s, stop_s)
        first = sum(DRIVERS[one] for one in KNOWN[: KNOWN.index(self.name)])
        return Frames(every.values[:, first : first + self.n_features], every.rate_hz, every.start_s)
