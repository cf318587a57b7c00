"""Rows of MEG and fMRI together: their values by other means, one moment in both, and no bit of training from what is held out."""

import numpy as np
import pytest
import torch
from paired_worlds import SFREQ, SILENCE_S, TR_S, Play, Sensors, Volumes, paired, ramps, runs_of

from n2s.data import Grid
from n2s.features import Ready

pytestmark = pytest.mark.slow
SPLITS = ("train", "val", "test")


def both(folder, sounds, subjects=("01", "02"), **options):
    meg = Sensors(folder / "m", runs_of(subjects, sounds), sounds)
    fmri = Volumes(folder / "f", runs_of(subjects, sounds, at_s=7.0), sounds)
    return meg, fmri, lambda: paired(meg, fmri, target=Ready(2), **options)


def test_volumes_of_a_row_by_hand(tmp_path):
    """The mean of each bin of volumes, z-scored by training volumes and projected; the run of the tested story has its own mean."""
    _, fmri, made = both(tmp_path, ramps("abcd"))
    data = made()
    batch, table = data.batch("test", np.arange(16)), data.pair_table("test")
    courses = data.courses("fmri/01")
    seen = {name: np.zeros(len(course), bool) for name, course in courses.courses.items()}
    train = data.pair_table("train")
    for row in train[train.person == "01"].itertuples():
        seen[row.fmri_recording][round(row.fmri_start_s + 4) : round(row.fmri_start_s + 4 + 8)] = True  # four bins
    raw = {f"fmri/{one.name}": fmri.load(one).data.astype(float) for one in fmri.recordings() if one.subject == "01"}
    away = np.concatenate([raw[name][own] - raw[name][own].mean(0) for name, own in seen.items() if own.any()])
    deviation = np.sqrt((away**2).mean(0))
    assert sum(own.any() for own in seen.values()) == 2  # stories a and d
    for at in np.flatnonzero((table.person == "01").to_numpy()):
        name, start_s = table.fmri_recording[at], table.fmri_start_s[at]
        scaled = (raw[name] - raw[name].mean(0)) / deviation
        first = round(start_s + 4.0)
        bins = np.stack([scaled[first + 2 * i : first + 2 * i + 2].mean(0) for i in range(4)])
        (place,) = np.flatnonzero(batch.bold_at.numpy() == at)
        assert batch.bold[place].numpy() == pytest.approx(bins @ courses.axes, abs=1e-3)
    trained = np.concatenate([courses.courses[name][own] for name, own in seen.items()])
    assert trained.std(0) == pytest.approx(np.ones(3), abs=1e-3)


def test_jitter_moves_meg_volumes_and_target_together(tmp_path):
    """Sensors and voxels are the moment of the sound: in each epoch a row's three values are of one moment, another than before."""
    sounds = ramps("abcd", 60)

    def moment(recording, data, time_s):
        plays = (meg if recording.modality == "eeg" else fmri).runs[recording.subject, recording.run]
        own = np.clip(time_s - plays[0].at_s, 0, plays[0].lasts_s)[:, None]
        return own * (1 + np.arange(data.shape[1])) + 0.01 * data

    meg = Sensors(tmp_path / "m", runs_of(["01"], sounds, lasts_s=60.0), sounds)
    fmri = Volumes(tmp_path / "f", runs_of(["01"], sounds, at_s=7.0, lasts_s=60.0), sounds)
    meg.spoil = fmri.spoil = moment
    data = paired(
        meg, fmri, target=Ready(2), train_windows=Grid(5.0, jitter=True), n_components=1, bin_s=1.0, scaler="training"
    )
    found = []
    rows = np.arange(len(data.pairs["train"]))
    for epoch in range(3):
        batch = data.batch("train", rows, epoch)
        assert len(batch.meg_at) == len(batch.bold_at) == len(rows)
        found.append(np.stack([batch.target[:, 0, 0], batch.meg.brain[:, 0, 0], batch.bold[:, 0, 0]]))
    target, brain, bold = np.concatenate(found, 1).astype(float)
    for values, most_s in ((brain, 1.5 / SFREQ), (bold, 0.75 * TR_S)):
        slope, zero = np.polyfit(values, target, 1)
        per_s = np.ptp(target) / np.ptp(data.windows["train"].jittered(5.0, [0, 0]))
        assert np.abs(target - slope * values - zero).max() < 1.3 * most_s * per_s
    assert np.abs(found[0][0] - found[1][0]).max() > per_s  # epochs differ by more than a second


def same(one, other):
    tensors = [
        ("brain", one.meg.brain, other.meg.brain),
        ("bold", one.bold, other.bold),
        ("target", one.target, other.target),
    ]
    return {name: torch.equal(a, b) for name, a, b in tensors}


