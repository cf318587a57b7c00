"""Sound, muscles, eyes, heart and head beside the brain: on its clock, at its rate, from whatever the recording has."""

from dataclasses import dataclass, field
from pathlib import Path

import mne
import numpy as np
import pytest
import soundfile
from mne.io.constants import FIFF
from scipy.signal import resample_poly

from n2s.data import Preprocessing, SideSignals, side_channels
from n2s.data.recordings import prepare
from n2s.data.side_channels import find
from n2s.errors import UserError
from n2s.findings import kept
from n2s.studies.study import RecordedSound, Recording, Study

RNG = np.random.default_rng


@dataclass
class Lab(Study):
    """One recording in memory."""

    raw: mne.io.BaseRaw
    rows: list[dict] = field(default_factory=list)
    sounds: dict[str, Path] = field(default_factory=dict)
    beside: RecordedSound | None = None
    name: str = "lab"
    root: Path = Path()

    def recordings(self):
        return [Recording("01")]

    def load(self, recording):
        return self.raw

    def events(self, recording):
        own = {
            "kind": "word",
            "text": "a",
            "story": "s",
            "stimulus": "",
            "stimulus_onset": 0.0,
            "onset": 0.0,
            "duration": 0.1,
        }
        return [own | row for row in self.rows or [{}]]

    def sources(self, recording):
        return []

    def audio(self, stimulus):
        return self.sounds.get(stimulus)

    def recorded_sound(self, recording):
        return self.beside


def recording(sfreq=1000.0, duration_s=20.0, **channels) -> mne.io.RawArray:
    """``EMG1=("emg", values)`` beside two EEG channels of noise."""
    n = round(sfreq * duration_s)
    channels = {name: (kind, values) for name, (kind, values) in channels.items()}
    names, kinds = ["Fz", "Cz", *channels], ["eeg", "eeg", *(kind for kind, _ in channels.values())]
    brain = 1e-5 * RNG(0).standard_normal((2, n))
    data = np.vstack([brain, *(np.broadcast_to(values, n) for _, values in channels.values())])
    return mne.io.RawArray(data, mne.create_info(names, sfreq, kinds), verbose="error")


def side(raw, study=None, **options):
    """What is made of a recording, and what is said."""
    study = study or Lab(raw)
    with kept() as found:
        made = SideSignals(**options).make(study, study.recordings()[0], "lab, sub-01")
    return made, found


def times(raw) -> np.ndarray:
    return np.arange(raw.n_times) / raw.info["sfreq"]


def noise(n: int, seed=0) -> np.ndarray:
    return RNG(seed).standard_normal(n)


@pytest.mark.parametrize(
    ("raw_hz", "sfreq", "n"),
    [(1000, 120, 7001), (512, 100, 5119), (250, 250, 1000), (999, 128, 3001), (100, 64, 77), (2048, 50, 12345)],
)
def test_as_many_samples_as_the_brain_at_the_same_moments(raw_hz, sfreq, n):
    raw = recording(raw_hz, n / raw_hz, EOG1=("eog", 1e-4 * np.sin(2 * np.pi * 1.5 * np.arange(n) / raw_hz)))
    brain, rate_hz, _ = Preprocessing(sfreq=sfreq, picks=["eeg"])(raw.copy(), "here")
    made, _ = side(raw, sfreq=sfreq)
    assert made.brain.shape == (len(brain), 1) and made.brain.dtype == np.float32
    assert made.meta["sfreq"] == pytest.approx(rate_hz, rel=1e-12)
    at = np.arange(len(brain)) / rate_hz
    inner = (at > 0.4) & (at < at[-1] - 0.4)
    np.testing.assert_allclose(made.brain[inner, 0], 100 * np.sin(2 * np.pi * 1.5 * at)[inner], atol=0.5)  # uV


def test_muscles_are_rectified_at_the_recordings_own_rate():
    """Noise of 100 to 400 Hz, louder and softer twice a second: at 50 Hz nothing of it would be left."""
    n, modulation = 20_000, 1 + 0.8 * np.sin(2 * np.pi * 2 * np.arange(20_000) / 1000)
    fast = mne.filter.filter_data(noise(n), 1000, 100, 400, verbose="error")
    raw = recording(EMG1=("emg", 2e-5 * modulation * fast + 1e-3))  # and a large offset
    made, found = side(raw, sfreq=50.0, groups=["emg"])
    assert not found and made.meta["units"] == ["uV"]
    truth = modulation[::20]
    assert np.corrcoef(made.brain[:, 0], truth)[0, 1] > 0.9
    plain = resample_poly(raw.get_data("EMG1")[0], 1, 20)
    assert abs(np.corrcoef(np.abs(plain - plain.mean()), truth)[0, 1]) < 0.3

    whole = mne.filter.filter_data(raw.get_data("EMG1")[0], 1000, 20, None, verbose="error")  # the naive way
    slow = mne.filter.filter_data(np.abs(whole), 1000, None, 10, verbose="error")
    made, _ = side(raw, sfreq=50.0, groups=["emg"], smooth_hz=10.0)
    naive = 1e6 * np.maximum(resample_poly(slow, 1, 20, padtype="line"), 0)
    np.testing.assert_allclose(made.brain[50:-50, 0], naive[50:-50], rtol=1e-3)


