"""Recordings of which `HighGamma` would make numbers that look right, and are not high-gamma activity: they are told."""

import re

import numpy as np
import pytest
from contacts import contacts_raw

from n2s.data import HighGamma
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
