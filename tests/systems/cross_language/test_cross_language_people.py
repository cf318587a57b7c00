"""People who heard other languages than each other: classes, ratios, galleries and tables are of those who have both sides."""

import numpy as np
import pandas as pd

from n2s.systems.cross_language import summary
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
