"""The simulated fMRI study, and its ideal observer against dense Gaussian densities."""

import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
import scipy.linalg
import scipy.spatial
import scipy.stats
from nilearn import masking
from nilearn.glm.first_level import compute_regressor, glover_hrf, make_first_level_design_matrix

from n2s.data.bold_steps import cleaned
from n2s.errors import UserError
from n2s.models.ridge import VoxelRidge
from n2s.studies import Recording, SimulatedFMRI
from n2s.studies.bold_cleaning import residual_maker
from n2s.studies.fmri import clip_table
from n2s.studies.simulated import bold_noise, bold_sources
from n2s.studies.simulated.bold_noise import SpatialNoise
from n2s.studies.simulated.bold_observer import BoldObserver
from n2s.studies.simulated.bold_sources import DELAYS_S, FINE_HZ, N_CHANNELS, bold_listener, brain

pytestmark = pytest.mark.slow

pytest.importorskip("espeakng_loader")
WINDOW = {"offset_s": 6.0, "duration_s": 4.0}
SMALL = {"stories": ["orchestra", "train", "beekeeper", "mapmaker", "lighthouse.en"], "max_story_s": 130.0}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """One folder for all: stories are spoken once."""
    return tmp_path_factory.mktemp("simulated")


@pytest.fixture(scope="module")
def small(root):
    study = SimulatedFMRI(**SMALL, root=root)
    study.prepare()
    return study


def runs_of(study, subject="01", split="test"):
    return [one for one in study.recordings() if one.subject == subject and study.split[one.task] == split]


def clean_run(study, recording):
    return cleaned(study.load(recording), study.cleaning, recording.name)


def ideal(study, recording, **window):
    clips = study.clips(recording)
    candidates = list(zip(clips.stimulus, clips.start_s, strict=True))
    return study.ideal_scores(recording, clips.time_s.to_numpy(), candidates, **(window or WINDOW))


def hits(scores):
    return float(np.mean(scores.argmax(1) == np.arange(len(scores))))


def log_posterior(scores):
    """Mean log probability of the right clip: rewards nothing but the right likelihood."""
    return float(np.mean(np.diag(scores) - scipy.special.logsumexp(scores, axis=1)))


# voxels


def test_voxels_are_those_of_the_mask_and_auditory_ones_lie_in_both_temporal_lobes(small):
    bold = small.load(small.recordings()[0])
    assert bold.rois["whole"].all() and bold.data.shape[1] == 3690
    image = masking.unmask(bold.rois["auditory"].astype(float), small.mask())
    inside = np.argwhere(image.get_fdata() > 0) @ image.affine[:3, :3].T + image.affine[:3, 3]
    assert 80 < len(inside) == bold.rois["auditory"].sum() < 300
    assert ((abs(inside[:, 0]) > 30) & (abs(inside[:, 0]) < 80)).all()
    assert 0.35 < np.mean(inside[:, 0] < 0) < 0.65
    # centres of Heschl's gyrus, of the superior temporal gyrus (AAL), of calcarine and of precentral cortex
    for place, expected in (
        ((-42, -19, 10), True),
        ((58, -22, 7), True),
        ((-7, -79, 6), False),
        ((-39, -6, 51), False),
    ):
        nearest = np.linalg.norm(brain(8).places - place, axis=1).argmin()
        assert bold.rois["auditory"][nearest] == expected, place


def test_people_differ_in_what_their_voxels_are_tuned_to():
    one, other = (bold_listener(subject, 8, 0) for subject in (1, 2))
    tuned = [np.abs(person.patterns).sum(1) > 0 for person in (one, other)]
    for voxels in tuned:
        assert not voxels[~brain(8).auditory].any()
        assert 0.5 < voxels[brain(8).auditory].mean() < 0.9
    assert (tuned[0] != tuned[1]).any()
    assert abs(np.corrcoef(one.patterns.ravel(), other.patterns.ravel())[0, 1]) < 0.2
    assert not np.allclose(one.noise.loadings, other.noise.loadings)
    assert bold_listener.__wrapped__(1, 8, 0).patterns.tolist() == one.patterns.tolist()


# from channels to volumes


