"""Coherence, phase-locking, information and coupling, against SciPy and literal loops."""

import numpy as np
import pytest
import scipy.signal
import torch

from n2s.errors import UserError
from n2s.metrics import tracking_coherence, tracking_plv
from n2s.metrics.tracking_coherence import BANDS, CrossSpectra

RNG = np.random.default_rng(0)


def _signals(sfreq, n, c=4):
    envelope = RNG.standard_normal(n)
    return RNG.standard_normal((c, n)) + 0.5 * np.roll(envelope, round(0.1 * sfreq)), envelope


@pytest.mark.parametrize(
    "sfreq, n, segment_s", [(100, 6000, 4.0), (64, 3333, 3.0), (117.1875, 5000, 4.0), (101, 4000, 2.7)]
)
def test_coherence_and_plv_are_those_of_scipy_and_of_a_loop(sfreq, n, segment_s):
    brain, envelope = _signals(sfreq, n)
    length = round(segment_s * sfreq)
    f, expected = scipy.signal.coherence(brain, envelope[None], sfreq, nperseg=length)
    window, cross = scipy.signal.get_window("hann", length), []
    for start in range(0, n - length + 1, length - length // 2):
        x, y = brain[:, start : start + length], envelope[start : start + length]
        x, y = (np.fft.rfft((one - one.mean(-1, keepdims=True)) * window) for one in (x, y))
        cross.append(x * y.conj() / abs(x * y.conj()))
    locked = abs(np.mean(cross, 0))
    for name, (low, high) in BANDS.items():
        bins = (f >= low) & (f < high)
        found = (one(brain, envelope, sfreq, segment_s=segment_s)[name] for one in (tracking_coherence, tracking_plv))
        np.testing.assert_allclose(next(found), expected[:, bins].mean(1), rtol=1e-9)
        np.testing.assert_allclose(next(found), locked[:, bins].mean(1), rtol=1e-9)


def test_float32_and_tensors_are_taken():
    brain, envelope = _signals(100, 3000)
    exact = tracking_coherence(brain, envelope, 100)["delta"]
    found = tracking_coherence(torch.from_numpy(brain).float(), torch.from_numpy(envelope).float(), 100)["delta"]
    assert found.dtype == torch.float64
    np.testing.assert_allclose(found, exact, rtol=1e-4)


def test_stretches_give_the_sums_of_their_segments_and_none_across():
    brain, envelope = _signals(100, 5000)
    parts = [slice(0, 1800), slice(1800, 1900), slice(1900, 5000)]  # the second is shorter than a segment
    spectra = CrossSpectra.of(
        [torch.from_numpy(brain[:, p].T) for p in parts], [torch.from_numpy(envelope[p]) for p in parts], 100.0
    )
    sums = np.zeros((3, 4, 201), complex)
    for part in (parts[0], parts[2]):
        n = ((part.stop - part.start) - 400) // 200 + 1
        pairs = ((brain, envelope), (brain, brain), (envelope[None], envelope[None]))
        for i, (x, y) in enumerate(pairs):
            sums[i] += n * scipy.signal.csd(np.atleast_2d(y)[:, part], x[:, part], 100, nperseg=400)[1]
    expected = abs(sums[0]) ** 2 / (sums[1] * sums[2]).real
    bins = np.round(spectra.frequencies * 4).astype(int)
    np.testing.assert_allclose(spectra.coherence().numpy(), expected[:, bins].T, rtol=1e-9)


def test_shifted_envelopes_are_taken_at_once():
    brain, envelope = _signals(50, 3000)
    spectra = CrossSpectra.of([torch.from_numpy(brain.T)], [torch.from_numpy(envelope)], 50.0)
    both = torch.stack([spectra.envelope, spectra.envelope.roll(3, 1)])
    for one in (spectra.coherence, spectra.plv):
        torch.testing.assert_close(one(both)[0], one())
        torch.testing.assert_close(one(both)[1], one(both[1]))


def test_noise_is_chance():
    n = 200 * 100
    brain, envelope = RNG.standard_normal((20, n)), RNG.standard_normal(n)
    n_independent = n / 400 * 1.05  # half-overlapping Hann segments: 1.05 to 1.9 times as many, by what is asked for
    found = float(tracking_coherence(brain, envelope, 100)["theta"].mean())
    assert 0.5 / n_independent < found < 1.1 / n_independent


def test_a_sensor_without_change_has_no_value():
    brain, envelope = _signals(100, 3000)
    brain[1] = 3.7
    for one in (tracking_coherence, tracking_plv):
        found = one(brain, envelope, 100)["delta"].numpy()
        assert np.isnan(found[1]) and np.isfinite(found[[0, 2, 3]]).all()


@pytest.mark.parametrize(
    "change, told",
    [
        ({"sfreq": 12}, r"band theta ends at 8 Hz.*up to 6 Hz.*at 16 Hz or more"),
        ({"segment_s": 80.0}, "fewer than two segments"),
        ({"bands": {"slow": (0.01, 0.2)}}, "holds no frequency"),
        ({"bands": {"slow": (4, 2)}}, "lowest and its highest"),
        ({"bands": {}}, "no band"),
        ({"segment_s": 0.0}, "two samples"),
    ],
)
def test_what_cannot_be_computed_is_refused(change, told):
    brain, envelope = _signals(100, 3000)
    for one in (tracking_coherence, tracking_plv):
        with pytest.raises(UserError, match=told):
            one(brain, envelope, **{"sfreq": 100} | change)


def test_other_lengths_and_nan_are_refused():
    brain, envelope = _signals(100, 3000)
    with pytest.raises(UserError, match="3000 samples, the envelope 2999"):
        tracking_coherence(brain, envelope[1:], 100)
    brain[0, 7] = np.nan
    with pytest.raises(UserError, match="not finite"):
        tracking_plv(brain, envelope, 100)
    with pytest.raises(UserError, match="expected"):
        tracking_plv(envelope, envelope, 100)
