import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import soundfile
from story_texts import RULES, decoded

from n2s.findings import kept
from n2s.metrics.intervals import t_interval
from n2s.metrics.result import record
from n2s.report.page import write_page
from n2s.systems.story_text.figures import drawings
from n2s.systems.story_text.page import notes, tables
from n2s.systems.story_text.read_along import reading
from n2s.systems.story_text.result import StoryTextResult
from n2s.systems.story_text.scoring import score
from n2s.systems.story_text.summary import BLOCKS, OF_NULLS, SUBJECTS


def result(**options):
    return StoryTextResult.of(score(*decoded(**options), RULES), settings={"told": ["A decoder of tests."]}, seed=3)


@pytest.fixture(scope="module")
def two():
    return result(lengths_s=(200.0, 70.0), n_nulls=25)


@pytest.fixture(scope="module")
def one():
    return result(subjects=("s/a",), lengths_s=(30.0,), n_nulls=0, rows=(), known=1.0)


@pytest.mark.slow
def test_scores_are_means_over_windows(two):
    scores = two.scores()
    assert list(scores.rows) == ["model", "permuted", "no_brain", "null", "noiseless"]
    assert [scores.rows[row].role for row in scores.rows] == ["model", "control", "control", "control", "ceiling"]
    assert list(scores.measures) == ["wer", "bleu1", "meteor", "match", "identification", "above", "way"]
    assert not scores.measures["wer"].higher_is_better
    assert "METEOR (exact, stem)" in scores.measures["meteor"].label
    assert "PPMI word vectors of the training stories" in scores.measures["match"].label
    assert "BERTScore" not in str([one.label for one in scores.measures.values()])
    own = two.windows[(two.windows.metric == "bleu1") & (two.windows.row == "model")]
    for subject in ("s/a", "s/b"):
        found = scores.get("bleu1", "model", subject)
        assert found.mean == pytest.approx(own[own.subject == subject].value.mean(), rel=1e-5)
        assert found.low < found.mean < found.high and found.kind == BLOCKS
    both = scores.get("bleu1", "model")
    assert both.mean == pytest.approx(own.value.mean(), rel=1e-5) and both.kind == BLOCKS
    null = two.nulls[(two.nulls.metric == "bleu1") & (two.nulls.story == "")]
    assert (
        scores.get("bleu1", "null").mean == pytest.approx(null.value.mean())
        and scores.get("bleu1", "null").kind == OF_NULLS
    )
    assert scores.get("match", "model").mean > scores.get("match", "null").high


def test_the_way_from_null_to_ceiling(two):
    scores = two.scores()
    total = two.by_story[(two.by_story.story == "") & (two.by_story.metric == "match")].set_index(["subject", "row"])
    own, best = total.loc[("s/a", "model")], total.loc[("s/a", "noiseless")]
    expected = (own.value - own.null_mean) / (best.value - own.null_mean)
    assert scores.get("way", "model", "s/a").mean == pytest.approx(expected, rel=1e-4)
    assert scores.get("way", "null").mean == 0 and scores.get("way", "noiseless") is None
    assert scores.get("way", "model").low < scores.get("way", "model").mean


def test_of_several_subjects_intervals_are_over_subjects():
    three = result(subjects=("s/a", "s/b", "s/c"), lengths_s=(60.0,), n_nulls=3, rows=())
    scores = three.scores()
    values = [scores.get("meteor", "model", name).mean for name in ("s/a", "s/b", "s/c")]
    assert scores.get("meteor", "model")[:3] == pytest.approx(t_interval(np.array(values)))
    assert scores.get("meteor", "model").kind == SUBJECTS


def test_one_subject_without_null_and_controls(one):
    scores = one.scores()
    assert scores.get("wer", "model").mean == 0 and scores.get("wer", "model").low is None
    assert "no control" in scores.measures["wer"].uncontrolled and "above" not in scores.measures
    assert one.shown()[0].tables.keys() == {"Decoded words that were said (%)"}
    record(one)


def test_it_is_saved_and_loaded(two, one, tmp_path):
    for saved in (two, one):
        saved.save(tmp_path)
        again = StoryTextResult.load(tmp_path)
        assert again.seed == 3 and again.settings == saved.settings
        assert again.scores().plain() == saved.scores().plain()
        assert json.dumps(record(again), allow_nan=False) == json.dumps(record(saved), allow_nan=False)
        for name in ("windows", "words", "similarity", "matched"):
            pd.testing.assert_frame_equal(getattr(again, name), getattr(saved, name))
        again.export(tmp_path)
        assert len(pd.read_csv(tmp_path / "words.csv")) == len(saved.words)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 2e6


