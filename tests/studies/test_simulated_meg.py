import os
import pickle

import mne
import numpy as np
import pandas as pd
import pytest
import scipy.signal
import soundfile

from n2s.errors import UserError
from n2s.studies import Recording, SimulatedMEG
from n2s.studies.simulated import noise
from n2s.studies.simulated.sensors import HEAD_CENTRE_M, HEAD_IN_HELMET_M, helmet, lead_field
from n2s.studies.simulated.sources import MEMORY_S, N_BANDS, N_SOURCES, RESPONSES, listener, stimulus_features

SFREQ = 250.0
SMALL = {"n_subjects": 2, "stories": ["orchestra", "train"], "max_story_s": 20.0}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Two listeners, an English and a Spanish story, 20 s of each; nearly noiseless."""
    study = SimulatedMEG(**SMALL, noise_level=1e-3, root=tmp_path_factory.mktemp("simulated"))
    study.prepare()
    return study


@pytest.fixture(scope="module")
def info():
    return helmet(SFREQ)


@pytest.fixture(scope="module")
def person():
    return listener(1, SFREQ, seed=0)


# sensors


def test_channels_are_those_of_the_vectorview_layout(info):
    layout = mne.channels.read_layout("Vectorview-all")
    assert sorted(info.ch_names) == sorted(layout.names)
    assert info.ch_names[:3] == ["MEG 0113", "MEG 0112", "MEG 0111"]
    assert info.get_channel_types()[:3] == ["grad", "grad", "mag"]
    assert [len(mne.pick_types(info, meg=kind)) for kind in ("grad", "mag")] == [204, 102]
    coils = {(int(ch["coil_type"]), int(ch["unit"])) for ch in info["chs"]}
    assert coils == {(3012, mne.io.constants.FIFF.FIFF_UNIT_T_M), (3024, mne.io.constants.FIFF.FIFF_UNIT_T)}


def test_left_is_left_and_front_is_front(info):
    layout = mne.channels.read_layout("Vectorview-mag")
    places = {name: position for name, position in zip(layout.names, layout.pos[:, :2], strict=True)}
    on_page = np.array([places[name] for name in info.ch_names if name in places]) - layout.pos[:, :2].mean(0)
    coils = np.array([ch["loc"][:3] for ch in info["chs"] if ch["ch_name"] in places])
    assert len(coils) == 102
    assert np.corrcoef(on_page[:, 0], coils[:, 0])[0, 1] > 0.9
    assert np.corrcoef(on_page[:, 1], coils[:, 1])[0, 1] > 0.9


def test_coils_lie_on_the_helmet_and_face_outwards(info):
    surface = mne.surface.get_meg_helmet_surf(info, verbose="error")
    surface = mne.transform_surface_to(surface, "meg", info["dev_head_t"], copy=True)
    for channel in info["chs"]:
        place, axes = channel["loc"][:3], channel["loc"][3:].reshape(3, 3)
        np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-3)
        near = np.linalg.norm(surface["rr"] - place, axis=1)
        assert near.min() < 0.02
        assert axes[2] @ surface["nn"][near.argmin()] > 0.8  # the normal of the helmet there


def test_coils_are_where_a_real_recording_has_them(info, real_data):
    real = mne.io.read_info(real_data / "meg_formats" / "sample_audvis_trunc_raw_sss.fif", verbose="error")
    picks = mne.pick_types(real, meg=True)
    assert [real["ch_names"][pick] for pick in picks] == info.ch_names
    moved = [
        np.linalg.norm(real["chs"][pick]["loc"][:3] - ch["loc"][:3])
        for pick, ch in zip(picks, info["chs"], strict=True)
    ]
    assert np.median(moved) < 1e-4
    turned = [real["chs"][pick]["loc"][9:] @ ch["loc"][9:] for pick, ch in zip(picks, info["chs"], strict=True)]
    assert min(turned) > 0.999


def _sarvas(place, moment, at):
    """Field (3,) of a dipole in a sphere at the origin: Sarvas 1987, equation 25."""
    a_vector = at - place
    a, r = np.linalg.norm(a_vector), np.linalg.norm(at)
    f = a * (r * a + r**2 - place @ at)
    gradient = (a**2 / r + a_vector @ at / a + 2 * a + 2 * r) * at - (a + 2 * r + a_vector @ at / a) * place
    cross = np.cross(moment, place)
    return 1e-7 / f**2 * (f * cross - (cross @ at) * gradient)


def test_field_is_that_of_a_dipole_in_a_sphere(info):
    place, moment = np.array([-0.05, 0.0, 0.06]), np.array([1.0, 2.0, -3.0]) * 1e-8
    field = lead_field(info, place[None])[:, 0] @ moment
    to_sphere = np.subtract(HEAD_IN_HELMET_M["vectorview"], HEAD_CENTRE_M)
    expected = []
    for channel in info["chs"]:
        at, (ex, _, ez) = channel["loc"][:3] + to_sphere, channel["loc"][3:].reshape(3, 3)
        if channel["coil_type"] == 3024:
            expected.append(_sarvas(place - HEAD_CENTRE_M, moment, at) @ ez)
        else:  # two loops, 16.8 mm apart along x
            loops = [_sarvas(place - HEAD_CENTRE_M, moment, at + sign * 0.0084 * ex) @ ez for sign in (1, -1)]
            expected.append((loops[0] - loops[1]) / 0.0168)
    kinds = np.array(info.get_channel_types())
    for kind in ("grad", "mag"):
        mine, theirs = field[kinds == kind], np.array(expected)[kinds == kind]
        np.testing.assert_allclose(mine, theirs, atol=0.06 * np.abs(mine).max())  # coils have an area, the points none
        assert np.corrcoef(mine, theirs)[0, 1] > 0.999
        assert mine @ theirs / (theirs @ theirs) == pytest.approx(1, abs=0.05)


def test_the_other_helmet_has_axial_gradiometers():
    """CTF: two loops, 5 cm apart along the channel's normal, wound against each other."""
    info = helmet(SFREQ, system="ctf275")
    assert (
        len(info.ch_names) == 274 and set(info.get_channel_types()) == {"mag"} and info.ch_names[0].startswith("MLC11")
    )
    place, moment = np.array([-0.05, 0.0, 0.06]), np.array([1.0, 2.0, -3.0]) * 1e-8
    field = lead_field(info, place[None])[:, 0] @ moment
    to_sphere = np.subtract(HEAD_IN_HELMET_M["ctf275"], HEAD_CENTRE_M)
    expected = []
    for channel in info["chs"]:
        at, ez = channel["loc"][:3] + to_sphere, channel["loc"][9:12]
        near, far = (_sarvas(place - HEAD_CENTRE_M, moment, at + up * ez) @ ez for up in (0.0, 0.05))
        expected.append(near - far)
    np.testing.assert_allclose(field, expected, atol=0.05 * np.abs(field).max())
    tops = [np.array([ch["loc"][2] for ch in helmet(SFREQ, system=name)["chs"]]).max() + HEAD_IN_HELMET_M[name][2]
            for name in ("vectorview", "ctf275")]  # fmt: skip
    assert abs(tops[0] - tops[1]) < 1e-3  # the head is as far from either