def test_a_long_recording_is_read_in_pieces(monkeypatch):
    n = 150_000
    raw = recording(
        duration_s=150.0, EMG1=("emg", 1e-5 * noise(n)), MIC=("misc", noise(n, 1)), VEOG=("eog", 1e-4 * noise(n, 2))
    )
    at_once, _ = side(raw, sfreq=40.0, n_mels=2)
    monkeypatch.setattr(side_channels, "HELD", 0)
    in_pieces, _ = side(raw, sfreq=40.0, n_mels=2)
    assert at_once.meta["groups"] == ["audio"] * 3 + ["emg", "eog"] and at_once.brain.std(0).min() > 0
    np.testing.assert_array_equal(at_once.brain, in_pieces.brain)


def test_sound_of_a_channel_in_bands():
    """A tone of 130 Hz from 5 to 10 s."""
    t = np.arange(20_000) / 1000
    tone = np.sin(2 * np.pi * 130 * t) * ((t >= 5) & (t < 10))
    made, _ = side(recording(Audio=("misc", tone)), sfreq=100.0, n_mels=3)
    assert made.meta["ch_names"][0] == "Audio" and made.meta["groups"] == ["audio"] * 4
    bands = [tuple(map(float, name.split()[1].split("-"))) for name in made.meta["ch_names"][1:]]
    assert bands[0][0] == 80 and all(a[1] == b[0] for a, b in zip(bands, bands[1:], strict=False))
    level = made.brain[520:980].mean(0)
    assert level[0] == pytest.approx(np.abs(tone[5000:10_000]).mean(), rel=0.01)
    (inside,) = (i for i, (low, high) in enumerate(bands) if low <= 130 < high)
    assert level[1 + inside] > 0.6 and np.delete(level[1:], inside).max() < 0.05
    assert made.brain[:480].max() < 0.01 and made.brain[1020:].max() < 0.01


@pytest.fixture
def burst(tmp_path):
    """10 s at 8 kHz, with noise from 4.0 to 4.5 s."""
    path = tmp_path / "burst.wav"
    samples = np.zeros(80_000)
    samples[32_000:36_000] = 0.3 * noise(4_000)
    soundfile.write(path, samples, 8000)
    return path


def loud(values: np.ndarray, sfreq: float) -> tuple[float, float]:
    """Where the envelope is above half of its median while loud, s."""
    at = np.flatnonzero(values > 0.5 * np.median(values[values > 0.1 * values.max()]))
    return at[0] / sfreq, at[-1] / sfreq


def test_what_is_heard_is_placed_by_the_events(burst):
    """Played from 2 s of the file on, at 10 s and again at 15 s, cut short; one sound has no file."""
    play = {"kind": "sound", "stimulus": "b", "stimulus_onset": 2.0, "text": ""}
    rows = [play | {"onset": 10.0, "duration": 4.0}, play | {"onset": 15.0, "duration": 2.2}]
    raw = recording(100.0)
    made, found = side(raw, Lab(raw, rows, {"b": burst}), sfreq=100.0)
    assert made.meta["ch_names"] == ["heard"] and not found
    assert loud(made.brain[:1450, 0], 100) == (pytest.approx(12.0, abs=0.03), pytest.approx(12.5, abs=0.03))
    assert loud(made.brain[1450:, 0], 100)[0] == pytest.approx(17.0 - 14.5, abs=0.03) and not made.brain[1721:].any()
    rows.append(play | {"onset": 18.0, "duration": 1.0, "stimulus": "gone"})
    _, found = side(raw, Lab(raw, rows, {"b": burst}), sfreq=100.0)
    assert "1 of the sounds that are heard have no audio ('gone')" in found[0].text


