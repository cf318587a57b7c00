"""Side files of a BIDS recording: each is read as it should be, or named in the error, never the recording or another file."""

import json
import shutil
from pathlib import Path

import mne
import numpy as np
import pytest
from builders import bids_from_raw, simulated_raw, story_events, write_audio, write_frames, write_tsv

from n2s.errors import UserError
from n2s.findings import kept
from n2s.studies import BIDSStudy
from n2s.studies.readers.fetched import missing_content

LINK = "../../.git/annex/objects/none"
POINTER = b"/annex/objects/MD5E-s12--9cb.tsv\n"


@pytest.fixture(scope="module")
def template(tmp_path_factory) -> Path:
    """One subject with EEG, electrodes and all side files."""
    root = tmp_path_factory.mktemp("side") / "lab"
    raw = simulated_raw(4, kind="eeg", duration_s=5.0)
    bids_from_raw(raw, root, datatype="eeg", format="BrainVision", events=story_events("a.wav", [("one", 0.1, 0.2)]))
    write_audio(root / "stimuli" / "a.wav", 4.0)
    return root


@pytest.fixture
def lab(template, tmp_path) -> Path:
    return shutil.copytree(template, tmp_path / "lab")


def side(root: Path, end: str) -> Path:
    (file,) = [*root.glob(end), *root.glob(f"sub-01/*{end}"), *root.glob(f"sub-01/eeg/*{end}")]
    return file


def load(root: Path) -> mne.io.BaseRaw:
    study = BIDSStudy(root, datatype="eeg")
    raw = study.load(study.recordings()[0])
    study.events(study.recordings()[0])
    return raw


TABLES = ("channels.tsv", "electrodes.tsv", "events.tsv", "scans.tsv", "participants.tsv")
JSONS = ("_eeg.json", "coordsystem.json")


def test_all_side_files_of_the_template_are_read(lab):
    channels = side(lab, "channels.tsv")
    channels.write_text(channels.read_text().replace("good", "bad", 1))
    with kept() as found:
        raw = load(lab)
    assert raw.info["bads"] == raw.ch_names[:1]
    assert raw.get_montage() is not None
    assert found == []


