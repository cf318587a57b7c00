"""A lab's own BIDS folder: what is listed, opened and found, and what each mistake gets told."""

import json
import logging
import shutil

import mne
import numpy as np
import pytest
from builders import (
    REAL_MEG,
    bids_from_raw,
    bids_from_real_eeg,
    bids_from_real_meg,
    simulated_raw,
    story_events,
    write_audio,
    write_tsv,
)
from jsonargparse import ArgumentParser

from n2s.errors import UserError
from n2s.findings import kept
from n2s.studies import BIDSStudy, Recording, Study
from n2s.studies.readers.event_columns import EventColumns

WORDS = [("Once", 0.5, 0.3), ("upon.", 1.0, 0.3), ("Then", 2.0, 0.4)]


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """Two subjects, one with two sessions of several runs; an empty room, and a rest without events."""
    root = tmp_path_factory.mktemp("bids") / "lab"
    raw = simulated_raw(4, duration_s=10.0)
    for subject, session, run in [("01", "a", "10"), ("01", "a", "2"), ("01", "b", "1"), ("2", "a", "1")]:
        events = story_events("Story1.WAV", WORDS, onset=1.0)
        bids_from_raw(raw, root, subject=subject, session=session, run=run, events=events)
    bids_from_raw(raw, root, subject="2", session="a", task="rest")
    bids_from_raw(raw, root, subject="emptyroom", session="20250101", task="noise")
    write_audio(root / "stimuli" / "story1.wav", 6.0)
    return root


@pytest.fixture
def lab(template, tmp_path):
    """A copy to break."""
    return shutil.copytree(template, tmp_path / "lab")


def events_file(root, *, subject="01", session="a", run="2"):
    base = f"sub-{subject}_ses-{session}_task-listen_run-{run}_events.tsv"
    return root / f"sub-{subject}" / f"ses-{session}" / "meg" / base


def test_recordings_are_in_order_and_no_file_is_opened(template, monkeypatch):
    monkeypatch.setattr(mne.io, "read_raw_fif", None)
    study = BIDSStudy(template, task="listen")
    assert study.name == "lab"
    assert [recording.name for recording in study.recordings()] == [
        "sub-01_ses-a_task-listen_run-2",
        "sub-01_ses-a_task-listen_run-10",
        "sub-01_ses-b_task-listen_run-1",
        "sub-2_ses-a_task-listen_run-1",
    ]
    assert {recording.modality for recording in study.recordings()} == {"meg"}


@pytest.mark.parametrize(
    ("options", "n"),
    [
        ({"subjects": ["sub-01"]}, 3),
        ({"subjects": ["2", 1]}, 4),  # 1 for 01; the rest of 2 has no events
        ({"sessions": ["a"], "task": "listen"}, 3),
        ({"runs": ["002"]}, 1),
        ({"task": ["listen"], "subjects": "sub-2"}, 1),
    ],
)
def test_selections(template, options, n):
    assert len(BIDSStudy(template, **options).recordings()) == n


