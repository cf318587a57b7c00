"""Band edges and rates: against each other, against the recording, against what the file says was filtered before."""

import mne
import numpy as np
import pytest
from builders import simulated_raw

from n2s.data import Preprocessing
from n2s.errors import UserError
from n2s.findings import kept


def told(raw, **options) -> dict[str, str]:
    """What is told of a recording, by its kind."""
    with kept() as found:
        data, sfreq, _ = Preprocessing(**{"sfreq": 50.0, "picks": ["meg"]} | options)(raw, "here")
    assert np.isfinite(data).all() and abs(sfreq - options.get("sfreq", 50.0)) < 0.05
    return {one.kind: one.text for one in found}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"highpass_hz": 20.0, "lowpass_hz": 1.0}, "highpass_hz 20 is not below lowpass_hz 1.*Exchange"),
        ({"highpass_hz": 5.0, "lowpass_hz": 5.0}, "is not below"),
        ({"highpass_hz": 30.0}, "highpass_hz 30 must be below half of sfreq 50"),
        ({"lowpass_hz": 25.0}, "lowpass_hz 25 must be below half of sfreq 50"),
        ({"highpass_hz": -1.0}, "highpass_hz is -1; expected a number from 0 on, or null for no filter"),
        ({"highpass_hz": float("nan")}, "highpass_hz is nan"),
        ({"lowpass_hz": 0.0}, "lowpass_hz is 0;.*null for no filter"),
        ({"lowpass_hz": float("inf")}, "lowpass_hz is inf"),
        ({"sfreq": 0.0}, "sfreq is 0;"),
        ({"sfreq": float("nan")}, "sfreq is nan"),
        ({"sfreq": -50.0}, "sfreq is -50;"),
        ({"notch_hz": [0.5]}, r"notch_hz\[0\] is 0.5"),
        ({"notch_hz": [1.0]}, r"notch_hz\[0\] is 1; expected a number above 1"),
        ({"notch_hz": [50.0, -100.0]}, r"notch_hz\[1\] is -100"),
        ({"notch_hz": [50.0, 50.0]}, "a frequency twice"),
        ({"average_reference": True}, "average_reference is for electrodes"),
    ],
)  # fmt: skip
def test_settings_that_contradict_each_other_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        Preprocessing(**{"sfreq": 50.0, "picks": ["meg"]} | options)


def test_a_high_pass_of_0_is_none():
    raw = simulated_raw()
    found = [Preprocessing(sfreq=50.0, highpass_hz=hz)(raw, "here")[0] for hz in (0.0, None)]
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("name", ["highpass_hz", "lowpass_hz"])
def test_an_edge_above_half_of_the_recordings_rate_is_refused(name):
    with pytest.raises(UserError, match=rf"here: preprocessing.{name} is 60, but the recording has 100 Hz"):
        Preprocessing(sfreq=200.0, **{name: 60.0})(simulated_raw(), "here")


def test_a_rate_that_cannot_be_made_is_refused():
    with pytest.raises(UserError, match="sfreq is 0.01 Hz and the recording has 100 Hz"):
        Preprocessing(sfreq=0.01)(simulated_raw(), "here")


def test_upsampling_is_told_with_both_rates():
    assert "120 Hz, more than the recording's 100 Hz" in told(simulated_raw(), sfreq=120.0)["odd"]
    assert told(simulated_raw(), sfreq=100.0) == {}
    with pytest.raises(UserError, match="sfreq is 1e.09 Hz and the recording has 100 Hz: upsampling by more than 10"):
        told(simulated_raw(), sfreq=1e9)


def test_a_notch_that_the_recording_cannot_hold_is_left_out_and_the_others_work():
    raw = simulated_raw(4, sfreq=220.0, duration_s=30.0)
    raw._data += 1e-12 * np.sin(2 * np.pi * 50 * raw.times)
    found = told(raw, sfreq=110.0, notch_hz=[50.0, 109.5, 150.0])
    assert "notch_hz 109.5, 150" in found["left out"] and "220 Hz" in found["left out"]
    data = Preprocessing(sfreq=110.0, notch_hz=[50.0, 150.0])(raw, "here")[0][440:-440]  # no mirrored ends
    spectrum, hz = np.abs(np.fft.rfft(data[:, 0])), np.fft.rfftfreq(len(data), 1 / 110)
    left = spectrum[abs(hz - 50) < 0.05].max()
    assert left < 0.01 * 500 * len(data)  # fT: half of the amplitude, a sample


@pytest.mark.parametrize(("line_hz", "notches", "odd"), [(60, [50.0, 100.0], True), (50, [50.0], False), (60, [120.0], False), (None, [50.0], False)])  # fmt: skip
def test_a_notch_beside_the_power_line_is_told(line_hz, notches, odd):
    raw = simulated_raw(sfreq=400.0)
    raw.info["line_freq"] = line_hz
    found = told(raw, sfreq=200.0, notch_hz=notches)
    assert ("60 Hz (PowerLineFrequency)" in found.get("odd", "")) == odd


@pytest.mark.parametrize(
    ("before", "asked", "text"),
    [
        ((0.0, 20.0), {"lowpass_hz": 24.0}, "already low-passed at 20 Hz"),
        ((1.0, 50.0), {"highpass_hz": 0.5}, "already high-passed at 1 Hz"),
        ((0.0, 8.0), {"highpass_hz": 10.0}, "nothing of that is left"),
        ((0.5, 40.0), {"highpass_hz": 0.5, "lowpass_hz": 20.0}, None),
        ((0.1, 40.0), {}, None),
    ],
)
def test_filters_of_the_file_that_are_narrower_are_told(before, asked, text):
    raw = simulated_raw(duration_s=60.0)
    with raw.info._unlock():
        raw.info["highpass"], raw.info["lowpass"] = before
    found = told(raw, **asked)
    assert found == {} if text is None else text in found["odd"]


def test_a_filter_longer_than_the_recording_is_told():
    assert (
        "highpass_hz 0.1: the filter is 33 s long, longer than the recording, which has 20 s"
        in told(simulated_raw(duration_s=20.0), highpass_hz=0.1)["odd"]
    )
    raw = simulated_raw(duration_s=80.0)
    raw.set_annotations(mne.Annotations([10.0], [5.0], ["BAD_ACQ_SKIP"]))
    assert (
        "longer than 1 of 2 stretches between interruptions (the shortest has 10 s)"
        in told(raw, highpass_hz=0.1)["odd"]
    )


def test_a_reference_of_one_channel_is_refused():
    raw = simulated_raw(8, kind="eeg")
    raw.info["bads"] = raw.ch_names[1:]
    with pytest.raises(UserError, match="two good channels or more of a type, and the recording has 1 of type eeg"):
        Preprocessing(sfreq=50.0, picks=["eeg"], average_reference=True)(raw, "here")
