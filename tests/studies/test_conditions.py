"""What laboratories call listening, speaking, mouthing and imagining, and rows that are trials without a sound."""

import pandas as pd
import pytest
from builders import write_audio, write_tsv
from praatio import textgrid

from n2s.errors import UserError
from n2s.findings import kept
from n2s.studies.events import events_table
from n2s.studies.readers.conditions import TrialNames, default_of
from n2s.studies.readers.event_columns import EventColumns, complete, read_rows
from n2s.studies.readers.sentences import sentence_id
from n2s.studies.readers.stimuli import StimulusFolder


def read(folder, rows, *, names=None, columns=None, **options):
    """The events and what is said."""
    path = rows if not isinstance(rows, list) else write_tsv(folder / "events.tsv", rows)
    stimuli = StimulusFolder(folder / "stimuli")
    with kept() as found:
        rows = read_rows(path, columns or EventColumns(), stimuli, names)
        table = complete(rows, stimuli, where=str(path), duration_s=100.0, **options)
    return table, [f"{one.kind}: {one.text}" for one in found]


def trial(onset, kind, text=None, **more):
    return {"onset": onset, "duration": 2.0, "trial_type": kind, "text": text} | more


def told(table, *columns):
    return [tuple(row) for row in table[list(columns)].to_numpy()]


@pytest.mark.parametrize(
    ("name", "condition"),
    [
        ("Overt", "overt"), ("speak", "overt"), ("spoken_word", "overt"), ("overt speech", "overt"), ("read-aloud", "overt"), ("produced", "overt"),
        ("PLAYBACK", "listen"), ("perceived speech", "listen"), ("listening", "listen"), ("mouthed", "silent"), ("silent articulation", "silent"),
        ("articulate", "silent"), ("inner speech", "imagined"), ("covert", "imagined"), ("Imagined_Speech", "imagined"), ("speech imagery", "imagined"),
        ("rest", "rest"), ("resting", "rest"), ("speech", None), ("word", None), ("listen and repeat", None), ("whispered", None), ("", None),
        ("button", None), ("trial", None), ("interest", None), ("silent reading", None), ("read_silently", None), ("covert reading", None),
        ("reading", None), ("without voice", None), ("not spoken", None), ("auditory imagery", None), ("mouthed reading", "silent"),
        ("read out loud", "overt"), ("passive listening", "listen"), ("internal", "imagined"), ("mental imagery", "imagined"), ("unvoiced", "silent"),
        ("voiced", "overt"), ("heard", "listen"), ("mimed", "silent"),
    ],
)  # fmt: skip
def test_words_for_conditions(name, condition):
    assert TrialNames().condition(name) == condition


def test_a_laboratorys_own_words():
    names = TrialNames({"Produced": "silent", "go_now": "imagined"})
    assert names.condition("produced") == "silent" and names.condition("GO now") == "imagined"
    with pytest.raises(
        UserError, match="conditions: 'go' is 'imagine'; expected one of listen, overt.*Nearest: imagined"
    ):
        TrialNames({"go": "imagine"})
    with pytest.raises(UserError, match=r"kinds: 'go' is 'wrod'; expected one of .*Nearest: word"):
        TrialNames(kinds={"go": "wrod"})


def test_trials_without_any_sound(tmp_path):
    """Their trial_type is the condition; rest and a button are left out, as ever."""
    rows = [
        trial(1, "speak", "casa"),
        trial(5, "Imagined", "agua"),
        trial(9, "rest", "x"),
        trial(12, "mouthed", "pan"),
        trial(15, "button", "y"),
    ]
    table, said = read(tmp_path, rows, language="es")
    assert told(table, "kind", "text", "condition", "onset", "duration", "stimulus", "stimulus_onset", "language") == [
        ("word", "casa", "overt", 1.0, 2.0, "", 0.0, "es"), ("word", "agua", "imagined", 5.0, 2.0, "", 0.0, "es"),
        ("word", "pan", "silent", 12.0, 2.0, "", 0.0, "es"),
    ]  # fmt: skip
    assert said == ["left out: rows that are no sound and no part of one: button, rest."]


