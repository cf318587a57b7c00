"""The clips' spectrogram and statistics against what they are made from."""

import numpy as np
import pytest
import soundfile
import torch

from n2s.errors import UserError
from n2s.features import ClipFbank, Mel, MelStatistics
from n2s.features.audiomae import fbank, tiled
from n2s.studies.study import Stimulus


@pytest.fixture
def stimulus(tmp_path):
    rng = np.random.default_rng(0)
    swell = np.interp(np.arange(8 * 16000), np.linspace(0, 8 * 16000, 9), rng.uniform(0.05, 0.5, 9))
    soundfile.write(tmp_path / "hiss.wav", 0.1 * swell * rng.standard_normal(8 * 16000), 16000, subtype="FLOAT")
    return Stimulus("hiss", tmp_path / "hiss.wav")


@pytest.mark.parametrize(("duration_s", "n_frames"), [(4.0, 416), (1.5, 160), (2.0, 224), (10.0, 1024)])
def test_the_spectrogram_has_the_frames_of_the_clips_patches(duration_s, n_frames):
    feature = ClipFbank(duration_s=duration_s)
    assert feature.shape == (128, n_frames) and feature.n_features == 128 * n_frames


def test_it_is_what_audiomae_hears_of_the_clip_alone(stimulus):
    feature = ClipFbank(duration_s=1.5)
    found = feature.extract(stimulus, np.array([1.0, 3.25]), 1.5).reshape(2, 128, 160)
    audio = torch.from_numpy(soundfile.read(stimulus.audio, dtype="float32")[0])
    for one, start in zip(found, (1.0, 3.25), strict=True):
        clip = audio[int(start * 16000) : int((start + 1.5) * 16000)]
        np.testing.assert_allclose(one.T, fbank(tiled(clip, 16000), 16000)[:160], atol=1e-5)
    with pytest.raises(UserError, match="made for clips of 1.5 s; 'hiss' has clips of 2 s"):
        feature.extract(stimulus, np.array([0.0]), 2.0)
    with pytest.raises(UserError, match="duration_s=11"):
        ClipFbank(duration_s=11)


def test_magnitudes_follow_the_amplitude(stimulus, tmp_path):
    feature = ClipFbank(duration_s=2.0)
    audio, rate = soundfile.read(stimulus.audio)
    soundfile.write(tmp_path / "loud.wav", 3 * audio, rate, subtype="FLOAT")
    soft, loud = (
        feature.magnitude(feature.extract(one, np.array([1.0]), 2.0))
        for one in (stimulus, Stimulus("loud", tmp_path / "loud.wav"))
    )
    audible = soft > 0.05  # below, Kaldi's floor is heard
    assert audible.mean() > 0.5
    np.testing.assert_allclose(loud[audible], 3 * soft[audible], rtol=1e-3)


def test_statistics_are_those_of_the_mel(stimulus):
    feature = MelStatistics(n_mels=6)
    found = feature.extract(stimulus, np.array([0.5, 2.0, 5.0]), 2.0)
    assert found.shape == (3, 18) == (3, feature.n_features) and feature.shape == (18,)
    for one, start in zip(found, (0.5, 2.0, 5.0), strict=True):
        mel = Mel(n_mels=6, hop=160, fmin=60.0, fmax=7600.0).extract(stimulus, start, start + 2.0).values
        change = [np.mean([abs(b - a) for a, b in zip(band, band[1:], strict=False)]) for band in mel.T]
        np.testing.assert_allclose(one, np.concatenate([mel.mean(0), mel.std(0), change]), rtol=1e-4)
    assert MelStatistics(n_mels=6).settings() != MelStatistics(n_mels=7).settings()
