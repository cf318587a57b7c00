"""How closely the brain follows an envelope at each frequency: coherence, phase-locking, phase and delay."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from n2s.errors import UserError

#: Hz. The rhythms of phrases and words, and of syllables.
BANDS: Mapping[str, tuple[float, float]] = {"delta": (0.5, 4.0), "theta": (4.0, 8.0)}
BLOCK = 2**21  # numbers of windowed segments at once: 16 MB


def tracking_coherence(
    brain: Tensor | np.ndarray,
    envelope: Tensor | np.ndarray,
    sfreq: float,
    bands: Mapping[str, tuple[float, float]] = BANDS,
    segment_s: float = 4.0,
) -> dict[str, Tensor]:
    """Magnitude-squared coherence of each sensor with the envelope, the mean over the bins of each band.

    As `scipy.signal.coherence`: segments overlap by half, their means are removed, and a periodic Hann window is laid over them. It is
    biased: of noise it is 1 / (number of independent segments), so compare with circular shifts and with as much data for everybody.

    Parameters
    ----------
    brain
        (c, t)
    envelope
        (t,)
    sfreq
        Of both, Hz.
    bands
        Name -> lowest frequency (within the band) and highest (outside), Hz.
    segment_s
        Length of a segment; bins are ``1 / segment_s`` apart.

    Returns
    -------
    Name of the band -> (c,) float64. NaN where a sensor never changes.

    Raises
    ------
    UserError
        The rate is less than twice a band's end, no bin lies in a band, or there are fewer than two segments.

    Examples
    --------
    >>> import numpy as np
    >>> from n2s.metrics import tracking_coherence
    >>> rng = np.random.default_rng(0)
    >>> envelope = rng.standard_normal(60 * 100)  # a minute at 100 Hz
    >>> brain = np.stack([envelope + rng.standard_normal(6000), rng.standard_normal(6000)])  # one sensor follows it
    >>> {band: values.numpy().round(2).tolist() for band, values in tracking_coherence(brain, envelope, 100.0).items()}
    {'delta': [0.51, 0.03], 'theta': [0.49, 0.04]}
    """
    spectra = CrossSpectra.of(*_alone(brain, envelope), sfreq, bands, segment_s)
    return spectra.by_band(spectra.coherence())


def tracking_plv(
    brain: Tensor | np.ndarray,
    envelope: Tensor | np.ndarray,
    sfreq: float,
    bands: Mapping[str, tuple[float, float]] = BANDS,
    segment_s: float = 4.0,
) -> dict[str, Tensor]:
    """Phase-locking value of each sensor with the envelope: |mean over segments of S / |S||, the mean over the bins of each band.

    S is the cross-spectrum of a segment; parameters, segments and errors are those of `tracking_coherence`.

    Examples
    --------
    >>> import numpy as np
    >>> from n2s.metrics import tracking_plv
    >>> rng = np.random.default_rng(0)
    >>> envelope = rng.standard_normal(60 * 100)
    >>> brain = np.stack([envelope + rng.standard_normal(6000), rng.standard_normal(6000)])
    >>> {band: values.numpy().round(2).tolist() for band, values in tracking_plv(brain, envelope, 100.0).items()}
    {'delta': [0.64, 0.15], 'theta': [0.62, 0.19]}
    """
    spectra = CrossSpectra.of(*_alone(brain, envelope), sfreq, bands, segment_s)
    return spectra.by_band(spectra.plv())


@dataclass(frozen=True)
class CrossSpectra:
    """Fourier coefficients of the segments of brain and envelope, at the bins of some bands.

    Parameters
    ----------
    brain
        (k, s, c) complex: bins, segments, sensors.
    envelope
        (k, s)
    frequencies
        (k,) Hz.
    bands
        Name -> lowest and highest frequency, Hz.
    numbers
        (k,) of the bins among those of a segment.
    n_rows
        Samples of a segment.
    """

    brain: Tensor
    envelope: Tensor
    frequencies: np.ndarray
    bands: Mapping[str, tuple[float, float]]
    numbers: Tensor
    n_rows: int

    @classmethod
    def of(
        cls,
        brain: Sequence[Tensor],
        envelope: Sequence[Tensor],
        sfreq: float,
        bands: Mapping[str, tuple[float, float]] = BANDS,
        segment_s: float = 4.0,
    ) -> "CrossSpectra":
        """Those of stretches, each (t, c) and (t,): no segment reaches from one to the next. Stretches shorter than a segment give none."""
        n = segment_rows(sfreq, segment_s)
        frequencies = np.fft.rfftfreq(n, 1 / sfreq)
        check_bands(bands, sfreq)
        for name, (low, high) in bands.items():
            if not ((frequencies >= low) & (frequencies < high)).any():
                raise UserError(
                    f"band {name} ({low:g} to {high:g} Hz) holds no frequency of segments of {segment_s:g} s, which are "
                    f"{1 / segment_s:g} Hz apart. Make segments longer (segment_s) or the band wider."
                )
        chosen = np.any([(frequencies >= low) & (frequencies < high) for low, high in bands.values()], axis=0)
        bins = torch.from_numpy(np.flatnonzero(chosen))
        _check(brain, envelope)
        parts = [_coefficients(one, n, bins) for one in brain]
        if sum(one.shape[1] for one in parts) < 2:
            total_s = sum(len(one) for one in brain) / sfreq
            raise UserError(
                f"{total_s:.1f} s in {len(brain)} stretches hold fewer than two segments of {segment_s:g} s, and with one, coherence is 1 "
                "whatever was recorded. Give more data, or shorter segments (segment_s)."
            )
        heard = torch.cat([_coefficients(one[:, None], n, bins) for one in envelope], 1)[..., 0]
        return cls(torch.cat(parts, 1), heard, frequencies[chosen], dict(bands), bins, n)

    def heard(self, envelope: Sequence[Tensor]) -> Tensor:
        """(k, s) coefficients of another envelope of the same stretches, (t,) each."""
        return torch.cat([_coefficients(one[:, None], self.n_rows, self.numbers) for one in envelope], 1)[..., 0]

    @property
    def n_segments(self) -> int:
        """s, of which neighbours overlap by half."""
        return self.brain.shape[1]

    def coherency(self, envelope: Tensor | None = None) -> Tensor:
        """(..., k, c) complex: cross-spectrum by the root of both powers, of the envelope's or others' (..., k, s) coefficients."""
        heard = self.envelope if envelope is None else envelope
        power = heard.abs().square().sum(-1)[..., None] * self._power
        return self._cross(heard, self.brain) / power.sqrt().where(power > 0, torch.nan)

    def coherence(self, envelope: Tensor | None = None) -> Tensor:
        """(..., k, c) magnitude-squared."""
        return self.coherency(envelope).abs().square()

    def plv(self, envelope: Tensor | None = None) -> Tensor:
        """(..., k, c); segments in which one side never changes have no phase and do not count."""
        heard = _units(self.envelope if envelope is None else envelope)
        n = self._cross(heard.abs().round(), self._phases.abs().round())
        return self._cross(heard, self._phases).abs() / n.where(n > 0, torch.nan)

    def by_band(self, values: Tensor) -> dict[str, Tensor]:
        """(..., k, c) -> band -> (..., c): the mean over its bins."""
        return {name: values[..., self.bins(name), :].mean(-2) for name in self.bands}

    def bins(self, band: str) -> np.ndarray:
        """Numbers of the bins of a band."""
        low, high = self.bands[band]
        return np.flatnonzero((self.frequencies >= low) & (self.frequencies < high))

    @cached_property
    def _power(self) -> Tensor:
        return self.brain.abs().square().sum(1)

    @cached_property
    def _phases(self) -> Tensor:
        return _units(self.brain)

    @staticmethod
    def _cross(heard: Tensor, brain: Tensor) -> Tensor:
        """(..., k, s), (k, s, c) -> (..., k, c): conj(heard) times brain, summed over segments."""
        own = heard if heard.ndim > 2 else heard[None]
        found = torch.matmul(own.conj().movedim(1, 0), brain).movedim(0, 1)
        return found if heard.ndim > 2 else found[0]


def segment_rows(sfreq: float, segment_s: float) -> int:
    """Samples of a segment, two at least."""
    if not sfreq > 0 or not segment_s > 0 or round(segment_s * sfreq) < 2:
        raise UserError(f"segment_s is {segment_s} at {sfreq} Hz: a segment needs two samples at least.")
    return round(segment_s * sfreq)


def check_bands(bands: Mapping[str, tuple[float, float]], sfreq: float) -> None:
    """Raise a UserError if a band is none, or the rate is less than twice its end."""
    if not bands:
        raise UserError("no band is given. Give at least one: {delta: [0.5, 4]}.")
    for name, band in bands.items():
        if len(band) != 2 or not 0 <= band[0] < band[1]:
            raise UserError(f"band {name} is {list(band)}; expected its lowest and its highest frequency, Hz.")
        if band[1] > sfreq / 2:
            raise UserError(
                f"band {name} ends at {band[1]:g} Hz, but a rate of {sfreq:g} Hz holds frequencies up to {sfreq / 2:g} Hz alone. Prepare the "
                f"recordings at {2 * band[1]:g} Hz or more (data.preprocessing.sfreq), or give a lower band."
            )


def _alone(brain: Tensor | np.ndarray, envelope: Tensor | np.ndarray) -> tuple[list[Tensor], list[Tensor]]:
    brain = torch.as_tensor(brain)
    envelope = torch.as_tensor(envelope).to(brain.device)
    if brain.ndim != 2 or envelope.ndim != 1:
        raise UserError(f"brain is {tuple(brain.shape)}, envelope {tuple(envelope.shape)}; expected (c, t) and (t,).")
    return [brain.T], [envelope]


def _check(brain: Sequence[Tensor], envelope: Sequence[Tensor]) -> None:
    for one, heard in zip(brain, envelope, strict=True):
        if len(one) != len(heard):
            raise UserError(f"brain has {len(one)} samples, the envelope {len(heard)}: both must be on one clock.")
        for name, values in (("brain", one), ("envelope", heard)):
            if not torch.isfinite(values).all():
                raise UserError(f"the {name} holds values that are not finite. Leave such sensors or stretches out.")


def _coefficients(signal: Tensor, n: int, bins: Tensor) -> Tensor:
    """(t, c) -> (k, s, c) complex128: Hann-windowed segments without their means, half of one from each to the next."""
    n_segments = max(0, (len(signal) - n) // (n - n // 2) + 1) if len(signal) >= n else 0
    found = torch.empty(len(bins), n_segments, signal.shape[1], dtype=torch.complex128, device=signal.device)
    if not n_segments:
        return found
    window = torch.hann_window(n, periodic=True, dtype=torch.float64, device=signal.device)
    step = max(1, BLOCK // (n_segments * n))
    for first in range(0, signal.shape[1], step):
        own = signal[:, first : first + step].double().unfold(0, n, n - n // 2)  # (s, c, n)
        flat = own.amax(-1) == own.amin(-1)  # rounding would give it a phase
        spectrum = torch.fft.rfft((own - own.mean(-1, keepdim=True)) * window, dim=-1)[..., bins.to(signal.device)]
        found[:, :, first : first + step] = spectrum.masked_fill(flat[..., None], 0).permute(2, 0, 1)
    return found


def _units(coefficients: Tensor) -> Tensor:
    """Phases as numbers of length 1; 0 stays 0."""
    size = coefficients.abs()
    return coefficients / size.where(size > 0, 1.0)
