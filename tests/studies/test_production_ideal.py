"""The ideal observer of simulated production: its likelihood is exact, and no decoder is better."""

import numpy as np
import pytest
import scipy.linalg
from scipy.stats import multivariate_normal, norm
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from n2s.errors import UserError
from n2s.studies import SimulatedProduction
from n2s.studies.simulated.noise import autocovariance
from n2s.studies.simulated.observer import sample
from n2s.studies.simulated.production_ideal import Window
from n2s.studies.simulated.production_observer import (
    Candidates,
    Noise,
    class_scores,
    drawn,
    ideal,
    log_likelihoods,
    muscle_root,
    whitening,
)

pytest.importorskip("espeakng_loader")
SMALL = {"n_subjects": 1, "n_runs": 2, "n_trials": 25, "n_sensors": 40, "sfreq": 100.0, "case": "clean", "signal_gain": 1.2, "n_renditions": 2, "artifacts": {"blinks": 0, "heart": 0}}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("production")


@pytest.fixture(scope="module")
def study(folder):
    return SimulatedProduction(**SMALL, root=folder)


def toy(rng, *, muscles):
    means = rng.standard_normal((5, 3, 6))
    envelopes = rng.uniform(0, 2, (5, 2, 6)) if muscles else None
    found = Candidates(
        ("a", "b", "c"), np.array([0, 0, 1, 2, 2]), np.array([0.2, 0.1, 0.4, 0.2, 0.1]), means, envelopes
    )
    root = rng.standard_normal((2, 2)) if muscles else None
    return found, Noise(autocovariance(6, 50.0) / 50, root, 0.5 ** np.arange(6) if muscles else None)


@pytest.mark.parametrize("muscles", [False, True])
def test_the_likelihood_is_that_of_the_naive_density(muscles):
    rng = np.random.default_rng(0)
    found, noise = toy(rng, muscles=muscles)
    data = rng.standard_normal((7, 3, 6)) * 2
    toeplitz = lambda column: column[np.abs(np.subtract.outer(np.arange(6), np.arange(6)))]  # noqa: E731
    naive = np.empty((7, 5))
    for k in range(5):
        covariance = np.kron(np.eye(3), toeplitz(noise.temporal))
        for muscle in range(2 if muscles else 0):
            spread = np.zeros((3, 1))
            spread[:2, 0] = noise.mixing[:, muscle]
            envelope = found.envelopes[k, muscle]
            covariance += np.kron(spread @ spread.T, np.outer(envelope, envelope) * toeplitz(noise.carrier))
        naive[:, k] = multivariate_normal(found.means[k].ravel(), covariance).logpdf(data.reshape(7, -1))
    exact = log_likelihoods(data, found, noise)
    np.testing.assert_allclose(exact - exact[:, :1], naive - naive[:, :1], atol=1e-8)
    posterior = np.exp(naive) * found.weights
    known = np.stack([posterior[:, found.labels == label].sum(1) for label in range(3)], 1)
    scores = np.exp(class_scores(naive, found, uniform=False))
    np.testing.assert_allclose(scores / scores.sum(1, keepdims=True), known / known.sum(1, keepdims=True), rtol=1e-9)
    draws = drawn(found, noise, np.full(20_000, 3), rng).reshape(20_000, -1)
    covariance = np.kron(np.eye(3), toeplitz(noise.temporal))
    for muscle in range(2 if muscles else 0):
        spread = np.append(noise.mixing[:, muscle], 0)[:, None]
        covariance += np.kron(spread @ spread.T, np.outer(*[found.envelopes[3, muscle]] * 2) * toeplitz(noise.carrier))
    np.testing.assert_allclose(draws.mean(0), found.means[3].ravel(), atol=5 * np.sqrt(covariance.max() / 20_000))
    np.testing.assert_allclose(np.cov(draws.T), covariance, atol=6 * covariance.max() / np.sqrt(20_000))


