"""SSS with movement and in time, bad sensors before it, spans of movement and of muscles: on a helmet whose field is known."""

import mne
import numpy as np
import pytest
from artifact_worlds import RunsStudy, run, world
from test_bad_channels import helmet_with_noise

from n2s.data import SSS, AnnotateMovement, AnnotateMuscle, FindBadChannels, Preprocessing, RemoveICA
from n2s.data.cleaning.components import rank_of
from n2s.data.cleaning.run import Cleaning, Variances, run_step
from n2s.data.cleaning.spared import shares
from n2s.data.edges import annotated, bad_spans
from n2s.data.recordings import prepare
from n2s.data.steps import Step
from n2s.errors import UserError
from n2s.findings import kept
from n2s.studies.events import events_table

SFREQ = 200.0


def positions(places_m, times_s):
    """MaxFilter's rows for a head at these places (device coordinates), without rotation."""
    rows = np.zeros((len(times_s), 10))
    rows[:, 0], rows[:, 4:7], rows[:, 7] = times_s, -np.asarray(places_m), 1.0
    return rows


def helmet_at_rest(n_times=2000, *, seed=0, gain=1.0):
    raw = helmet_with_noise()
    scale = np.where(np.array(raw.get_channel_types()) == "mag", 1e-14, 1e-13)[:, None]
    raw._data[:] = gain * scale * np.random.default_rng(seed).standard_normal(raw._data.shape)
    return raw


def field_of(info, at_m):
    """(c,) The field of a current dipole that is fixed in the head."""
    sphere = mne.make_sphere_model((0.0, 0.0, 0.0), None, verbose="error")
    info = info.copy()
    with info._unlock():
        info["dev_head_t"] = mne.Transform(
            "meg", "head", np.array([[1, 0, 0, -at_m[0]], [0, 1, 0, -at_m[1]], [0, 0, 1, -at_m[2]], [0, 0, 0, 1.0]])
        )
    dipole = mne.Dipole([0.0], [[0.0, 0.03, 0.06]], [1e-8], [[1.0, 0, 0]], [100.0])
    return mne.make_forward_dipole(dipole, sphere, info, verbose="error")[0]["sol"]["data"][:, 0] * 1e-8  # 10 nAm


@pytest.fixture(scope="module")
def moving(tmp_path_factory):
    """A dipole that oscillates at 10 Hz in a head that moves by 2 cm in the middle; positions in a file."""
    raw = helmet_at_rest()
    n = raw.n_times
    course = np.sin(2 * np.pi * 10 * raw.times)
    first, second = field_of(raw.info, (0, 0, 0)), field_of(raw.info, (0.0, 0.02, 0.0))
    half = n // 2
    raw._data[:, :half] += np.outer(first, course[:half])
    raw._data[:, half:] += np.outer(second, course[half:])
    folder = tmp_path_factory.mktemp("moving")
    times = np.array([0.0, 4.75, 5.0, 9.5])
    places = np.where((times >= raw.times[half])[:, None], (0.0, 0.02, 0.0), (0.0, 0.0, 0.0))
    mne.chpi.write_head_pos(folder / "moving.pos", positions(places, times))
    return raw, folder / "moving.pos", course


def patterns(raw, course):
    data, half = raw.get_data("mag"), raw.n_times // 2
    return [data[:, part] @ course[part] for part in (slice(0, half - 60), slice(half + 60, None))]


@pytest.mark.slow
def test_movement_is_compensated(moving):
    raw, file, course = moving
    before = np.corrcoef(*patterns(raw, course))[0, 1]
    step = SSS(head_pos=str(file))
    with kept():
        plain, _ = run_step(SSS(), raw.copy(), "here")
        after, numbers = run_step(step, raw.copy(), "here")
    moved, still = np.corrcoef(*patterns(after, course))[0, 1], np.corrcoef(*patterns(plain, course))[0, 1]
    print(
        f"patterns before and after the move correlate by {before:.3f}; SSS {still:.3f}, with movement {moved:.3f}; {numbers}"
    )
    assert moved > 0.98 > still and before < 0.97
    assert numbers["head_moved_mm"] == pytest.approx(20.0, abs=0.1) and 60 < numbers["n_moments"] < 100
    assert [each.name for each in step.files([file])] == ["moving.pos"]


def test_rank_after_compensation_is_that_of_sss(moving):
    """The data have a higher one: the head's places have other moments each."""
    raw, file, _ = moving
    with kept():
        raw, numbers = run_step(SSS(head_pos=str(file)), raw.copy(), "here")
    assert rank_of(raw) <= numbers["n_moments"] < 100 < len(raw.ch_names)