def test_a_sound_recorded_beside_the_brain(burst):
    raw = recording(250.0)
    made, _ = side(raw, Lab(raw, beside=RecordedSound(burst, -1.5)), sfreq=125.0)
    assert made.meta["ch_names"] == ["recorded"]
    assert loud(made.brain[:, 0], 125) == (pytest.approx(2.5, abs=0.03), pytest.approx(3.0, abs=0.03))
    raw = recording(MIC1=("misc", noise(20_000)))
    made, _ = side(raw, Lab(raw, beside=RecordedSound(burst)))
    assert made.meta["ch_names"] == ["MIC1"]  # a channel has the brain's clock


@pytest.mark.parametrize("rate_hz", [8000, 11025, 44100, 300])
def test_files_of_any_rate_have_the_envelope_of_a_channel(tmp_path, rate_hz):
    """Noise that is louder and softer once a second, as a file and as a channel."""
    n = 12 * rate_hz
    loudness = 1 + 0.9 * np.sin(2 * np.pi * np.arange(n) / rate_hz)
    soundfile.write(tmp_path / "a.wav", 0.1 * loudness * noise(n), rate_hz, subtype="FLOAT")
    raw = recording(200.0, 12.0)
    made, _ = side(raw, Lab(raw, beside=RecordedSound(tmp_path / "a.wav")), sfreq=50.0, smooth_hz=4.0)
    truth = 1 + 0.9 * np.sin(2 * np.pi * np.arange(600) / 50)
    assert np.corrcoef(made.brain[25:-25, 0], truth[25:-25])[0, 1] > 0.95


def test_no_filter_crosses_an_interruption():
    """Muscles until the recorder stops at 8 s; after it, at 10 s, there are none."""
    emg = 1e-5 * noise(20_000) * (np.arange(20_000) < 8000)
    raw = recording(EMG1=("emg", emg), VEOG=("eog", np.where(np.arange(20_000) < 8000, 1e-3, 0.0)))
    made, _ = side(raw.copy(), sfreq=100.0)
    assert np.abs(made.brain[800:803, 0]).max() > 0.1  # smoothed over
    raw.set_annotations(mne.Annotations([8.0], [2.0], ["BAD_ACQ_SKIP"]))
    made, _ = side(raw, sfreq=100.0)
    assert not made.brain[800:].any() and made.brain[790:800, 0].min() > 1


def test_what_is_not_there_is_refused_with_what_there_is(tmp_path):
    raw = recording(VEOG=("eog", 1e-4 * noise(20_000)), Trigger=("stim", np.arange(20_000) % 7))
    study = Lab(raw)
    (prepared,) = prepare(study, SideSignals(sfreq=50.0))
    assert prepared.groups == ["eog"] and prepared.columns("eog").tolist() == [0]
    assert prepared.signals("eog").shape == (1000, 1) == prepared.signals().shape
    with pytest.raises(
        UserError, match=r"sub-01: no EMG channel; there are eeg Fz, Cz; eog VEOG; stim Trigger\. Expected a chan"
    ):
        prepared.signals("eog", "emg")
    with pytest.raises(UserError, match="no head position channel; .*QUAT001"):
        prepared.columns("head")
    with pytest.raises(UserError, match="no audio channel; .*AUDIO or MIC"):
        prepared.columns("audio")
    with pytest.raises(UserError, match="the group is 'eg'; expected one of audio, emg.*Nearest: e[mo]g"):
        prepared.columns("eg")


def test_a_recording_with_nothing_beside_the_brain():
    study = Lab(recording())
    (prepared,) = prepare(study, SideSignals(sfreq=50.0, groups=["ecg", "emg"]))
    assert prepared.brain.shape == (1000, 0) and prepared.groups == [] and prepared.signals().shape == (1000, 0)


def test_channels_that_hold_nothing():
    broken = 1e-5 * noise(20_000)
    broken[5000:9000] = np.nan
    raw = recording(
        EMG1=("emg", broken), EMG2=("emg", 3e-6), EMG3=("emg", 1e-5 * noise(20_000, 3)), EOG=("eog", np.nan)
    )
    raw.info["bads"] = ["EMG3"]
    made, found = side(raw, sfreq=50.0)
    assert made.meta["ch_names"] == ["EMG1"] and np.isfinite(made.brain).all()
    said = {one.kind: one.text for one in found if "emg" in one.text}
    texts = [one.text for one in found]
    assert (
        "side_signals.emg: EMG3, as bad channels." in texts and "side_signals.emg: EMG2, which never change." in texts
    )
    assert (
        "EMG1 have values that are not finite" in said["odd"] and "side_signals.eog: EOG, which never change." in texts
    )
    alone, _ = side(raw.copy().drop_channels(["EMG2", "EMG3"]), sfreq=50.0)
    np.testing.assert_allclose(made.brain, alone.brain, rtol=1e-5, atol=1e-9)


