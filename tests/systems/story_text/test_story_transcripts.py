"""The words of rows."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from toy import ToyLanguage

from n2s.data.encoding_data import Fold
from n2s.errors import UserError
from n2s.studies.study import Stimulus
from n2s.systems.story_text.decode import Decoder
from n2s.systems.story_text.fit import mean_word
from n2s.systems.story_text.held_out import held_out_passages
from n2s.systems.story_text.transcripts import Transcripts, WordsInContext, named, plain_rows, training_stories


def table(*words):
    found = pd.DataFrame(words, columns=["text", "onset", "duration"])
    return found.assign(sequence="")


def test_parts_of_an_entry_share_its_time():
    words, times_s = plain_rows(
        table(("One", 0.0, 0.4), ("{ls}", 1.0, 1.0), ("two-- Three!", 3.0, 1.0)), "en", "middle"
    )
    assert words == ["one", "two", "three"]
    np.testing.assert_allclose(times_s, [0.2, 3.25, 3.75])
    assert plain_rows(table(("{ls}", 1.0, 1.0)), "en", "onset")[0] == []


def rows_of(*parts, step_s=2.0):
    # each part: recording, unit, stimulus, offset of the clock, number of rows
    found = []
    for recording, unit, stimulus, offset_s, n in parts:
        start = sum(len(one) for one in found if one.recording.iloc[0] == recording)
        time_s = (start + np.arange(n)) * step_s
        heard_s = time_s - offset_s if stimulus else np.full(n, np.nan)
        found.append(
            pd.DataFrame(
                {
                    "recording": recording,
                    "unit": unit,
                    "story": unit,
                    "stimulus": stimulus,
                    "time_s": time_s,
                    "stimulus_s": heard_s,
                }
            )
        )
    rows = pd.concat(found, ignore_index=True)
    return rows.assign(recording=pd.Categorical(rows.recording), unit=pd.Categorical(rows.unit))


STIMULI = {
    "s/a": Stimulus("a", None, table(("before", 0.5, 0.2), ("one", 5.0, 0.2), ("two", 9.0, 0.2), ("late", 40.0, 0.2))),
    "s/b": Stimulus("b", None, table(("three", 1.0, 0.2))),
}


def test_passages_are_cut_by_run_unit_and_gap_and_have_the_words_within():
    rows = rows_of(("r1", "A", "s/a", 0.0, 10), ("r1", "B", "s/b", 20.0, 4), ("r2", "A", "s/a", 6.0, 10))
    found = Transcripts(STIMULI, "en").passages(rows, np.r_[2:14, 14:19, 20:24], 2.0)
    assert [(one.recording, one.story, one.words) for one in found] == [
        ("r1", "A", ["one", "two"]),
        ("r1", "B", ["three"]),
        ("r2", "A", ["before"]),
        ("r2", "A", ["one", "two"]),
    ]
    np.testing.assert_allclose(found[1].times_s, [21.1])
    assert found[1].offset_s == 20.0 and found[1].span_s == (19.0, 27.0)
    # a story heard twice is learned once
    assert training_stories(found[:2] + found[:1], "here") == [["one", "two"], ["three"]]


@pytest.mark.parametrize("silent", [True, False])
def test_words_between_the_rows_of_two_sounds_are_kept(silent):
    """One sound ends at 13.9 s and another begins at 14.1 s, between rows, or both around the row at 14 s."""
    stimuli = {
        "s/a": Stimulus("a", None, table(("one", 5.0, 0.2), ("end", 13.5, 0.2))),
        "s/b": Stimulus("b", None, table(("begin", 0.2, 0.2), ("three", 5.0, 0.2))),
    }
    start_s = 14.1 if silent else 12.1
    rows = rows_of(("r1", "A", "s/a", 0.0, 7), ("r1", "A", "s/b", start_s, 5), ("r1", "B", "s/b", start_s, 5))
    if silent:
        rows.loc[7, "stimulus_s"] = np.nan
    else:
        rows = rows.drop(index=6).reset_index(drop=True)
        rows["time_s"] = np.arange(len(rows)) * 2.0
        rows["stimulus_s"] = rows.time_s - np.where(rows.stimulus == "s/a", 0.0, start_s)
        stimuli["s/a"].words.loc[1, "onset"] = 11.5
    found = Transcripts(stimuli, "en").passages(rows, np.arange(11), 2.0)[0]
    assert found.words == ["one", "end", "begin", "three"]
    np.testing.assert_allclose(found.times_s[1:3], [13.6 - 2 * (not silent), start_s + 0.3])


def test_words_without_times_are_named():
    stimuli = {"s/a": Stimulus("a", None, table(("one", np.nan, 0.2), ("two", 1.0, 0.2)))}
    with pytest.raises(UserError, match="stimulus 's/a': 1 of 2 words have no time"):
        Transcripts(stimuli, "en").of("s/a")


def test_no_words_at_all():
    rows = rows_of(("r1", "A", "s/c", 0.0, 10))
    found = Transcripts({"s/c": Stimulus("c", None)}, "en").passages(rows, np.arange(10), 2.0)
    with pytest.raises(UserError, match="n2s align"):
        training_stories(found, "subject 1")


def test_parts_of_a_story_have_names_of_their_own():
    # scores refuse a story that is in their table twice: two pieces of one, or one that was heard again
    rows = rows_of(("r1", "A", "s/a", 0.0, 20), ("r1", "B", "s/b", 40.0, 4), ("r2", "A", "s/a", 0.0, 20))
    found = Transcripts(STIMULI, "en").passages(rows, np.r_[0:4, 10:14, 20:24, 24:28], 2.0)
    assert [one.name for one in named(found, found)] == [
        "A, -1 to 7 s",
        "A, 19 to 27 s",
        "B",
        "A, -1 to 7 s, heard again (2)",
    ]
    assert [one.name for one in named(found[1:3], found[1:3])] == ["A", "B"]


def test_a_passage_knows_when_its_story_ends():
    # rows that respond to the end of a story lie in the silence after it: nothing can be scored there
    rows = rows_of(("r1", "A", "s/a", 0.0, 20))
    rows.loc[13:, "stimulus_s"] = np.nan
    (found,) = Transcripts(STIMULI, "en").passages(rows, np.arange(20), 2.0)
    assert found.span_s == (-1.0, 39.0) and found.heard_s == (-1.0, 25.0)
    decoder = Decoder(None, {"mean": torch.tensor(2.0)}, None, None, None)
    times_s = decoder.mean_times(found)  # at a constant rate, while something is heard
    assert len(times_s) == 26 and times_s.min() == -0.5 and times_s.max() == 24.5


def test_a_story_that_is_heard_again_is_learned_once_though_its_edges_differ():
    # a language model would be stopped by text that it has learned
    texts = [(f"w{i}", i * 1.0, 0.13) for i in range(60)]
    stimuli = {"s/a": Stimulus("a", None, table(*texts)), "s/b": Stimulus("b", None, table(*texts[:50]))}
    rows = rows_of(("r1", "A", "s/a", 0.0, 20), ("r2", "A", "s/a", 1.0, 22), ("r3", "B", "s/b", 0.0, 10))
    found = Transcripts(stimuli, "en").passages(rows, np.arange(len(rows)), 2.0)
    assert [len(one.words) for one in found] == [39, 42, 19]
    assert sorted(len(one) for one in training_stories(found, "here")) == [19, 42]


def test_words_are_where_they_were_heard_if_a_story_stops_and_goes_on_or_is_played_twice():
    texts = [(f"w{i}", i * 1.0, 0.0) for i in range(20)]
    rows = rows_of(("r1", "A", "s/a", 0.0, 20))
    rows.loc[6:, "stimulus_s"] -= 8.0  # 12 s on the run's clock are 4 s of the story: again from there
    (found,) = Transcripts({"s/a": Stimulus("a", None, table(*texts))}, "en").passages(rows, np.arange(14), 2.0)
    first, again = np.arange(11.0), np.arange(3, 19) + 8.0
    np.testing.assert_allclose(found.times_s, np.sort(np.r_[first, again]))
    assert found.words == [f"w{i}" for i in (*range(11), *range(3, 19))] and found.offset_s == 0.0
    # a pause of 3.5 s: no word around it counts twice
    rows = rows_of(("r1", "A", "s/a", 0.0, 20))
    rows.loc[6:, "stimulus_s"] -= 3.5
    rows.loc[6, "stimulus_s"] = np.nan
    (found,) = Transcripts({"s/a": Stimulus("a", None, table(*texts))}, "en").passages(rows, np.arange(14), 2.0)
    assert found.words == [f"w{i}" for i in range(20)]
    np.testing.assert_allclose(found.times_s, np.r_[np.arange(11.0), np.arange(11, 20) + 3.5])


def test_each_word_in_its_context_is_described_once():
    # the mean word has features of the words that the columns are made of
    language = ToyLanguage()
    features = WordsInContext(language)
    words = ["w0", "w1", "w0", "w1", "w2"]
    found = features.extract(Stimulus("a", None, table(*((word, float(i), 0.1) for i, word in enumerate(words)))))
    contexts = [("w0",), ("w0", "w1"), ("w1", "w0"), ("w0", "w1"), ("w1", "w2")]
    assert torch.equal(torch.from_numpy(found.values), ToyLanguage().states(contexts))
    (passage,) = Transcripts(
        {"s/a": Stimulus("a", None, table(*((word, float(i), 0.1) for i, word in enumerate(words))))}, "en"
    ).passages(rows_of(("r1", "A", "s/a", 0.0, 10)), np.arange(10), 2.0)
    assert torch.allclose(mean_word(features, [passage]), torch.from_numpy(found.values).mean(0))
    assert language.asked["states"] == 4
    assert features.values([]).shape == (0, 3)


class Counted(Transcripts):
    """How often passages were read."""

    asked = 0

    def passages(self, *given):
        self.asked += 1
        return super().passages(*given)


def test_passages_of_all_folds_are_read_once_and_named_apart():
    rows = rows_of(("r1", "A", "s/a", 0.0, 20))
    folds = [Fold(f"fold {i}", np.zeros(0, int), np.arange(10) + 10 * i, np.zeros(0)) for i in (0, 1)]
    data = SimpleNamespace(rows=lambda subject: rows, rate_hz={"s/1": 0.5})
    transcripts = Counted(STIMULI, "en")
    found = held_out_passages(data, "s/1", folds, transcripts)
    assert [[one.name for one in found[fold.name]] for fold in folds] == [["A, -1 to 19 s"], ["A, 19 to 39 s"]]
    assert transcripts.asked == 2