@pytest.mark.slow
def test_a_destination_is_where_sensors_are_put(moving):
    raw, file, _ = moving
    with kept():
        for destination in ([0.0, 0.0, 0.04], "average"):
            cleaned = run_step(SSS(head_pos=str(file), destination=destination), raw.copy(), "here")[0]
            place = cleaned.info["dev_head_t"]["trans"][:3, 3]
            expected = destination if destination != "average" else (0.0, -0.01, 0.0)
            np.testing.assert_allclose(place, expected, atol=2e-4)


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (SSS(head_pos="chpi"), "no continuous head localisation"),
        (SSS(head_pos="nowhere/run.pos"), "head_pos is nowhere/run.pos, which is no file"),
        (SSS(head_pos="{folder}/{name}.pos"), "the recording comes from no file"),
        (SSS(st_duration_s=60.0), "st_duration_s is 60, and the recording lasts 10.00 s"),
        (SSS(destination="nowhere.fif"), "destination is nowhere.fif, which is no file"),
        (AnnotateMovement(), "no continuous head localisation"),
        (FindBadChannels(duration_s=20.0), "duration_s is 20, and the recording lasts 10.00 s"),
    ],
)
def test_what_is_not_there_is_said(step, message):
    with pytest.raises(UserError, match=message):
        run_step(step, helmet_at_rest(), "here")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SSS(head_pos="cHPI"), "expected chpi, or the path of a .pos file.*Nearest: chpi"),
        (lambda: SSS(st_correlation=1.5), "st_correlation is 1.5"),
        (lambda: SSS(destination="average"), "head_pos is not set"),
        (lambda: SSS(destination=[0, 0]), "expected average, a FIF file, or x, y, z"),
        (lambda: SSS(destination=[0, 0, 40]), "farther than 1 m"),
        (lambda: SSS(head_pos="chpi", coord_frame="meg"), "coord_frame is meg"),
        (lambda: AnnotateMovement(distance_m=None), "nothing would be marked"),
        (lambda: AnnotateMovement(spared=["speak"]), r"spared holds \['speak'\]; conditions of events are"),
        (lambda: AnnotateMuscle(filter_freq=(140, 110)), "expected a lower and a higher frequency"),
        (lambda: AnnotateMuscle(ch_type="ecog"), "ch_type is 'ecog'"),
        (lambda: Preprocessing(steps=[SSS(), FindBadChannels()]), "FindBadChannels comes after SSS"),
        (lambda: Preprocessing(steps=[SSS(), SSS()]), "twice"),
    ],
)
def test_options_that_cannot_be(make, message):
    with pytest.raises(UserError, match=message):
        make()


@pytest.mark.slow
def test_positions_of_another_recording_or_clock(moving, tmp_path):
    raw, file, _ = moving
    rows = mne.chpi.read_head_pos(file)
    rows[:, 0] += 500
    mne.chpi.write_head_pos(tmp_path / "other.pos", rows)
    with pytest.raises(UserError, match=r"of 4 head positions .*500.0 to 509.5 s. 0 lie inside the recording"):
        run_step(SSS(head_pos=str(tmp_path / "other.pos")), raw.copy(), "here")
    later = mne.io.RawArray(raw.get_data(), raw.info, first_samp=round(500 * SFREQ), verbose="error")
    with kept() as told:
        on_own, _ = run_step(SSS(head_pos=str(tmp_path / "other.pos")), later.copy(), "here")
        from_zero, _ = run_step(SSS(head_pos=str(file)), later.copy(), "here")
    np.testing.assert_allclose(on_own.get_data(), from_zero.get_data(), atol=1e-18)
    assert sum("taken from the recording's first sample on" in one.text for one in told) == 1


def test_tsss_removes_what_comes_from_near_the_sensors():
    """A source outside the head and inside the helmet's reach, as dental work is: SSS alone cannot explain it."""
    raw = helmet_at_rest()
    near = np.random.default_rng(4).standard_normal(306) * np.where(
        np.array(raw.get_channel_types()) == "mag", 2e-12, 2e-11
    )
    course = np.convolve(np.random.default_rng(5).standard_normal(raw.n_times), np.hanning(20), "same")
    raw._data += np.outer(near, course / course.std())
    with kept():
        spatial, _ = run_step(SSS(), raw.copy(), "here")
        temporal, _ = run_step(SSS(st_duration_s=5.0, st_correlation=0.9), raw.copy(), "here")
    left = [np.linalg.norm(each.get_data("mag") @ course) for each in (spatial, temporal)]
    print(f"of the near artifact, tSSS leaves {100 * left[1] / left[0]:.1f}% of what SSS leaves")
    assert left[1] < 0.05 * left[0]
    assert SSS(st_duration_s=5.0).support_s == 10.0