def test_what_may_be_a_condition_is_told_and_not_guessed(tmp_path):
    """Who reads silently need not mouth: nothing is read, and the option that would read it is named."""
    rows = [
        trial(1, "silent reading", "casa"),
        trial(5, "imagned", "agua"),
        trial(9, "overt", "pan"),
        trial(12, "button", "y"),
    ]
    table, said = read(tmp_path, rows)
    assert told(table, "text", "condition") == [("pan", "overt")]
    (one,) = [text for text in said if "in conditions" in text]
    assert (
        one.startswith("left out: trials called silent reading, imagned are none of")
        and "{silent reading: imagined}" in one
    )
    table, said = read(tmp_path, rows, names=TrialNames({"silent reading": "imagined", "imagned": "imagined"}))
    assert told(table, "text", "condition") == [("casa", "imagined"), ("agua", "imagined"), ("pan", "overt")]
    assert not any("in conditions" in text for text in said)
    table, said = read(tmp_path, [trial(1, "trial", "casa", condition="silent reading"), *rows[2:]])
    assert told(table, "text", "condition") == [("pan", "overt")]
    assert any("trials called silent reading are none of" in text for text in said)


@pytest.mark.parametrize(
    ("task", "row", "given", "condition"),
    [
        ("imagined", {}, None, "imagined"), ("overt speech", {}, None, "overt"), ("words", {}, None, "listen"),
        ("silent reading", {}, None, "listen"), ("imagined", {"condition": "overt"}, None, "listen"), ("imagined", {}, "silent", "silent"),
        (None, {}, None, "listen"), ("imagined", {}, "listen", "listen"), ("imagined", {"stimulus": "a.wav"}, None, "listen"),
    ],
)  # fmt: skip
def test_the_task_names_the_condition_that_no_row_names(tmp_path, task, row, given, condition):
    names = TrialNames()
    rows = read_rows(write_tsv(tmp_path / "events.tsv", [trial(1, "word", "casa", **row)]), EventColumns(), None, names)
    with kept() as found:
        assert default_of(rows, task, names, given, tmp_path) == condition
    assert len(found) == (given is None and condition != "listen")


def test_sounds_that_play_in_a_task_that_names_a_condition_are_heard(tmp_path):
    write_audio(tmp_path / "stimuli" / "casa.wav", 2.0)
    rows = [
        {"onset": 1, "duration": 2, "trial_type": "sound", "stim_file": "casa.wav", "text": "n/a"},
        {"onset": 1.2, "duration": 1, "trial_type": "word", "stim_file": "n/a", "text": "casa"},
        {"onset": 5, "duration": 1, "trial_type": "word", "stim_file": "n/a", "text": "casa"},
    ]
    table = read(tmp_path, rows, default_condition="imagined", sound_condition="listen")[0]
    assert told(table[table.kind != "sentence"], "kind", "onset", "condition") == [
        ("sound", 1.0, "listen"), ("word", 1.2, "listen"), ("word", 5.0, "imagined"),
    ]  # fmt: skip


@pytest.mark.parametrize("column", ["text", "value", "word"])
def test_the_condition_is_a_column(tmp_path, column):
    rows = [{"onset": 1, "duration": 2, "trial_type": "trial", "condition": "spoken", column: "casa"},
            {"onset": 5, "duration": 2, "trial_type": "trial", "condition": "imagined", column: "agua"},
            {"onset": 9, "duration": 2, "trial_type": "fixation", "condition": "imagined", column: "x"}]  # fmt: skip
    table, said = read(tmp_path, rows)
    assert told(table, "text", "condition") == [("casa", "overt"), ("agua", "imagined")]
    assert "corrected: conditions under other names: spoken is overt. If that is wrong, set conditions." in said
    bare = [{name: value for name, value in row.items() if name != "trial_type"} for row in rows[:2]]
    assert told(read(tmp_path, bare)[0], "text", "condition") == [("casa", "overt"), ("agua", "imagined")]


