"""Across languages on voxels whose answer is known: shared ones transfer, private ones do not, noise gives chance."""

import numpy as np
import pandas as pd
import pytest
from cross_language_runs import data_of, fitted, outcome, value
from sklearn.linear_model import Ridge

from n2s.metrics.score import ALL

pytestmark = pytest.mark.slow

KNOWN = {"shared": "shared", "es": "private_es", "eu": "private_eu"}


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    root = tmp_path_factory.mktemp("cross")
    return outcome(root, data_of(root, n_subjects=2, n_each=12), known=KNOWN, n_draws=12)


def test_every_cell_is_there_with_its_controls(result):
    own = result.cells[(result.cells.subject == ALL) & (result.cells.region == "all")]
    expected = {"es->es", "eu->eu", "es->eu", "eu->es", "es+eu->es", "es+eu->eu"}
    assert {(one.space, one.cell) for one in own.itertuples()} == {
        (space, cell) for space in ("meaning", "word_rate") for cell in expected
    }
    scores = result.scores()
    assert "meaning: es->eu, shifted" in scores.rows and scores.rows["word_rate: es->eu"].role == "control"
    rows = scores.table()[1]
    assert len(rows) == 6 + 6 + 6
    assert result.settings["n_train_rows"][0] == result.settings["n_train_rows"][1]  # equal amounts in all cells


def test_shared_voxels_transfer_and_private_ones_do_not(result):
    for train, test in (("es", "eu"), ("eu", "es")):
        cross, within = (value(result, f"{one}->{test}", region="shared") for one in (train, test))
        assert cross > 0.6 and abs(cross - within) < 0.05
        assert value(result, f"{test}->{test}", region=f"private_{test}") > 0.5
        assert abs(value(result, f"{train}->{test}", region=f"private_{test}")) < 0.15
        assert value(result, f"{train}->{test}", region="shared", column="q") < 0.05
        assert (
            value(result, f"{train}->{test}", "rank") > 0.7
            and value(result, f"{train}->{test}", "rank", column="p") < 0.05
        )
    for cell in ("es->es", "es->eu"):
        assert abs(value(result, cell, region="silent")) < 0.12
        assert abs(value(result, cell, region="shared", space="word_rate")) < 0.15


def test_bands_find_the_planted_voxels(result):
    assert (result.known.auc > 0.9).all()
    right = result.known[result.known.truth == result.known["class"]].n.sum()
    assert right / result.known.n.sum() > 0.85
    parts = result.regions.groupby(["region", "band"]).explained.mean()
    assert (
        parts["private_es", "es"] > 0.1
        and abs(parts["private_es", "eu"]) < 0.02
        and abs(parts["private_es", "shared"]) < 0.05
    )


def test_transfer_ratios_have_intervals_and_are_undefined_where_within_is_chance(result):
    own = result.transfer[(result.transfer.subject == ALL) & (result.transfer.space == "meaning")].set_index(
        ["region", "test"]
    )
    shared = own.loc["shared", "eu"]
    assert 0.9 < shared.ratio < 1.1 and shared.low < shared.ratio < shared.high
    private = own.loc["private_eu", "eu"]
    assert private.high < 0.5 and abs(private.ratio) < 0.3
    assert np.isnan(own.loc["silent", "eu"].ratio) and "chance" in own.loc["silent", "eu"].told
    assert "undefined" in str(result.shown()[0].tables["Transfer ratios, all subjects"])


def test_what_is_saved_is_loaded_with_the_same_page(result, tmp_path):
    result.save(tmp_path)
    again = type(result).load(tmp_path)
    assert again.scores().plain() == result.scores().plain()
    shown = again.shown()[0]
    titles = [one.title for one in shown.drawings]
    for title in ("Cells", "Transfer ratios", "Shared and specific voxels, es+eu", "Language probe"):
        assert title in titles
    assert "Language probe" in shown.tables and any("AUC" in name for name in shown.tables)
    again.export(tmp_path)
    assert len(pd.read_csv(tmp_path / "voxels.csv")) == 2 * 48


def test_a_number_is_that_of_scikit_learn(tmp_path):
    data = data_of(tmp_path, n_folds=2, n_each=2)
    result = outcome(
        tmp_path, data, alphas=[50.0], decode=False, word_rate="", controls=[], banded=[], equal_rows=False
    )
    subject = "two/01"
    rows = data.rows(subject)
    language = rows.stimulus.astype(str).str[-2:].to_numpy()
    predicted, true = [], []
    for fold in data.folds(subject):
        train, test = data.design(subject, fold, "meaning")
        brain, held = data.responses(subject, fold)
        es, eu, tested_eu = (
            language[part] == name for part, name in ((fold.train, "es"), (fold.train, "eu"), (fold.test, "eu"))
        )
        model = Ridge(alpha=50.0).fit(train[es] - train[es].mean(0), brain[es])
        found = model.predict(test[tested_eu] - train[eu].mean(0))
        runs = rows.recording.astype(str).to_numpy()[fold.test[tested_eu]]
        parts = [(found[runs == run], held[tested_eu][runs == run]) for run in np.unique(runs)]
        x, y = (np.concatenate([part[side] - part[side].mean(0) for part in parts]) for side in (0, 1))
        predicted.append(x / x.std(0))
        true.append(y)
    x, y = np.concatenate(predicted), np.concatenate(true)
    expected = (x * y).sum(0) / np.sqrt((x**2).sum(0) * (y**2).sum(0))
    np.testing.assert_allclose(result.voxels["r:es->eu"], expected, atol=2e-4)


def test_noise_within_a_language_is_not_below_zero(tmp_path):
    """Pooled over folds as they are, predictions of noise correlate negatively within a language alone (-.02 here), and ratios are too high."""
    data = data_of(tmp_path, n_subjects=2, gain=0.0, n_each=60, n_stories=8, story_s=60.0)
    result = outcome(tmp_path, data, decode=False, banded=[], controls=[], n_shifts=20, n_bootstrap=2)
    own = [value(result, cell, region="all") for cell in ("es->es", "eu->eu")]
    assert abs(np.mean(own)) < 0.009


def test_same_seed_same_numbers(tmp_path):
    one, other = (outcome(tmp_path / name, data_of(tmp_path, n_folds=2, n_each=2), decode=True) for name in "ab")
    pd.testing.assert_frame_equal(one.cells, other.cells)
    pd.testing.assert_frame_equal(one.transfer, other.transfer)


def test_an_interrupted_run_goes_on(tmp_path, monkeypatch):
    import n2s.systems.cross_language.task as task

    begun, true = [], task.fit_fold

    def fail(data, subject, fold, *given, **more):
        begun.append(fold.name)
        if len(begun) == 2:
            raise RuntimeError("interrupted")
        return true(data, subject, fold, *given, **more)

    monkeypatch.setattr(task, "fit_fold", fail)
    with pytest.raises(RuntimeError, match="interrupted"):
        fitted(tmp_path, data_of(tmp_path, n_folds=3, n_each=2))
    system, _ = fitted(tmp_path, data_of(tmp_path, n_folds=3, n_each=2))
    assert begun == ["fold 1 of 3", "fold 2 of 3", "fold 2 of 3", "fold 3 of 3"]
    assert len(system.fits["two/01"]) == 3
