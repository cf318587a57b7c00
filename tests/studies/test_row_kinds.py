"""What the columns and rows of a stranger's table mean, what is left out, and what is said of it."""

import pytest
from builders import write_audio
from event_tables import read_events, sounds

from n2s.errors import UserError
from n2s.studies.readers.event_columns import EventColumns

HEAD = "onset\tduration\ttrial_type\tstim_file\ttext\n"
SPEECH = "1\t30\tspeech\ta.wav\tn/a\n"


def word(onset, **more):
    return {"onset": onset, "duration": 0.3, "trial_type": "word"} | more


def sound(onset, stimulus="a.wav", duration=30, kind="sound", **more):
    return {"onset": onset, "duration": duration, "trial_type": kind, "stim_file": stimulus} | more


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (
            {"stimulus_onset": ("audio_strat",)},
            "columns.stimulus_onset names audio_strat, .*Nearest: audio_start.* onset, dur",
        ),
        ({"text": ("wrods",)}, "columns.text names wrods, .*Nearest: words"),
        ({"speaker": ("voice", "talker")}, "columns.speaker names voice or talker, and there is no such column"),
    ],
)
def test_a_column_that_was_named_and_is_not_there(tmp_path, columns, said):
    """mne-tools/mne-bids#202: the names of columns differ between laboratories."""
    rows = [sound(1, duration=6, audio_start=6.0, words="x", who="n/a")]
    with pytest.raises(UserError, match=said):
        read_events(tmp_path, rows, columns=EventColumns(**columns))


def test_columns_that_were_named(tmp_path):
    rows = [sound(1, duration=6, AUDIO_start=6.0)]
    table, found = read_events(tmp_path, rows, columns=EventColumns(stimulus_onset=("nowhere", "audio_start")))
    assert sounds(table) == [("a", 1.0, 6.0, 6.0)] and not found
    table, found = read_events(tmp_path, rows, columns=EventColumns(stimulus_onset=()))
    assert sounds(table) == [("a", 1.0, 6.0, 0.0)]
    assert EventColumns(text="label").text == ("label",)


def test_a_column_that_may_say_where_sounds_start(tmp_path):
    _, found = read_events(tmp_path, [sound(1, duration=6, audio_start=6.0)])
    assert [one.kind for one in found] == ["odd"] and "set columns.stimulus_onset to [audio_start]" in found[0].text


def test_one_name_in_upper_and_lower_case(tmp_path):
    content = HEAD.replace("text", "Stim_File") + SPEECH.replace("n/a", "b.wav")
    table, _ = read_events(tmp_path, content)
    assert sounds(table) == [("a", 1.0, 30.0, 0.0)]  # the name as it is written
    with pytest.raises(UserError, match="columns.stimulus is 'stim_file', and there are STIM_FILE and Stim_File"):
        read_events(tmp_path, content.replace("stim_file", "STIM_FILE"))
    with pytest.raises(UserError, match="the columns onset and Onset are both onset"):
        read_events(tmp_path, content.replace("Stim_File", "Onset"))


def test_an_empty_column_is_none(tmp_path):
    rows = [sound(1, text=None, word=None), word(2, text=None, word="Once")]
    table, _ = read_events(tmp_path, rows)
    assert table[table.kind == "word"].text.tolist() == ["Once"]


@pytest.mark.parametrize("column", ["word", "text", "Word"])
def test_digits_are_words(tmp_path, column):
    table, found = read_events(tmp_path, [sound(1), *(word(2 + i, **{column: w}) for i, w in enumerate("371"))])
    assert table[table.kind == "word"].text.tolist() == ["3", "7", "1"] and not found


@pytest.mark.parametrize("codes", ["371", ["S  3", "S  7", "S 11"], ["Stimulus/S 3", "Stimulus/S 7", "x"]])
def test_trigger_codes_are_no_words(tmp_path, codes):
    """BIDS' column ``value``: bids-standard, "marker value associated with the event"."""
    rows = [sound(1, value=9), *(word(2 + i, value=code) for i, code in enumerate(codes))]
    rows.append({"onset": 40, "duration": 0, "trial_type": "response", "value": "left"})  # of no kind of ours
    table, found = read_events(tmp_path, rows)
    words = "x" in codes
    as_text = [" ".join(code.split()) for code in codes]  # white space inside a text is one space
    assert table[table.kind == "word"].text.tolist() == (as_text if words else [""] * 3)
    assert any("trigger codes" in one.text for one in found) != words
    table, found = read_events(tmp_path, rows[:-1], columns=EventColumns(text=("value",)))
    assert table[table.kind == "word"].text.tolist() == as_text and not found


def test_words_that_look_like_nothing(tmp_path):
    words = ["null", "NA", "nan", "None", "NaN", "true", "inf", "-"]
    content = HEAD + SPEECH.replace("speech", "sound")
    content += "".join(f"{2 + i}\t0.3\tword\tn/a\t{text}\n" for i, text in enumerate(words))
    table, _ = read_events(tmp_path, content)
    assert table[table.kind == "word"].text.tolist() == words


