"""Artifacts of simulated speech: when they are, in which band, at which sensors, and in which channels."""

import mne
import numpy as np
import pytest
import scipy.signal
import soundfile

from n2s.studies import SimulatedProduction
from n2s.studies.simulated.production_artifacts import (
    LEAK_SHARE,
    PEAK_T,
    carrier_covariance,
    carriers,
    free_field,
)
from n2s.studies.simulated.production_brain import speaker
from n2s.studies.simulated.production_head import NOD_M, helmet_at, pose, traces
from n2s.studies.simulated.sensors import lead_field

pytestmark = pytest.mark.slow

pytest.importorskip("espeakng_loader")
SMALL = {"n_subjects": 1, "n_runs": 1, "n_trials": 5, "sfreq": 500.0, "n_renditions": 1, "gestures": True}
STILL = {"blinks": 0, "heart": 0}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("production")


@pytest.fixture(scope="module")
def make(folder):
    def made(case, n_sensors=306, **options):
        return SimulatedProduction(
            **SMALL | {"case": case, "artifacts": STILL, "n_sensors": n_sensors, "root": folder} | options
        )

    return made


@pytest.fixture(scope="module")
def added(make):
    """What each case adds to the clean recording: case -> (sensors, samples)."""
    recording = make("clean").recordings()[0]
    clean = make("clean").load(recording).get_data(picks="meg")
    return {case: make(case).load(recording).get_data(picks="meg") - clean for case in ("muscle", "jaw", "audio")}


def epochs(study, data, condition, start_s, stop_s):
    recording = study.recordings()[0]
    onsets = study.trials(recording).query("condition == @condition").true_onset
    return np.stack([data[..., round((one + start_s) * 500) : round((one + stop_s) * 500)] for one in onsets])


def share_of_power(data, low_hz, high_hz):
    hz, power = scipy.signal.welch(data, 500.0, nperseg=min(1024, data.shape[-1]), detrend=False)
    return power[..., (hz >= low_hz) & (hz <= high_hz)].sum() / power.sum()


