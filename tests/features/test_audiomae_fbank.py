"""The filter bank against Kaldi's definition, written out for one frame."""

import numpy as np
import pytest
import torch

from n2s.errors import UserError
from n2s.features.audiomae import DEVIATION, MEAN, fbank, tiled


def naive_frame(samples):
    """400 samples of 16 kHz -> 128 log mel energies, by the definition of Kaldi."""
    x = samples - samples.mean()
    x = x - 0.97 * np.concatenate([x[:1], x[:-1]])
    x = x * (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 399))
    power = np.abs(np.fft.rfft(x, 512)) ** 2
    low, high = (1127 * np.log(1 + f / 700) for f in (20.0, 8000.0))
    edges = np.linspace(low, high, 130)
    mel = 1127 * np.log(1 + np.arange(257) * 16000 / 512 / 700)
    energies = np.zeros(128)
    for m in range(128):
        left, centre, right = edges[m : m + 3]
        weight = np.minimum((mel - left) / (centre - left), (right - mel) / (right - centre)).clip(0)
        weight[256] = 0  # Kaldi leaves the Nyquist bin out
        energies[m] = (weight * power).sum()
    return np.log(np.maximum(energies, np.finfo(np.float32).eps))


def test_against_the_definition():
    wav = np.random.default_rng(0).standard_normal(16000).astype(np.float32) * 0.1
    found = fbank(wav, 16000)
    centred = (wav - wav.mean()).astype(float)
    assert found.shape == (1024, 128) and found.dtype == torch.float32
    for frame in (0, 1, 57, 97):
        wanted = (naive_frame(centred[160 * frame : 160 * frame + 400]) - MEAN) / (2 * DEVIATION)
        assert np.abs(found[frame].numpy() - wanted).max() < 2e-3


@pytest.mark.parametrize(("duration_s", "n_frames"), [(1.0, 98), (10.0, 998), (10.24, 1022), (12.0, 1024)])
def test_padding_comes_before_the_normalisation(duration_s, n_frames):
    wav = np.random.default_rng(0).standard_normal(round(duration_s * 16000))
    found = fbank(wav, 16000)
    padding = -MEAN / (2 * DEVIATION)
    assert padding == pytest.approx(0.467, abs=1e-3)
    is_padding = (found - padding).abs().max(1).values < 1e-6
    assert int((~is_padding).sum()) == n_frames and not is_padding[:n_frames].any()


def test_silence():
    assert fbank(np.zeros(16000), 16000)[:98].mean().item() == pytest.approx(-1.278, abs=2e-3)


def test_other_rates_are_resampled():
    time = np.arange(48000) / 48000
    tone = np.sin(2 * np.pi * 1000 * time).astype(np.float32)
    peaks = [fbank(x, rate)[20:80].mean(0).argmax().item() for x, rate in ((tone, 48000), (tone[::3].copy(), 16000))]
    assert peaks[0] == peaks[1]


def test_tiled():
    clip = np.arange(5, dtype=np.float32)
    assert tiled(clip, 1, duration_s=12).tolist() == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1]
    assert len(tiled(np.ones(24000), 16000)) == 160000
    assert len(tiled(np.ones(30 * 100), 100)) == 1000


@pytest.mark.parametrize("wav", [np.zeros((2, 16000)), np.zeros(100), np.full(16000, np.nan)])
def test_bad_input(wav):
    with pytest.raises(UserError, match="expected one channel"):
        fbank(wav, 16000)
