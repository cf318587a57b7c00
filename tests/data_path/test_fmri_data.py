"""From runs and clips to batches: every number computed again by hand, and every leak that was planted found."""

import shutil

import numpy as np
import pytest
from tiny_fmri import LAG_S, TinyFMRI

from n2s.data import FMRIDataModule
from n2s.data.recordings import Shard
from n2s.errors import UserError
from n2s.features import ClipFbank, MelStatistics
from n2s.findings import kept


@pytest.fixture
def tiny(tmp_path):
    return TinyFMRI(tmp_path / "tiny")


def made(study, **options):
    options = {"lag_s": LAG_S, "val_fraction": 0.2} | options
    data = FMRIDataModule({"tiny": study}, MelStatistics(n_mels=4), **options)
    data.setup("fit")
    return data


def naive(study, subject, sound, clip, *, repeat=1, lag=2, n=1):
    """The volumes of a clip, from the study itself."""
    (run,) = [r for r in study.recordings() if (r.subject, r.task, r.session) == (subject, sound, str(repeat))]
    return study.load(run).data[clip + lag : clip + lag + n]


def rows(data, split, subject="tiny/01"):
    part = data.splits[split]
    own = np.flatnonzero(part.table.subject == subject)
    return part.table.iloc[own], part.brain[data.subjects.index(subject)]


def z(values, train):
    return (values - train.mean(0)) / train.std(0)


# what a response is


@pytest.mark.parametrize(("window_s", "n"), [(None, 1), (2.0, 2), (3.0, 3)])
def test_a_response_is_the_mean_of_its_volumes_scaled_by_training_clips(tiny, window_s, n):
    data = made(tiny, window_s=window_s)
    table, brain = rows(data, "train")

    def volumes(row):
        return naive(tiny, "01", row.stimulus.split("/")[1], int(row.start_s), n=n).mean(0)

    train = np.stack([volumes(row) for row in table.itertuples()])
    np.testing.assert_allclose(brain, z(train, train), atol=2e-4)
    assert data.n_voxels == [8, 9] and len(brain) == len(table)
    table, brain = rows(data, "val")
    np.testing.assert_allclose(brain, z(np.stack([volumes(row) for row in table.itertuples()]), train), atol=2e-4)


def test_a_stack_keeps_the_volumes_in_order(tiny):
    data = made(tiny, window_s=2.0, volumes="stack", roi="half")
    table, brain = rows(data, "train", "tiny/02")
    train = np.stack([naive(tiny, "02", r.stimulus.split("/")[1], int(r.start_s), n=2) for r in table.itertuples()])[
        :, :, :4
    ]
    assert brain.shape == (48, 2, 4)
    np.testing.assert_allclose(brain, z(train, train.reshape(-1, 4)), atol=2e-4)


def test_each_run_by_its_own_training_clips_if_asked(tiny):
    data = made(tiny, scale="run")
    table, brain = rows(data, "train")
    for _, at in table.reset_index().groupby("recording").groups.items():
        np.testing.assert_allclose(brain[at].mean(0), 0, atol=1e-4)
        np.testing.assert_allclose(brain[at].std(0), 1, atol=1e-3)
    pooled = rows(made(tiny), "test")[1]
    np.testing.assert_allclose(rows(data, "test")[1], pooled)  # a test run has no training clips: its subject's


@pytest.mark.parametrize("n", [1, 2, 4, 5])
def test_few_training_clips_scale_no_run(tiny, n):
    def few(run, table):
        if run.task != "s0":
            return table
        split = np.where(np.arange(len(table)) < n, "train", "val")
        return table.assign(split=split, group=[f"s0 {one}" for one in split])

    tiny.clips_of = few
    with kept() as findings:
        own, pooled = (rows(made(tiny, scale=by), "val") for by in ("run", "subject"))
    here = (own[0].recording == "tiny/sub-01_ses-1_task-s0").to_numpy()
    assert here.sum() > 0
    alike = np.allclose(own[1][here], pooled[1][here])
    assert alike == (n < 5)  # of one clip all responses were 0, of two their deviation was 28
    told = [one.text for one in findings if "too few to scale" in one.text]
    assert bool(told) == (n < 5) and all(text.startswith(f"{n} training clips") for text in told)


