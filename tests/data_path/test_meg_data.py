"""Batches: the right samples, the same from both residencies, the same in every epoch's order."""

import numpy as np
import pytest
import torch
from tiny import LAG_S, RATE, TinyStudy

from n2s.data import Grid, MEGDataModule, Preprocessing, SplitByStory, SplitByTime, WordOnsets
from n2s.data.positions import sensor_kinds
from n2s.errors import UserError
from n2s.features.ready import Ready
from n2s.features.sentence import HashedBagOfWords
from n2s.studies.simulated.sensors import helmet

SPLIT = SplitByStory(val=["story1"], test=["story0"])


def _data(studies, **options):
    options = {
        "split": SPLIT,
        "preprocessing": Preprocessing(sfreq=50, picks=["eeg"]),
        "batch_size": 32,
        "n_jobs": 1,
    } | options
    data = MEGDataModule(studies, options.pop("target", Ready(4)), **options)
    data.setup("fit")
    return data


def _same(one, two):
    return all(
        torch.equal(value, getattr(two, name)) if isinstance(value, torch.Tensor) else value == getattr(two, name)
        for name, value in vars(one).items()
    )


@pytest.mark.slow
def test_residencies_give_the_same_numbers_in_the_same_order(tmp_path):
    """Two studies with different sensors and rates, moved windows, two epochs."""
    studies = {"a": TinyStudy(tmp_path / "a"), "b": TinyStudy(tmp_path / "b", n_channels=12, sfreq=128.0, seed=1)}
    options = {"train_windows": Grid(1.0, jitter=True)}
    device, host = (_data(studies, residency=r, **options) for r in ("device", "host"))
    for epoch in (0, 1):
        loaders = device.train_dataloader(), host.train_dataloader()
        for loader in loaders:
            loader.sampler.set_epoch(epoch)
        pairs = list(zip(*loaders, strict=True))
        assert len(pairs) > 3 and all(_same(one, two) for one, two in pairs)
    assert pairs[0][0].brain.shape == (32, 12, 142)
    assert {int(n) for n in pairs[0][0].mask.sum(1)} == {8, 12}


@pytest.mark.parametrize("offset_s", [0.16, 0.15])
def test_brain_and_target_are_the_samples_they_should_be(tmp_path, offset_s):
    """Window by window against the prepared array and the features, cut and scaled by hand.

    160 ms are 8 samples. 150 ms are 7.5: the brain starts with the 8th, and the target 10 ms after the window, between the
    frames of the feature; there it is that of the story's Fourier series.
    """
    data = _data({"t": TinyStudy(tmp_path)}, offset_s=offset_s)
    shift_s = 0.16 - offset_s
    batch = next(iter(data.test_dataloader()))
    table = data.window_table("test")
    stories = {name: data.stimuli[f"t/{name}"].ready.values for name in ("story2", "story3")}
    known = np.concatenate(list(stories.values()))
    for row in range(0, len(batch), 5):
        window = table.iloc[int(batch.row[row])]
        item, scaler = data.recordings[window.recording], data.scalers[window.recording]
        first = round(window.start_s * 50)
        raw = (np.asarray(item.brain[first : first + 150]) - scaler.centre) / scaler.scale
        brain = np.clip(raw[8:] - raw[:25].mean(0), -20, 20)
        assert np.abs(batch.brain[row].T.numpy() - brain).max() < 5e-3  # float16 of values up to 5
        story = data.stimuli[window.stimulus].ready.values
        turn = np.exp(2j * np.pi * np.fft.rfftfreq(len(story), 1 / RATE) * shift_s)[:, None]
        story = np.fft.irfft(np.fft.rfft(story, axis=0) * turn, len(story), axis=0)
        target = (story[round(window.stimulus_start_s * RATE) :][:142] - known.mean(0)) / known.std(0)
        error = np.abs(batch.target[row].T.numpy() - target)
        # the series is periodic, and the story is not: only near its ends they differ
        assert error.max() < 5e-3 if not shift_s else np.median(error) < 0.01 and error[20:-20].max() < 0.05


def test_brain_follows_the_target_by_the_planted_lag(tmp_path):
    """A regression from target to brain is best where the response was planted: at the lag less the offset."""
    data = _data({"t": TinyStudy(tmp_path, gain=10.0)}, offset_s=0.0, baseline_s=0.0)
    batch = next(iter(data.train_dataloader()))
    one = batch.subject == 0  # subjects have their own mixing
    fits = []
    for lag in range(12):
        inputs = batch.target[one, :, : 150 - lag].permute(0, 2, 1).reshape(-1, 4).double()
        outputs = batch.brain[one, :, lag:].permute(0, 2, 1).reshape(-1, 8).double()
        left = outputs - inputs @ torch.linalg.lstsq(inputs, outputs).solution
        fits.append(1 - left.var() / outputs.var())
    assert int(np.argmax(fits)) == round(LAG_S * 50) and max(fits) > 0.9


