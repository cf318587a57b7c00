"""How a spectrogram is modulated: temporal rates, spectral scales, rising and falling."""

from functools import cached_property
from itertools import product

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from n2s.errors import UserError
from n2s.features.audio import read_stimulus
from n2s.features.feature import FrameFeature
from n2s.options import check_options
from n2s.studies.study import Frames, Stimulus

_SFREQ, _HOP, _WINDOW, _N_FFT = 16000, 160, 400, 2048  # 25 ms every 10 ms; zeros behind them make the frequencies dense
_LOWEST_HZ, _OCTAVES, _PER_OCTAVE = 180.0, 5.25, 24  # as the cochlear axis of Chi, Ru & Shamma 2005: to 6.8 kHz
_WIDTH = 0.5  # octaves: standard deviation of a filter on the logarithm of its rate or scale
_LOW_PASS = 0.125  # cycles an octave: standard deviation of the filter of scale 0
_FLOOR = 1e-5  # added to the power, as in `Mel`
_BLOCK, _MARGIN_S = 4096, 3.0  # frames filtered at once; a filter of 1 Hz has died away after the margin


class Modulations(FrameFeature):
    """Strength of the modulations of the log spectrogram at some rates and scales, ``(l, f)``, 100 frames a second.

    The power in 25 ms is taken at 24 frequencies an octave from 180 Hz up, and its log10 is filtered in time and along
    the logarithm of frequency by log-Gabor filters, one octave wide, each for ripples that rise or that fall (the model of auditory
    cortex of Chi, Ru & Shamma 2005; as features of fMRI: Santoro 2014, de Heer 2017). A value is the root mean square of a
    filter's envelope over a band of frequencies. Filters are symmetric in time, so that a frame hears up to a second on both sides:
    the feature is contextual. A window of 25 ms resolves 40 Hz: scales of 4 cycles an octave and more need harmonics above some
    hundred Hz.

    Parameters
    ----------
    rates_hz
        Temporal modulations, Hz.
    scales
        Spectral modulations, cycles an octave. 0: all frequencies go up and down together, as in the envelope of speech.
    directions
        Rising and falling ripples apart; else their root mean square. Scale 0 has no direction.
    n_bands
        Bands of frequency, equally wide in octaves.

    Examples
    --------
    >>> from n2s.features import Modulations, example_stimulus
    >>> Modulations(rates_hz=(4, 8), scales=(0, 1)).extract(example_stimulus()).values.shape  # scale 0 has no direction
    (201, 6)
    """

    contextual = True

    def __init__(
        self,
        rates_hz: tuple[float, ...] = (2, 4, 8, 16, 32),
        scales: tuple[float, ...] = (0, 0.25, 0.5, 1, 2, 4, 8),
        *,
        directions: bool = True,
        n_bands: int = 1,
    ) -> None:
        check_options("Modulations: ", rates_hz=rates_hz, scales=scales)
        check_options("Modulations: ", low=1, high=16, whole=True, n_bands=n_bands)
        if not rates_hz or not all(1 <= rate <= 40 for rate in rates_hz):
            raise UserError(f"Modulations: rates_hz={rates_hz}; expected numbers from 1 to 40: frames come at 100 Hz.")
        if not scales or not all(scale == 0 or 0.2 <= scale <= 10 for scale in scales):
            raise UserError(f"Modulations: scales={scales}; expected 0, or numbers from 0.2 to 10 cycles an octave.")
        self.rates_hz, self.scales = tuple(map(float, rates_hz)), tuple(map(float, scales))
        self.directions, self.n_bands = directions, n_bands

    @property
    def names(self) -> list[str]:
        """What each dimension is, such as ``rising 4 Hz 1 cyc/oct``; with bands, ``band 2 ..``."""
        bands = [f"band {i + 1} " if self.n_bands > 1 else "" for i in range(self.n_bands)]
        return [
            f"{band}{way}{rate:g} Hz {scale:g} cyc/oct"
            for scale, rate in product(self.scales, self.rates_hz)
            for way in (("rising ", "falling ") if self.directions and scale else ("",))
            for band in bands
        ]

    @property
    def n_features(self) -> int:
        """f: scales x rates x directions x bands."""
        return len(self.names)

    def settings(self) -> dict:
        """Every argument."""
        return {
            "rates_hz": list(self.rates_hz),
            "scales": list(self.scales),
            "directions": self.directions,
            "n_bands": self.n_bands,
        }

    @torch.inference_mode()
    def extract(self, stimulus: Stimulus, start_s: float = 0.0, stop_s: float | None = None) -> Frames:
        """Compute (l, f) with l = 1 + samples // 160; both ends are mirrored."""
        audio = read_stimulus(stimulus, _SFREQ, start_s, stop_s)
        if len(audio) <= _N_FFT // 2:
            raise UserError(
                f"stimulus '{stimulus.id}': {len(audio) / _SFREQ:.3f} s of audio are too short for modulations."
            )
        spectrogram = self._spectrogram(audio)
        n_frames, margin = spectrogram.shape[1], int(_MARGIN_S * _SFREQ / _HOP)
        padded = _mirrored(spectrogram, margin)
        values = torch.empty(n_frames, self.n_features)
        for first in range(0, n_frames, _BLOCK):
            last = min(first + _BLOCK, n_frames)
            values[first:last] = self._filtered(padded[:, first : last + 2 * margin])[margin : margin + last - first]
        return Frames(values.numpy(), _SFREQ / _HOP, start_s)

    def _spectrogram(self, audio: Tensor) -> Tensor:
        """(n,) -> (channels, l): log10 of the power at frequencies that are equally far in octaves."""
        window = torch.hann_window(_WINDOW)
        pieces = []
        padded = F.pad(audio[None], (_N_FFT // 2,) * 2, mode="reflect")[0]
        n_frames = 1 + len(audio) // _HOP
        for first in range(0, n_frames, _BLOCK):
            last = min(first + _BLOCK, n_frames)
            part = padded[first * _HOP : (last - 1) * _HOP + _N_FFT]
            stft = torch.stft(part, _N_FFT, _HOP, _WINDOW, window, center=False, return_complex=True)
            pieces.append(torch.log10(stft.abs().square() / window.square().sum() + _FLOOR))
        places = _frequencies_hz() * _N_FFT / _SFREQ
        below = torch.from_numpy(np.floor(places).astype(int))
        above = torch.from_numpy(places - np.floor(places)).float()[:, None]
        log_power = torch.cat(pieces, 1)
        return log_power[below] * (1 - above) + log_power[below + 1] * above

    def _filtered(self, spectrogram: Tensor) -> Tensor:
        """(channels, l) -> (l, f)."""
        n_channels, n_frames = spectrogram.shape
        rates = torch.fft.fftfreq(n_frames, _HOP / _SFREQ)
        edges = np.linspace(0, n_channels, self.n_bands + 1).round().astype(int)
        found = []
        for scale, along in zip(self.scales, self._along_frequency, strict=True):
            spectra = torch.fft.fft(along @ spectrogram.to(along.dtype), dim=1)
            for rate in self.rates_hz:
                # The phase of a rising ripple falls with time at one frequency: the sign of its rate is that of a falling one turned.
                powers = [
                    torch.fft.ifft(spectra * _log_gabor(way * rates, rate), dim=1).abs().square() for way in (-1, 1)
                ]
                powers = powers if self.directions and scale else [(powers[0] + powers[1]) / 2]
                found += [power[a:b].mean(0).sqrt() for power in powers for a, b in zip(edges, edges[1:], strict=False)]
        return torch.stack(found, 1)

    @cached_property
    def _along_frequency(self) -> list[Tensor]:
        """(channels, channels) complex for each scale: the filter along the mirrored axis, as a matrix."""
        n = len(_frequencies_hz())
        padded = _mirrored(torch.eye(n), n - 1)  # each row: one channel, mirrored at both ends
        scales = torch.fft.fftfreq(padded.shape[1], 1 / _PER_OCTAVE)
        gains = [
            _log_gabor(scales, scale) if scale else torch.exp(-0.5 * (scales / _LOW_PASS) ** 2) for scale in self.scales
        ]
        found = [torch.fft.ifft(torch.fft.fft(padded, dim=1) * gain, dim=1) for gain in gains]
        return [one[:, n - 1 : 2 * n - 1].T.contiguous() for one in found]


def _frequencies_hz() -> np.ndarray:
    return _LOWEST_HZ * 2 ** (np.arange(round(_OCTAVES * _PER_OCTAVE)) / _PER_OCTAVE)


def _log_gabor(frequencies: Tensor, centre: float) -> Tensor:
    """Gain at frequencies: a Gaussian on their logarithm, 2 at its centre and 0 at negative ones, so that envelopes are amplitudes."""
    octaves = torch.log2(frequencies.clamp(min=1e-9) / centre)
    return 2 * torch.exp(-0.5 * (octaves / _WIDTH) ** 2) * (frequencies > 0)


def _mirrored(values: Tensor, n: int) -> Tensor:
    """(c, l) -> (c, n + l + n), mirrored at its ends, again and again if it is shorter than ``n``."""
    length = values.shape[1]
    period = max(2 * (length - 1), 1)
    place = torch.arange(-n, length + n).remainder(period)
    return values[:, torch.where(place < length, place, period - place)]