def test_repeats_are_averaged_where_they_are_held_out(tiny):
    once = made(tiny, average_repeats=False)
    table, brain = rows(once, "test")
    assert len(table) == 24
    _, averaged = rows(made(tiny), "test")
    np.testing.assert_allclose(averaged, (brain[:12] + brain[12:]) / 2, atol=1e-5)


def test_test_volumes_change_no_scale(tiny):
    before = made(tiny)
    tiny.spoil = lambda run, data: 7 * data + 3 if run.task == "s5" else data
    after = made(tiny)
    for one, other in zip(before.scales, after.scales, strict=True):
        np.testing.assert_array_equal(one.mean, other.mean)
        np.testing.assert_array_equal(one.deviation, other.deviation)
    np.testing.assert_array_equal(rows(before, "train")[1], rows(after, "train")[1])


def test_a_voxel_that_never_changes_in_training_is_zero(tiny):
    def spoil(run, data):
        data[:, 3] = 5 if run.task != "s5" else data[:, 3]
        return data

    tiny.spoil = spoil
    data = made(tiny)
    assert all((rows(data, split)[1][:, 3] == 0).all() for split in ("train", "val", "test"))
    assert all(np.isfinite(part.brain[0]).all() for part in data.splits.values())


# which clips are used


def test_windows_that_leave_the_run_are_left_out_and_counted(tiny):
    data = made(tiny, lag_s=5.0)  # 16 volumes, 12 clips
    assert len(rows(data, "test")[0]) == 11  # of 12
    assert "14 presentations left out: their window reaches out of the run" in str(data)


def test_prompts_are_in_no_split(tiny):
    tiny.clips_of = lambda run, table: table.assign(split=["prompt"] * 3 + list(table.split[3:]))
    data = made(tiny)
    assert all(part.table.start_s.min() == 3 for part in data.splits.values())


def test_training_clips_that_share_a_volume_with_held_out_ones_are_dropped(tiny):
    def clips(run, table):
        if run.task != "s1":
            return table
        half = table.index < 6
        return table.assign(split=np.where(half, "train", "test"), group=np.where(half, "s1-a", "s1-b"))

    tiny.val, tiny.clips_of = True, clips
    data = made(tiny, window_s=3.0)
    table, _ = rows(data, "train")
    assert sorted(table.start_s[table.stimulus == "tiny/s1"]) == [0, 1, 2, 3]  # 4 and 5 see volumes of clip 6
    assert "4 presentations left out: training clips that share volumes" in str(data)  # two of each subject


def test_validation_is_whole_groups_by_their_hash(tiny):
    data = made(tiny, val_fraction=0.4)
    groups = {split: set(part.table.group) for split, part in data.splits.items()}
    assert len(groups["val"]) == 2 and len(groups["train"]) == 3 and groups["test"] == {"tiny/s5"}
    assert not groups["val"] & groups["train"]
    for subject in data.subjects:
        assert set(rows(data, "val", subject)[0].group) == groups["val"]
    tiny.n_subjects = 1
    assert set(made(tiny, val_fraction=0.4, seed=9).splits["val"].table.group) == groups["val"]  # whoever heard it
    own = made(TinyFMRI(tiny.root, val=True))
    assert set(own.splits["val"].table.group) == {"tiny/s0"}  # the study's own


# planted leaks


def test_a_group_in_two_splits_is_refused(tiny):
    def clips(run, table):
        return table.assign(split="test") if (run.subject, run.task) == ("02", "s2") else table

    tiny.clips_of = clips
    with pytest.raises(
        UserError,
        match=r"'tiny/s2' has clips in two splits: tiny/s2 \(test\) in tiny/sub-02.* tiny/s2 \(train\) in tiny/sub-01",
    ):
        made(tiny)


