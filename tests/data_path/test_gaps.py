"""Gaps between splits stand where filters reach, and nowhere else; what they take is told."""

import mne
import numpy as np
import pandas as pd
import pytest
from tiny import TinyStudy

from n2s.data import EncodingDataModule, Grid, Lags, MEGDataModule, Preprocessing, SplitByStory
from n2s.data.edges import annotated, filtered_apart
from n2s.data.gaps import Lost, Reach, empty_split, purge
from n2s.errors import UserError
from n2s.features.ready import Ready
from n2s.studies import BIDSStudy

PRIORITY = {"test": 2, "val": 1, "train": 0}
HIGHPASS = {"sfreq": 50, "picks": ["eeg"], "highpass_hz": 1.0}


class Trials(TinyStudy):
    """160 sounds of one second, one after the other; ``seam`` says how the recording shows where each was cut apart."""

    def __init__(self, root, seam, story_s=1.0):
        self.seam = seam
        super().__init__(root, n_subjects=1, n_stories=160, story_s=story_s, together=True, sentence_s=1.0)

    def settings(self):
        return {"seam": self.seam, "story_s": self.story_s}

    def load(self, recording):
        raw = super().load(recording)
        onset = [self._played(recording)[name] for name in self.stories]
        if self.seam == "file":  # as joining files does: a seam is two notes without a length
            raw.set_annotations(mne.Annotations(onset * 2, 0.0, ["EDGE boundary"] * 160 + ["BAD boundary"] * 160))
        elif self.seam:
            raw.set_annotations(mne.Annotations(onset, 0.0, self.seam))
        return raw


HELD_OUT = SplitByStory(
    val=[f"story{i}" for i in range(3, 160, 8)], test=[f"story{i}" for i in range(7, 160, 8)]
)  # 20 and 20 of 160, spread: every training trial has one within four seconds


def _data(study, preprocessing=None, **more):
    options = {"window_s": 1.0, "offset_s": 0.0, "baseline_s": 0.2, "split": HELD_OUT, "n_jobs": 1} | more
    data = MEGDataModule({"t": study}, Ready(4), preprocessing=Preprocessing(**(preprocessing or HIGHPASS)), **options)
    data.setup("fit")
    return data


def _rows_of(study, preprocessing, split):
    """The same recordings as rows, and all rows of the one person."""
    data = EncodingDataModule({"t": study}, {"f": Ready(4)}, Lags(0.0, 0.0), preprocessing=preprocessing, split=split)
    data.setup("fit")
    return data, data.rows("t/01")


@pytest.mark.slow
@pytest.mark.parametrize("seam", ["file", "BAD_ACQ_SKIP", "New Segment/"])
def test_trials_that_were_cut_apart_lose_nothing(tmp_path, seam):
    """120 of 160 trials are for training; a gap of 3.7 s on either side of the others left none."""
    data = _data(Trials(tmp_path, seam))
    assert [len(data.windows[split]) for split in ("train", "val", "test")] == [120, 20, 20]
    assert data.lost == [] and "gap" not in str(data)


@pytest.mark.slow
def test_trials_of_one_stretch_lose_what_the_filter_reaches_and_are_told(tmp_path):
    split = SplitByStory(val=[f"story{i}" for i in range(80, 84)], test=[f"story{i}" for i in range(120, 124)])
    data = _data(Trials(tmp_path, ""), split=split)
    gap_s = data.recordings["t/sub-01_task-all"].meta["support_s"]
    assert 3.3 < gap_s < 3.8
    (lost,) = data.lost
    assert lost.windows == 152 - len(data.windows["train"]) == 4 * 4  # four trials on each side of two held-out blocks
    assert lost.seconds == pytest.approx(4 * gap_s, abs=0.05)
    assert f"t: the gap of {gap_s:.2f} s at borders between splits (highpass_hz 1) took" in str(data)
    assert "16 training windows" in str(data)


@pytest.mark.slow
def test_a_split_that_the_gap_empties_says_so(tmp_path):
    with pytest.raises(
        UserError, match="(?s)train split is empty: the gap.*all of its 120 windows.*highpass_hz 1 makes 3.30 s"
    ):
        _data(Trials(tmp_path, ""), HIGHPASS)


