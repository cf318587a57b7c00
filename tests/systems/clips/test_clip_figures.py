"""The figures of decoded clips show the scores."""

import numpy as np
import pytest

from n2s.metrics.clip_scores import exchanged
from n2s.metrics.feature_correlation import feature_correlations
from n2s.metrics.identification import Choice, identification_ranks, n_way_accuracy
from n2s.systems.clips.figures import correlation_quartiles, identification_curves

SUBJECT = np.repeat(["sim/s1", "sim/s2"], 60)
TARGET = np.tile(np.arange(60), 2)


@pytest.fixture(scope="module")
def decoded():
    rng = np.random.default_rng(0)
    candidates = rng.normal(size=(60, 16))
    return candidates, candidates[TARGET] + 2 * rng.normal(size=(120, 16))


def lines(axes) -> dict:
    return {line.get_label(): line for line in axes.lines}


def test_boxes_are_the_quartiles(decoded):
    candidates, predicted = decoded
    exchanges = exchanged(TARGET, SUBJECT, n_permutations=5, seed=0)
    found = feature_correlations(predicted, candidates[TARGET], subject=SUBJECT, exchanges=exchanges)
    drawing = correlation_quartiles({"ours": found["model"], "shuffled": found["shuffled"]}, what="CLAP embedding")
    drawing.figure.canvas.draw()
    (axes,) = drawing.figure.axes
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["s1", "s2"]
    boxes = sorted(axes.patches, key=lambda box: box.get_path().vertices[:, 0].mean())  # s1 ours, shuffled, s2 ..
    shown = [found[row][name] for name in ("sim/s1", "sim/s2") for row in ("model", "shuffled")]
    for box, values in zip(boxes, shown, strict=True):
        height = box.get_path().vertices[:, 1]
        np.testing.assert_allclose([height.min(), height.max()], np.percentile(values, [25, 75]))
    assert [text.get_text() for text in drawing.figure.legends[0].get_texts()] == ["ours", "shuffled brain"]
    assert "16 dimensions of the CLAP embedding" in drawing.caption


def test_curves_are_the_accuracies_and_chance(decoded):
    candidates, predicted = decoded
    choice = Choice.of(candidates, TARGET, SUBJECT)
    options = {"means": {"mean_prediction": np.zeros(16)}, "ceiling": candidates[TARGET]}
    exchanges = exchanged(TARGET, SUBJECT, n_permutations=5, seed=0)
    ranks = identification_ranks(predicted, choice, exchanges=exchanges, **options)
    drawing = identification_curves(ranks, SUBJECT, choice.n_candidates)
    drawing.figure.canvas.draw()
    shown = lines(drawing.figure.axes[0])
    n_ways = shown["model"].get_xdata()
    assert n_ways[0] == 2 and n_ways[-1] == 60
    for n_way, value in zip(n_ways, shown["model"].get_ydata(), strict=True):
        by_subject = [n_way_accuracy(ranks["model"][name == SUBJECT], 60, n_way).mean() for name in np.unique(SUBJECT)]
        assert value == pytest.approx(np.mean(by_subject))
    np.testing.assert_allclose(shown["chance, 1 / N"].get_ydata(), 1 / n_ways)
    assert (shown["ceiling"].get_ydata() == 1).all()
    assert {"shuffled brain", "mean of the training clips"} <= set(shown)
    one = identification_curves({"model": ranks["model"][:60]}, SUBJECT[:60], 60)
    assert "thin" not in one.caption
