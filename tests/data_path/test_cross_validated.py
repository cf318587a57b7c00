"""Folds of a cross-validation: every moment is held out once, and a fold knows nothing of what it holds out."""

import numpy as np
import pandas as pd
import pytest
from tiny import TinyStudy
from tiny_fmri import LAG_S, TinyFMRI

from n2s.data import (
    CrossValidated,
    EncodingDataModule,
    FMRIDataModule,
    Grid,
    MEGDataModule,
    Preprocessing,
    SplitByStory,
    SplitByTime,
)
from n2s.errors import UserError
from n2s.features import MelStatistics, Ready
from n2s.findings import kept


def sensors(root, split, **options) -> MEGDataModule:
    study = TinyStudy(root, story_s=12.0, **options)
    data = MEGDataModule(
        {"tiny": study}, Ready(4), preprocessing=Preprocessing(sfreq=50.0, picks=["eeg"]), split=split, n_jobs=1,
        train_windows=Grid(1.0),
    )  # fmt: skip
    data.setup("fit")
    return data


def held(data: MEGDataModule, split: str) -> set[tuple[str, str, int]]:
    """(subject, stimulus, second) of every whole second that a split's windows see."""
    table = data.window_table(split)
    return {
        (row.subject, row.stimulus, second)
        for row in table.itertuples()
        for second in range(round(row.stimulus_start_s), round(row.stimulus_start_s + 3))
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("units", "validation"), [(None, True), (SplitByTime(n_folds=4, test_fold=0, val_fold=1), False)]
)
def test_every_second_is_held_out_once_and_for_everybody(tmp_path, units, validation):
    folds = [
        sensors(tmp_path, CrossValidated(units, n_folds=4, fold=k, validation=validation), together=units is not None)
        for k in range(4)
    ]
    tested = [held(data, "test") for data in folds]
    assert sum(map(len, tested)) == len(set().union(*tested)) == 2 * 4 * 12
    for k, data in enumerate(folds):
        assert data.validates is validation
        heard = [{one[1:] for one in held(data, split)} for split in ("train", "val", "test")]
        assert not heard[0] & heard[2] and not heard[0] & heard[1] and not heard[1] & heard[2]
        if validation:
            assert held(data, "val") and held(data, "val") <= tested[(k + 1) % 4]  # gaps cut it back


@pytest.mark.slow
def test_a_fold_without_validation_trains_on_all_the_rest(tmp_path):
    data = sensors(tmp_path, CrossValidated(n_folds=4, fold=0))
    assert len(data.windows["val"]) == 0 and data.val_dataloader() == []
    stories = {split: set(data.window_table(split).story) for split in ("train", "test")}
    assert len(stories["train"]) == 3 and len(stories["test"]) == 1
    fixed = sensors(tmp_path, SplitByStory(val_fraction=0.0, test=["story3"]))  # a fixed split may do the same
    assert not fixed.validates and set(fixed.window_table("train").story) == {"story0", "story1", "story2"}


@pytest.mark.slow
def test_stories_with_one_content_are_held_out_together_and_the_official_split_is_not_used(tmp_path):
    study = TinyStudy(tmp_path, story_s=12.0)
    study.content = {"story0": "same", "story3": "same"}
    study.split = {"story1": "test"}
    tested = []
    with kept() as findings:
        for fold in range(3):
            data = MEGDataModule(
                {"tiny": study},
                Ready(4),
                preprocessing=Preprocessing(sfreq=50.0, picks=["eeg"]),
                split=CrossValidated(n_folds=3, fold=fold),
                n_jobs=1,
            )
            data.setup("fit")
            tested.append(set(data.window_table("test").story))
    assert sorted(map(sorted, tested)) == [["story0", "story3"], ["story1"], ["story2"]]
    assert any("its official split is not used" in one.text for one in findings)


def test_too_few_units_or_folds_are_refused_with_what_to_do(tmp_path):
    with pytest.raises(UserError, match="number of folds is 5, but only 4 units .* --data.split n2s.data.SplitByTime"):
        sensors(tmp_path, CrossValidated(n_folds=5))
    with pytest.raises(UserError, match="n_folds is 2: one fold is tested and one validates"):
        CrossValidated(n_folds=2, validation=True)
    for options, told in ({"n_folds": 1}, "n_folds is 1"), ({"n_folds": 3, "fold": 3}, "fold is 3; expected 0 to 2"):
        with pytest.raises(UserError, match=told):
            CrossValidated(**options)


# -- fMRI -----------------------------------------------------------------------------------------------------------------


def clips(study, fold: int, *, n_folds: int = 3, **options) -> FMRIDataModule:
    split = CrossValidated(n_folds=n_folds, fold=fold, **options)
    data = FMRIDataModule({"tiny": study}, MelStatistics(n_mels=4), lag_s=LAG_S, split=split)
    data.setup("fit")
    return data


def keys(data: FMRIDataModule, split: str) -> pd.Series:
    table = data.splits[split].table
    return table.subject + "@" + table.stimulus + "@" + table.start_s.astype(str)


@pytest.mark.slow
def test_every_clip_is_held_out_once(tmp_path):
    study = TinyFMRI(tmp_path)
    folds = [clips(study, fold) for fold in range(3)]
    tested = pd.concat([keys(data, "test") for data in folds])
    assert tested.is_unique and len(tested) == 2 * 6 * 12
    for data in folds:
        assert not data.validates and not set(keys(data, "train")) & set(keys(data, "test"))
        assert set(data.splits["train"].table.stimulus) | set(data.splits["test"].table.stimulus) == {
            f"tiny/s{i}" for i in range(6)
        }
    assert set(keys(clips(study, 1, validation=True), "val")) == set(keys(folds[2], "test"))


def test_voxels_are_scaled_by_the_fold_s_training_clips_alone(tmp_path):
    """A planted leak: a held-out run a thousand times as loud changes no scale."""
    study = TinyFMRI(tmp_path)
    before = clips(study, 0)
    loud = before.splits["test"].table.stimulus.iloc[0].removeprefix("tiny/")
    study.spoil = lambda recording, data: data * (1000 if recording.task == loud else 1)
    after = clips(study, 0)
    for one, other in zip(before.scales, after.scales, strict=True):
        np.testing.assert_array_equal(one.mean, other.mean)
        np.testing.assert_array_equal(one.deviation, other.deviation)


def test_groups_that_share_sound_are_held_out_together(tmp_path):
    study = TinyFMRI(tmp_path)
    study.content = {"s0": "same", "s4": "same"}
    for fold in range(3):
        tested = set(clips(study, fold).splits["test"].table.stimulus)
        assert len(tested & {"tiny/s0", "tiny/s4"}) in (0, 2)
    with pytest.raises(UserError, match="number of folds is 6, but only 5 units"):
        clips(study, 0, n_folds=6)


def test_a_recipe_that_holds_out_people_does_not_deal_what_they_heard():
    with pytest.raises(UserError, match="holds out people deals them by itself"):
        EncodingDataModule.folded({"n_folds": 0}, 5, validation=False)
    assert EncodingDataModule.folded({"n_folds": 3}, 5, validation=False) == [{"n_folds": 5}]


@pytest.mark.slow
def test_all_folds_know_how_content_was_dealt_and_a_further_story_changes_it(tmp_path):
    ways = [
        sensors(tmp_path, CrossValidated(n_folds=2, fold=k), n_stories=n).split.dealt for n in (4, 5) for k in (0, 1)
    ]
    assert ways[0] == ways[1] != ways[2] == ways[3] and CrossValidated().dealt == ""