def test_condition_and_word_in_one_name(tmp_path):
    rows = [trial(1, "overt/casa", value=11), trial(5, "imagined/agua/2", value=12), trial(9, "overt", value=13)]
    table, said = read(tmp_path, [{name: value for name, value in row.items() if name != "text"} for row in rows])
    assert told(table, "text", "condition") == [("casa", "overt"), ("agua", "imagined")]
    assert any("no part of one: overt" in one for one in said)  # a code is no word


def test_trials_may_be_sentences_or_left_out(tmp_path):
    rows = [
        trial(1, "overt", "Once upon a time"),
        trial(5, "cue", "go"),
        trial(9, "Go!", "now"),
        trial(12, "covert", None),
    ]
    names = TrialNames({"go!": "imagined"}, {"overt": "sentence", "cue": "", "covert": "sentence"})
    table, said = read(tmp_path, rows, names=names)
    assert told(table, "kind", "text", "condition", "sequence") == [
        ("sentence", "Once upon a time", "overt", sentence_id("once upon a time")), ("word", "now", "imagined", ""), ("sentence", "", "imagined", ""),
    ]  # fmt: skip
    assert not said


def test_the_trial_type_is_the_word(tmp_path):
    """As interfaces for commands write them: the condition is that of the task."""
    rows = [{"onset": 1, "duration": 2, "trial_type": "Casa", "value": 11}, {"onset": 5, "duration": 2, "trial_type": "agua", "value": 12},
            {"onset": 9, "duration": 2, "trial_type": "pause", "value": 13}]  # fmt: skip
    names = TrialNames(kinds={"casa": "word", "agua": "word"})
    table, said = read(tmp_path, rows, names=names, default_condition="imagined")
    assert told(table, "kind", "text", "condition") == [("word", "Casa", "imagined"), ("word", "agua", "imagined")]
    assert said == ["left out: rows that are no sound and no part of one: pause."]


def test_parts_of_a_trial_inherit(tmp_path):
    rows = [
        trial(1, "sentence", "the cat", condition="imagined", speaker="ane"), trial(1, "word", "the", duration=0.5),
        trial(2, "word", "cat", duration=0.9), trial(2.2, "phone", "k", duration=None), trial(20, "word", "dog", condition="overt"),
        trial(0, "story", "tale", duration=10),
    ]  # fmt: skip
    table, _ = read(tmp_path, rows)
    one = sentence_id("the cat")
    assert told(table, "kind", "text", "condition", "sequence", "story", "speaker") == [
        ("sentence", "the cat", "imagined", one, "tale", "ane"), ("word", "the", "imagined", one, "tale", "ane"),
        ("word", "cat", "imagined", one, "tale", "ane"), ("phone", "k", "imagined", one, "tale", "ane"), ("word", "dog", "overt", "", "", ""),
    ]  # fmt: skip


@pytest.fixture
def heard(tmp_path):
    for name in ("casa", "agua"):
        write_audio(tmp_path / "stimuli" / f"{name}.wav", 1.5)
    return tmp_path


def test_words_that_are_heard_and_then_said(heard):
    """A heard trial is a sound and its word; the others have neither sound nor file."""
    rows = [trial(1, "listen", "casa", stim_file="casa.wav", duration=None), trial(4, "overt", "casa"), trial(8, "playback", "agua", stim_file="agua.wav"),
            trial(12, "inner", "agua", stim_file="agua.wav")]  # fmt: skip
    table, said = read(heard, rows)
    assert told(table, "kind", "text", "condition", "onset", "stimulus") == [
        ("sound", "", "listen", 1.0, "casa"), ("sentence", "casa", "listen", 1.0, "casa"), ("word", "casa", "listen", 1.0, "casa"),
        ("word", "casa", "overt", 4.0, ""), ("sound", "", "listen", 8.0, "agua"), ("sentence", "agua", "listen", 8.0, "agua"),
        ("word", "agua", "listen", 8.0, "agua"), ("word", "agua", "imagined", 12.0, ""),
    ]  # fmt: skip
    assert [one for one in said if "nobody hears then" in one]