def test_two_classes_have_the_score_of_the_closed_form():
    rng = np.random.default_rng(0)
    means = rng.standard_normal((2, 2, 5))
    noise = Noise(autocovariance(5, 50.0) / 20)
    covariance = noise.temporal[np.abs(np.subtract.outer(np.arange(5), np.arange(5)))]
    gap = means[1] - means[0]
    distance = np.sqrt(np.einsum("rt,tr->", gap, np.linalg.solve(covariance, gap.T)))
    pair = Candidates(("a", "b"), np.arange(2), np.full(2, 0.5), means)
    for n_windows in (1, 4):
        found = ideal(pair, noise, n_windows=n_windows, n_draws=4000, rng=rng)
        assert found.accuracy == pytest.approx(norm.cdf(np.sqrt(n_windows) * distance / 2), abs=4 * found.error + 1e-6)


def test_white_space_sees_all_of_the_patterns():
    rng = np.random.default_rng(0)
    spatial = np.cov(rng.standard_normal((9, 40))) * 1e-26
    first, rest = rng.standard_normal((9, 2)) * 1e-13, rng.standard_normal((9, 3)) * 1e-3
    matrix = whitening(spatial, first, np.concatenate([rest, rest[:, :1]], 1))
    assert matrix.shape == (5, 9)
    np.testing.assert_allclose(matrix @ spatial @ matrix.T, np.eye(5), atol=1e-9)
    np.testing.assert_allclose((matrix @ first)[2:], 0, atol=1e-9)
    for pattern in (*first.T, *rest.T):  # nothing of their energy is lost
        energy = pattern @ np.linalg.solve(spatial * 1e26, pattern) * 1e26
        assert np.sum((matrix @ pattern) ** 2) == pytest.approx(energy, rel=1e-6)


def windows(study, condition, artifacts=False):
    """(n, c, t) As a decoder cuts them, texts, and the score of the ideal observer at the same windows."""
    data, texts, right = [], [], []
    for recording in study.recordings():
        if recording.run:
            raw, events = study.load(recording).get_data(picks="meg"), study.events(recording)
            own = events[(events.kind == "word") & (events.condition == condition)]
            first = [sample(one - 0.3, study.sfreq) for one in own.onset]
            data += [raw[:, at : at + sample(1.0, study.sfreq)] for at in first]
            texts += list(own.text)
            scores, names = study.ideal_classes(recording, own.onset.to_numpy(), condition=condition, start_s=-0.3, stop_s=0.7, artifacts=artifacts)  # fmt: skip
            right += list(np.take(names, scores.argmax(1)) == own.text)
    return np.array(data), np.array(texts), np.array(right)


@pytest.mark.slow
@pytest.mark.parametrize("condition", ["listen", "overt", "imagined"])
def test_the_windows_that_there_are_have_the_score_of_drawn_ones(study, condition):
    *_, right = windows(study, condition)
    best = study.ideal("01", condition, start_s=-0.3, stop_s=0.7)
    error = np.hypot(best.error, np.sqrt(best.accuracy * (1 - best.accuracy) / len(right)))
    assert right.mean() == pytest.approx(best.accuracy, abs=3.5 * error + 1e-9)
    assert 0.3 < best.accuracy < 0.999 and best.chance == pytest.approx(0.2)
    assert best.confusion.sum(1) == pytest.approx(1) and np.diag(best.confusion).mean() == best.balanced_accuracy


@pytest.mark.slow
@pytest.mark.parametrize(("gain", "near"), [(1.5, 0.2), (4.0, 0.02)])
def test_a_plain_decoder_comes_near_the_best_score_and_not_above(folder, gain, near):
    options = {
        "n_runs": 4,
        "n_trials": 40,
        "conditions": ["listen"],
        "n_renditions": 1,
        "gestures": False,
        "signal_gain": gain,
    }
    study = SimulatedProduction(**SMALL | options, root=folder)
    data, texts, right = windows(study, "listen")
    matrix = study._candidates("01", "listen", Window("word", -0.3, 0.7), None, artifacts=False)[2]
    still = np.linalg.inv(np.linalg.cholesky(scipy.linalg.toeplitz(autocovariance(100, 100.0))))  # white in time, too
    bins = (matrix @ data @ still.T).reshape(len(data), len(matrix), 20, 5).mean(3).reshape(len(data), -1)
    runs, found = np.repeat(np.arange(4), 40), []
    for run in range(4):
        model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(bins[runs != run], texts[runs != run])
        found += list(model.predict(bins[runs == run]) == texts[runs == run])
    best = study.ideal("01", "listen", start_s=-0.3, stop_s=0.7).accuracy
    error = np.sqrt(0.25 / len(found))
    assert best - near < np.mean(found) < best + 2 * error
    assert np.mean(found) <= right.mean() + error  # on the same windows


