"""The example folder is valid BIDS, the same each time, without an alarm; and the commands of the site work on it."""

import json
import re
import shutil
from pathlib import Path

import mne
import mne_bids
import numpy as np
import pytest

from n2s.errors import UserError
from n2s.studies import BIDSStudy
from n2s.studies.simulated import example
from n2s.studies.simulated.example import write_example

ROOT = Path(__file__).parents[2]


@pytest.fixture
def n2s(run_n2s, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("N2S_RUNS", str(tmp_path / "runs"))
    return run_n2s


@pytest.mark.parametrize("datatype", ["meg", "eeg"])
def test_what_is_in_it(written, datatype):
    study = BIDSStudy(written, datatype=datatype)
    assert [one.name for one in study.recordings()][:2] == ["sub-01_task-listen_run-1", "sub-01_task-listen_run-2"]
    assert len(study.recordings()) == 6
    for recording in study.recordings()[:2]:
        raw, events = study.load(recording), study.events(recording)
        assert raw.info["sfreq"] == 100 and 30 < raw.duration < 60
        assert raw.get_montage() is not None or datatype == "meg"
        assert (events.kind == "sound").sum() == 2 and (events.kind == "word").sum() > 80
        assert set(events.stimulus) == set(example.RUNS[recording.run])


def test_it_keeps_the_rules_of_bids(written):
    assert json.loads((written / "dataset_description.json").read_text())["BIDSVersion"]
    for subject in ("01", "02", "03"):
        listed = (written / f"sub-{subject}" / f"sub-{subject}_scans.tsv").read_text().splitlines()[1:]
        assert len(listed) == 4 and all((written / f"sub-{subject}" / row.split("\t")[0]).is_file() for row in listed)
    assert len((written / "participants.tsv").read_text().splitlines()) == 4
    for path in mne_bids.find_matching_paths(written, suffixes=["meg", "eeg"], extensions=[".fif", ".vhdr"]):
        for suffix, extension in (
            ("channels", ".tsv"),
            ("events", ".tsv"),
            ("events", ".json"),
            ("coordsystem", ".json"),
        ):
            assert path.find_matching_sidecar(suffix, extension).is_file()


@pytest.mark.slow
def test_it_is_the_same_each_time_and_the_brain_follows_the_sound(written, tmp_path):
    again = write_example(tmp_path / "again")
    name = "sub-02/meg/sub-02_task-listen_run-1_meg.fif"
    one, other = (mne.io.read_raw_fif(root / name, verbose="error").get_data() for root in (written, again))
    assert np.array_equal(one, other)
    for file in sorted(written.rglob("*.tsv")) + sorted(written.rglob("*.wav")):
        assert file.read_bytes() == (again / file.relative_to(written)).read_bytes()
    assert not list(written.rglob("*.part"))


@pytest.mark.slow
def test_without_a_voice_it_buzzes(monkeypatch, tmp_path):
    monkeypatch.setattr(example, "find_spec", lambda name: name == "pybv" or None)
    study = BIDSStudy(write_example(tmp_path / "lab"))
    events = study.events(study.recordings()[0])
    assert (events.kind == "word").sum() > 80 and events.text.isin(["lighthouse"]).any()


def test_it_does_not_write_over_a_folder(written):
    with pytest.raises(UserError, match="exists already"):
        write_example(written)


@pytest.mark.slow
def test_the_check_finds_nothing(n2s, written):
    status, out, err = n2s("studies", "check", written)
    assert status == 0 and "Nothing stops n2s." in out, out + err
    assert not re.search("PROBLEM|^  (odd|corrected|left out) ", out, re.MULTILINE), out
    assert out.count("recordings: 6; 3 with all samples read") == 2
    page = Path("lab_check.html").read_text()
    assert page.count("Nothing stops n2s; nothing is odd, corrected or left out.") == 2
    assert page.count("<svg width=") >= 12 and page.count("Who heard what") >= 2


@pytest.mark.slow
def test_the_commands_of_the_site(n2s, written, tmp_path, monkeypatch):
    section = (ROOT / "docs" / "own_recordings.md").read_text().split("## A complete example")[1].split("\n## ")[0]
    commands = [line.split()[1:] for line in section.splitlines() if line.startswith("n2s ")]
    assert [words[:2] for words in commands[:2]] == [["studies", "example"], ["studies", "check"]]
    assert [words[0] for words in commands[2:]] == ["fit", "test"]
    for words in commands:
        status, out, err = n2s(*words)
        assert status == 0, out + err
    status, out, err = n2s("studies", "check", "meg_contrastive.yaml", "own_bids.yaml")
    assert status == 0 and re.search(r"test +1\.0 +0\.3 +3 +1 +orchestra.en", out), out + err
    shutil.rmtree(tmp_path / "my_bids" / "stimuli")
    assert n2s("studies", "check", "my_bids")[0] == 1
