"""What an events.tsv may say and leave unsaid."""

import pandas as pd
import pytest
from builders import write_audio, write_frames, write_tsv
from praatio import textgrid

from n2s.errors import UserError
from n2s.studies.readers.event_columns import EventColumns, complete, read_rows
from n2s.studies.readers.sentences import sentence_id
from n2s.studies.readers.stimuli import StimulusFolder

SOUND = {"onset": 10.0, "duration": None, "trial_type": "sound", "stim_file": "tale.wav"}
WORDS = [(1.0, 1.4, "Once"), (1.5, 2.0, "upon"), (3.0, 3.5, "a time")]
PHONES = [(1.0, 1.2, "w"), (1.2, 1.4, "V"), (3.0, 3.5, "t")]


@pytest.fixture
def folder(tmp_path):
    write_audio(tmp_path / "stimuli" / "tale.wav", 5.0)
    write_audio(tmp_path / "stimuli" / "song.wav", 4.0)
    return tmp_path


def align(folder, stimulus="tale", words=WORDS, phones=PHONES, sentences=()):
    grid = textgrid.Textgrid()
    for name, entries in [("ORT-MAU", words), ("MAU", phones), ("utterances", sentences)]:
        if entries:
            grid.addTier(textgrid.IntervalTier(name, list(entries), 0, 5))
    grid.save(str(folder / "stimuli" / f"{stimulus}.textgrid"), "long_textgrid", includeBlankSpaces=True)


def events(folder, rows, *, columns=None, duration_s=60.0, stimuli=None, **options):
    path = write_tsv(folder / "events.tsv", rows) if isinstance(rows, list) else rows
    stimuli = stimuli or StimulusFolder(folder / "stimuli")
    rows = read_rows(path, columns or EventColumns())
    return complete(rows, stimuli, where=str(path), duration_s=duration_s, **options)


def tuples(table, kind, *columns):
    return [tuple(row) for row in table[table.kind == kind][list(columns)].to_numpy()]


def test_rows_of_our_kinds_take_what_is_unsaid_from_their_sound(folder):
    said = {"story": "tale-7", "language": "eu", "speaker": "ane", "condition": "overt"}
    rows = [
        {**SOUND, **said},
        {"onset": 11.0, "duration": 0.4, "trial_type": "Word", "text": "Once"},
        {"onset": 11.0, "duration": 0.2, "trial_type": "phoneme", "text": "w"},
        {"onset": 11.5, "duration": None, "trial_type": "word", "text": "more."},
        {"onset": 20.0, "duration": 2.0, "trial_type": "sound", "stim_file": "song.wav"},
        {"onset": 20.5, "duration": 0.5, "trial_type": "word", "text": "Tra", "language": "en"},
        {"onset": 23.0, "duration": 0.1, "trial_type": "button", "text": "yes"},
    ]
    table = events(folder, rows, language="es")
    assert tuples(table, "sound", "onset", "duration", "stimulus", "story") == [
        (10.0, 5.0, "tale", "tale-7"),  # n/a: the audio's length
        (20.0, 2.0, "song", "song"),  # as said; the story is the file's name
    ]
    assert tuples(table, "word", "text", "onset", "duration", "stimulus", "stimulus_onset", "story") == [
        ("Once", 11.0, 0.4, "tale", 1.0, "tale-7"),
        ("more.", 11.5, 0.0, "tale", 1.5, "tale-7"),
        ("Tra", 20.5, 0.5, "song", 0.5, "song"),
    ]
    assert tuples(table, "word", "language", "speaker", "condition") == [("eu", "ane", "overt")] * 2 + [
        ("en", "", "listen")
    ]
    assert tuples(table, "sound", "language")[1] == ("es",)
    made = sentence_id("once more")
    assert tuples(table, "sentence", "text", "onset", "duration", "sequence", "stimulus_onset") == [
        ("Once more.", 11.0, 0.5, made, 1.0),
        ("Tra", 20.5, 0.5, sentence_id("tra"), 0.5),
    ]
    assert tuples(table, "phone", "text", "sequence", "story") == [("w", made, "tale-7")]


