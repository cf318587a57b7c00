"""Sensors: mangled channels, places, units and settings are refused by name, or give finite numbers of a sane scale."""

import mne
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mangled import answer, fuzz

from n2s.data import Preprocessing
from n2s.data.positions import sensor_positions
from n2s.data.preprocessing import SSS, RemoveICA
from n2s.data.scaler import fit_scaler
from n2s.findings import kept

MONTAGE = mne.channels.make_standard_montage("biosemi64")
SIZES = {"eeg": 1e-5, "mag": 1e-13, "grad": 1e-12, "ecog": 5e-5, "seeg": 5e-5}
#: Rates have small ratios: others are exact, too, but slow.
numbers = st.one_of(
    st.none(), st.sampled_from((0.5, 5.0, 32.0, 40.0)), st.sampled_from((0.0, -1.0, 1e-9, 1e9, float("nan"), float("inf"), 50, 24.99, 25.0, 100.0))
)  # fmt: skip
places = st.one_of(
    st.sampled_from((np.nan, 0.0, np.inf, 1e-12, 1e9)), st.lists(st.floats(-1, 1), min_size=3, max_size=3)
)  # fmt: skip


@st.composite
def recordings(draw: st.DrawFn) -> mne.io.RawArray:
    """20 s of noise, with some of what happens to channels."""
    kind, n = draw(st.sampled_from(sorted(SIZES))), draw(st.integers(1, 16))
    sfreq = draw(st.sampled_from((100.0, 64.0, 200.0, 3.0)))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    names = MONTAGE.ch_names[:n]
    if draw(st.integers(0, 4)) == 0:
        names = [
            draw(st.sampled_from((f"MEG {i:03d}", f"MEG{i:03d}", f"EOG{i}", f"Cz-{i}", f"é{i}"))) for i in range(n)
        ]
    data = SIZES[kind] * rng.standard_normal((n, max(round(draw(st.sampled_from((20.0, 20.0, 1.0, 0.02))) * sfreq), 1)))
    for _ in range(draw(st.integers(0, 3))):
        channel, (start, stop) = draw(st.integers(0, n - 1)), sorted(draw(st.tuples(st.floats(0, 1), st.floats(0, 1))))
        part = data[
            channel if draw(st.booleans()) else slice(None), int(start * data.shape[1]) : int(stop * data.shape[1])
        ]
        what = draw(st.sampled_from(("zero", "nan", "inf", "unit", "offset", "clip", "steps", "spike", "drift")))
        if what in ("zero", "nan", "inf"):
            part[...] = {"zero": 0.0, "nan": np.nan, "inf": -np.inf}[what]
        elif what == "unit":
            part *= 10.0 ** draw(st.integers(-15, 15))
        elif what == "offset":
            part += SIZES[kind] * 10.0 ** draw(st.integers(0, 6))
        elif what == "clip":
            part[...] = part.clip(-SIZES[kind] / 2, SIZES[kind] / 2)
        elif what == "steps":
            part[...] = SIZES[kind] * np.rint(part / SIZES[kind])
        elif what == "spike":
            part[..., :1] = SIZES[kind] * 1e6
        else:
            part += SIZES[kind] * np.linspace(0, 1e4, part.shape[-1])
    info = mne.create_info(names, sfreq, kind)
    raw = mne.io.RawArray(data, info, verbose="error")
    montage = MONTAGE.get_positions()["ch_pos"]
    for channel, place in zip(raw.info["chs"], montage.values(), strict=False):
        channel["loc"][:3] = place
    for _ in range(draw(st.integers(0, 2))):
        raw.info["chs"][draw(st.integers(0, n - 1))]["loc"][:3] = draw(places)
    raw.info["bads"] = draw(st.lists(st.sampled_from(raw.ch_names), unique=True, max_size=3))
    raw.info["line_freq"] = draw(st.sampled_from((None, 50, 60)))
    if draw(st.booleans()):
        span = draw(st.tuples(st.floats(0, 20), st.floats(0, 5)))
        raw.set_annotations(mne.Annotations(*span, draw(st.sampled_from(("BAD_x", "BAD_ACQ_SKIP", "edge", "word")))))
    return raw


