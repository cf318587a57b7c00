"""The simulated stories: who hears what in which language, which region answers to what, and the known true model."""

import numpy as np
import pandas as pd
import pytest

from n2s.data import EncodingDataModule
from n2s.data.bold_steps import cleaned
from n2s.data.response_models import FIR
from n2s.errors import UserError
from n2s.features import WordRate
from n2s.metrics.correlation import column_correlation
from n2s.models import StoryLikelihood
from n2s.studies import Recording, SimulatedStories
from n2s.studies.fmri import clip_table
from n2s.studies.readers.sentences import sentence_id
from n2s.studies.simulated.areas_drivers import RATE_HZ
from n2s.studies.simulated.areas_run import impulse_responses, responses
from n2s.studies.simulated.spoken import aligned_sentences
from n2s.studies.simulated.stories import Speaker, Story
from n2s.studies.simulated.tale_words import CONTEXT, FUNCTION_SIZE, WORD_DRIVERS, WordCodes, columns

pytest.importorskip("espeakng_loader")
SMALL = {"n_subjects": 1, "n_stories": 4, "minutes": 0.4, "n_test": 1, "resolution_mm": 12}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """One folder for all: each tale is spoken once."""
    return tmp_path_factory.mktemp("simulated")


@pytest.fixture(scope="module")
def study(root):
    return SimulatedStories(**SMALL, languages=["en", "es"], root=root)


def runs_of(study, language):
    return [one for one in study.recordings() if one.run == language]


# what is heard


@pytest.mark.slow
def test_runs_are_stories_in_each_language(study):
    names = [one.name for one in study.recordings()]
    assert names == [f"sub-01_task-tale-0{i}_run-{language}" for language in ("en", "es") for i in range(1, 5)]
    assert study.split == {"tale-01": "train", "tale-02": "train", "tale-03": "train", "tale-04": "test"}
    for recording in study.recordings():
        events, bold = study.events(recording), study.load(recording)
        assert set(events.kind) == {"story", "sentence", "word", "phone"}
        assert set(events.language) == {recording.run} and set(events.story) == {recording.task}
        assert set(events.stimulus) == {f"{recording.task}.{recording.run}"}
        assert study.audio(events.stimulus[0]).exists()
        story = events[events.kind == "story"].iloc[0]
        assert story.onset == 10 and story.onset + story.duration + 15 < len(bold.data) * 2
        assert bold.data.dtype == np.float32 and bold.data.shape[1] == bold.rois["whole"].sum() == len(bold.places)
        assert set(bold.rois) == {"meaning", "private_en", "private_es", "rate", "sound", "silent", "whole"}
        np.testing.assert_array_equal(bold.data, study.load(recording).data)
        clips = clip_table(study.clips(recording), where="here")
        assert set(clips.group) == {recording.task} and set(clips.split) == {study.split[recording.task]}
        words, words_s = study.spoken(recording)
        assert len(words) == len(words_s) == (events.kind == "word").sum() and (np.diff(words_s) > 0).all()


def test_translations_are_aligned_sentence_by_sentence(study):
    said = {
        language: [study.events(one).query("kind == 'sentence'").sequence.tolist() for one in runs_of(study, language)]
        for language in ("en", "es")
    }
    for one, other in zip(said["en"], said["es"], strict=True):
        assert len(one) == len(other) > 3
        assert [study.content[i] for i in one] == [study.content[i] for i in other]
    assert len({study.content[i] for one in said["en"] for i in one}) > len(said["en"][0])


def test_lines_that_share_a_sentence_have_one_content():
    voice = Speaker("en", 160)
    told = [Story("a", "en", ["One.", "Two.", "Three."], voice), Story("b", "en", ["Four.", "Two."], voice)]
    translated = [Story("a", "es", ["Uno.", "Dos.", "Tres."], voice), Story("b", "es", ["Tres.", "Son dos."], voice)]
    found = {text: aligned_sentences([*told, *translated])[sentence_id(text)] for text in ("One.", "Two.", "Three.", "Four.", "Uno.", "Dos.", "Tres.", "Son dos.")}  # fmt: skip
    assert found["Two."] == found["Dos."] == found["Son dos."]
    assert found["Three."] == found["Tres."] == found["Four."]
    assert len({found["One."], found["Two."], found["Three."]}) == 3 and found["One."] == found["Uno."]


