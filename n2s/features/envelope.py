"""The envelope of a sound: how its amplitude changes, broadband or as the cochlea passes it on."""

from functools import cached_property
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from n2s.errors import UserError
from n2s.features.audio import read_stimulus
from n2s.features.feature import FrameFeature
from n2s.options import check_options
from n2s.studies.study import Frames, Stimulus

BLOCK = 2**16  # samples that are filtered at once, 4 s at 16 kHz
MARGIN_S = 0.5  # heard on both sides of a block: filters have died away
ORDER = 4  # of gammatone filters: Patterson et al. 1987


class Envelope(FrameFeature):
    """The envelope of the sound, ``(l, 1)``; frame i is centred at sample ``i * sfreq / rate_hz``.

    Amplitudes are compressed by a power, then averaged over two frames under a Hann window.

    Parameters
    ----------
    kind
        ``gammatone``: the mean over the envelopes of a bank of gammatone filters, equally far on the ERB scale, each without its delay.
        ``hilbert``: the amplitude of the analytic signal between ``fmin`` and ``fmax``.
    rate_hz
        Of the frames.
    n_bands
        Gammatone filters.
    fmin, fmax
        Centre of the lowest and the highest filter, or the ends of the broad band, Hz.
    power
        Of each amplitude: 0.6 for loudness, 1 for none.
    sfreq
        The audio is resampled to this rate, Hz; a whole multiple of ``rate_hz``.

    References
    ----------
    Biesmans et al. 2017, IEEE Trans. Neural Syst. Rehabil. Eng. 25:402: 15 filters from 150 to 4000 Hz, power .6. Glasberg & Moore 1990, Hear.
    Res. 47:103: ERB.

    Examples
    --------
    >>> from n2s.features import Envelope, example_stimulus
    >>> frames = Envelope(rate_hz=50).extract(example_stimulus())
    >>> frames.values.shape, frames.rate_hz
    ((101, 1), 50.0)
    """

    contextual = True

    def __init__(
        self,
        kind: Literal["gammatone", "hilbert"] = "gammatone",
        *,
        rate_hz: int = 100,
        n_bands: int = 15,
        fmin: float = 150.0,
        fmax: float = 4000.0,
        power: float = 0.6,
        sfreq: int = 16000,
    ) -> None:
        check_options("Envelope: ", low=1, whole=True, rate_hz=rate_hz, n_bands=n_bands, sfreq=sfreq)
        check_options("Envelope: ", above=0, power=power, fmin=fmin, fmax=fmax)
        if kind not in ("gammatone", "hilbert"):
            raise UserError(f"Envelope: kind='{kind}'; expected gammatone or hilbert.")
        if sfreq % rate_hz:
            raise UserError(f"Envelope: sfreq is {sfreq}; expected a whole multiple of rate_hz={rate_hz}.")
        if not 20 <= fmin < fmax <= sfreq / 2:
            raise UserError(f"Envelope: fmin={fmin}, fmax={fmax}; expected 20 <= fmin < fmax <= {sfreq / 2:g} Hz.")
        self.kind, self.rate_hz, self.n_bands, self.power = kind, rate_hz, n_bands, power
        self.fmin, self.fmax, self.sfreq = fmin, fmax, sfreq

    @property
    def n_features(self) -> int:
        """f: 1."""
        return 1

    def settings(self) -> dict:
        """Every argument."""
        names = ("kind", "rate_hz", "n_bands", "fmin", "fmax", "power", "sfreq")
        return {name: getattr(self, name) for name in names}

    @torch.inference_mode()
    def extract(self, stimulus: Stimulus, start_s: float = 0.0, stop_s: float | None = None) -> Frames:
        """Compute (l, 1) with l = 1 + samples // (sfreq / rate_hz); outside, there is silence."""
        audio = read_stimulus(stimulus, self.sfreq, start_s, stop_s)
        hop = self.sfreq // self.rate_hz
        if len(audio) < 2 * hop:
            raise UserError(
                f"stimulus '{stimulus.id}': {len(audio) / self.sfreq:.3f} s of audio are too short for an envelope at {self.rate_hz} Hz."
            )
        amplitude = F.pad(self._amplitude(audio)[None, None], (hop, hop), mode="reflect")
        window = torch.hann_window(2 * hop)
        frames = F.conv1d(amplitude, (window / window.sum())[None, None], stride=hop)[0, 0]
        return Frames(frames[: 1 + len(audio) // hop, None].numpy(), float(self.rate_hz), start_s)

    def _amplitude(self, audio: Tensor) -> Tensor:
        """(n,) -> (n,): compressed amplitudes, the mean over filters."""
        margin = int(MARGIN_S * self.sfreq)
        padded, found = F.pad(audio, (margin, margin + BLOCK)), torch.empty_like(audio)
        for first in range(0, len(audio), BLOCK):
            spectrum = torch.fft.rfft(padded[first : first + BLOCK + 2 * margin])
            total = torch.zeros(BLOCK)
            for gain in self._gains:  # one-sided spectra: analytic signals
                turned = torch.zeros(BLOCK + 2 * margin, dtype=torch.complex64)
                turned[: len(spectrum)] = 2 * spectrum * gain
                total += torch.fft.ifft(turned)[margin : margin + BLOCK].abs().pow(self.power)
            found[first : first + BLOCK] = (total / len(self._gains))[: len(audio) - first]
        return found

    @cached_property
    def _gains(self) -> Tensor:
        """(filters, k) complex gain at the frequencies of a block, 1 at each centre."""
        n = BLOCK + 2 * int(MARGIN_S * self.sfreq)
        hz = np.fft.rfftfreq(n, 1 / self.sfreq)
        if self.kind == "hilbert":
            edges = [hz - self.fmin, self.fmax - hz]
            gains = np.prod(
                [0.5 + 0.5 * np.sin(np.pi / 2 * np.clip(one / (0.2 * self.fmin), -1, 1)) for one in edges], 0
            )[None]
        else:
            centres = erb_centres(self.fmin, self.fmax, self.n_bands)[:, None]
            width = 1.019 * 24.7 * (4.37e-3 * centres + 1)
            delay_s = (ORDER - 1) / (2 * np.pi * width)  # the peak of the filter's envelope
            gains = (1 + 1j * (hz - centres) / width) ** -ORDER * np.exp(2j * np.pi * (hz - centres) * delay_s)
        return torch.from_numpy(gains.astype(np.complex64))


def erb_centres(fmin: float, fmax: float, n: int) -> np.ndarray:
    """(n,) Hz, equally far on the scale of equivalent rectangular bandwidths."""
    ends = 21.4 * np.log10(4.37e-3 * np.array([fmin, fmax]) + 1)
    return (10 ** (np.linspace(*ends, n) / 21.4) - 1) / 4.37e-3