def test_names_of_an_option_and_differences():
    a, b = 1e-5 * noise(20_000, 1), 1e-5 * noise(20_000, 2)
    raw = recording(EXG1=("eeg", a), EXG2=("eeg", b), **{"M-1": ("misc", a + b)})
    made, found = side(raw, sfreq=50.0, emg=["exg1-EXG 2"], ecg=["M-1"], eog=["EXG9", "EXG1"])
    assert made.meta["ch_names"] == ["exg1-EXG 2", "EXG1", "M-1"] and made.meta["groups"] == ["emg", "eog", "ecg"]
    assert [one.text for one in found] == [
        "side_signals.eog: the recording has no channel 'EXG9'. Nearest: EXG2, EXG1."
    ]
    direct, _ = side(recording(EMG=("emg", a - b)), sfreq=50.0)
    np.testing.assert_allclose(made.brain[:, 0], direct.brain[:, 0], rtol=1e-5, atol=1e-5)
    made, _ = side(raw, emg=["EXG1", "EXG2"], eog=[])
    assert made.meta["groups"] == ["emg", "emg"]


@pytest.mark.parametrize(
    ("name", "kind", "group"),
    [
        ("AUDIO", "misc", "audio"), ("MIC_L", "misc", "audio"), ("Microphone", "eeg", "audio"), ("EEG MIC1", "eeg", "audio"),
        ("Sound", "bio", "audio"), ("sound_trigger", "misc", None), ("AudioTTL", "misc", None), ("MICRO1", "misc", None),
        ("MISC001", "misc", None), ("Audio", "stim", None), ("EMG-lip", "misc", "emg"), ("ORB_EMG", "seeg", "emg"), ("chin", "emg", "emg"),
        ("HEOG", "eeg", "eog"), ("EOG061", "eog", "eog"), ("EKG1", "seeg", "ecg"), ("Fz", "eeg", None), ("MEG EMG", "mag", None),
    ],
)  # fmt: skip
def test_which_channels_are_taken_by_type_and_name(name, kind, group):
    info = mne.create_info([name], 1000.0, kind)
    with kept() as found:
        taken = [one for one in ("audio", "emg", "eog", "ecg") if find(info, one, None, "here")]
    assert taken == ([] if group is None else [group])
    assert bool(found) == (group is not None and kind in ("eeg", "seeg"))  # taken against its type: said


def test_rates_that_cannot_hold_muscles_or_voices():
    raw = recording(100.0, EMG1=("emg", 1e-5 * noise(2000)), MIC=("misc", noise(2000)))
    made, found = side(raw, sfreq=50.0)
    assert made.meta["groups"] == ["emg"]
    assert "the recording has 100 Hz, and so nothing above 50 Hz; audio is what lies above 80 Hz" in found[0].text
    assert "holds nothing above 50 Hz (its rate, or a filter), and most of emg lies above 60 Hz" in found[1].text
    _, found = side(recording(40.0, EMG1=("emg", 1e-5 * noise(800))), sfreq=20.0)
    assert found[0].kind == "left out" and "side_signals.emg" in found[0].text


def quaternions(raw: mne.io.BaseRaw) -> mne.io.BaseRaw:
    for i, name in enumerate(raw.ch_names):
        if name.startswith("QUAT"):
            raw.info["chs"][i]["kind"] = FIFF.FIFFV_QUAT_0 + int(name[4:])
    return raw


def turned(degrees: float) -> float:
    return float(np.sin(np.radians(degrees) / 2))


def test_the_head_moves_by_maxfilters_channels():
    """Not tracked for 2 s; then it turns by 10 degrees about z and goes 5 mm along x, at 12 s."""
    t = np.arange(20_000) / 1000
    still, late = (t >= 2).astype(float), t >= 12
    steps = {1: 0.0, 2: 0.0, 3: turned(10) * late, 4: 0.005 * late, 5: 0.02 * still, 6: 0.0}
    raw = quaternions(recording(**{f"QUAT{i:03d}": ("misc", values) for i, values in steps.items()}))
    made, found = side(raw, sfreq=100.0)
    assert made.meta["groups"] == ["head"] * 6 and made.meta["units"] == ["mm"] * 3 + ["deg"] * 3
    np.testing.assert_allclose(made.brain[[0, 199, 1199]], [[0, 20, 0, 0, 0, 0]] * 3, atol=1e-4)
    np.testing.assert_allclose(made.brain[[1200, 1999]], [[5, 20, 0, 0, 0, 10]] * 2, atol=1e-4)
    assert "not tracked" in found[0].text and "10% of the time" in found[0].where
    made, found = side(quaternions(recording(**{f"QUAT{i:03d}": ("misc", 0.0) for i in range(1, 7)})))
    assert made.meta["groups"] == [] and found[0].kind == "left out" and "never tracked" in found[0].text


