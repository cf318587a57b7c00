"""The same people and stories in two simulated scanners: who they are, what drives them, and what is drawn."""

import numpy as np
import pytest

from n2s.data import EncodingDataModule, Glover, Lags
from n2s.errors import UserError
from n2s.features import Mel
from n2s.studies import Recording, SimulatedPairFMRI, SimulatedPairMEG
from n2s.studies.bold_cleaning import residual_maker
from n2s.studies.simulated.noise import autocovariance
from n2s.studies.simulated.pair_courses import KINDS, of_kind, sound_courses
from n2s.studies.study import Stimulus

pytestmark = pytest.mark.slow

pytest.importorskip("espeakng_loader")
SMALL = {"n_subjects": 2, "n_stories": 3, "minutes": 0.5, "n_test": 1}
KINDS_OF_STUDY = (SimulatedPairMEG, SimulatedPairFMRI)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """One folder for all: each tale is spoken once."""
    return tmp_path_factory.mktemp("simulated")


@pytest.fixture(scope="module")
def both(root):
    return SimulatedPairMEG(**SMALL, root=root), SimulatedPairFMRI(**SMALL, root=root)


def drawn(study, recording):
    """(t, c) What a study loads."""
    found = study.load(recording)
    return found.get_data().T if recording.modality == "meg" else found.data


def test_people_stories_and_splits_are_the_same(both):
    meg, fmri = both
    assert [one.name for one in meg.recordings()] == [one.name for one in fmri.recordings()]
    assert {one.modality for one in meg.recordings()} == {"meg"} and fmri.recordings()[0].modality == "fmri"
    assert meg.split == fmri.split == {"tale-01": "train", "tale-02": "train", "tale-03": "test"}
    assert meg.content == fmri.content and meg.audio("tale-01.en") == fmri.audio("tale-01.en")


def test_stories_begin_at_other_moments_in_each_recording_of_meg(both):
    meg, fmri = both
    begins = [
        {one.name: study.events(one).query("kind == 'story'").onset.item() for one in study.recordings()}
        for study in both
    ]
    assert len({*begins[0].values()}) > 3 and all(1 <= one <= 2 for one in begins[0].values())
    assert {*begins[1].values()} == {10.0}
    for study in both:
        events = study.events(study.recordings()[0])
        assert set(events.kind) == {"story", "sentence", "word", "phone"} and set(events.condition) == {"listen"}
        assert all(path.is_file() for path in study.sources(study.recordings()[0]))
    clips = fmri.clips(fmri.recordings()[-1])
    assert (clips.split == "test").all() and (clips.time_s - clips.start_s == 10).all()
    assert meg.load(meg.recordings()[0]).get_channel_types() == ["mag"] * 60


def test_options_out_of_range_are_told(root, both):
    for kind in KINDS_OF_STUDY:
        for wrong, message in (
            ({"n_test": 3}, "n_test is 3; expected a whole number from 0 to 2"),
            ({"noise_level": 0}, "noise_level is 0"),
            ({"shared": 0, "private": 0}, "nothing drives anybody"),
        ):
            with pytest.raises(UserError, match=message):
                kind(**SMALL | wrong, root=root)
    with pytest.raises(UserError, match="sfreq is 99 Hz; it must divide 16000"):
        SimulatedPairMEG(**SMALL, root=root, sfreq=99)
    with pytest.raises(UserError, match="n_produced is 4; expected a whole number from 0 to 3"):
        SimulatedPairMEG(**SMALL, root=root, n_produced=4)
    for study in both:
        with pytest.raises(UserError, match="no recording sub-07_task-tale-01_run-en; there are sub-01"):
            study.load(Recording("07", task="tale-01", run="en"))
        with pytest.raises(UserError, match="no subject '09'; there are 01 to 02"):
            study.known("09")