@pytest.mark.slow
def test_trials_that_begin_between_samples_of_the_new_rate_are_all_there(tmp_path):
    """Each trial is as long as a window and cut off at both ends; at 32 Hz most edges of 100 Hz fall between samples."""
    study = Trials(tmp_path, "EDGE boundary", story_s=1.01)
    data = _data(study, {"sfreq": 32.0, "picks": ["eeg"]})
    first_s = np.array([study._played(study.recordings()[0])[name] for name in study.stories])
    for split, n in (("train", 120), ("val", 20), ("test", 20)):
        windows = data.windows[split]
        assert len(windows) == n
        first = windows.brain_start(windows.start_s, np.array([32.0]), np.arange(n))
        for start in first:
            times_s = np.arange(start, start + 32) / 32.0
            assert len(set(np.searchsorted(first_s, times_s + 1e-9, side="right"))) == 1
    _, rows = _rows_of(study, Preprocessing(sfreq=32.0, picks=["eeg"]), HELD_OUT)
    playing = rows.stimulus_s.notna()
    trial = np.searchsorted(first_s, rows.time_s + 1e-9, side="right") - 1
    assert rows.stimulus[playing].tolist() == [f"t/story{number}" for number in trial[playing]]
    np.testing.assert_allclose(rows.stimulus_s[playing], (rows.time_s - first_s[trial])[playing], atol=1e-9)
    assert (
        set(rows[playing].groupby("stimulus", observed=True).size()) == {32, 33}
        and rows[playing].stimulus.nunique() == 160
    )


@pytest.mark.slow
def test_separate_recordings_know_no_gap(tmp_path):
    study = TinyStudy(tmp_path, n_subjects=1, n_stories=12, story_s=3.0, sentence_s=3.0)
    data = _data(study, split=SplitByStory(val=["story1"], test=["story2"]), window_s=3.0)
    assert len(data.windows["train"]) == 10 and data.lost == []


def test_no_filter_reaches_over_an_edge(tmp_path):
    """What `purge` rests on: after a trial is disturbed, every sample of the others is what it was."""
    study = Trials(tmp_path, "EDGE")
    clean = study.load(study.recordings()[0])
    other = clean.copy()
    other._data[:, 700:800] *= 1e3
    preprocessing = Preprocessing(**HIGHPASS, lowpass_hz=20.0)
    one, two = preprocessing(clean, "a")[0], preprocessing(other, "b")[0]
    assert (np.abs(one - two).max(1) > 0).nonzero()[0].tolist() == list(range(350, 400))


def test_windows_hold_samples_of_one_stretch_and_none_that_is_bad_and_rows_are_all_others(tmp_path):
    """Edges and bad spans at times that are no sample of the new rate, inside a story."""
    rng = np.random.default_rng(0)
    edges, bad = np.sort(rng.uniform(2, 110, 6)), np.sort(rng.uniform(2, 110, 6))

    class Cut(TinyStudy):
        def load(self, recording):
            raw = super().load(recording)
            notes = mne.Annotations(edges, 0.0, "EDGE boundary") + mne.Annotations(bad, 0.333, "BAD_jump")
            return raw.set_annotations(notes)

    study = Cut(tmp_path, together=True, n_subjects=1)
    data = _data(
        study, {"sfreq": 32.0, "picks": ["eeg"]}, window_s=2.0, train_windows=Grid(0.1), scaler="recording",
        split=SplitByStory(val=["story1"], test=["story2"]),
    )  # fmt: skip
    meta = data.recordings["t/sub-01_task-all"].meta
    raw_edges = np.rint(edges * 100) / 100
    assert len(meta["stretches"]) == 7
    seen = 0
    for windows in data.windows.values():
        first = windows.brain_start(windows.start_s, np.array([32.0]), np.arange(len(windows)))
        for start in first:
            time_s = np.arange(start, start + 64) / 32.0
            assert len(set(np.searchsorted(raw_edges, time_s, side="right"))) == 1
            assert not ((time_s[:, None] >= bad) & (time_s[:, None] < bad + 0.333)).any()
            seen += 1
    assert seen > 300
    encoding, rows = _rows_of(study, Preprocessing(sfreq=32.0, picks=["eeg"]), data.split)
    time_s = rows.time_s.to_numpy()
    clean = ~((time_s[:, None] >= bad) & (time_s[:, None] <= bad + 0.333)).any(1)
    heard = clean & (time_s >= 1.0) & (time_s < 121.0)  # four stories of 30 s, after a second of silence
    (fold,) = encoding.folds("t/01")
    assert clean[fold.train].all() and clean[fold.test].all() and not clean.all()
    parts = encoding.listened("t/01", "f")
    assert len(parts) > 6 and sum(len(brain) for brain, _ in parts) == heard.sum()
    told = np.concatenate([feature for _, feature in parts])
    expected = np.concatenate([study.features(name).values for name in study.stories])
    nearest = np.floor((time_s[heard] - 1.0) * 50 + 0.5 + 1e-6).astype(int)
    for column in range(4):  # at 32 of 50 Hz they are filtered
        assert np.corrcoef(told[:, column], expected[nearest.clip(0, len(expected) - 1), column])[0, 1] > 0.9


