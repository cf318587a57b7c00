"""Which designs there are and which are refused: translations in training, listeners of one language, noise, bad input."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from bilingual import TwoLanguages
from cross_language_runs import QUICK, data_of, fitted, outcome, value

from n2s.data import EncodingDataModule, Glover
from n2s.errors import UserError
from n2s.features import Ready, SentenceEmbedding, TextAtWords
from n2s.metrics.score import ALL
from n2s.studies.study import Stimulus
from n2s.systems import CrossLanguage
from n2s.systems.cross_language.bootstrap import Compared, transfer
from n2s.systems.cross_language.cells import MATCHED_LABEL, Training
from n2s.systems.cross_language.checks import check_encoders, tell_alone
from n2s.systems.cross_language.encoded import Encoded
from n2s.systems.cross_language.rows import FoldRows


def refused(root, data, **model) -> str:
    with pytest.raises(UserError) as found:
        fitted(root, data, **model)
    return str(found.value)


def two_studies(root, **options) -> dict:
    """The same stories, a study a language, that say nothing of each other; and listeners of both."""
    return {name: TwoLanguages(root, only=name, content={}, **options) for name in ("es", "eu")}


@pytest.mark.slow
def test_translations_in_training_show_and_are_named(tmp_path):
    """Each story has a dimension of meaning of its own: only its translation tells how voxels answer to it."""
    data = data_of(tmp_path, topics=True, n_each=12, noise=3.0)
    result = outcome(tmp_path, data, content="matched", banded=[])
    for train, test in (("es", "eu"), ("eu", "es")):
        honest, leak = (value(result, f"{train}->{test}{more}", region="shared") for more in ("", ", matched"))
        assert leak > honest + 0.05, (honest, leak)
        assert value(result, f"{train}->{test}, matched", "rank") > value(result, f"{train}->{test}", "rank")
    assert set(result.cells[result.cells.design == "matched"].kind) == {
        "cross",
        "both",
    }  # within a language it would be the test itself
    shown = result.shown()[0]
    assert any(MATCHED_LABEL in line for line in shown.headline)
    assert any(MATCHED_LABEL in row[0] for row in shown.scores.table()[1])
    ratios = result.transfer[
        (result.transfer.subject == ALL) & (result.transfer.region == "shared") & (result.transfer.space == "meaning")
    ]
    assert set(ratios.design) == {"held_out", "matched"}


def test_an_undeclared_translation_in_training_is_refused(tmp_path):
    studies = two_studies(tmp_path)
    text = refused(
        tmp_path, data_of(tmp_path, studies=studies)
    )  # the datamodule deals each study's stories by themselves
    assert "its translation in e" in text and "`content`" in text and "matched" in text


@pytest.mark.slow
def test_a_story_with_another_name_in_its_translation_is_refused_unless_the_study_says(tmp_path):
    names = {(f"tale{i}", "eu"): f"ipuina{i}" for i in range(4)}
    text = refused(tmp_path, data_of(tmp_path, names=names))
    assert "which are translations of each other" in text and "ipuina0" in text and "tale0" in text
    content = {f"ipuina{i}": f"tale{i}" for i in range(4)}
    data = data_of(tmp_path, names=names, content=content, n_each=2)
    fitted(tmp_path, data, decode=False, controls=[], banded=[])
    for fold in data.folds("two/01"):
        told = data.rows("two/01").stimulus.astype(str).str[:-3].to_numpy()
        assert not set(told[fold.train]) & set(told[fold.test])


@pytest.mark.slow
def test_listeners_of_one_language_are_learned_from_others_in_all_cells(tmp_path):
    heard = {"01": ["es"], "02": ["es"], "03": ["es"], "04": ["eu"], "05": ["eu"]}
    data = data_of(tmp_path, n_subjects=5, heard=heard, n_each=12, n_folds=2)
    result = outcome(tmp_path, data, controls=[])
    assert result.settings["people"] == "others" and result.settings["n_people"] == 1
    assert "learned from other people" in " ".join(result.shown()[0].headline)
    own = result.cells[(result.cells.region == "shared") & (result.cells.measure == "r")]
    assert set(own[own.subject == "two/01"].cell) == {"es->es", "eu->es", "es+eu->es"}
    assert set(own[own.subject == ALL].cell) == {"es->es", "eu->eu", "es->eu", "eu->es", "es+eu->es", "es+eu->eu"}
    for cell in ("es->es", "eu->es", "es->eu"):
        assert value(result, cell, region="shared") > 0.6
    assert abs(value(result, "es->eu", region="private_eu")) < 0.25 < 0.4 < value(result, "eu->eu", region="private_eu")
    assert value(result, "eu->es", "rank") > 0.7
    assert not len(result.regions) and any("need one brain" in one for one in result.shown()[0].notes)


@pytest.mark.slow
def test_who_heard_one_language_alone_is_left_out_beside_bilinguals(tmp_path):
    data = data_of(tmp_path, n_subjects=2, heard={"02": ["es"]}, n_each=2)
    result = outcome(tmp_path, data, decode=False, controls=[], banded=[])
    assert set(result.cells.subject) == {ALL, "two/01"}


@pytest.mark.slow
def test_three_languages_have_all_ordered_pairs(tmp_path):
    data = data_of(tmp_path, languages=("es", "eu", "en"), n_each=2)
    result = outcome(tmp_path, data, decode=False, controls=[], n_draws=1)
    cells = set(result.cells.cell)
    assert len([one for one in cells if "+" not in one]) == 9 and len([one for one in cells if "+" in one]) == 6
    assert set(result.regions.pair) == {"en+es", "en+eu", "es+eu"}


@pytest.mark.slow
def test_noise_gives_chance_and_uniform_p(tmp_path):
    data = data_of(tmp_path, n_subjects=6, gain=0.0, n_each=3, n_folds=2, n_stories=4)
    result = outcome(tmp_path, data, banded=[], controls=[], n_shifts=99)
    own = result.cells[(result.cells.subject != ALL)]
    r, rank = own[own.measure == "r"], own[own.measure == "rank"]
    assert abs(r.value.mean()) < 0.03 and abs(rank.value.mean() - 0.5) < 0.06
    for p in (r.p, rank.p):
        assert 0.35 < p.mean() < 0.65 and (p < 0.05).mean() < 0.15 and (p < 0.5).mean() > 0.3


@pytest.mark.slow
def test_the_language_is_in_features_before_centring_and_not_after(tmp_path):
    result = outcome(tmp_path, data_of(tmp_path, shift=3.0, n_each=2), banded=[], controls=[])
    probe = result.probe.set_index("what").accuracy
    assert probe["features, not centred"] > 0.95 and probe["features, centred per language"] < 0.75
    assert (
        abs(value(result, "es->eu", region="shared") - value(result, "eu->eu", region="shared")) < 0.1
    )  # a shift costs nothing


def test_equal_rows_and_halves(tmp_path):
    data = data_of(tmp_path, n_each=1)
    data.prepare()
    data.setup("fit")
    rows = FoldRows(data, "two/01", data.folds("two/01")[0])
    n = len(rows.train("es"))
    assert n < len(rows.train("eu"))  # Basque takes longer
    for training in (Training(("es",)), Training(("eu",)), Training(("es", "eu"))):
        places = rows.of(training, n)
        assert abs(len(places) - n) <= 1 and (np.diff(places) > 0).all() and places.max() < rows.n_train
    half = rows.of(Training(("es", "eu")), n)
    assert (rows.language[half] == "es").sum() == (rows.language[half] == "eu").sum() == n // 2
    assert set(rows.table.story[half].astype(str)) == set(rows.table.story[rows.train("es")].astype(str))
    matched = rows.of(Training(("es",), "eu"), n)
    assert (matched >= rows.n_train).sum() == len(rows.test("es")) and not (rows.language[matched] == "eu").any()


def test_ratio_and_its_interval():
    draws = np.linspace(-0.1, 0.1, 201)
    within, cross = Compared(0.5, 0.5 + draws, 0.0), Compared(0.25, 0.25 + draws / 2, 0.0)
    score, told = transfer(cross, within, "stories")
    assert (
        score.mean == 0.5 and abs(score.low - 0.5) < 1e-9 and abs(score.high - 0.5) < 1e-9 and not told
    )  # paired: they move together
    score, told = transfer(cross, Compared(0.05, 0.05 + draws, 0.0), "stories")
    assert score.mean is None and told


def test_moves_of_one_run_are_circles_of_ten_seconds_or_more():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((40, 3))
    one = Encoded(400, 5, 0)
    one.add(x, x, np.zeros(40, int), np.zeros(40, int), 0)
    null = one.null()
    assert np.allclose(one.sums.r(), 1) and null.max() < 0.9 and abs(null.mean()) < 0.05


@pytest.mark.slow
@pytest.mark.parametrize(
    ("study", "model", "said"),
    [
        ({"languages": ("es",)}, {}, "two languages or more"),
        ({}, {"features": "meanin"}, "Nearest: meaning"),
        ({}, {"controls": ["mel"]}, "model.controls"),
        ({}, {"regions": ["shard"]}, "no region 'shard'"),
        ({}, {"known": {"shared": "nowhere"}}, "no region 'nowhere'"),
        ({}, {"known": {"fr": "shared"}}, "neither 'shared' nor a language"),
        ({}, {"people": "own", "content": "mixed"}, "model.content"),
        ({"n_stories": 2, "n_folds": 2}, {}, "of one story"),
        ({}, {"segment_s": 90.0}, "two segments of 90 s"),
        ({"heard": {"01": ["es"], "02": ["eu"]}, "n_subjects": 2}, {}, "nobody else heard"),
        ({"heard": {"01": ["es"], "02": ["eu"]}, "n_subjects": 2}, {"people": "own"}, "nobody heard two"),
    ],
)  # fmt: skip
def test_bad_input_is_told(tmp_path, study, model, said):
    data = data_of(tmp_path, n_each=1, **study)
    with pytest.raises(UserError) as found:
        CrossLanguage(**({"features": "meaning"} | QUICK | model)) if "content" in model else outcome(
            tmp_path, data, **model
        )
    assert said in str(found.value), found.value


def test_one_delay_cannot_be_decoded(tmp_path):
    data = EncodingDataModule({"two": TwoLanguages(tmp_path, n_each=1)}, {"meaning": Ready(4)}, Glover(), n_folds=2)
    assert "n2s.data.FIR" in refused(tmp_path, data)


@pytest.mark.slow
def test_features_of_another_length_in_a_language_are_refused(tmp_path):
    class Wider(TwoLanguages):
        def features(self, stimulus):
            found = super().features(stimulus)
            return (
                found if stimulus.endswith("es") else type(found)(np.pad(found.values, ((0, 0), (0, 3))), found.rate_hz)
            )

    data = data_of(tmp_path, studies={"two": Wider(tmp_path, n_each=1)})
    with pytest.raises(UserError, match="the same in all"):
        outcome(tmp_path, data)


def test_minilm_is_refused_for_basque():
    features = {"meaning": TextAtWords(SentenceEmbedding())}
    with pytest.raises(UserError, match="LaBSE"):
        check_encoders(features, ["es", "eu"])
    check_encoders(features, ["es", "en"])
    check_encoders({"meaning": TextAtWords(SentenceEmbedding("sentence-transformers/LaBSE"))}, ["es", "eu"])


def test_a_story_in_one_language_alone_is_told(tmp_path, caplog):
    study = TwoLanguages(tmp_path, n_each=1)
    every = study.recordings()
    study.recordings = lambda: [one for one in every if (one.task, one.run) != ("tale3", "eu")]
    data = data_of(tmp_path, studies={"two": study})
    result = outcome(tmp_path, data, decode=False, controls=[], banded=[])
    assert "heard in one language alone (tale3)" in caplog.text
    assert isinstance(result.cells, pd.DataFrame)


def test_sentences_without_translation_are_counted(caplog):
    def heard(*sentences):
        table = pd.DataFrame({"text": sentences, "onset": 0.0, "duration": 0.1, "sequence": sentences})
        return Stimulus("s", None, words=table)

    study = SimpleNamespace(content={"uno": "1", "bat": "1", "dos": "2", "bi": "2"})
    stimuli = {"two/a.es": heard("uno", "dos", "tres"), "two/a.eu": heard("bat", "bi")}
    data = SimpleNamespace(studies={"two": study}, stimuli=stimuli, languages={"two/a.es": "es", "two/a.eu": "eu"})
    tell_alone(data)
    assert "1 of 5 have no translation" in caplog.text
