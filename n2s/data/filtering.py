"""Filters and a change of rate in one pass over a recording, block by block."""

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property

import numpy as np
import torch
from scipy.signal import firwin

SHORTEST = 16384  # samples of a block: shorter ones cost more per sample


class Resampler:
    """Zero-phase FIR filters, then a change of rate by ``up / down``, as one product of spectra (overlap-save).

    It gives what filtering with each kernel and `scipy.signal.resample_poly` give, at a fraction of their cost: only
    samples at the new rate are computed, and memory is needed for one block. Numbers stay in float64.

    Parameters
    ----------
    kernels
        Symmetric FIR kernels of odd length, at the old rate.
    up, down
        The new rate is the old one times ``up / down``.
    """

    def __init__(self, kernels: Sequence[np.ndarray], up: int, down: int):
        self.kernels, self.up, self.down = list(kernels), up, down

    @cached_property
    def half(self) -> int:
        """Samples of the old rate on either side that one new sample depends on."""
        return sum(len(kernel) // 2 for kernel in self.kernels) + self.resampling

    @property
    def resampling(self) -> int:
        """The samples for the change of rate alone."""
        return 0 if self.up == self.down else -(-10 * max(self.up, self.down) // self.up)

    @cached_property
    def _block(self) -> tuple[int, int]:
        """Length of a block and of its margin on either side, in samples; multiples of ``down``."""
        margin = -(-self.half // self.down) * self.down
        wanted = max(SHORTEST, 8 * margin)
        return 2 * self.down * 2 ** max(int(np.ceil(np.log2(wanted / (2 * self.down)))), 1), margin

    @cached_property
    def _response(self) -> torch.Tensor:
        """(n / 2 + 1,) real response of everything together at the frequencies of a block."""
        n, _ = self._block
        response = torch.ones(n // 2 + 1, dtype=torch.float64)
        for kernel in self.kernels:
            response *= _real_response(kernel, n)
        if self.up != self.down:  # the low-pass of resample_poly, at its rate of old rate times up
            most = max(self.up, self.down)
            lowpass = firwin(20 * most + 1, 1 / most, window=("kaiser", 5.0))
            response *= _real_response(lowpass, n * self.up)[: n // 2 + 1]
        return response

    def __call__(
        self, read: Callable[[int, int], np.ndarray], start: int, stop: int
    ) -> Iterable[tuple[int, np.ndarray]]:
        """Filter the stretch [start, stop) of a recording, mirrored at its ends as MNE does.

        Parameters
        ----------
        read
            (first, last) -> (c, last - first) float64, inside the stretch.
        start, stop
            Samples at the old rate.

        Yields
        ------
        Index of the first new sample, and ``(c, n)`` float64: new samples at times ``index * down / up``.
        """
        n, margin = self._block
        step = n - 2 * margin
        first_new = -(-start * self.up // self.down)
        last_new = -(-stop * self.up // self.down)
        for at in range(start // self.down * self.down, stop, step):
            block = mirrored(read, at - margin, at - margin + n, start, stop, self.half)
            new = self._filtered(torch.from_numpy(block)).numpy()
            offset = margin * self.up // self.down
            index = at * self.up // self.down
            low, high = max(first_new, index), min(last_new, index + step * self.up // self.down)
            if high > low:
                yield low, new[:, offset + low - index : offset + high - index]

    def _filtered(self, block: torch.Tensor) -> torch.Tensor:
        """(c, n) -> (c, n * up / down)."""
        n = block.shape[1]
        n_new = n * self.up // self.down
        spectrum = torch.fft.rfft(block)
        spectrum *= self._response
        if n_new >= n:
            padded = spectrum.new_zeros(len(spectrum), n_new // 2 + 1)
            padded[:, : spectrum.shape[1]] = spectrum
            return torch.fft.irfft(padded, n_new) * (n_new / n)
        kept = spectrum[:, : n_new // 2 + 1]
        folded = spectrum[:, n_new // 2 : n_new].flip(1).conj()  # what the low-pass leaves above the new Nyquist rate
        first = n_new // 2 + 1 - folded.shape[1]
        kept[:, first:] += folded
        return torch.fft.irfft(kept, n_new) * (n_new / n)


def _real_response(kernel: np.ndarray, n: int) -> torch.Tensor:
    """(n / 2 + 1,) response of a symmetric kernel that is centred on 0."""
    around = np.zeros(n)
    around[: len(kernel)] = kernel
    return torch.fft.rfft(torch.from_numpy(np.roll(around, -(len(kernel) // 2)))).real


def mirrored(
    read: Callable[[int, int], np.ndarray], first: int, last: int, start: int, stop: int, reach: int
) -> np.ndarray:
    """(c, last - first): the stretch [start, stop), mirrored in its ends for ``reach`` samples, 0 beyond."""
    low, high = max(first, start), min(last, stop)
    inside = read(low, high)
    if (low, high) == (first, last):
        return inside
    block = np.zeros((len(inside), last - first))
    block[:, low - first : high - first] = inside
    if first < low:
        n = min(reach, low - first, high - low - 1)
        block[:, low - first - n : low - first] = 2 * inside[:, :1] - inside[:, n:0:-1]
    if high < last:
        n = min(reach, last - high, high - low - 1)
        at = high - first
        block[:, at : at + n] = 2 * inside[:, -1:] - inside[:, -2 : -2 - n : -1]
    return block