def test_an_event_gives_the_regressor_of_nilearn():
    onset_s, duration_s, n_volumes, tr_s = 3.0, 4.0, 30, 1.5
    n_samples = round(duration_s * FINE_HZ)
    (found, _, late) = bold_sources.responses(n_volumes, tr_s, first=round(onset_s * FINE_HZ), n_samples=n_samples).sum(
        2
    )
    for delay_s, row in ((0.0, found), (DELAYS_S[2], late)):
        event = np.array([[onset_s + delay_s], [duration_s], [1.0]])
        middles = (np.arange(n_volumes) + 0.5) * tr_s
        expected, _ = compute_regressor(event, "glover", middles, oversampling=75)
        np.testing.assert_allclose(row, expected[:, 0], atol=0.03 * expected.max())
    assert found.max() == pytest.approx(expected.max(), rel=0.03)


def test_courses_against_a_naive_sum():
    values = np.random.default_rng(0).normal(size=(70, N_CHANNELS))
    response = bold_sources.responses(12, 2.0, first=130, n_samples=70)
    found = bold_sources.courses(values, response)
    kernel = glover_hrf(1 / FINE_HZ, oversampling=1, time_length=32.0)
    for volume, delay, channel in ((1, 0, 3), (3, 1, 0), (6, 2, 21), (11, 1, 9)):
        now = int((volume + 0.5) * 2.0 * FINE_HZ) - round(DELAYS_S[delay] * FINE_HZ)
        expected = sum(kernel[now - (130 + i)] * values[i, channel] for i in range(70) if 0 <= now - (130 + i) < 1600)
        assert found[volume, delay * N_CHANNELS + channel] == pytest.approx(expected, abs=1e-12)


def test_channels_swing_alike_and_words_mean_the_same_everywhere(small):
    swings = []
    for recording in runs_of(small, split="train"):
        heard = np.load(small.audio(f"{recording.task}.{recording.run}").parent / "channels.npy")
        assert np.abs(heard.mean(0)).max() < 1e-3
        slow = scipy.signal.oaconvolve(heard, glover_hrf(1 / FINE_HZ, oversampling=1)[:, None], axes=0)[: len(heard)]
        swings.append(slow[1000:].std(0))
    assert (np.mean(swings, 0) > 0.4).all() and (np.mean(swings, 0) < 2.0).all()
    assert bold_sources._meaning("lighthouse").tolist() == bold_sources._meaning("Lighthouses").tolist()
    assert abs(np.corrcoef([bold_sources._meaning(word) for word in ("bee", "honey")])[0, 1]) < 0.99


# noise


def test_noise_has_the_stated_covariance():
    rng = np.random.default_rng(0)
    noise = bold_noise.spatial_noise(brain(16).places, rng)
    dense = np.diag(noise.white) + noise.loadings @ noise.loadings.T
    assert np.diag(dense).mean() == pytest.approx(1, abs=0.05) and np.ptp(np.diag(dense)) < 1
    draws = noise.draw(20_000, rng)
    assert np.abs(draws.T @ draws / len(draws) - dense).max() < 6 * 1.3 * np.sqrt(2 / len(draws))
    values = rng.normal(size=(len(dense), 3))
    np.testing.assert_allclose(noise.solve(values), np.linalg.solve(dense, values), atol=1e-10)
    # every voxel, and all that are equally near or far: which of equals comes first depends on the processor
    apart = scipy.spatial.distance.squareform(scipy.spatial.distance.pdist(brain(16).places))
    near = np.isclose(apart, np.where(apart > 0, apart, np.inf).min(1, keepdims=True))
    far = np.isclose(apart, apart.max(1, keepdims=True))
    assert dense[near].mean() > 2 * dense[far].mean()


def test_a_noise_run_is_white_once_whitened(root):
    study = SimulatedFMRI(
        n_subjects=1, stories=["train"], max_story_s=130.0, signal_gain=0.0, noise_level=2.0, root=root
    )
    (recording,) = study.recordings()
    data, person = clean_run(study, recording).data.astype(float), bold_listener(1, 8, 0)
    lags = np.arange(len(data)) * 2.0
    temporal = scipy.linalg.toeplitz(0.7 * np.exp(-lags / 2.2) + 0.3 * (lags == 0))
    nuisances = np.load(study.sources(recording)[1])
    basis = np.linalg.qr(nuisances, mode="complete")[0][:, nuisances.shape[1] :]  # of what cleaning leaves
    left = basis.T @ data
    covariance = 4 * basis.T @ temporal @ basis
    squares = np.trace(np.linalg.solve(covariance, left @ person.noise.solve(left.T))) / left.size
    assert squares == pytest.approx(1, abs=4 * np.sqrt(2 / left.size))