def test_speech_is_made_once_and_settings_say_what_changes_numbers(root, study):
    (recording, *_) = study.recordings()
    other = SimulatedStories(**SMALL | {"n_subjects": 2, "n_test": 2}, languages=["en", "es"], root=root)
    assert other.sources(recording) == study.sources(recording) and other.settings() == study.settings()
    np.testing.assert_array_equal(other.load(recording).data, study.load(recording).data)
    for change in ({"seed": 1}, {"tr_s": 1.5}, {"noise_level": 2}, {"signal_gain": 0}, {"resolution_mm": 14}, {"n_stories": 3}):  # fmt: skip
        changed = SimulatedStories(**SMALL | change, languages=["en", "es"], root=root)
        assert changed.settings() != study.settings() and changed.sources(recording) == study.sources(recording)
        assert changed.load(recording).data.shape != study.load(recording).data.shape or (
            np.abs(changed.load(recording).data - study.load(recording).data).max() > 1e-4
        )
    again = study.load(Recording("01", task="tale-02", run="en", modality="fmri")).data[:20]
    assert np.abs(again - study.load(recording).data[:20]).max() > 1  # each run has its own noise


def test_another_meaning_of_the_same_words_is_another_study(root, study, monkeypatch):
    monkeypatch.setattr("n2s.studies.simulated.tale_material.category", lambda concept: "thing")
    assert SimulatedStories(**SMALL, languages=["en", "es"], root=root).settings() != study.settings()


def test_options_out_of_range_are_told(root, study):
    for wrong, message in (
        ({"languages": ["fr"]}, "no tales in 'fr'; there are en, es, eu"),
        ({"languages": "en"}, "languages are 'en'; expected a list"),
        ({"languages": []}, "expected a list"),
        ({"n_test": 4}, "n_test is 4; expected a whole number from 0 to 3"),
        ({"minutes": 0}, "minutes is 0; expected a number from 0.1 to"),
        ({"n_stories": 1000}, "n_stories is 1000"),
        ({"noise_level": 0}, "noise_level is 0"),
        ({"resolution_mm": 1}, "resolution_mm is 1"),
    ):
        with pytest.raises(UserError, match=message):
            SimulatedStories(**SMALL | wrong, root=root)
    assert SimulatedStories(**SMALL | {"n_test": 0}, root=root).split is None
    with pytest.raises(UserError, match="no recording sub-07_task-tale-01_run-en; there are sub-01"):
        study.load(Recording("07", task="tale-01", run="en", modality="fmri"))
    with pytest.raises(UserError, match=r"no stimulus 'tale-99.en'; there are tale-01.en"):
        study.audio("tale-99.en")
    with pytest.raises(UserError, match="no subject '02'; there are 01 to 01"):
        study.known("02")
    with pytest.raises(UserError, match="no words of 'eu' are known; there are en, es"):
        study.word_features(["etxe"], "eu")


# what words drive


def test_features_are_places_in_context(study):
    words, _ = study.spoken(study.recordings()[0])
    found, at = study.word_features(words, "en"), columns()
    assert found.shape == (len(words), sum(WORD_DRIVERS.values()))
    assert (found[:, at["rate"]] == 1).all() and not found[:, at["private_es"]].any()
    alone = np.concatenate([study.word_features([word], "en") for word in words])
    for name in ("meaning", "private_en"):
        own = alone[:, at[name]] / CONTEXT[0]
        expected = CONTEXT[0] * own[7] + CONTEXT[1] * own[6] + CONTEXT[2] * own[5]
        np.testing.assert_allclose(found[7, at[name]], expected, atol=1e-12)
        np.testing.assert_allclose(found[0, at[name]], CONTEXT[0] * own[0], atol=1e-12)
    np.testing.assert_array_equal(study.word_features([words[3].upper() + ","], "en"), study.word_features([words[3]], "en"))  # fmt: skip


def test_translations_mean_the_same_and_sound_unalike(study):
    codes, at = study._codes, columns()
    forms = {
        language: {concept: form for form, concept in codes._concepts[language].items()} for language in ("en", "es")
    }
    both = sorted({*forms["en"]} & {*forms["es"]})
    assert len(both) > 10
    english, spanish = (
        np.concatenate([study.word_features([forms[one][concept]], one) for concept in both]) for one in ("en", "es")
    )
    np.testing.assert_allclose(english[:, at["meaning"]], spanish[:, at["meaning"]], atol=1e-12)
    alike = column_correlation(english[:, at["private_en"]].T, spanish[:, at["private_es"]].T)
    assert abs(np.mean(alike)) < 0.3 and english[:, at["private_en"]].std() == pytest.approx(0.6, abs=0.15)


