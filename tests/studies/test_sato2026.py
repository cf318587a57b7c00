"""The Japanese set of speech production: spoken, heard and imagined sentences, and the sounds beside them."""

import numpy as np
import pytest
from trees.sato2026 import RUNS, SAID_S, onsets, sentence, write_tree

from n2s.data import SideSignals, voice_onsets
from n2s.errors import UserError
from n2s.findings import kept
from n2s.studies import Sato2026
from n2s.studies.readers.sentences import sentence_id


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_tree(tmp_path_factory.mktemp("sato") / "ds007808")


def by_task(study, task):
    return next(one for one in study.recordings() if one.task == task)


def test_devices_tasks_and_days(root):
    assert len(Sato2026(str(root)).recordings()) == len(RUNS)
    found = Sato2026(str(root), task="speechopen", acquisition=["pangolin"], sessions=[20230829]).recordings()
    assert [(one.subject, one.session, one.run) for one in found] == [
        ("01", "20230829", "01"),
        ("01", "20230829", "02"),
    ]


def test_sentences_have_their_places_in_the_sound_beside(root):
    study = Sato2026(str(root))
    recording = study.recordings()[0]
    table = study.events(recording)
    sound, rows = table[table.kind == "sound"], table[table.kind == "sentence"]
    name = "sub-01_ses-20230829_task-speechopen_acq-pangolin_run-01_recording-vocal_beh"
    assert set(table.stimulus) == {name} and study.audio(name).name == f"{name}.wav"
    np.testing.assert_allclose(rows.onset, onsets(6))
    np.testing.assert_allclose(rows.stimulus_onset, onsets(6) + 8.25)
    assert rows.text.tolist() == [sentence(i) for i in range(6)] and rows.sequence.iloc[0] == sentence_id(sentence(0))
    assert set(rows.condition) == {"overt"} and set(rows.speaker) == {"sub-01"} and set(rows.language) == {"ja"}
    assert sound[["onset", "duration", "condition"]].to_numpy().tolist() == [[2.0, 5 * 3.5 + SAID_S, "overt"]]
    assert study.recorded_sound(recording).start_s == pytest.approx(-8.25)


def test_what_is_imagined_has_no_sound(root):
    study = Sato2026(str(root), task="listeningcovert")
    table = study.events(study.recordings()[0])
    assert table.condition.tolist() == ["listen", "imagined"] * 3 and set(table.kind) == {"sentence"}
    assert (table.stimulus == "").tolist() == [False, True] * 3
    assert table.speaker.tolist() == ["", "sub-01"] * 3


def test_a_sound_file_that_is_not_here(tmp_path):
    root = write_tree(tmp_path / "days", runs=RUNS[1:2])
    next(root.rglob("*.wav")).unlink()
    study = Sato2026(str(root))
    (recording,) = study.recordings()
    with kept() as found:
        table = study.events(recording)
    assert set(table.stimulus) == {""} and set(table.condition) == {"overt"} and study.recorded_sound(recording) is None
    assert any("the sound file of this recording is not here" in one.text for one in found)


def test_types_of_channels_and_side_signals(root):
    """The voice begins where the events say; its file has 8 kHz, the microphone's channel 256 Hz."""
    study = Sato2026(str(root), task="speechopen")
    recording = study.recordings()[0]
    assert sorted(set(study.load(recording).get_channel_types())) == ["eeg", "emg", "eog", "misc", "stim"]
    made = SideSignals(sfreq=100.0).make(study, recording, "here")
    assert made.meta["groups"] == ["audio", "emg", "emg", "eog"] and made.meta["ch_names"] == [
        "MIC",
        "EMG1",
        "EMG2",
        "EOG",
    ]
    made = SideSignals(sfreq=100.0, audio=[], groups=["audio"]).make(study, recording, "here")
    assert made.meta["ch_names"] == ["recorded"]
    rows = study.events(recording).query("kind == 'sentence'")
    found = voice_onsets(made.brain[:, 0], 100.0, rows.assign(onset=rows.onset - 0.5), where="here")
    np.testing.assert_allclose(found, rows.onset, atol=0.04)


def test_tables_that_are_not_as_they_were(root, tmp_path):
    tree = write_tree(tmp_path / "copy", runs=RUNS[:1])
    study = Sato2026(str(tree))
    (recording,) = study.recordings()
    path = next(tree.rglob("*_events.tsv"))
    text = path.read_text()
    path.write_text(text.replace("overt", "speech_window", 1))
    with kept() as found:
        assert (study.events(recording).kind == "sentence").sum() == 5
    assert "rows that are no sentence" in found[0].text and "1 of 6 rows" in found[0].where
    path.write_text(text.replace("overt", "speech_window"))
    with pytest.raises(UserError, match="no row of trial_type overt, listening, covert .*found speech_window"):
        study.events(recording)
    path.write_text(text.replace("wav_onset", "wav"))
    with pytest.raises(UserError, match="no column wav_onset; there are onset"):
        study.events(recording)
    path.write_text(text.replace("10.25", "11.25", 1))
    with pytest.raises(UserError, match="expected one distance"):
        study.events(recording)
