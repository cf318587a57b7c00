"""Scores by region, tests over subjects, what is shown and written, from targets whose numbers are planted."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from n2s.metrics.group_tests import OverSubjects
from n2s.metrics.result import record
from n2s.metrics.score import ALL
from n2s.systems.encoding.cortex.contrasts import over_subjects
from n2s.systems.encoding.results import summary
from n2s.systems.encoding.results.result import BrainScoreResult

N = 40
ROWS = pd.DataFrame(
    [
        ("model/mel", "mel", "model", "model", 0, "mel", 2, 1),
        ("model/phones", "+ phones", "model", "model", 1, "mel + phones", 5, 1),
        ("word_rate", "word_rate", "control", "", 0, "word_rate", 1, 1),
    ],
    columns=["row", "label", "role", "network", "level", "spaces", "n_features", "n_seeds"],
)


def targets(n_subjects: int, seed: int = 0) -> pd.DataFrame:
    """The first ten of forty voxels are auditory, and there alone phones add .2."""
    rng, parts = np.random.default_rng(seed), []
    auditory = np.arange(N) < 10
    for number in range(n_subjects):
        mel = 0.3 * auditory + rng.normal(0, 0.02, N)
        phones = mel + 0.2 * auditory + rng.normal(0, 0.02, N)
        parts.append(
            pd.DataFrame(
                {
                    "subject": f"study/{number:02d}", "name": np.arange(N).astype(str), "index": np.arange(N),
                    "x": 0.0, "y": 0.0, "z": 0.0, "roi:auditory": auditory, "roi:whole": True,
                    "r:model/mel": mel, "r:model/phones": phones, "r:word_rate": rng.normal(0, 0.02, N),
                    "p:model/mel": np.where(auditory, 0.001, 0.6), "gain:model/phones": phones - mel,
                    "ceiling:ev": 0.3, "ceiling:ev_corrected": np.where(auditory, 0.25, -0.01), "ceiling:r": np.where(auditory, 0.5, 0.0), "ceiling:isc": np.nan, "n_presentations": 1.0,
                }
            )
        )  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def result(n_subjects: int, *, template: str = "MNI152NLin2009cAsym", **changes) -> BrainScoreResult:
    image = {"kind": "voxel", "shape": [4, 5, 2], "affine": np.eye(4).tolist(), "template": template}
    table = targets(n_subjects).assign(**changes)
    settings = {"n_folds": [1, 1], "n_rows": [200, 200], "n_permutations": 1000, "null": "block", "block_s": 20.0}
    return BrainScoreResult(table, ROWS, {name: image for name in table.subject.unique()}, settings=settings)


@pytest.fixture(scope="module")
def eight() -> BrainScoreResult:
    return result(8)


def test_regions_are_means_of_each_subject_and_an_interval_over_them(eight):
    scores, table = eight.scores(), eight.targets
    own = table[table["roi:auditory"]].groupby("subject")["r:model/phones"].mean()
    score = scores.get("R, auditory", "model/phones")
    assert score.mean == pytest.approx(own.mean(), rel=1e-12)
    low, high = scipy.stats.t.interval(0.95, 7, own.mean(), own.sem())
    assert (score.low, score.high) == pytest.approx((low, high), rel=1e-9) and "t interval" in score.kind
    assert scores.get("R, auditory", "model/phones", "study/03").mean == pytest.approx(own["study/03"])
    assert scores.get("gain, auditory", "model/phones").mean == pytest.approx(0.2, abs=0.02)
    assert scores.get("gain, auditory", "model/mel") is None
    assert scores.rows["word_rate"].role == "control"


def test_scores_are_normalised_by_the_named_ceiling_alone(eight):
    scores = eight.scores()
    raw, normalised = (scores.get(f"{name}, auditory", "model/mel").mean for name in ("R", "R / ceiling"))
    assert normalised == pytest.approx(raw / 0.5)
    assert not any(name.startswith("R / ISC") for name in scores.measures)  # there is none: absent, not 0
    assert "isc" not in eight.facts()["ceilings"]
    unknown = result(2, **dict.fromkeys(("ceiling:ev", "ceiling:ev_corrected", "ceiling:r"), np.nan))
    assert not any("/" in name for name in unknown.scores().measures)
    assert any("No ceiling" in note for note in unknown.shown()[0].notes)


def test_over_subjects_the_planted_region_is_found_and_nothing_else(eight):
    found = eight.group.counts(["auditory", "whole"])
    for column in ("r:model/mel", "gain:model/phones"):
        assert found[column]["auditory"]["significant"] == 10 and found[column]["whole"]["significant"] <= 11
    assert found["r:word_rate"]["whole"]["significant"] <= 1
    table = eight.group.tested["r:model/mel"].set_index("index")
    own = eight.targets.pivot(index="subject", columns="index", values="r:model/mel").to_numpy()
    assert table.d[3] == pytest.approx(own[:, 3].mean() / own[:, 3].std(ddof=1))


@pytest.mark.parametrize("n", [8, 12])
def test_tables_maps_and_notes_have_one_test_over_subjects(n):
    one = result(n)
    table = one.group.tested["r:model/mel"]
    own = one.targets.pivot(index="subject", columns="index", values="r:model/mel")
    np.testing.assert_array_equal(table.q, over_subjects(own.to_numpy(), None).q)
    words = str(OverSubjects(n))
    assert f"{n} subjects" in words and f"below {1 / 2**n:.2g}" in words and set(table.test) == {words}
    assert any(words in note for note in one.shown()[0].notes)
    assert any(words in title for title in one.shown()[0].tables)
    assert one.facts()["test_over_subjects"]["least_p"] == 1 / 2**n


@pytest.mark.slow
def test_native_voxels_and_few_subjects_are_not_compared():
    for one in (result(6, template=None), result(4)):
        assert one.group.shared is None and one.group.counts(["whole"]) == {}
        assert any("No tests over subjects" in note for note in one.shown()[0].notes)
        (heading,) = [title for title in one.shown()[0].tables if title.startswith("Significant")]
        cells = {row[0]: row[1:] for row in one.shown()[0].tables[heading][1]}
        assert cells["mel"] == ["10 of 10", "10 of 40"]


def test_a_target_without_a_score_in_one_subject_is_left_out_of_the_tests():
    one = result(8)
    one.targets.loc[2, ["r:model/mel", "p:model/mel"]] = np.nan
    table = one.group.tested["r:model/mel"].set_index("index")
    assert np.isnan(table.q[2]) and np.isfinite(table.q.drop(2)).all()
    assert one.group.counts(["auditory"])["r:model/mel"]["auditory"]["n"] == 9
    assert np.isfinite(one.scores().get("R, auditory", "model/mel").mean)


def test_a_region_over_subjects_is_where_all_have_it(eight):
    """Localisers differ: the first subject's region was taken for that of all."""
    table = eight.targets.assign(**{"roi:auditory": eight.targets["roi:auditory"].copy()})
    table.loc[(table.subject == "study/03") & (table["index"] < 4), "roi:auditory"] = False
    counts = replace(eight, targets=table).group.counts(["auditory", "whole"])["r:model/mel"]
    assert counts["auditory"]["n"] == 6 and counts["whole"]["n"] == N


