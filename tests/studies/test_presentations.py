"""Each presentation of a sound counts once, and ends where it ended."""

import pytest
from event_tables import read_events, sounds

from n2s.errors import UserError

ABC = [("a", 1.0, 30.0, 0.0), ("b", 34.0, 30.0, 0.0), ("c", 67.0, 30.0, 0.0)]


def row(onset, stimulus, duration=None, kind="story", **more):
    return {
        "onset": onset,
        "duration": duration,
        "trial_type": kind,
        "stim_file": f"{stimulus}.wav" if stimulus else None,
        **more,
    }


def three(**more):
    return [row(1 + 33 * i, name, **more) for i, name in enumerate("abc")]


@pytest.mark.parametrize("kind", ["sound", "story", "Audio"])
@pytest.mark.parametrize("later_s", [0.0, 0.001, 0.04])
def test_a_table_that_holds_its_rows_twice(tmp_path, kind, later_s):
    """bids-standard/bids-examples#397: rows repeated; with two triggers of one sound they differ by some ms."""
    rows = three(kind=kind, duration=30)
    again = [one | {"onset": one["onset"] + later_s} for one in rows]
    words = [{"onset": 2.0 + i + later_s * k, "duration": 0.3, "trial_type": "word", "word": f"w{i}"}
             for k in (0, 1) for i in range(5)]  # fmt: skip
    if later_s == 0.04:
        words = words[:5]  # words so far apart are two
    table, found = read_events(tmp_path, rows + again + words)
    assert sounds(table) == ABC
    assert table[table.kind == "word"].text.tolist() == ["w0", "w1", "w2", "w3", "w4"]
    assert table[table.kind == "sentence"].text.tolist()[0].startswith("w0")
    assert [one.kind for one in found if "twice" in one.text] == ["corrected"] * (1 if later_s == 0.04 else 2)


def test_of_two_rows_of_one_sound_the_duration_is_kept(tmp_path):
    table, _ = read_events(tmp_path, [row(1, "a"), row(1.002, "a", duration=12)])
    assert sounds(table) == [("a", 1.0, 12.0, 0.0)]


def test_one_word_said_by_two_speakers_at_once_is_two(tmp_path):
    words = [
        {"onset": 2, "duration": 0.3, "trial_type": "word", "word": "yes", "speaker": who} for who in ("ane", "ion")
    ]
    table, found = read_events(tmp_path, [row(1, "a", kind="sound"), *words])
    assert (table.kind == "word").sum() == 2 and not found


@pytest.mark.parametrize("start, end", [("story_start", "story_end"), ("story", "sound_off"), ("speech", "stop"),
                                        ("sound", "sound_end"), ("sound", "StoryEnd"), ("onset", "offset"),
                                        ("play", "audioend")])  # fmt: skip
@pytest.mark.parametrize("duration", [0, None])
def test_end_rows_that_name_the_file_start_nothing(tmp_path, start, end, duration):
    """bids-standard/bids-examples#433: rows at the start and at the end of a stimulus."""
    rows = [one for i, name in enumerate("abc") for one in
            (row(1 + 33 * i, name, kind=start), row(31 + 33 * i, name, kind=end, duration=duration))]  # fmt: skip
    table, found = read_events(tmp_path, rows)
    assert sounds(table) == ABC and not found


@pytest.mark.parametrize("stimulus", ["a", ""])
def test_an_early_end_row_ends_the_sound(tmp_path, stimulus):
    rows = [
        row(1, "a", kind="story_start"),
        row(13, stimulus, kind="story_end", duration=0),
        row(34, "b", kind="story_start"),
    ]
    table, _ = read_events(tmp_path, rows)
    assert sounds(table) == [("a", 1.0, 12.0, 0.0), ABC[1]]
    rows[1]["trial_type"] = "stop"
    assert sounds(read_events(tmp_path, rows)[0]) == [("a", 1.0, 12.0, 0.0), ABC[1]]
    rows[0]["duration"] = 30  # as planned
    table, found = read_events(tmp_path, rows)
    assert sounds(table)[0] == ("a", 1.0, 12.0, 0.0)
    assert [(one.kind, one.where.endswith("line 2")) for one in found] == [("corrected", True)]


def test_late_and_doubled_end_rows_do_not_make_a_sound_longer(tmp_path):
    rows = [
        row(1, "a", kind="sound"),
        *(row(at, "a", kind="sound_end", duration=0) for at in (31.3, 31.302)),
        row(34, "b", kind="sound"),
    ]
    table, found = read_events(tmp_path, rows)
    assert sounds(table) == ABC[:2]
    assert "30.300 s of 'a', 30.000 s" in found[0].where


