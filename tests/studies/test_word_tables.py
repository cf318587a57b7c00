"""Words and phones from tables beside a sound, in the place of a TextGrid."""

import pytest
from builders import write_audio, write_tsv
from trees_fmri.fmriprep import write_words

from n2s.errors import UserError
from n2s.studies.readers.stimuli import StimulusFolder


@pytest.fixture
def folder(tmp_path):
    write_audio(tmp_path / "a.wav", 4.0)
    return tmp_path


def words(rows, path):
    return write_tsv(path, [dict(zip(("onset", "duration", "text"), row, strict=True)) for row in rows])


def test_words_and_phones_of_a_sound(folder):
    words([(0.5, 0.4, "One"), (0.9, 0.3, "sp"), (2.0, 0.5, "two"), (3.0, 0.1, None)], folder / "a_words.tsv")
    (folder / "a_phones.csv").write_text("phone,start,end\nw,0.5,0.7\nn,0.7,0.9\n")
    (folder / "a.tsv").write_text("something\telse\n")  # no table of words
    stimuli = StimulusFolder(folder)
    table = stimuli.alignment("a")
    assert table.text[table.kind == "word"].tolist() == ["One", "two"]  # without silence, and without a row of no text
    assert table.text[table.kind == "phone"].tolist() == ["w", "n"]
    assert table.text[table.kind == "sentence"].tolist() == ["One", "two"] and (table.sequence != "").all()
    assert table.onset[table.kind == "phone"].tolist() == [0.5, 0.7] and table.duration.iloc[-1] == 0.5
    assert {path.name for path in stimuli.sources("a")} == {"a.wav", "a_words.tsv", "a_phones.csv"}
    write_words(folder / "a.TextGrid", (("grid", 0.1, 0.2),), (), duration_s=4.0)
    assert "grid" in set(StimulusFolder(folder).alignment("a").text)  # a TextGrid comes first


def test_tables_in_a_folder_of_alignments(folder):
    words([(0.5, 0.4, "one")], folder / "aligned" / "a_words.tsv")
    write_audio(folder / "b.wav", 4.0)
    stimuli = StimulusFolder(folder, alignments=folder / "aligned")
    assert "one" in set(stimuli.alignment("a").text)
    with pytest.raises(UserError, match="the alignment of stimulus 'b': no TextGrid of that name"):
        stimuli.alignment("b")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("onset\ttext\n0.5\ta\n", "no column duration or offset or end or stop; there are onset, text"),
        ("onset\tduration\n0.5\t1\n", "no column text or word or phone or phoneme"),
        ("onset\tduration\ttext\nn/a\t1\ta\n", "line 2: onset or duration is n/a"),
        ("onset\toffset\tword\n0.5\t1\ta\n2\t1\tb\n", "line 3: from 2 s for -1 s"),
        ("onset\toffset\tword\n0.5\tlate\ta\n", "line 2: offset is 'late'; expected seconds"),
        ("onset\toffset\tword\n0.5\t9\ta\n", "its last word or phone ends at 9.000 s, but .*a.wav lasts 4.000 s"),
    ],
)
def test_what_is_refused(folder, text, said):
    (folder / "a_words.tsv").write_text(text)
    with pytest.raises(UserError, match=said):
        StimulusFolder(folder).alignment("a")