def test_words_and_phones_of_what_is_heard_come_from_textgrids(heard):
    grid = textgrid.Textgrid()
    grid.addTier(textgrid.IntervalTier("words", [(0.2, 1.0, "casa")], 0, 1.5))
    grid.addTier(textgrid.IntervalTier("phones", [(0.2, 0.6, "k"), (0.6, 1.0, "a")], 0, 1.5))
    grid.save(str(heard / "stimuli" / "casa.TextGrid"), "long_textgrid", includeBlankSpaces=True)
    table, _ = read(heard, [trial(1, "heard", "casa", stim_file="casa.wav"), trial(4, "overt", "casa")])
    assert told(table[table.kind.isin(["word", "phone"])], "kind", "text", "onset", "condition") == [
        ("word", "casa", 1.2, "listen"), ("phone", "k", 1.2, "listen"), ("phone", "a", 1.6, "listen"), ("word", "casa", 4.0, "overt"),
    ]  # fmt: skip


def test_who_only_listens_hears_no_words_of_trial_types(heard):
    """Blocks of listening, named as trials: what they say is no word."""
    rows = [
        trial(1, "listening", "Casa tale", stim_file="casa.wav", duration=1.5),
        trial(5, "listening", "Agua tale", stim_file="agua.wav", duration=0),
    ]
    table, _ = read(heard, rows)
    assert set(table.kind) == {"sound"} and set(table.condition) == {"listen"}


def test_sounds_beside_trials(heard):
    """A row plays the sound; a trial inside it is imagined all the same, and a spoken word inside it lies in it."""
    rows = [{"onset": 1, "duration": 1.5, "trial_type": "sound", "stim_file": "casa.wav"}, trial(1.1, "imagined", "x", duration=0.5),
            trial(1.2, "word", "casa", duration=0.3), trial(30, "word", "far", condition="overt")]  # fmt: skip
    table, _ = read(heard, rows)
    words = table[table.kind == "word"]
    assert told(words, "text", "condition", "stimulus") == [
        ("x", "imagined", ""),
        ("casa", "listen", "casa"),
        ("far", "overt", ""),
    ]
    rows[3] |= {"condition": None}
    with pytest.raises(UserError, match="a word 'far' at 30.000 s lies in no sound"):
        read(heard, rows)
    assert told(read(heard, rows, default_condition="overt")[0].query("kind == 'word'"), "text", "condition", "stimulus")[1:] == [
        ("casa", "overt", "casa"), ("far", "overt", ""),
    ]  # fmt: skip


def test_what_is_refused(tmp_path):
    with pytest.raises(
        UserError,
        match=r"condition is \['whisperd'\]; known are listen, overt, .*Say which they are in conditions, as \{whisperd: overt\}",
    ):
        read(tmp_path, [trial(1, "word", "a", condition="whisperd")])
    with pytest.raises(UserError, match="condition is .*Nearest: spoken"):
        read(tmp_path, [trial(1, "word", "a", condition="spokn")])
    with pytest.raises(UserError, match="line 2: the duration of a sentence is n/a"):
        read(tmp_path, [trial(1, "sentence", "a b", condition="overt", duration=None)])
    with pytest.raises(UserError, match="outside the recording"):
        read(tmp_path, [trial(99, "overt", "a")])
    with pytest.raises(UserError, match="without stimulus and stimulus_onset"):
        read(tmp_path, [trial(1, "word", "a")])  # heard, and nothing says what


def test_events_need_no_stimulus():
    rows = pd.DataFrame([{"onset": 1.0, "duration": 1.0, "kind": "word", "story": "", "stimulus": None, "stimulus_onset": None, "condition": "silent"},
                         {"onset": 3.0, "duration": 1.0, "kind": "sound", "story": "", "stimulus": "a", "stimulus_onset": 0.5}])  # fmt: skip
    table = events_table(rows, where="here")
    assert told(table, "stimulus", "stimulus_onset", "condition") == [("", 0.0, "silent"), ("a", 0.5, "listen")]
    with pytest.raises(UserError, match="a time that is not finite"):
        events_table(rows.assign(stimulus="a"), where="here")
