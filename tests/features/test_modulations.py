import numpy as np
import pytest
from sounds import noise

from n2s.errors import UserError
from n2s.features import FeatureStore, Modulations


def ripple(rate_hz: float, scale: float, seconds: float = 3.0, seed: int = 0) -> np.ndarray:
    """A moving ripple: tones of random phase whose levels drift; it rises where the rate is positive (Kowalski 1996)."""
    random, t = np.random.default_rng(seed), np.arange(round(seconds * 16000)) / 16000
    octaves = np.linspace(0, 5.25, 220)
    sound = sum(
        10 ** (0.4 * np.sin(2 * np.pi * (rate_hz * t - scale * x)))
        * np.sin(2 * np.pi * 180 * 2**x * t + random.uniform(0, 2 * np.pi))
        for x in octaves
    )
    return (0.05 * sound / sound.std()).astype(np.float32)


@pytest.mark.parametrize(("rate", "scale"), [(4, 0.5), (-4, 0.5), (8, 1), (-2, 1), (2, 0.25)])
def test_a_ripple_is_found_at_its_rate_scale_and_direction(stimulus_of, rate, scale):
    feature = Modulations()
    frames = feature.extract(stimulus_of(ripple(rate, scale)))
    assert frames.values.shape == (301, 65) and (frames.rate_hz, frames.start_s) == (100.0, 0.0)
    strongest = feature.names[frames.values[60:-60].mean(0).argmax()]
    assert strongest == f"{'rising' if rate > 0 else 'falling'} {abs(rate)} Hz {scale:g} cyc/oct"


def test_a_throb_is_found_at_its_rate_and_has_no_direction(stimulus_of):
    t = np.arange(48000) / 16000
    audio = noise(3.0) * (1.05 + np.sin(2 * np.pi * 8 * t)).astype(np.float32)
    feature = Modulations()
    values = feature.extract(stimulus_of(audio)).values[50:-50].mean(0)
    assert feature.names[values[:5].argmax()] == "8 Hz 0 cyc/oct"  # noise itself is rough at high rates and scales
    slow = dict(zip(feature.names, values, strict=True))
    assert abs(np.log2(slow["rising 8 Hz 1 cyc/oct"] / slow["falling 8 Hz 1 cyc/oct"])) < 0.3
    both = Modulations((8,), (0, 1), directions=False).extract(stimulus_of(audio)).values[50:-50]
    apart = Modulations((8,), (0, 1)).extract(stimulus_of(audio)).values[50:-50]
    assert both.shape[1] == 2 and apart.shape[1] == 3
    np.testing.assert_allclose(both[:, 0], apart[:, 0], rtol=1e-4)
    np.testing.assert_allclose(both[:, 1], np.sqrt((apart[:, 1:] ** 2).mean(1)), rtol=1e-4)


def test_bands_are_where_the_sound_is(stimulus_of):
    t = np.arange(32000) / 16000
    high = np.fft.irfft(np.fft.rfft(noise(2.0)) * (np.fft.rfftfreq(32000, 1 / 16000) > 2500)).astype(np.float32)
    feature = Modulations((8,), (0.5,), directions=False, n_bands=4)
    values = (
        feature.extract(stimulus_of(high * (1 + np.sin(2 * np.pi * 8 * t)).astype(np.float32))).values[50:-50].mean(0)
    )
    assert feature.names[3] == "band 4 8 Hz 0.5 cyc/oct" and values.argmax() == 3 and values[0] < 0.2 * values[3]


def test_blocks_do_not_show(stimulus_of, monkeypatch):
    stimulus, feature = stimulus_of(noise(4.0)), Modulations((2, 16), (1,))
    whole = feature.extract(stimulus).values
    monkeypatch.setattr("n2s.features.modulations._BLOCK", 130)
    np.testing.assert_allclose(feature.extract(stimulus).values, whole, atol=2e-3 * whole.max())


def test_nothing_is_heard_across_a_border_and_silence_has_none(tmp_path, stimulus_of):
    audio = noise(3.0)
    other = np.concatenate([audio[:24000], 3 * noise(1.5, seed=4)])
    ours, theirs = (
        FeatureStore(Modulations(), tmp_path).frames(stimulus_of(x, name=n), cuts_s=[1.5])
        for x, n in ((audio, "a"), (other, "b"))
    )
    np.testing.assert_array_equal(ours[0].values, theirs[0].values)
    assert np.abs(ours[1].values - theirs[1].values).max() > 0.01
    silent = Modulations().extract(stimulus_of(np.zeros(16000, np.float32), name="silent"))
    assert np.abs(silent.values).max() < 1e-4


def test_what_is_wrong_is_said(stimulus_of):
    for wrong in ({"rates_hz": ()}, {"rates_hz": (60,)}, {"scales": (0.1,)}, {"n_bands": 0}):
        with pytest.raises(UserError, match="expected"):
            Modulations(**wrong)
    with pytest.raises(UserError, match="too short for modulations"):
        Modulations().extract(stimulus_of(noise(0.05)))
    assert (
        len(Modulations(n_bands=3).names)
        == Modulations(n_bands=3).n_features
        == len(set(Modulations(n_bands=3).names))
        == 195
    )