def test_stimulus_rows_alone_are_filled_from_textgrids(folder):
    align(folder)
    rows = [
        {"onset": 10.0, "duration": 0, "stim_file": "tale.wav"},
        {"onset": 30.0, "duration": 0, "stim_file": "tale.wav"},
    ]
    table = events(folder, rows)
    expected = [
        (text, start + at, start, pytest.approx(stop - start)) for at in (10, 30) for start, stop, text in WORDS
    ]
    assert tuples(table, "word", "text", "onset", "stimulus_onset", "duration") == expected
    assert [text for (text,) in tuples(table, "phone", "text")] == ["w", "V", "t"] * 2
    # no punctuation: the pause of 1 s after "upon" ends a sentence, the one of 0.1 s does not
    assert (
        tuples(table, "sentence", "text", "sequence")
        == [
            ("Once upon", sentence_id("once upon")),
            ("a time", sentence_id("a time")),
        ]
        * 2
    )
    assert set(table.story) == {"tale"}


def test_a_sound_cut_short_holds_only_what_was_heard_whole(folder):
    align(folder)
    table = events(folder, [{**SOUND, "duration": 2.2, "stimulus_onset": 1.1}])
    assert tuples(table, "sound", "duration", "stimulus_onset") == [(2.2, 1.1)]
    assert tuples(table, "word", "text", "onset", "stimulus_onset") == [("upon", pytest.approx(10.4), 1.5)]
    # the sentence was not heard whole; its word still belongs to it
    assert tuples(table, "sentence", "text") == []
    assert tuples(table, "word", "sequence") == [(sentence_id("once upon"),)]


def test_the_sentence_tier_wins_over_pauses_and_events_over_both(folder):
    align(folder, sentences=[(0.9, 3.6, "Once upon a time.")])
    table = events(folder, [SOUND])
    assert tuples(table, "sentence", "text", "onset") == [("Once upon a time.", 10.9)]
    assert set(table[table.kind.isin(["word", "phone"])].sequence) == {sentence_id("once upon a time")}
    rows = [SOUND, {"onset": 10.9, "duration": 0.5, "trial_type": "sentence", "text": "Once", "sequence": "s1"}]
    table = events(folder, rows)
    assert tuples(table, "sentence", "text", "sequence") == [("Once", "s1")]
    assert tuples(table, "word", "sequence") == [("s1",), ("",), ("",)]


def test_words_in_the_table_leave_the_textgrid_unread(folder):
    align(folder)
    table = events(folder, [SOUND, {"onset": 11.0, "duration": 0.4, "trial_type": "word", "word": "mine"}])
    assert tuples(table, "word", "text") == [("mine",)]


def test_words_that_say_their_place_need_no_sound(folder):
    places = [(12.0, "tale", 1.0), (12.5, "tale", 1.5), (20.0, "tale", 1.0), (30.0, "song.wav", 0.0)]
    rows = [
        {"onset": onset, "duration": 0.3, "trial_type": "word", "text": "w", "stimulus": name, "stimulus_onset": at}
        for onset, name, at in places
    ]
    table = events(folder, rows)
    assert tuples(table, "sound", "onset", "duration", "stimulus", "stimulus_onset") == [
        (12.0, pytest.approx(0.8), "tale", 1.0),
        (20.0, pytest.approx(0.3), "tale", 1.0),  # the same audio again
        (30.0, pytest.approx(0.3), "song", 0.0),
    ]
    assert tuples(table, "word", "stimulus", "stimulus_onset") == [
        ("tale", 1.0),
        ("tale", 1.5),
        ("tale", 1.0),
        ("song", 0.0),
    ]