@pytest.mark.parametrize("changed", ["meg", "fmri"])
def test_held_out_values_change_nothing_in_training(tmp_path, changed):
    """Other values in all held-out runs: not a bit of a training batch differs, and those of the test do."""
    meg, fmri, made = both(tmp_path, ramps("abcd"))
    before = made()
    study = {"meg": meg, "fmri": fmri}[changed]
    study.spoil = lambda recording, data, time_s: 3 * data + 1 if recording.run in "bc" else data
    after = made()
    rows = np.arange(len(before.pairs["train"]))
    assert all(same(before.batch("train", rows), after.batch("train", rows)).values())
    test = same(before.batch("test", np.arange(8)), after.batch("test", np.arange(8)))
    assert test == {"brain": changed != "meg", "bold": changed != "fmri", "target": True}
    if changed == "fmri":
        assert np.array_equal(before.courses("fmri/01").axes, after.courses("fmri/01").axes)


def test_held_out_moments_of_a_run_change_nothing_in_training(tmp_path):
    """All stories in one run of each: other volumes and samples where nothing is trained."""
    sounds = ramps("abcd", 60)
    played = {("01", "1"): [Play(name, SILENCE_S + 60 * i, 60.0) for i, name in enumerate("abcd")]}
    meg, fmri = Sensors(tmp_path / "m", played, sounds), Volumes(tmp_path / "f", played, sounds)

    def made():
        return paired(meg, fmri, target=Ready(2), response_s=10.0)

    before = made()
    rows = np.arange(len(before.pairs["train"]))
    assert len(rows) > 40
    keeps = {"eeg": np.zeros(0, bool), "fmri": np.zeros(0, bool)}
    for kind, step_s, reach_s in (("eeg", 1 / SFREQ, (0.0, 5.2)), ("fmri", TR_S, (4.0, 13.0))):
        keeps[kind] = np.zeros(round(400 / step_s), bool)
        for row in before.pair_table("train").itertuples():
            start_s = row.start_s if kind == "eeg" else row.fmri_start_s
            if np.isfinite(start_s):
                keeps[kind][int((start_s + reach_s[0]) / step_s - 1) : int((start_s + reach_s[1]) / step_s + 2)] = True

    def spoil(recording, data, time_s):
        return np.where(keeps[recording.modality][: len(data), None], data, 5 * data + 2)

    meg.spoil = fmri.spoil = spoil
    after = made()
    assert all(same(before.batch("train", rows), after.batch("train", rows)).values())
    assert same(before.batch("test", np.arange(5)), after.batch("test", np.arange(5))) == {
        "brain": False,
        "bold": False,
        "target": True,
    }


def test_host_and_device_give_the_same(tmp_path):
    _, _, made = both(tmp_path, ramps("abcd"))
    *_, hosted = both(tmp_path, ramps("abcd"), residency="host")
    one, other = made(), hosted()
    for split in SPLITS:
        rows = np.arange(len(one.pairs[split]))
        assert all(same(one.batch(split, rows), other.batch(split, rows)).values())


@pytest.mark.parametrize("kind", ["meg", "fmri"])
def test_one_modality_alone_keeps_segments_and_rows(tmp_path, kind):
    *_, made = both(tmp_path, ramps("abcd"))
    *_, alone = both(tmp_path, ramps("abcd"), modalities=[kind])
    one, other = made(), alone()
    for split in SPLITS:
        whole, part = one.pair_table(split), other.pair_table(split)
        assert (part[{"meg": "fmri", "fmri": "meg"}[kind]] == -1).all() and (part[kind] >= 0).all()
        assert (
            part[["person", "segment"]].equals(whole[["person", "segment"]])
            and (one.windows[split].segment == other.windows[split].segment).all()
        )
    batch = other.batch("train", np.arange(6))
    assert (len(batch.meg_at), len(batch.bold_at)) == ((6, 0) if kind == "meg" else (0, 6))


def test_a_story_heard_twice_in_one_and_in_another_order(tmp_path):
    """In the MEG c comes twice and first: the second time is a row without fMRI; a is in the MEG alone, and trained on."""
    sounds = ramps("abcde")
    meg = Sensors(
        tmp_path / "m", {("01", "1"): [Play(name, 3.0 + 45 * i, 40.0) for i, name in enumerate("cdcbae")]}, sounds
    )
    fmri = Volumes(
        tmp_path / "f", {("01", "1"): [Play(name, 5.0 + 90 * i, 40.0) for i, name in enumerate("dbec")]}, sounds
    )
    data = paired(meg, fmri, target=Ready(2))
    table = data.pair_table("test")
    assert len(table) == 16 and (table.fmri >= 0).sum() == 8 and (table.meg >= 0).all()
    paired_rows = table[table.fmri >= 0]
    assert (paired_rows.start_s - 3.0).between(0, 40).all()  # the first time
    assert (paired_rows.fmri_start_s - paired_rows.start_s).to_numpy() == pytest.approx(5.0 + 270 - 3.0)
    train = data.pair_table("train")
    assert set(train.story[(train.fmri < 0)]) >= {"a"} and (train.fmri[train.story.isin(["d", "e"])] >= 0).any()