def test_cosines_are_nilearns():
    own = bold_noise.cosines(150, 2.0)
    design = make_first_level_design_matrix(
        np.arange(150) * 2.0, hrf_model=None, drift_model="cosine", high_pass=1 / 128
    )
    assert design.shape == own.shape
    np.testing.assert_allclose(own @ own.T, (lambda q: q @ q.T)(np.linalg.qr(design)[0]), atol=1e-10)


def test_cleaning_takes_drift_and_motion_out_and_nothing_else(root, small):
    options = {**SMALL, "n_subjects": 1, "noise_level": 1e-3, "root": root}
    dirty, clean = SimulatedFMRI(**options, clean=False), SimulatedFMRI(**options)
    recording = clean.recordings()[0]
    person, nuisances = bold_listener(1, 8, 0), np.load(clean.sources(recording)[1])
    scanned, left = (clean_run(study, recording).data.astype(float) for study in (dirty, clean))
    quiet = ~brain(8).auditory
    assert scanned[:, quiet].mean() == pytest.approx(100, abs=0.5)
    assert scanned[:, quiet].std(0).mean() > 1  # drift and motion
    assert left[:, quiet].std(0).mean() < 2e-3  # the noise
    assert np.abs(nuisances.T @ left).max() < 1e-3
    heard = np.load(clean.audio(f"{recording.task}.{recording.run}").parent / "channels.npy")
    kernel, caused = glover_hrf(1 / FINE_HZ, oversampling=1), np.zeros((len(left), len(DELAYS_S), N_CHANNELS))
    slow = scipy.signal.oaconvolve(heard, kernel[:, None], axes=0)
    for delay, delay_s in enumerate(DELAYS_S):
        at = np.rint(((np.arange(len(left)) + 0.5) * 2 - 10 - delay_s) * FINE_HZ).astype(int)
        caused[at >= 0, delay] = slow[at[at >= 0]]
    signal = caused.reshape(len(left), -1) @ person.patterns.T
    expected = signal - nuisances @ np.linalg.lstsq(nuisances, signal, rcond=None)[0]
    tuned = np.abs(person.patterns).sum(1) > 0
    assert np.abs(expected - left)[:, tuned].max() < 0.01 < 0.5 < expected[:, tuned].max()


# what the study tells


def test_clips_stay_in_their_run_and_stories_in_their_split(small):
    runs = small.recordings()
    assert len({one.name for one in runs}) == len(runs) == 2 * (5 + 1)
    assert [one.session for one in runs_of(small)] == ["1", "2"]
    splits = {}
    for recording in runs:
        clips, bold = clip_table(small.clips(recording), where="here"), small.load(recording)
        assert (clips.duration_s == 4).all() and (clips.start_s.diff().dropna() == 4).all() and len(clips) > 25
        assert clips.time_s.max() + 4 + 12 < len(bold.data) * bold.tr_s
        audio_s = small.events(recording).query("kind == 'story'").duration.item()
        assert audio_s - 4 < clips.start_s.max() + 4 <= audio_s
        for group, split in zip(clips.group, clips.split, strict=True):
            assert splits.setdefault(group, split) == split
        assert (clips.repeat == int(recording.session) - 1).all()
    assert splits == {
        "orchestra": "test",
        "train": "val",
        "beekeeper": "train",
        "mapmaker": "train",
        "lighthouse": "train",
    }


def test_other_stories_may_be_held_out(root):
    study = SimulatedFMRI(**SMALL | {"stories": None}, root=root, test_stories=["orchestra", "bakery"])
    held_out = [one for one in study.recordings() if study.split[one.task] == "test" and one.subject == "01"]
    heard = [(one.task, one.run, one.session) for one in held_out]  # a story in all its languages, each twice
    languages = (("orchestra", "en"), ("bakery", "es"), ("bakery", "eu"))
    assert sorted(heard) == sorted((*which, session) for which in languages for session in "12")
    assert study.split["train"] == "val" and set(study.split.values()) == {"train", "val", "test"}
    other = SimulatedFMRI(**SMALL, root=root, test_stories=["mapmaker"])
    assert other.split["orchestra"] == "train" and other.split["mapmaker"] == "test"
    assert other._folder == SimulatedFMRI(**SMALL, root=root)._folder  # runs are shared
    with pytest.raises(UserError, match="no story 'orchstra' to test on. Nearest: orchestra"):
        SimulatedFMRI(**SMALL, root=root, test_stories=["orchstra"])
    with pytest.raises(UserError, match="leave some of both kinds"):
        SimulatedFMRI(**SMALL, root=root, test_stories=list(other.split))