def test_given_sequences_and_stories(folder):
    rows = [
        {**SOUND, "duration": 4.0},
        {"onset": 9.0, "duration": 6.0, "trial_type": "story", "text": "the whale"},
        {"onset": 11.0, "duration": 0.4, "trial_type": "word", "text": "a", "sequence_id": "7"},
        {"onset": 12.0, "duration": 0.4, "trial_type": "word", "text": "b", "sequence_id": "7"},
        {"onset": 13.0, "duration": 0.4, "trial_type": "word", "text": "c", "sequence_id": "8"},
    ]
    table = events(folder, rows)
    assert tuples(table, "sentence", "text", "sequence") == [("a b", "7"), ("c", "8")]
    assert set(table.story) == {"the whale"}
    assert "story" not in set(table.kind)
    (story,) = tuples(events(folder, [{**SOUND, "trial_type": "story", "text": "whale"}]), "sound", "story")
    assert story == ("whale",)  # a story row with a stimulus, and no sound rows: it plays


def test_cells_as_spreadsheets_and_bids_write_them(folder):
    path = folder / "events.tsv"
    path.write_bytes(
        "\ufeffonset\tduration\ttrial_type\tvalue\tStim_File\r\n"
        "10\t5.0\tsound\tn/a\t./stimuli/TALE.wav\r\n"
        '11\t0.2\tword\t"say ""no"""\tn/a\r\n'
        '12\t0.2\tword\t6" nails\tn/a\r\n'
        "13\t0.2\tword\tnan\tN/A\r\n"
        "14\tn/a\tword\tnull\t\r\n\r\n".encode()
    )
    table = events(folder, path)
    assert [text for (text,) in tuples(table, "word", "text")] == ['say "no"', '6" nails', "nan", "null"]
    assert set(table.stimulus) == {"tale"}


def test_trigger_codes_are_not_words(folder):
    table = events(folder, [{**SOUND, "value": 1}, {"onset": 11, "duration": 0, "trial_type": "word", "value": 2}])
    assert tuples(table, "word", "text") == [("",)]
    table = events(folder, [{**SOUND, "text": ""}, {"onset": 11, "duration": 0, "trial_type": "word", "text": "2nd"}])
    assert tuples(table, "word", "text") == [("2nd",)]


def test_columns_by_other_names(folder):
    rows = [
        {"onset": 10, "duration": 5, "what": "sound", "label": "n/a", "wav": "tale.wav", "condition": "loud"},
        {"onset": 11, "duration": 0.5, "what": "word", "label": "Once", "wav": "n/a", "condition": "loud"},
    ]
    columns = EventColumns(kind=("What",), text=("label",), stimulus=("wav",), condition=())
    table = events(folder, rows, columns=columns, default_condition="silent")
    assert tuples(table, "word", "text", "stimulus", "condition") == [("Once", "tale", "silent")]


