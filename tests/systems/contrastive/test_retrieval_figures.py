from dataclasses import replace

import numpy as np
import pytest
from planted import helmet_positions, planted_result

from n2s.systems.contrastive.figures import (
    accuracy_by_rank,
    accuracy_by_subject,
    attention_maps,
    drawings,
    rank_curve,
    similarity_matrix,
    unlike_channels,
)


@pytest.fixture(scope="module")
def result():
    return replace(planted_result(), n_permutations=20)


@pytest.fixture(scope="module")
def summary(result):
    return result.facts()


@pytest.fixture(scope="module")
def found(result):
    return result.ranks


def lines(axes) -> dict:
    return {line.get_label(): line for line in axes.lines}


def test_bars_and_lines_are_the_scores(result, summary):
    top1, top10 = accuracy_by_subject(result.scores()).figure.axes
    for axes, score in ((top1, "top1"), (top10, "top10")):
        values = [entry["value"] for entry in summary["model"][score]["per_subject"].values()]
        np.testing.assert_allclose([bar.get_height() for bar in axes.patches], values)
        shown = lines(axes)
        for label, row in (("chance", "chance"), ("shuffled brain", "shuffled"), ("no brain", "no_brain")):
            assert shown[label].get_ydata()[0] == summary[row][score]["mean"]
        own = [entry["value"] for entry in summary["ceiling"][score]["per_subject"].values()]
        (best,) = axes.collections[-1:]  # each subject's own ceiling, above its bar
        assert [segment[0][1] for segment in best.get_segments()] == own
        assert [tick.get_text() for tick in axes.get_xticklabels()] == ["s0", "s1", "s2", "s3"]


def test_rank_curve_is_the_accuracy_at_each_k():
    ranks = np.array([[0, 3, 3], [1, 0, 4]])
    np.testing.assert_allclose(rank_curve(ranks, 6), [np.mean(ranks < k) for k in range(1, 7)])


def test_curves_are_means_over_subjects(result, found):
    (axes,) = accuracy_by_rank(found, result.subject, 40).figure.axes
    per_subject = [np.mean(found["model"][result.subject == s] < 10) for s in np.unique(result.subject)]
    shown = lines(axes)
    assert shown["model"].get_ydata()[9] == pytest.approx(np.mean(per_subject))
    np.testing.assert_allclose(shown["chance"].get_ydata(), np.arange(1, 41) / 40)
    assert "(%)" in axes.get_ylabel()


def test_attention_is_shown_against_even_attention():
    positions = helmet_positions()
    even = np.full((3, 306), 1 / 306)
    drawing = attention_maps(even, positions, n_channels=2)
    maps = [axes for axes in drawing.figure.axes if axes.images]
    assert len(maps) == 3
    np.testing.assert_allclose(maps[0].images[0].get_array().compressed(), 1, rtol=1e-6)


def test_sensors_at_one_place_are_averaged_and_lines_span_no_map():
    corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1], [1, 1]], float)
    twice = attention_maps(np.array([[0.1, 0.1, 0.1, 0.2, 0.5]]), corners, n_channels=1)
    once = attention_maps(np.array([[0.1, 0.1, 0.1, 0.35]]) * 5 / 4, corners[:4], n_channels=1)
    images = [drawing.figure.axes[0].images[0].get_array() for drawing in (twice, once)]
    np.testing.assert_allclose(*images)
    assert attention_maps(np.full((1, 5), 0.2), np.linspace(0, 1, 5)[:, None].repeat(2, 1)) is None
    assert attention_maps(np.full((1, 2), 0.5), corners[:2]) is None


def test_unlike_channels_look_at_different_places():
    weights = np.full((6, 10), 0.01)
    for channel, sensor in enumerate([3, 3, 3, 7, 7, 0]):
        weights[channel, sensor] = 0.91 if channel else 0.95  # channel 0 is the most focused
    assert unlike_channels(weights, 3)[0] == 0
    assert {3, 7, 0} == {int(weights[i].argmax()) for i in unlike_channels(weights, 3)}
    assert sorted(unlike_channels(weights, 99)) == list(range(6))


def test_similarity_matrix_of_a_perfect_decoder_is_the_diagonal_whatever_the_order():
    result = planted_result(noise=0.01, model_noise=0.01, n_subjects=3)
    order = np.random.default_rng(0).permutation(len(result.target))
    for name in ("similarity", "no_brain", "target", "subject"):
        setattr(result, name, getattr(result, name)[order])
    drawing = similarity_matrix(result)
    image = np.asarray(drawing.figure.axes[0].images[0].get_array())
    assert image.shape == (20, 20)
    np.testing.assert_array_equal(image.argmax(1), np.arange(20))


def test_similarity_matrix_is_of_the_median_subject():
    result = planted_result(n_subjects=3)
    ranks = np.zeros(len(result.target), int)
    ranks[result.subject == "planted/s0"] = 20  # top-10: 0, 1, 0.5
    ranks[np.flatnonzero(result.subject == "planted/s2")[::2]] = 20
    result.ranks = {"model": ranks}
    assert "planted/s2" in similarity_matrix(result).caption


def test_constant_and_nan_scores_are_drawn(tmp_path):
    result = planted_result(n_subjects=1, n_per_story=4)
    result.similarity[:] = 0
    result.similarity[0, 1] = np.nan
    assert result.facts()["model"]["top1"]["mean"] == 0
    for drawing in drawings(result, result.retrieved()):
        drawing.figure.savefig(tmp_path / "figure.png")
        assert (tmp_path / "figure.png").stat().st_size > 5000


def test_every_axis_is_labelled(result):
    for drawing in drawings(result, result.retrieved()):
        assert drawing.caption.endswith(".")
        for axes in drawing.figure.axes:
            assert axes.get_ylabel()