@pytest.mark.parametrize("end", [*TABLES, *JSONS])
@pytest.mark.parametrize("content", [POINTER, b"", b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n"])
def test_unfetched_side_files_are_named(lab, end, content):
    file = side(lab, end)
    file.write_bytes(content)
    with pytest.raises(UserError, match=rf"{file.name}: (the content was not fetched|an empty file)"):
        load(lab)


@pytest.mark.parametrize("end", ["channels.tsv", "electrodes.tsv", "events.tsv", *JSONS])
def test_links_to_nowhere_are_named(lab, end):
    file = side(lab, end)
    file.unlink()
    file.symlink_to(LINK)
    with pytest.raises(UserError, match=rf"{file.name}: the content was not fetched.*datalad get"):
        load(lab)


@pytest.mark.parametrize("end", TABLES)
@pytest.mark.parametrize("damage", ["ragged", "no columns", "zero bytes", "commas"])
def test_damaged_tables_are_named(lab, end, damage):
    file = side(lab, end)
    text = file.read_text()
    if damage == "ragged":
        text += "one\tmore\n" if len(text.splitlines()[0].split("\t")) != 2 else "one\n"
    elif damage == "no columns":
        text = text.split("\n", 1)[1]
    elif damage == "commas":
        text = text.replace("\t", ",")
    else:
        text = text[:5] + "\0" * 20 + text[5:]
    file.write_text(text)
    with pytest.raises(UserError, match=rf"{file.name}(, line \d+|, row \d+)?: "):
        load(lab)


@pytest.mark.parametrize("end", JSONS)
@pytest.mark.parametrize(
    "content", [b'{"a": 1,}', b"[1]", b"\xff\xfe\x00", b"{", b'\xef\xbb\xbf{"PowerLineFrequency": 50}']
)
def test_damaged_json_is_named(lab, end, content):
    file = side(lab, end)
    file.write_bytes(content)
    with pytest.raises(UserError, match=rf"{file.name}"):
        load(lab)


@pytest.mark.parametrize(
    ("end", "old", "new", "says"),
    [
        ("_eeg.json", '"PowerLineFrequency": 50.0', '"PowerLineFrequency": "50 Hz"', "PowerLineFrequency is '50 Hz'; expected a number"),
        ("channels.tsv", "AF7", "Fp1", "'Fp1' is there twice"),
        ("electrodes.tsv", "AF7", "Fp1", "'Fp1' is there twice"),
        ("electrodes.tsv", "Fp1\t", "Fp1\tleft", r"line 2: x is 'left.*expected a number, or n/a"),
        ("events.tsv", "n/a", "ten", r"line 2: duration is 'ten'; expected"),
    ],
)  # fmt: skip
def test_wrong_cells_are_named(lab, end, old, new, says):
    file = side(lab, end)
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    with pytest.raises(UserError, match=rf"{file.name}(, |: ){says}"):
        load(lab)


def test_tables_in_latin_1_are_read_as_mne_bids_reads_them(lab):
    channels = side(lab, "channels.tsv")
    channels.write_bytes(channels.read_text().replace("µV", "µV").encode("latin-1"))
    assert len(load(lab).ch_names) == 4


def test_side_files_higher_up_are_read_and_are_sources(lab):
    for end, name in (("_eeg.json", "task-listen_eeg.json"), ("channels.tsv", "task-listen_channels.tsv")):
        shutil.move(side(lab, end), lab / name)
    channels = lab / "task-listen_channels.tsv"
    channels.write_text(channels.read_text().replace("good", "bad", 2))
    assert len(load(lab).info["bads"]) == 2
    study = BIDSStudy(lab, datatype="eeg")
    sources = study.sources(study.recordings()[0])
    assert {channels, lab / "task-listen_eeg.json"} <= set(sources)
    (lab / "task-listen_eeg.json").write_text("{")
    with pytest.raises(UserError, match=r"lab/task-listen_eeg\.json"):
        load(lab)


def test_channels_that_only_one_of_both_has_are_told(lab):
    channels = side(lab, "channels.tsv")
    lines = channels.read_text().replace("good", "noisy", 1).splitlines()
    channels.write_text("\n".join(lines[:-1]) + "\n")
    last = lines[-1].split("\t")[0]
    with kept() as found:
        assert load(lab).info["bads"] == []
    assert [one.text for one in found] == [
        f"1 channel is in the recording and not in the table: {last}.",
        "status is noisy; expected good or bad. n2s takes these channels for good.",
    ]
    channels.write_text("\n".join([*lines, lines[-1].replace(last, "XX", 1).replace("good", "bad")]) + "\n")
    with kept() as found:
        load(lab)
    assert found[0].text == "1 channel is in the table and not in the recording: XX."


def test_another_recordings_channels_are_refused(lab):
    channels = side(lab, "channels.tsv")
    shutil.move(channels, str(channels).replace("_channels", "_run-1_channels"))
    with pytest.raises(
        UserError,
        match=r"run-1_channels\.tsv belongs to another recording, but MNE-BIDS would read it.*Add sub-01_task-listen_channels",
    ):
        load(lab)


def test_two_channels_tables_that_fit_equally(lab):
    channels = side(lab, "channels.tsv")
    text = channels.read_text()
    channels.unlink()
    for name in ("sub-01_task-listen_acq-a_channels.tsv", "sub-01_task-listen_acq-b_channels.tsv"):
        channels.with_name(name).write_text(text)
    with pytest.raises(UserError, match=r"several channels\.tsv fit it equally: .*acq-a.*acq-b"):
        load(lab)


def test_electrodes_in_two_spaces_are_told(lab):
    for end in ("electrodes.tsv", "coordsystem.json"):
        file = side(lab, end)
        for space in ("MNI305", "fsaverage"):
            shutil.copy(file, str(file).replace("space-CapTrak", f"space-{space}"))
        file.unlink()
    with kept() as found:
        load(lab)
    assert "several electrodes.tsv fit it equally, none is read. Keep one." in [one.text for one in found]


def test_a_name_that_mne_bids_cannot_read(lab):
    file = side(lab, "channels.tsv")
    shutil.move(file, str(file).replace("task-listen", "task-listen_noise-1"))
    with pytest.raises(
        UserError, match=r"a file \*channels\.tsv has no BIDS name \(Unexpected entity \"noise\".*Rename"
    ):
        load(lab)


def test_tables_without_rows_are_no_fault(lab):
    for end in ("scans.tsv", "participants.tsv"):
        file = side(lab, end)
        file.write_text(file.read_text().split("\n")[0] + "\n")
    assert len(load(lab).ch_names) == 4


@pytest.mark.parametrize("content", [None, POINTER, b""])
@pytest.mark.parametrize("name", ["a.wav", "a.TextGrid", "a.npy", "a.json"])
def test_unfetched_stimuli_are_named(lab, name, content):
    folder = lab / "stimuli"
    ready = name.endswith(("npy", "json"))
    if ready:
        write_frames(folder, "a", np.zeros((256, 1)), rate_hz=64.0)
    file = folder / name
    file.unlink(missing_ok=True)
    if content is None:
        file.symlink_to(LINK)
    else:
        file.write_bytes(content)
    write_tsv(side(lab, "events.tsv"), story_events("a.wav", []))  # words come from the TextGrid
    study = BIDSStudy(lab, datatype="eeg", **({"features": "stimuli"} if ready else {}))
    with pytest.raises(UserError, match=rf"stimuli/{name}[:,]"):
        study.events(study.recordings()[0])


def test_what_content_is_here(tmp_path):
    file = tmp_path / "x"
    assert missing_content(file) == "no such file"
    file.write_text(json.dumps({"a": "/annex/objects/"}))
    assert missing_content(file) == ""
    file.write_bytes(b"/annex/objects/SHA256E-s1--a.json\n")
    assert "git-annex' pointer" in missing_content(file)
    file.write_bytes(b"/annex/objects/" + b"x" * 40_000)
    assert missing_content(file) == ""  # too long for a pointer
    assert missing_content(tmp_path) == ""
