"""Channels that carry no signal of a brain: dead, clipped, of another type, in another unit."""

import mne
import numpy as np
import pytest
from builders import helmet_raw, simulated_raw

from n2s.data import Preprocessing
from n2s.errors import UserError
from n2s.findings import kept


def prepared(raw, **options):
    """Data, bad spans that were added, and what was told, each as its kind and text."""
    spans = []
    with kept() as found:
        data, *_ = Preprocessing(**{"sfreq": 50.0, "picks": ["meg", "eeg"]} | options)(raw, "here", spans)
    assert np.isfinite(data).all()
    return data, spans, [(one.kind, one.text) for one in found]


@pytest.mark.parametrize(
    ("start", "stop", "refused"), [(0.0, 1.0, "flat: MEG003"), (0.0, 0.8, "flat for 50% of the time or more: MEG003 (80%)")]
)  # fmt: skip
@pytest.mark.parametrize("value", [0.0, 1e-12])
def test_a_channel_that_stands_still_most_of_the_time_is_refused(start, stop, refused, value):
    """As good, it would be scaled by rounding errors (mne-tools/mne-python#13376)."""
    raw = simulated_raw(duration_s=60.0)
    raw._data[3, round(start * 6000) : round(stop * 6000)] = value
    with pytest.raises(UserError) as said:
        prepared(raw)
    assert "here: 1 of 8 good channels carry no signal" in str(said.value) and refused in str(said.value)
    raw.info["bads"] = ["MEG003"]
    assert prepared(raw)[2] == []


def test_a_channel_that_stands_still_for_a_while_is_told():
    raw = simulated_raw(duration_s=60.0)
    raw._data[3, 1000:2500] = 0
    _, spans, told = prepared(raw)
    assert spans == [] and [kind for kind, _ in told] == ["odd"] and "MEG003 (25%)" in told[0][1]
    raw.set_annotations(mne.Annotations([9.0], [17.0], ["BAD_off"]))  # known: nobody uses it
    data, *_ = Preprocessing(sfreq=50.0)(raw, "here", [[9.0, 17.0]])


def test_a_pause_of_all_channels_is_a_bad_span():
    raw = simulated_raw(duration_s=60.0)
    raw._data += 1e-12
    raw._data[:, 2000:3000] = 0
    data, spans, told = prepared(raw, highpass_hz=1.0)
    ((onset, duration),) = spans
    assert [kind for kind, _ in told] == ["left out"] and "no channel changes for 10" in told[0][1]
    assert (
        17.8 < onset < 18.5 and 31.5 < onset + duration < 32.2
    )  # 20 to 30 s, and half of a 3.3 s filter on either side
    used = np.r_[0 : round(onset * 50), round((onset + duration) * 50) : len(data)]
    assert np.abs(data[used]).max() < 600 < np.abs(data).max()  # the steps of 1000 fT ring only within


def test_clipped_channels_and_triggers_are_told():
    raw = simulated_raw(8, kind="eeg", duration_s=60.0)
    raw._data[1] = np.clip(raw._data[1], -1e-5, 1e-5)
    raw._data[2] = 1e-5 * np.random.default_rng(0).integers(0, 4, 6000)
    told = dict(text.split(": ", 1) for kind, text in prepared(raw)[2])
    assert "AF7 (15%)" in told["channels that are often at their lowest or highest value (clipped)"]
    assert told["channels with at most 8 different values"].startswith("AF3.")
    raw._data[1] = np.clip(raw._data[1], 0, 1e-5)
    with pytest.raises(UserError, match=r"lowest or highest value for 50% of the time or more: AF7 \("):
        prepared(raw)


@pytest.mark.parametrize(
    ("kind", "factor", "message"),
    [
        ("eeg", 1e6, "too large for a brain.*look like micro-V, read as V"),
        ("eeg", 1e3, "too large for a brain.*look like milli-V, read as V"),
        ("eeg", 1e-3, "too small for a brain.*look like V, read as milli-V"),
        ("eeg", 1e-6, "too small for a brain.*look like V, read as micro-V"),
        ("mag", 1e15, "too large for a brain.*look like femto-T, read as T"),
        ("mag", 1e12, "too large for a brain.*look like pico-T, read as T"),
        ("mag", 1e-15, "too small for a brain.*look like T, read as femto-T"),
        ("grad", 1e13, "too large for a brain"),
        ("ecog", 1e6, "too large for a brain.*look like micro-V, read as V"),
    ],
)
def test_another_unit_is_refused(kind, factor, message):
    raw = helmet_raw(12) if kind == "grad" else simulated_raw(8, kind="mag" if kind == "mag" else "eeg")
    if kind == "ecog":
        raw.set_channel_types(dict.fromkeys(raw.ch_names, "ecog"), verbose="error")
    raw._data[mne.pick_types(raw.info, meg=True, eeg=True, ecog=True)] *= factor
    with pytest.raises(
        UserError, match=f"here: .* channels of type {'mag|grad' if kind == 'grad' else kind} are {message}"
    ):
        prepared(raw, picks=[kind] if kind != "mag" else ["meg"])


def test_odd_sizes_and_one_channel_in_another_unit_are_told():
    raw = simulated_raw(8, kind="eeg", duration_s=30.0)
    raw._data[5] *= 1e6
    ((kind, text),) = prepared(raw)[2]
    assert kind == "odd" and "1 of 8 channels of type eeg are more than 1000 times larger or smaller" in text
    assert "(F5)" in text
    raw._data[5] /= 1e6
    raw._data /= 100
    ((kind, text),) = prepared(raw)[2]
    assert kind == "odd" and "8 channels of type eeg are too small for a brain" in text


def test_signals_of_usual_size_tell_nothing(real_data):
    folder = real_data / "meg_formats"
    raws = [
        mne.io.read_raw_fif(folder / "141027_cropped_90Hz_raw.fif", verbose="error"),
        mne.io.read_raw_ctf(folder / "ctf" / "somMDYO-18av.ds", verbose="error"),
        mne.io.read_raw_kit(folder / "kit" / "test.sqd", verbose="error"),
        simulated_raw(8),
        simulated_raw(8, kind="eeg"),
        helmet_raw(8),
    ]
    for raw in raws:
        assert prepared(raw)[1:] == ([], [])


def test_channels_with_names_of_other_types_and_doubled_names_are_told():
    names = ["Fp1", "HEOG", "EOG2", "EKG", "STI 014", "Cz-0", "Cz-1", "EEG ECG", "Oz"]
    raw = mne.io.RawArray(
        1e-5 * np.random.default_rng(0).standard_normal((9, 2000)),
        mne.create_info(names, 100.0, "eeg"),
        verbose="error",
    )
    told = [text for _, text in prepared(raw)[2]]
    assert any("with the names of others: HEOG, EOG2, EKG, STI 014, EEG ECG." in text for text in told)
    assert any("that had one name in the file, and have numbers now: Cz-0 and Cz-1." in text for text in told)


@pytest.mark.parametrize("kind", ["ecog", "seeg"])
def test_intracranial_channels_are_read_in_microvolts(kind):
    raw = simulated_raw(8, kind="eeg")
    expected = Preprocessing(sfreq=50.0, picks=["eeg"], average_reference=True)(raw, "here")[0]
    raw.set_channel_types(dict.fromkeys(raw.ch_names, kind), verbose="error")
    data, _, info = Preprocessing(sfreq=50.0, picks=[kind], average_reference=True)(raw, "here")
    np.testing.assert_array_equal(data, expected)
    assert info.get_channel_types(unique=True) == [kind]
