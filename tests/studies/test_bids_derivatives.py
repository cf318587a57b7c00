"""Recordings that MNE-BIDS-Pipeline cleaned, read with the events of the raw folder."""

import shutil
from pathlib import Path

import mne
import numpy as np
import pytest
from builders import bids_from_raw, simulated_raw, story_events, write_audio

from n2s.errors import UserError
from n2s.findings import kept
from n2s.studies import BIDSStudy

PIPELINE = "derivatives/mne-bids-pipeline"
WORDS = [("one", 0.5, 0.3), ("two", 1.0, 0.3)]


@pytest.fixture(scope="module")
def template(tmp_path_factory) -> Path:
    """Two runs of one subject: raw, filtered (proc-filt) and cleaned (proc-clean), as the pipeline names them."""
    root = tmp_path_factory.mktemp("pipeline") / "lab"
    for run in ("1", "2"):
        raw = simulated_raw(4, duration_s=8.0, seed=int(run))
        path = bids_from_raw(raw, root, run=run, events=story_events("a.wav", WORDS, onset=1.0))
        written = mne.io.read_raw_fif(path.fpath, preload=True, verbose="ERROR")
        for label, factor in (("filt", 0.5), ("clean", 0.25)):
            save(root, written.copy().apply_function(lambda x, factor=factor: factor * x), run, label)
    write_audio(root / "stimuli" / "a.wav", 5.0)
    return root


@pytest.fixture
def lab(template, tmp_path) -> Path:
    return shutil.copytree(template, tmp_path / "lab")


def save(root: Path, raw: mne.io.BaseRaw, run: str, label: str, **options) -> Path:
    file = root / PIPELINE / "sub-01" / "meg" / f"sub-01_task-listen_run-{run}_{label}_raw.fif"
    file = file.with_name(file.name.replace(f"_{label}_", f"_proc-{label}_"))
    file.parent.mkdir(parents=True, exist_ok=True)
    raw.save(file, overwrite=True, verbose="ERROR", **options)
    return file


def test_cleaned_recordings_with_the_events_of_the_raw_ones(lab):
    (lab / PIPELINE / "sub-01" / "meg" / "sub-01_task-listen_proc-clean_epo.fif").write_bytes(b"epochs")
    with kept() as found:
        study = BIDSStudy(lab, derivative=PIPELINE, processing=["clean"])
        names = [one.name for one in study.recordings()]
        second = study.recordings()[1]
        raw, events = study.load(second), study.events(second)
    assert found == []
    assert names == ["sub-01_task-listen_run-1", "sub-01_task-listen_run-2"]
    expected = 0.25 * simulated_raw(4, duration_s=8.0, seed=2).get_data()
    np.testing.assert_allclose(raw.get_data(), expected, rtol=1e-5)
    assert events.onset[events.kind == "word"].tolist() == [1.5, 2.0]
    sources = {file.name for file in study.sources(second)}
    base = "sub-01_task-listen_run-2"
    assert {f"{base}_proc-clean_raw.fif", f"{base}_events.tsv", "a.wav"} <= sources
    assert f"{base}_meg.fif" not in sources
    assert study.settings()["derivative"] == PIPELINE
    assert "derivative" not in BIDSStudy(lab).settings()  # prepared recordings of other studies stay


def test_several_processings_have_to_be_chosen_from(lab):
    with pytest.raises(
        UserError, match=r"two recordings are named sub-01_task-listen_run-1: .*proc-clean_raw\.fif and .*proc-filt"
    ):
        BIDSStudy(lab, derivative=PIPELINE)
    with pytest.raises(UserError, match=r"processing: no meg processing 'sss'; there are clean, filt"):
        BIDSStudy(lab, derivative=PIPELINE, processing=["sss"])


def test_recordings_that_the_pipeline_split(lab):
    file = lab / PIPELINE / "sub-01" / "meg" / "sub-01_task-listen_run-2_proc-clean_raw.fif"
    raw = simulated_raw(16, duration_s=60.0, sfreq=600.0)
    file.unlink()
    raw.save(file, split_size="3MB", split_naming="bids", verbose="ERROR")
    assert len(list(file.parent.glob("*run-2_proc-clean_split-*_raw.fif"))) == 2
    study = BIDSStudy(lab, derivative=PIPELINE, processing=["clean"])
    assert study.load(study.recordings()[1]).n_times == 36000
    assert sum("_split-" in file.name for file in study.sources(study.recordings()[1])) == 2