def test_without_an_answer_of_the_brain_there_is_chance(folder):
    deaf = SimulatedProduction(**SMALL | {"signal_gain": 0.0}, root=folder)
    for condition in ("listen", "imagined"):
        found = deaf.ideal("01", condition)
        assert found.balanced_accuracy == pytest.approx(0.2) and found.accuracy == pytest.approx(0.2)
    half = SimulatedProduction(**SMALL | {"strength": {"listen": 0.0}}, root=folder)
    assert half.ideal("01", "listen").accuracy == pytest.approx(0.2) and half.ideal("01", "overt").accuracy > 0.5


def test_common_code_is_what_transfers(folder):
    scores = {}
    for shared in (0.0, 1.0):
        study = SimulatedProduction(**SMALL | {"shared": shared, "n_renditions": 1, "signal_gain": 1.6}, root=folder)
        own = study.ideal("01", "overt", start_s=-0.3, stop_s=0.7)
        found = study.ideal("01", "overt", learnt_from="listen", start_s=-0.3, stop_s=0.7)
        scores[shared] = (own.balanced_accuracy, found.balanced_accuracy)
    assert scores[0.0][1] < 0.35 < scores[0.0][0]
    assert scores[1.0][1] > scores[1.0][0] - 0.15  # the paces of two voices differ


def test_uncertain_onsets_cost(folder):
    sure, unsure = (SimulatedProduction(**SMALL | {"onset_jitter_s": one}, root=folder).ideal("01", "imagined", n_windows=2).balanced_accuracy for one in (0.0, 0.3))  # fmt: skip
    assert sure > unsure + 0.05


def test_what_is_said_is_found_again_where_onsets_are_searched(folder):
    study = SimulatedProduction(**SMALL | {"onset_jitter_s": 0.3, "signal_gain": 2.0, "n_renditions": 1}, root=folder)
    window = {"start_s": -0.3, "stop_s": 0.7, "learnt_from": "overt"}
    found, missed = (study.ideal("01", "imagined", searched=one, **window).balanced_accuracy for one in (True, False))
    best = study.ideal("01", "imagined", start_s=-0.3, stop_s=0.7)
    assert missed + 0.15 < found <= best.balanced_accuracy + 3 * best.error


def test_recordings_are_distributed_as_the_observer_takes_them_to_be(folder):
    """Windows of speech with all artifacts, less their mean and whitened by their covariance, are standard normal."""
    options = {
        "case": "speech",
        "sfreq": 500.0,
        "artifacts": {"audio": 1.0, "blinks": 0, "heart": 0},
        "n_runs": 1,
        "n_trials": 15,
    }
    study = SimulatedProduction(**SMALL | options, root=folder)
    recording, window, texts = (
        study.recordings()[0],
        Window("word", -0.25, 0.1),
        ("up", "down", "left", "right", "stop"),
    )
    seen = study.load(recording).get_data(picks="meg")
    trials = study.trials(recording)
    for condition in ("overt", "silent", "listen"):
        found, noise, matrix = study._candidates("01", condition, window, None, artifacts=True)
        muscles, rest = [], []
        root = scipy.linalg.cholesky(scipy.linalg.toeplitz(noise.temporal), lower=True)
        for trial in trials[trials.condition == condition].itertuples():
            k = trial.rendition * len(texts) + texts.index(trial.text)
            first = sample(trial.onset - 0.25, 500.0)
            gap = matrix @ seen[:, first : first + 175] - found.means[k]
            if condition == "listen":
                assert found.envelopes is None
            else:
                own = muscle_root(found.envelopes[k], noise)
                muscles.append(scipy.linalg.solve_triangular(own, gap[:3].ravel(), lower=True))
            rest.append(scipy.linalg.solve_triangular(root, gap[3:].T, lower=True))
        for values in (rest, muscles) if condition != "listen" else (rest,):
            values = np.ravel(values)
            assert values.mean() == pytest.approx(0, abs=4 / np.sqrt(values.size))
            assert values.var() == pytest.approx(1, abs=5 * np.sqrt(2 / values.size))
            assert np.mean(values**4) == pytest.approx(3, abs=0.3)