@st.composite
def settings(draw: st.DrawFn) -> dict:
    """Options of `Preprocessing`."""
    return {
        "sfreq": draw(st.one_of(st.sampled_from((50.0, 50.0, 50.0, 32.0, 128.0)), numbers.filter(lambda hz: hz is not None))),
        "highpass_hz": draw(st.one_of(st.none(), st.sampled_from((0.5, 1.0)), numbers)),
        "lowpass_hz": draw(st.one_of(st.none(), st.sampled_from((20.0, 10.0)), numbers)),
        "notch_hz": draw(st.one_of(st.none(), st.lists(numbers.filter(lambda hz: hz is not None), max_size=2))),
        "average_reference": draw(st.booleans()),
        "picks": draw(st.sampled_from((["meg", "eeg", "ecog", "seeg"], ["meg", "eeg", "ecog", "seeg"], ["eeg"], ["mag"], ["x"], []))),
        "bads": draw(st.lists(st.sampled_from(("Fp1", "fp 1", "MEG 001", "nothing")), max_size=2)),
    }  # fmt: skip


@fuzz(share=2)
@given(recordings(), settings())
def test_prepared_sensors_keep_their_promises(raw, options):
    def prepare():
        spans = []
        with kept():
            data, sfreq, info = Preprocessing(**options)(raw, "here", spans)
            return data, sfreq, info, sensor_positions(info, "here"), spans

    found = answer(prepare)
    if found is None:
        return
    data, sfreq, info, positions, spans = found
    good = np.array([name not in info["bads"] for name in info["ch_names"]])
    assert np.isfinite(data).all() and data.dtype == np.float32 and data.shape[1] == len(good) == len(positions)
    assert sfreq == pytest.approx(options["sfreq"], rel=1e-3)
    assert abs(len(data) / sfreq - raw.n_times / raw.info["sfreq"]) < 2 / sfreq
    assert np.isfinite(positions).all() and ((positions[good] >= 0) & (positions[good] <= 1)).all()
    assert all(np.isfinite(span).all() and span[1] >= 0 for span in spans)


@fuzz(share=2)
@given(st.integers(0, 2**16), st.floats(0.0, 1.0), st.floats(-6, 6), st.floats(0, 4), st.booleans())
def test_a_scaler_gives_what_moves_a_deviation_near_1(seed, dead, power, offset, baseline):
    """Whatever the unit and the offset, and however long a channel stands still, in one stretch or in many."""

    class Prepared:
        rng = np.random.default_rng(seed)
        still = rng.permutation(100) < 100 * dead if seed % 2 else np.arange(100) < 100 * dead
        still = np.repeat(still, 60)
        brain = np.float32(10.0**power * (rng.standard_normal((6000, 2)) + 10.0**offset))
        # a baseline in a stretch of 0 is a step of the offset, which is no matter of scale
        brain[still, 1] = 10.0 ** (power + offset) if seed % 3 or baseline else 0.0
        key = f"fuzz-{seed}-{dead!r}-{power!r}-{offset!r}"

    found = fit_scaler(Prepared, np.arange(0, 5850, 50), n_window=150, n_baseline=25 * baseline, source="fuzz")
    assert np.isfinite(found.scale).all() and np.isfinite(found.centre).all() and (found.scale >= 0).all()
    moving = Prepared.brain[~Prepared.still, 1]
    if len(moving) > 600:
        spread = (moving - found.centre[1]) / found.scale[1]
        assert 0.3 < spread.std() < 3 and abs(spread.mean()) < 2


@fuzz(share=0.1)
@given(recordings(), st.booleans())
def test_steps_refuse_or_clean(raw, sss):
    step = SSS(coord_frame="meg") if sss else RemoveICA(n_components=4)

    def prepare():
        with kept():
            return Preprocessing(sfreq=2.0, picks=["meg", "eeg", "ecog", "seeg"], steps=[step])(raw, "here")[0]

    data = answer(prepare)
    assert data is None or np.isfinite(data).all()
