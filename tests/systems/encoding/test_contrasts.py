"""Scores, their differences, and their tests over subjects, against SciPy and plain loops."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from encoding_results import on_vertices, on_voxels, rows

from n2s.metrics.group_tests import OverSubjects
from n2s.systems.encoding.cortex.contrasts import (
    Contrast,
    Networks,
    OnCortex,
    main_contrasts,
    normalised,
    over_subjects,
    region_names,
    subject_means,
)
from n2s.systems.encoding.figures.bars import differences, stars
from n2s.systems.encoding.figures.region_figures import ceiling


@pytest.fixture(scope="module")
def result():
    return on_voxels(2)


def test_maps_over_many_subjects_are_tested_by_wilcoxon():
    scores = np.random.default_rng(0).normal(0.4, 1, (12, 30))
    scores[2, 5], scores[:, 7] = np.nan, np.nan
    found = over_subjects(scores, None)
    keep = [i for i in range(30) if i != 7]
    p = [scipy.stats.wilcoxon(one[np.isfinite(one)], alternative="greater").pvalue for one in scores[:, keep].T]
    np.testing.assert_allclose(found.q[keep], scipy.stats.false_discovery_control(p))
    np.testing.assert_allclose(found.mean[keep], np.nanmean(scores[:, keep], 0))
    assert np.isnan(found.mean[7]) and np.isnan(found.q[7]) and not found.shown[7]
    np.testing.assert_array_equal(found.shown[keep], found.q[keep] < 0.05)
    assert "over 12 subjects, one-sided" in found.test


def test_maps_over_some_subjects_are_tested_by_flips_of_signs():
    scores = np.random.default_rng(3).normal(0, 1, (7, 200))
    scores[:, :3] = np.random.default_rng(4).normal(5, 0.5, (7, 3))
    scores[:, 3] = -scores[:, 0]
    scores[1, 9] = np.nan
    one, both = over_subjects(scores, None), over_subjects(scores, None, two_sided=True)
    keep = np.arange(200) != 9
    flips = np.array(np.meshgrid(*[[1, -1]] * 7)).reshape(7, -1).T
    most = np.array([scipy.stats.ttest_1samp(scores[:, keep] * flip[:, None], 0).statistic.max() for flip in flips])
    t = scipy.stats.ttest_1samp(scores, 0).statistic
    np.testing.assert_allclose(one.q[:3], [(most >= value - 1e-9).mean() for value in t[:3]])
    assert not one.shown[3] and both.q[3] == both.q[0]
    assert (
        np.isnan(one.q[9])
        and np.isfinite(one.mean[9])
        and "signs of 7 subjects" in one.test
        and one.measure == "corrected p"
    )


def test_few_subjects_are_combined_and_differences_of_few_are_not_tested():
    rng = np.random.default_rng(1)
    scores, p = rng.normal(size=(3, 20)), rng.uniform(1e-3, 1, (3, 20))
    p[1, 4] = np.nan
    found = over_subjects(scores, p)
    each = [scipy.stats.combine_pvalues(one[np.isfinite(one)], method="fisher").pvalue for one in p.T]
    np.testing.assert_allclose(found.q, scipy.stats.false_discovery_control(each))
    assert "Fisher" in found.test
    one = over_subjects(scores[:1], p[:1])
    np.testing.assert_allclose(one.q, scipy.stats.false_discovery_control(p[0]))
    assert over_subjects(scores, None).q is None and over_subjects(scores, None).shown.all()
    for two_sided in (False, True):  # the fewest subjects that can be significant
        p = [
            scipy.stats.wilcoxon(np.arange(1, n + 1.0), alternative="two-sided" if two_sided else "greater").pvalue
            for n in (4, 5, 6)
        ]
        assert [4, 5, 6][int(np.argmax(np.array(p) < 0.05))] == OverSubjects(0, two_sided).fewest


def test_noise_is_not_shown():
    rng = np.random.default_rng(2)
    assert over_subjects(rng.normal(size=(12, 5000)), None).shown.mean() < 0.01
    assert over_subjects(rng.normal(size=(6, 5000)), None).shown.sum() <= 1
    assert over_subjects(rng.normal(size=(2, 5000)), rng.uniform(1e-3, 1, (2, 5000))).shown.mean() < 0.01


def test_differences_on_the_cortex_are_those_of_the_table():
    result = on_vertices(2)
    found = OnCortex(result).tested(Contrast("", "dutch/gru", "untrained/gru", True))
    table = result.targets
    loop = [
        table[table["index"] == vertex].eval("`r:dutch/gru` - `r:untrained/gru`").mean() for vertex in (0, 5000, 20483)
    ]
    np.testing.assert_allclose(found.mean[[0, 5000, 20483]], loop, rtol=1e-5)


def test_networks_and_their_levels():
    networks = Networks(rows().sample(frac=1, random_state=0))
    own = {one.name: one for one in networks.all}
    assert networks.reference.name == "untrained" and {one.name for one in networks.trained} == {
        "scenes",
        "bengali",
        "dutch",
    }
    assert own["dutch"].rows == ("dutch/mel", "dutch/conv1", "dutch/conv2", "dutch/gru")
    assert own["dutch"].layers == ("mel", "conv1", "conv2", "gru")
    assert [(one.row, one.minus) for one in own["dutch"].gains][0] == ("dutch/conv1", "dutch/mel")
    titles = [one.title for one in main_contrasts(rows())]
    assert {"R, dutch", "ΔR, dutch over mel", "ΔR, dutch − untrained", "R, word rate"} <= set(titles)
    single = rows()[lambda table: table.row == "word_rate"]
    assert Networks(single).reference is None and [one.title for one in main_contrasts(single)] == ["R, word rate"]


def test_means_of_regions(result):
    targets = result.targets
    values = targets["r:dutch/gru"].to_numpy(float).copy()
    values[5] = np.nan
    found = subject_means(targets, values, "A1")
    for subject in targets.subject.unique():
        own = [
            v
            for v, s, i in zip(values, targets.subject, targets["roi:A1"], strict=True)
            if s == subject and i and np.isfinite(v)
        ]
        assert found[subject] == pytest.approx(np.mean(own))
    assert region_names(targets) == ["A1", "Belt", "TPJ"]
    assert "whole" not in subject_means(targets, np.full(len(targets), np.nan))


def test_ceilings_are_absent_not_zero(result):
    table = result.targets
    found = normalised(table, "dutch/gru")["r"]
    ceiling_r = table["ceiling:r"].to_numpy()
    known = ceiling_r >= 0.1
    np.testing.assert_allclose(found[known], table["r:dutch/gru"][known] / ceiling_r[known])
    assert np.isnan(found[~known]).all() and (~known).any()
    assert normalised(table.assign(**{"ceiling:r": np.nan}), "dutch/gru") == {}
    means = table[table["roi:A1"]].groupby("subject")["ceiling:ev_corrected"].mean()
    assert ceiling(result, "A1")[1] == pytest.approx(np.sqrt(means).mean(), rel=1e-6)


def test_a_region_where_nothing_is_explained_has_no_ceiling(result):
    """The roots of positive estimates alone would have a mean of .2 and more there."""
    table = result.targets.copy()
    noise = np.random.default_rng(0).normal(0, 0.1, len(table))
    table["ceiling:ev_corrected"] = noise - noise.mean() - 0.001
    table["ceiling:r"] = np.sqrt(np.where(noise > 0, noise, np.nan))
    empty = replace(result, targets=table)
    assert table["ceiling:r"].mean() > 0.2
    assert ceiling(empty, "A1") is None or ceiling(empty, "A1")[1] < 0.1
    assert empty.regions.normalised("r:dutch/gru", "ceiling:r", "whole") == {}


def test_stars_count_comparisons():
    strong = {f"s{i}": 1.0 + 0.01 * i for i in range(12)}
    zero = dict.fromkeys(strong, 0.5)
    p = differences([(strong, zero), (strong, None), (strong, {"s1": 0.0}), ({"s1": 1.0}, None)])
    expected = scipy.stats.wilcoxon([strong[name] - 0.5 for name in strong]).pvalue
    np.testing.assert_allclose(p[:2], expected)  # two equal p: neither's false discovery rate is larger
    assert np.isnan(p[2:]).all() and stars(np.nan) == ""
    assert [stars(one) for one in (0.0009, 0.001, 0.02, 0.05)] == ["***", "**", "*", ""]


def test_regions_without_targets_are_left_out():
    table = pd.DataFrame(
        {"subject": ["a", "b"], "roi:V1": [True, False], "roi:none": [False, False], "roi:part": [None, True]}
    )
    assert region_names(table) == ["V1", "part"]
