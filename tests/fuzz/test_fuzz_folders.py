"""BIDS folders with random damage: what is damaged is named in an error or told, and what is used is whole."""

import os
import shutil
from pathlib import Path

import mne
import numpy as np
import pytest
from builders import bids_from_raw, simulated_raw, story_events, write_audio, write_frames
from hypothesis import given
from hypothesis import strategies as st
from mangled import answer, broken, fuzz

from n2s.errors import UserError
from n2s.findings import kept
from n2s.studies import BIDSStudy

LINK = "../../.git/annex/objects/1a/2b/MD5E-s9--0/MD5E-s9--0"
STUBS = (
    b"",
    b"/annex/objects/MD5E-s9--0.fif\n",
    b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
    b"\x00\x05\x16\x07",
)
SUBJECTS = ("01", "02", "03")


def write_lab(root: Path, datatype: str) -> Path:
    """Three subjects, of whom one has two runs."""
    kind, format = ("mag", "auto") if datatype == "meg" else ("eeg", "BrainVision")
    raw = simulated_raw(3, kind=kind, duration_s=2.0, sfreq=50.0)
    for subject, run in (("01", None), ("02", None), ("03", "1"), ("03", "2")):
        bids_from_raw(raw, root, subject=subject, run=run, datatype=datatype, format=format,
                      events=story_events("a.wav", [("one", 0.1, 0.2)]))  # fmt: skip
    write_audio(root / "stimuli" / "a.wav", 1.0, rate_hz=1000)
    write_frames(root / "ready", "a", np.zeros((64, 2)), rate_hz=64.0)
    return root


def damage(draw: st.DrawFn, root: Path, files: list[str]) -> set[str]:
    """Damage up to three files; their names, and those of what they belong to."""
    touched = set()
    for _ in range(draw(st.integers(1, 3))):
        name = draw(st.sampled_from(files))
        file = root / name
        touched.add(name)
        what = draw(st.sampled_from(("gone", "link", "stub", "bytes", "folder", "renamed", "double", "parent", "loop")))
        if what == "parent":
            if file.parent != root and file.parent.exists():
                shutil.rmtree(file.parent)
            continue
        if not os.path.lexists(file):
            continue
        content = file.read_bytes() if file.is_file() else b""
        if what == "double":
            other = draw(st.sampled_from((f"{file.name}.part", f"._{file.name}", file.name.upper(), file.name.replace("_", "_acq-x_", 1),
                                          file.name.replace("sub-0", "sub-"), f"copy of {file.name}")))  # fmt: skip
            file.with_name(other).write_bytes(content)
            continue
        if file.is_dir() and not file.is_symlink():
            shutil.rmtree(file)
        else:
            file.unlink()
        if what == "link":
            file.symlink_to(LINK)
        elif what == "loop":
            file.symlink_to(file.name)
        elif what == "stub":
            file.write_bytes(draw(st.sampled_from(STUBS)))
        elif what == "bytes":
            file.write_bytes(draw(broken(content)))
        elif what == "folder":
            file.mkdir()
        elif what == "renamed":
            ends = (".FIF", ".fif.gz", ".Json", "_2.tsv", ".part", "", ".mff", ".ds")
            file.with_name(file.name.partition(".")[0] + draw(st.sampled_from(ends))).write_bytes(content)
    return touched


def check(root: Path, datatype: str, draw: st.DrawFn) -> None:
    before = sorted(str(file.relative_to(root)) for file in root.rglob("*") if file.is_file())
    expected = {"sub-01_task-listen", "sub-02_task-listen", "sub-03_task-listen_run-1", "sub-03_task-listen_run-2"}
    touched = damage(draw, root, before)
    features = draw(st.sampled_from((None, None, "ready")))
    with kept() as told:
        study = answer(named(BIDSStudy), str(root), datatype=datatype, features=features)
    if study is None:
        return
    names = {one.name for one in study.recordings()}
    said = " ".join(f"{one.where} {one.text}" for one in told)
    for lost in expected - names:  # never without a word
        assert lost in said or lost.partition("_")[0] in said, (lost, touched, said)
    for recording in study.recordings():
        with kept():
            raw = answer(named(study.load), recording)
            events = answer(named(study.events), recording)
            sources = answer(named(study.sources), recording)
        if raw is not None:
            assert isinstance(raw, mne.io.BaseRaw) and raw.n_times > 0
        if events is not None and raw is not None:
            assert np.isfinite(events.onset).all() and (events.onset + events.duration).max() <= raw.duration + 0.01
        if sources is not None:
            assert all(os.path.lexists(file) for file in sources)


def named(read):
    """The same reader; its errors must name a file or an option, and hold no traceback."""

    def call(*given, **options):
        try:
            return read(*given, **options)
        except UserError as error:
            text = str(error)
            assert "/" in text and "Traceback" not in text and "/tmp/tmp" not in text, text
            raise

    return call


@pytest.mark.slow
@pytest.mark.parametrize("datatype", ["meg", "eeg"])
def test_folders(tmp_path, datatype):
    template = write_lab(tmp_path / "template", datatype)

    @fuzz(share=0.3)
    @given(st.data())
    def run(data):
        shutil.rmtree(tmp_path / "lab", ignore_errors=True)
        check(shutil.copytree(template, tmp_path / "lab"), datatype, data.draw)

    run()
