import numpy as np
import pytest
from corpus_trees import sound

from n2s.corpora import FolderCorpus
from n2s.corpora.transcripts import ALPHABETS
from n2s.errors import UserError
from n2s.findings import kept


@pytest.fixture
def folder(tmp_path):
    sound(tmp_path / "a.wav")
    sound(tmp_path / "sub" / "b.flac", 3.0)
    (tmp_path / "sub" / "._b.flac").write_bytes(b"Mac OS X")
    return tmp_path


def table(folder, text: str, name: str = "clips.csv"):
    (folder / name).write_text(text, "utf-8")
    return folder


def test_common_names_of_columns(folder):
    text = 'FileName,Sentence,Speaker_ID,Subset,start,end\na.wav,"Ja, dat kan.",p1,training,,\nsub/b,Nee!,-,dev,0.5,2\nb.flac,Tja,,eval,2,3\n'
    clips = FolderCorpus(table(folder, text), language="nl").clips()
    assert clips.text.tolist() == ["ja dat kan", "nee", "tja"]
    assert clips.speaker.tolist() == ["p1", "", ""] and clips.split.tolist() == ["train", "val", "test"]
    assert clips.start_s.tolist() == [0, 0.5, 2.0]
    np.testing.assert_array_equal(clips.duration_s, [np.nan, 1.5, 1.0])
    assert clips.sound[1] == clips.sound[2] == str(folder / "sub" / "b.flac")


@pytest.mark.parametrize("separator", ["\t", ";", ","])
def test_labels_with_any_separator(folder, separator):
    text = "\n".join(
        separator.join(row)
        for row in (("path", "class", "duration"), ("a.wav", "dog", "1.5"), ("./sub/b.flac", "cat", ""))
    )
    clips = FolderCorpus(table(folder, text, "t.tsv")).clips()
    assert clips.label.tolist() == ["dog", "cat"] and (clips.text == "").all()
    np.testing.assert_array_equal(clips.duration_s, [1.5, np.nan])


def test_ljspeech(tmp_path):
    for i in (1, 2):
        sound(tmp_path / "wavs" / f"LJ00{i}.wav")
    text = 'LJ001|He said "no" in 1999, twice|He said "no" in nineteen ninety-nine, twice\nLJ002|Plain, text|\n'
    clips = FolderCorpus(table(tmp_path, text, "metadata.csv"), language="en").clips()
    assert clips.text.tolist() == ["he said no in nineteen ninety nine twice", "plain text"]


def test_common_voice_has_its_splits(tmp_path):
    for name, part in (("x", "train"), ("y", "dev"), ("z", "test")):
        sound(tmp_path / "clips" / f"{name}.mp3")
        head = "client_id\tpath\tsentence\tup_votes\n"
        table(tmp_path, f'{head}abc{name}\t{name}.mp3\t"Goed" zo\t2\n', f"{part}.tsv")
    table(tmp_path, "client_id\tpath\tsentence\n", "validated.tsv")
    clips = FolderCorpus(tmp_path, language="nl").clips()
    assert clips.split.tolist() == ["train", "val", "test"] and set(clips.text) == {"goed zo"}
    assert clips.speaker.tolist() == ["abcx", "abcy", "abcz"]


def test_kaldi(folder):
    table(folder, f"r1 {folder}/a.wav\nr2 sub/b.flac\n", "wav.scp")
    table(folder, "r1 HALLO DAAR\nr2 TOT ZIENS\nr3 WEG\n", "text")
    table(folder, "r1 anna\nr2 bert\n", "utt2spk")
    with kept() as found:
        clips = FolderCorpus(folder, language="nl").clips()
    assert clips.text.tolist() == ["hallo daar", "tot ziens"] and clips.speaker.tolist() == ["anna", "bert"]
    assert "1 utterances have no sound" in found[0].text
    table(folder, "u1 r2 0.5 1.5\n", "segments")
    table(folder, "u1 TOT ZIENS\n", "text")
    clips = FolderCorpus(folder, language="nl").clips()
    assert (clips.start_s[0], clips.duration_s[0]) == (0.5, 1.0)
    table(folder, "r1 sox a.wav -t wav - |\n", "wav.scp")
    with pytest.raises(UserError, match="output of a program"):
        FolderCorpus(folder, language="nl").clips()


def test_kaldi_with_tabs_or_spaces(folder):
    table(folder, f"r1\t{folder}/a.wav\nr2  sub/b.flac\n", "wav.scp")
    table(folder, "r1\tHALLO DAAR\nr2 \t TOT ZIENS\n", "text")
    clips = FolderCorpus(folder, language="nl").clips()
    assert clips.text.tolist() == ["hallo daar", "tot ziens"]


def test_an_offset_beside_an_onset_is_the_end(folder):
    """As DCASE has it; NeMo's manifests have an offset with a duration, and mean the start."""
    clips = FolderCorpus(table(folder, "filename\tonset\toffset\tlabel\nb.flac\t0.5\t1.25\tdog\n", "t.tsv")).clips()
    assert (clips.start_s[0], clips.duration_s[0]) == (0.5, 0.75)
    clips = FolderCorpus(table(folder, "filename\toffset\tduration\tlabel\nb.flac\t0.5\t1\tdog\n", "t.tsv")).clips()
    assert (clips.start_s[0], clips.duration_s[0]) == (0.5, 1.0)