def test_muscles_are_broadband_and_at_the_edge_of_the_helmet(make, added):
    study, found = make("muscle"), added["muscle"]
    said = epochs(study, found, "overt", -0.3, 0.5)
    power = said.var((0, 2))
    places = np.array([channel["loc"][:3] for channel in study.load(study.recordings()[0]).info["chs"][:306]])
    kinds = np.array(study._person("01").info.get_channel_types())
    grads, mags = np.flatnonzero(kinds == "grad"), np.flatnonzero(kinds == "mag")
    for kind in (grads, mags):
        strongest = kind[np.argsort(power[kind])[-len(kind) // 10 :]]
        assert places[strongest, 2].mean() < np.quantile(places[kind, 2], 0.3)  # low
        assert places[strongest, 1].mean() > places[kind, 1].mean()  # and in front
    assert share_of_power(found[mags[power[mags].argmax()]], 20, 240) > 0.6  # the rest is the mean of its current
    assert 0.3 * PEAK_T["muscle"] < np.sqrt(power[mags].max()) < 2 * PEAK_T["muscle"]
    assert not epochs(study, found, "listen", -0.7, 1.0).any() and not epochs(study, found, "imagined", -0.5, 0.8).any()
    silent = epochs(study, found, "silent", -0.3, 0.5)
    assert silent.var() / said.var() == pytest.approx(0.25, rel=0.3)


def test_emg_begins_300_ms_before_the_voice(make):
    study = make("muscle", n_sensors=6)
    raw = study.load(study.recordings()[0])
    emg = np.abs(epochs(study, raw.get_data(picks="emg"), "overt", -0.7, 1.0)).max(1)
    sound = np.abs(epochs(study, raw.get_data(picks=["AUDIO"]), "overt", -0.7, 1.0))[:, 0]
    first = lambda one, times: (one.mean(0) > times * one[:, :100].mean()).argmax() / 500 - 0.7  # noqa: E731
    assert first(emg, 3) == pytest.approx(-0.3, abs=0.03)
    assert first(sound, 5) == pytest.approx(0.0, abs=0.03)
    quiet = np.abs(epochs(study, raw.get_data(picks="emg"), "listen", -0.7, 1.0))
    assert quiet.max() < 3e-5 < 1e-4 < emg.max()
    # lips work for words with lips: 'up' and 'stop' end in p
    trials = study.trials(study.recordings()[0]).query("condition == 'overt'")
    lips = epochs(study, raw.get_data(picks=["EMG001"]), "overt", 0.0, 0.5).std((1, 2))
    assert (
        lips[trials.text.isin(["up", "stop"]).to_numpy()].min()
        > 1.5 * lips[trials.text.isin(["right"]).to_numpy()].max()
    )


def test_jaw_and_head_move_in_delta_and_theta(make, added):
    study, found = make("jaw"), added["jaw"]
    mags = np.array(study._person("01").info.get_channel_types()) == "mag"
    assert share_of_power(found[mags], 0, 8) > 0.95
    peak = np.abs(epochs(study, found, "overt", -0.5, 1.0)[:, mags]).max()
    assert 0.3 * PEAK_T["jaw"] < peak < 2 * PEAK_T["jaw"]
    assert not epochs(study, found, "listen", -0.7, 1.0).any()
    # the traces show it, too, and no other case's do
    head = study.load(study.recordings()[0]).get_data(picks="chpi")
    nods = study._scene(study.recordings()[0]).nod
    assert abs(np.corrcoef(head[0], nods)[0, 1]) > 0.9
    still = make("muscle").load(study.recordings()[0]).get_data(picks="chpi")
    assert abs(np.corrcoef(still[0], nods)[0, 1]) < 0.05


def test_a_nod_is_that_of_the_sphere_model(make):
    one = speaker(1, 100.0, 306, 0)
    sites, direction = np.array([[-0.05, 0.01, 0.06]]), np.array([0.0, 0.5, 0.87])
    fields = [lead_field(helmet_at(100.0, one.shift_m, nod), sites)[:, 0] @ direction for nod in (-1, 0, 1, 2)]
    linear = fields[1] + 2 * (fields[2] - fields[0]) / 2
    assert np.linalg.norm(linear - fields[3]) < 0.01 * np.linalg.norm(fields[3])
    assert 0.001 < np.linalg.norm(fields[2] - fields[1]) / np.linalg.norm(fields[1]) < 0.1
    # the middle of the head goes to the front by a millimetre: what was there is seen in front of where it was
    before, after = (np.linalg.inv(pose(one.shift_m, nod)) @ [0, -0.02, 0.04, 1] for nod in (0, 1))
    np.testing.assert_allclose((after - before)[:3], [0, NOD_M, 0], atol=2e-5)


def test_head_traces_are_read_as_maxfilters_are(make):
    study = make("jaw", n_sensors=6)
    raw = study.load(study.recordings()[0])
    values = raw.get_data(picks="chpi")
    assert [channel["kind"] for channel in raw.info["chs"][-9:]] == [701, 702, 703, 704, 705, 706, 707, 708, 709]
    pos = np.column_stack([raw.times, values.T])
    places, turns, _ = mne.chpi.head_pos_to_trans_rot_t(pos)
    nods, shift_m = study._scene(study.recordings()[0]).nod, study._person("01").shift_m
    for at in (nods.argmax(), 10):
        true = pose(shift_m, nods[at])
        np.testing.assert_allclose(turns[at], true[:3, :3], atol=2e-3)
        np.testing.assert_allclose(places[at], true[:3, 3], atol=1.5e-3)  # drift
    still = traces(np.zeros(50), np.zeros((3, 50)), shift_m, 100.0, np.random.default_rng(0))
    np.testing.assert_allclose(still[3:6].mean(1), pose(shift_m, 0)[:3, 3], atol=2e-5)
    np.testing.assert_allclose(raw.info["dev_head_t"]["trans"], pose(shift_m, 0), atol=1e-7)


def test_sound_leaks_into_some_channels_as_it_is(make, added):
    study, found = make("audio"), added["audio"]
    hit = np.flatnonzero(found.any(1))
    assert len(hit) == round(LEAK_SHARE * 306)
    raw = study.load(study.recordings()[0])
    samples, rate = soundfile.read(study.audio("01-1"))
    assert rate == 16000 and len(samples) == round(raw.n_times / 500 * 16000)
    wave, envelope = (
        scipy.signal.resample_poly(one, 1, 32)[: raw.n_times]
        for one in (samples, np.abs(scipy.signal.hilbert(samples)))
    )
    np.testing.assert_allclose(raw.get_data(picks=["AUDIO"])[0], 0.1 * wave, atol=1e-9)
    for condition in ("listen", "overt"):
        parts = [epochs(study, one, condition, -0.04, 0.3) for one in (found[hit[0]], wave, envelope)]
        for leak, heard, loud in zip(*parts, strict=True):
            design = np.stack([heard, loud], 1)
            left = leak - design @ np.linalg.lstsq(design, leak, rcond=None)[0]
            assert np.square(left).sum() < 0.02 * np.square(leak).sum()
    assert not epochs(study, found, "silent", -0.5, 0.8).any()


def test_what_does_not_reach_the_helmet_is_seen_beside_it(make):
    recording = make("clean").recordings()[0]
    clean = make("clean", 24).load(recording)
    hidden = make("speech", 24, reach=0.0).load(recording)
    np.testing.assert_array_equal(clean.get_data(picks="meg"), hidden.get_data(picks="meg"))
    assert hidden.get_data(picks="emg").std() > 3 * clean.get_data(picks="emg").std()


def test_blinks_and_the_heart(make):
    study = make("clean", 60, artifacts={})
    raw, still = study.load(study.recordings()[0]), make("clean", 60).load(study.recordings()[0])
    eog, ecg = raw.get_data(picks=["EOG001"])[0], raw.get_data(picks=["ECG001"])[0]
    blinks = scipy.signal.find_peaks(eog, height=1e-4, distance=100)[0]
    assert 60 / 8 < len(blinks) / (raw.times[-1] / 60) < 60 / 2.5
    beats = scipy.signal.find_peaks(ecg, height=5e-4, distance=200)[0]
    assert np.median(np.diff(beats)) / 500 == pytest.approx(0.9, abs=0.1)
    assert len(mne.preprocessing.find_ecg_events(raw, verbose="error")[0]) == pytest.approx(len(beats), abs=3)
    body = raw.get_data(picks="mag") - still.get_data(picks="mag")
    design = np.stack([eog, ecg])
    fitted = body @ np.linalg.pinv(design) @ design
    assert np.square(body - fitted).sum() < 0.05 * np.square(body).sum()


def test_gestures_move_the_face_without_a_voice(make):
    study = make("speech", 24)
    recording = study.recordings()[1]
    raw, events = study.load(recording), study.events(recording)
    emg, sound = raw.get_data(picks="emg"), raw.get_data(picks=["AUDIO"])[0]
    at = lambda name, row: np.mean([emg[row, round(one * 500) : round((one + 1.2) * 500)].std() for one in events[events.text == name].onset])  # noqa: E731 # fmt: skip
    assert (
        at("smile", 0) > 2 * at("smile", 1)
        and at("chew", 1) > 2 * at("chew", 0)
        and at("tongue", 2) > 2 * at("tongue", 0)
    )
    assert np.abs(sound).max() < 1e-3
    assert not study._scene(recording).brain.any()


def test_gestures_show_what_speech_adds(make):
    """Few directions of the gesture block, in units of the noise, hold the fields: of muscles in what is fast, of jaw and nods in what is slow."""
    study = make("speech", 60)
    root = np.linalg.cholesky(study._person("01").noise)
    white = np.linalg.solve(root, study.load(study.recordings()[1]).get_data(picks="meg"))
    fast, slow = (np.linalg.svd(one @ one.T)[0] for one in (np.diff(white), white))
    own = study._fields("01")
    left = lambda field, basis: np.linalg.norm(field - basis @ (basis.T @ field)) / np.linalg.norm(field)  # noqa: E731
    for basis, fields, most in ((fast[:, :3], own.muscles.T, 0.1), (slow[:, :5], [own.jaw, own.nod], 0.35)):
        assert max(left(np.linalg.solve(root, field), basis) for field in fields) < most
    brain = np.linalg.solve(root, study._person("01").patterns)
    both = np.linalg.qr(np.concatenate([fast[:, :3], slow[:, :5]], 1))[0]
    assert left(brain, both) > 0.7  # most of the brain stays


def test_fields_in_free_space_are_those_of_the_textbook():
    info = helmet_at(100.0, np.zeros(3))
    kinds = np.array(info.get_channel_types())
    one = np.flatnonzero(kinds == "mag")[50]
    loc, shift = info["chs"][one]["loc"], info["dev_head_t"]["trans"][:3, 3]
    normal, place = loc[9:12], loc[:3] - 0.08 * loc[9:12] + shift
    on_axis = free_field(info, place, normal, magnet=True)[one]
    assert on_axis == pytest.approx(2 * 1e-7 / 0.08**3, rel=1e-3)
    assert free_field(info, place, normal)[one] == pytest.approx(0, abs=1e-9)
    across = np.cross(normal, loc[3:6])
    beside = free_field(info, place + 0.03 * loc[3:6], across)[one]  # Biot-Savart: 1e-7 l x r / r3
    assert abs(beside) == pytest.approx(1e-7 * 0.03 / np.hypot(0.08, 0.03) ** 3, rel=1e-3)


def test_carriers_have_their_band_and_covariance():
    found = carriers(400, 600, 500.0, np.random.default_rng(0))
    assert found.var() == pytest.approx(1, abs=0.02)
    assert share_of_power(found, 18, 230) > 0.97
    lags = [np.mean(found[:, : 600 - lag] * found[:, lag:]) for lag in range(30)]
    np.testing.assert_allclose(lags, carrier_covariance(600, 500.0)[:30], atol=0.02)
