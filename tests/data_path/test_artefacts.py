"""Huge artefacts in bad spans: filters carry them out, and no window may see that; what is ordinary changes no window."""

import mne
import numpy as np
import pytest
from contacts import contacts_raw

from n2s.data import HighGamma, Preprocessing
from n2s.data.artefacts import Artefact
from n2s.findings import kept

SFREQ, SPAN = 500.0, [12.0, 1.0]
PREPARATIONS = {
    "high-gamma": HighGamma(),
    "notch": Preprocessing(sfreq=125.0, highpass_hz=0.5, notch_hz=[50.0], picks=["seeg"]),
    "reference": Preprocessing(sfreq=100.0, lowpass_hz=40.0, picks=["seeg"], average_reference=True),
}


@pytest.fixture(scope="module")
def signal():
    rng = np.random.default_rng(0)
    slow = rng.normal(size=(12_000, 7)).cumsum(0)
    return slow - slow.mean(0) + 5 * rng.normal(size=slow.shape)


def planted(signal, size, columns=slice(None), span=SPAN):
    """White noise in a span: ``size`` uV."""
    found, inside = signal.copy(), slice(*(int(one * SFREQ) for one in (span[0], sum(span))))
    found[inside, columns] += size * np.random.default_rng(1).normal(size=found[inside, columns].shape)
    return found


def prepared(preparation, data, spans=(SPAN,), bads=(), marks=()):
    raw, found = contacts_raw(data, SFREQ), [list(one) for one in spans]
    raw.info["bads"] = list(bads)
    for mark in marks:
        raw.set_annotations(mne.Annotations([mark], [0.0], ["EDGE boundary"]))
    with kept() as told:
        values, rate, _ = preparation(raw, "x", found)
    return values, rate, found, [one.text for one in told if "hold artefacts" in one.text]


def errors(preparation, data, truth, **options):
    """Largest change of rows outside the given span, and outside all, in deviations; the widest of all spans but edges."""
    values, rate, spans, told = prepared(preparation, data, **options)
    clean = prepared(preparation, truth, **options)[0]
    away = np.abs(values - clean).max(1) / (1.4826 * np.median(np.abs(clean - np.median(clean, 0)), 0)).mean()
    at = np.arange(len(away)) / rate

    def most(some):
        return away[~np.any([(at >= a - 1e-9) & (at <= a + b + 1e-9) for a, b in some], 0)].max()

    inner = [(a, a + b) for a, b in spans if a <= 12 and a + b >= 13]
    return most([SPAN]), most(spans), (min(a for a, _ in inner), max(b for _, b in inner)), told


@pytest.mark.parametrize(("name", "wide_s"), [("high-gamma", 2.0), ("notch", 3.7), ("reference", 0.2)])
def test_no_window_sees_what_filters_carry_out_of_a_span(signal, name, wide_s):
    before, after, (start, stop), told = errors(PREPARATIONS[name], planted(signal, 1e4), signal)
    assert before > 30 and after < 2 and len(told) == 1
    assert 12 - wide_s < start < 12 and 13 < stop < 13 + wide_s


def test_one_channel_is_enough_and_a_bad_one_is_none(signal):
    data = planted(signal, 1e4, columns=2)
    before, after, (start, _), told = errors(PREPARATIONS["high-gamma"], data, signal)
    assert before > 100 and after < 2 and start < 11.9 and told
    _, _, spans, told = prepared(PREPARATIONS["notch"], data, bads=["LA3"])
    assert spans == [SPAN] and not told


@pytest.mark.parametrize("name", ["notch", "reference"])
@pytest.mark.parametrize("kind", ["nothing", "blink", "drift"])
def test_ordinary_spans_stay_as_they_are(signal, name, kind):
    data = signal.copy()
    shapes = {"nothing": np.zeros(500), "blink": 150 * np.hanning(500), "drift": np.linspace(0, 80, 500)}
    data[6000:6500] += np.outer(shapes[kind], np.linspace(0.5, 1, 7))
    assert prepared(PREPARATIONS[name], data)[2] == [SPAN]


def test_rows_of_high_gamma_that_lie_partly_in_a_span_are_left_out(signal):
    """The mean over 50 ms around a row holds up to 25 ms of the span."""
    _, _, spans, told = prepared(HighGamma(line_hz=0), signal)
    assert spans[:2] == [SPAN, [pytest.approx(11.975), pytest.approx(1.05)]] and not told
    assert prepared(HighGamma(line_hz=0), signal, spans=[[0.01, 1.0], [5.0, 0.0]])[2][2] == [0.0, pytest.approx(1.035)]


def test_spans_at_ends_and_seams(signal):
    """One is all of a stretch, one begins with the recording, and a seam stops what filters carry."""
    first, low = [0.0, 1.0], Preprocessing(sfreq=100.0, lowpass_hz=10.0, picks=["seeg"])
    _, _, spans, told = prepared(low, planted(signal, 1e4, span=first), spans=[first])
    assert spans[1][0] == 0 and 1 < sum(spans[1]) < 1.5 and told
    both = planted(signal, 1e4, span=[0.0, 12.0])
    assert prepared(low, both, spans=[[0.0, 12.0]], marks=[12.0])[2] == [[0.0, 12.0]]
    whole = [[0.0, 24.0]]
    assert prepared(low, signal, spans=whole)[2] == whole


def test_long_spans_are_looked_at_near_their_ends():
    source = np.random.default_rng(0).normal(size=(2, 1000)) + [[5], [-3]]
    one = Artefact((200, 800), (100, 1000), lambda first, last: source[:, first:last])
    assert one.around(50) == [(150, 250), (750, 850)] and one.around(300) == [(100, 1000)]
    whole = one.read(0, 1000)
    assert not whole[:, :200].any() and not whole[:, 800:].any()
    line = np.stack([np.interp(np.arange(200, 800), [199, 800], row[[199, 800]]) for row in source])
    np.testing.assert_allclose(whole[:, 200:800], source[:, 200:800] - line)
    np.testing.assert_allclose(one.read(750, 850), whole[:, 750:850])