@pytest.mark.slow
def test_noisy_and_flat_sensors_are_found_before_sss():
    raw = helmet_at_rest()
    raw._data += np.outer(field_of(raw.info, (0, 0, 0)), np.sin(2 * np.pi * 10 * raw.times))
    raw._data[12] += 3e-11 * np.random.default_rng(1).standard_normal(raw.n_times)
    raw._data[40] = 0.0
    found = [raw.ch_names[12], raw.ch_names[40]]
    with kept() as told:
        data, _, info = Preprocessing(sfreq=100.0, steps=[FindBadChannels(min_count=2), SSS()])(raw.copy(), "here")
        with pytest.raises(UserError, match="1 of 306 good channels carry no signal"):
            Preprocessing(sfreq=100.0, steps=[SSS()])(raw.copy(), "here")
    assert np.isfinite(data).all() and info["bads"] == []
    text = next(one.text for one in told if "bad from here on" in one.text)
    assert all(name in text for name in found) and "(1 noisy, 1 flat)" in text


def test_spans_of_movement(moving):
    raw, file, _ = moving
    step = AnnotateMovement(str(file), distance_m=None, translation_m_s=0.05)
    with pytest.raises(UserError, match="holds no places of coils"):
        run_step(AnnotateMovement(str(file)), raw.copy(), "here")
    with kept() as told:
        marked, numbers = run_step(step, raw.copy(), "here")
    (span,) = bad_spans(marked)
    assert span[0] == pytest.approx(4.75, abs=0.26) and span[1] == pytest.approx(0.25, abs=0.05)
    assert numbers["head_moved_mm"] == pytest.approx(20, abs=0.1) and numbers["marked_s"] == {
        "mov_trans_vel": pytest.approx(0.25, abs=0.05)
    }
    assert any("no window touches them" in one.text for one in told)
    with kept():
        counted, _ = run_step(
            AnnotateMovement(str(file), distance_m=None, translation_m_s=0.05, drop=False), raw.copy(), "here"
        )
    assert bad_spans(counted) == [] and [note.text for note in annotated(counted)] == ["mov_trans_vel"]
    coils = [
        {"r": np.array(r, float), "ident": i, "kind": 2, "coord_frame": 4}
        for i, r in enumerate([(0, 0.1, 0), (0.07, 0, 0), (-0.07, 0, 0)])
    ]
    located = raw.copy()
    with located.info._unlock():
        located.info["hpi_results"] = [{"dig_points": coils}]
    with kept():
        far, numbers = run_step(AnnotateMovement(str(file), distance_m=0.005), located, "here")
    assert numbers["marked_s"]["mov_dist"] == pytest.approx(9.5, abs=0.1)  # both places are 1 cm from their mean


def tense_raw(*, start_s=0.0, meas_date=None):
    """EEG at 500 Hz with strong fast activity from 10 to 12 s and from 20 to 24 s."""
    rng = np.random.default_rng(0)
    montage = mne.channels.make_standard_montage("biosemi64")
    info = mne.create_info(montage.ch_names[:16], 500.0, "eeg").set_montage(
        montage, on_missing="ignore", verbose="error"
    )
    data = 1e-5 * rng.standard_normal((16, 20000))
    for first, last in ((5000, 6000), (10000, 12000)):
        data[:, first:last] += 1e-4 * rng.standard_normal((16, last - first))
    raw = mne.io.RawArray(data, info, first_samp=round(start_s * 500), verbose="error")
    return raw.set_meas_date(meas_date) if meas_date else raw


@pytest.mark.parametrize(("start_s", "date"), [(0.0, None), (33.0, None), (33.0, 1.6e9)])
def test_tense_muscles_are_marked_where_they_are(start_s, date):
    with kept():
        raw, numbers = run_step(AnnotateMuscle(), tense_raw(start_s=start_s, meas_date=date), "here")
    spans = bad_spans(raw)
    assert len(spans) == numbers["n_spans"] == 2
    np.testing.assert_allclose([[a, a + b] for a, b in spans], [[10, 12], [20, 24]], atol=0.25)
    assert numbers["marked_s"] == pytest.approx(6.0, abs=0.6) and numbers["highest_z"] > 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda raw: raw.resample(250.0, verbose="error"), r"the recording does not hold \(rate 250 Hz.*source rate, before preprocessing.sfreq"),
        (lambda raw: raw.filter(None, 40.0, verbose="error"), r"low-passed at 40 Hz.*choose filter_freq below 40 Hz"),
        (lambda raw: raw.set_channel_types(dict.fromkeys(raw.ch_names, "ecog"), verbose="error"), "good channels of .'ecog'.. Expected mag, grad or eeg"),
    ],
)  # fmt: skip
def test_a_muscle_band_that_the_recording_does_not_hold(change, message):
    with kept(), pytest.raises(UserError, match=message):
        run_step(AnnotateMuscle(), change(tense_raw()), "here")


