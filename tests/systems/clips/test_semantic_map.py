"""The map shows each clip by its label, the prompts among them, and whose clips they are."""

import numpy as np
import pandas as pd

from n2s.metrics.semantic import tsne
from n2s.systems.clips.result import ClipResult
from n2s.systems.clips.semantic_map import semantic_drawing, semantic_map


def groups_of(axes) -> dict:
    return {group.get_label(): group for group in axes.collections}


def test_each_kind_has_its_points_and_prompts_are_crosses():
    rng = np.random.default_rng(0)
    labels = np.array([f"kind {i:02d}" for i in range(12)])[np.arange(60) % 12]
    maps = {"true": rng.normal(size=(62, 2)), "decoded": rng.normal(size=(62, 2))}
    prompts = ["cost $5 or $6", "sounds/of/a/very/long/folder/name/siren.wav"]
    drawing = semantic_map(maps, labels, prompts)
    drawing.figure.canvas.draw()
    looks = set()
    for axes, points in zip(drawing.figure.axes, maps.values(), strict=True):
        found = groups_of(axes)
        assert found.keys() == {*labels, "prompt"}
        for kind in set(labels):
            np.testing.assert_allclose(found[kind].get_offsets(), points[:60][labels == kind])
        np.testing.assert_allclose(found["prompt"].get_offsets(), points[60:])
        written = {text.get_text(): text.xy for text in axes.texts}
        assert written.keys() == {"1", "2"}
        np.testing.assert_allclose([written["1"], written["2"]], points[60:])
    for kind, group in groups_of(drawing.figure.axes[0]).items():
        if kind != "prompt":
            looks.add((tuple(group.get_facecolor()[0]), group.get_paths()[0].vertices.tobytes()))
    assert len(looks) == 12  # no two kinds look alike
    assert [axes.get_title() for axes in drawing.figure.axes] == ["true", "decoded"]
    assert f"features (1 cost $5 or $6, 2 …{prompts[1][-39:]})." in drawing.caption and len(prompts[1]) > 40
    many = semantic_map({"true": rng.normal(size=(73, 2))}, labels, [f"prompt {i}" for i in range(13)])
    assert not many.figure.axes[0].texts and "features. Decoded" in many.caption
    assert "Crosses" not in semantic_map(maps, np.tile(labels, 2)[:62]).caption


def result_of(noise, **more):
    """A subject for each amount of noise who heard 40 clips of 20 stories."""
    rng, k = np.random.default_rng(0), 40
    labels = np.array(["speech", "music"])[np.arange(k) // 2 % 2]
    candidates = rng.normal(size=(k, 12)).astype(np.float32) + 3 * (labels == "music")[:, None]
    target = np.tile(np.arange(k), len(noise))
    size = np.repeat(noise, k)[:, None]
    clips = {"stimulus": np.arange(k) // 2, "group": np.arange(k) // 2, "start_s": np.arange(k) % 2 * 4.0}
    return ClipResult(
        predicted=candidates[target] + size * rng.normal(size=(len(target), 12)),
        candidates=candidates,
        target=target,
        subject=np.repeat([f"s/{i}" for i in range(len(noise))], k),
        clips=pd.DataFrame(clips | {"duration_s": 4.0, "label": labels, "audio": ""}),
        **more,
    )


def test_the_subject_of_the_median_accuracy_with_what_else_was_decoded():
    scores = result_of((20.0, 0.1, 6.0)).evaluated
    right = {name: one.mean for name, one in scores.rows["label"]["model"].items()}
    assert right["s/0"] < right["s/2"] < right["s/1"]
    assert "of s/2, the subject with the median accuracy in labels" in semantic_drawing(scores).caption
    alike = result_of((20.0, 0.1, 6.0))
    alike.clips = alike.clips.assign(label="speech")
    assert "label" not in alike.evaluated.rows and "of s/0, near" in semantic_drawing(alike.evaluated).caption
    result = result_of((0.1,), prompts=np.ones((3, 12)), prompt_names=np.array(["a", "b", "c"]))
    result.fine_only = result.predicted[::-1]
    drawing = semantic_drawing(result.evaluated)
    assert [axes.get_title() for axes in drawing.figure.axes] == ["true", "coarse to fine", "fine only"]
    for axes, values in zip(drawing.figure.axes, (result.candidates, result.predicted, result.fine_only), strict=True):
        expected = tsne(np.concatenate([values, np.ones((3, 12))]))
        np.testing.assert_allclose(groups_of(axes)["prompt"].get_offsets(), expected[40:], rtol=1e-5)
    assert " of s/" not in drawing.caption
