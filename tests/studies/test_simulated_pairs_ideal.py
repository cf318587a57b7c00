"""The best possible decoders of the same people in two simulated scanners: exact, and no more than that."""

import numpy as np
import pytest
import scipy.linalg
import scipy.special

from n2s.data.hrf_response import hrf_response
from n2s.errors import UserError
from n2s.studies import SimulatedPairFMRI, SimulatedPairMEG
from n2s.studies.simulated.areas_run import noise_over_time
from n2s.studies.simulated.bold_noise import AR_S
from n2s.studies.simulated.noise import autocovariance
from n2s.studies.simulated.pair_courses import sound_courses

pytestmark = pytest.mark.slow

pytest.importorskip("espeakng_loader")
SMALL = {"n_subjects": 2, "n_stories": 3, "minutes": 0.5, "n_test": 1}
STEP_S = 4.0


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """One folder for all: each tale is spoken once."""
    return tmp_path_factory.mktemp("simulated")


def studies(root, **options):
    return tuple(kind(**SMALL | options, root=root) for kind in (SimulatedPairMEG, SimulatedPairFMRI))


def begins(study, recording):
    """When its story begins on its clock, s."""
    return study.events(recording).query("kind == 'story'").onset.item()


def grid(study):
    """(k) Candidates, a grid over all stories."""
    lengths = {f"{one}.en": study._material.length_s(f"{one}.en") for one in study.split}
    return [
        (name, float(at)) for name, length_s in lengths.items() for at in np.arange(int(length_s / STEP_S)) * STEP_S
    ]


def all_scores(study, session=""):
    """(n, k) Of all grid windows of all people, and (n,) which candidate is true."""
    candidates, scores, target = grid(study), [], []
    offset_s, duration_s = (0.1, STEP_S - 0.1) if isinstance(study, SimulatedPairMEG) else (4.0, STEP_S + 4.0)
    for recording in study.recordings():
        if recording.session != session:
            continue
        own = [i for i, (stimulus, _) in enumerate(candidates) if stimulus == f"{recording.task}.en"]
        starts_s = begins(study, recording) + np.array([candidates[i][1] for i in own])
        scores.append(study.ideal_scores(recording, starts_s, candidates, offset_s=offset_s, duration_s=duration_s))
        target += own
    return np.concatenate(scores), np.array(target)


def top1(scores, target):
    return (scores.argmax(1) == target).mean()


def expected_top1(scores):
    """What a decoder expects of itself: the mean of its posterior of what it takes to be true."""
    return scipy.special.softmax(scores, axis=1).max(1).mean()


def log_ratio(data, signal, covariance):
    """Log N(data; signal, covariance) - log N(data; 0, covariance), of matrices as long vectors."""
    x, s = data.ravel(), signal.ravel()
    factor = scipy.linalg.cho_factor(covariance)
    return -0.5 * ((x - s) @ scipy.linalg.cho_solve(factor, x - s) - x @ scipy.linalg.cho_solve(factor, x))


@pytest.mark.slow
@pytest.mark.parametrize(("number", "gain"), [(1, 1.0), (6, 0.5)])
def test_scores_of_meg_are_those_of_a_dense_gaussian(root, number, gain):
    study = SimulatedPairMEG(**SMALL, signal_gain=10, noise_level=1.5, n_produced=2, root=root)
    recording, candidates = study.recordings()[number], [("tale-02.en", 4.0), ("tale-01.en", 0.0), ("tale-03.en", 9.31)]
    start_s, offset_s, duration_s = begins(study, recording) + 4.0, 0.1, 0.2
    (found,) = study.ideal_scores(recording, np.array([start_s]), candidates, offset_s=offset_s, duration_s=duration_s)
    first, known = round((start_s + offset_s) * 100), study.known("01")
    data = study.load(recording).get_data()[:, first : first + 20]
    over_time = scipy.linalg.toeplitz(autocovariance(20, 100.0)) / autocovariance(1, 100.0)
    unit = np.sqrt(known.noise[0, 0])
    covariance = np.kron(known.noise / unit**2, over_time)
    for score, (stimulus, at_s) in zip(found, candidates, strict=True):
        drive = sound_courses(study.audio(stimulus), 100.0) @ known.mixtures
        active = [np.convolve(one, kernel) for one, kernel in zip(drive.T, known.kernels.T, strict=True)]
        began = round((at_s + offset_s) * 100)
        signal = gain * known.patterns @ np.array(active)[:, began : began + 20]
        assert score == pytest.approx(log_ratio(data / unit, signal / unit, covariance), rel=1e-6, abs=1e-6)


