"""The recipe of story decoders by the command: fitted, tested, interrupted, and without a brain."""

import json

import numpy as np
import pandas as pd
import pytest
import yaml
from closed_form_recipe import changed, given, written

from n2s.systems.story_text import held_out, task

pytestmark = pytest.mark.slow

ROWS = ["true", "model", "permuted", "other_story", "word_rate", "no_brain", "noiseless"]


def small(path, *, model=None, language_model=None, **study):
    recipe, data, own = given("story_text")
    data["studies"]["stories"]["init_args"] = {
        "n_subjects": 1, "n_stories": 6, "minutes": 2.0, "noise_level": 0.1, "resolution_mm": 12,
    } | study  # fmt: skip
    own["language_model"]["init_args"] = {
        "width": 16, "heads": 2, "layers": 1, "vector_width": 48, "epochs": 8,
    } | (language_model or {})  # fmt: skip
    own |= {"n_folds": 2, "n_voxels": 250, "width": 10, "n_null": 20, "n_permuted": 1} | (model or {})
    recipe["trainer"].pop("logger")
    return written(path / "small.yaml", recipe, logger=False)


def words_of(run, row="model"):
    table = pd.read_csv(run / "test" / "test" / "words.csv", keep_default_na=False)
    return table[table.row == row].word.tolist()


def scored(run):
    """What metrics.json says of the test."""
    return json.loads((run / "metrics.json").read_text())["test"]


def means(run, metric):
    return {row: one["all subjects"]["mean"] for row, one in scored(run)["scores"][metric].items()}


def z_of(run, row, metric):
    return next(one["z"] for one in scored(run)["against_null"] if (one["row"], one["metric"]) == (row, metric))


def test_words_are_decoded_above_every_control(at, fit_and_test):
    recipe = small(
        at,
        n_stories=9,
        n_test=1,
        minutes=3.0,
        noise_level=0.2,
        resolution_mm=8,
        model={"n_voxels": 400, "width": 30},
        language_model={"width": 64, "vector_width": 256, "epochs": 12},
    )
    run, out = fit_and_test(recipe)
    words = pd.read_csv(run / "test" / "test" / "words.csv", keep_default_na=False)
    assert sorted(words.row.unique()) == sorted(ROWS)
    found, wer, fair = means(run, "bleu1"), means(run, "wer"), ("permuted", "other_story", "null")
    assert found["model"] > max(found[row] for row in fair), found
    assert wer["model"] < min(wer[row] for row in (*fair, "word_rate", "no_brain")), (
        wer
    )  # these two are the most probable words
    assert found["noiseless"] > found["model"]
    for metric in ("bleu1", "wer"):  # a permuted brain is of the same story, and tells more of it than no brain does
        assert z_of(run, "model", metric) > max(2.5, z_of(run, "permuted", metric) + 1.5)
    assert means(run, "identification")["model"] > means(run, "identification")["permuted"]
    assert 0 < means(run, "way")["model"] < 1
    assert "decoded" in out and (run / "report.html").stat().st_size > 10_000


def test_a_brain_without_speech_is_not_read(at, fit_and_test):
    run, _ = fit_and_test(small(at, n_stories=4, n_test=1, signal_gain=0.0))
    for metric in ("bleu1", "match", "identification"):
        assert abs(z_of(run, "model", metric)) < 3.5


@pytest.mark.nightly
def test_an_interrupted_search_goes_on_and_the_seed_gives_the_same_text(at, run_n2s, fit_and_test, monkeypatch, run_of):
    recipe = small(at, n_stories=4, minutes=0.6, model={"width": 4, "n_null": 2}, language_model={"epochs": 1})
    run, _ = fit_and_test(recipe)
    whole, null = words_of(run), (run / "test" / "test" / "words.csv").read_text()
    kept = sorted((run / "decoded").glob("*.pt"))
    assert len(kept) == 2  # two stories
    for file in kept:
        file.unlink()
    monkeypatch.setattr(held_out, "SAVE_WORDS", 10)
    steps, true = [], held_out.keep

    def stop(path, beam, made):
        true(path, beam, made)
        steps.append(len(beam["words"]))
        if len(steps) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(held_out, "keep", stop)
    assert run_n2s("test", "--config", recipe)[0] != 0
    assert steps == [10, 20, 30]
    assert run_n2s("test", "--config", recipe)[0] == 0
    assert steps[3] == 40  # not from the beginning
    assert words_of(run) == whole and (run / "test" / "test" / "words.csv").read_text() == null