def test_a_left_source_is_seen_on_the_left(info):
    field = lead_field(info, np.array([[-0.05, 0.0, 0.06], [0.05, 0.0, 0.06]]))[..., 2]
    grad = mne.pick_types(info, meg="grad")
    x = np.array([ch["loc"][0] for ch in info["chs"]])[grad]
    strongest = np.argsort(np.abs(field[grad]), axis=0)[-10:]
    assert (x[strongest[:, 0]] < 0).all()
    assert (x[strongest[:, 1]] > 0).all()
    evoked = 20e-9 * np.abs(field[grad]).max()  # a 20 nAm source gives some 50 fT/cm
    assert 20e-13 < evoked < 100e-13


# noise


def test_noise_has_the_stated_spectrum():
    courses = noise.time_courses(40, 40_000, SFREQ, np.random.default_rng(0))
    freqs, density = scipy.signal.welch(courses, SFREQ, nperseg=2500, detrend=False)
    density = density.mean(0)
    inner = (freqs >= 1) & (freqs < 120)
    np.testing.assert_allclose(density[inner], noise.spectrum(freqs[inner]), rtol=0.25)
    assert abs(np.mean(density[inner] / noise.spectrum(freqs[inner])) - 1) < 0.03
    alpha = density[(freqs > 9) & (freqs < 11)].mean() / density[(freqs > 14) & (freqs < 16)].mean()
    assert alpha > 3


