"""Preparing: what MNE would give, once, whole or not at all, and a plain word for every bad input."""

import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import mne
import numpy as np
import pytest
from tiny import TinyStudy

from n2s.data import MEGDataModule, Preprocessing, SplitByStory
from n2s.data.positions import sensor_positions
from n2s.data.recordings import prepare
from n2s.errors import UserError
from n2s.features.ready import Ready
from n2s.studies.study import Frames, Recording

EEG = Preprocessing(sfreq=50, picks=["eeg"])


def test_numbers_are_those_of_mne_filter_and_resampling(tmp_path):
    study = TinyStudy(tmp_path, n_subjects=1, n_stories=1)
    settings = Preprocessing(
        sfreq=50, picks=["eeg"], highpass_hz=0.5, lowpass_hz=20, notch_hz=[30.0], average_reference=True
    )
    (item,) = prepare(study, settings)
    raw = study.load(item.recording).load_data()
    raw.filter(31, 29, l_trans_bandwidth=0.9, h_trans_bandwidth=0.9, verbose="error").filter(
        0.5, 20, verbose="error"
    ).set_eeg_reference("average", verbose="error")
    expected = raw.get_data() * 1e6
    found = np.asarray(item.brain)
    inside = slice(100, -100)
    assert item.meta["sfreq"] == 50.0 and item.meta["units"] == ["uV"] * 8 and found.flags.c_contiguous
    resampled = mne.filter.resample(expected, down=2, method="polyphase", verbose="error").T
    assert np.abs(found - resampled)[inside].max() < 0.05 * expected.std()
    assert item.meta["support_s"] > 3.3 / 0.5  # an FIR high-pass at 0.5 Hz is at least this long


@pytest.mark.parametrize("sfreq", [100.0, 128.0, 600.614990234375])
def test_other_rates_are_resampled_and_times_kept(tmp_path, sfreq):
    study = TinyStudy(tmp_path, n_subjects=1, n_stories=1, sfreq=sfreq)
    (item,) = prepare(study, EEG)
    assert item.meta["sfreq"] == pytest.approx(50, rel=1e-4)
    raw = study.load(item.recording)
    time_s = np.arange(len(item.brain)) / item.meta["sfreq"]
    slow = mne.filter.filter_data(raw.get_data()[0] * 1e6, sfreq, None, 15, verbose="error")
    found = mne.filter.filter_data(np.asarray(item.brain[:, 0], float), 50, None, 15, verbose="error")
    expected = np.interp(time_s, raw.times, slow)
    assert np.corrcoef(found[50:-50], expected[50:-50])[0, 1] > 0.99


def test_prepared_once_and_again_only_when_something_changed(tmp_path):
    study = TinyStudy(tmp_path / "a", n_subjects=1, n_stories=2)
    first = prepare(study, EEG)
    times = [(p.folder, p.folder.stat().st_mtime_ns) for p in first]
    assert [(p.folder, p.folder.stat().st_mtime_ns) for p in prepare(study, EEG)] == times
    other = prepare(study, Preprocessing(sfreq=25, picks=["eeg"]))
    assert not {p.folder for p in other} & {p.folder for p in first}
    source = study.sources(study.recordings()[0])[0]
    os.utime(source, ns=(1, 1))
    again = prepare(study, EEG)
    assert again[0].folder != first[0].folder and again[1].folder == first[1].folder


@pytest.mark.slow
@pytest.mark.spawns
def test_a_kill_while_preparing_leaves_nothing_half_written(tmp_path):
    script = textwrap.dedent(f"""
        import os, signal, sys, pathlib
        sys.path.insert(0, {str(Path(__file__).parents[1])!r})
        from tiny import TinyStudy
        from n2s.data import Preprocessing
        from n2s.data.recordings import prepare
        class Dies(TinyStudy):
            def events(self, recording):
                if recording.task == "story2":
                    os.kill(os.getpid(), signal.SIGKILL)
                return super().events(recording)
        prepare(Dies({str(tmp_path)!r}, n_subjects=1), Preprocessing(sfreq=50, picks=["eeg"]))
    """)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    study = TinyStudy(tmp_path, n_subjects=1)
    folder = Path(os.environ["N2S_CACHE"]) / "prepared" / "tiny"
    before = {p: p.stat().st_mtime_ns for p in folder.glob("sub-01_task-story[01]-*")}
    items = prepare(study, EEG)
    assert len(items) == 4 and all(item.brain.shape[0] > 0 and len(item.events) for item in items)
    kept = [item.folder for item in items if before.get(item.folder) == item.folder.stat().st_mtime_ns]
    assert len(kept) == 2  # the two that were finished before the kill
    assert not list(folder.glob(".*"))


