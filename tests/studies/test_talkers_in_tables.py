"""Tables of two talkers at once: what is read, and what is refused."""

import pandas as pd
import pytest
from event_tables import read_events, sounds

from n2s.errors import UserError
from n2s.studies.events import events_table
from n2s.studies.readers.event_columns import EventColumns


def row(name, attended, onset=1.0, duration=20.0, **more):
    return {
        "onset": onset,
        "duration": duration,
        "trial_type": "sound",
        "stim_file": f"{name}.wav",
        "attended": attended,
    } | more


def of(table):
    return dict(zip(table.stimulus, table.attended, strict=True))


def test_two_talkers_at_once_are_both_read_and_nothing_is_told(tmp_path):
    table, told = read_events(tmp_path, [row("a", "yes"), row("b", "no"), row("c", "n/a", onset=40.0)])
    assert of(table) == {"a": "yes", "b": "no", "c": ""} and not told
    assert sounds(table) == [("a", 1.0, 20.0, 0.0), ("b", 1.0, 20.0, 0.0), ("c", 40.0, 20.0, 0.0)]


@pytest.mark.parametrize(("yes", "no"), [("1", "0"), ("TRUE", "False"), ("attended", "ignored"), ("target", "masker")])
def test_labs_write_it_in_many_ways(tmp_path, yes, no):
    table, _ = read_events(tmp_path, [row("a", no), row("b", yes)])
    assert of(table) == {"a": "no", "b": "yes"}


def test_another_column_or_none(tmp_path):
    rows = [row("a", "left", focus="yes"), row("b", "right", focus="no")]
    with pytest.raises(UserError, match="attended is .'left', 'right'.; expected yes or no .*columns.attended"):
        read_events(tmp_path, rows)
    table, _ = read_events(tmp_path, rows, columns=EventColumns(attended="focus"))
    assert of(table) == {"a": "yes", "b": "no"}
    table, told = read_events(tmp_path, rows, columns=EventColumns(attended=()))
    assert of(table) == {"a": "", "b": ""} and "say it in a column attended" in told[0].text


def test_attended_is_missing_for_one_of_both(tmp_path):
    with pytest.raises(
        UserError, match="'a' .from 1.00 s, attended: yes. and 'b' .* play at once for 18.00 s.*yes or no in the column"
    ):
        read_events(tmp_path, [row("a", "yes"), row("b", "n/a", onset=3.0)])
    table, _ = read_events(tmp_path, [row("a", "yes"), row("b", "n/a", onset=3.0, duration=0.5)])  # a beep
    assert of(table) == {"a": "yes", "b": ""}


def test_two_talkers_with_one_name(tmp_path):
    """A file with a talker on each channel: rows of one sound that start together are one presentation, but not these."""
    with pytest.raises(
        UserError, match="two talkers with one name. Each needs an audio file of its own .*one file a channel"
    ):
        read_events(tmp_path, [row("a", "yes"), row("a", "no")])
    with pytest.raises(UserError, match="two talkers with one name"):
        read_events(tmp_path, [row("a", "yes", duration="n/a"), row("a", "no", duration="n/a", onset=1.02)])


def test_both_or_none_are_attended(tmp_path):
    with pytest.raises(UserError, match="both are attended. Expected one"):
        read_events(tmp_path, [row("a", "yes"), row("b", "yes")])
    with pytest.raises(UserError, match="attended is no for all of its 2 sounds"):
        read_events(tmp_path, [row("a", "no"), row("b", "no")])


def test_three_talkers(tmp_path):
    table, told = read_events(tmp_path, [row("a", "yes"), row("b", "no"), row("c", "no")])
    assert of(table) == {"a": "yes", "b": "no", "c": "no"} and not [one for one in told if "attended" in one.text]


def test_trials_without_durations_end_with_the_next_of_their_stream(tmp_path):
    lengths = {"a": 30.0, "b": 30.0, "c": 30.0, "d": 30.0}
    rows = [row("a", "yes"), row("b", "no"), row("c", "no", onset=21.0), row("d", "yes", onset=21.0)]
    table, _ = read_events(tmp_path, [one | {"duration": "n/a"} for one in rows], lengths=lengths)
    assert {name: duration for name, _, duration, _ in sounds(table)} == {"a": 20.0, "b": 20.0, "c": 30.0, "d": 30.0}


def word(text, onset, **more):
    return {"onset": onset, "duration": 0.3, "trial_type": "word", "word": text, "stim_file": "n/a"} | more