def test_events_are_on_the_runs_clock(small):
    recording = runs_of(small)[0]
    events, clips = small.events(recording), small.clips(recording)
    words = events[events.kind == "word"]
    assert len(words) > 100
    np.testing.assert_allclose(words.onset - words.stimulus_onset, clips.time_s[0] - clips.start_s[0])


# the ideal observer


def test_likelihood_against_the_dense_normal_density():
    rng = np.random.default_rng(0)
    k, v, j, t, w = 5, 6, 3, 14, np.array([4, 5, 6, 9])
    patterns, noise = rng.normal(size=(v, j)), SpatialNoise(rng.uniform(0.5, 1, v), rng.normal(size=(v, 2)))
    cleaning = residual_maker(rng.normal(size=(t, 3)))
    temporal = (cleaning @ bold_noise.temporal_covariance(t, 2.0) @ cleaning)[np.ix_(w, w)]
    volumes, known, added = rng.normal(size=(4, v)), rng.normal(size=(4, j)), rng.normal(size=(k, 4, j))
    scores = BoldObserver(patterns, noise).log_likelihood_ratios(volumes, known, added, temporal)
    dense = np.kron(temporal, np.diag(noise.white) + noise.loadings @ noise.loadings.T)
    silent = scipy.stats.multivariate_normal((known @ patterns.T).ravel(), dense).logpdf(volumes.ravel())
    for score, candidate in zip(scores, added, strict=True):
        density = scipy.stats.multivariate_normal(((known + candidate) @ patterns.T).ravel(), dense)
        assert score == pytest.approx(density.logpdf(volumes.ravel()) - silent, abs=1e-9)


@pytest.mark.parametrize("window", [WINDOW, {"offset_s": -2.0, "duration_s": 10.0}])
def test_scores_of_a_study_against_runs_that_are_built_anew_for_each_candidate(root, window):
    """Nothing is shared but the listener: other convolution, other projection, one dense covariance."""
    study = SimulatedFMRI(
        n_subjects=1, stories=["orchestra", "train"], max_story_s=30.0, resolution_mm=20, tr_s=1.5, noise_level=0.7,
        signal_gain=1.3, root=root,
    )  # fmt: skip
    recording = runs_of(study)[1]
    candidates = [("orchestra.en", 4.0), ("orchestra.en", 12.0), ("train.es", 8.0)]
    found = study.ideal_scores(recording, np.array([14.0, 22.0]), candidates, **window)
    person, bold = bold_listener(1, 20, 0), clean_run(study, recording)
    n_volumes, n_voxels = bold.data.shape
    nuisances = np.load(study.sources(recording)[1])
    cleaning = np.eye(n_volumes) - nuisances @ np.linalg.pinv(nuisances)
    lags = np.arange(n_volumes) * 1.5
    temporal = cleaning @ scipy.linalg.toeplitz(0.7 * np.exp(-lags / 2.2) + 0.3 * (lags == 0)) @ cleaning
    spatial = 0.49 * (np.diag(person.noise.white) + person.noise.loadings @ person.noise.loadings.T)
    story = {name: np.load(study.audio(name).parent / "channels.npy") for name in ("orchestra.en", "train.es")}
    kernel = glover_hrf(1 / FINE_HZ, oversampling=1)

    def run(clip, at_s):
        heard = story["orchestra.en"].copy()
        heard[round(at_s * 50) : round(at_s * 50) + 200] = 0 if clip is None else clip
        slow = scipy.signal.oaconvolve(np.pad(heard, ((500 + 50, 2000), (0, 0))), kernel[:, None], axes=0)
        middles = np.rint((np.arange(n_volumes) + 0.5) * 1.5 * 50).astype(int)
        caused = np.concatenate([slow[middles + 50 - round(50 * delay)] for delay in DELAYS_S], axis=1)
        return cleaning @ caused @ person.patterns.T * 1.3

    for row, start_s in zip(found, (14.0, 22.0), strict=True):
        opens = start_s + window["offset_s"]
        seen = np.flatnonzero((lags >= opens) & (lags < opens + window["duration_s"]))
        covariance = np.kron(temporal[np.ix_(seen, seen)], spatial)

        def density(clip, start_s=start_s, seen=seen, covariance=covariance):
            mean = run(clip, start_s - 10)[seen].ravel()
            return scipy.stats.multivariate_normal(mean, covariance).logpdf(bold.data[seen].ravel())

        silent = density(None)
        for score, (name, at_s) in zip(row, candidates, strict=True):
            clip = story[name][round(at_s * 50) : round(at_s * 50) + 200]
            assert score == pytest.approx(density(clip) - silent, rel=1e-4, abs=1e-3)


