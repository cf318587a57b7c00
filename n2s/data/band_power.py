"""Whether a band holds a signal of its own, or only the flank of a low-pass: a file does not always say what was filtered out."""

import numpy as np
from scipy.signal import welch

from n2s.findings import tell

SEGMENT_S, LOOKED_S = 0.5, 60.0  # of the spectrum, and of the recording: in its middle
LOW_QUARTER = (
    0.9  # of a band's power: activity that falls with the fourth power of the frequency has two thirds of it there
)
FEWEST = 4  # segments


def check_band_power(values: np.ndarray, sfreq: float, band_hz: tuple[float, float], where: str) -> None:
    """Tell if nearly all of a band's power lies in its lowest quarter: the recording was low-passed, or had a lower rate before.

    Parameters
    ----------
    values
        (c, t) Samples of good channels.
    sfreq
        Their rate.
    band_hz
        Edges of the band.
    where
        The recording.
    """
    n = round(SEGMENT_S * sfreq)
    if not len(values) or values.shape[1] < FEWEST * n:
        return
    hz, power = welch(values, sfreq, nperseg=n)
    low_hz, high_hz = band_hz
    edge_hz = low_hz + (high_hz - low_hz) / 4
    within = power[:, (hz >= low_hz) & (hz <= high_hz)].sum(1)
    share = np.median(power[:, (hz >= low_hz) & (hz <= edge_hz)].sum(1) / np.where(within > 0, within, np.inf))
    if share > LOW_QUARTER:
        tell(
            "odd",
            where,
            f"{share:.0%} of the power between {low_hz:g} and {high_hz:g} Hz lies below {edge_hz:g} Hz: the recording was low-passed before, or "
            "had a lower rate. What is left in this band is the flank of that filter. Give the unfiltered recording.",
        )
