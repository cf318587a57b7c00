"""Signals of a band, mutual information, locking to edges, and coupling of rhythms, against SciPy and literal loops."""

import numpy as np
import pytest
import scipy.signal
import scipy.stats
import torch

from n2s.errors import UserError
from n2s.metrics.band_signals import analytic, analytic_stretches
from n2s.metrics.phase_locking import (
    acoustic_edges,
    coupling,
    edge_locked_plv,
    edge_locking,
    phase_amplitude_coupling,
    window_rows,
)
from n2s.metrics.tracking_information import information, tracking_information

RNG = np.random.default_rng(0)
BRAIN = RNG.standard_normal((500, 4)) + 1j * RNG.standard_normal((500, 4))
HEARD = BRAIN[:, 0] + 0.5 * (RNG.standard_normal(500) + 1j * RNG.standard_normal(500))


@pytest.mark.parametrize("band", [(0.5, 4), (4, 8), (8, 50)])
def test_the_filter_is_a_butterworth_there_and_back(band):
    signal = RNG.standard_normal((6000, 3)) + 0.1 * RNG.standard_normal((6000, 3)).cumsum(0)
    found, step = analytic(torch.from_numpy(signal), 100.0, band)
    kind = {"N": 4, "Wn": band, "btype": "bandpass"} if band[1] < 50 else {"N": 4, "Wn": band[0], "btype": "highpass"}
    sos = scipy.signal.butter(**kind, fs=100, output="sos")
    filtered = scipy.signal.sosfiltfilt(sos, np.pad(signal, ((2000, 2000), (0, 0)), "reflect"), axis=0)
    expected = scipy.signal.hilbert(filtered, axis=0)[2000:-2000:step]
    cut = slice(int(100 / band[0] / step), -int(100 / band[0] / step))  # as `analytic_stretches` cuts
    assert np.abs(found.numpy() - expected)[cut].max() < 2e-2 * np.abs(expected).max()


def test_short_stretches_give_nothing_and_moments_are_kept():
    signal = torch.from_numpy(np.cos(2 * np.pi * 2 * np.arange(3000) / 100))[:, None]
    (empty, long, one), step, cut = analytic_stretches([signal[:300], signal, signal[:1]], 100.0, (0.5, 4))
    assert len(empty) == len(one) == 0
    moments_s = (np.arange(len(long)) + cut) * step / 100
    np.testing.assert_allclose(np.angle(long[:, 0].numpy() * np.exp(-2j * np.pi * 2 * moments_s)), 0, atol=0.01)


def test_information_is_that_of_normal_scores():
    def scores(values):
        return scipy.stats.norm.ppf(scipy.stats.rankdata(values) / (len(values) + 1))

    found = information(torch.from_numpy(BRAIN), torch.from_numpy(HEARD), [17, 400]).numpy()
    for row, shift in zip(found, (0, 17, 400), strict=True):
        other = np.roll(HEARD, shift)
        for sensor, value in enumerate(row):
            own = BRAIN[:, sensor]
            cov = np.cov([scores(one) for one in (own.real, own.imag, other.real, other.imag)])
            det = np.linalg.det
            assert value == pytest.approx(0.5 * np.log2(det(cov[:2, :2]) * det(cov[2:, 2:]) / det(cov)), rel=1e-9)


def test_information_of_gaussian_signals_is_known():
    """Complex signals that share half of their variance: -log2(1 - .5) = 1 bit."""
    common, a, b = (RNG.standard_normal(20000) + 1j * RNG.standard_normal(20000) for _ in range(3))
    r = 0.5**0.5  # their correlation
    one, other = (r**0.5 * common + (1 - r) ** 0.5 * noise for noise in (a, b))
    assert information(torch.from_numpy(one[:, None]), torch.from_numpy(other))[0, 0] == pytest.approx(1.0, abs=0.05)


def test_locking_to_edges_is_the_mean_phase():
    edges, window = np.array([3, 50, 120, 400]), range(2, 6)
    found = edge_locking(torch.from_numpy(BRAIN), np.r_[edges, -4, 500], window, [7, 499]).numpy()
    phases = BRAIN / abs(BRAIN)
    for row, shift in zip(found, (0, 7, 499), strict=True):
        expected = [abs(np.mean([phases[(edge + shift + lag) % 500] for edge in edges], 0)) for lag in window]
        np.testing.assert_allclose(row, np.mean(expected, 0), rtol=1e-9)


