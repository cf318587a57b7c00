"""Training windows changed at random: stretches of time, bands or channels are taken out."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from scipy.signal import butter, sosfiltfilt
from torch import Tensor, nn

from n2s.errors import UserError
from n2s.options import check_options

LONGEST = 2048  # samples of a window whose filter is a matrix: 16 MB; longer ones are filtered by scipy


class Augment(nn.Module, ABC):
    """``brain (b, c, t) -> (b, c, t)``, another draw for each window. In evaluation windows stay as they are.

    The windows that come in are not changed. Draws depend on the generator alone, not on the device.

    Examples
    --------
    >>> import torch
    >>> from n2s.models import Augment
    >>> class Quieter(Augment):
    ...     def augment(self, brain, generator):
    ...         return brain * torch.rand(len(brain), 1, 1, generator=generator).to(brain)
    """

    def forward(self, brain: Tensor, generator: torch.Generator | int | None = None) -> Tensor:
        """``(b, c, t) -> (b, c, t)``.

        Parameters
        ----------
        brain
            Scaled windows.
        generator
            Of the random numbers, on the CPU, or a seed; PyTorch's own if not given, which a fit seeds before each step.
        """
        if not self.training or not len(brain):
            return brain
        if isinstance(generator, int):
            generator = torch.Generator().manual_seed(generator)
        return self.changed(brain, generator)

    @abstractmethod
    def changed(self, brain: Tensor, generator: torch.Generator | None) -> Tensor:
        """The windows with their draws, as a new tensor, or ``brain`` itself if nothing is to be done."""


class MEGAugment(Augment):
    """One operation a window, drawn from those that are set: stretches of time set to 0, bands filtered out, or channels set to 0.

    The defaults are the published ones of speech detection. Without any operation windows stay as they are.

    Parameters
    ----------
    n_time_masks, time_mask_s
        Stretches; each has a length from 0 to ``time_mask_s``, all as likely, and begins anywhere where it ends in the window.
    bands_hz
        Lowest and highest frequency of each band.
    band_probability
        Of each band, to be filtered out where the operation is drawn.
    order
        Of the Butterworth filters, which run forward and backward. Windows are mirrored with their sign turned at both ends (odd extension)
        for three times the filter's length, 27 samples, or as far as a shorter window goes, as `scipy.signal.sosfiltfilt` has it. The
        filters of slow bands are longer than that: the first and last half second of a window depend on the extension.
    n_channel_masks
        Channels set to 0.
    sfreq
        Samples per second of the windows; a recipe's data set it.

    Raises
    ------
    UserError
        A band does not lie between 0 and half the rate.

    References
    ----------
    `neural2speech/libribrain-experiments` @fe39c80, whose MEGAugment ends with an error if no operation is set. Park et al. 2019,
    SpecAugment, Interspeech.

    Examples
    --------
    >>> import torch
    >>> from n2s.models import MEGAugment
    >>> augment = MEGAugment(n_time_masks=1, time_mask_s=0.2, bands_hz=[], sfreq=100.0)
    >>> brain = torch.ones(8, 5, 100)
    >>> (augment(brain, generator=0) == 0).any().item()  # in training, some stretches are 0
    True
    >>> torch.equal(augment.eval()(brain), brain)
    True
    """

    def __init__(
        self,
        *,
        n_time_masks: int = 2,
        time_mask_s: float = 0.72,
        bands_hz: Sequence[tuple[float, float]] = ((4, 7), (8, 13), (14, 31), (32, 100), (60, 124)),
        band_probability: float = 0.4,
        order: int = 4,
        n_channel_masks: int = 0,
        sfreq: float = 250.0,
    ):
        check_options("MEGAugment: ", low=0, whole=True, n_time_masks=n_time_masks, n_channel_masks=n_channel_masks)
        check_options("MEGAugment: ", low=0, time_mask_s=time_mask_s)
        check_options("MEGAugment: ", low=0, high=1, band_probability=band_probability)
        check_options("MEGAugment: ", low=1, whole=True, order=order)
        check_options("MEGAugment: ", above=0, sfreq=sfreq)
        super().__init__()
        for band in bands_hz:
            check_options("MEGAugment: ", bands_hz=list(band))
        for low, high in bands_hz:
            if not 0 < low < high < sfreq / 2:
                raise UserError(
                    f"bands_hz: {low:g} to {high:g} Hz is no band of windows at {sfreq:g} Hz: expected 0 < low < high < {sfreq / 2:g}. "
                    "Leave it out, or mend it; sfreq is the rate of the windows."
                )
        self.n_time_masks, self.longest = n_time_masks, round(time_mask_s * sfreq)
        self.bands_hz, self.band_probability = (
            tuple((float(low), float(high)) for low, high in bands_hz),
            band_probability,
        )
        self.order, self.n_channel_masks, self.sfreq = order, n_channel_masks, sfreq
        chosen = {
            self._without_times: n_time_masks,
            self._without_bands: len(bands_hz),
            self._without_channels: n_channel_masks,
        }
        self._operations = [one for one, n in chosen.items() if n]

    def changed(self, brain: Tensor, generator: torch.Generator | None) -> Tensor:
        """See `Augment`."""
        if not self._operations:
            return brain
        drawn = torch.randint(len(self._operations), (len(brain),), generator=generator)
        brain = brain.clone()
        for i, operation in enumerate(self._operations):
            rows = (drawn == i).nonzero()[:, 0]
            if len(rows):
                operation(brain, rows, generator)
        return brain

    def _without_times(self, brain: Tensor, rows: Tensor, generator: torch.Generator | None) -> None:
        t = brain.shape[2]
        shape = (len(rows), self.n_time_masks, 1)
        length = _up_to(torch.full(shape, self.longest), generator)
        first = _up_to((t - length).clamp_min(1), generator)
        time = torch.arange(t)
        masked = ((time >= first) & (time < first + length)).any(1)  # (rows, t)
        rows, masked = rows.to(brain.device), masked.to(brain.device)
        brain[rows] = brain[rows].masked_fill(masked[:, None], 0.0)

    def _without_bands(self, brain: Tensor, rows: Tensor, generator: torch.Generator | None) -> None:
        drawn = torch.rand(len(rows), len(self.bands_hz), generator=generator) < self.band_probability
        for i, band in enumerate(self.bands_hz):
            chosen = rows[drawn[:, i]].to(brain.device)
            if len(chosen):
                brain[chosen] = without_band(brain[chosen], band, sfreq=self.sfreq, order=self.order)

    def _without_channels(self, brain: Tensor, rows: Tensor, generator: torch.Generator | None) -> None:
        order = torch.rand(len(rows), brain.shape[1], generator=generator).argsort(1)
        brain[rows[:, None].to(brain.device), order[:, : self.n_channel_masks].to(brain.device)] = 0.0


def without_band(brain: Tensor, band_hz: tuple[float, float], *, sfreq: float, order: int = 4) -> Tensor:
    """Windows without a band, by a Butterworth filter forward and backward: ``(..., t) -> (..., t)``, as `scipy.signal.sosfiltfilt` has it.

    To filter a window of t samples is linear: up to ``LONGEST`` samples it is one product with a (t, t) matrix.
    """
    t = brain.shape[-1]
    if t > LONGEST:
        filtered = _filtered(brain.detach().cpu().double().numpy(), band_hz, sfreq, order)
        return torch.from_numpy(filtered).to(brain)
    exact = torch.promote_types(brain.dtype, torch.float32)
    matrix = torch.from_numpy(_matrix(t, tuple(band_hz), sfreq, order)).to(exact).to(brain.device)
    with torch.autocast(brain.device.type, enabled=False):
        return (brain.to(exact) @ matrix).to(brain.dtype)


@lru_cache(maxsize=32)
def _matrix(t: int, band_hz: tuple[float, float], sfreq: float, order: int) -> np.ndarray:
    """(t, t): row i is what the filter makes of a single sample i."""
    return _filtered(np.eye(t), band_hz, sfreq, order)


def _filtered(values: np.ndarray, band_hz: tuple[float, float], sfreq: float, order: int) -> np.ndarray:
    sections = butter(order, band_hz, "bandstop", fs=sfreq, output="sos")
    return np.ascontiguousarray(sosfiltfilt(sections, values, padlen=min(3 * (2 * order + 1), values.shape[-1] - 1)))


def _up_to(highest: Tensor, generator: torch.Generator | None) -> Tensor:
    """Whole numbers from 0 to ``highest``, all as likely."""
    return (torch.rand(highest.shape, generator=generator, dtype=torch.float64) * (highest + 1)).long()