def test_one_sound_under_two_names_in_two_splits_is_refused(tiny):
    shutil.copy(tiny.audio("s5"), tiny.audio("s2"))
    with pytest.raises(UserError, match="one sound is in two splits: 'tiny/s"):
        made(tiny)


def test_no_clip_of_a_group_is_on_both_sides(tiny):
    data = made(tiny)
    sides = [set(part.table.group) for part in data.splits.values()]
    assert sum(len(side) for side in sides) == len(set.union(*sides)) == 6


# features and batches


class Counted(MelStatistics):
    n_clips = 0

    def extract(self, stimulus, starts_s, duration_s):
        Counted.n_clips += len(starts_s)
        return super().extract(stimulus, starts_s, duration_s)


@pytest.mark.slow
def test_features_are_computed_once_for_each_unique_clip(tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("N2S_CACHE", str(tmp_path / "cache"))
    options = {"lag_s": LAG_S, "spectrogram": ClipFbank(duration_s=1.0)}
    data = FMRIDataModule({"tiny": tiny}, Counted(n_mels=4), **options)
    data.prepare(Shard(1, 2))
    assert Counted.n_clips == 3 * 12 and not data.splits  # three of six sounds
    data.setup("fit")
    assert Counted.n_clips == 6 * 12
    again = FMRIDataModule({"tiny": tiny}, Counted(n_mels=4), **options)
    again.setup("test")
    assert Counted.n_clips == 6 * 12
    batch = again.batch("test", again.splits["test"].rows_of(1)[[4, 7]])
    direct = MelStatistics(n_mels=4).extract(again.stimuli["tiny/s5"], np.array([4.0, 7.0]), 1.0)
    np.testing.assert_allclose(batch.target, direct, rtol=1e-6)
    mel = ClipFbank(duration_s=1.0).extract(again.stimuli["tiny/s5"], np.array([4.0, 7.0]), 1.0)
    np.testing.assert_allclose(batch.spectrogram.flatten(1), mel, atol=2e-3)  # kept as float16
    assert batch.spectrogram.shape == (2, 128, 128) and batch.subject.tolist() == [1, 1]


def test_batches_are_of_one_subject_and_every_row_comes_once(tiny):
    data = made(tiny, batch_size=10, seed=3)
    orders = []
    for epoch in (0, 1, 0):
        loader = data.train_dataloader()
        loader.sampler.set_epoch(epoch)
        seen = [(batch.brain_index, batch.row.tolist(), tuple(batch.brain.shape)) for batch in loader]
        assert {shape[1] for subject, _, shape in seen if subject == 0} == {8}
        assert {shape[1] for subject, _, shape in seen if subject == 1} == {9}
        assert sorted(row for _, batch, _ in seen for row in batch) == list(range(96))
        assert len(loader) == len(seen) == 10
        orders.append([row for _, batch, _ in seen for row in batch])
    assert orders[0] == orders[2] != orders[1]
    whole = list(made(tiny).train_dataloader())
    assert [len(batch) for batch in whole] == [48, 48]


def test_batches_pair_each_response_with_its_clip(tiny):
    data = made(tiny, batch_size=7)
    for batch in data.train_dataloader():
        table = data.splits["train"].table.iloc[batch.row.numpy()]
        direct = [
            MelStatistics(n_mels=4).extract(data.stimuli[row.stimulus], np.array([row.start_s]), 1.0)[0]
            for row in table.itertuples()
        ]
        np.testing.assert_allclose(batch.target, direct, rtol=1e-5)
        _, brain = rows(data, "train", data.subjects[batch.brain_index])
        np.testing.assert_array_equal(batch.brain, brain[table.place])


def test_moments_are_of_training_rows(tiny):
    data = made(tiny)
    values = np.concatenate([batch.target for batch in data.train_dataloader()])
    mean, deviation = data.train_moments("target")
    np.testing.assert_allclose(mean, values.mean(0), rtol=1e-5)
    np.testing.assert_allclose(deviation, values.std(0), rtol=1e-4)


def test_hashes_name_what_was_read(tiny):
    data = made(tiny)
    before = data.data_hashes()
    assert len(before) == 14 + 6
    tiny.spoil = lambda run, volumes: volumes + (run.name == "sub-01_ses-1_task-s1")
    after = made(tiny).data_hashes()
    assert {name for name in before if before[name] != after[name]} == {"recording tiny/sub-01_ses-1_task-s1"}


# what a user gets wrong


def test_wrong_input_is_told_before_training(tiny):
    with pytest.raises(UserError, match="no ROI 'hlaf'. Nearest: half. There are: half"):
        made(tiny, roi="hlaf")
    with pytest.raises(UserError, match="no subject '03'. There are: tiny/01, tiny/02"):
        made(tiny, subjects=["03"])
    with pytest.raises(UserError, match="holds no volume of 1 s"):
        made(tiny, window_s=0.1, lag_s=0.5)
    with pytest.raises(UserError, match="lag_s and data.window_s"):
        made(tiny, lag_s=50.0)
    with pytest.raises(UserError, match="data.studies is empty"):
        FMRIDataModule({}, MelStatistics())


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("short", "2 of 12 clips were played after the run's 10 volumes of 1 s"),
        ("voxels", "6 voxels a volume, but tiny/.* of the same subject has 8"),
        ("nan", "1 of 8 voxels have values that are NaN"),
    ],
)
def test_runs_that_do_not_fit_are_refused(tiny, what, message):
    def spoil(run, data):
        if run.name != "sub-01_ses-1_task-s3":
            return data
        data = data.copy()
        data[5, 2] = np.nan if what == "nan" else data[5, 2]
        return data[:10] if what == "short" else data[:, :6] if what == "voxels" else data

    tiny.spoil = spoil
    with pytest.raises(UserError, match=message):
        made(tiny)