def test_an_edge_near_the_end_is_not_followed_by_the_start():
    edges, window = np.array([0, 200, 497]), range(4)
    found = edge_locking(torch.from_numpy(BRAIN), edges, window)[0].numpy()
    phases = BRAIN / abs(BRAIN)
    expected = np.mean([abs(np.mean([phases[edge + lag] for edge in edges[:2]], 0)) for lag in window], 0)
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert edge_locking(torch.from_numpy(BRAIN), edges, range(-3, 1))[0].isfinite().all()  # before 0 there is nothing
    assert edge_locking(torch.from_numpy(BRAIN), edges, range(600)).isnan().all()


def test_few_rows_of_one_order_hold_no_information():
    rows = np.array([1, 5, 2, 9, 3, 0, 7, 4, 8.0])
    brain = np.stack([rows + 1j * rows**2, rows - 1j * rows, rows + 1j * rows[::-1]], 1)
    found = information(torch.from_numpy(brain), torch.from_numpy(HEARD[:9]))[0]
    assert found.isnan().tolist() == [True, True, False]


def test_coupling_is_the_mean_vector():
    phases, sizes = BRAIN / abs(BRAIN), abs(BRAIN)[::-1].copy()
    found = coupling(torch.from_numpy(phases), torch.from_numpy(sizes), [9]).numpy()
    for row, shift in zip(found, (0, 9), strict=True):
        moved = np.roll(sizes, shift, 0)
        expected = abs((moved * phases).sum(0)) / np.sqrt(500 * (moved**2).sum(0))
        np.testing.assert_allclose(row, expected, rtol=1e-9)


def test_a_coupled_rhythm_is_found():
    t = np.arange(6000) / 100
    slow = np.cos(2 * np.pi * 1.5 * t)
    free, bound = (a * np.cos(2 * np.pi * 6 * t) + slow for a in (np.ones_like(t), 1 + 0.8 * slow))
    found = phase_amplitude_coupling(np.stack([free, bound]), 100)
    assert found[0] < 0.02 and found[1] > 0.3


def test_edges_are_the_rises_and_lock_what_follows_them():
    sfreq, n = 100, 6000
    onsets = np.cumsum(RNG.integers(30, 90, 90))
    onsets = onsets[onsets < n - 100]
    envelope = np.zeros(n)
    for onset in onsets:
        envelope[onset : onset + 20] += np.hanning(20)
    found = acoustic_edges(envelope, sfreq)
    assert len(found) == len(onsets) and np.abs(found - onsets / sfreq - 0.05).max() < 0.03
    echo = scipy.signal.fftconvolve(envelope, np.r_[np.zeros(10), 1.0])[:n]
    brain = np.stack([echo + 0.1 * RNG.standard_normal(n), RNG.standard_normal(n)])
    locked = edge_locked_plv(brain, found, sfreq)
    assert locked["delta"][0] > 0.6 > 0.35 > locked["delta"][1] and locked["theta"][0] > 0.5
    assert tracking_information(brain, envelope, sfreq)["delta"].argmax() == 0


def test_nothing_heard_has_no_edges_and_no_locking():
    assert len(acoustic_edges(np.zeros(1000), 100)) == 0
    assert edge_locked_plv(RNG.standard_normal((2, 1000)), [], 100)["delta"].isnan().all()


def test_what_cannot_be_computed_is_refused():
    noise = RNG.standard_normal((2, 1000))
    with pytest.raises(UserError, match="no lowest frequency"):
        edge_locked_plv(noise, [1.0], 100, {"all": (0, 4)})
    with pytest.raises(UserError, match="rate of 20 Hz"):
        acoustic_edges(noise[0], 10)
    with pytest.raises(UserError, match="rows are left"):
        tracking_information(noise[:, :350], noise[0, :350], 100)
    with pytest.raises(UserError, match="ends at 8 Hz"):
        phase_amplitude_coupling(noise, 12)
    with pytest.raises(UserError, match="long enough"):
        phase_amplitude_coupling(noise[:, :300], 100)
    assert list(window_rows((0.0, 0.4), 32)) == list(range(13))