@pytest.mark.slow
def test_a_shared_source_follows_one_mixture_in_both(both):
    meg, fmri = (study.known("01") for study in both)
    assert meg.shared.sum() == fmri.shared.sum() == 8 and (~meg.shared).sum() == (~fmri.shared).sum() == 4
    np.testing.assert_array_equal(meg.places_mm[meg.shared], fmri.places_mm[fmri.shared])
    rows = of_kind("shared")
    factor = meg.mixtures[rows][:, meg.shared] / fmri.mixtures[rows][:, fmri.shared]
    np.testing.assert_allclose(factor, factor[0, 0], rtol=1e-9)
    for known, kind in ((meg, "meg"), (fmri, "fmri")):
        assert not known.mixtures[~rows][:, known.shared].any()
        assert (known.mixtures[of_kind(kind)][:, ~known.shared] != 0).all()
        assert not known.mixtures[~of_kind(kind)][:, ~known.shared].any()
    np.testing.assert_allclose(meg.kernels.sum(0), meg.shared, atol=1e-9)  # private ones cancel, for BOLD is slow
    places, patterns = both[0].lead_field("01")
    assert places.shape == (12, 3) and patterns.shape == (60, 12) and (np.abs(patterns).max(0) > 1e-7).all()
    other = both[0].known("02").mixtures
    alike = np.corrcoef(meg.mixtures[meg.mixtures != 0], other[other != 0])[0, 1]
    assert 0.2 < alike < 0.9  # half is everybody's


@pytest.mark.parametrize("gone", ["shared", "private"])
def test_without_a_gain_its_courses_drive_nobody(root, both, gone):
    options = SMALL | {gone: 0.0}
    changed = [kind(**options, root=root) for kind in KINDS_OF_STUDY]
    drive = [np.abs(study.known("01").mixtures).max(1) > 0 for study in changed]
    if gone == "shared":
        assert (
            not (drive[0] & drive[1]).any()
            and (drive[0] == of_kind("meg")).all()
            and (drive[1] == of_kind("fmri")).all()
        )
    else:
        assert (drive[0] == of_kind("shared")).all() and (drive[0] == drive[1]).all()
    usual = [study.known("01").mixtures for study in both]
    for study, before in zip(changed, usual, strict=True):
        left = study.known("01").mixtures
        np.testing.assert_array_equal(left[left != 0], before[left != 0])


def test_courses_are_apart_and_a_mel_target_holds_them(both):
    meg, _ = both
    sounds = [meg.audio(f"tale-0{i}.en") for i in (1, 2, 3)]
    found = np.concatenate([sound_courses(one, 100.0) for one in sounds])
    assert np.abs(found.std(0) - 1).max() < 0.3 and np.abs(np.corrcoef(found.T) - np.eye(12)).max() < 0.4
    assert sum(of_kind(kind).astype(int) for kind in KINDS).tolist() == [1] * 12
    target = np.concatenate(
        [
            Mel(hop=160).extract(Stimulus(one.parent.name, one)).values[: len(sound_courses(one, 100.0))]
            for one in sounds
        ]
    )
    whole = np.column_stack(
        [
            target,
            np.ones(len(target)),
            *(np.repeat(np.arange(3) == i, [len(sound_courses(s, 100.0)) for s in sounds]) for i in (0, 1)),
        ]
    )
    left = found - whole @ np.linalg.lstsq(whole, found, rcond=1e-8)[0]
    assert (left.var(0) < 1e-3 * found.var(0)).all()


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS_OF_STUDY)
def test_numbers_are_the_same_each_time_and_for_any_number_of_people(root, both, kind):
    study = both[KINDS_OF_STUDY.index(kind)]
    recording = study.recordings()[0]
    once = drawn(study, recording)
    again = kind(**SMALL | {"n_subjects": 5, "n_test": 0}, root=root)
    assert again.settings() == study.settings() and again.split is None
    np.testing.assert_array_equal(drawn(again, recording), once)
    quiet = kind(**SMALL | {"signal_gain": 0}, root=root)
    assert not quiet.signal(recording).any() and study.signal(recording).any()
    scale = np.abs(once).max()
    np.testing.assert_allclose(once - study.signal(recording), drawn(quiet, recording), atol=1e-6 * scale)
    for change in ({"seed": 1}, {"noise_level": 2}, {"shared": 0.5}, {"private": 2}):
        changed = kind(**SMALL | change, root=root)
        assert changed.settings() != study.settings()
        other = drawn(changed, recording)
        assert other.shape != once.shape or np.abs(other - once).max() > 1e-4 * scale


