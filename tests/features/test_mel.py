import numpy as np
import pytest
import scipy.signal
from sounds import noise

from n2s.errors import UserError
from n2s.features import Mel
from n2s.studies.study import Frames


def naive_log_mel(audio, n_mels, sfreq, n_fft, hop, fmin, fmax):
    """Frame by frame, band by band, in float64."""
    window = scipy.signal.get_window("hann", n_fft)
    mirrored = np.pad(audio.astype(np.float64), n_fft // 2, mode="reflect")
    frames = [mirrored[i : i + n_fft] * window for i in range(0, len(audio) + 1, hop)]
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2 / (window**2).sum()
    edges_mel = np.linspace(2595 * np.log10(1 + fmin / 700), 2595 * np.log10(1 + fmax / 700), n_mels + 2)
    edges = 700 * (10 ** (edges_mel / 2595) - 1)
    hz = np.linspace(0, sfreq / 2, n_fft // 2 + 1)
    bands = []
    for low, centre, high in zip(edges, edges[1:], edges[2:], strict=False):
        weight = np.clip(np.minimum((hz - low) / (centre - low), (high - hz) / (high - centre)), 0, None)
        bands.append(power @ weight)
    return np.log10(np.stack(bands, axis=1) + 1e-5)


@pytest.mark.parametrize(
    "options",
    [
        {"n_mels": 40},
        {"n_mels": 20, "n_fft": 400, "hop": 160, "fmin": 50.0, "fmax": 6000.0},
        pytest.param({"n_mels": 120}, marks=pytest.mark.filterwarnings("ignore:At least one mel filterbank")),
    ],
)
def test_against_a_naive_computation(stimulus_of, options):
    audio = noise(0.5) * np.hanning(8000).astype(np.float32)
    frames = Mel(**options).extract(stimulus_of(audio))
    full = {"n_fft": 512, "hop": 128, "fmin": 0.0, "fmax": 8000.0} | options
    expected = naive_log_mel(audio, sfreq=16000, **full)
    assert frames.values.dtype == np.float32
    np.testing.assert_allclose(frames.values, expected, atol=2e-4)
    assert frames.rate_hz == 16000 / full["hop"] and frames.start_s == 0


def peak_times(frames: Frames) -> np.ndarray:
    """Times of the local maxima of the power over all bands."""
    power = (10**frames.values).sum(1)
    peaks, _ = scipy.signal.find_peaks(power, height=0.5 * power.max())
    return frames.start_s + peaks / frames.rate_hz


@pytest.mark.parametrize("sfreq", [16000, 44100])
def test_clicks_show_in_the_frames_nearest_to_them(stimulus_of, sfreq):
    clicks_s = np.array([0.2, 0.5031, 0.777, 1.2])
    audio = np.zeros(round(1.5 * sfreq))
    audio[np.rint(clicks_s * sfreq).astype(int)] = 1.0
    stimulus = stimulus_of(audio, sfreq)
    half_frame_s = 0.5 * 128 / 16000 + 1e-4
    np.testing.assert_allclose(peak_times(Mel().extract(stimulus)), clicks_s, atol=half_frame_s)
    later = Mel().extract(stimulus, 0.31, 1.0)  # the clock is the stimulus', whatever the stretch
    np.testing.assert_allclose(peak_times(later), clicks_s[1:3], atol=half_frame_s)
    assert later.start_s == 0.31
    assert later.stop_s == pytest.approx(1.0, abs=2 * 128 / 16000)


def test_long_audio_is_transformed_in_blocks(stimulus_of, monkeypatch):
    stimulus = stimulus_of(noise(1.0))
    whole = Mel().extract(stimulus).values
    monkeypatch.setattr("n2s.features.mel._BLOCK", 7)
    np.testing.assert_allclose(Mel().extract(stimulus).values, whole, atol=1e-5)


def test_standardized_audio_has_no_loudness_and_therefore_a_context(stimulus_of):
    quiet, loud = stimulus_of(noise(0.3)), stimulus_of(0.2 + 5 * noise(0.3), name="loud")
    mel = Mel(standardize=True)
    np.testing.assert_allclose(mel.extract(quiet).values, mel.extract(loud).values, atol=1e-4)
    assert mel.contextual and not Mel().contextual
    assert np.abs(Mel().extract(quiet).values - Mel().extract(loud).values).max() > 1
    assert mel.settings() != Mel().settings()


def test_what_is_wrong_is_said(stimulus_of):
    with pytest.raises(UserError, match="fmax=9000"):
        Mel(fmax=9000.0)
    with pytest.raises(UserError, match="fmin=500"):
        Mel(fmin=500.0, fmax=400.0)
    with pytest.raises(UserError, match="expected an even number of samples"):
        Mel(n_fft=511)
    with pytest.raises(UserError, match="too short for a window of 0.032 s"):
        Mel().extract(stimulus_of(noise(0.01)))
