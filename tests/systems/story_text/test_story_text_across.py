"""The words of one language by a decoder that has learned the brain from another."""

import copy
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
import torch
from cross_language_runs import data_of
from lightning.pytorch import Trainer

from n2s.data import FIR, EncodingDataModule
from n2s.data.encoding_data import Fold
from n2s.errors import UserError
from n2s.features import AlignedWords, SharedStoryWords, TrainedStoryWords, WordRate
from n2s.findings import kept
from n2s.studies import SimulatedStories
from n2s.systems import StoryDecoder
from n2s.systems.story_text.across import in_words_of
from n2s.systems.story_text.languages import Languages, OneLanguage, stories_in, told_language

pytestmark = pytest.mark.slow

SMALL = {"width": 8, "heads": 2, "layers": 1, "vector_width": 0, "epochs": 1, "reach": 6}
ALPHAS = (10.0, 1000.0)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """One listener of four short stories in both languages; the last is held out."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("N2S_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        study = SimulatedStories(
            n_subjects=1, n_stories=4, n_test=1, minutes=0.5, languages=["es", "eu"], resolution_mm=12, noise_level=0.1,
            root=tmp_path_factory.getbasetemp() / "tales",
        )  # fmt: skip
        found = EncodingDataModule({"s": study}, {"word_rate": WordRate()}, FIR(), clean_features=False)
        found.prepare_data()
        found.setup("fit")
        yield found


class Noted(TrainedStoryWords):
    """Notes the languages that it learns."""

    languages: ClassVar[list[str]] = []

    def learn(self, stories, *, language, seed):
        self.languages.append(language)
        super().learn(stories, language=language, seed=seed)


@pytest.fixture(scope="module")
def shared():
    return SharedStoryWords(AlignedWords(n_features=20, n_tales=12, n_forms=300), Noted(**SMALL), context_words=0)


def decoded(data, shared, folder, **options):
    """The result of a fit and a test."""
    torch.set_num_threads(1)
    given = {"language": "eu", "other_language": "es", "language_model": shared} | options
    system = StoryDecoder(**given, alphas=ALPHAS, n_folds=2, n_voxels=150, width=4, n_null=3, n_permuted=1)
    trainer = Trainer(
        max_epochs=1, accelerator="cpu", devices=1, logger=False, enable_checkpointing=False, default_root_dir=folder,
        enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0, log_every_n_steps=1,
    )  # fmt: skip
    trainer.fit(system, datamodule=data)
    trainer.test(system, datamodule=data, verbose=False)
    return system, system.results(0)["test"]


@pytest.fixture(scope="module")
def both(data, shared, tmp_path_factory):
    return decoded(data, shared, tmp_path_factory.mktemp("both"))


def words_of(result, row):
    own = result.words[result.words.row == row]
    return list(zip(own.time_s.round(3), own.word, strict=True))


def test_both_decoders_write_the_held_out_stories_of_one_language(both, data):
    system, result = both
    assert {"model", "across", "across_permuted", "permuted", "noiseless"} <= set(result.words.row)
    assert list(result.stories.language) == ["eu"] and result.stories.audio.iloc[0].endswith(".eu.wav")
    vocabulary = set(system.learned[next(iter(system.fits["s/01"].values()))["language"]].vocabulary)
    said = data.stimuli["s/tale-04.eu"].words.text
    assert {word for _, word in words_of(result, "across")} <= vocabulary
    assert vocabulary & {one.strip(".,").lower() for one in said}
    assert words_of(result, "across") != words_of(result, "model")
    n = {row: len(words_of(result, row)) for row in ("true", "across", "across_permuted")}
    assert 0.6 < n["across"] / n["true"] < 1.6 and n["across_permuted"] == n["across"]
    scores = result.scores()
    assert scores.rows["across"].role == "model" and scores.rows["across_permuted"].role == "control"
    assert scores.get("way", "across") is not None and scores.get("bleu1", "across").mean > 0
    assert "'es' alone" in " ".join(result.settings["told"])
    assert set(Noted.languages) == {"eu"}  # no words are proposed in the other language
    words = pd.concat(system._decoded["s/01"])
    times = {row: [own.time_s.tolist() for _, own in words[words.row == row].groupby("draw")] for row in set(words.row)}
    assert times["null_beside"] == times["across"] * 3 and times["null"] == times["model"] * 3


def test_no_response_to_the_language_is_used_by_the_decoder_of_the_other(both, data, shared, tmp_path, monkeypatch):
    language = data.rows("s/01").stimulus.astype(str).map(lambda name: data.languages.get(name, "")).to_numpy()
    true = data.responses

    def other_brain(subject, fold):
        train, test = true(subject, fold)
        own = language[fold.train] == "eu"
        train[own] = np.random.default_rng(0).standard_normal(train[own].shape)
        return train, test

    monkeypatch.setattr(data, "responses", other_brain)
    _, changed = decoded(data, shared, tmp_path)
    for row in ("across", "across_permuted"):
        assert words_of(changed, row) == words_of(both[1], row)
    assert words_of(changed, "model") != words_of(both[1], "model")


def test_other_responses_of_the_other_language_than_those_of_the_fit_are_refused(both, data, monkeypatch):
    system, _ = both
    true = data.responses

    def other_brain(subject, fold):
        train, test = true(subject, fold)
        spanish = data.rows(subject).stimulus.astype(str).str.endswith(".es").to_numpy()[fold.train]
        train[spanish] *= 2
        return train, test

    monkeypatch.setattr(data, "responses", other_brain)
    with pytest.raises(UserError, match="brain's responses.* are not those"):
        system.trainer.test(system, datamodule=data, verbose=False)


def test_of_two_languages_one_alone_is_decoded_in_folds_that_have_it(data, shared, tmp_path):
    folded = EncodingDataModule(data.studies, data.features, data.response, n_folds=4, clean_features=False)
    folded.prepare_data()
    folded.setup("fit")
    rows, (first, *others) = folded.rows("s/01"), folded.folds("s/01")
    heard = set(rows.stimulus.iloc[first.test].astype(str))  # nothing of it is in eu now
    folded.languages = {name: "es" if name in heard else one for name, one in folded.languages.items()}
    system, result = decoded(folded, shared, tmp_path, other_language=None)
    assert list(system.fits["s/01"]) == [one.name for one in others]
    assert set(result.stories.language) == {"eu"} and "across" not in set(result.words.row)
    held = {story for one in others for story in rows.story.iloc[one.test].astype(str)} - {""}
    assert {story.split(".")[0] for story in result.stories.story} == held


def test_a_story_and_its_translation_are_held_out_together(data):
    rows = data.rows("s/01")
    for fold in data.folds("s/01"):
        train, test = (set(rows.story.iloc[one].astype(str)) - {""} for one in (fold.train, fold.test))
        assert test and not train & test
        heard = {data.languages[name] for name in rows.stimulus.iloc[fold.test].astype(str).unique() if name}
        assert heard == {"es", "eu"}


class Leaking:
    """The translation of what is held out is in training."""

    def __init__(self, data):
        self.data = data

    def __getattr__(self, name):
        return getattr(self.data, name)

    def folds(self, subject):
        (fold,) = self.data.folds(subject)
        stimulus = self.data.rows(subject).stimulus.astype(str).to_numpy()
        spanish = np.char.endswith(stimulus[fold.test].astype(str), ".es")
        train = np.sort(np.concatenate([fold.train, fold.test[spanish]]))
        return [replace(fold, train=train, test=fold.test[~spanish], groups=stimulus[train], stretches=None)]


def test_a_translation_in_training_is_refused(data, shared):
    with pytest.raises(UserError, match="tale-04 is held out, and its translation is in training"):
        Languages.of(Leaking(data), "eu", "es", shared, None)


def test_stories_of_which_nothing_says_what_they_tell_are_refused(shared, tmp_path):
    names = {(f"tale{i}", "eu"): f"ipuina {i}" for i in range(4)}
    for content, said in ((None, "nothing says which are translations"), ({}, "")):
        two = data_of(tmp_path, names=names, content=content, n_folds=4)
        two.prepare_data()
        two.setup("fit")
        if said:
            with pytest.raises(UserError, match=said):
                Languages.of(two, "eu", "es", shared, None)
        else:  # somebody says that there are no translations
            assert Languages.of(two, "eu", "es", shared, None).across.folds("two/01")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"model": TrainedStoryWords()}, "TrainedStoryWords mean other things in each language"),
        ({"other": "en"}, "other_language is 'en', which nobody heard"),
        ({"model": SharedStoryWords(AlignedWords(["en", "es"]))}, "AlignedWords: no text in 'eu'"),
        ({"language": "en"}, "language is 'en', and the stories are in 'es, eu'"),
        ({"other": "eus"}, "is 'eu' and model.other_language 'eus', the same"),
        ({"language": None}, "Set model.language to one of them.*model.other_language"),
        ({"reference": "s/02"}, "Leave one out"),
    ],
)
def test_what_does_not_go_together_is_refused(options, said, data, shared):
    given = {"language": "eu", "other": "es", "model": shared, "reference": None} | options
    with pytest.raises(UserError, match=said):
        Languages.of(data, **given)


def test_stories_in_neither_language_are_told(data, shared, monkeypatch):
    known = dict(data.languages)
    with kept() as findings:
        Languages.of(data, "eu", "es", shared, None)
    assert not [one for one in findings if one.kind == "left out"]
    monkeypatch.setattr(data, "languages", known | {"s/other": "fr", "s/strange": ""})
    with kept() as findings:
        Languages.of(data, "eu", "es", shared, None)
    (found,) = (one for one in findings if one.kind == "left out")
    said = f"2 of {len(known) + 2} are in neither 'eu' nor 'es' (model.language, model.other_language) but in a language that is not known, fr"
    assert said in found.text


class Few:
    """A listener of sounds of one row each."""

    def __init__(self, languages, *folds):
        self.languages = {f"s/{i}": language for i, language in enumerate(languages)}
        self.subjects = ["s/1"]
        self._folds = [
            Fold(f"fold {i}", *(np.array(one) for one in fold), np.array([f"g{j}" for j in fold[0]]), np.array(fold[0]))
            for i, fold in enumerate(folds)
        ]

    def rows(self, subject):
        return pd.DataFrame({"stimulus": list(self.languages), "story": "", "unit": ""})

    def folds(self, subject):
        return self._folds


def test_folds_have_rows_of_one_language():
    data = Few(["es", "eu", "es", "eu", "", "es"], ([0, 1, 2], [3, 4, 5]), ([1, 3, 4], [0, 2, 5]))
    (found,) = OneLanguage(data, "es", "eu").folds("s/1")
    assert found.name == "fold 0" and found.train.tolist() == [0, 2] and found.test.tolist() == [3]
    assert found.groups.tolist() == ["g0", "g2"] and found.stretches.tolist() == [0, 2]
    assert OneLanguage(data, "es", "eu").languages is data.languages
    with pytest.raises(UserError, match="fold 0: nothing that is heard in 'fr' is in training"):
        OneLanguage(data, "fr", "eu").folds("s/1")
    with pytest.raises(UserError, match="fold 0: one story alone \\(g1\\) that is heard in 'eu' is in training"):
        OneLanguage(data, "eu", "eu").folds("s/1")
    with pytest.raises(UserError, match="nothing in 'fr' is held out; languages that were heard: es, eu"):
        OneLanguage(data, "es", "fr").folds("s/1")


def test_who_heard_one_language_alone_is_named(shared):
    data = Few(["es", "es"], ([0], [1]))
    data.languages |= {"s/9": "eu"}  # somebody else's
    data.rows = lambda subject: pd.DataFrame({"stimulus": ["s/0", "s/1"]})
    with pytest.raises(UserError, match="s/1 heard nothing in 'eu'"):
        Languages.of(data, "eu", "es", shared, None)


def test_of_several_languages_one_alone_is_used_and_told():
    data = Few(["es", "eu", "es", "eu", "eu"], ([0, 1, 4], [2, 3]))
    with kept() as found:
        assert stories_in(data, "eu").folds("s/1")[0].test.tolist() == [3]
    assert found[0].kind == "left out" and "2 of 5 are not in 'eu' (model.language) but in es" in found[0].text
    copied = copy.copy(stories_in(data, "eu"))
    assert copied.folds("s/1")[0].test.tolist() == [3]
    one = Few(["eu", "eu"], ([0], [1]))
    assert stories_in(one, "eu") is one
    assert told_language(one.languages, "") == told_language(one.languages, "eus") == "eu"


def test_levels_are_those_of_the_language_that_is_decoded():
    """Predictions for its training rows have the mean that those for the other language's have; so has the word rate."""
    rng = np.random.default_rng(0)
    es, eu = (torch.from_numpy(rng.normal(mean, 1, (50, 6))).float() for mean in (1.0, -2.0))
    weights, later = (
        torch.from_numpy(rng.normal(size=(6, 4))).float(),
        torch.from_numpy(rng.normal(size=(50, 3))).float(),
    )
    coef = torch.tensor([1.0, -1.0, 0.5])

    def fit(columns, name, rows, mean):
        rate = {"coef": coef, "intercept": rows - (later @ coef).mean(), "rows": torch.tensor(rows), "mean": mean}
        encoding = {"weights": weights, "intercept": -columns.mean(0) @ weights, "mean_word": columns[0, :3]}
        return {"language": name, "columns": columns.mean(0), "encoding": encoding, "rate": rate, "voxels": [name]}

    found = in_words_of(fit(es, "es", 3.0, 3.5), own := fit(eu, "eu", 2.0, 2.5))
    torch.testing.assert_close(
        (eu @ weights + found["encoding"]["intercept"]).mean(0), torch.zeros(4), rtol=0, atol=1e-4
    )
    assert float((later @ coef + found["rate"]["intercept"]).mean()) == pytest.approx(2.0, abs=1e-5)
    assert found["rate"]["mean"] == 2.5 and found["language"] == "eu" and found["voxels"] == ["es"]
    assert torch.equal(found["encoding"]["mean_word"], own["encoding"]["mean_word"])