def test_noise_has_the_stated_autocovariance():
    courses = noise.time_courses(2000, 200, SFREQ, np.random.default_rng(1)).astype(float)
    stated = scipy.linalg.toeplitz(noise.autocovariance(200, SFREQ))
    measured = courses.T @ courses / len(courses)
    assert np.abs(measured - stated).max() < 6 * stated[0, 0] * np.sqrt(2 / len(courses))
    whitened = np.linalg.solve(np.linalg.cholesky(stated), courses.T)  # white only if every detail is right
    assert abs(np.mean(whitened**2) - 1) < 0.01
    assert np.abs(whitened @ whitened.T / len(courses) - np.eye(200)).max() < 6 / np.sqrt(len(courses)) * np.sqrt(2)


def test_the_level_of_the_noise_does_not_depend_on_the_rate():
    at_zero = [noise.autocovariance(1, rate)[0] - rate / 2 for rate in (250.0, 1000.0)]  # less the white floor
    np.testing.assert_allclose(*at_zero, rtol=0.05)


def test_background_is_realistic(person):
    kinds = np.array(person.info.get_channel_types())
    level = np.sqrt(np.diag(person.noise))
    assert 3e-13 < np.median(level[kinds == "grad"]) < 6e-13  # T/m in 1 Hz: 3 to 6 fT/cm
    assert 3e-15 < np.median(level[kinds == "mag"]) < 25e-15
    assert np.linalg.eigvalsh(person.noise / np.outer(level, level)).min() > 0


# sources


def _sound(tmp_path, samples, rate=16000):
    soundfile.write(tmp_path / "sound.wav", samples, rate, subtype="FLOAT")
    return tmp_path / "sound.wav"


EVENTS = pd.DataFrame({"kind": ["word", "phone", "phone"], "onset": [0.5, 0.5, 0.62]})


def test_features_of_a_tone(tmp_path):
    time_s = np.arange(16000) / 16000
    tone = np.sin(2 * np.pi * 1000 * time_s) * (time_s >= 0.4)
    features = stimulus_features(_sound(tmp_path, tone), EVENTS, SFREQ)
    level, rise, impulses = np.split(features, [N_BANDS, 2 * N_BANDS], axis=1)
    assert abs(len(features) - 250) <= 1
    mel = 2595 * np.log10(1 + np.array([80, 1000, 8000]) / 700)
    assert level[150].argmax() == np.rint((mel[1] - mel[0]) / (mel[2] - mel[0]) * (N_BANDS + 1) - 1)
    assert (level[:95] == 0).all()
    assert abs(int(rise.sum(1).argmax()) - 102) <= 5  # 0.4 s, within the 32 ms of a frame
    np.testing.assert_array_equal(np.argwhere(impulses), [[125, 0], [125, 1], [155, 1]])
    louder = stimulus_features(_sound(tmp_path, 7 * tone), EVENTS, SFREQ)
    np.testing.assert_allclose(louder, features, atol=1e-4)


def test_wrong_audio_is_refused(tmp_path):
    with pytest.raises(UserError, match="44100"):
        stimulus_features(_sound(tmp_path, np.ones(44100), 44100), EVENTS, SFREQ)
    with pytest.raises(UserError, match="divide 16000"):
        SimulatedMEG(sfreq=300.0)


