"""A BIDS folder as labs have it: what n2s cannot use is left out by name, what the user asked for is an error."""

import os
import re
import shutil
from pathlib import Path

import mne
import pytest
from builders import simulated_raw, story_events, write_tsv

from n2s.errors import UserError
from n2s.findings import kept
from n2s.studies import BIDSStudy

ANNEX = "../../.git/annex/objects/Xf/3q/MD5E-s63512--9cb.fif/MD5E-s63512--9cb.fif"
POINTER = "/annex/objects/MD5E-s63512--9cb.fif\n"
LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


@pytest.fixture(scope="module")
def template(tmp_path_factory) -> Path:
    """Three subjects with one MEG recording each."""
    root = tmp_path_factory.mktemp("lab") / "lab"
    raw = simulated_raw(2, duration_s=3.0)
    for subject in ("01", "02", "03"):
        put(root, raw, subject)
    return root


@pytest.fixture
def lab(template, tmp_path) -> Path:
    return shutil.copytree(template, tmp_path / "lab")


def put(root: Path, raw: mne.io.BaseRaw, subject: str, more: str = "_task-listen", *, events: bool = True) -> Path:
    folder = root / f"sub-{subject}" / "meg"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"sub-{subject}{more}_meg.fif"
    raw.save(file, verbose="ERROR", overwrite=True)
    if events:
        write_tsv(folder / f"sub-{subject}{more}_events.tsv", story_events("a.wav", []))
    return file


def file_of(root: Path, subject: str = "02", end: str = "meg.fif") -> Path:
    return root / f"sub-{subject}" / "meg" / f"sub-{subject}_task-listen_{end}"


def opened(root: Path, **options) -> tuple[list[str], list[str]]:
    """The names of the recordings of a study, and what is told."""
    with kept() as found:
        study = BIDSStudy(root, **options)
    return [one.name for one in study.recordings()], [f"{one.kind}: {one.text}" for one in found]


WITHOUT_02 = ["sub-01_task-listen", "sub-03_task-listen"]


def link(file: Path) -> None:
    file.unlink()
    file.symlink_to(ANNEX)


DAMAGE = {
    "link to nowhere": (link, r"the content was not fetched: a link to .*annex.*datalad get"),
    "pointer of git-annex": (lambda file: file.write_text(POINTER), r"only git-annex' pointer is here"),
    "pointer of Git LFS": (lambda file: file.write_text(LFS), r"only Git LFS' pointer is here \(`git lfs pull`\)"),
    "empty": (lambda file: file.write_bytes(b""), r"an empty file \(0 bytes\)"),
    "link to itself": (lambda file: (file.unlink(), file.symlink_to(file.name)), r"cannot be opened"),
    "download begun": (lambda file: file.with_name(f"{file.name}.aria2").touch(), "an unfinished download"),
    "download under way": (lambda file: file.rename(f"{file}.part"), "an unfinished download"),
    "small letters": (lambda file: file.rename(file.with_suffix(".FIF")), r"ends in _meg\.FIF; expected _meg\.fif"),
    "capital suffix": (lambda file: file.rename(str(file).replace("_meg.fif", "_MEG.fif")), r"_MEG\.fif; expected _meg\.fif"),
    "MNE's own name": (lambda file: file.rename(str(file).replace("_meg.fif", "_raw.fif")), r"ends in _raw\.fif; recordings end in _meg\.fif"),
    "capital folder": (lambda file: file.parent.rename(file.parent.with_name("MEG")), "a folder of recordings is named meg"),
    "beside the folder": (lambda file: shutil.move(file, file.parents[1]), r"recordings lie in the folder meg/"),
    "another format": (lambda file: file.rename(file.with_suffix(".mat")), r"\.mat: n2s reads \.fif, \.ds"),
    "another's name": (lambda file: file.rename(str(file).replace("sub-02_", "sub-2_")), r"name and folder do not fit: expected sub-2/meg/sub-2_task"),
    "no entity of BIDS": (lambda file: file.rename(str(file).replace("_meg", "_noise-loud_meg")), r"the name has noise-, which"),
    "order of entities": (lambda file: file.rename(str(file).replace("task-listen", "run-1_task-listen")), r"expected sub-02/meg/sub-02_task-listen_run-1_meg"),
    "first part missing": (lambda file: file.rename(str(file).replace("_meg", "_split-02_meg")), r"the first part \(split-01\) is missing"),
    "second part missing": (lambda file: (shutil.copy(file, str(file).replace("_meg", "_split-03_meg")), file.rename(str(file).replace("_meg", "_split-01_meg"))), r"part 2 of 3 \(split-02\) is missing"),
    "no events": (lambda file: file_of(file.parents[2], end="events.tsv").unlink(), r"no events\.tsv of its own"),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE)