def test_ready_features_stand_for_the_audio(folder):
    write_frames(folder / "mel", "tale", pd.DataFrame([[0.0]] * 48).to_numpy(), rate_hz=10, start_s=0.1)
    stimuli = StimulusFolder(folder / "mel", ready=True)
    table = events(folder, [{**SOUND, "stim_file": "tale.npz.gz"}], stimuli=stimuli)
    assert tuples(table, "sound", "stimulus", "duration") == [("tale", pytest.approx(4.9))]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "an empty file"),
        ("onset\tduration\ttrial_type\n", "no rows under the header"),
        ("onset,duration,trial_type\n1,2,word\n", "its header has commas and no tab"),
        ("onset\ttrial_type\n1\tword\n", "no column duration"),
        ("onset\tduration\ttext\ttext\n1\t1\ta\tb\n", r"several columns are named \['text'\]"),
        ("onset\tduration\ttrial_type\n1\t2\n", "row 1: 2 cells under 3 columns"),
        ("onset\tduration\ttrial_type\n1\t2\tword\n1,5\t2\tword\n", "line 3: onset is '1,5'; expected seconds"),
        ("onset\tduration\ttrial_type\n1\tlong\tword\n", "line 2: duration is 'long'"),
        ("onset\tduration\ttrial_type\nn/a\t1\tword\n", "line 2: onset is n/a"),
        ("onset\tduration\ttrial_type\n1\t2\tbutton\n3\t2\tbutton\n", r"none of its 2 rows .* Found: 'button' \(2\)"),
        ("onset\tduration\ttrial_type\n1\t2\tword\n", "line 2: a word '' without stimulus and stimulus_onset"),
        ("onset\tduration\ttrial_type\n1\t2\tsound\n", "line 2: a sound that names no stimulus"),
        ("onset\tduration\tstim_file\n1\t2\ttail.wav\n", r"stimulus 'tail\.wav': no wav.*Nearest: tale"),
        ("onset\tduration\tstim_file\n58\t4\ttale.wav\n", "1 of 1 events lie outside the recording"),
        ("onset\tduration\tstim_file\n-1\t4\ttale.wav\n", "1 of 1 events lie outside the recording"),
        ("onset\tduration\tstim_file\n1\t-4\ttale.wav\n", "negative duration"),
        (
            "onset\tduration\tstim_file\n1\t6\ttale.wav\n",
            r"tale\.wav lasts 5\.000 s, but a sound '' of it ends at 6\.000",
        ),
        ("onset\tduration\tstim_file\tcondition\n1\t4\ttale.wav\tloud\n", r"condition is \['loud'\]; known are listen"),
    ],
)
def test_each_mistake_is_told(folder, content, said):
    path = folder / "events.tsv"
    path.write_text(content)
    with pytest.raises(UserError, match=said) as caught:
        events(folder, path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (
            {"onset": 5.0, "duration": 0.4, "trial_type": "word", "text": "early"},
            r"line 3: a word 'early' at 5\.000 s lies in no",
        ),
        (
            {"onset": 11.0, "duration": None, "trial_type": "sentence", "text": "s"},
            "line 3: the duration of a sentence is n/a",
        ),
        (
            {"onset": 11.0, "duration": 0.4, "trial_type": "word", "text": "a", "stim_file": "song.wav"},
            "line 3: a word of stimulus 'song' lies in the sound 'tale'",
        ),
        (
            {"onset": 14.6, "duration": 0.4, "trial_type": "word", "text": "late", "stimulus_onset": 4.9},
            r"tale\.wav lasts 5\.000 s, but a sentence 'late' of it ends at 5\.300 s",
        ),
    ],
)
def test_rows_that_contradict_their_sound(folder, row, said):
    with pytest.raises(UserError, match=said):
        events(folder, [SOUND, row])


def test_not_utf8(folder):
    path = folder / "events.tsv"
    path.write_bytes("onset\tduration\ttrial_type\ttext\n1\t2\tword\tseñal\n".encode("latin-1"))
    with pytest.raises(UserError, match="not UTF-8"):
        events(folder, path)


def test_a_textgrid_longer_than_its_audio(folder):
    align(folder, stimulus="song", words=[(4.0, 4.6, "late")], phones=())
    with pytest.raises(
        UserError, match=r"song\.textgrid: its last word or phone ends at 4\.600 s, but .*song\.wav lasts 4\.000"
    ):
        events(folder, [{**SOUND, "stim_file": "song.wav"}])


def test_a_folder_of_alignments_must_hold_them_all(folder):
    align(folder)
    (folder / "aligned").mkdir()
    (folder / "stimuli" / "tale.textgrid").rename(folder / "aligned" / "Tale.TextGrid")
    stimuli = StimulusFolder(folder / "stimuli", alignments=folder / "aligned")
    assert len(tuples(events(folder, [SOUND], stimuli=stimuli), "word", "text")) == 3
    with pytest.raises(UserError, match=r"the alignment of stimulus 'song': no TextGrid .*aligned"):
        events(folder, [{**SOUND, "stim_file": "song.wav"}], stimuli=stimuli)
    assert tuples(events(folder, [SOUND]), "word", "text") == []  # beside the audio: none is needed


def test_files_that_differ_only_in_case(folder):
    write_audio(folder / "stimuli" / "Tale.wav", 5.0)
    with pytest.raises(UserError, match="differ only in case"):
        events(folder, [SOUND])


def test_of_two_formats_the_lossless_one_is_taken(folder):
    write_audio(folder / "stimuli" / "tale.mp3", 5.0)
    assert StimulusFolder(folder / "stimuli").path("tale").suffix == ".wav"