def test_responses_come_at_their_latencies(person):
    impulse = np.zeros((N_SOURCES, 200))
    impulse[:, 50] = 1e-9
    activity = person.activity(impulse)
    assert np.abs(activity[:, :50]).max() < 1e-15  # not before the sound
    peaks_s = (np.abs(activity).argmax(1) - 50) / SFREQ
    lag_s = peaks_s - np.repeat([response.latency_s for response in RESPONSES], 2)
    assert np.ptp(lag_s) <= 1.5 / SFREQ  # one lag a listener
    assert np.abs(lag_s).max() < 0.015
    np.testing.assert_allclose(activity.sum(1), 1e-9, rtol=1e-6)
    assert person.deflections.shape[1] == MEMORY_S * SFREQ + 1


def test_responses_are_linear(person):
    a, b = np.random.default_rng(0).random((2, 300, person.weights.shape[1]))
    both = person.activity(person.drive(2 * a - b))
    np.testing.assert_allclose(
        both, 2 * person.activity(person.drive(a)) - person.activity(person.drive(b)), atol=1e-15
    )


@pytest.mark.slow
def test_listeners_differ():
    people = [listener(subject, SFREQ, seed=0) for subject in (1, 2)]
    correlation = [np.corrcoef(people[0].patterns[:, j], people[1].patterns[:, j])[0, 1] for j in range(N_SOURCES)]
    assert all(0.5 < r < 0.999 for r in correlation)
    assert people[0].info["bads"] != people[1].info["bads"]
    assert np.abs(people[0].info["dev_head_t"]["trans"] - people[1].info["dev_head_t"]["trans"]).max() > 5e-4


# the study


@pytest.mark.slow
def test_recordings_and_split(small):
    assert SimulatedMEG().split["orchestra"] == "test"
    assert sorted(set(SimulatedMEG().split.values())) == ["test", "train", "val"]
    assert len(SimulatedMEG().recordings()) == 40
    assert small.recordings()[0] == Recording(subject="01", task="orchestra", run="en")
    assert small.split == {"orchestra": "test", "train": "val"}
    one = SimulatedMEG(stories=["lighthouse.es"], n_subjects=1)
    assert [recording.name for recording in one.recordings()] == ["sub-01_task-lighthouse_run-es"]


def test_events_and_audio(small):
    for recording in small.recordings():
        events = small.events(recording)
        assert set(events.kind) == {"story", "sentence", "word", "phone"}
        lead = events.onset - events.stimulus_onset
        assert np.ptp(lead) < 1e-9
        assert 1 <= lead[0] <= 2
        story = events[events.kind == "story"].iloc[0]
        audio = soundfile.info(small.audio(story.stimulus))
        assert (audio.samplerate, audio.channels) == (16000, 1)
        assert audio.duration == pytest.approx(story.duration, abs=1e-3)
        assert story.duration <= SMALL["max_story_s"]
        last = events[events.kind == "sentence"].iloc[-1]
        assert last.onset + last.duration == pytest.approx(story.onset + story.duration, abs=1e-3)
        silence_s = small.load(recording).times[-1] - (story.onset + story.duration)
        assert 1 <= silence_s <= 2


def test_recording_holds_the_responses_on_its_clock(small):
    recording = small.recordings()[-1]
    raw, story = small.load(recording), small.events(recording).iloc[0]
    person = listener(int(recording.subject), SFREQ, seed=0)
    events = small.events(recording).assign(onset=lambda table: table.stimulus_onset)
    features = stimulus_features(small.audio(story.stimulus), events, SFREQ)
    expected = person.patterns @ person.activity(person.drive(features))
    first = round(story.onset * SFREQ)
    good = mne.pick_types(raw.info, meg="grad", exclude="bads")
    seen = raw.get_data(picks=good, start=first, stop=first + expected.shape[1])
    strongest = np.argsort(expected[good].std(1))[-20:]
    np.testing.assert_allclose(seen[strongest], expected[good][strongest], atol=0.1 * expected[good][strongest].std())
    assert raw.info["sfreq"] == SFREQ
    assert len(raw.info["bads"]) == 3