@pytest.mark.slow
def test_scores_of_bold_are_those_of_a_dense_gaussian(root):
    study = SimulatedPairFMRI(**SMALL, signal_gain=5, noise_level=1.5, resolution_mm=20, root=root)
    recording, candidates = study.recordings()[1], [("tale-02.en", 4.0), ("tale-01.en", 0.0), ("tale-03.en", 9.32)]
    start_s, seen = 14.0, slice(9, 11)  # volumes that start from 18 s on
    (found,) = study.ideal_scores(recording, np.array([start_s]), candidates, offset_s=4.0, duration_s=4.0)
    run, known, bold = study._run(recording), study.known("01"), study._scanned(recording)

    def cleaned(values):
        return values - bold[1] @ np.linalg.lstsq(bold[1], values, rcond=None)[0]

    over_time = cleaned(cleaned(noise_over_time(run, AR_S)).T)[seen, seen]
    spatial = np.diag(known.noise.white) + known.noise.loadings @ known.noise.loadings.T
    covariance = np.kron(over_time, spatial)
    assert len(covariance) < 1500
    for score, (stimulus, at_s) in zip(found, candidates, strict=True):
        drive = sound_courses(study.audio(stimulus), 50.0) @ known.mixtures
        slow = hrf_response(drive, 50.0, start_s - at_s, run.tr_s, run.n_volumes)
        signal = cleaned(slow @ known.patterns.T)[seen]
        assert score == pytest.approx(log_ratio(cleaned(bold[0])[seen], signal, covariance), rel=1e-5, abs=1e-5)


@pytest.mark.slow
def test_both_are_better_than_either_and_each_needs_its_own_segment(root):
    meg, fmri = studies(root, noise_level=0.8)
    (one, target), (other, again) = all_scores(meg), all_scores(fmri)
    np.testing.assert_array_equal(target, again)
    n = len(target)
    alone, both = (top1(one, target), top1(other, target)), top1(one + other, target)
    shuffled = (np.arange(n) + 5) % n
    chance = 1 / one.shape[1]
    assert min(alone) > 5 * chance and both > max(alone) + 0.1
    assert top1(one[shuffled] + other, target) < alone[1] and top1(one + other[shuffled], target) < alone[0]
    for scores in (one, other, one + other):  # likelihoods are right about how often they are right
        assert abs(expected_top1(scores) - top1(scores, target)) < 3 * np.sqrt(0.25 / n)


@pytest.mark.slow
def test_noise_alone_tells_nothing(root):
    for study in studies(root, signal_gain=0):
        scores, target = all_scores(study)
        ranks = (scores > scores[np.arange(len(target)), target][:, None]).mean(1)
        assert np.isfinite(scores).all() and np.ptp(scores, axis=1).min() > 0
        assert abs(ranks.mean() - 0.5) < 3 * np.sqrt(1 / 12 / len(target)) and top1(scores, target) < 0.2


def test_what_is_read_aloud_is_harder(root):
    meg = SimulatedPairMEG(**SMALL | {"n_subjects": 1, "noise_level": 0.3}, n_produced=3, root=root)
    (heard, target), (read, same) = all_scores(meg), all_scores(meg, session="overt")
    assert top1(heard, target) > top1(read, same) > 0.2
    assert abs(expected_top1(read) - top1(read, same)) < 3 * np.sqrt(0.25 / len(same))


def test_what_no_recording_or_sound_holds_is_told(root):
    for study, offset_s in zip(studies(root), (0.1, 4.0), strict=True):
        recording = study.recordings()[0]
        with pytest.raises(UserError, match="reach.* outside the r"):
            study.ideal_scores(recording, np.array([500.0]), [("tale-01.en", 0.0)], offset_s=offset_s, duration_s=4.0)
        with pytest.raises(UserError, match="candidate at 99.00 s of tale-01.en, which lasts"):
            study.ideal_scores(recording, np.array([12.0]), [("tale-01.en", 99.0)], offset_s=offset_s, duration_s=4.0)
        with pytest.raises(UserError, match="no stimulus 'tale-77.en'"):
            study.ideal_scores(recording, np.array([12.0]), [("tale-77.en", 0.0)], offset_s=offset_s, duration_s=4.0)
    with pytest.raises(UserError, match="holds no volume"):
        studies(root)[1].ideal_scores(recording, np.array([12.1]), [("tale-01.en", 0.0)], offset_s=4.0, duration_s=1.0)


@pytest.mark.nightly
def test_other_clocks_and_voxels_are_as_exact(root):
    people = SMALL | {"noise_level": 0.6}
    for study in (
        SimulatedPairMEG(**people, sfreq=125, root=root),
        SimulatedPairMEG(**people, sfreq=50, seed=3, root=root),
        SimulatedPairFMRI(**people, tr_s=1.6, root=root),
        SimulatedPairFMRI(**people, tr_s=0.8, seed=3, root=root),
    ):
        scores, target = all_scores(study)
        assert top1(scores, target) > 0.4
        assert abs(expected_top1(scores) - top1(scores, target)) < 3 * np.sqrt(0.25 / len(target))