def test_one_subject_has_scores_without_interval():
    score = result(1).scores().get("R, auditory", "model/mel")
    assert score.mean is not None and score.low is None


def test_it_is_saved_loaded_and_plain_json(eight, tmp_path):
    eight.save(tmp_path)
    back = BrainScoreResult.load(tmp_path)
    assert json.dumps(record(back), allow_nan=False) == json.dumps(record(eight), allow_nan=False)
    pd.testing.assert_frame_equal(back.targets, eight.targets)
    shown = back.shown()[0]
    assert any("of 40 targets at least 8 have to reach it" in note for note in _with(back, 99).shown()[0].notes)
    assert shown.columns[0] == "R, auditory" and shown.counts == {"subjects": 8, "targets": 320}
    assert "8 subjects, 40 voxels each." in shown.headline[0]


def test_flat_tables_are_written_beside_it(eight, tmp_path):
    eight.export(tmp_path)
    flat = pd.read_csv(tmp_path / "regions.csv").set_index(["measure", "row", "subject"])
    assert flat.loc[("R, auditory", "model/mel", ALL), "mean"] == eight.scores().get("R, auditory", "model/mel").mean
    over = pd.read_csv(tmp_path / "over_subjects.csv")
    assert set(over.score) == set(eight.group.columns) and len(over) == N * len(eight.group.columns)


def _with(one: BrainScoreResult, n_permutations: int) -> BrainScoreResult:
    one.settings["n_permutations"] = n_permutations
    return one


def test_a_score_is_divided_by_the_ceiling_of_its_own_targets():
    """Half of a region's targets are not shared by all subjects: the ratio is of the other half, not of all by half."""
    found = result(2, **{"ceiling:isc": 0.5})
    table = found.targets
    for column in [name for name in table if name.startswith("r:")]:
        table[column] = 0.2
    auditory = np.flatnonzero(table["roi:auditory"])
    table.loc[auditory[::2], "ceiling:isc"] = np.nan
    table.loc[auditory[::2], "r:model/mel"] = 0.8
    assert found.regions.normalised("r:model/mel", "ceiling:isc", "auditory") == pytest.approx(
        dict.fromkeys(found.group.subjects, 0.4)
    )


def test_two_subjects_have_one_inter_subject_correlation_and_no_interval_of_it():
    """It was 0.009 (0.009 to 0.009)."""
    found = summary.over_subjects({"a": 0.009, "b": 0.009 + 1e-9})
    assert found["all subjects"].low is None and found["all subjects"].mean == pytest.approx(0.009)
    assert summary.over_subjects({"a": 0.1, "b": 0.2})["all subjects"].low is not None
