"""Which volumes are the response to a clip: against exact fractions, however the TR and the clips' times are rounded."""

from fractions import Fraction
from math import ceil

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from n2s.data.responses import VolumeWindow
from n2s.findings import kept
from tests.fuzz.mangled import fuzz

#: As scanners have them: thirds, multiband, the float32 of poldracklab/fitlins#25.
EXACT = [Fraction(13, 10), Fraction(4, 3), Fraction(18, 25), Fraction(149, 100), Fraction(2), Fraction(8, 10), Fraction(1),
         Fraction(37, 16), Fraction(13, 7), Fraction(1, 5)]  # fmt: skip


def clips(time_s, duration_s):
    return pd.DataFrame({"time_s": time_s, "duration_s": duration_s}, dtype=float)


@fuzz(share=5)
@given(st.data())
def test_a_clip_at_k_tr_begins_with_volume_k_plus_lag(data):
    """Times with 2, 3 or 6 decimals or none cut, a TR that went through float32, a lag and a length of whole TRs."""
    tr = data.draw(st.sampled_from(EXACT) | st.fractions(Fraction(1, 5), Fraction(10), max_denominator=1000))
    decimals = data.draw(st.sampled_from((2, 3, 6, 15)))
    lag, length = data.draw(st.integers(0, 6)), data.draw(st.integers(1, 5))
    k = np.array(sorted(data.draw(st.sets(st.integers(0, 1500), min_size=1, max_size=20))))
    tr_s = float(tr)
    if data.draw(st.booleans()):
        tr_s = float(np.float32(tr_s))
    table = clips([round(float(i * tr), decimals) for i in k], round(float(length * tr), decimals))
    window = VolumeWindow(lag_s=float(lag * tr), window_s=data.draw(st.sampled_from((None, float(length * tr)))))
    bounds, inside = window.bounds(table, 2000, tr_s, "here")
    assert np.array_equal(bounds, np.stack([k + lag, k + lag + length], 1)) and inside.all()


@fuzz(share=5)
@given(st.data())
def test_clips_between_volumes(data):
    """Clips that begin and end well inside a TR: the volumes that start in the window, by exact arithmetic."""
    tr = data.draw(st.sampled_from([one for one in EXACT if one > Fraction(1, 2)]))
    part = st.fractions(Fraction(1, 20), Fraction(19, 20), max_denominator=40)
    start, length = data.draw(st.integers(0, 800)) + data.draw(part), data.draw(st.integers(1, 4)) + data.draw(part)
    lag = data.draw(st.sampled_from((0, 2, 5)))
    end = start + lag + length
    if min(end % 1, 1 - end % 1) < Fraction(1, 20):
        length += Fraction(1, 10)
        end = start + lag + length
    if min(end % 1, 1 - end % 1) < Fraction(1, 20):
        return
    table = clips([round(float(start * tr), 3)], round(float(length * tr), 3))
    bounds, _ = VolumeWindow(lag_s=float(lag * tr)).bounds(table, 900, float(tr), "here")
    assert bounds.tolist() == [[ceil(start + lag), ceil(end)]]


@pytest.mark.parametrize(
    ("late_s", "first"), [(0.0, 10), (0.0005, 10), (0.01, 10), (0.05, 11), (0.5, 11), (-0.0005, 10)]
)
def test_only_rounding_is_forgiven(late_s, first):
    bounds, _ = VolumeWindow(lag_s=2.6).bounds(clips([8 * 1.3 + late_s], 1.3), 100, 1.3, "here")
    assert bounds.tolist() == [[first, first + 1]]


def test_a_fast_tr_keeps_its_volumes_apart():
    """Half a TR of 50 ms is 25 ms: rounding forgives less than a tenth of it."""
    bounds, _ = VolumeWindow(lag_s=0.0).bounds(clips([0.1, 0.105, 0.101], 0.05), 100, 0.05, "here")
    assert bounds.tolist() == [[2, 3], [3, 4], [2, 3]]


@pytest.mark.parametrize(("tr", "length"), [(0.72, 3), (4 / 3, 2), (1.49, 1), (2.2, 2)])
def test_volume_times_with_one_decimal_are_those_of_the_volumes(tr, length):
    """50 ms off: more than is forgiven for one clip, but no chance in so many."""
    k = np.arange(5, 300, 4)
    table = clips((k * tr).round(1), round(length * tr, 1))
    with kept() as findings:
        bounds, _ = VolumeWindow(lag_s=4 * tr).bounds(table, 400, tr, "here")
    assert np.array_equal(bounds, np.stack([k + 4, k + 4 + length], 1))
    assert [one.kind for one in findings] == ["corrected"] * int(np.abs(k * tr - table.time_s).max() > 1e-3)
    moved = table.assign(time_s=(table.time_s + 0.3).round(1))  # not where volumes start: taken as they are
    with kept() as findings:
        bounds, _ = VolumeWindow(lag_s=0.0).bounds(moved, 400, tr, "here")
    assert np.array_equal(bounds[:, 0], k + 1) and not findings


def test_windows_of_n_tr_hold_n_volumes_wherever_they_begin():
    """So that they can be stacked: times that no TR divides."""
    time_s = np.random.default_rng(0).uniform(0, 900, 5000).round(3)
    bounds, _ = VolumeWindow(lag_s=4.0, window_s=4.32).bounds(clips(time_s, 4.32), 2000, 0.72, "here")
    assert set(np.diff(bounds)[:, 0]) == {6}