def test_a_clip_with_a_row_a_class_has_several_classes(folder):
    text = "filename,label\na.wav,dog\nb.flac,cat\na.wav,rain\nb.flac,cat\n"
    clips = FolderCorpus(table(folder, text)).clips()
    assert clips.label.tolist() == ["dog,rain", "cat"]


def test_a_missing_sound_is_not_that_of_another_speaker(folder):
    """Of equal names: ``p1/2.wav`` is gone, ``p2/2.wav`` is there."""
    for name in ("p1/1.wav", "p2/2.wav", "p2/3.wav"):
        sound(folder / name)
    text = "sound,text\np1/1.wav,een\np1/2.wav,twee\np1/3.wav,drie\np2/2.wav,vier\n"
    with kept() as found:
        clips = FolderCorpus(table(folder, text), language="nl").clips()
    assert clips.text.tolist() == ["een", "vier"]
    assert [one.kind for one in found] == ["left out"] and "2 of 4 clips have no sound" in found[0].text


def test_a_folder_that_was_converted_or_moved_is_found(folder):
    for name in ("wav/x.wav", "wav/y.wav"):
        sound(folder / name)
    text = "sound,text\nmp3/x.mp3,een\nmp3/y.mp3,twee\n/elsewhere/sub/b.flac,drie\n"
    with kept() as found:
        clips = FolderCorpus(table(folder, text), language="nl").clips()
    assert clips.text.tolist() == ["een", "twee", "drie"]
    assert [(one.kind, "2 sounds lie in other folders" in one.text) for one in found] == [("corrected", True)]


def test_what_is_left_out_is_counted(folder):
    text = "sound,text\na.wav,Een\na.wav,Een\nsub/b.flac,Nummer 5\n,leeg\ngone.wav,weg\n"
    with kept() as found:
        clips = FolderCorpus(table(folder, text), language="nl").clips()
    assert clips.text.tolist() == ["een"]
    words = " ".join(one.text for one in found)
    assert all(
        part in words
        for part in ("1 of 5 rows name no sound", "1 rows name a clip", "1 of 3 clips have no sound", "have digits")
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sound,words\na.wav,x\n", "no column of transcripts"),
        ("name,text\na.wav,x\n", "no column of sounds"),
        ("sound,text,split\na.wav,x,holdout\n", "split is 'holdout'; expected train, val"),
        ("sound,text,start\na.wav,x,soon\n", "start is 'soon'"),
        ("sound,text,start,end\na.wav,x,2,1\n", "line 2: a clip from 2 s that lasts -1 s"),
        ("sound,text,duration\na.wav,x,2000\n", "ends at 2000.000 s, but it lasts 2.000 s. Are the times in seconds"),
        ("sound,text\nz.wav,x\n", "none of its 1 sounds"),
        ("", "empty file"),
    ],
)
def test_what_is_wrong_is_said(folder, text, message):
    with pytest.raises(UserError, match=message):
        FolderCorpus(table(folder, text), language="nl").clips()


def test_tables_and_sounds_must_be_clear(folder):
    with pytest.raises(UserError, match="no table"):
        FolderCorpus(folder, language="nl").clips()
    table(folder, "sound,text\nb,x\n")
    with pytest.raises(UserError, match="Give their language"):
        FolderCorpus(folder).clips()
    sound(folder / "other" / "b.wav")
    with pytest.raises(UserError, match="'b' may be any of"):
        FolderCorpus(folder, language="nl").clips()
    table(folder, "sound,text\nb,x\n", "more.csv")
    with pytest.raises(UserError, match="2 tables"):
        FolderCorpus(folder, language="nl").clips()
    table(folder, "sound,text\na,x\n", "more.csv")
    assert len(FolderCorpus(folder, "more.csv", language="nl").clips()) == 1
    with pytest.raises(UserError, match="No folder"):
        FolderCorpus(folder / "nowhere")


def test_real_dutch_and_english(real_data):
    for name, language, n in (("commonvoice_nl25", "nl", 25), ("ljspeech10", "en", 8)):
        folder = real_data / "speech_audio" / name
        if not folder.is_dir():
            pytest.skip(f"no {folder}")
        clips = FolderCorpus(folder, language=language).clips()
        assert len(clips) == n and set("".join(clips.text)) <= set(ALPHABETS[language])


def test_clips_of_one_source_are_known_as_such(folder):
    """ESC-50 names the source of a clip; UrbanSound8K, too, and when it began in that: no time of the clip itself."""
    text = "filename,fold,target,category,src_file,take\na.wav,1,0,dog,100032,A\nb.flac,1,0,dog,100032,B\n"
    assert FolderCorpus(table(folder, text, "esc50.csv"), "esc50.csv").clips().speaker.tolist() == ["100032"] * 2
    text = "slice_file_name,fsID,start,end,salience,fold,classID,class\na.wav,77,58.5,60.5,1,5,2,dog\nb.flac,78,0,3,1,5,2,cat\n"
    clips = FolderCorpus(table(folder, text, "urban.csv"), "urban.csv").clips()
    assert clips.speaker.tolist() == ["77", "78"] and (clips.start_s == 0).all() and clips.duration_s.isna().all()