def test_one_subject_is_left_out_by_name(lab, damage):
    mangle, says = DAMAGE[damage]
    mangle(file_of(lab))
    names, told = opened(lab)
    assert names == WITHOUT_02
    (text,) = [one for one in told if "sub-02" in one]
    assert text.startswith("left out: 1 meg recording (sub-02/")
    assert re.search(says, text), text
    # whom the user names must be there
    with pytest.raises(
        UserError, match=f"subjects names '02', but n2s can use none of its meg recordings: sub-02.*{says}"
    ):
        BIDSStudy(lab, subjects=["01", "02"])
    assert opened(lab, subjects=["01", "03"]) == (WITHOUT_02, [])


def test_all_not_fetched_is_an_error_with_the_remedy(lab):
    for subject in ("01", "02", "03"):
        link(file_of(lab, subject))
    with pytest.raises(UserError, match=r"none of its meg recordings: sub-01/meg/.*, sub-02/.*, sub-03/.*datalad get"):
        BIDSStudy(lab)


def test_equal_reasons_are_one_line_with_each_name(lab):
    for subject in ("01", "02"):
        link(file_of(lab, subject))
    _, (text,) = opened(lab)
    assert text.startswith("left out: 2 meg recordings (sub-01/meg/sub-01_task-listen_meg.fif, sub-02/meg/")


@pytest.mark.parametrize("what", ["folder", "subject folder", "no folder", "empty folder", "submodule"])
def test_subjects_without_recordings_are_counted(lab, what):
    folder = lab / "sub-02"
    if what == "folder":
        shutil.rmtree(folder / "meg")
        (folder / "anat").mkdir()
    elif what == "empty folder":
        shutil.rmtree(folder / "meg")
        (folder / "meg").mkdir()
    elif what == "submodule":
        shutil.rmtree(folder)
        folder.mkdir()
    elif what == "subject folder":
        shutil.rmtree(folder)
        folder.symlink_to("/nowhere/sub-02")
    else:
        shutil.rmtree(folder)
        write_tsv(lab / "participants.tsv", [{"participant_id": f"sub-0{n}"} for n in (1, 2, 3)])
    names, (text,) = opened(lab)
    assert names == WITHOUT_02
    says = {
        "no folder": "left out: 1 of 3 participants have no folder: sub-02.",
        "subject folder": "left out: 1 meg recording (sub-02): the content was not fetched: the subject's folder is a link to "
        "nowhere (`datalad get`).",
    }
    assert text == says.get(what, "left out: 1 of 3 subjects (sub-02): their folders hold no meg recording.")


def test_a_task_that_a_subject_lacks_is_counted(lab):
    for subject in ("01", "03"):
        put(lab, simulated_raw(2, duration_s=3.0), subject, "_task-rest")
    names, (text,) = opened(lab, task="rest")
    assert names == ["sub-01_task-rest", "sub-03_task-rest"]
    assert text == "left out: 1 of 3 subjects (sub-02): their folders hold no meg recording, task rest."


