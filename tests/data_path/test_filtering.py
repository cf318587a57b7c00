"""One pass over blocks gives what MNE's filters and scipy's polyphase resampling give on the whole recording."""

from fractions import Fraction

import mne
import numpy as np
import pytest
from scipy.signal import resample_poly

from n2s.data.filtering import Resampler
from n2s.data.preprocessing import Preprocessing
from tests.builders import helmet_raw


def filtered(x, kernels, up, down, edges=None):
    """(c, n) filtered stretch by stretch."""
    out = np.zeros((len(x), -(-x.shape[1] * up // down)))
    for start, stop in edges or [(0, x.shape[1])]:

        def read(low, high, start=start, stop=stop):
            assert start <= low < high <= stop
            return x[:, low:high]

        for first, values in Resampler(kernels, up, down)(read, start, stop):
            out[:, first : first + values.shape[1]] = values
    return out


@pytest.mark.parametrize(
    ("sfreq", "new", "band"),
    [
        (1000, 120, (1, 40)),  # 3 / 25
        (1000, 50, (1, None)),  # nothing but the change of rate stops what lies above the new Nyquist rate
        (1200, 120, (None, None)),
        (512, 120, (0.5, None)),
        (250, 250, (1, 40)),
    ],
)
def test_equals_mne_and_scipy(sfreq, new, band):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((3, 60 * sfreq)) + 0.1 * rng.standard_normal((3, 60 * sfreq)).cumsum(1) + 50
    ratio = Fraction(new, sfreq)
    kernels = [mne.filter.create_filter(None, sfreq, *band, verbose="error")] if any(band) else []
    expected = mne.filter.filter_data(x, sfreq, *band, verbose="error") if kernels else x
    if new != sfreq:
        expected = resample_poly(expected, ratio.numerator, ratio.denominator, axis=1)
    found = filtered(x, kernels, ratio.numerator, ratio.denominator)
    assert found.shape == expected.shape
    inside = slice(2 * new, -2 * new) if new != sfreq else slice(None)  # scipy takes what lies outside for 0
    assert np.abs(found - expected)[:, inside].max() < 1e-3 * expected[:, inside].std()


def test_a_constant_stays_constant_to_its_ends():
    found = filtered(
        np.full((1, 30_000), 7.0), [mne.filter.create_filter(None, 1000.0, None, 40.0, verbose="error")], 3, 25
    )
    np.testing.assert_allclose(found, 7.0, rtol=1e-3)


def test_stretches_know_nothing_of_each_other():
    rng = np.random.default_rng(1)
    x = rng.standard_normal((2, 40_000))
    kernels = [mne.filter.create_filter(None, 1000.0, 1.0, 40.0, verbose="error")]
    edges = [(0, 15_001), (20_003, 40_000)]
    before = filtered(x, kernels, 3, 25, edges)
    x[:, :15_001] *= 1e6
    x[:, 15_001:20_003] = np.nan
    after = filtered(x, kernels, 3, 25, edges)
    first = -(-20_003 * 3 // 25)
    np.testing.assert_array_equal(after[:, first:], before[:, first:])
    assert (after[:, -(-15_001 * 3 // 25) : first] == 0).all()


def test_a_recording_in_blocks_is_the_whole_recording_and_gaps_split_it():
    """Through `Preprocessing`, against MNE on the loaded recording, whose filters stop at a gap as well."""
    raw = helmet_raw(6, sfreq=600.0, duration_s=120.0)
    raw.set_annotations(mne.Annotations([40.0], [5.0], ["BAD_ACQ_SKIP"]))
    expected = raw.copy().filter(1.0, 30.0, verbose="error").get_data()
    scale = np.where(np.array(raw.get_channel_types()) == "mag", 1e15, 1e13)
    data, sfreq, _ = Preprocessing(sfreq=600.0, highpass_hz=1.0, lowpass_hz=30.0)(raw, "here")
    assert sfreq == 600.0 and data.dtype == np.float32
    kept = np.r_[0 : 40 * 600, 45 * 600 : 120 * 600]
    error = np.abs(data - (expected.T * scale))[kept]
    assert error.max() < 1e-4 * data.std()
    assert (data[40 * 600 : 45 * 600] == 0).all()


def test_average_reference_is_that_of_mne():
    from tests.builders import simulated_raw

    raw = simulated_raw(16, kind="eeg", sfreq=200.0, duration_s=30.0)
    raw.info["bads"] = [raw.ch_names[3]]
    expected = raw.copy().set_eeg_reference("average", verbose="error").get_data(picks="eeg") * 1e6
    data, _, info = Preprocessing(sfreq=200.0, picks=["eeg"], average_reference=True)(raw, "here")
    good = [name not in info["bads"] for name in info["ch_names"]]
    np.testing.assert_allclose(data[:, good], expected[good].T, atol=1e-4)