def test_words_are_of_the_talker_that_they_name(tmp_path):
    both = [row("a", "yes"), row("b", "no", onset=2.0)]
    words = [word("one", 5.0, attended="yes"), word("two", 5.0, attended="no"), word("three", 6.0, stim_file="a.wav")]
    table, _ = read_events(tmp_path, both + words)
    own = table[table.kind == "word"].set_index("text")
    assert own.stimulus.to_dict() == {"one": "a", "two": "b", "three": "a"}
    assert own.attended.to_dict() == {"one": "yes", "two": "no", "three": "yes"}
    assert set(table[table.kind == "sentence"].attended) == {"yes", "no"}
    with pytest.raises(
        UserError, match="a word 'one' at 5.000 s, where two sounds play, does not say of which it is .1 such"
    ):
        read_events(tmp_path, [*both, word("one", 5.0)])
    table, _ = read_events(tmp_path, [*both, word("early", 1.2)])  # one plays
    assert table[table.kind == "word"].stimulus.tolist() == ["a"]


def test_both_may_say_one_word_at_one_time(tmp_path):
    both, marks = [row("a", "yes"), row("b", "no")], {"yes": 5.0, "no": 5.003}
    table, told = read_events(tmp_path, both + [word("the", onset, attended=mark) for mark, onset in marks.items()])
    assert table[table.kind == "word"].stimulus.tolist() == ["a", "b"] and not told


def test_a_part_and_its_sound_say_the_same(tmp_path):
    both = [row("a", "yes"), row("b", "no", onset=2.0)]
    with pytest.raises(
        UserError, match="line 4: a word says attended: no, and lies in the sound 'a' .line 2., which says yes"
    ):
        read_events(tmp_path, [*both, word("the", 5.0, attended="no", stim_file="a.wav")])
    late = word("the", 22.0, attended="no", stimulus_onset=19.5)  # half a second behind both sounds, by its own clock
    table, _ = read_events(tmp_path, [*both, late])
    assert table[table.kind == "word"].stimulus.tolist() == ["b"]


@pytest.mark.parametrize("duration", [20.0, "n/a"])
def test_one_row_ends_both_talkers(tmp_path, duration):
    """An attended talker who went on after the end would be 20 s of speech that nobody heard."""
    rows = [row("a", "yes", duration=duration), row("b", "no", duration=duration)]
    end = {"onset": 11.0, "duration": 0.0, "trial_type": "sound_end", "stim_file": "n/a", "attended": "n/a"}
    heard = {"a": 10.0, "b": 10.0}
    table, _ = read_events(tmp_path, [*rows, end])
    assert {name: lasts for name, _, lasts, _ in sounds(table)} == heard
    table, _ = read_events(tmp_path, [*rows, end | {"attended": "yes"}, end | {"attended": "no", "onset": 15.0}])
    assert {name: lasts for name, _, lasts, _ in sounds(table)} == heard | {"b": 14.0}
    again = [row("c", "no", onset=40.0), row("d", "yes", onset=40.5), end | {"onset": 46.0}]
    lengths = dict.fromkeys("abcd", 30.0)
    table, _ = read_events(tmp_path, [*rows, end, *again], lengths=lengths)
    assert {name: lasts for name, _, lasts, _ in sounds(table)} == heard | {"c": 6.0, "d": 5.5}


def test_words_of_two_talkers_without_rows_of_their_sounds(tmp_path):
    words = [
        word(f"{name}{i}", 1.0 + i + late, stim_file=f"{name}.wav", stimulus_onset=i + late, attended=attended)
        for i in range(10) for name, late, attended in (("a", 0.0, "yes"), ("b", 0.4, "no"))
    ]  # fmt: skip
    table, _ = read_events(tmp_path, words)
    assert [one[0] for one in sounds(table)] == ["a", "b"] and set(table[table.kind == "word"].attended) == {
        "yes",
        "no",
    }


def test_rows_of_stories_name_the_sound_of_their_stream(tmp_path):
    story = {"trial_type": "story", "stim_file": "n/a"}
    rows = [row("a", "yes"), row("b", "no"), row("a", "yes", onset=1.0) | story | {"text": "sea"}]
    rows.append(row("b", "no", onset=1.0) | story | {"text": "sky"})
    table, _ = read_events(tmp_path, rows)
    assert table[table.kind == "sound"].set_index("stimulus").story.to_dict() == {"a": "sea", "b": "sky"}


def test_studies_in_code_are_checked_alike():
    shared = {"kind": "story", "onset": 0.0, "duration": 10.0, "stimulus_onset": 0.0}
    rows = [{**shared, "story": name, "stimulus": name, "attended": told} for name, told in (("a", "yes"), ("b", ""))]
    with pytest.raises(UserError, match="x: 'a' .* and 'b' .*does not say whether it was attended"):
        events_table(rows, where="x")
    with pytest.raises(UserError, match=r"attended \['left'\]; known are \"\", yes, no"):
        events_table(pd.DataFrame(rows).assign(attended="left"), where="x")
    assert set(events_table(pd.DataFrame(rows).drop(columns="attended"), where="x").attended) == {""}
