"""A file is found by the name that a table gives it, and no other file is taken for it."""

import os
import unicodedata

import pytest
import soundfile
from builders import write_audio

from n2s.errors import UserError
from n2s.findings import kept
from n2s.studies.readers.stimuli import StimulusFolder

HERE = "events.tsv, line 2"


@pytest.fixture
def lab(tmp_path):
    for name in ("a", "en/b", "nl/b", "en/only", "my story", "Ü", "lw1.0"):
        write_audio(tmp_path / "lab" / "stimuli" / f"{name}.wav", 0.2, seed=len(name))
    return tmp_path / "lab"


def found(lab, name):
    return StimulusFolder(lab / "stimuli").id(name, where=HERE)


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("a.wav", "a"), ("a", "a"), ("A.WAV", "a"), (" a.wav ", "a"), ("./a.wav", "a"), ("../stimuli/a.wav", "a"),
        ("stimuli/a.wav", "a"), ("Stimuli\\A.wav", "a"), ("/stimuli/a.wav", "a"), ("lab/stimuli/a.wav", "a"),
        ("bids::stimuli/a.wav", "a"), ("bids:lab:stimuli/a.wav", "a"), ("/home/x/exp/stimuli/a.wav", "a"),
        ("C:\\stim\\a.wav", "a"), ("C:\\exp\\nl\\b.wav", "nl/b"), ("\\\\server\\share\\en\\b.wav", "en/b"),
        ("file:///home/x/stimuli/a.wav", "a"), ("en/b.wav", "en/b"), ("EN\\B.wav", "en/b"), ("nl/b", "nl/b"),
        ("only.wav", "en/only"), ("my%20story.wav", "my story"), ("my story.wav ", "my story"), ("lw1.0", "lw1.0"),
        ("en/../nl/b.wav", "nl/b"), ("a.mp3", "a"),
        (unicodedata.normalize("NFD", "Ü.wav"), "Ü"), (unicodedata.normalize("NFC", "ü.wav"), "Ü"),
    ],
)  # fmt: skip
def test_the_file_of_a_name(lab, name, right):
    assert found(lab, name) == right


@pytest.mark.parametrize(
    "name", ["es/b.wav", "es/a.wav", "es/only.wav", "nl/only.wav", "en/a.wav", "/home/x/es/b.wav", "C:\\es\\only.wav"]
)
def test_a_name_with_a_folder_finds_no_file_of_another_folder(lab, name):
    """Example of names with folders: psychoinformatics-de/studyforrest-data-phase2#6."""
    if name in ("en/a.wav", "es/a.wav"):  # a name below stimuli, though a.wav lies in stimuli itself
        with pytest.raises(UserError, match=r"not in .*stimuli\. a\.wav there has the same name in another folder"):
            found(lab, name)
    else:
        with pytest.raises(UserError, match="in another folder, and is not taken for"):
            found(lab, name)


def test_a_name_without_its_folder_must_be_unique(lab):
    with pytest.raises(UserError, match=r"holds \['en/b.wav', 'nl/b.wav'\]. Say which"):
        found(lab, "b.wav")


def test_two_folders_of_another_machine_are_not_one_file(lab):
    folder = StimulusFolder(lab / "stimuli")
    assert folder.id("C:\\exp\\left\\a.wav", where=HERE) == "a"
    assert folder.id("C:\\exp\\left\\a.wav", where=HERE) == "a"
    with pytest.raises(UserError, match="'c:/exp/left/a' and 'c:/exp/right/a' differ in their folder"):
        folder.id("C:\\exp\\right\\a.wav", where=HERE)


def test_names_stored_in_decomposed_form_have_composed_ids(tmp_path):
    write_audio(tmp_path / unicodedata.normalize("NFD", "café.wav"), 0.2)
    folder = StimulusFolder(tmp_path)
    assert folder.id("café.wav", where=HERE) == unicodedata.normalize("NFC", "café")
    assert folder.path(unicodedata.normalize("NFC", "café")).is_file()


def test_links_to_folders_are_followed_and_end(lab, tmp_path):
    """Example of a folder that is a link: childmindresearch/bids2table#55."""
    write_audio(tmp_path / "elsewhere" / "deep" / "c.wav", 0.2)
    (lab / "stimuli" / "es").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "loop").symlink_to(lab / "stimuli")
    (lab / "linked").symlink_to(lab / "stimuli")
    assert found(lab, "es/deep/c.wav") == "es/deep/c"
    assert StimulusFolder(lab / "linked").id("es/deep/c.wav", where=HERE) == "es/deep/c"
    (lab / "lost").symlink_to(tmp_path / "nowhere")
    with pytest.raises(UserError, match="there is no folder .*lost .a link to .*nowhere, which is not there"):
        StimulusFolder(lab / "lost").id("a.wav", where=HERE)


