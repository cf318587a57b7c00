import numpy as np
import pandas as pd
import pytest
import torch
from story_texts import RULES, decoded, told

from n2s.errors import UserError
from n2s.features.text_encoders import PPMIVectors
from n2s.features.text_encoders.encoder import Tokens
from n2s.findings import kept
from n2s.systems.story_text.matches import close_from, matched
from n2s.systems.story_text.result import StoryTextResult
from n2s.systems.story_text.scored import ScoringOptions, StoryTextScores
from n2s.systems.story_text.scoring import score
from n2s.systems.story_text.story_values import window_starts


@pytest.fixture(scope="module")
def found():
    return score(*decoded(known=0.45), RULES)


def of(table, **columns):
    for name, value in columns.items():
        table = table[table[name] == value]
    return table


def test_windows_lie_inside():
    options = ScoringOptions()
    np.testing.assert_array_equal(window_starts(10, 33.5, options), [10, 11, 12, 13])
    np.testing.assert_array_equal(window_starts(0.1, 20.1, options), [0.1])
    np.testing.assert_array_equal(window_starts(5, 12, options), [5])  # shorter than a window
    np.testing.assert_allclose(window_starts(0, 3, ScoringOptions(1.0, 0.5)), [0, 0.5, 1, 1.5, 2])


def test_a_window_by_hand():
    encoder = PPMIVectors(4)
    encoder.learn([["a", "b", "c", "d"] * 5])
    here = {"subject": "s", "story": "one"}
    words = pd.concat(
        [
            told(["a", "b", "c", "d"], [0.0, 5, 19.9, 20.0], row="true", draw=0, **here),
            told(["b", "c", "x"], [3.0, 4, 20.5], row="model", draw=0, **here),
        ]
    )
    stories = pd.DataFrame([here | {"language": "en", "start_s": 0.0, "stop_s": 22.0, "audio": ""}])
    with kept() as findings:
        found = score(words, stories, encoder, RULES)
    assert "no null" in findings[0].text
    wide = found.windows.pivot(index="start_s", columns="metric", values="value")
    assert list(wide.index) == [0, 1, 2]
    # 0 to 20 s: "b c" for "a b c"; 1 to 21 s: "b c x" for "b c d"
    np.testing.assert_allclose(wide.wer, [1 / 3, 1 / 3, 1 / 3], atol=1e-6)
    np.testing.assert_allclose(wide.bleu1, [np.exp(1 - 3 / 2), 2 / 3, 2 / 3], atol=1e-6)
    meteor = [(2 / 3) / (0.9 + 0.1 * 2 / 3) * (1 - 0.5 / 8), 2 / 3 * (1 - 0.5 / 8)]
    np.testing.assert_allclose(wide.meteor[:2], meteor, atol=1e-6)
    expected = (
        encoder.spans(["b", "c"], *np.array([[0], [2]])) @ encoder.spans(["a", "b", "c"], *np.array([[0], [3]])).T
    )
    assert wide.match[0] == pytest.approx(expected.item(), abs=1e-6)
    assert wide.identification.isna().all()  # nothing lies 20 s apart
    assert found.windows[["z", "p", "q"]].isna().all(axis=None) and found.by_story.z.isna().all()


def test_what_was_planted_is_found(found):
    total = found.by_story[found.by_story.story == ""].set_index(["subject", "row", "metric"])
    for subject in ("s/a", "s/b"):
        for metric in ("wer", "bleu1", "meteor", "match", "identification"):
            assert total.z[subject, "model", metric] > 2 and total.p[subject, "model", metric] < 0.06
            assert total.z[subject, "permuted", metric] < total.z[subject, "model", metric]
    identified = found.identification.set_index(["subject", "story", "row"])
    assert identified.p["s/a", "", "model"] < 0.05 and identified.percentile["s/a", "", "model"] > 0.8
    assert identified.n_candidates["s/a", "story 0", "model"] == 1 + np.median(
        [71 - len(range(max(0, i - 19), min(71, i + 20))) for i in range(71)]
    )
    same = found.matched.set_index(["subject", "story", "row"]).same
    assert same["s/a", "story 0", "model"] > same["s/a", "story 0", "null"] + 0.15


def test_tables_agree(found):
    one = of(found.windows, subject="s/b", row="model", metric="meteor")
    by_story = of(found.by_story, subject="s/b", row="model", metric="meteor").set_index("story")
    for story in ("story 0", "story 1"):
        assert by_story.value[story] == pytest.approx(of(one, story=story).value.mean(), rel=1e-5)
        assert by_story.significant[story] == (of(one, story=story).q < 0.05).mean()
    assert by_story.value[""] == pytest.approx(one.value.mean(), rel=1e-5)  # windows count alike, not stories
    assert by_story.n_windows[""] == len(one) == 71 + 31
    null = of(found.nulls, subject="s/b", story="", metric="meteor").value
    assert len(null) == 30 and by_story.null_mean[""] == pytest.approx(null.mean())
    assert by_story.z[""] == pytest.approx((by_story.value[""] - null.mean()) / null.std(), rel=1e-5)
    worse = of(found.by_story, subject="s/b", row="model", metric="wer").set_index("story")
    assert worse.value[""] < worse.null_mean[""] and worse.z[""] > 0


