"""People who heard other languages than each other: classes, ratios, galleries and tables are of those who have both sides."""

import numpy as np
import pandas as pd
import pytest

from n2s.metrics.score import ALL
from n2s.systems.cross_language import page, summary
from n2s.systems.cross_language.bootstrap import Compared
from n2s.systems.cross_language.cells import cells_of
from n2s.systems.cross_language.identification import fewest
from n2s.systems.cross_language.scoring import SubjectScores

LANGUAGES = ("en", "es", "eu")


def voxels_of(subject, pair, q=0.001, **more):
    parts = {f"{pair}:{band}": [0.2, -0.1] for band in ("shared", *pair.split("+"))}
    return pd.DataFrame({"subject": subject, "q": [q, q], **parts, **more})


def test_a_pair_that_a_subject_did_not_hear_has_no_class_of_it():
    """Else the shares of classes, mean over subjects, count those who never heard the pair."""
    voxels = pd.concat([voxels_of("a", "es+eu"), voxels_of("b", "en+es")], ignore_index=True)
    found = summary.classify(voxels, LANGUAGES)
    assert found["es+eu:class"].notna().tolist() == [True, True, False, False]
    masks = {"all": np.ones(2, bool), "one": np.array([True, False]), "two": np.array([False, True])}
    scored = {name: SubjectScores(masks=masks) for name in "ab"}
    regions = summary.region_table(scored, found, LANGUAGES)
    assert set(zip(regions.subject, regions.pair, strict=True)) == {("a", "es+eu"), ("b", "en+es")}
    known = summary.known_table(scored, found, LANGUAGES, {"shared": "one", "es": "two"})
    assert set(zip(known.subject, known.pair, strict=True)) == {("a", "es+eu"), ("b", "en+es")}


def test_a_voxel_that_answers_to_a_third_language_alone_is_of_no_class_of_a_pair():
    voxels = voxels_of("a", "es+eu", **{"es+eu:q": [0.001, 0.6]}).assign(**{"es+eu:es": 0.3})
    assert summary.classify(voxels, LANGUAGES)["es+eu:class"].tolist() == ["es", "none"]


def scores(**values):
    one = SubjectScores(units="stories")
    for name, value in values.items():
        at = ("meaning", name.replace("_", "->"), "r", "all")
        one.compared[at], one.nulls[at], one.n[at] = Compared(value, np.full(9, value), 0.0), np.zeros(3), 5
    return one


def test_a_ratio_is_of_those_who_have_both_of_its_cells():
    """One heard es and eu, another en and eu: es->eu is of the first alone, and so is what it is compared with."""
    scored = {"a": scores(es_eu=0.1, eu_eu=0.2, es_es=0.2), "b": scores(en_eu=0.3, eu_eu=0.6, en_en=0.6)}
    table = summary.transfer_table(scored, cells_of(LANGUAGES, matched=False), "meaning", 0)
    ratio = table[table.subject == ALL].set_index(["train", "test"]).ratio
    assert ratio["es", "eu"] == pytest.approx(0.5) and ratio["en", "eu"] == pytest.approx(0.5)


@pytest.mark.parametrize("order", [1, -1])
def test_who_heard_nothing_of_a_language_in_a_fold_does_not_empty_its_gallery(order):
    counts = [{"es": 6, "eu": 0}, {"es": 7, "eu": 5}]
    assert fewest(counts[::order]) == 5


def test_known_classes_of_three_languages_have_a_table():
    rows = [("a", "en+es", "es", one, 1, 0.9) for one in ("shared", "en", "es", "none")]
    rows += [("a", "es+eu", "es", one, 2, 0.8) for one in ("shared", "es", "eu", "none")]
    known = pd.DataFrame(rows, columns=["subject", "pair", "truth", "class", "n", "auc"])
    title, (heads, lines) = next(iter(page.known_lines(known).items()))
    assert "AUC" in title and heads[0] == "truth" and len(lines) == 2
    assert lines[0][heads.index("eu")] == "" and lines[1][heads.index("eu")] == 2