def test_no_two_recordings_have_the_same_random_numbers(root):
    studies = [kind(**SMALL | {"signal_gain": 0}, root=root) for kind in KINDS_OF_STUDY]
    draws = [
        np.random.default_rng(study._material.random(one, one.modality, use)).standard_normal(2000)
        for study in studies
        for one in study.recordings()
        for use in (0, 1)
    ]
    assert np.abs(np.corrcoef(draws) - np.eye(len(draws))).max() < 0.12
    for study in studies:
        first, second = (np.diff(drawn(study, one)[:13, :60], axis=0).ravel() for one in study.recordings()[:2])
        assert abs(np.corrcoef(first, second)[0, 1]) < 0.6


def test_the_noise_of_meg_is_as_known(root):
    quiet = SimulatedPairMEG(**SMALL | {"signal_gain": 0, "n_subjects": 1, "noise_level": 2}, root=root)
    data = np.concatenate([drawn(quiet, one) for one in quiet.recordings()])
    factor = np.linalg.cholesky(quiet.known("01").noise / autocovariance(1, 100.0)[0])
    white = np.diff(np.linalg.solve(factor, data.T), axis=1)  # without drift
    expected = 2 * (autocovariance(2, 100.0)[0] - autocovariance(2, 100.0)[1])
    assert white.var() == pytest.approx(expected, rel=0.02)


def test_some_stories_are_read_aloud(root, both):
    meg = SimulatedPairMEG(**SMALL, root=root, n_produced=2)
    heard, read = meg.recordings()[:6], meg.recordings()[6:]
    assert heard == both[0].recordings() and meg.settings() == both[0].settings()
    assert [one.name for one in read] == [f"sub-0{i}_ses-overt_task-tale-0{j}_run-en" for i in (1, 2) for j in (2, 3)]
    one, other = read[0], heard[1]
    assert set(meg.events(one).condition) == {"overt"} and set(meg.events(other).condition) == {"listen"}
    assert set(meg.events(one).stimulus) == set(meg.events(other).stimulus) == {"tale-02.en"}
    begins = [round(meg.events(o).query("kind == 'story'").onset.item() * 100) for o in (one, other)]
    assert begins[0] != begins[1]
    aloud, listened = meg.signal(one)[begins[0] :], meg.signal(other)[begins[1] :]
    np.testing.assert_allclose(aloud, listened / 2)
    np.testing.assert_array_equal(drawn(meg, other), drawn(both[0], other))


@pytest.mark.slow
def test_datamodules_read_both(root):
    meg, fmri = (kind(**SMALL | {"n_subjects": 1}, root=root) for kind in KINDS_OF_STUDY)
    for study, response in ((meg, Lags(0.0, 0.3)), (fmri, Glover())):
        data = EncodingDataModule(studies={"pair": study}, features={"mel": Mel()}, response=response)
        data.setup("test")
        (fold,) = data.folds(data.subjects[0])
        rows = data.rows(data.subjects[0])
        assert set(rows.iloc[fold.test].story) == {"tale-03"}


def test_signal_is_where_the_regions_say(root, both):
    _, fmri = both
    recording = fmri.recordings()[0]
    share, rois = fmri.explainable(recording), fmri.load(recording).rois
    driven = np.abs(fmri.signal(recording)).max(0) > 0
    assert ((share > 0) == driven).all() and share.max() < 0.5
    assert set(rois) == {"auditory", "speech", "whole"} and rois["whole"].all()
    assert not (rois["auditory"] & ~rois["speech"]).any()
    assert min(share[rois[one]].mean() for one in ("auditory", "speech")) > 5 * share[~rois["speech"]].mean()
    assert not SimulatedPairFMRI(**SMALL | {"signal_gain": 0}, root=root).explainable(recording).any()


def test_a_cleaned_run_varies_as_the_known_noise_and_signal_say(both):
    _, fmri = both
    recording = fmri.recordings()[0]
    run = fmri.load(recording)
    cleaned = residual_maker(run.nuisances) @ run.data
    signal = residual_maker(run.nuisances) @ fmri.signal(recording)
    noise = fmri.known("01").noise
    expected = (noise.white + (noise.loadings**2).sum(1)) * (len(cleaned) - run.nuisances.shape[1])
    variance, power = ((cleaned - signal) ** 2).sum(), expected.sum()
    assert 0.7 < variance / power < 1.1  # a part of slow noise leaves with the nuisances
