import math

import numpy as np
import pytest
import scipy.signal
import soundfile
from sounds import noise

from n2s.errors import UserError
from n2s.features.audio import audio_duration_s, read_audio, read_stimulus
from n2s.studies.study import Stimulus


def tone(hz: float, sfreq: int, duration_s: float = 1.0) -> np.ndarray:
    return np.sin(2 * np.pi * hz * np.arange(round(duration_s * sfreq)) / sfreq)


def test_samples_come_back_and_channels_are_averaged(stimulus_of):
    samples = np.stack([noise(0.5, seed=1), noise(0.5, seed=2)], axis=1)
    path = stimulus_of(samples).audio
    audio = read_audio(path, 16000)
    assert audio.dtype.is_floating_point and audio.itemsize == 4
    np.testing.assert_allclose(audio.numpy(), samples.mean(1), atol=1e-8)
    assert audio_duration_s(path) == 0.5


def test_a_long_file_is_read_in_blocks(stimulus_of, monkeypatch):
    samples = noise(1.0)
    path = stimulus_of(samples).audio
    monkeypatch.setattr("n2s.features.audio.BLOCK", 999)
    np.testing.assert_array_equal(read_audio(path, 16000).numpy(), samples)


def test_stretches_that_share_a_border_share_no_sample(stimulus_of):
    samples = noise(1.0, 11025)
    path = stimulus_of(samples, 11025).audio
    border = 0.333333
    parts = [read_audio(path, 11025, 0.0, border), read_audio(path, 11025, border)]
    np.testing.assert_array_equal(np.concatenate(parts), samples)
    assert len(parts[0]) == round(border * 11025)


@pytest.mark.parametrize("name", ["a.mp3", "a.ogg", "a.opus", "a.flac"])
def test_a_stretch_of_coded_sound_is_as_in_the_whole(tmp_path, name):
    """Frames of mp3 and opus need the frames before them: a decoder that starts there gives other samples at first."""
    options = {"a.opus": {"format": "OGG", "subtype": "OPUS"}, "a.mp3": {"bitrate_mode": "VARIABLE"}}.get(name, {})
    loudness = np.repeat([0.001, 1.0, 0.3, 2.0], 16000)
    soundfile.write(tmp_path / name, loudness * noise(4.0), 16000, **options)
    whole = read_audio(tmp_path / name, 16000).numpy()
    for start in (0.01, 1.0, 2.5, 3.3):
        part = read_audio(tmp_path / name, 16000, start, start + 0.5).numpy()
        first = round(start * 16000)
        np.testing.assert_allclose(part, whole[first : first + 8000], atol=1e-5)


@pytest.mark.parametrize("native", [8000, 22050, 32000, 44100, 48000])
def test_resampling_keeps_time_level_and_length(stimulus_of, native):
    audio = read_audio(stimulus_of(tone(1000, native), native).audio, 16000).numpy()
    assert len(audio) == 16000
    inner = slice(800, -800)  # 50 ms: the filter runs out of signal at the ends
    np.testing.assert_allclose(audio[inner], tone(1000, 16000)[inner], atol=2e-3)


def test_what_16_khz_cannot_hold_is_filtered_out(stimulus_of):
    audio = read_audio(stimulus_of(tone(9000, 44100), 44100).audio, 16000).numpy()
    assert np.sqrt(np.mean(audio[800:-800] ** 2)) < 0.003  # -50 dB re full scale
    kept = read_audio(stimulus_of(tone(7000, 44100), 44100).audio, 16000).numpy()
    assert np.sqrt(np.mean(kept[800:-800] ** 2)) == pytest.approx(1 / math.sqrt(2), rel=0.01)


def test_resampling_agrees_with_scipy_below_the_filters_edge(stimulus_of):
    samples = noise(1.0, 44100)
    smooth = scipy.signal.sosfiltfilt(scipy.signal.butter(8, 6000, fs=44100, output="sos"), samples)
    audio = read_audio(stimulus_of(smooth, 44100).audio, 16000).numpy()
    expected = scipy.signal.resample_poly(smooth, 160, 441, window=("kaiser", 12.0))
    np.testing.assert_allclose(audio[800:-800], expected[800:-800], atol=0.02 * smooth.std())


def test_what_is_wrong_is_said(tmp_path, stimulus_of):
    with pytest.raises(UserError, match="no audio file at .*absent.wav"):
        read_audio(tmp_path / "absent.wav", 16000)
    with pytest.raises(UserError, match="no audio file"):
        audio_duration_s(tmp_path)
    (tmp_path / "notes.wav").write_text("these are words")
    with pytest.raises(UserError, match="notes.wav: cannot be read as audio"):
        read_audio(tmp_path / "notes.wav", 16000)
    empty = stimulus_of(np.zeros(0), name="empty").audio
    with pytest.raises(UserError, match="without a single sample"):
        audio_duration_s(empty)
    broken = noise(0.1)
    broken[[3, 7]] = np.nan, np.inf
    with pytest.raises(UserError, match="2 of 1600 samples are NaN or infinite"):
        read_audio(stimulus_of(broken, name="broken").audio, 16000)
    with pytest.raises(UserError, match="'text' has no audio"):
        read_stimulus(Stimulus("text", None), 16000)


@pytest.mark.parametrize(("start_s", "stop_s"), [(1.0, None), (0.5, 0.5), (0.6, 0.5), (-0.2, 0.5), (0.0, 1.2)])
def test_a_stretch_outside_the_file_is_an_error(stimulus_of, start_s, stop_s):
    path = stimulus_of(noise(1.0)).audio
    with pytest.raises(UserError, match="audio that lasts 1.000 s"):
        read_audio(path, 16000, start_s, stop_s)


@pytest.mark.parametrize(
    ("name", "channels"),
    [
        ("ljspeech10/LJ001-0002.wav", 1),
        ("jfk/jfk.flac", 2),
        ("librispeech3/198-209-0000.hq.ogg", 1),
        ("basque/euf_07973_00797482883.mp3", 1),
        ("commonvoice_nl25/common_voice_nl_35271725.mp3", 1),
    ],
)
def test_real_speech_in_every_format(real_data, name, channels):
    path = real_data / "speech_audio" / name
    if not path.is_file():
        pytest.skip(f"no {path}")
    assert soundfile.info(path).channels == channels
    audio = read_audio(path, 16000)
    assert audio_duration_s(path) == pytest.approx(len(audio) / 16000, abs=0.05)
    assert 0.005 < audio.std() < 0.5
    # Speech has most of its power below 4 kHz: the samples are in order and at the right rate.
    power = np.abs(np.fft.rfft(audio.numpy())) ** 2
    hz = np.fft.rfftfreq(len(audio), 1 / 16000)
    assert power[(hz > 80) & (hz < 4000)].sum() > 0.6 * power.sum()
    native = soundfile.info(path).samplerate
    samples, _ = soundfile.read(path, dtype="float32", always_2d=True)  # as many as there are, not as the header says
    np.testing.assert_allclose(read_audio(path, native).numpy(), samples.mean(1), atol=1e-7)
    whole, part = read_audio(path, native), read_audio(path, native, 0.5, 1.0)
    first, last = round(0.5 * native), round(native)
    np.testing.assert_allclose(part.numpy(), whole.numpy()[first:last], atol=1e-6)
