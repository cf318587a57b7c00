from dataclasses import replace

import numpy as np
import pytest
import scipy.stats

from n2s.errors import UserError
from n2s.studies import SimulatedMEG
from n2s.studies.simulated import noise
from n2s.studies.simulated.observer import candidate_courses, log_likelihood_ratios, sample
from n2s.studies.simulated.sources import listener

SFREQ = 250.0
WINDOW = {"offset_s": 0.15, "duration_s": 2.85}
SMALL = {"n_subjects": 1, "stories": ["orchestra"], "max_story_s": 150.0}


def _windows(study, recording):
    """Non-overlapping 3 s windows of a story: starts on the recording's clock, candidates."""
    story = study.events(recording).iloc[0]
    starts = np.arange(0, story.duration - 3, 3.0)
    return story.onset + starts, [(story.stimulus, start) for start in starts]


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return SimulatedMEG(**SMALL, root=tmp_path_factory.mktemp("simulated"))


def test_likelihood_against_the_dense_normal_density():
    rng = np.random.default_rng(0)
    n, k, c, j, t = 3, 5, 4, 2, 12
    patterns, courses = rng.normal(size=(c, j)) * 1e-6, rng.normal(size=(k, j, t)) * 1e-8
    mixing = rng.normal(size=(c, 2 * c)) * 1e-14
    spatial, temporal = mixing @ mixing.T, noise.autocovariance(t, SFREQ) / 10
    data = rng.normal(size=(n, c, t)) * 1e-13
    scores = log_likelihood_ratios(data, courses, patterns=patterns, spatial=spatial, temporal=temporal)
    dense = np.kron(spatial * 1e28, scipy.linalg.toeplitz(temporal))  # in units of 1e-14 T
    for window in range(n):
        x = data[window].ravel() * 1e14
        silent = scipy.stats.multivariate_normal.logpdf(x, np.zeros(c * t), dense)
        for candidate in range(k):
            mean = (patterns @ courses[candidate]).ravel() * 1e14
            expected = scipy.stats.multivariate_normal.logpdf(x, mean, dense) - silent
            assert scores[window, candidate] == pytest.approx(expected, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("start_s", [0.0, 0.1, 3.0, 5.5])
def test_candidates_against_a_naive_sum(start_s):
    person = listener(1, SFREQ, seed=0)
    drive = np.random.default_rng(0).random((len(person.weights), 1600))  # 6.4 s
    (whole,) = candidate_courses(person, {"a": drive}, [("a", start_s)], sfreq=SFREQ, **WINDOW, whole_audio=True)
    (alone,) = candidate_courses(person, {"a": drive}, [("a", start_s)], sfreq=SFREQ, **WINDOW)
    first, n_known = round(start_s * SFREQ), sample(2.85, SFREQ)
    inside = drive[:, first : first + n_known]
    for j, i in ((0, 0), (3, 10), (5, 400), (2, 711)):
        now = sample(start_s + 0.15, SFREQ) + i
        terms_whole, terms_alone = [], []
        for lag, weight in enumerate(person.deflections[j]):
            heard = now - lag
            terms_whole.append(weight * drive[j, heard] if 0 <= heard < 1600 else 0.0)
            known = first <= heard < first + n_known
            terms_alone.append(terms_whole[-1] if known else weight * inside[j].mean())
        assert whole[j, i] == pytest.approx(sum(terms_whole), abs=1e-9)
        assert alone[j, i] == pytest.approx(sum(terms_alone), abs=1e-9)


def test_nothing_is_heard_outside_the_window():
    person = listener(1, SFREQ, seed=0)
    drive = np.random.default_rng(0).random((len(person.weights), 2000))
    other = drive.copy()
    other[:, : round(2 * SFREQ)] = 5
    other[:, round(4.85 * SFREQ) + 1 :] = 5
    courses = [candidate_courses(person, {"a": d}, [("a", 2.0)], sfreq=SFREQ, **WINDOW) for d in (drive, other)]
    np.testing.assert_array_equal(*courses)


@pytest.mark.slow
def test_noise_alone_is_at_chance(tmp_path):
    study = SimulatedMEG(**SMALL, signal_gain=0.0, root=tmp_path)
    hits, windows = 0, 0
    for recording in study.recordings():
        starts, candidates = _windows(study, recording)
        scores = study.ideal_scores(recording, starts, candidates, **WINDOW)
        assert np.ptp(scores) > 0  # it does look for a signal
        hits += (scores.argmax(1) == np.arange(len(starts))).sum()
        windows += len(starts)
    assert windows > 40
    assert hits <= scipy.stats.binom.ppf(0.999, windows, 1 / len(candidates))


def _log_posterior(scores):
    return float(np.mean(np.diag(scores) - scipy.special.logsumexp(scores, axis=1)))


@pytest.mark.slow
def test_ideal_beats_observers_that_are_wrong_about_something(small):
    (recording,) = small.recordings()
    starts, candidates = _windows(small, recording)
    raw, right, stranger = small.load(recording), listener(1, SFREQ, seed=0), listener(7, SFREQ, seed=0)
    n_times = sample(2.85, SFREQ)
    good = [i for i, name in enumerate(raw.ch_names) if name not in raw.info["bads"]]
    opens = [sample(start + 0.15, SFREQ) for start in starts]
    data = np.stack([raw[good, first : first + n_times][0] for first in opens])
    features = np.load(small.audio("orchestra.en").parent / "features.npy")

    temporal = noise.autocovariance(n_times, SFREQ)

    def score(person, temporal=temporal):
        drives = {"orchestra.en": person.drive(features)}
        return log_likelihood_ratios(
            data,
            candidate_courses(person, drives, candidates, sfreq=SFREQ, **WINDOW),
            patterns=person.patterns[good],
            spatial=person.noise[np.ix_(good, good)],
            temporal=temporal,
        )

    ideal = small.ideal_scores(recording, starts, candidates, **WINDOW)
    np.testing.assert_allclose(score(right), ideal, rtol=1e-6, atol=1e-6)
    wrong = {
        "lag": score(replace(right, deflections=np.roll(right.deflections, 12, axis=1))),
        "patterns": score(replace(right, patterns=stranger.patterns)),
        "bands": score(replace(right, weights=right.weights[[2, 3, 4, 5, 0, 1]])),
        "gain": score(replace(right, weights=3 * right.weights)),
        "white in space": score(replace(right, noise=np.diag(np.diag(right.noise)))),
        "white in time": score(right, temporal=np.eye(1, n_times)[0] * temporal[0]),
    }
    assert np.mean(ideal.argmax(1) == np.arange(len(starts))) > 0.5
    for what, scores in wrong.items():
        assert _log_posterior(scores) < _log_posterior(ideal) - 0.1, what


def test_windows_outside_the_recording_are_refused(small):
    recording = small.recordings()[0]
    with pytest.raises(UserError, match="outside the recording"):
        small.ideal_scores(recording, np.array([152.0]), [("orchestra.en", 3.0)], **WINDOW)


@pytest.mark.slow
def test_the_other_helmet_is_heard_as_well(tmp_path):
    """CTF's axial gradiometers see the same sources in the same background: a like score, from other sensors."""
    found = {}
    for system in ("vectorview", "ctf275"):
        study = SimulatedMEG(**SMALL, system=system, root=tmp_path)
        recording = study.recordings()[0]
        assert len(study.load(recording).ch_names) == {"vectorview": 306, "ctf275": 274}[system]
        starts, candidates = _windows(study, recording)
        scores = study.ideal_scores(recording, starts, candidates, **WINDOW)
        found[system] = np.mean(scores.argmax(1) == np.arange(len(starts)))
    assert min(found.values()) > 0.6 and abs(found["vectorview"] - found["ctf275"]) < 0.25, found