def test_a_full_disk_is_told_and_nothing_is_left(tmp_path, monkeypatch):
    study = TinyStudy(tmp_path, n_subjects=1, n_stories=1)
    monkeypatch.setenv("N2S_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: type("Usage", (), {"free": 1000})())
    with pytest.raises(UserError, match="is full.*N2S_CACHE"):
        prepare(study, EEG)
    assert not list((tmp_path / "cache").rglob("*.npy"))


@pytest.mark.slow
@pytest.mark.spawns
def test_preparing_in_two_processes_gives_the_same_files(tmp_path, processes):
    one = prepare(TinyStudy(tmp_path / "a", n_subjects=2, n_stories=2), EEG, n_jobs=1)
    two = prepare(TinyStudy(tmp_path / "b", n_subjects=2, n_stories=2), EEG, n_jobs=2)
    assert [p.meta["sha256"] for p in one] == [p.meta["sha256"] for p in two]


class Broken(TinyStudy):
    """A study with one thing wrong."""

    def __init__(self, root, wrong):
        super().__init__(root, n_subjects=1, n_stories=3)
        self.wrong, self.asked = wrong, True

    def recordings(self):
        return [Recording("01", modality="eeg")] * 2 if self.wrong == "names" else super().recordings()

    def load(self, recording):
        self.asked = False  # the brain heard something, whatever is left of it on disk
        raw = super().load(recording)
        self.asked = True
        if self.wrong in ("flat", "nan", "inf"):
            raw._data[2] = {"flat": 0.0, "nan": np.nan, "inf": np.inf}[self.wrong]
        if self.wrong == "bad flat":
            raw._data[2] = np.nan
            raw.info["bads"] = [raw.ch_names[2]]
        return raw

    def events(self, recording):
        events = super().events(recording)
        return events.assign(onset=events.onset + 20) if self.wrong == "late" else events

    def features(self, stimulus):
        frames = super().features(stimulus)
        if self.wrong == "short":
            return Frames(frames.values[:700], frames.rate_hz)
        return None if self.wrong in ("no audio", "lost audio") and self.asked else frames

    def audio(self, stimulus):
        return self.root / "nothing.wav" if self.wrong == "lost audio" else None


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("names", r"several recordings are named \['sub-01'\]"),
        ("flat", r"1 of 8 good channels carry no signal \(flat: "),
        ("nan", "NaN or infinite"),
        ("inf", "NaN or infinite"),
        ("late", "events lie outside the recording"),
        ("short", r"hears 'story0' up to 30.00 s, but its ready features end at 14.00 s"),
        ("no audio", "neither audio nor ready features"),
        ("lost audio", "no audio file at .*nothing.wav"),
    ],
)
def test_bad_input_is_told_before_training(tmp_path, wrong, message):
    study = Broken(tmp_path, wrong)
    data = MEGDataModule(
        {"t": study}, Ready(4), preprocessing=EEG, split=SplitByStory(val=["story1"], test=["story0"]), n_jobs=1
    )
    with pytest.raises(UserError, match=message):
        data.prepare_data()


def test_a_channel_marked_bad_may_hold_anything_and_is_masked(tmp_path):
    data = MEGDataModule(
        {"t": Broken(tmp_path, "bad flat")},
        Ready(4),
        preprocessing=EEG,
        split=SplitByStory(val=["story1"], test=["story0"]),
        n_jobs=1,
    )
    data.setup("fit")
    batch = next(iter(data.train_dataloader()))
    assert batch.mask[:, 2].logical_not().all() and batch.mask.sum() == 7 * len(batch) and batch.brain.isfinite().all()


def test_wrong_channel_types_and_rates_are_told(tmp_path):
    with pytest.raises(UserError, match="no channel of type .*it has eeg"):
        prepare(TinyStudy(tmp_path, n_subjects=1, n_stories=1), Preprocessing(sfreq=50))
    with pytest.raises(UserError, match="Nyquist"):
        Preprocessing(sfreq=50, lowpass_hz=40)
    with pytest.raises(UserError, match="expected some of"):
        Preprocessing(picks=["magnetometer"])


def test_positions_fill_the_unit_square_and_keep_left_and_right():
    info = mne.create_info(mne.channels.make_standard_montage("biosemi64").ch_names, 100.0, "eeg")
    info.set_montage("biosemi64")
    places = dict(zip(info["ch_names"], sensor_positions(info, "here"), strict=True))
    assert all((p >= 0).all() and (p <= 1).all() for p in places.values())
    assert places["T7"][0] < places["Cz"][0] < places["T8"][0] and places["Oz"][1] < places["Cz"][1] < places["Fpz"][1]
    bare = mne.create_info(["a", "b"], 100.0, "eeg")
    with pytest.raises(UserError, match="no place on the head"):
        sensor_positions(bare, "here")