def test_notes_are_counted_from_the_first_sample_with_and_without_a_date():
    for date in (None, 0.0):
        raw = mne.io.RawArray(np.zeros((1, 1000)), mne.create_info(1, 100.0, "mag"), first_samp=2000, verbose="ERROR")
        raw.set_meas_date(date)
        raw.set_annotations(mne.Annotations([4.0], [1.0], ["BAD_ACQ_SKIP"]))
        assert annotated(raw) == [(4.0, 1.0, "BAD_ACQ_SKIP")]
        assert filtered_apart(raw) == [(0, 400), (500, 1000)]


def test_joined_files_are_filtered_apart():
    raws = [
        mne.io.RawArray(np.zeros((1, n)), mne.create_info(1, 100.0, "mag"), verbose="ERROR") for n in (300, 500, 200)
    ]
    raws[0].append(raws[1:])
    assert filtered_apart(raws[0]) == [(0, 300), (300, 800), (800, 1000)]


def _rows(*spans):
    rows = [{"onset": a, "duration": b - a, "stimulus_onset": a - 1.0, "split": split} for a, b, split in spans]
    return pd.DataFrame(rows)


def test_a_step_that_reaches_over_edges_has_its_own_gap():
    rows = _rows((0, 10, "train"), (10, 20, "test"), (20, 30, "train"))
    for over_edges_s, expected in ((0.0, [(0, 10), (10, 20), (23, 30)]), (1.0, [(0, 9), (10, 20), (23, 30)])):
        reach = Reach(3.0, over_edges_s, [(-np.inf, 10.0), (10.0, np.inf)])
        found = purge(rows, reach, PRIORITY)
        spans = sorted(zip(found.onset, found.onset + found.duration, strict=True))
        assert spans == [pytest.approx(pair) for pair in expected]
        assert np.allclose(found.onset - found.stimulus_onset, 1.0)


def test_a_rounded_onset_leaves_no_sliver_that_opens_a_gap():
    """A test trial's event stands 4 ms before the edge where it begins: the trial before it is not cut."""
    rows = _rows((0, 10, "train"), (9.996, 20, "test"))
    found = purge(rows, Reach(3.0, 0.0, [(-np.inf, 10.0), (10.0, np.inf)]), PRIORITY)
    assert sorted(zip(found.onset, found.duration, strict=True)) == [(0, pytest.approx(10)), (10, pytest.approx(10))]


@pytest.mark.parametrize("first_samp", [0, 2000])
def test_what_a_fif_file_marks_is_known_in_bids(tmp_path, first_samp):
    """Seams and bad spans of a file that was joined from two, without a date and not beginning at 0."""
    parts = [mne.io.RawArray(1e-13 * np.ones((2, 1000)), mne.create_info(2, 100.0, "mag"), first_samp, verbose="ERROR")]
    parts.append(parts[0].copy())
    parts[0].set_annotations(mne.Annotations([2.0], [1.5], ["BAD_movement"]))
    parts[0].append(parts[1])
    folder = tmp_path / "sub-01" / "meg"
    folder.mkdir(parents=True)
    parts[0].info["line_freq"] = 50
    parts[0].save(folder / "sub-01_task-listen_meg.fif", verbose="ERROR")
    (folder / "sub-01_task-listen_meg.json").write_text('{"TaskName": "listen", "PowerLineFrequency": 50}')
    (tmp_path / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.8.0"}')
    (folder / "sub-01_task-listen_events.tsv").write_text("onset\tduration\ttrial_type\n1.0\t1.0\tword\n")
    study = BIDSStudy(str(tmp_path), name="lab")
    raw = study.load(study.recordings()[0])
    assert filtered_apart(raw) == [(0, 1000), (1000, 2000)]
    assert [note for note in annotated(raw) if note[2] == "BAD_movement"] == [(2.0, 1.5, "BAD_movement")]


def test_a_split_that_moved_volumes_empty_names_the_option_of_the_data():
    """No filter makes that gap, and no option of the preprocessing is to be lowered."""
    rows = pd.DataFrame({"story": ["a"]})
    lost = [Lost("fmri", 36.0, {"response_s (of BOLD)": 36.0}, 80.0, 9)]
    said = str(empty_split("train", rows, would_be=9, lost=lost, window_s=10.0))
    assert "data.response_s" in said and "preprocessing" not in said and "ilter" not in said
