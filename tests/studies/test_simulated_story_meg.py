"""The simulated MEG of stories: the same tales, words that move sensors within 600 ms, and the known true model."""

import numpy as np
import pytest

from n2s.data import EncodingDataModule, Lags
from n2s.errors import UserError
from n2s.features import WordRate
from n2s.models import EncodingRidge
from n2s.studies import Recording, SimulatedStories, SimulatedStoryMEG
from n2s.studies.simulated.noise import autocovariance
from n2s.studies.simulated.tale_sources import LASTS_S, N_SENSORS, through
from n2s.studies.simulated.tale_words import columns

pytest.importorskip("espeakng_loader")
SMALL = {"n_subjects": 1, "n_stories": 4, "minutes": 0.4, "n_test": 1}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """One folder for all: each tale is spoken once."""
    return tmp_path_factory.mktemp("simulated")


@pytest.fixture(scope="module")
def study(root):
    return SimulatedStoryMEG(**SMALL, languages=["en", "es"], root=root)


@pytest.mark.slow
def test_recordings_are_stories_in_each_language(study):
    names = [one.name for one in study.recordings()]
    assert names == [f"sub-01_task-tale-0{i}_run-{language}" for language in ("en", "es") for i in range(1, 5)]
    assert study.split["tale-04"] == "test" and {*study.split.values()} == {"train", "test"}
    leads = set()
    for recording in study.recordings():
        raw, events = study.load(recording), study.events(recording)
        assert raw.info["sfreq"] == 100 and raw.get_channel_types() == ["mag"] * N_SENSORS and not raw.info["bads"]
        assert set(events.kind) == {"story", "sentence", "word", "phone"} and set(events.language) == {recording.run}
        story = events[events.kind == "story"].iloc[0]
        assert 1 <= story.onset < 2 and story.onset + story.duration < raw.times[-1]
        leads.add(story.onset)
        np.testing.assert_array_equal(raw.get_data(), study.load(recording).get_data())
        words, onsets_s = study.spoken(recording)
        assert len(words) == len(onsets_s) and (np.diff(onsets_s) > 0).all()
    assert len(leads) > 4


def test_tales_speech_and_words_are_those_of_the_scanner(root, study):
    other = SimulatedStories(**SMALL, languages=["en", "es"], root=root)
    assert other.content == study.content and other.split == study.split
    recording = study.recordings()[0]
    assert study.sources(recording) == other.sources(other.recordings()[0])
    words, _ = study.spoken(recording)
    np.testing.assert_array_equal(study.word_features(words, "en"), other.word_features(words, "en"))


@pytest.mark.slow
def test_settings_say_what_changes_numbers(root, study):
    (recording, *_) = study.recordings()
    for change in ({"seed": 1}, {"sfreq": 125}, {"noise_level": 2}, {"signal_gain": 0}, {"n_stories": 3}):
        changed = SimulatedStoryMEG(**SMALL | change, languages=["en", "es"], root=root)
        assert changed.settings() != study.settings() and changed.sources(recording) == study.sources(recording)
        before, after = study.load(recording).get_data(), changed.load(recording).get_data()
        assert before.shape != after.shape or np.abs(before - after).max() > 1e-16
    same = SimulatedStoryMEG(**SMALL | {"n_subjects": 2, "n_test": 0}, languages=["en", "es"], root=root)
    assert same.settings() == study.settings() and same.split is None
    np.testing.assert_array_equal(same.load(recording).get_data(), study.load(recording).get_data())


def test_options_out_of_range_are_told(root, study):
    for wrong, message in (
        ({"languages": ["nl"]}, "simulated_story_meg: no tales in 'nl'"),
        ({"n_test": 4}, "n_test is 4; expected a whole number from 0 to 3"),
        ({"sfreq": 20}, "sfreq is 20; expected a number from 50"),
        ({"noise_level": 0}, "noise_level is 0"),
    ):
        with pytest.raises(UserError, match=message):
            SimulatedStoryMEG(**SMALL | wrong, root=root)
    with pytest.raises(UserError, match="no recording sub-07_task-tale-01_run-en; there are sub-01"):
        study.load(Recording("07", task="tale-01", run="en"))
    with pytest.raises(UserError, match="no subject '09'; there are 01 to 01"):
        study.known("09")