def test_without_noise_every_clip_is_found(root):
    study = SimulatedFMRI(**SMALL, n_subjects=1, noise_level=0.01, root=root)
    assert hits(ideal(study, runs_of(study)[0])) == 1.0


def test_noise_alone_is_at_chance(root):
    study = SimulatedFMRI(**SMALL | {"stories": ["orchestra", "train"]}, n_repeats=6, signal_gain=0.0, root=root)
    scores = [ideal(study, one) for one in study.recordings()]
    n = sum(len(one) for one in scores)
    right = sum(hits(one) * len(one) for one in scores)
    assert n > 300 and min(np.ptp(one) for one in scores) > 0
    chance = len(scores) / n  # one right a run, by chance
    assert scipy.stats.binom.ppf(0.001, n, chance) <= right <= scipy.stats.binom.ppf(0.999, n, chance)


def test_repeats_and_volumes_add_to_what_is_known(small):
    once, again = (ideal(small, one) for one in runs_of(small))
    assert log_posterior(once + again) > max(log_posterior(once), log_posterior(again)) + 0.1
    assert hits(once + again) >= max(hits(once), hits(again)) > 0.5
    longer = ideal(small, runs_of(small)[0], offset_s=0.0, duration_s=20.0)
    assert log_posterior(longer) > log_posterior(once)


def test_observers_that_are_wrong_about_something_are_worse(small, monkeypatch):
    recording = runs_of(small)[0]
    right = log_posterior(ideal(small, recording))
    person, stranger = bold_listener(1, 8, 0), bold_listener(2, 8, 0)
    delay = np.roll(person.patterns.reshape(-1, 3, N_CHANNELS), 1, axis=1).reshape(person.patterns.shape)
    channel = np.roll(person.patterns.reshape(-1, 3, N_CHANNELS), 1, axis=2).reshape(person.patterns.shape)
    white = SpatialNoise(np.ones(3690), np.zeros((3690, 1)))
    for what, patterns, noise in (
        ("maps", stranger.patterns, person.noise),
        ("delays", delay, person.noise),
        ("channels", channel, person.noise),
        ("gain", 3 * person.patterns, person.noise),
        ("white in space", person.patterns, white),
    ):
        wrong = bold_sources.BoldListener(patterns, noise)
        monkeypatch.setattr(small, "_listener", lambda recording, wrong=wrong: wrong)
        assert log_posterior(ideal(small, recording)) < right - 0.02, what


def test_a_ridge_learns_the_channels_and_stays_below_the_ideal(root):
    study = SimulatedFMRI(**SMALL, n_subjects=1, noise_level=0.5, root=root)

    def rows(recording):
        clips, bold = study.clips(recording), clean_run(study, recording)
        first = np.rint((clips.time_s + WINDOW["offset_s"]) / bold.tr_s).astype(int)
        heard = np.load(study.audio(clips.stimulus[0]).parent / "channels.npy")
        sound = np.stack([heard[round(at * 50) : round((at + 4) * 50)].mean(0) for at in clips.start_s])
        return np.stack([bold.data[at : at + 2].mean(0) for at in first]), sound

    train = [rows(one) for one in runs_of(study, split="train")]
    x, y = (np.concatenate(parts) for parts in zip(*train, strict=True))
    tests = [rows(one) for one in runs_of(study)]
    seen, truth = np.mean([one for one, _ in tests], axis=0), tests[0][1]
    ridge = VoxelRidge(50, 100.0).fit((x - x.mean(0)) / x.std(0), (y - y.mean(0)) / y.std(0))
    predicted = ridge.predict((seen - x.mean(0)) / x.std(0))
    truth = (truth - y.mean(0)) / y.std(0)
    tracked = [np.corrcoef(predicted[:, i], truth[:, i])[0, 1] for i in range(N_CHANNELS)]
    assert np.mean(tracked) > 0.25
    similar = scipy.stats.zscore(predicted, axis=1) @ scipy.stats.zscore(truth, axis=1).T
    n, ceiling = len(truth), hits(sum(ideal(study, one) for one in runs_of(study)))
    assert scipy.stats.binom.ppf(0.999, n, 1 / n) / n < hits(similar) < ceiling


