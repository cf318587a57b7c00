"""What is taken out of training windows: against scipy's filters, a loop over windows, and counts of draws."""

import numpy as np
import pytest
import torch
from scipy.signal import butter, filtfilt, sosfiltfilt
from scipy.stats import binomtest, chisquare

from n2s.errors import UserError
from n2s.models import Augment, MEGAugment, augment
from n2s.models.augment import without_band

PUBLISHED = ((4, 7), (8, 13), (14, 31), (32, 100), (60, 124))
NO_BANDS, NO_TIMES = {"bands_hz": ()}, {"n_time_masks": 0}


@pytest.mark.parametrize("band", PUBLISHED)
@pytest.mark.parametrize("t, sfreq", [(625, 250.0), (125, 250.0), (3000, 250.0), (64, 300.0)])
def test_a_band_is_filtered_as_scipy_does(band, t, sfreq):
    brain = torch.randn(2, 3, t, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    sections = butter(4, band, "bandstop", fs=sfreq, output="sos")
    expected = sosfiltfilt(sections, brain.numpy())
    assert np.allclose(without_band(brain, band, sfreq=sfreq).numpy(), expected, rtol=1e-9, atol=1e-9)
    single = without_band(brain.float(), band, sfreq=sfreq)
    assert single.dtype == torch.float32 and np.allclose(single.numpy(), expected, atol=1e-4)
    b, a = butter(4, band, "bandstop", fs=sfreq)  # the published form, less exact for slow bands
    assert np.allclose(filtfilt(b, a, brain.numpy()), expected, atol=1e-4)


def test_a_short_window_and_autocast_are_filtered_alike():
    brain = torch.randn(2, 3, 12, dtype=torch.float64)
    expected = sosfiltfilt(butter(4, (30, 60), "bandstop", fs=250, output="sos"), brain.numpy(), padlen=11)
    assert np.allclose(without_band(brain, (30, 60), sfreq=250).numpy(), expected)
    with torch.autocast("cpu", torch.bfloat16):
        assert np.allclose(without_band(brain.float(), (30, 60), sfreq=250).numpy(), expected, atol=1e-5)


def test_the_band_goes_and_others_stay():
    time = torch.arange(2500) / 250
    for hz, left in ((10.0, 0.0), (30.0, 1.0), (2.0, 1.0)):
        wave = torch.sin(2 * torch.pi * hz * time)
        middle = without_band(wave, (8, 13), sfreq=250)[600:1900]
        assert middle.std() / wave.std() == pytest.approx(left, abs=0.02)


def ops(out, brain):
    """Of each window: 0 as it is, 1 some samples of all sensors are 0, 2 other values."""
    zero = (out == 0).all(1)
    same = torch.where(zero[:, None], True, out == brain).all(2).all(1)
    return torch.where(same, zero.any(1).long(), 2)


def test_one_operation_a_window_each_as_likely():
    brain = torch.randn(4000, 2, 60)
    kept = brain.clone()
    out = MEGAugment(time_mask_s=0.1, band_probability=1.0)(brain, 0)
    assert torch.equal(brain, kept)
    found = ops(out, brain)
    n_masked = (found < 2).sum().item()  # a mask may be of no length
    assert binomtest(n_masked, 4000, 0.5).pvalue > 1e-4
    assert not ((out == 0).any(2).any(1) & (found == 2)).any()


def test_stretches_have_the_published_lengths_and_places():
    brain, longest, t = torch.ones(60_000, 1, 9), 4, 9
    out = MEGAugment(n_time_masks=1, time_mask_s=0.4, sfreq=10.0, **NO_BANDS)(brain, 0)[:, 0]
    lengths = (out == 0).sum(1)
    assert chisquare(lengths.bincount(minlength=longest + 1).numpy()).pvalue > 1e-4
    for length in range(1, longest + 1):
        first = (out[lengths == length] == 0).int().argmax(1)
        assert first.max() == t - length and chisquare(first.bincount().numpy()).pvalue > 1e-4
    two = MEGAugment(n_time_masks=2, time_mask_s=0.4, sfreq=10.0, **NO_BANDS)(brain, 0)[:, 0]
    assert (two == 0).sum(1).max() == 8 and (two == 0).float().mean() > 1.6 * (out == 0).float().mean()


def test_a_stretch_longer_than_the_window_begins_at_its_start():
    out = MEGAugment(n_time_masks=1, time_mask_s=0.72, **NO_BANDS)(torch.ones(3000, 2, 20), 0)
    lengths = (out == 0).all(1).sum(1)
    assert (lengths == 20).float().mean() > 0.3 and lengths.min() == 0  # 0 to 180, from sample 0 or 1 on


def test_bands_are_drawn_one_by_one_and_filtered_in_turn():
    brain = torch.randn(3000, 1, 100, dtype=torch.float64)
    bands = ((4.0, 7.0), (14.0, 31.0))
    out = MEGAugment(bands_hz=bands, band_probability=0.4, **NO_TIMES)(brain, 0)
    one, other = (without_band(brain, band, sfreq=250) for band in bands)
    both = without_band(one, bands[1], sfreq=250)
    kinds = torch.stack([(out - each).abs().amax((1, 2)) < 1e-9 for each in (brain, one, other, both)])
    assert (kinds.sum(0) == 1).all()
    assert chisquare(kinds.sum(1).numpy(), 3000 * np.array([0.36, 0.24, 0.24, 0.16])).pvalue > 1e-4


def test_channels_are_drawn_without_repetition():
    out = MEGAugment(n_channel_masks=3, **NO_TIMES, **NO_BANDS)(torch.ones(4000, 8, 5), 0)
    gone = (out == 0).all(2)
    assert ((out == 0).any(2) == gone).all() and (gone.sum(1) == 3).all()
    assert chisquare(gone.sum(0).numpy()).pvalue > 1e-4
    assert not MEGAugment(n_channel_masks=9, **NO_TIMES, **NO_BANDS)(torch.ones(2, 8, 5), 0).any()


def test_a_seed_repeats_it_and_evaluation_leaves_windows_alone():
    brain, change = torch.randn(50, 4, 60), MEGAugment(n_channel_masks=2)
    assert isinstance(change, Augment)
    assert torch.equal(change(brain, 5), change(brain, 5)) and not torch.equal(change(brain, 5), change(brain, 6))
    assert torch.equal(change(brain, torch.Generator().manual_seed(5)), change(brain, 5))
    torch.manual_seed(5)
    assert torch.equal(change(brain), change(brain, 5))
    assert change(brain[:0], 5).shape == (0, 4, 60)
    assert MEGAugment(**NO_TIMES, **NO_BANDS)(brain, 5) is brain
    assert change.eval()(brain, 5) is brain


def test_long_windows_are_filtered_alike(monkeypatch):
    brain = torch.randn(20, 2, 200)
    short = MEGAugment()(brain, 1)
    monkeypatch.setattr(augment, "LONGEST", 100)
    assert torch.allclose(MEGAugment()(brain, 1), short, atol=1e-4)


@pytest.mark.parametrize(
    "change, told",
    [
        ({"sfreq": 120.0}, "bands_hz: 32 to 100 Hz is no band of windows at 120 Hz: expected 0 < low < high < 60"),
        ({"bands_hz": ((0, 4),)}, "0 to 4 Hz is no band"),
        ({"bands_hz": ((7, 4),)}, "7 to 4 Hz is no band"),
        ({"band_probability": 1.5}, "band_probability is 1.5"),
        ({"n_time_masks": -1}, "n_time_masks is -1"),
        ({"time_mask_s": float("nan")}, "time_mask_s is nan"),
    ],
)
def test_what_is_not_possible_is_told(change, told):
    with pytest.raises(UserError, match=told):
        MEGAugment(**change)