def test_hidden_files_and_side_files_are_no_recordings(lab):
    folder = lab / "sub-02" / "meg"
    for name in ("._sub-02_task-listen_meg.fif", ".DS_Store", ".sub-02_task-listen_meg.fif.Xa1b2c", "sub-02_task-listen_meg.json",
                 "sub-02_acq-crosstalk_meg.fif", "sub-02_task-listen_photo.jpg", "sub-02_headshape.pos"):  # fmt: skip
        (folder / name).write_bytes(b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X")
    (lab / "._sub-01").write_bytes(b"\x00\x05\x16\x07")
    shutil.copytree(lab / "sub-01", lab / "derivatives" / "cleaned" / "sub-01")
    shutil.copytree(lab / "sub-01", lab / "sourcedata" / "sub-01")
    assert opened(lab) == (["sub-01_task-listen", "sub-02_task-listen", "sub-03_task-listen"], [])


def test_folders_that_are_links_and_names_of_any_letters(lab, tmp_path):
    elsewhere = shutil.move(lab / "sub-02", tmp_path / "elsewhere")
    (lab / "sub-02").symlink_to(elsewhere)
    put(lab, simulated_raw(2, duration_s=3.0), "Jürgen", "_task-écoute")
    root = tmp_path / "my study ü"
    root.symlink_to(lab)
    names, told = opened(root)
    assert names == ["sub-01_task-listen", "sub-02_task-listen", "sub-03_task-listen", "sub-Jürgen_task-écoute"]
    assert told == []
    study = BIDSStudy(root, subjects=["Jürgen"])
    assert study.load(study.recordings()[0]).n_times == 300


@pytest.mark.parametrize("name", ["Sub-04", "sub_04", "sub-04_old", "SUB-04"])
def test_folders_of_subjects_with_other_names(lab, name):
    shutil.copytree(lab / "sub-02", lab / name)
    names, (text,) = opened(lab)
    assert len(names) == 3
    assert text.startswith(f"left out: 1 meg recording ({name}): not the name of a subject's folder in BIDS")


def test_a_copied_folder_is_no_further_subject(lab):
    shutil.copytree(lab / "sub-02", lab / "sub-02 copy")
    names, (text,) = opened(lab)
    assert len(names) == 3
    assert "sub-02 copy/meg/sub-02_task-listen_meg.fif): name and folder do not fit" in text


def test_an_empty_room_is_counted(lab):
    put(lab, simulated_raw(2, duration_s=3.0), "emptyroom", "_task-noise", events=False)
    assert opened(lab)[1] == ["left out: 1 meg recording of an empty room."]


def test_folders_of_ctf_without_their_parts(lab):
    for subject, parts in {"01": (), "02": ("meg4",), "03": ("meg4", "res4")}.items():
        file_of(lab, subject).unlink()
        folder = file_of(lab, subject).with_suffix(".ds")
        folder.mkdir()
        for part in parts:
            (folder / f"x.{part}").write_bytes(b"MEG41CP")
        (folder / "BadChannels").touch()  # CTF writes some files empty
    names, told = opened(lab)
    assert names == ["sub-03_task-listen"]
    assert any(
        "(sub-01/meg/sub-01_task-listen_meg.ds): its .meg4 and .res4 are not in the folder" in one for one in told
    )
    assert any("(sub-02/meg/sub-02_task-listen_meg.ds): its .res4 is not in the folder" in one for one in told)
    part = file_of(lab, "03").with_suffix(".ds") / "x.meg4"
    part.unlink()
    part.symlink_to(ANNEX)
    with pytest.raises(UserError, match=r"sub-03_task-listen_meg\.ds: x\.meg4: the content was not fetched"):
        BIDSStudy(lab)


@pytest.mark.parametrize(
    ("end", "says"),
    [(".eeg", r"x_eeg\.eeg: the content was not"), (".vhdr", r"eeg\.eeg\): its header \.vhdr is missing")],
)
def test_brainvision_without_a_part(tmp_path, end, says):
    for subject in ("01", "02"):
        folder = tmp_path / f"sub-{subject}" / "eeg"
        folder.mkdir(parents=True)
        for one in (".vhdr", ".vmrk", ".eeg"):
            (folder / f"sub-{subject}_task-x_eeg{one}").write_text("x")
        write_tsv(folder / f"sub-{subject}_task-x_events.tsv", story_events("a.wav", []))
    lost = tmp_path / "sub-02" / "eeg" / f"sub-02_task-x_eeg{end}"
    lost.unlink()
    if end == ".eeg":
        lost.symlink_to(ANNEX)
    names, (text,) = opened(tmp_path, datatype="eeg")
    assert names == ["sub-01_task-x"]
    assert re.search(says, text), text


def test_a_split_part_that_is_not_fetched(lab):
    first = file_of(lab)
    second = Path(str(first).replace("_meg", "_split-02_meg"))
    os.rename(first, str(first).replace("_meg", "_split-01_meg"))
    second.symlink_to(ANNEX)
    names, (text,) = opened(lab)
    assert names == WITHOUT_02
    assert "split-01_meg.fif): sub-02_task-listen_split-02_meg.fif: the content was not fetched" in text


def test_participants_and_scans_are_compared_with_the_folders(lab):
    rows = [{"participant_id": f"sub-{one}", "exclude": no} for one, no in (("01", "n/a"), ("02", 1), ("04", 0))]
    write_tsv(lab / "participants.tsv", rows)
    scans = [{"filename": f"meg/sub-01_task-{one}_meg.fif"} for one in ("listen", "rest")]
    write_tsv(lab / "sub-01" / "sub-01_scans.tsv", [*scans, {"filename": "anat/sub-01_T1w.nii.gz"}])
    names, told = opened(lab)
    assert len(names) == 3
    assert told == [
        "left out: 1 of 3 participants have no folder: sub-04.",
        "odd: 1 subjects with recordings are not listed: sub-03. n2s uses them.",
        "odd: the column exclude marks sub-02 as excluded; n2s uses them. Leave them out with subjects.",
        "left out: 1 of its meg files are not in the folder: sub-01_task-rest_meg.fif.",
    ]
    link(lab / "participants.tsv")
    assert any("the content was not fetched" in one for one in opened(lab)[1])


def test_runs_of_one_number_and_subjects_that_differ_in_zeros(lab):
    raw = simulated_raw(2, duration_s=3.0)
    put(lab, raw, "1")
    assert opened(lab)[1] == [
        "odd: sub-01 and sub-1 differ only in zeros or case; n2s takes them for different subjects."
    ]
    for run in ("1", "01"):
        put(lab, raw, "03", f"_task-listen_run-{run}")
    with pytest.raises(UserError, match="sub-03 has the runs 01 and 1 of one recording, which are one number"):
        BIDSStudy(lab)


def test_a_recording_in_two_formats(lab):
    folder = file_of(lab).with_suffix(".ds")
    folder.mkdir()
    for part in ("meg4", "res4"):
        (folder / f"x.{part}").write_bytes(b"MEG41CP")
    with pytest.raises(UserError, match=r"two recordings are named sub-02_task-listen: .*\.ds and .*\.fif"):
        BIDSStudy(lab)
