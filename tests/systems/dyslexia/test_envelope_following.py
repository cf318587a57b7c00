"""Whitening and the coupling to the envelope: known spectra, gains and lags come back; a planted difference of lag is found."""

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from n2s.errors import UserError
from n2s.metrics.tracking_coherence import BANDS
from n2s.systems.dyslexia.measured import Common, covariances_of
from n2s.systems.dyslexia.people import People
from n2s.systems.dyslexia.spatial import EnvelopeFollowing, couplings, followers, seen_through
from n2s.systems.dyslexia.validation import held_out_scores
from n2s.systems.dyslexia.whitened import whitened
from n2s.systems.tracking.measures import MeasureOptions

HZ, N = 25.0, 2000
FREQUENCIES = np.fft.rfftfreq(N, 1 / HZ)


def coloured(rng, n_channels, slope=1.5):
    """Power falls with frequency to the power of ``slope``."""
    spectrum = np.fft.rfft(rng.standard_normal((N, n_channels)), axis=0)
    return np.fft.irfft(spectrum * np.maximum(FREQUENCIES, 0.1)[:, None] ** (-slope / 2), N, axis=0)


def late(course, delay_s):
    return np.fft.irfft(np.fft.rfft(course) * np.exp(-2j * np.pi * FREQUENCIES * delay_s), N)


def person(rng, envelope, delay_s, gain=0.5):
    mixing = np.random.default_rng(9).standard_normal((4, 4))
    brain = coloured(rng, 4) @ mixing
    brain[:, 0] += gain * late(envelope, delay_s) * brain[:, 0].std() / envelope.std()
    return [(brain, envelope)]


def common():
    return Common(["s/0"], np.array(list("abcd")), {}, HZ, N)


def test_whitened_power_is_flat_and_relations_stay():
    rng = np.random.default_rng(0)
    brain, envelope = torch.from_numpy(coloured(rng, 8)), torch.from_numpy(rng.standard_normal((N, 1)))
    joined = torch.cat([brain, 3.0 * envelope + 0 * envelope], 1)
    own, (heard,) = whitened([joined], [envelope], HZ, BANDS)
    assert torch.allclose(own[0][:, 8:], 3.0 * heard, atol=1e-9)  # one filter for both
    (flat,), _ = whitened([brain], [envelope], HZ, BANDS)

    def slope(signal):
        inside = (FREQUENCIES > 0.5) & (FREQUENCIES < 8)
        power = (np.abs(np.fft.rfft(signal.numpy(), axis=0)) ** 2).mean(1)[inside]
        return np.polyfit(np.log(FREQUENCIES[inside]), np.log(power), 1)[0]

    assert slope(brain) == pytest.approx(-1.5, abs=0.15) and slope(flat) == pytest.approx(0, abs=0.1)
    (larger,), _ = whitened([1e-13 * brain], [envelope], HZ, BANDS)  # tesla
    assert torch.allclose(larger * 1e13, flat, rtol=1e-6)
    (still,), _ = whitened([torch.zeros(N, 2)], [envelope], HZ, BANDS)
    assert not still.any()


def test_gains_and_lags_come_back():
    rng = np.random.default_rng(1)
    envelope = rng.standard_normal(N)
    # weak, as in people: of a strong one, delays that differ within the band are left, not noise
    kinds = [(0.0, 0.1), (0.03, 0.1), (0.0, 0.2)]
    found = np.stack(
        [covariances_of(person(rng, envelope, lag, gain), common(), MeasureOptions()) for lag, gain in kinds]
    )
    theta = found[:, 1]
    values = couplings(seen_through(followers(theta, 1), theta))
    turned = np.angle(values / values[0])
    assert abs(turned[1]) == pytest.approx(2 * np.pi * 6.0 * 0.03, rel=0.25)  # 30 ms at the middle of 4 to 8 Hz
    assert abs(turned[2]) < 0.2 and abs(values[2]) == pytest.approx(2 * abs(values[0]), rel=0.25)


def test_a_group_that_follows_later_is_found_and_noise_is_not():
    rng, positive = np.random.default_rng(2), np.arange(24) % 2 == 0
    envelope = rng.standard_normal(N)
    covariances = np.stack(
        [covariances_of(person(rng, envelope, 0.1 + 0.02 * one), common(), MeasureOptions()) for one in positive]
    )
    some = People(np.array([f"s/{i}" for i in range(24)]), np.zeros((24, 1)), np.zeros((24, 0)), covariances)
    found = held_out_scores(EnvelopeFollowing(), some, positive, n_folds=4, seed=0)
    assert roc_auc_score(positive, found) > 0.9
    dealt = [np.random.default_rng(seed).permutation(positive) for seed in range(20)]
    null = [roc_auc_score(one, held_out_scores(EnvelopeFollowing(), some, one, n_folds=4, seed=0)) for one in dealt]
    assert 0.35 < np.mean(null) < 0.62  # the deviation of one is about .16


def test_a_band_from_0_hz_has_no_phase_and_is_refused():
    rng = np.random.default_rng(3)
    options = MeasureOptions(bands={"slow": (0.0, 4.0)}, kinds=("coherence",))
    with pytest.raises(UserError, match="from 0 to 4 Hz has no lowest frequency"):
        covariances_of(person(rng, rng.standard_normal(N), 0.1), common(), options)