@pytest.mark.slow
@pytest.mark.parametrize("case", ["muscle", "jaw", "audio"])
def test_each_artifact_tells_the_word_to_who_sees_it(folder, case):
    options = SMALL | {"case": case, "signal_gain": 0.4, "sfreq": 500.0, "n_renditions": 1, "n_trials": 10, "n_runs": 1}
    study = SimulatedProduction(**options, root=folder)
    window = {"start_s": -0.1, "stop_s": 0.3, "n_draws": 60}
    alone, seen = (study.ideal("01", "overt", artifacts=one, **window).balanced_accuracy for one in (False, True))
    assert alone < 0.7 and seen > alone + 0.2
    heard = [study.ideal("01", "imagined", artifacts=one, **window).balanced_accuracy for one in (False, True)]
    assert heard[0] == pytest.approx(heard[1], abs=0.12)


def test_phones_and_other_classes(study):
    found = study.ideal("01", "overt", kind="phone", start_s=-0.1, stop_s=0.3, classes={"p": "lips", "f": "lips", "t": "tongue", "d": "tongue", "n": "tongue", "l": "tongue"})  # fmt: skip
    assert found.names == ("lips", "tongue") and found.balanced_accuracy > 0.55
    phones = study.ideal("01", "overt", kind="phone", start_s=-0.1, stop_s=0.3, n_draws=50)
    assert "p" in phones.names and "ʌ" in phones.names and phones.chance == pytest.approx(3 / 16)
    assert phones.balanced_accuracy > 2 / len(phones.names)


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"n_sensors": 1, "case": "speech", "sfreq": 500.0, "conditions": ["overt"]},
        {"n_sensors": 2, "case": "speech", "sfreq": 1000.0, "conditions": ["silent", "overt"]},
        {"sfreq": 50.0, "conditions": ["imagined"], "n_trials": 2},
        {"sfreq": 250.0, "texts": ["Don't go!", "Yes", "STOP", "a big dog runs home now"], "n_renditions": 1},
        {"onset_jitter_s": 0.5, "conditions": ["imagined"], "n_trials": 1, "n_renditions": 5},
        {"strength": {"listen": 0.0}, "noise_level": 0.1, "conditions": ["listen", "silent"]},
    ],
)
def test_odd_options(folder, options):
    study = SimulatedProduction(**SMALL | {"n_runs": 1, "n_trials": 6, "gestures": False} | options, root=folder)
    (recording,) = study.recordings()
    raw, events = study.load(recording), study.events(recording)
    assert np.isfinite(raw.get_data()).all() and len(raw.ch_names) == study.n_sensors + 15
    assert (events.onset + events.duration).max() < raw.times[-1]
    assert set(events.condition) == set(study.conditions)
    for condition in study.conditions:
        one = events[(events.condition == condition) & (events.kind == "sentence")]
        options = {"kind": "sentence", "start_s": 0.0, "stop_s": 0.2}
        for artifacts in (False, True):
            scores, names = study.ideal_classes(
                recording, one.onset.to_numpy(), condition=condition, artifacts=artifacts, **options
            )
            assert scores.shape == (len(one), len(names)) and np.isfinite(scores).all() and set(one.text) <= set(names)
            best = study.ideal("01", condition, artifacts=artifacts, n_draws=10, **options)
            assert best.chance - 3 * best.error - 0.1 <= best.accuracy <= 1


def test_what_it_refuses(study):
    with pytest.raises(UserError, match="reaches what is said before or after"):
        study.ideal("01", "overt", start_s=-1.5)
    with pytest.raises(UserError, match="a start before its end"):
        study.ideal("01", "overt", start_s=0.5, stop_s=0.5)
    with pytest.raises(UserError, match="1 classes"):
        study.ideal("01", "overt", classes={"up": "a"})
    with pytest.raises(UserError, match="kind is 'words'"):
        study.ideal("01", "overt", kind="words")
    with pytest.raises(UserError, match="outside the recording"):
        study.ideal_classes(study.recordings()[0], np.array([0.1]), condition="overt")