def test_files_that_are_no_sound_are_not_found_but_named(lab):
    folder = lab / "stimuli"
    (folder / "._d.wav").write_bytes(b"\x00\x05\x16\x07")
    write_audio(folder / ".git" / "annex" / "d.wav", 0.2)
    (folder / "d.m4a").write_bytes(b"\0\0\0\x20ftypM4A ")
    with pytest.raises(UserError, match=r"d\.m4a is no wav/flac/ogg/mp3: `ffmpeg -i d\.m4a d\.flac`"):
        found(lab, "d.wav")
    (folder / "e.wav").mkdir()
    with pytest.raises(UserError, match=r"e\.wav is a folder"):
        found(lab, "e.wav")


@pytest.mark.parametrize("suffix", ["WAV", "aif", "aiff", "flac", "oga", "opus", "au", "w64", "caf"])
def test_kinds_of_sound(tmp_path, suffix):
    kinds = {"oga": ("OGG", "VORBIS"), "opus": ("OGG", "OPUS"), "aif": ("AIFF", "PCM_16")}
    path = tmp_path / f"x.{suffix}"
    container, subtype = kinds.get(suffix, (suffix.upper(), "PCM_16"))
    sound = soundfile.read(write_audio(tmp_path / "hidden" / "y.wav", 0.5, rate_hz=16000))[0]
    soundfile.write(path, sound, 16000, format=container, subtype=subtype)
    folder = StimulusFolder(tmp_path)
    assert folder.length_s(folder.id("x.wav", where=HERE)) == pytest.approx(0.5, abs=0.01)


def test_one_sound_in_two_formats_is_compared(tmp_path):
    write_audio(tmp_path / "a.wav", 1.0, rate_hz=16000)
    write_audio(tmp_path / "a.flac", 1.0, rate_hz=16000)
    write_audio(tmp_path / "b.wav", 1.0, rate_hz=16000)
    write_audio(tmp_path / "b.flac", 1.05, rate_hz=16000)
    write_audio(tmp_path / "c.wav", 1.0, rate_hz=16000)
    write_audio(tmp_path / "c.flac", 1.5, rate_hz=16000)
    folder = StimulusFolder(tmp_path)
    with kept() as findings:
        assert folder.path("a").suffix == ".wav"
        assert not findings
        assert folder.id("b.flac", where=HERE) == "b"
    assert findings[0].kind == "odd" and "b.flac (50 ms," in findings[0].where and "the wav is used" in findings[0].text
    with pytest.raises(UserError, match=r"c\.wav lasts 1\.000 s and .*c\.flac 1\.500 s: two sounds of one name"):
        folder.path("c")


def test_a_lossy_copy_of_what_the_events_name_is_told(tmp_path):
    write_audio(tmp_path / "a.ogg", 1.0, rate_hz=16000)
    with kept() as findings:
        StimulusFolder(tmp_path).id("a.wav", where=HERE)
    assert [one.kind for one in findings] == ["odd"] and "only a .ogg file of that name" in findings[0].text
    with kept() as findings:
        StimulusFolder(tmp_path).id("a.ogg", where=HERE)
        StimulusFolder(tmp_path).id("a", where=HERE)
    assert not findings


def test_an_alignment_without_folder_is_of_one_sound(tmp_path):
    for name in ("en/a", "es/a"):
        write_audio(tmp_path / "stimuli" / f"{name}.wav", 0.2)
    (tmp_path / "grids").mkdir()
    (tmp_path / "grids" / "a.TextGrid").write_text("")
    folder = StimulusFolder(tmp_path / "stimuli", alignments=tmp_path / "grids")
    assert folder.alignment_files("en/a")[""].name == "a.TextGrid"
    with pytest.raises(UserError, match="'en/a' and 'es/a' differ in their folder, and both would be this file"):
        folder.alignment_files("es/a")


def test_a_link_to_nowhere_is_a_sound_that_was_not_fetched(tmp_path):
    os.symlink("../.git/annex/objects/x.wav", tmp_path / "a.wav")
    folder = StimulusFolder(tmp_path)
    with pytest.raises(UserError, match=r"a\.wav: the content was not fetched.*datalad get"):
        folder.length_s(folder.id("a.wav", where=HERE))