def test_word_ends_and_other_ends_end_no_sound(tmp_path):
    rows = [row(1, "a", kind="sound"), row(3, "a", kind="word_end", duration=0), row(4, "", kind="picture_off", duration=0),
            row(5, "", kind="block_end", duration=0)]  # fmt: skip
    table, _ = read_events(tmp_path, rows)
    assert sounds(table) == ABC[:1]


def test_a_condition_named_off_plays(tmp_path):
    table, _ = read_events(tmp_path, three(kind="noise_off", duration=30))
    assert sounds(table) == ABC
    with pytest.raises(
        UserError, match="line 2: 'noise_off' is taken for the end of a sound, but no row before it starts one of 'a'"
    ):
        read_events(tmp_path, [row(1, "a", kind="noise_off"), row(40, "b")])


@pytest.mark.parametrize("last", [150.0, 100.0])
def test_start_and_end_in_rows_of_one_kind(tmp_path, last):
    rows = [row(at + 33 * i, name, duration=0) for i, name in enumerate("abc") for at in (1, 31)]
    table, _ = read_events(tmp_path, rows, duration_s=last)
    assert sounds(table) == ABC


def test_back_to_back_or_start_and_end(tmp_path):
    pair = [row(1, "a"), row(31, "a")]
    with pytest.raises(UserError, match=r"line 3: 'a' is named again 30\.00 s after line 2, when it is just over"):
        read_events(tmp_path, pair)
    table, _ = read_events(tmp_path, [one | {"duration": 30} for one in pair])
    assert [one[1] for one in sounds(table)] == [1.0, 31.0]
    table, _ = read_events(tmp_path, [row(1 + 30 * i, "a") for i in range(4)])
    assert [one[1] for one in sounds(table)] == [1.0, 31.0, 61.0, 91.0]
    table, _ = read_events(tmp_path, [row(1, "a"), row(32, "a"), row(70, "b"), row(101, "b")])  # each is heard twice
    assert [one[1] for one in sounds(table)] == [1.0, 32.0, 70.0, 101.0]


@pytest.mark.parametrize("duration", [None, 30])
def test_a_sound_that_starts_again_had_ended(tmp_path, duration):
    """After an abort: the rest of the first presentation was never heard."""
    table, found = read_events(tmp_path, [row(1, "a", duration), row(11, "a", duration), row(50, "b", duration)])
    assert sounds(table) == [("a", 1.0, 10.0, 0.0), ("a", 11.0, 30.0, 0.0), ("b", 50.0, 30.0, 0.0)]
    assert [one.kind for one in found] == ["corrected"] and "line 3" in found[0].where


def test_a_sound_that_goes_on_in_the_middle_after_an_abort(tmp_path):
    table, _ = read_events(tmp_path, [row(1, "a", 30, stimulus_onset=0), row(15, "a", 25, stimulus_onset=5)])
    assert sounds(table) == [("a", 1.0, 14.0, 0.0), ("a", 15.0, 25.0, 5.0)]


def test_two_starts_half_a_second_apart(tmp_path):
    with pytest.raises(UserError, match=r"line 3: 'a' starts 0\.400 s after line 2, which starts it, too"):
        read_events(tmp_path, [row(1, "a"), row(1.4, "a")])


def test_short_sounds_may_follow_faster_than_their_files_last(tmp_path):
    table, _ = read_events(tmp_path, [row(1 + 0.5 * i, "ba") for i in range(6)], lengths={"ba": 0.7})
    assert [one[1:3] for one in sounds(table)] == [(1 + 0.5 * i, 0.5) for i in range(5)] + [(3.5, 0.7)]


def test_other_rows_inside_a_sound_that_name_it(tmp_path):
    with pytest.raises(
        UserError, match="line 3: 'a' starts 9.000 s after line 2, which is 'story', and this row is 'probe'"
    ):
        read_events(tmp_path, [row(1, "a"), row(10, "a", kind="probe")])
    table, found = read_events(
        tmp_path, [row(1, "a"), row(10, "a", 0, kind="response"), row(35, "a", 0, kind="button_press")]
    )
    assert sounds(table) == ABC[:1]
    assert [one.kind for one in found] == ["left out"] and "2 of 3 rows" in found[0].where