def test_a_relative_root_is_looked_for_in_the_data_folder(template, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("N2S_DATA", str(template.parent))
    assert BIDSStudy("lab").root == template
    (tmp_path / "lab").mkdir()  # the one that is here is meant
    with pytest.raises(UserError, match="no meg recordings"):
        BIDSStudy("lab")


def test_no_such_folder_names_the_nearest(template, monkeypatch):
    with pytest.raises(UserError, match=r"No folder .*/lob\. Nearest: lab\."):
        BIDSStudy(template.parent / "lob")
    monkeypatch.setenv("N2S_DATA", str(template.parent))
    with pytest.raises(UserError, match=r"lap or .*/lap\. Nearest: lab\."):
        BIDSStudy("lap")


def test_no_recordings_says_what_is_there(template, tmp_path):
    with pytest.raises(UserError, match="no eeg recordings.*Its subjects have meg"):
        BIDSStudy(template, datatype="eeg")
    with pytest.raises(UserError, match="It holds lab"):
        BIDSStudy(template.parent)
    (tmp_path / "void").mkdir()
    with pytest.raises(UserError, match="It holds nothing"):
        BIDSStudy(tmp_path / "void")
    with pytest.raises(UserError, match=r"datatype is 'fmri'; expected one of meg, eeg"):
        BIDSStudy(template, datatype="fmri")


def test_unknown_labels_name_what_is_there(template):
    with pytest.raises(UserError, match=r"subjects: no meg subject '03'; there are 01, 2"):
        BIDSStudy(template, subjects=["01", "03"])
    with pytest.raises(UserError, match=r"task: no meg task 'lisen'; there are listen, rest\. Nearest: listen"):
        BIDSStudy(template, task="lisen")
    with pytest.raises(UserError, match=r"subjects \['2'\], runs \['10'\] at once"):
        BIDSStudy(template, subjects=["2"], runs=["10"])


def test_two_recordings_with_one_name(lab):
    raw = simulated_raw(4, duration_s=10.0)
    bids_from_raw(raw, lab, subject="2", session="a", run="1", acquisition="fast")
    with pytest.raises(UserError, match=r"two recordings are named sub-2_ses-a_task-listen_run-1: .*acq-fast.*choose"):
        BIDSStudy(lab)
    assert len(BIDSStudy(lab, acquisition=["fast"]).recordings()) == 1


def test_side_files_of_maxfilter_are_no_recordings(lab):
    folder = lab / "sub-01" / "ses-a" / "meg"
    (folder / "sub-01_ses-a_acq-crosstalk_meg.fif").write_bytes(b"")
    (folder / "sub-01_ses-a_acq-calibration_meg.dat").write_bytes(b"")
    assert len(BIDSStudy(lab, task="listen").recordings()) == 4


def test_load_marks_bad_channels_and_keeps_annotations(lab):
    study = BIDSStudy(lab)
    recording = study.recordings()[0]
    channels = events_file(lab).with_name(events_file(lab).name.replace("events", "channels"))
    channels.write_text(channels.read_text().replace("good", "bad", 1))
    raw = study.load(recording)
    assert raw.info["bads"] == ["MEG000"]
    assert {"sound", "word"} == set(raw.annotations.description)
    np.testing.assert_allclose(raw.get_data(), simulated_raw(4, duration_s=10.0).get_data(), rtol=1e-6)


def test_bad_spans_inside_the_file_are_kept(tmp_path):
    raw = simulated_raw(4, duration_s=10.0)
    path = bids_from_raw(raw, tmp_path / "lab", events=story_events("a.wav", WORDS))
    raw.set_annotations(mne.Annotations([2.0, 5.0], [1.0, 0.1], ["BAD_muscle", "button"]))
    raw.save(path.fpath, overwrite=True, verbose="ERROR")
    study = BIDSStudy(tmp_path / "lab")
    found = study.load(study.recordings()[0]).annotations
    assert [(a["onset"], a["duration"]) for a in found if a["description"] == "BAD_muscle"] == [(2.0, 1.0)]
    assert "button" not in found.description


def test_a_file_that_mne_cannot_read(lab):
    study = BIDSStudy(lab)
    recording = study.recordings()[0]
    events_file(lab).with_name(f"{recording.name}_meg.fif").write_bytes(b"nothing like a FIF file")
    with pytest.raises(UserError, match=r"run-2_meg\.fif: MNE cannot read it"):
        study.load(recording)


def test_other_channels_in_channels_tsv(lab):
    study = BIDSStudy(lab)
    channels = events_file(lab).with_name(events_file(lab).name.replace("events", "channels"))
    channels.write_text(channels.read_text().replace("MEG000", "MEG900"))
    with pytest.raises(UserError, match=r"Channel mismatch"):
        study.load(study.recordings()[0])


def test_a_recording_of_another_study(template):
    with pytest.raises(UserError, match=r"no recording sub-01_ses-a_task-listen_run-3\. Nearest: sub-01"):
        BIDSStudy(template).load(Recording("01", "a", "listen", "3"))


def test_split_fif_files_are_one_recording(tmp_path):
    raw = simulated_raw(16, duration_s=60.0, sfreq=600.0)
    path = bids_from_raw(raw, tmp_path / "lab", events=story_events("a.wav", WORDS))
    mne.io.read_raw_fif(path.fpath, preload=True, verbose="ERROR").save(
        path.fpath, split_size="3MB", split_naming="bids", overwrite=True, verbose="ERROR"
    )
    path.fpath.unlink(missing_ok=True)
    write_audio(tmp_path / "lab" / "stimuli" / "a.wav", 5.0)
    study = BIDSStudy(tmp_path / "lab")
    (recording,) = study.recordings()
    assert study.load(recording).n_times == 36000
    parts = [file.name for file in study.sources(recording) if file.suffix == ".fif"]
    assert parts == ["sub-01_task-listen_split-01_meg.fif", "sub-01_task-listen_split-02_meg.fif"]
    assert study.events(recording).kind.tolist()[0] == "sound"


def test_sources_are_what_load_and_events_read(template, tmp_path):
    study = BIDSStudy(template)
    recording = study.recordings()[0]
    names = {file.relative_to(template).as_posix() for file in study.sources(recording)}
    folder = "sub-01/ses-a/meg/sub-01_ses-a_task-listen_run-2"
    side_files = {f"{folder}_{end}" for end in ("meg.fif", "meg.json", "events.tsv", "channels.tsv")}
    assert names == side_files | {"stimuli/story1.wav", "sub-01/ses-a/meg/sub-01_ses-a_coordsystem.json"}


def test_a_recipe_can_say_everything(template, tmp_path):
    (tmp_path / "study.yaml").write_text(
        f"""study:
  class_path: n2s.studies.BIDSStudy
  init_args:
    {{root: {template}, subjects: [01], runs: [2, "10"], task: listen, columns: {{text: [label], condition: []}}}}
"""
    )
    parser = ArgumentParser(parser_mode="omegaconf")
    parser.add_argument("--study", type=Study)
    parser.add_argument("--config", action="config")
    study = parser.instantiate(parser.parse_args(["--config", str(tmp_path / "study.yaml")])).study
    assert [one.run for one in study.recordings()] == ["2", "10"]
    assert (study.columns.text, study.columns.condition, study.columns.stimulus[1]) == (("label",), (), "stim_file")


def test_settings_tell_which_options_change_the_events(template):
    plain = json.dumps(BIDSStudy(template).settings())
    changed = {
        "columns": EventColumns(text=("label",)),
        "word_tier": "w",
        "sentence_pause_s": 1.0,
        "language": "eu",
        "default_condition": "overt",
        "montage": "biosemi64",
    }
    assert (
        len({plain} | {json.dumps(BIDSStudy(template, **{key: new}).settings()) for key, new in changed.items()}) == 7
    )
    assert json.dumps(BIDSStudy(template, subjects=["2"]).settings()) == plain


def test_recordings_without_events_are_left_out_by_name(lab):
    with kept() as found:
        study = BIDSStudy(lab)
    assert "rest" not in {one.task for one in study.recordings()}
    (text,) = [one.text for one in found if "events" in one.text]
    assert text == "1 meg recording (sub-2/ses-a/meg/sub-2_ses-a_task-rest_meg.fif): no events.tsv of its own."
    with pytest.raises(UserError, match=r"task names 'rest', but n2s can use none.*task-rest_meg\.fif: no events\.tsv"):
        BIDSStudy(lab, task=["rest", "listen"])
    bids_from_raw(simulated_raw(4), lab, subject="2", session="a")  # without a run: not to be lent run 1's
    with kept() as found:
        study = BIDSStudy(lab, subjects=["2"], task="listen")
    assert [one.run for one in study.recordings()] == ["1"]
    assert any("run-1_events.tsv belongs to another recording" in one.text for one in found)
    study = BIDSStudy(lab)
    events_file(lab).unlink()  # while it is used
    with pytest.raises(UserError, match=r"no events\.tsv.*Expected sub-01_ses-a_task-listen_run-2_events\.tsv"):
        study.events(Recording("01", "a", "listen", "2"))


def test_events_of_the_whole_folder_may_lie_at_its_root(lab):
    shutil.move(events_file(lab, session="b", run="1"), lab / "task-listen_events.tsv")
    study = BIDSStudy(lab, sessions=["b"])
    (recording,) = study.recordings()
    assert study.events(recording).text.tolist()[2:4] == ["Once", "upon."]
    assert lab / "task-listen_events.tsv" in study.sources(recording)


def test_events_outside_the_recording(lab):
    write_audio(lab / "stimuli" / "story1.wav", 9.5)  # from 1 s on, in a recording of 10 s
    study = BIDSStudy(lab)
    with pytest.raises(
        UserError, match=r"run-2_events\.tsv: 1 of 6 events lie outside the recording \(0 to 10\.00 s\)"
    ):
        study.events(study.recordings()[0])


def test_audio_is_found_in_any_case_and_format(lab):
    study = BIDSStudy(lab)
    assert set(study.events(study.recordings()[0]).stimulus) == {"story1"}
    assert study.audio("story1") == lab / "stimuli" / "story1.wav"
    assert study.features("story1") is None
    for suffix in ("flac", "mp3", "OGG"):
        write_audio(lab / "stimuli" / "more" / f"Tale {suffix}.{suffix}", 2.0)
    study = BIDSStudy(lab)
    for suffix in ("flac", "mp3", "OGG"):
        assert study.audio(f"more/tale {suffix}").suffix == f".{suffix}"
        assert study.stimuli.length_s(f"more/Tale {suffix}") == pytest.approx(2.0, abs=0.1)


def test_missing_audio_names_the_nearest(lab):
    (lab / "stimuli" / "story1.wav").rename(lab / "stimuli" / "storry1.wav")
    study = BIDSStudy(lab)
    with pytest.raises(UserError, match=r"stimulus 'Story1\.WAV': no wav/flac/ogg/mp3 .*Nearest: storry1\."):
        study.events(study.recordings()[0])
    with pytest.raises(UserError, match=r"there is no folder .*/stimulus\. Nearest: stimuli\."):
        BIDSStudy(lab, stimuli="stimulus").events(study.recordings()[0])


def test_audio_shorter_than_its_events(lab):
    write_audio(lab / "stimuli" / "story1.wav", 2.0)
    write_tsv(events_file(lab), [{"onset": 1.0, "duration": 5.0, "trial_type": "sound", "stim_file": "story1.wav"}])
    study = BIDSStudy(lab)
    with pytest.raises(UserError, match=r"story1\.wav lasts 2\.000 s, but a sound '' of it ends at 5\.000 s"):
        study.events(study.recordings()[0])


def test_audio_that_is_none(lab):
    (lab / "stimuli" / "story1.wav").write_text("no sound")
    study = BIDSStudy(lab)
    with pytest.raises(UserError, match=r"story1\.wav: cannot be read as audio"):
        study.events(study.recordings()[0])


def test_two_audio_files_that_the_name_could_mean(lab):
    for folder in ("a", "b"):
        write_audio(lab / "stimuli" / folder / "tale.wav", 6.0)
    study = BIDSStudy(lab)
    write_tsv(events_file(lab), [{"onset": 1.0, "duration": 0.0, "trial_type": "sound", "stim_file": "tale.wav"}])
    with pytest.raises(UserError, match=r"holds \['a/tale\.wav', 'b/tale\.wav'\]\. Say which"):
        study.events(study.recordings()[0])
    write_tsv(events_file(lab), [{"onset": 1.0, "duration": 0.0, "trial_type": "sound", "stim_file": "b/tale.wav"}])
    assert study.events(study.recordings()[0]).stimulus.tolist() == ["b/tale"]
    assert study.audio("b/tale") == lab / "stimuli" / "b" / "tale.wav"


@pytest.mark.parametrize(("format", "suffix"), [("BrainVision", ".vhdr"), ("EDF", ".edf")])
def test_simulated_eeg(tmp_path, format, suffix):
    raw = simulated_raw(16, kind="eeg", duration_s=10.0)
    bids_from_raw(raw, tmp_path / "lab", datatype="eeg", format=format, events=story_events("a.wav", WORDS))
    write_audio(tmp_path / "lab" / "stimuli" / "a.wav", 5.0)
    study = BIDSStudy(tmp_path / "lab", datatype="eeg")
    (recording,) = study.recordings()
    assert recording.modality == "eeg"
    loaded = study.load(recording)
    np.testing.assert_allclose(loaded.get_data(), raw.get_data(), atol=2e-9)  # EDF has 16 bits
    positions = loaded.get_montage().get_positions()["ch_pos"]
    assert list(positions) == raw.ch_names
    assert np.isfinite(list(positions.values())).all()
    assert study.events(recording).kind.value_counts().to_dict() == {"word": 3, "sentence": 2, "sound": 1}
    names = [file.suffix for file in study.sources(recording)]
    assert suffix in names
    assert ".wav" in names
    assert (format != "BrainVision") or {".eeg", ".vmrk"} <= set(names)


def test_eeg_without_positions(tmp_path, caplog):
    raw = simulated_raw(8, kind="eeg", duration_s=5.0).set_montage(None)
    bids_from_raw(raw, tmp_path / "lab", datatype="eeg", format="BrainVision", events=story_events("a.wav", WORDS))
    study = BIDSStudy(tmp_path / "lab", datatype="eeg")
    with caplog.at_level(logging.WARNING, logger="n2s"):
        assert study.load(study.recordings()[0]).get_montage() is None
    assert "have no positions" in caplog.text
    study = BIDSStudy(tmp_path / "lab", datatype="eeg", montage="biosemi64")
    montage = study.load(study.recordings()[0]).get_montage()
    assert montage.ch_names == raw.ch_names
    for name, said in [("biosemi65", "biosemi65"), ("GSN-HydroCel-32", "does not fit")]:
        study = BIDSStudy(tmp_path / "lab", datatype="eeg", montage=name)
        with pytest.raises(UserError, match=said):
            study.load(study.recordings()[0])


@pytest.fixture(scope="module")
def real_meg(real_data, tmp_path_factory):
    return BIDSStudy(bids_from_real_meg(real_data, tmp_path_factory.mktemp("real") / "meg"))


@pytest.mark.parametrize(
    ("subject", "n_meg", "n_ref", "n_bad", "sfreq"),
    [
        ("triux", 306, 0, 0, 90.0),
        ("vectorview", 306, 0, 0, 300.307),
        ("ctf", 151, 29, 7, 1250.0),
        ("kit", 157, 3, 0, 1e3),
    ],
)
def test_real_meg_of_three_vendors(real_meg, real_data, subject, n_meg, n_ref, n_bad, sfreq):
    (recording,) = [one for one in real_meg.recordings() if one.subject == subject]
    raw = real_meg.load(recording)
    assert raw.info["sfreq"] == pytest.approx(sfreq, abs=0.01)
    assert raw.n_times / raw.info["sfreq"] == pytest.approx(REAL_MEG[subject], abs=1e-3)
    assert len(mne.pick_types(raw.info, meg=True, ref_meg=False, exclude=())) == n_meg
    assert len(mne.pick_types(raw.info, meg=False, ref_meg=True, exclude=())) == n_ref
    assert len(raw.info["bads"]) == n_bad
    data = raw.get_data(picks=mne.pick_types(raw.info, meg="mag", exclude="bads"))
    assert 1e-14 < np.median(data.std(axis=1)) < 1e-10  # T
    assert real_meg.events(recording).query("kind == 'word'").text.tolist() == ["one", "two", "three"]


def test_real_data_are_those_of_the_source(real_meg, real_data):
    kit = real_data / "meg_formats" / "kit"
    sources = {
        "ctf": mne.io.read_raw_ctf(real_data / "meg_formats" / "ctf" / "somMDYO-18av.ds", verbose="ERROR"),
        "kit": mne.io.read_raw_kit(
            kit / "test.sqd", kit / "test_mrk.sqd", kit / "test.elp", kit / "test.hsp", verbose="ERROR"
        ),
    }
    for recording in real_meg.recordings():
        if recording.subject in sources:
            raw, source = real_meg.load(recording), sources[recording.subject]
            picks = mne.pick_types(raw.info, meg=True, ref_meg=True, exclude=())
            np.testing.assert_array_equal(
                raw.get_data(picks=picks), source.get_data(picks=raw.copy().pick(picks).ch_names)
            )
            np.testing.assert_allclose(raw.info["dev_head_t"]["trans"], source.info["dev_head_t"]["trans"], atol=1e-4)


def test_real_sources_hold_folders_and_side_files(real_meg):
    files = {one.subject: [file.name for file in real_meg.sources(one)] for one in real_meg.recordings()}
    assert {"sub-ctf_task-listen_meg.meg4", "sub-ctf_task-listen_meg.res4", "BadChannels"} <= set(files["ctf"])
    assert {"sub-kit_task-listen_markers.sqd", "sub-kit_acq-ELP_headshape.pos"} <= set(files["kit"])
    assert not any("kit" in name for name in files["ctf"])


@pytest.mark.parametrize("format", ["BrainVision", "EDF"])
def test_real_eeg_with_ready_features(real_data, tmp_path, format):
    root = bids_from_real_eeg(real_data, tmp_path / "sparrkulee", format=format)
    study = BIDSStudy(root, datatype="eeg", features="mel", language="nl-BE", default_condition="listen")
    (recording,) = study.recordings()
    raw = study.load(recording)
    source = 1e-6 * np.load(real_data / "eeg_speech" / "sparrkulee_sub-027" / "eeg.npy")
    np.testing.assert_allclose(raw.get_data(), source, atol=1e-9)
    assert raw.get_montage().ch_names == mne.channels.make_standard_montage("biosemi64").ch_names
    events = study.events(recording)
    assert events[["kind", "stimulus", "language"]].values.tolist() == [["sound", "audiobook_7_5", "nl-BE"]]
    assert events.duration.tolist() == [7639 / 64]
    mel = study.features("audiobook_7_5")
    assert (mel.values.shape, mel.rate_hz, mel.start_s) == ((7639, 28), 64.0, 0.0)
    assert study.audio("audiobook_7_5") is None
    envelope = BIDSStudy(root, datatype="eeg", features="envelope")
    assert envelope.events(recording).duration.tolist() == [7642 / 64]
    assert {"audiobook_7_5.npy", "audiobook_7_5.json"} <= {file.name for file in study.sources(recording)}


def test_real_events_with_a_condition_of_their_own(real_data, tmp_path):
    """SparrKULee's own table: no trial_type, a condition that is none of ours, other stimuli named n/a."""
    root = bids_from_real_eeg(real_data, tmp_path / "sparrkulee")
    (own,) = (real_data / "eeg_speech" / "sparrkulee_sub-027").glob("*_events.tsv")
    (path,) = root.glob("sub-027/eeg/*_events.tsv")
    path.write_text(own.read_text().replace("8.91", "0.0"))
    study = BIDSStudy(root, datatype="eeg", features="envelope")
    with pytest.raises(UserError, match=r"condition is \['in_noise'\].*columns\.condition to \[\]"):
        study.events(study.recordings()[0])
    study = BIDSStudy(root, datatype="eeg", features="envelope", columns=EventColumns(condition=()))
    events = study.events(study.recordings()[0])
    assert events[["kind", "stimulus", "condition", "duration"]].values.tolist() == [
        ["sound", "audiobook_7_5", "listen", 119.41]
    ]


def test_features_without_their_rate(real_data, tmp_path):
    root = bids_from_real_eeg(real_data, tmp_path / "sparrkulee")
    (root / "mel" / "audiobook_7_5.json").write_text(json.dumps({"rate": 64}))
    study = BIDSStudy(root, datatype="eeg", features="mel")
    with pytest.raises(UserError, match="rate_hz"):
        study.events(study.recordings()[0])
    with pytest.raises(UserError, match=r"no folder .*/mels\. Nearest: mel\."):
        BIDSStudy(root, datatype="eeg", features="mels").events(study.recordings()[0])


def test_recordings_made_with_maxshield_are_read(tmp_path):
    raw = simulated_raw(4, duration_s=5.0)
    path = bids_from_raw(raw, tmp_path / "lab", events=story_events("a.wav", WORDS))
    with raw.info._unlock():
        raw.info["maxshield"] = True
    raw.save(path.fpath, overwrite=True, verbose="ERROR")
    with pytest.raises(ValueError, match="Internal Active Shielding"):
        mne.io.read_raw_fif(path.fpath, verbose="ERROR")
    study = BIDSStudy(tmp_path / "lab")
    assert study.load(study.recordings()[0]).info["maxshield"]