@pytest.mark.slow
def test_segments_are_shared_by_listeners_and_targets_are_theirs(tmp_path):
    data = _data({"t": TinyStudy(tmp_path, n_subjects=3)})
    batch = next(iter(data.test_dataloader()))
    assert len(data.windows["test"]) == 30 and len(data.windows["test"].segments) == 10
    assert torch.equal(data.segment_targets("test")[batch.segment], batch.target)
    table = data.candidate_table("test")
    assert list(table.columns) == ["stimulus", "start_s", "story", "duration_s", "text", "audio"]
    assert table.text[0] == "w00 w01 w02" and len(data.segment_timing("test")) == 10


@pytest.mark.slow
def test_an_epoch_sees_each_window_once_in_a_new_order_and_processes_share_it(tmp_path):
    data = _data({"t": TinyStudy(tmp_path)}, batch_size=20)
    loader = data.train_dataloader()
    epochs = []
    for epoch in (0, 1, 0):
        loader.sampler.set_epoch(epoch)
        epochs.append(torch.cat([batch.row for batch in loader]))
    assert torch.equal(epochs[0], epochs[2]) and not torch.equal(epochs[0], epochs[1])
    assert sorted(epochs[0].tolist()) == list(range(len(data.windows["train"])))
    from n2s.data.sampler import Sampler

    options = {"batch_size": 20, "shuffle": True, "seed": 0}
    shards = [list(Sampler(220, rank=rank, world_size=2, **options)) for rank in (0, 1)]
    whole = list(Sampler(220, **options))
    assert all(set(w) == set(a) | set(b) and len(a) == len(b) == 10 for w, a, b in zip(whole, *shards, strict=True))


@pytest.mark.slow
def test_word_windows_start_before_words(tmp_path):
    data = _data({"t": TinyStudy(tmp_path)}, test_windows=WordOnsets(0.5))
    starts = data.candidate_table("test").start_s
    assert np.allclose((starts + 0.5) % 1.0, 0) and len(starts) == 27 and starts.min() == 0.5


@pytest.mark.slow
def test_clip_features_are_one_vector_a_window(tmp_path):
    data = _data({"t": TinyStudy(tmp_path)}, target=HashedBagOfWords(n_features=16))
    batch = next(iter(data.train_dataloader()))
    assert batch.target.shape == (32, 16, 1)
    with pytest.raises(UserError, match="must not jitter"):
        _data({"t": TinyStudy(tmp_path)}, target=HashedBagOfWords(n_features=16), train_windows=Grid(1.0, jitter=True))


@pytest.mark.slow
def test_a_subject_without_training_data_is_unseen(tmp_path):
    class Newcomer(TinyStudy):
        def recordings(self):
            return [r for r in super().recordings() if r.subject == "01" or r.task == "story0"]

    study = Newcomer(tmp_path)
    with pytest.raises(UserError, match="subject 02 has no training data.*data.scaler"):
        _data({"t": study})
    data = _data({"t": study}, scaler="recording")
    batch = next(iter(data.test_dataloader()))
    assert set(batch.subject.tolist()) == {0, -1} and data.subjects == ["t/01", "t/02"]


def test_bad_spans_hold_no_window(tmp_path):
    import mne

    class Annotated(TinyStudy):
        def load(self, recording):
            return super().load(recording).set_annotations(mne.Annotations([10.0], [2.0], ["BAD_movement"]))

    data = _data({"t": Annotated(tmp_path)}, train_windows=Grid(0.5, jitter=True))
    table = data.window_table("train")
    assert ((table.start_s + 3.5 <= 10.0) | (table.start_s >= 12.0)).all() and (table.start_s < 7).any()


@pytest.mark.slow
def test_an_empty_split_is_told(tmp_path):
    study = TinyStudy(tmp_path)
    with pytest.raises(UserError, match="the test split is empty.*data.split"):
        _data({"t": study}, split=SplitByStory(val=["story0"], test=[]))
    with pytest.raises(UserError, match="the val split is empty.*data.split"):
        _data({"t": study}, split=SplitByStory(val_fraction=1e-9, test=["story0"]))
    with pytest.raises(UserError, match="val names the story 'stroy1', which no recording heard. Nearest: story1"):
        _data({"t": study}, split=SplitByStory(val=["stroy1"], test=["story0"]))
    with pytest.raises(UserError, match="split is empty: no window of 7 s fits"):
        _data({"t": study}, split=SplitByTime(n_folds=5), window_s=7.0)
    with pytest.raises(UserError, match="offset must be shorter"):
        _data({"t": study}, offset_s=4.0)


def test_what_the_data_were_is_hashed(tmp_path):
    hashes = _data({"t": TinyStudy(tmp_path, n_subjects=1)}).data_hashes()
    assert len(hashes) == 8 and all(len(value) == 64 for value in hashes.values())
    assert hashes != _data({"t": TinyStudy(tmp_path / "b", n_subjects=1, seed=1)}).data_hashes()


def test_kinds_of_sensors():
    """Megin numbers a place's magnetometer 1 and its planar gradiometers 2 and 3; other systems have one kind."""
    info = helmet(100.0)
    kinds = sensor_kinds(info.ch_names)
    types = np.array(info.get_channel_types())
    assert set(types[kinds == 0]) == {"mag"} and set(types[kinds > 0]) == {"grad"}
    assert np.bincount(kinds).tolist() == [102, 102, 102]
    assert sensor_kinds(["MLC11-2908", "Fp1", "MEG 001", "MEG0113", "EEG 013"]).tolist() == [0, 0, 0, 2, 0]
