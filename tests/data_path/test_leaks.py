"""Nothing that is held out reaches training: planted leaks are seen, and noise scores chance."""

import numpy as np
import pandas as pd
import pytest
import torch
from tiny import RATE, TinyStudy

from n2s.data import MEGDataModule, Preprocessing, SplitByStory, SplitByTime
from n2s.features.ready import Ready
from n2s.metrics.retrieval import ranks
from n2s.studies.study import Frames

SPLIT = SplitByStory(val=["story1"], test=["story0"])


class Disturbed(TinyStudy):
    """The same study, but everything of the stories named in ``only`` is different: brain and features."""

    def features(self, stimulus):
        frames = super().features(stimulus)
        return Frames(frames.values * 30 + 7, RATE) if stimulus in (self.only or []) else frames

    def load(self, recording):
        raw = super().load(recording)
        for name, onset in self._played(recording).items():
            if name in (self.only or []):
                first = round(onset * self.sfreq)
                raw._data[:, first : first + round(self.story_s * self.sfreq)] *= 10
        return raw


class Leaky(MEGDataModule):
    """Trains on the test story too, behind the back of split, purge and check."""

    def _lay(self, split, intervals):
        leaked = intervals[intervals.split == "test"].assign(split="train")
        return super()._lay(split, pd.concat([intervals, leaked], ignore_index=True))


def _data(root, split=SPLIT, study=TinyStudy, preprocessing=None, options=None, kind=MEGDataModule, **more):
    data = kind(
        {"t": study(root, **(options or {}))},
        Ready(4),
        split=split,
        n_jobs=1,
        batch_size=16,
        preprocessing=preprocessing or Preprocessing(sfreq=50, picks=["eeg"]),
        **more,
    )
    data.setup("fit")
    return data


def _train(data):
    return [(batch.brain, batch.target) for batch in data.train_dataloader()]


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("filters", [{}, {"highpass_hz": 1.0, "lowpass_hz": 20.0}])
def test_training_batches_do_not_change_when_held_out_data_do(tmp_path, together, filters):
    """Scaler, feature statistics, filters across a border: all at once, bit by bit where nothing is filtered."""
    options = {"together": together, "n_subjects": 1}
    preprocessing = Preprocessing(sfreq=50, picks=["eeg"], **filters)
    clean = _train(_data(tmp_path / "a", preprocessing=preprocessing, options=options))
    disturbed = {**options, "only": ["story0", "story1"]}
    other = _train(_data(tmp_path / "b", study=Disturbed, preprocessing=preprocessing, options=disturbed))
    tolerance = 1e-3 if filters and together else 0.0  # the filter's FFT rounds a large neighbour's blocks differently
    for (brain, target), (brain2, target2) in zip(clean, other, strict=True):
        assert torch.equal(target, target2)
        assert (brain - brain2).abs().max() <= tolerance


def test_without_the_gap_the_filter_would_leak(tmp_path):
    """The test above can fail: the same disturbance reaches training samples next to the border."""
    options = {"together": True, "n_subjects": 1}
    preprocessing = Preprocessing(sfreq=50, picks=["eeg"], highpass_hz=1.0, lowpass_hz=20.0)
    clean = _data(tmp_path / "a", preprocessing=preprocessing, options=options)
    other = _data(
        tmp_path / "b", study=Disturbed, preprocessing=preprocessing, options={**options, "only": ["story0", "story1"]}
    )
    key = next(iter(clean.recordings))
    change = np.abs(clean.recordings[key].brain - other.recordings[key].brain).max(1)
    border = round(61.0 * 50)  # story 1 (validation) ends, story 2 (training) begins
    assert change[border + 5] > 1.0  # uV, against a signal of about 3
    gap_s = clean.recordings[key].meta["support_s"]
    assert change[border + round(gap_s * 50) + 1 :].max() < 1e-3
    first = clean.windows["train"].intervals.onset.min()
    assert first >= 61.0 + gap_s - 1e-6


@pytest.mark.slow
def test_a_memoriser_finds_a_planted_leak_and_nothing_else(tmp_path):
    """Noise-only data: the nearest training window tells the answer when test audio is trained on, and only then."""
    honest, leaky = (
        _data(tmp_path / kind.__name__, kind=kind, options={"gain": 0.0, "n_subjects": 6})
        for kind in (MEGDataModule, Leaky)
    )
    n, k = 60, 10
    assert _recall(leaky) > 0.9
    assert _recall(honest) <= 1 / k + 3.29 * np.sqrt(1 / k * (1 - 1 / k) / n)  # 99.9% of chance


def _recall(data):
    """Top-1 of a decoder that answers with the target of the most similar training window."""
    train = _all(data, "train")
    test = _all(data, "test")
    near = torch.cdist(test.brain.flatten(1), train.brain.flatten(1)).argmin(1)
    scores = train.target[near].flatten(1) @ data.segment_targets("test").flatten(1).T
    rank = ranks(scores, test.segment)
    return (rank == 0).float().mean().item()


def _all(data, split):
    """All windows of a split in one batch."""
    return next(iter(data._loader(split, batch_size=len(data.windows[split]), shuffle=False)))


def test_test_recordings_take_their_subjects_training_scale(tmp_path):
    data = _data(tmp_path)
    own = [data.scalers[f"t/sub-01_task-story{i}"] for i in (2, 3)]
    test = data.scalers["t/sub-01_task-story0"]
    assert test.source == "the subject's training windows" and own[0].source == "own training windows"
    assert np.allclose(test.scale, np.median([s.scale for s in own], axis=0))
    other = data.scalers["t/sub-02_task-story0"]
    assert not np.allclose(test.scale, other.scale)


def test_scaling_a_recording_by_itself_is_an_option_that_says_so(tmp_path):
    data = _data(tmp_path, scaler="recording")
    assert {s.source for s in data.scalers.values()} == {"the recording itself"}


def test_a_window_lies_inside_its_interval_even_when_moved(tmp_path):
    from n2s.data import Grid

    data = _data(tmp_path, split=SplitByTime(n_folds=5), train_windows=Grid(0.5, jitter=True))
    windows = data.windows["train"]
    table = windows.intervals
    first = table.stimulus_onset.to_numpy()[windows.interval]
    stop = (table.stimulus_onset + table.duration).to_numpy()[windows.interval]
    seen = []
    for epoch in range(5):
        start = windows.jittered(3.0, [0, epoch])
        seen.append(start)
        assert (start >= first - 1e-9).all() and (start + 3.0 <= stop + 1e-9).all()
        for segment in np.unique(windows.segment):  # all listeners get the same move
            assert np.ptp(start[windows.segment == segment]) < 1e-9
    assert np.std(seen, axis=0).mean() > 0.05


def test_less_training_audio_is_the_first_of_it(tmp_path):
    segments = _data(tmp_path, train_hours=40 / 3600).windows["train"].segments
    assert segments[segments.stimulus == "t/story2"].start_s.max() == 27.0
    assert segments[segments.stimulus == "t/story3"].start_s.max() == 7.0
