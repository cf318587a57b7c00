"""What drives the contacts of `SimulatedSEEG`, as a feature."""

from n2s.features.driver import StudyDriver
from n2s.studies.simulated.seeg_brain import DRIVERS, KNOWN


class SEEGDriver(StudyDriver):
    """One driver of the simulated contacts (`n2s.studies.simulated.seeg_brain`). Nothing is cached.

    Parameters
    ----------
    name
        ``envelope``, ``phones`` (numbers that phones draw, at each), or ``words`` (an embedding, at each word).

    Examples
    --------
    >>> from n2s.features import SEEGDriver
    >>> SEEGDriver("envelope").n_features
    1
    """

    dimensions, impulses = {name: DRIVERS[name] for name in KNOWN}, ("phones", "words")