def test_a_sound_told_whole_and_in_parts_is_one(tmp_path):
    parts = [row(1 + 10 * i, "a", 10, stimulus_onset=10 * i) for i in range(3)]
    table, found = read_events(tmp_path, [row(1, "a", 30, stimulus_onset=0), *parts])
    assert sounds(table) == ABC[:1] and [one.kind for one in found] == ["corrected", "corrected"]
    table, found = read_events(tmp_path, parts)
    assert [one[1:] for one in sounds(table)] == [(1, 10, 0), (11, 10, 10), (21, 10, 20)] and not found


def test_the_next_sound_ends_one_without_a_duration(tmp_path):
    table, found = read_events(tmp_path, [row(1, "a"), row(21, "b"), row(60, "c")])
    assert sounds(table) == [("a", 1.0, 20.0, 0.0), ("b", 21.0, 30.0, 0.0), ("c", 60.0, 30.0, 0.0)]
    assert [one.kind for one in found] == ["corrected"]


def test_two_sounds_at_once(tmp_path):
    lengths = {"a": 30.0, "b": 30.0, "beep": 0.5, "song": 10.0}
    table, found = read_events(tmp_path, [row(1, "a", 30), row(2, "b", 30)], lengths=lengths)
    assert [one[:3] for one in sounds(table)] == [("a", 1.0, 30.0), ("b", 2.0, 30.0)] and [
        one.kind for one in found
    ] == ["odd"]
    table, found = read_events(tmp_path, [row(1, "a"), row(9, "beep")], lengths=lengths)
    assert [one[:3] for one in sounds(table)] == [("a", 1.0, 30.0), ("beep", 9.0, 0.5)] and [
        one.kind for one in found
    ] == ["odd"]
    with pytest.raises(UserError, match="'song' starts before 'a' of line 2 can be over.* it would go on afterwards"):
        read_events(tmp_path, [row(1, "a"), row(9, "song")], lengths=lengths)
    words = [{"onset": 9.1, "duration": 0.3, "trial_type": "word", "word": "tale", "stim_file": "a.wav"}]
    table, _ = read_events(tmp_path, [row(1, "a", kind="sound"), row(9, "beep", kind="sound"), *words], lengths=lengths)
    assert table[table.kind == "word"][["stimulus", "stimulus_onset"]].to_numpy().tolist() == [
        ["a", pytest.approx(8.1)]
    ]


def test_an_end_of_one_kind_that_is_missing(tmp_path):
    """Pairs of start and end, without the last end: the second 'a' is no presentation."""
    with pytest.raises(
        UserError, match="line 4: 'b' starts before 'a' of line 3 can be over.*names what had just played"
    ):
        read_events(tmp_path, [row(1, "a"), row(31, "a"), row(34, "b"), row(64, "b"), row(67, "c")])


def test_a_rate_of_playback(tmp_path):
    lengths = {"a": 30.0, "b": 20.0, "c": 40.0}
    rows = [row(1 + 50 * i, name, lengths[name] * 44.1 / 48) for i, name in enumerate("abc")]
    with pytest.raises(
        UserError,
        match=r"'a' plays for 27\.562 s, and its file lasts 30\.000 s; all 3 .* 0\.91875 times.*44\.1 kHz played as 48",
    ):
        read_events(tmp_path, rows, lengths=lengths)
    table, found = read_events(
        tmp_path, [row(1, "a", kind="story_start"), row(28.5625, "a", kind="story_end")], lengths=lengths
    )
    assert [one.kind for one in found] == ["odd"] and "27.562 s of 'a', 30.000 s (44.1 kHz played as 48 kHz)" in found[
        0
    ].where
    table, found = read_events(
        tmp_path, [row(1, "a", kind="story_start"), row(33.65, "a", kind="story_end")], lengths=lengths
    )
    assert sounds(table) == ABC[:1] and "48 kHz played as 44.1 kHz" in found[0].where
    long = {"a": 600.0, "b": 500.0, "c": 700.0}
    (tmp_path / "long").mkdir()
    rows = [row(1 + 800 * i, name, round(long[name] * 0.999, 3)) for i, name in enumerate("abc")]
    with pytest.raises(UserError, match=r"0\.99900 times as long"):
        read_events(tmp_path / "long", rows, lengths=long, duration_s=3000)


@pytest.mark.parametrize("durations", [(30, 30, 30), (29.95, 30.05, 30.0), (15, 10, 29.97), (12, 12, 12), (15, 15, 15)])
def test_rounded_durations_and_cuts_are_nothing_odd(tmp_path, durations):
    rows = [row(1 + 33 * i, name, duration) for i, (name, duration) in enumerate(zip("abc", durations, strict=True))]
    table, found = read_events(tmp_path, rows)
    assert [one[2] for one in sounds(table)] == list(durations) and not found