def test_an_interrupted_fit_goes_on(at, interrupted):
    recipe = small(at, n_stories=4, minutes=0.6, n_subjects=3, language_model={"epochs": 1}, model={"n_voxels": 40})
    begun = interrupted(task, recipe)
    assert [subject for subject, _ in begun] == ["stories/01", "stories/02", "stories/02", "stories/03"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"rate_roi": "auditory"}, "no region 'auditory'"),
        ({"word_rate": "words"}, "n2s.features.WordRate"),
        ({"language": "eu"}, "the stories are in 'en'"),
        ({"n_folds": 9}, "n_folds"),
        ({"width": 0}, "width"),
        ({"word_times": "peaks"}, "rows are 2 s apart"),
    ],
)
def test_bad_options_are_named(options, told, at, run_n2s):
    recipe = small(at, n_stories=4, minutes=0.6, language_model={"epochs": 1})
    status, _, err = run_n2s("fit", "--config", changed(recipe, **options))
    assert status == 2 and told in " ".join(err.split()) and "Traceback" not in err


def test_a_recipe_of_two_languages_is_refused(at, run_n2s):
    status, _, err = run_n2s("fit", "--config", small(at, n_stories=4, minutes=0.6, languages=["en", "es"]))
    assert status == 2 and "several languages (en, es)" in " ".join(err.split())


@pytest.mark.nightly
def test_other_options_than_the_fits_are_named(at, run_n2s, fit_and_test):
    few = {"width": 4, "n_null": 0, "n_permuted": 0}
    recipe = small(at, n_stories=4, minutes=0.6, language_model={"epochs": 1}, model=few)
    fit_and_test(recipe, "fit")
    status, _, err = run_n2s("test", "--config", changed(recipe, shrinkage=0.5))
    assert status == 2 and "model.shrinkage is 0.5" in " ".join(err.split())
    # without null texts there are scores, and no z
    status, _, err = run_n2s("test", "--config", changed(recipe, shrinkage=2 / 3))
    assert status == 0, err


@pytest.mark.nightly
def test_another_persons_decoder_reads_a_listener(at, fit_and_test, run_n2s):
    recipe = small(
        at,
        n_subjects=2,
        n_stories=4,
        n_test=1,
        minutes=0.8,
        language_model={"epochs": 1},
        model={"reference": "stories/01", "n_null": 0, "n_permuted": 0, "width": 3},
    )
    run, _ = fit_and_test(recipe)
    words = pd.read_csv(run / "test" / "test" / "words.csv", keep_default_na=False)
    assert set(words[words.row == "transferred"].subject) == {"stories/02"}
    own, other = (words[(words.subject == "stories/02") & (words.row == row)] for row in ("model", "transferred"))
    assert own.word.tolist() != other.word.tolist() and len(other) > 0.5 * len(own)
    status, _, err = run_n2s("fit", "--config", changed(recipe, reference="stories/03"))
    assert status == 2 and "no subject 'stories/03'" in " ".join(err.split())


@pytest.mark.nightly
def test_words_are_decoded_from_meg_above_its_controls(at, fit_and_test):
    """With a fiftieth of one hearing's noise, a fifth of the recipe's: 7.5 minutes of training stories tell no words by more."""
    recipe, data, own = given("story_text_meg")
    data["studies"]["stories"]["init_args"] = {
        "n_subjects": 1,
        "n_stories": 6,
        "n_test": 1,
        "minutes": 1.5,
        "noise_level": 0.02,
    }
    own["language_model"]["init_args"] = {"width": 16, "heads": 2, "layers": 1, "vector_width": 64, "epochs": 8}
    own |= {"alphas": [100.0, 10000.0], "n_folds": 2, "width": 8, "n_null": 10, "n_permuted": 1}
    recipe["trainer"].pop("logger")
    run, _ = fit_and_test(written(at / "small.yaml", recipe, logger=False))
    words = pd.read_csv(run / "test" / "test" / "words.csv", keep_default_na=False)
    assert sorted(words.row.unique()) == sorted(ROWS)
    true, found = (words.time_s[words.row == row].to_numpy() for row in ("true", "model"))
    assert 0.8 < len(found) / len(true) < 1.25
    even = np.linspace(true[0], true[-1], len(true))
    assert away(true, found) < 0.6 * away(true, even)
    bleu, wer = means(run, "bleu1"), means(run, "wer")
    controls = ("permuted", "other_story", "word_rate", "no_brain", "null")
    assert bleu["model"] > max(bleu[row] for row in controls), bleu
    assert wer["model"] < min(wer[row] for row in controls), wer
    assert z_of(run, "model", "bleu1") > 2.5 and z_of(run, "model", "wer") > 2.5 and z_of(run, "permuted", "bleu1") < 2
    assert yaml.safe_load((run / "config.yaml").read_text())["model"]["init_args"]["at"] == "onset"


def away(true, found):
    """Mean time from each word to the nearest that was found, s."""
    return np.abs(true[:, None] - found).min(1).mean()
