"""The spectrogram of Millet & King 2021, against SciPy's, and what silence and short sounds give."""

import numpy as np
import pytest
import scipy.signal
import soundfile
import torch

from n2s.errors import UserError
from n2s.features import LogSpectrogram
from n2s.studies.study import Stimulus


def test_it_is_scipys_power_in_decibels():
    audio = torch.from_numpy(np.random.default_rng(0).standard_normal(4000).astype(np.float32))
    found = LogSpectrogram().of_audio(audio).numpy()
    padded = np.pad(audio.numpy() / np.abs(audio.numpy()).max(), 160, mode="reflect")
    window = np.hanning(320)
    _, _, z = scipy.signal.stft(padded, window=window, nperseg=320, noverlap=160, boundary=None, padded=False)
    decibels = 10 * np.log10(np.abs(z[:160].T) ** 2 * window.sum() ** 2)
    assert found.shape == (26, 160) == decibels.shape
    assert np.allclose(found, (decibels - decibels.mean()) / decibels.std(), atol=1e-3)


def test_each_clip_has_mean_0_and_deviation_1_and_no_loudness():
    audio = torch.randn(8000)
    one, other = (LogSpectrogram(40, sfreq=8000, window_s=0.01).of_audio(level * audio) for level in (1.0, 0.01))
    assert one.mean().abs() < 1e-5 and one.std(correction=0) == pytest.approx(1, abs=1e-5)
    assert torch.allclose(one, other, atol=1e-2)


def test_a_tone_is_at_its_frequency_and_digital_silence_beside_it_is_no_abyss():
    t = torch.arange(16000) / 16000
    audio = torch.sin(2 * torch.pi * 1000 * t)
    audio[8000:] = 0
    found = LogSpectrogram().of_audio(audio)
    assert (found[10:40].argmax(1) == 20).all()  # 50 Hz each
    assert found.min() > -1.5 and found.max() < 8


def test_silence_is_zero_and_a_click_too_short():
    assert not LogSpectrogram().of_audio(torch.zeros(4000)).any()
    with pytest.raises(UserError, match="here: 0.010 s .* too short"):
        LogSpectrogram().of_audio(torch.ones(160), "here")
    with pytest.raises(UserError, match="at most 161"):
        LogSpectrogram(162)


def test_as_a_feature_it_comes_100_times_a_second(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.random.default_rng(0).standard_normal(16000) * 0.1, 16000)
    frames = LogSpectrogram().extract(Stimulus("a", tmp_path / "a.wav"), 0.25)
    assert frames.values.shape == (76, 160) and (frames.rate_hz, frames.start_s) == (100.0, 0.25)