def test_audio_that_is_missing_or_too_short_is_told(tiny):
    tiny.clips_of = lambda run, table: table.assign(start_s=table.start_s + 5)
    with pytest.raises(UserError, match="a clip of 's0' ends at 17 s, but .* lasts 12 s"):
        made(tiny)
    tiny.audio = lambda stimulus: tiny.root / "nowhere.wav"
    with pytest.raises(UserError, match="plays 's0', whose audio .*nowhere.wav does not exist"):
        made(tiny)


def test_splits_without_clips_are_told(tiny):
    tiny.clips_of = lambda run, table: table.assign(split="train")
    with pytest.raises(UserError, match="the test split has no clips"):
        made(tiny)
    tiny.clips_of = lambda run, table: table.assign(split="test")
    with pytest.raises(UserError, match="'tiny' has no training clips"):
        made(tiny)
    tiny.clips_of = lambda run, table: table.assign(group="one" if run.task != "s5" else "two")
    with pytest.raises(UserError, match="one group of training clips"):
        made(tiny)


def test_without_validation_every_clip_is_trained_on(tiny):
    data = made(tiny, val_fraction=0.0)
    assert len(rows(data, "train")[0]) == 5 * 12 and len(rows(data, "test")[0]) == 12  # of 6 sounds one is for testing
    assert len(data.splits["val"].table) == 0 and not data.validates and data.val_dataloader() == []
    assert "val: 0 responses to 0 clips of 0 groups" in str(data)
    one = made(TinyFMRI(tiny.root, n_sounds=2), val_fraction=0.0)  # a single group could not be shared, and need not be
    assert set(one.splits["train"].table.group) == {"tiny/s0"}
    tiny.val = True  # a study's own validation clips stay what they are
    own = made(tiny, val_fraction=0.0)
    assert set(own.splits["val"].table.group) == {"tiny/s0"} and own.validates and len(own.val_dataloader()) == 2
    with pytest.raises(UserError, match="data.val_fraction is 1; expected a number from 0 to below 1"):
        made(tiny, val_fraction=1.0)
