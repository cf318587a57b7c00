"""Envelopes: of modulated tones the modulation, whatever the blocks, at the right moment."""

import numpy as np
import pytest
import scipy.signal
from sounds import noise

from n2s.errors import UserError
from n2s.features import Envelope
from n2s.features import envelope as module
from n2s.features.envelope import erb_centres

T = np.arange(2 * 16000) / 16000
MODULATION = 1 + 0.8 * np.sin(2 * np.pi * 4 * T)


@pytest.mark.parametrize("kind", ["gammatone", "hilbert"])
def test_a_modulated_tone_has_its_modulation(stimulus_of, kind):
    frames = Envelope(kind, power=1.0).extract(stimulus_of(MODULATION * np.sin(2 * np.pi * 1000 * T)))
    assert frames.values.shape == (201, 1) and frames.rate_hz == 100 and frames.values.dtype == np.float32
    inside, expected = frames.values[20:-20, 0], MODULATION[::160][20:]
    expected = expected[: len(inside)]
    assert np.corrcoef(inside, expected)[0, 1] > 0.999  # without a delay
    if kind == "hilbert":
        np.testing.assert_allclose(inside, expected, rtol=0.02)


def test_gammatone_filters_are_those_of_scipy(stimulus_of):
    """The impulse response t^3 exp(-2 pi b t) of SciPy's filter, its delay taken out."""
    centre, audio = 1000.0, noise(1.0).astype(np.float64)
    found = Envelope(n_bands=1, fmin=centre, fmax=4000.0, power=1.0).extract(stimulus_of(audio)).values[:, 0]
    b, a = scipy.signal.gammatone(centre, "iir", fs=16000)
    amplitude = np.abs(scipy.signal.hilbert(scipy.signal.lfilter(b, a, audio)))
    delay = round(3 / (2 * np.pi * 1.019 * 24.7 * 5.37) * 16000)
    window = scipy.signal.get_window("hann", 320) / 160
    smooth = np.convolve(np.r_[amplitude[delay:], np.zeros(delay)], window, "same")[::160]
    assert np.corrcoef(found[5:-5], smooth[5 : len(found) - 5])[0, 1] > 0.995
    assert np.polyfit(smooth[5:90], found[5:90], 1)[0] == pytest.approx(1, abs=0.05)


def test_blocks_do_not_show(stimulus_of, monkeypatch):
    stimulus = stimulus_of(noise(3.0))
    for kind in ("gammatone", "hilbert"):
        whole = Envelope(kind).extract(stimulus).values
        monkeypatch.setattr(module, "BLOCK", 4000)
        np.testing.assert_allclose(Envelope(kind).extract(stimulus).values, whole, atol=2e-4 * whole.max())
        monkeypatch.undo()


def test_power_compresses_and_silence_is_nothing(stimulus_of):
    tone = np.sin(2 * np.pi * 800 * T)
    loud, soft = (Envelope().extract(stimulus_of(gain * tone)).values[50:150].mean() for gain in (1.0, 0.1))
    assert soft / loud == pytest.approx(0.1**0.6, rel=1e-3)
    assert Envelope().extract(stimulus_of(np.zeros(16000))).values.max() == 0


def test_stretches_are_on_the_clock_of_the_stimulus(stimulus_of):
    click = np.zeros(32000)
    click[16000] = 1.0
    for start_s in (0.0, 0.73):
        frames = Envelope().extract(stimulus_of(click), start_s, 1.6)
        assert frames.start_s + frames.values[:, 0].argmax() / 100 == pytest.approx(1.0, abs=0.011)


def test_centres_are_equally_far_on_the_erb_scale():
    centres = erb_centres(150, 4000, 15)
    assert centres[[0, -1]] == pytest.approx([150, 4000])
    assert np.ptp(np.diff(21.4 * np.log10(4.37e-3 * centres + 1))) < 1e-9


@pytest.mark.parametrize(
    "wrong", [{"kind": "power"}, {"n_bands": 0}, {"rate_hz": 99}, {"fmin": 5000.0}, {"fmax": 9000.0}, {"power": 0.0}]
)
def test_settings_that_are_none_are_refused(wrong):
    with pytest.raises(UserError, match="Envelope: .*expected"):
        Envelope(**wrong)


def test_a_sound_without_a_frame_is_refused(stimulus_of):
    with pytest.raises(UserError, match="too short for an envelope"):
        Envelope().extract(stimulus_of(np.ones(200)))