@pytest.mark.parametrize(
    ("onset", "duration"), [("n/a", "0"), ("5", "-1"), ("5", "long"), ("early", "n/a"), ("1,5", "inf")]
)
@pytest.mark.parametrize("kind", ["response", "button", "n/a", "S  1"])
def test_times_of_rows_of_no_kind_do_not_matter(tmp_path, onset, duration, kind):
    """mne-tools/mne-bids#1547, #1587: n/a where nobody answered."""
    table, found = read_events(tmp_path, HEAD + SPEECH + f"{onset}\t{duration}\t{kind}\tn/a\tn/a\n")
    assert sounds(table) == [("a", 1.0, 30.0, 0.0)] and table.kind.tolist() == ["sound"]
    ((left,)) = found
    assert left.kind == "left out" and left.where.endswith("(1 of 2 rows)") and kind in left.text


@pytest.mark.parametrize(("onset", "said"), [("n/a", "line 3: onset is n/a"), ("early", "line 3: onset is 'early'")])
@pytest.mark.parametrize("kind", ["word", "sound", "speech"])
def test_times_of_our_rows_matter(tmp_path, onset, said, kind):
    with pytest.raises(UserError, match=said):
        read_events(tmp_path, HEAD + SPEECH + f"{onset}\t1\t{kind}\ta.wav\tx\n")


def test_what_is_left_out_is_said_alike_for_all_recordings(tmp_path):
    texts = set()
    for n in (1, 5):
        rows = [sound(1), *(sound(2 + i, None, 0, kind) for i in range(n) for kind in ("button", "fixation"))]
        _, found = read_events(tmp_path, rows)
        texts |= {one.text for one in found}
        assert f"({2 * n} of {2 * n + 1} rows)" in found[0].where
    assert texts == {"rows that are no sound and no part of one: button, fixation."}
    _, found = read_events(tmp_path, [sound(1), word(2, trial_type="words", text="Once")])
    assert "Is 'words' a word?" in found[0].text


@pytest.mark.parametrize("name", ["q.png", "Q.JPG", "pictures/q.bmp", "slide.txt", "film.avi", "q.mp4"])
@pytest.mark.parametrize("kind", ["picture", "speech", "stimulus", "n/a"])
def test_pictures_beside_sounds(tmp_path, name, kind):
    """psychoinformatics-de/studyforrest-data-phase2#6."""
    table, found = read_events(tmp_path, HEAD + SPEECH + f"40\t2\t{kind}\t{name}\tn/a\n" * 2)
    assert sounds(table) == [("a", 1.0, 30.0, 0.0)]
    ((left,)) = found
    suffix = name[-4:].lower()
    assert left.kind == "left out" and f"2 rows whose stim_file is no sound: {suffix} (2)" in left.text
    assert ("put its sound beside it" in left.text) == (suffix in (".avi", ".mp4"))


def test_pictures_alone(tmp_path):
    with pytest.raises(UserError, match=r"none of its 1 rows .* that n2s can hear \(q\.png;.*'picture' \(1\)"):
        read_events(tmp_path, HEAD + "40\t2\tpicture\tq.png\tn/a\n")


def test_a_video_whose_sound_is_there(tmp_path):
    write_audio(tmp_path / "stimuli" / "film.wav", 20.0, rate_hz=100)
    table, found = read_events(tmp_path, HEAD + "1\t20\tmovie\tfilm.mp4\tn/a\n")
    assert sounds(table) == [("film", 1.0, 20.0, 0.0)] and [one.kind for one in found] == ["corrected"]


def test_stimuli_with_dots_in_their_names(tmp_path):
    write_audio(tmp_path / "stimuli" / "lw1.txt.wav", 20.0, rate_hz=100)
    table, found = read_events(tmp_path, HEAD + "1\t20\tspeech\tlw1.txt\tn/a\n")
    assert sounds(table) == [("lw1.txt", 1.0, 20.0, 0.0)] and not found


def test_triggers_in_stim_file(tmp_path):
    table, found = read_events(tmp_path, HEAD + SPEECH + "40\t0\ttrigger\tS 12\tn/a\n35\t0\tquestion\tq1\tn/a\n")
    assert sounds(table) == [("a", 1.0, 30.0, 0.0)] and "2 of 3 rows" in found[0].where
    with pytest.raises(UserError, match="stimulus 'aa.wav': no wav"):
        read_events(tmp_path, HEAD + SPEECH + "40\t2\tspeech\taa.wav\tn/a\n")
    table, _ = read_events(tmp_path, HEAD + SPEECH + "40\t20\tquestion\tb.wav\tn/a\n")  # it is spoken
    assert [one[0] for one in sounds(table)] == ["a", "b"]


def test_a_story_keeps_the_name_in_its_text(tmp_path):
    rows = [sound(1), {"onset": 0.5, "duration": 31, "trial_type": "story", "value": "whale"}, word(2, value="3")]
    table, _ = read_events(tmp_path, rows)
    assert set(table.story) == {"whale"} and table[table.kind == "word"].text.tolist() == [""]


def test_a_condition_that_is_nearly_one(tmp_path):
    with pytest.raises(UserError, match=r"condition is \['lisen'\].*Nearest: listen"):
        read_events(tmp_path, [sound(1, condition="lisen")])
