"""Armeni 2022 in miniature, with its traps."""

import logging

import numpy as np
import pytest
from trees.armeni2022 import EVENTS, write_events, write_tree

from n2s.data import Preprocessing
from n2s.data.recordings import prepare
from n2s.errors import UserError
from n2s.studies import Armeni2022


@pytest.fixture(scope="module")
def root(real_data, tmp_path_factory):
    return write_tree(tmp_path_factory.mktemp("armeni"), real_data)


@pytest.fixture
def study(root):
    return Armeni2022(str(root))


def events_file(root):
    return next(root.rglob("sub-001_ses-001_task-compr_events.tsv"))


def test_negative_onsets_are_left_out_and_said(study, caplog):
    with caplog.at_level(logging.WARNING):
        table = study.events(study.recordings()[0])
    assert "1 words and phones lie before the recording" in caplog.text
    assert table.onset.min() >= 0
    first = table[(table.kind == "sound") & (table.stimulus == "1_1")].iloc[0]
    assert (first.onset, first.stimulus_onset) == (0.0, pytest.approx(0.1))  # cut where the recording begins
    assert first.duration == pytest.approx(0.2)


def test_the_suffix_is_the_audio_file_of_the_session(study):
    table = study.events(study.recordings()[0])
    words = table[table.kind == "word"].set_index("text")
    assert words.stimulus.to_dict() == {"SHERLOCK": "1_1", "HOLMES": "01_02"}
    assert words.stimulus_onset.to_dict() == {"SHERLOCK": pytest.approx(0.15), "HOLMES": pytest.approx(0.01)}
    other = study.events(study.recordings()[1])
    assert set(other.stimulus) == {"2_1", "02_02"}


def test_quotes_are_taken_off_and_silence_is_no_phone(study):
    table = study.events(study.recordings()[0])
    assert table.text[table.kind == "phone"].tolist() == ["SH"]
    assert not table.text.str.contains('"').any()


def test_what_is_wrong_is_said(root, study):
    path = events_file(root)
    for events, said in (
        ([row for row in EVENTS if row[2] != "wav_onset_02"], "0 rows wav_onset_02"),
        ([(0.1, 0.1, "trigger", "1")], "no row of type word_onset_01"),
        ([(0.1, 0.0, "wav_onset_07", "1")], "0 audio files 1_7.wav"),
    ):
        write_events(path, events)
        with pytest.raises(UserError, match=said):
            study.events(study.recordings()[0])
    write_events(path)


def test_a_true_ctf_recording_is_prepared(study):
    prepared = prepare(study, Preprocessing(sfreq=100.0, highpass_hz=0.0))
    assert [item.recording.session for item in prepared] == ["001", "002"]
    assert prepared[0].meta["shape"][1] == 151 and np.isfinite(prepared[0].brain).all()