def test_places_have_no_mean_and_function_words_are_small(study):
    every = [(words, one.run) for one in study.recordings() for words in [study.spoken(one)[0]]]
    at = columns()
    alone = {language: [study.word_features([word], language)[0] for words, own in every if own == language for word in words] for language in ("en", "es")}  # fmt: skip
    both = np.array(alone["en"] + alone["es"])
    assert np.abs(both[:, at["meaning"]].mean(0)).max() < 1e-9
    assert np.abs(np.array(alone["en"])[:, at["private_en"]].mean(0)).max() < 1e-9
    unknown, other = study.word_features(["zzyzx"], "en"), study.word_features(["qwxyz"], "en")
    apart = unknown[0, at["meaning"]] - other[0, at["meaning"]]
    assert np.sqrt(np.mean(apart**2)) < 2 * FUNCTION_SIZE and np.abs(apart).max() > 0


def test_another_seed_has_other_places(study):
    told = {"en": study._material.sentences["tale-01.en"]}
    words = [word for one in told["en"] for word in one.words]
    one, same, other = (WordCodes(told, seed).features(words, "en") for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert abs(np.corrcoef(one[:, :16].ravel(), other[:, :16].ravel())[0, 1]) < 0.2


def test_impulses_between_frames_are_those_on_frames():
    times_s, values = np.arange(0, 60, 1.7), np.zeros((200, 1))
    values[[10, 60]] = 1
    np.testing.assert_allclose(
        impulse_responses(np.array([5 + 10 / RATE_HZ, 5 + 60 / RATE_HZ]), times_s).sum(1),
        responses(values, 5.0, times_s)[:, 0],
        atol=1e-12,
    )


# regions


def explained(signal, courses):
    """Share of each column's variance that some courses explain, with a constant."""
    design = np.column_stack([courses, np.ones(len(courses))])
    left = signal - design @ np.linalg.lstsq(design, signal, rcond=None)[0]
    return 1 - left.var(0) / signal.var(0)


def test_regions_answer_what_they_should_and_nothing_else(study):
    rois, known, at = study.load(study.recordings()[0]).rois, study.known("01"), columns()
    names = [name for name in rois if name != "whole"]
    assert np.sum([rois[name] for name in names], axis=0).max() == 1 and min(rois[name].sum() for name in names) >= 8
    for language, other in (("en", "es"), ("es", "en")):
        signals, courses = [], []
        for one in runs_of(study, language):
            signals.append(study.signal(one))
            words, words_s = study.spoken(one)
            courses.append(
                known.courses(study.word_features(words, language), words_s, np.arange(len(signals[-1])) * 2.0)
            )
        signal, course = np.concatenate(signals), np.concatenate(courses)
        assert not signal[:, rois[f"private_{other}"]].any() and not signal[:, rois["silent"]].any()
        assert not signal[:, ~np.any([rois[name] for name in names], axis=0)].any()
        for region, driver in (("meaning", "meaning"), (f"private_{language}", f"private_{language}"), ("rate", "rate")):  # fmt: skip
            own = signal[:, rois[region]]
            np.testing.assert_allclose(own, course[:, at[driver]] @ known.weights[at[driver]][:, rois[region]], atol=1e-10)  # fmt: skip
            assert explained(own, course[:, at[driver]]).min() > 0.999999
        assert np.median(explained(signal[:, rois["meaning"]], course[:, at["rate"]])) < 0.5
        assert (signal[:, rois["rate"]].mean(0) > 0).all() and (signal[:, rois["sound"]].mean(0) > 0).all()
        assert explained(signal[:, rois["sound"]], course[:, at["rate"]]).max() < 0.999
    assert not known.weights[:, rois["sound"]].any()


def test_people_share_half_of_their_mixtures_in_all_languages(root, study):
    both = SimulatedStories(**SMALL | {"n_subjects": 2}, languages=["eu"], root=root)
    rois = both.load(both.recordings()[0]).rois
    assert "private_eu" in rois and "private_en" not in rois
    one, other = (both.known(subject).weights[columns()["meaning"]][:, rois["meaning"]] for subject in ("01", "02"))
    alike = column_correlation(one, other)
    assert np.mean(alike) == pytest.approx(0.5, abs=0.15)
    np.testing.assert_array_equal(one, study.known("01").weights[columns()["meaning"]][:, rois["meaning"]])


def test_a_cleaned_run_is_signal_and_known_noise(study):
    recording = study.recordings()[0]
    bold, known = study.load(recording), study.known("01")
    data = cleaned(bold, study.cleaning, "here").data
    projection = np.eye(len(data)) - bold.nuisances @ np.linalg.pinv(bold.nuisances)
    noise = data - projection @ study.signal(recording)
    expected = np.diag(known.noise_covariance()).mean() * np.trace(projection) / len(data)
    assert noise.var(0).mean() == pytest.approx(expected, rel=0.15)
    quiet = SimulatedStories(**SMALL | {"signal_gain": 0}, languages=["en", "es"], root=study.root)
    assert not quiet.signal(recording).any() and not quiet.known("01").weights.any()
    chosen = np.flatnonzero(bold.rois["meaning"])
    expected = known.noise_covariance()[np.ix_(chosen, chosen)]
    np.testing.assert_allclose(known.noise_covariance(chosen), expected, rtol=1e-12)  # sums in another order


def test_the_true_model_prefers_the_true_text(study):
    recording = next(one for one in runs_of(study, "en") if one.task == "tale-04")
    bold, known = study.load(recording), study.known("01")
    data = cleaned(bold, study.cleaning, "here").data
    projection = np.eye(len(data)) - bold.nuisances @ np.linalg.pinv(bold.nuisances)
    driven = bold.rois["meaning"] | bold.rois["private_en"]
    judge = StoryLikelihood(known.weights[:, driven], known.noise_covariance(driven), shrinkage=0.0)
    words, words_s = study.spoken(recording)

    def score(text):
        courses = known.courses(study.word_features(text, "en"), words_s, np.arange(len(data)) * 2.0)
        return judge.log_likelihood(projection @ courses, data[:, driven])

    others = [study.spoken(one)[0] for one in runs_of(study, "en") if one.task != "tale-04"]
    wrong = [(one * 3)[: len(words)] for one in others] + [words[::-1], words[5:] + words[:5]]
    assert score(words) > max(score(one) for one in wrong) + 5


@pytest.mark.slow
def test_usual_voxels_are_above_chance_and_below_ceiling(root):
    study = SimulatedStories(n_subjects=1, n_stories=3, minutes=1.5, n_test=1, root=root)
    rois = study.load(study.recordings()[0]).rois
    best = np.sqrt(np.mean([study.explainable(one) for one in study.recordings()], axis=0))
    assert 0.3 < np.median(best[rois["meaning"]]) < 0.5
    for name in ("private_en", "rate", "sound"):
        assert 0.25 < np.median(best[rois[name]]) < 0.75, name
    assert not best[rois["silent"]].any()
    assert rois["meaning"].sum() > 150


# through the datamodule


@pytest.mark.parametrize(("languages", "n_folds"), [(["en"], None), (["en", "es"], None), (["en", "es"], 2)])
def test_a_story_and_its_translation_are_held_out_together(root, tmp_path, languages, n_folds):
    data = EncodingDataModule(
        studies={"tales": SimulatedStories(**SMALL, languages=languages, root=root)},
        features={"word_rate": WordRate()},
        response=FIR([1, 2, 3, 4]),
        n_folds=n_folds,
    )
    data.setup("test")
    (subject,) = data.subjects
    rows = data.rows(subject)
    folds = data.folds(subject)
    assert len(folds) == (n_folds or 1)
    tested = []
    for fold in folds:
        train, test = rows.iloc[fold.train], rows.iloc[fold.test]
        assert not set(train.story) & set(test.story)
        for part in (train, test):
            for _, own in part.groupby("story", observed=True):
                assert {name.rsplit("-", 1)[1] for name in own.recording} == set(languages)
        tested += sorted(set(test.story))
        given, asked = data.responses(subject, fold)
        assert given.shape == (len(fold.train), rows_voxels(data, subject)) and np.isfinite(asked).all()
        assert data.design(subject, fold, "word_rate")[0].shape == (len(fold.train), 4)
    assert tested == ["tale-04"] if n_folds is None else sorted(tested) == [f"tale-0{i}" for i in range(1, 5)]


def rows_voxels(data, subject):
    return len(data.measured(subject).names)


def test_events_hold_whole_sentences_of_words(study):
    for recording in study.recordings():
        events = study.events(recording)
        words = events[events.kind == "word"]
        for row in events[events.kind == "sentence"].itertuples():
            inside = words[(words.onset >= row.onset - 1e-6) & (words.onset < row.onset + row.duration)]
            assert set(inside.sequence) == {row.sequence} and sentence_id(" ".join(inside.text)) == row.sequence
    assert isinstance(events, pd.DataFrame)