def test_words_are_coloured_and_null_texts_left_out(found):
    assert set(found.words.row) == {"true", "model", "permuted", "no_brain", "noiseless"}
    assert set(found.words.match[found.words.row == "model"]) <= {"same", "stem", "close", "none"}
    assert (found.words.match[found.words.row == "true"] == "").all()
    assert len(found.similarity) and set(found.similarity.story) == {"story 0", "story 1"}


@pytest.mark.slow
def test_one_that_knows_nothing_has_flat_p():
    words, stories, encoder = decoded(subjects=("s/a",), lengths_s=(30.0,) * 16, known=0.0, n_nulls=40, rows=())
    words = words[words.row != "noiseless"]
    found = of(score(words, stories, encoder, RULES).by_story, row="model")
    for metric in ("wer", "bleu1", "meteor", "match"):
        one = of(found[found.story != ""], metric=metric)
        assert abs(one.z.mean()) < 0.65 and 0.6 < one.z.std() < 1.5
        assert (one.p < 0.1).mean() < 0.35 and 0.35 < one.p.mean() < 0.8  # ties: many texts share no word in a row


def test_a_decoder_with_its_own_word_times_is_against_texts_at_these():
    """It knows no word, and says twice as many as the model does."""
    words, stories, encoder = decoded(
        subjects=("s/a",), lengths_s=(24.0,) * 5, known=0.0, n_nulls=12, rows=("across",), rate=1.0
    )
    words = words[words.row != "noiseless"]
    second = words.row.isin(["across", "null_beside"])
    often = words[second].assign(time_s=words[second].time_s + 0.01)
    words = pd.concat([words, often], ignore_index=True)

    def z(table, *rows):
        found = of(score(table, stories, encoder, RULES).by_story, metric="wer")
        return [found.z[(found.row == row) & (found.story != "")] for row in rows]

    model, across = z(words, "model", "across")
    assert abs(across.mean()) < 0.8 and abs(model.mean()) < 0.8
    other = words.replace({"row": {"null": "null_beside", "null_beside": "null"}})
    assert z(other, "across")[0].mean() < -3
    with kept() as findings:
        assert z(words[words.row.isin(["true", "across", "null"])], "across")[0].isna().all()
    assert "no null texts (row 'null_beside')" in findings[0].text


def test_empty_texts_are_the_worst_not_left_out():
    words, stories, encoder = decoded(subjects=("s/a",), n_nulls=5, rows=())
    gone = words[~((words.row == "model") & (words.story == "story 1"))]
    found = score(gone, stories, encoder, RULES)
    one = of(found.by_story, row="model", story="story 1").set_index("metric").value
    assert one.wer == 1 and one.bleu1 == one.meteor == one.match == 0 and one.identification == 0.5
    silent = words[words.row != "model"]
    blank = told([""], [0.0], row="model", draw=0, subject="s/a", story="story 0")
    found = score(pd.concat([silent, blank]), stories, encoder, RULES)
    assert (of(found.by_story, row="model", metric="wer").value == 1).all()
    alone = score(silent, stories, encoder, RULES)
    assert "model" not in set(alone.by_story.row) and not len(alone.similarity)


def test_windows_of_silence_and_unknown_words_have_no_score():
    words, stories, encoder = decoded(subjects=("s/a",), lengths_s=(100.0,), n_nulls=5, rows=())
    quiet = words[~((words.row == "true") & words.time_s.between(30, 60))]
    found = of(score(quiet, stories, encoder, RULES).windows, row="model")
    silent = found.start_s.between(30, 40)
    assert found[silent][["value", "z", "p", "q"]].isna().all(axis=None) and found.value[~silent].notna().all()
    strange = words.assign(word=np.where(words.row == "true", "z" + words.word, words.word))
    found = score(strange, stories, encoder, RULES).by_story.set_index(["story", "row", "metric"]).value
    assert np.isnan(found["", "model", "match"]) and found["", "model", "wer"] >= 0.9


def test_one_word_and_a_story_shorter_than_a_window():
    words, stories, encoder = decoded(subjects=("s/a",), lengths_s=(300.0, 8.0), n_nulls=30, rows=())
    one = (words.story == "story 1") & (words.groupby(["row", "draw", "story"]).cumcount() > 0)
    found = score(words[~one], stories, encoder, RULES)
    short = of(found.by_story, story="story 1", row="model").set_index("metric")
    assert short.n_windows.wer == 1 and short.value.wer in (0, 1)
    assert np.isnan(short.value.identification)
    assert "story 1" not in set(found.identification.story)
    assert of(found.by_story, story="", row="model", metric="wer").n_windows.item() == 282


def test_several_draws_of_a_row_count_as_their_mean():
    words, stories, encoder = decoded(subjects=("s/a",), n_nulls=5, rows=())
    again = words[words.row == "model"].assign(draw=1, word="w0")
    found, once = (score(some, stories, encoder, RULES) for some in (pd.concat([words, again]), words))
    one, other = (of(some.windows, row="model", metric="wer").value.to_numpy() for some in (found, once))
    assert (one > other).all() and (found.identification.percentile.size == once.identification.percentile.size)