@pytest.mark.parametrize(
    "starts, candidates, message",
    [
        ([200.0], [("orchestra.en", 3.0)], "reaches outside the run"),
        ([20.0], [("orchestra.en", 999.0)], "candidate at 999.00 s of orchestra.en"),
        ([20.0], [("bakery.eu", 0.0)], "no stimulus 'bakery.eu'"),
    ],
)
def test_what_is_outside_the_study_is_refused(small, starts, candidates, message):
    with pytest.raises(UserError, match=message):
        small.ideal_scores(runs_of(small)[0], np.array(starts), candidates, **WINDOW)


def test_a_story_shorter_than_a_clip_is_refused(root):
    study = SimulatedFMRI(**SMALL, clip_s=500.0, root=root)
    with pytest.raises(UserError, match="no clip of 500 s fits"):
        study.clips(runs_of(study)[0])


def test_a_run_that_is_not_there_is_refused(small):
    with pytest.raises(UserError, match="no recording sub-07_ses-1_task-orchestra_run-en; there are sub-01"):
        small.load(Recording("07", session="1", task="orchestra", run="en"))


# files


@pytest.mark.nightly
def test_two_processes_make_one_study_and_the_same_bits_as_another(small, tmp_path):
    (tmp_path / "speech").symlink_to(small.root / "speech")  # spoken once
    code = (
        "import sys; from n2s.studies.simulated.fmri import SimulatedFMRI; "
        "SimulatedFMRI(stories=['orchestra', 'train'], max_story_s=130.0, root=sys.argv[1]).prepare()"
    )
    jobs = [subprocess.Popen([sys.executable, "-c", code, tmp_path], stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [job.wait(timeout=120) for job in jobs] == [0, 0]
    again = SimulatedFMRI(stories=["orchestra", "train"], max_story_s=130.0, root=tmp_path)
    assert not list(tmp_path.rglob("*.part"))
    assert sorted(path.name for path in (again._folder / "runs").iterdir()) == sorted(
        r.name for r in again.recordings()
    )
    for recording in again.recordings():
        assert again.load(recording).data.tobytes() == small.load(recording).data.tobytes()
    other = SimulatedFMRI(stories=["train"], n_subjects=1, max_story_s=130.0, seed=1, root=tmp_path)
    (recording,) = other.recordings()
    assert abs(np.corrcoef(*(clean_run(study, recording).data.ravel() for study in (other, small)))[0, 1]) < 0.2


def test_a_run_that_was_lost_is_made_again(small, tmp_path):
    (tmp_path / "speech").symlink_to(small.root / "speech")
    study = SimulatedFMRI(stories=["orchestra"], n_subjects=1, max_story_s=20.0, root=tmp_path)
    lost, kept = (study.sources(recording)[0] for recording in study.recordings())
    before, time = lost.read_bytes(), kept.stat().st_mtime_ns
    lost.parent.rename(lost.parent.with_name(f".{lost.parent.name}.12345678.part"))  # as a kill leaves it
    assert study.sources(study.recordings()[0])[0].read_bytes() == before
    assert kept.stat().st_mtime_ns == time


def test_constructing_writes_nothing(tmp_path):
    study = SimulatedFMRI(root=tmp_path)
    assert len(study.recordings()) == 2 * 11
    assert os.listdir(tmp_path) == []
    assert pickle.loads(pickle.dumps(study)).recordings() == study.recordings()  # noqa: S301


@pytest.mark.parametrize(
    "options, message",
    [
        ({"stories": ["orchestr"]}, "Nearest: orchestra"),
        ({"n_repeats": 0}, "n_repeats is 0"),
        ({"noise_level": 0.0}, "noise_level is 0"),
        ({"clip_s": 0.1}, "clip_s is 0.1"),
        ({"resolution_mm": 1}, "resolution_mm is 1"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        SimulatedFMRI(**options)