@pytest.mark.slow
def test_bad_channels_are_bad(tmp_path):
    study = SimulatedMEG(n_subjects=1, stories=["orchestra"], max_story_s=10, root=tmp_path)
    raw = study.load(study.recordings()[0])
    kinds = dict(zip(raw.ch_names, raw.get_channel_types(), strict=True))
    for bad in raw.info["bads"]:
        good = [name for name in raw.ch_names if kinds[name] == kinds[bad] and name not in raw.info["bads"]]
        ratio = raw.get_data(picks=[bad]).std() / np.median(raw.get_data(picks=good).std(1))
        assert ratio > 5 or ratio < 0.1


def _data(study):
    return {recording.name: study.load(recording).get_data() for recording in study.recordings()}


@pytest.mark.slow
def test_a_seed_gives_the_same_bits_and_another_other_people(small, tmp_path):
    again = SimulatedMEG(**SMALL, noise_level=1e-3, root=tmp_path)
    first, second = _data(small), _data(again)
    assert all((first[name] == second[name]).all() for name in first)
    other = SimulatedMEG(**SMALL | {"n_subjects": 1}, noise_level=1e-3, seed=1, root=tmp_path)
    for name, data in _data(other).items():
        n = min(data.shape[1], first[name].shape[1])
        assert np.corrcoef(data[:, :n].ravel(), first[name][:, :n].ravel())[0, 1] < 0.99
    noises = [_data(SimulatedMEG(**SMALL, signal_gain=0, root=tmp_path))[r.name] for r in small.recordings()[::2]]
    n = min(data.shape[1] for data in noises)
    assert abs(np.corrcoef(noises[0][2, :n], noises[1][2, :n])[0, 1]) < 0.5  # own noise a listener


@pytest.mark.slow
def test_a_run_that_was_killed_goes_on(tmp_path):
    study = SimulatedMEG(**SMALL, root=tmp_path)
    files = {recording: study.sources(recording)[0] for recording in study.recordings()}
    before = _data(study)
    lost, *kept = files.values()
    lost.unlink()
    lost.parent.rename(lost.parent.with_name(f".{lost.parent.name}.12345678.part"))  # as a kill leaves it
    times = [path.stat().st_mtime_ns for path in kept]
    after = _data(SimulatedMEG(**SMALL, root=tmp_path))
    assert [path.stat().st_mtime_ns for path in kept] == times
    assert all((before[name] == after[name]).all() for name in before)


def test_more_subjects_share_what_is_made(small):
    more = SimulatedMEG(**SMALL | {"n_subjects": 3}, noise_level=1e-3, root=small.root)
    old = small.sources(small.recordings()[0])[0]
    time = old.stat().st_mtime_ns
    assert more.sources(more.recordings()[-1])[0].exists()
    assert old.stat().st_mtime_ns == time
    assert more.sources(more.recordings()[0])[0] == old


def test_constructing_writes_nothing(tmp_path):
    study = SimulatedMEG(root=tmp_path)
    study.recordings()
    assert os.listdir(tmp_path) == []
    assert pickle.loads(pickle.dumps(study)).recordings() == study.recordings()  # noqa: S301


@pytest.mark.parametrize(
    "options, message",
    [
        ({"stories": ["orchestr"]}, "Nearest: orchestra"),
        ({"n_subjects": 0}, "n_subjects is 0"),
        ({"noise_level": 0.0}, "noise_level is 0"),
        ({"max_story_s": -1.0}, "max_story_s is -1"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        SimulatedMEG(**options)


def test_unknown_stimulus_is_refused(small):
    with pytest.raises(UserError, match="no stimulus 'nothing.en'"):
        small.audio("nothing.en")