def test_a_recording_cropped_at_its_start_is_refused(lab):
    raw = simulated_raw(4, duration_s=8.0)
    save(lab, raw.copy().crop(2.0, None), "1", "clean")
    save(lab, raw.copy().crop(0.0, 6.0).resample(50.0), "2", "clean")  # at its end, and another rate: no harm
    study = BIDSStudy(lab, derivative=PIPELINE, processing=["clean"])
    with pytest.raises(UserError, match=r"run-1_proc-clean_raw\.fif begins 2\.000 s after its raw recording.*cropped"):
        study.load(study.recordings()[0])
    assert study.load(study.recordings()[1]).info["sfreq"] == 50.0


def test_channels_that_the_pipeline_repaired_are_told(lab):
    channels = lab / "sub-01" / "meg" / "sub-01_task-listen_run-1_channels.tsv"
    channels.write_text(channels.read_text().replace("good", "bad", 1))
    study = BIDSStudy(lab, derivative=PIPELINE, processing=["clean"])
    with kept() as found:
        raw = study.load(study.recordings()[0])
    assert raw.info["bads"] == []
    assert [one.text for one in found] == [
        "1 channels are bad in sub-01_task-listen_run-1_channels.tsv and good here (MEG000): n2s takes them for repaired."
    ]


def test_raw_recordings_need_not_be_here(lab):
    for file in (lab / "sub-01" / "meg").glob("*_meg.fif"):
        file.unlink()
        file.symlink_to("../../.git/annex/objects/none")
    study = BIDSStudy(lab, derivative=PIPELINE, processing=["clean"])
    with kept() as found:
        assert study.events(study.recordings()[0]).kind.tolist()[0] == "sound"
    assert [one.text for one in found] == [
        "the raw recording is not here: n2s takes both for equally long, without a check."
    ]


def test_epochs_alone_and_folders_that_are_not_there(lab):
    folder = lab / PIPELINE / "sub-01" / "meg"
    for file in folder.iterdir():
        file.unlink()
    (folder / "sub-01_task-listen_proc-clean_epo.fif").touch()
    with pytest.raises(
        UserError,
        match=r"no continuous meg recording.*It holds epochs \(sub-01_task-listen_proc-clean_epo\.fif, 1 in all\)",
    ):
        BIDSStudy(lab, derivative=PIPELINE)
    with pytest.raises(
        UserError, match=r"no folder .*/mne-bids.*holds mne-bids-pipeline\. Nearest: mne-bids-pipeline\."
    ):
        BIDSStudy(lab, derivative="derivatives/mne-bids")


def test_a_pipelines_folder_as_root_says_what_to_set(lab):
    with pytest.raises(
        UserError, match=r"recordings end in _meg\.fif in BIDS.*set root to the raw folder and derivative"
    ):
        BIDSStudy(lab / PIPELINE)


def test_a_cleaned_recording_that_is_not_fetched(lab):
    file = lab / PIPELINE / "sub-01" / "meg" / "sub-01_task-listen_run-2_proc-clean_raw.fif"
    file.unlink()
    file.symlink_to("../../.git/annex/objects/none")
    with kept() as found:
        study = BIDSStudy(lab, derivative=PIPELINE, processing=["clean"])
    assert [one.run for one in study.recordings()] == ["1"]
    assert "run-2_proc-clean_raw.fif): the content was not fetched" in found[0].text


def test_cleaned_eeg_of_another_raw_format(tmp_path):
    raw = simulated_raw(4, kind="eeg", duration_s=8.0)
    root = tmp_path / "lab"
    bids_from_raw(raw, root, datatype="eeg", format="BrainVision", events=story_events("a.wav", WORDS, onset=1.0))
    write_audio(root / "stimuli" / "a.wav", 5.0)
    file = root / PIPELINE / "sub-01" / "eeg" / "sub-01_task-listen_proc-filt_raw.fif"
    file.parent.mkdir(parents=True)
    raw.save(file, verbose="ERROR")
    study = BIDSStudy(root, datatype="eeg", derivative=PIPELINE)
    (recording,) = study.recordings()
    assert study.load(recording).get_montage() is not None
    assert study.events(recording).onset[1] == 1.5