def test_tables_and_sentences(two):
    found = tables(two)
    headings, lines = found["Against the null: z (p)"]
    assert headings[1:] == ["WER", "BLEU-1", "METEOR", "embedding match", "identification"]
    assert [line[0] for line in lines] == ["s/a", "s/b"] and "p = " in lines[0][1]
    control = dict(
        zip(*[found["Decoded less each other row"][0], found["Decoded less each other row"][1][0]], strict=True)
    )
    assert control[""] == "permuted brain" and float(control["BLEU-1"].split()[0]) > 0
    assert float(control["WER (control less decoded)"].split()[0]) > 0
    assert [line[0] for line in found["Identification of the true window"][1]] == ["s/a, decoded", "s/b, decoded"]
    assert [line[0] for line in found["Each story, mean over subjects"][1]] == ["story 0", "story 1"]
    text = " ".join(notes(two, two.scores()))
    assert "no BERTScore" in text and "No p is below 1 / 26" in text and "permuted in blocks" in text
    # the most probable text is no fair control: it knows the commonest words
    assert "Fair controls are those whose words were chosen as the decoded ones were" in text


def test_a_second_decoder_stands_beside_the_models_for_every_subject():
    both = result(lengths_s=(200.0,), n_nulls=3, rows=("across", "across_permuted"))
    scores = both.scores()
    assert list(scores.rows) == ["model", "across", "across_permuted", "null", "null_beside", "noiseless"]
    assert [one.role for one in scores.rows.values()] == ["model", "model", *["control"] * 3, "ceiling"]
    assert scores.get("way", "across", "s/b") is not None
    for row, null in (("model", "null"), ("across", "null_beside")):
        one = both.windows[(both.windows.row == row) & (both.windows.metric == "wer")]
        assert one.null_mean.mean() == pytest.approx(scores.get("wer", null).mean, rel=1e-4)
        assert scores.get("way", null).mean == 0
    assert scores.get("wer", "null").mean != scores.get("wer", "null_beside").mean
    assert "against these texts" in " ".join(notes(both, scores))
    found = tables(both)
    label = "decoder of the other language"
    expected = ["s/a", f"s/a, {label}", "s/b", f"s/b, {label}"]
    assert [line[0] for line in found["Against the null: z (p)"][1]] == expected
    named = [line[0] for line in found["Identification of the true window"][1]]
    assert named == ["s/a, decoded", f"s/a, {label}", "s/b, decoded", f"s/b, {label}"]
    lines = {line.get_label(): line.get_color() for line in drawings(both)[1].figure.axes[0].lines}
    assert lines["decoded"] != lines[label]


def test_figures(two, one):
    titles = [drawing.title for drawing in drawings(two)]
    assert titles == ["Scores in the course of stories", "Scores and their null", "Decoded against true windows"]
    for drawing in drawings(two):
        drawing.figure.canvas.draw()
    assert len(drawings(one)) == 2  # no null


def test_the_read_along(two):
    first = reading(two)[0]
    assert first.title == "Read along: story 0" and list(first.texts) == ["said", "a", "b"]
    assert {word.kind for word in first.texts["a"]} <= {"good", "fair", "weak", "none"}
    assert {word.kind for word in first.texts["said"]} == {""}
    assert first.samples is None and "of random likelihoods" in first.note
    long = result(subjects=("s/a",), lengths_s=(700.0,), n_nulls=0, rows=(), rate=0.2)
    assert reading(long)[0].stop_s == 600 and "first 10 minutes" in reading(long)[0].note


def test_a_broken_sound_costs_the_sound_alone(one, tmp_path):
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    broken = replace(one, stories=one.stories.assign(audio=str(tmp_path / "broken.wav")))
    with kept() as findings:
        assert reading(broken)[0].samples is None
    assert "cannot be read as a sound" in findings[0].text


def test_the_page_holds_what_it_should(tmp_path):
    words, stories, encoder = decoded(subjects=("s/a",), lengths_s=(60.0,), n_nulls=3, rows=())
    words.loc[words.word == "w3", "word"] = "<i>&\"'"
    soundfile.write(tmp_path / "story.wav", np.zeros(60 * 8000, np.float32), 8000)
    stories["audio"] = str(tmp_path / "story.wav")
    stories["story"] = words["story"] = "<script>alert(1)</script>"
    found = StoryTextResult.of(score(words, stories, encoder, RULES))
    page = write_page(tmp_path / "report.html", tmp_path, found.shown(), {}).read_text("utf-8")
    assert page.count("data:audio/ogg;base64,") == 1 and 'div class="n2s-read" data-start="0.000"' in page
    assert "<i>&" not in page and "&lt;i&gt;&amp;&quot;&#x27;" in page
    assert "<script>alert(1)" not in page
    assert "same word" in page and 'class="good"' in page and "requestAnimationFrame" in page
    assert page.count('<span data-t="') == (found.words.row.isin(["true", "model"])).sum()