def test_muscle_components_need_their_band_too():
    raw = world(1, duration_s=20.0).raw.resample(80.0, verbose="error")
    with pytest.raises(UserError, match="find has muscle, whose band from 7 to 45 Hz the recording does not hold"):
        RemoveICA(6, find=["muscle"], method="picard").fit([raw])


def events_of(*rows):
    return events_table(
        [
            {"onset": on, "duration": length, "kind": "word", "text": "a", "story": "s", "stimulus": "s", "stimulus_onset": 0.0, "condition": condition}
            for on, length, condition in rows
        ],
        where="here",
    )  # fmt: skip


def test_overt_speech_is_not_dropped_whole():
    events = events_of((10.5, 1.0, "overt"), (20.0, 4.0, "listen"), (30.0, 2.0, "listen"))
    step = AnnotateMuscle(spared=["overt"])
    cleaning = Cleaning([step], [None], events)
    spans = []
    with kept() as told:
        cleaning.run(tense_raw(), "here", spans)
    ends = np.array([[a, a + b] for a, b in spans])
    np.testing.assert_allclose(ends, [[10, 10.5], [11.5, 12], [20, 24]], atol=0.25)
    texts = [f"{one.kind}: {one.where}: {one.text}" for one in told]
    assert any(
        "odd: here (100%): AnnotateMuscle marks most of the time of 'overt' events as bad. They are kept" in one
        for one in texts
    )
    assert any("left out: here (67%): AnnotateMuscle marks most of the time of 'listen' events" in one for one in texts)
    assert shares([[10.0, 2.0]], events) == {"listen": 0.0, "overt": 1.0}


def test_marking_costs_no_variance():
    cleaning, raw = Cleaning.alone([AnnotateMuscle()]), tense_raw()
    with kept():
        cleaning.run(raw, "here", [])
    (numbers,) = cleaning.removed
    assert numbers["removed"] == {"eeg": 0.0}
    assert numbers["variance"]["eeg"]["before"] == pytest.approx(Variances.of(raw, raw.ch_names, []).by_kind["eeg"])


def test_buffers_of_any_rate():
    """Half buffers overlap: an odd number of samples would be refused by MNE."""
    raw = helmet_at_rest().resample(150.1, verbose="error")
    step = SSS(st_duration_s=3.0)
    assert round(step._buffer_s(raw.info["sfreq"]) * raw.info["sfreq"], 6) == 450
    with kept():
        assert np.isfinite(run_step(step, raw, "here")[0].get_data()).all()


def test_a_step_that_adds_variance_is_odd():
    raw = tense_raw()

    class Louder(Step):
        def settings(self):
            return {}

        def __call__(self, raw):
            raw._data *= 2
            return raw

    with kept() as told:
        Cleaning.alone([Louder()]).run(raw, "here", [])
    assert any(one.kind == "odd" and one.where == "here (eeg by 300%)" and "adds variance" in one.text for one in told)


def test_marked_spans_are_in_the_prepared_recording(tmp_path):
    """No window touches them, but in events that are spared; the numbers lie beside."""
    study = RunsStudy(tmp_path, {run(1): tense_raw()}, events_of((10.5, 1.0, "overt"), (30.0, 4.0, "listen")))
    with kept():
        (one,) = prepare(study, Preprocessing(sfreq=50.0, picks=["eeg"], steps=[AnnotateMuscle()]))
    spans = np.array([[a, a + b] for a, b in one.meta["bad_spans"]])
    marked = np.zeros(400, bool)
    for a, b in spans:
        marked[round(10 * a) : round(10 * b)] = True  # wider by what filters carry out of them
    assert marked[[101, 103, 118, 210, 230]].all() and not marked[[50, 107, 112, 150, 300]].any()
    assert one.meta["cleaned"][0]["step"] == "AnnotateMuscle" and one.meta["cleaned"][0]["n_spans"] == 2
