"""High-gamma: against the extraction as it is published, written out with SciPy, and against what is known of sines."""

import numpy as np
import pytest
from scipy import fftpack
from scipy import signal as dsp

from n2s.data import high_gamma
from n2s.data.high_gamma import envelope, filters_of, support_s
from n2s.errors import UserError


def as_published(signal, sfreq, band_hz, stops_hz, window_s, hop_s):
    """Verwoert 2022 step by step, one window after the other."""
    x = dsp.detrend(signal, axis=0)
    for (low, high), kind in ((band_hz, "bandpass"), *(((hz - 2, hz + 2), "bandstop") for hz in stops_hz)):
        edges = [low / (sfreq / 2), high / (sfreq / 2)]
        x = dsp.sosfiltfilt(dsp.butter(4, edges, btype=kind, output="sos"), x, axis=0)
    size = np.abs(dsp.hilbert(x, fftpack.next_fast_len(len(x)), axis=0))[: len(x)]
    frames = []
    for i in range(int(np.floor((len(x) - window_s * sfreq) / (hop_s * sfreq)))):
        start = int(np.floor(i * hop_s * sfreq))
        frames.append(size[start : int(np.floor(start + window_s * sfreq))].mean(0))
    return np.array(frames)


@pytest.mark.parametrize(
    ("n", "sfreq", "options", "stops_hz"),
    [
        (10240, 1024, {}, (100, 150)),
        (10247, 1024, {}, (100, 150)),  # the Hilbert transform is padded
        (8191, 2048, {"line_hz": 60.0}, (120,)),
        (5000, 1000, {"line_hz": None}, ()),
        (4001, 512, {"band_hz": (70, 200), "line_hz": 60}, (120, 180)),
        (4001, 500, {"window_s": 0.029, "hop_s": 0.0125}, (100, 150)),  # neither is a whole number of samples
        (3000, 2000.5, {"window_s": 0.02, "hop_s": 0.05}, (100, 150)),  # gaps between windows
    ],
)
def test_equal_to_the_published_extraction(n, sfreq, options, stops_hz):
    signal = np.random.default_rng(n).normal(size=(n, 3)).cumsum(0) * 20 + 1e4
    asked = {"band_hz": (70, 170), "window_s": 0.05, "hop_s": 0.01} | options
    wanted = as_published(signal, sfreq, asked["band_hz"], stops_hz, asked["window_s"], asked["hop_s"])
    found = high_gamma(signal, sfreq, **options)
    assert found.dtype == np.float64 and found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=1e-9)


def test_many_channels_are_those_alone():
    signal = np.random.default_rng(0).normal(size=(70_000, 20))  # more than a block
    found = high_gamma(signal, 1000)
    np.testing.assert_allclose(found[:, [17]], high_gamma(signal[:, [17]], 1000), rtol=1e-12)
    np.testing.assert_allclose(
        high_gamma(signal.astype(np.float32), 1000), high_gamma(signal.astype(np.float32).astype(float), 1000)
    )


def test_a_sine_inside_the_band_has_its_amplitude_and_the_line_none():
    time = np.arange(8 * 1024) / 1024
    signal = np.stack([3 * np.sin(2 * np.pi * hz * time) for hz in (20, 80, 100, 125, 150, 300)], 1)
    middle = high_gamma(signal, 1024)[200:-200]
    np.testing.assert_allclose(middle[:, 3], 3, rtol=1e-3)
    assert middle[:, 1].mean() > 2.5
    assert (middle[:, [0, 2, 4, 5]] < 0.03).all()


def test_integers_are_numbers_and_a_trend_is_none():
    signal = np.random.default_rng(1).integers(-1000, 1000, (4096, 2)).astype(np.int16)
    plain = high_gamma(signal, 1024)
    line = signal + np.linspace(-1e6, 3e6, 4096)[:, None]
    np.testing.assert_allclose(high_gamma(line, 1024), plain, rtol=1e-6)


@pytest.mark.parametrize("line_hz", [None, 50.0, 60.0])
def test_support_holds_the_response_to_an_impulse(line_hz):
    sfreq = 1000
    impulse = np.zeros((1, 16 * sfreq + 1))
    impulse[0, 8 * sfreq] = 1
    energy = envelope(impulse, filters_of(sfreq, (70, 170), line_hz))[0] ** 2
    reach = round(support_s(sfreq, (70, 170), line_hz) * sfreq) // 2
    inside = energy[8 * sfreq - reach : 8 * sfreq + reach + 1].sum() / energy.sum()
    narrower = energy[8 * sfreq - reach + 2 : 8 * sfreq + reach - 1].sum() / energy.sum()
    assert narrower < 1 - 1e-4 <= inside + 1e-6


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"sfreq": 256}, "above 340 Hz.*has 256 Hz.*below 128"),
        ({"sfreq": 340}, "above 340 Hz"),
        ({"band_hz": (170, 70)}, "the lower one first"),
        ({"line_hz": 0}, "line_hz is 0; expected a number above 4, or null"),
        ({"sfreq": 403, "band_hz": (70, 201), "line_hz": 100}, "200 Hz, a multiple.*cannot be stopped"),
        ({"window_s": 0.0001}, "window_s is 0.0001; expected at least one sample"),
        ({"hop_s": float("nan")}, "hop_s is nan"),
        ({"signal": np.zeros(2000)}, r"shape \(2000,\); expected real numbers, samples by channels"),
        ({"signal": np.zeros((20, 2))}, "20 samples.*not epochs"),
        ({"signal": np.full((2000, 2), [0, np.nan])}, r"1 of 2 channels.*columns 1\)"),
    ],
)
def test_bad_input(change, told):
    given = {"signal": np.random.default_rng(0).normal(size=(2000, 2)), "sfreq": 1000} | change
    with pytest.raises(UserError, match=told):
        high_gamma(**given)
