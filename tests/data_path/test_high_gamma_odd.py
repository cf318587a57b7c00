"""Recordings of which `HighGamma` would make numbers that look right, and are not high-gamma activity: they are told."""

import re

import mne
import numpy as np
import pytest
from contacts import contacts_raw
from scipy import signal as dsp

from n2s.data import Bipolar, HighGamma
from n2s.data.places import contact_places
from n2s.errors import UserError
from n2s.findings import kept

NOISE = 10 * np.random.default_rng(0).normal(size=(3000, 7))


def told(data, band=(0.0, 250.0)):
    raw = contacts_raw(data, 500.0)
    with raw.info._unlock():
        raw.info["highpass"], raw.info["lowpass"] = band
    with kept() as found:
        HighGamma()(raw, "x", [])
    return [one.text for one in found if one.kind == "odd"]


@pytest.mark.parametrize(
    ("band", "text"),
    [
        ((0.0, 100.0), "already low-passed at 100 Hz, below the 170 Hz"),
        ((80.0, 250.0), "already high-passed at 80 Hz, above the 70 Hz"),
        ((0.1, 60.0), "holds 0.1 to 60 Hz .* nothing of that is left"),
    ],
)
def test_a_file_without_the_band(band, text):
    (one,) = told(NOISE, band)
    assert re.search(text, one)


def test_an_envelope_has_no_high_gamma_activity():
    (one,) = told(np.abs(NOISE))
    assert "ever below 0: this is an envelope" in one
    assert told(NOISE, (0.5, 200.0)) == []


@pytest.mark.parametrize(
    ("cut_hz", "order", "alarm"), [(None, 0, False), (60, 4, True), (70, 4, True), (170, 4, False)]
)
def test_a_recording_that_was_low_passed_without_saying_so(cut_hz, order, alarm):
    """Activity falls as that of the brain: with the third power of the frequency."""
    hz = np.fft.rfftfreq(15_000, 1 / 500)
    spectrum = (
        np.fft.rfft(np.random.default_rng(1).normal(size=(15_000, 7)), axis=0) * (np.maximum(hz, 1) ** -1.5)[:, None]
    )
    data = 500 * np.fft.irfft(spectrum, axis=0)
    if cut_hz:
        data = dsp.sosfilt(dsp.butter(order, cut_hz, output="sos", fs=500), data, axis=0)
    found = told(data)
    assert len(found) == alarm and all("lies below 95 Hz: the recording was low-passed before" in one for one in found)


def test_a_pair_of_which_one_contact_has_no_place_has_none():
    raw = contacts_raw(NOISE, 500.0)
    raw.info["chs"][1]["loc"][:3] = 0  # as electrodes.tsv may write n/a
    places = contact_places(Bipolar()(raw.info, "x").info)
    assert np.isnan(places[:2]).all() and np.isfinite(places[2:]).all()


def test_numbers_without_names_of_shafts_are_no_neighbours():
    """``ch10`` and ``ch11`` may be on two shafts: no shaft has 24 contacts. Places tell."""
    info = mne.create_info([f"ch{at}" for at in range(1, 25)], 500.0, "seeg")
    with pytest.raises(UserError, match="more than 20 with one name .ch1, ch2.* have no places.*on another shaft"):
        Bipolar()(info, "x")
    for at, channel in enumerate(info["chs"]):  # three shafts of eight
        channel["loc"][:3] = [0.03 + 0.0035 * (at % 8), 0.02 * (at // 8), 0.01]
    names = Bipolar()(info, "x").info["ch_names"]
    assert len(names) == 21 and not {"ch8-ch9", "ch16-ch17"} & set(names)