def test_the_signal_is_that_of_the_known_model_and_the_sound(root, study):
    known, recording = study.known("01"), study.recordings()[0]
    signal, (words, onsets_s) = study.signal(recording), study.spoken(recording)
    courses = known.courses(study.word_features(words, "en"), onsets_s, len(signal))
    assert (
        known.weights.shape == (round(LASTS_S * 100) + 1, courses.shape[1], N_SENSORS) and known.lags_s[-1] == LASTS_S
    )
    left = signal - known.signal(courses)
    assert np.linalg.matrix_rank(left, tol=1e-6 * np.linalg.norm(left, 2)) <= 2  # the sound's sources, left and right
    assert not known.weights[:, columns()["private_en"]].any() and known.weights[:, columns()["meaning"]].any()
    before = int(onsets_s[0] * 100) - 5
    assert np.abs(known.signal(courses)[:before]).max() == 0
    quiet = SimulatedStoryMEG(**SMALL | {"signal_gain": 0}, languages=["en", "es"], root=root)
    assert not quiet.signal(recording).any()
    np.testing.assert_allclose(
        study.load(recording).get_data() - signal.T, quiet.load(recording).get_data(), rtol=1e-9, atol=1e-25
    )


@pytest.mark.slow
def test_noise_is_as_known(root):
    quiet = SimulatedStoryMEG(**SMALL | {"signal_gain": 0, "minutes": 1}, root=root)
    data = np.concatenate([quiet.load(one).get_data() for one in quiet.recordings()], axis=1)
    factor = np.linalg.cholesky(quiet.known("01").noise / autocovariance(1, 100.0)[0])
    white = np.diff(np.linalg.solve(factor, data), axis=1)  # without drift
    expected = 2 * (autocovariance(2, 100.0)[0] - autocovariance(2, 100.0)[1])
    assert white.var() == pytest.approx(expected, rel=0.02)
    off = np.corrcoef(white) - np.eye(len(white))
    assert np.abs(off).max() < 0.1


def test_kernels_are_sums_over_lags():
    rng = np.random.default_rng(0)
    kernels, values = rng.standard_normal((4, 2, 3)), rng.standard_normal((30, 2))
    expected = sum(np.convolve(values[:, f], kernels[:, f, 1])[:30] for f in range(2))
    np.testing.assert_allclose(through(kernels, values)[:, 1], expected)
    assert through(kernels, values[:2]).shape == (2, 3)


def test_the_true_model_prefers_the_true_text(study):
    known, recording = study.known("01"), study.recordings()[3]
    words, onsets_s = study.spoken(recording)
    data = study.load(recording).get_data().T
    factor = np.linalg.cholesky(known.noise)

    def score(text):
        """Against drift, from sample to sample: not the exact likelihood, but near it for signals above some Hz."""
        left = data - known.signal(known.courses(study.word_features(text, "en"), onsets_s, len(data)))
        return -0.5 * (np.linalg.solve(factor, np.diff(left, axis=0).T) ** 2).sum()

    others = [study.spoken(one)[0] for one in study.recordings()[:3]]
    wrong = [(one * 3)[: len(words)] for one in others] + [words[::-1], words[5:] + words[:5]]
    assert score(words) > max(score(one) for one in wrong)


@pytest.mark.slow
@pytest.mark.parametrize("n_folds", [None, 2])
def test_the_datamodule_holds_translations_out_together(root, n_folds):
    loud = SimulatedStoryMEG(**SMALL, noise_level=0.3, languages=["en", "es"], root=root)
    data = EncodingDataModule(
        studies={"tales": loud}, features={"word_rate": WordRate("onset")}, response=Lags(0.0, 0.3), n_folds=n_folds
    )
    data.setup("test")
    (subject,) = data.subjects
    rows = data.rows(subject)
    for fold in data.folds(subject):
        train, test = rows.iloc[fold.train], rows.iloc[fold.test]
        assert not set(train.story) & set(test.story)
        for part in (train, test):
            assert {name.rsplit("-", 1)[1] for name in part.recording} == {"en", "es"}
    given, asked = data.responses(subject, fold)
    design, new = data.design(subject, fold, "word_rate")
    model = EncodingRidge(alphas=[1e3])
    model.fit(design, given, fold.groups)
    predicted = np.asarray(model.predict(new))
    r = [np.corrcoef(one, other)[0, 1] for one, other in zip(predicted.T, asked.T, strict=True)]
    assert np.max(r) > 0.05  # words start, and sensors say so