def test_the_head_moves_by_the_coils_of_ctf():
    names = [f"HLC00{coil}{axis}-1234" for coil in (1, 2, 3) for axis in (1, 2, 3)]
    raw = recording(**{name: ("misc", 0.01 * i + 1e-3 * (np.arange(20_000) >= 10_000)) for i, name in enumerate(names)})
    made, _ = side(raw, sfreq=100.0)
    assert made.meta["ch_names"][4] == "coil 2 y (mm)"
    np.testing.assert_allclose(made.brain[[999, 1000], 4], [40, 41], atol=1e-3)


@pytest.mark.parametrize("first_s", [0.0, 30.0])
def test_the_head_moves_by_maxfilters_file(tmp_path, first_s):
    """Its clock is that of the acquisition, which ran before the file's first sample."""
    raw = recording(100.0)
    raw = mne.io.RawArray(raw.get_data(), raw.info, first_samp=round(100 * first_s), verbose="error")
    raw.save(tmp_path / "sub-01_task-x_meg.fif", verbose="error")
    raw = mne.io.read_raw_fif(tmp_path / "sub-01_task-x_meg.fif", verbose="error")
    rows = np.zeros((2, 10))
    rows[:, 0], rows[:, 4], rows[:, 1] = [first_s + 1, first_s + 5], [0.001, 0.003], [0, turned(-4)]
    mne.chpi.write_head_pos(tmp_path / "sub-01_task-x_head.pos", rows)
    (tmp_path / "sub-01_task-x_headshape.pos").write_text("  123\nnasion 1 2 3\n")  # Polhemus
    made, found = side(raw, sfreq=10.0)
    assert not found
    np.testing.assert_allclose(made.brain[[0, 49, 50, 199], 0], [1, 1, 3, 3], atol=1e-3)
    np.testing.assert_allclose(made.brain[[49, 50], 3], [0, -4], atol=1e-3)
    rows[:, 0] += 500
    mne.chpi.write_head_pos(tmp_path / "sub-01_task-x_head.pos", rows)
    with pytest.raises(UserError, match=r"its positions are from 5\d\d\.0 to .* Give the file of this recording"):
        side(raw)
    (tmp_path / "sub-01_task-x_head.pos").write_text(" Time q1 q2\n 1 2\n")
    with pytest.raises(UserError, match="expected rows of 10 numbers"):
        side(raw)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"groups": ["egm"]}, "groups is 'egm'; expected one of audio, emg"), ({"n_mels": -1}, "n_mels is -1"),
        ({"sfreq": 0}, "sfreq is 0; expected a number above 0"), ({"smooth_hz": float("nan")}, "smooth_hz is nan"),
        ({"emg": ["", "a"]}, "side_signals.emg: found"), ({"notch_hz": [0.5]}, r"notch_hz\[0\] is 0.5"),
    ],
)  # fmt: skip
def test_options_that_say_nothing(options, said):
    with pytest.raises(UserError, match=said):
        SideSignals(**options)


def test_line_noise_is_stopped_in_emg():
    hum = 1e-4 * np.sin(2 * np.pi * 50 * np.arange(20_000) / 1000)
    raw = recording(EMG1=("emg", hum + 1e-6 * noise(20_000)))
    with_hum, _ = side(raw, sfreq=50.0)
    without, _ = side(raw, sfreq=50.0, notch_hz=[50.0])
    assert with_hum.brain[200:-200].mean() > 50 and without.brain[200:-200].mean() < 1


def test_settings_know_every_option():
    one, other = SideSignals(), SideSignals(emg=["EXG1"], n_mels=4, notch_hz=[50])
    assert one.settings() != other.settings() and one.settings() == SideSignals().settings()


@pytest.mark.slow
def test_true_recordings(real_data):
    formats = real_data / "meg_formats"
    raw = mne.io.read_raw_fif(formats / "sample_audvis_trunc_raw_sss.fif", verbose="error")
    made, _ = side(raw, sfreq=100.0)
    assert made.meta["groups"] == ["eog"] and made.meta["ch_names"] == ["EOG 061"] and 1 < made.brain.std() < 1000
    raw = mne.io.read_raw_ctf(formats / "ctf" / "somMDYO-18av.ds", verbose="error")
    assert side(raw)[0].meta["groups"] == []