@pytest.mark.slow
def test_subjects_can_be_scored_by_themselves(found):
    words, stories, encoder = decoded(known=0.45)
    parts = [score(of(words, subject=one), of(stories, subject=one), encoder, RULES) for one in ("s/a", "s/b")]
    together = StoryTextScores.joined(parts)
    for name in ("windows", "by_story", "identification", "nulls", "words"):
        pd.testing.assert_frame_equal(getattr(together, name), getattr(found, name))


@pytest.mark.parametrize(
    "spoil, text",
    [
        (lambda w, s: (w.drop(columns="draw"), s), "lacks draw"),
        (lambda w, s: (w, s.assign(language="eu")), "no rules for the language 'eu'"),
        (lambda w, s: (w[w.row != "true"], s), "no words were said"),
        (lambda w, s: (w, s.assign(stop_s=0.0)), "from 0 to 0 s"),
        (lambda w, s: (w, pd.concat([s, s])), "twice"),
        (lambda w, s: (w.assign(time_s=np.nan), s), "no time"),
        (lambda w, s: (w, s[:0]), "no story was decoded"),
    ],
)
def test_tables_that_cannot_be_scored(spoil, text):
    words, stories, encoder = decoded(subjects=("s/a",), lengths_s=(30.0,), n_nulls=1, rows=())
    with pytest.raises(UserError, match=text):
        score(*spoil(words, stories), encoder, RULES)


def test_each_story_can_have_the_encoder_of_its_fold():
    words, stories, encoder = decoded(subjects=("s/a",), n_nulls=3, rows=())
    other = PPMIVectors(5)
    other.learn([["w1", "w2", "w3"] * 4])
    found = score(words, stories, {"story 0": encoder, "story 1": other}, RULES)
    alone = score(words, stories, other, RULES)
    one, two = (of(some.windows, metric="match", row="model") for some in (found, alone))
    np.testing.assert_array_equal(of(one, story="story 1").value, of(two, story="story 1").value)
    assert (of(one, story="story 0").value != of(two, story="story 0").value).any()
    with pytest.raises(UserError, match="no encoder for the story 'story 1'"):
        score(words, stories, {"story 0": encoder}, RULES)


def test_matches_by_hand():
    unit = np.eye(3)
    vectors = {"boat": unit[0], "ship": unit[0], "runs": unit[1], "runn": unit[1], "the": unit[2]}
    kinds = matched(
        np.array([1.0, 2, 3, 30, 4]), ["the", "the", "ship", "boat", "runs"], np.array([0.0, 2.5, 6]), ["the", "boat", "runn"],
        stem=lambda word: word[:3], vectors=vectors, threshold=0.9,
    )  # fmt: skip
    # "the" was said once, and the nearer one has it; boat at 30 s is too late
    assert kinds.tolist() == ["same", "none", "close", "none", "stem"]
    assert matched(np.zeros(0), [], np.zeros(0), [], stem=str, vectors={}, threshold=1).tolist() == []
    assert close_from(unit) == 0 and close_from(unit[:1]) > 1


class Contextual(PPMIVectors):
    """Tokens that do not know their context: enough for what is done with them."""

    contextual, n_read = True, 0

    def read(self, words, first, last):
        self.n_read += 1
        longest = int((last - first).max(initial=1))
        tokens = np.zeros((len(first), longest, self._vectors.shape[1]), np.float32)
        for row, (a, b) in enumerate(zip(first, last, strict=True)):
            tokens[row, : b - a] = self.words(words[a:b])
        there = torch.arange(longest) < torch.from_numpy(np.asarray(last - first))[:, None]
        return self.spans(words, first, last), Tokens(torch.from_numpy(tokens), there.float(), there)


def test_a_contextual_encoder_gives_bert_scores_of_some_null_texts():
    words, stories, plain = decoded(subjects=("s/a",), lengths_s=(60.0,), n_nulls=12, rows=(), known=0.4)
    encoder = Contextual(20)
    encoder._places, encoder._vectors = plain._places, plain._vectors
    found = score(words, stories, encoder, RULES, ScoringOptions(encoder_nulls=4))
    assert encoder.n_read == 1 + 2 + 4  # the true text, two decoded ones, four of twelve null texts
    total = found.by_story[(found.by_story.story == "") & (found.by_story.row == "model")].set_index("metric")
    assert total.p.bertscore >= 1 / 5 and total.p.wer == 1 / 13
    assert total.value.bertscore > total.null_mean.bertscore
    counts = found.nulls[found.nulls.story == ""].groupby("metric").size()
    assert counts.bertscore == counts.match == counts.identification == 4 and counts.meteor == 12
    assert found.settings["n_encoder_nulls"] == 4
    scores = StoryTextResult.of(found).scores()
    assert scores.measures["bertscore"].label == "BERTScore recall, idf (PPMI word vectors of the training stories)"
    assert "BERTScore" in scores.measures["above"].label
