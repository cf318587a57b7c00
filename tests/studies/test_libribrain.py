"""LibriBrain in miniature, with its traps."""

import h5py
import numpy as np
import pytest
from trees.libribrain import SENTENCES, START_S, write_tree

from n2s.data import Grid, MEGDataModule, Preprocessing
from n2s.errors import UserError
from n2s.features import Mel
from n2s.studies import LibriBrain
from n2s.studies.readers.sentences import sentence_id


@pytest.fixture
def root(tmp_path):
    return write_tree(tmp_path / "libribrain")


def test_recordings_without_opening_one(root, monkeypatch):
    monkeypatch.setattr(h5py, "File", lambda *_: pytest.fail("opened"))
    names = [recording.name for recording in LibriBrain(str(root)).recordings()]
    assert names == [
        "sub-0_ses-1_task-Sherlock1_run-1",
        "sub-0_ses-11_task-Sherlock1_run-2",
        "sub-0_ses-12_task-Sherlock1_run-2",
        "sub-1_ses-11_task-Sherlock1_run-2",
    ]
    assert len(LibriBrain(str(root), subjects=[1]).recordings()) == 1
    with pytest.raises(UserError, match="no subject '7'; there are 0, 1"):
        LibriBrain(str(root), subjects=[7])


def test_load(root):
    study = LibriBrain(str(root))
    raw = study.load(study.recordings()[0])
    assert raw.info["sfreq"] == 250.0 and raw.times[-1] == pytest.approx(20.0 - 1 / 250)
    assert set(raw.get_channel_types()) == {"mag", "grad"} and raw.ch_names[0].startswith("MEG")
    places = np.array([channel["loc"][:3] for channel in raw.info["chs"]])
    assert np.isfinite(places).all() and (np.linalg.norm(places, axis=1) > 0.05).all()
    assert 0.5e-13 < raw.get_data().std() < 2e-13


def test_events_are_on_the_recordings_clock_and_in_the_chapter(root):
    study = LibriBrain(str(root))
    table = study.events(study.recordings()[0])
    words = table[table.kind == "word"]
    assert words.text.tolist() == [word for sentence in SENTENCES for word in sentence]
    assert np.allclose(words.onset - words.stimulus_onset, START_S)
    assert words.stimulus_onset.iloc[0] == pytest.approx(0.5)
    sentences = table[table.kind == "sentence"]
    assert sentences.sequence.tolist() == [sentence_id(" ".join(words)) for words in SENTENCES]
    assert set(table.stimulus) == {"sherlock_1"} and set(table.story) == {"Sherlock1-1"}
    (sound,) = table[table.kind == "sound"].itertuples()
    assert (sound.onset, sound.stimulus_onset) == (pytest.approx(2.0), pytest.approx(0.5))


def test_phones_lose_their_position_silence_and_unknown_ones_are_dropped(root):
    study = LibriBrain(str(root))
    table = study.events(study.recordings()[0])
    assert set(table.text[table.kind == "phone"]) == {"hh", "iy"}
    assert (table.kind == "phone").sum() == 2 * (table.kind == "word").sum()


def test_the_official_split_holds_a_chapter_out_for_everybody(root):
    study = LibriBrain(str(root), audio_dir=str(root / "audio"))
    assert study.split == {"Sherlock1-1": "train", "Sherlock1-11": "val", "Sherlock1-12": "test"}
    options = {"preprocessing": Preprocessing(sfreq=50.0, highpass_hz=0.0), "window_s": 2.0, "n_jobs": 1}
    options |= {"train_windows": Grid(0.5), "batch_size": 4}
    with pytest.raises(UserError, match="subject 1 has no training data.*data.scaler to 'recording'"):
        MEGDataModule({"libribrain": study}, Mel(n_mels=8), **options).setup("fit")
    data = MEGDataModule({"libribrain": study}, Mel(n_mels=8), scaler="recording", **options)
    data.setup("fit")
    heard = {split: set(data.window_table(split).recording) for split in ("train", "val", "test")}
    assert heard["train"] == {"libribrain/sub-0_ses-1_task-Sherlock1_run-1"}
    assert heard["val"] == {f"libribrain/sub-{s}_ses-11_task-Sherlock1_run-2" for s in (0, 1)}
    batch = next(iter(data.train_dataloader()))
    assert batch.brain.shape[:2] == (4, 12) and batch.target.isfinite().all()


def test_audio_has_to_be_brought(root):
    assert LibriBrain(str(root)).audio("sherlock_1") is None
    study = LibriBrain(str(root), audio_dir=str(root / "audio"))
    assert study.audio("sherlock_1").name == "sherlock_1.wav"
    with pytest.raises(UserError, match="no wav"):
        study.audio("sherlock_99")


def test_what_is_wrong_is_said(root, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no recordings .* It holds nothing"):
        LibriBrain(str(tmp_path / "empty"))
    study = LibriBrain(str(root))
    recording = study.recordings()[0]
    data, events = study.sources(recording)
    data.write_bytes(data.read_bytes()[:2000])
    with pytest.raises(UserError, match="not a whole LibriBrain file"):
        study.load(recording)
    events.write_text(events.read_text().replace("timemeg", "time"))
    with pytest.raises(UserError, match="no column timemeg"):
        study.events(recording)
    events.unlink()
    with pytest.raises(UserError, match="Download the events too"):
        study.events(recording)


def test_a_part_of_a_recording_has_the_events_that_lie_in_it(root):
    """Competition files of 2026: the first half of a recording, with the table of the whole chapter."""
    folder = root / "Sherlock1" / "derivatives"
    whole = next(folder.glob("serialised/sub-1_ses-11*"))
    part = folder / "serialised_competition" / whole.name.replace("_meg.h5", "_desc-firsthalf_meg.h5")
    part.parent.mkdir()
    with h5py.File(whole) as file, h5py.File(part, "w") as half:
        half["data"] = file["data"][:, :1750]
        half.attrs.update(file.attrs)
    study = LibriBrain(str(root), subjects=["1"])
    (recording,) = study.recordings()
    everything = study.events(recording)
    assert study.sources(recording)[0] == whole  # of a whole recording and its part, the whole one
    whole.unlink()
    study = LibriBrain(str(root), subjects=["1"])
    assert study.recordings() == [recording] and study.load(recording).times[-1] == pytest.approx(7 - 1 / 250)
    table = study.events(recording)
    words = everything[everything.kind == "word"]
    assert table.text[table.kind == "word"].tolist() == words.text[words.onset + words.duration <= 7].tolist()
    assert 0 < (table.kind == "word").sum() < len(words) and (table.onset + table.duration).max() <= 7
