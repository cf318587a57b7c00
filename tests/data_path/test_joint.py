"""Several studies in one datamodule: other sensors, other people, one sound never in two splits; balanced epochs."""

import numpy as np
import pytest

from n2s.data import Grid, MEGDataModule, Preprocessing, SplitByStory
from n2s.data.sampler import Sampler
from n2s.errors import UserError
from n2s.features import Ready
from tests.tiny import TinyStudy


def joint(tmp_path, *, seeds=(0, 1), splits=None, **options):
    studies = {
        "small": TinyStudy(tmp_path / "a", n_subjects=1, n_channels=6, seed=seeds[0]),
        "large": TinyStudy(tmp_path / "b", n_subjects=3, n_channels=9, seed=seeds[1]),
    }
    for study, split in zip(studies.values(), splits or (None, None), strict=True):
        study.split = split
    data = MEGDataModule(
        studies,
        Ready(n_features=4),
        preprocessing=Preprocessing(sfreq=50.0, picks=["eeg"]),
        split=SplitByStory(test=["story0"], val=["story1"]),
        train_windows=Grid(1.0),
        batch_size=16,
        n_jobs=1,
        **options,
    )
    data.prepare()
    return data


def epoch(data, number=0):
    loader = data.train_dataloader()
    loader.sampler.set_epoch(number)
    return [row for batch in loader.sampler for row in batch]


@pytest.mark.slow
def test_channels_are_filled_up_and_subjects_are_of_their_study(tmp_path):
    data = joint(tmp_path)
    assert data.subjects == ["large/01", "large/02", "large/03", "small/01"] and data.n_subjects == 4
    seen = {}
    for batch in data.train_dataloader():
        assert batch.brain.shape[1] == 9
        for subject, mask, positions in zip(batch.subject.tolist(), batch.mask, batch.positions, strict=True):
            seen[subject] = (int(mask.sum()), positions)
    assert {subject: n for subject, (n, _) in seen.items()} == {0: 9, 1: 9, 2: 9, 3: 6}
    for n, positions in seen.values():  # each layout fills the unit square of its own
        assert (positions[:n].amin(0) == 0).all() and (positions[:n].amax(0) == 1).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("balance", "shares"), [("hours", (0.25, 0.75)), ("study", (0.5, 0.5)), ("subject", (0.25, 0.75))]
)
def test_balance(tmp_path, balance, shares):
    data = joint(tmp_path, balance=balance)
    study = data.window_table("train").study.to_numpy()
    drawn = epoch(data)
    assert len(drawn) == len(study)
    assert [np.mean(study[drawn] == name) for name in ("small", "large")] == pytest.approx(shares, abs=0.07)
    assert drawn == epoch(data) and drawn != epoch(data, 1)


def test_a_small_group_is_drawn_in_whole_rounds_and_ranks_share_a_batch():
    groups = np.array([0] * 10 + [1] * 90)
    sampler = Sampler(100, batch_size=20, shuffle=True, seed=3, balance=groups)
    rows = np.concatenate(list(sampler))
    assert np.bincount(groups[rows]).tolist() == [50, 50]
    assert (np.bincount(rows[groups[rows] == 0], minlength=10) == 5).all()  # 5 whole rounds
    assert np.bincount(rows[groups[rows] == 1]).max() == 1
    parts = [
        list(Sampler(100, batch_size=20, shuffle=True, seed=3, balance=groups, rank=r, world_size=2)) for r in (0, 1)
    ]
    for whole, one, other in zip(sampler, *parts, strict=True):
        np.testing.assert_array_equal(whole, np.stack([one, other], 1).ravel())


@pytest.mark.slow
def test_one_sound_in_two_studies_is_one_segment(tmp_path):
    """The same seed: the same stories. Their windows are no negatives of each other."""
    data = joint(tmp_path, seeds=(0, 0))
    table = data.window_table("test")
    together = table.groupby("segment").study.nunique()
    assert (together == 2).all() and len(together) == 10
    for name in ("small", "large"):
        candidates = data.candidate_table("test", name)
        assert len(candidates) == 10 and candidates.stimulus.str.startswith(f"{name}/").all()
    apart = joint(tmp_path / "other", seeds=(0, 1)).window_table("test")
    assert (apart.groupby("segment").study.nunique() == 1).all()


@pytest.mark.slow
def test_one_sound_held_out_in_one_study_and_trained_on_in_another(tmp_path):
    """A leak, planted: two official splits that disagree about stories that both studies play."""
    mine = {"story0": "test", "story1": "val", "story2": "train", "story3": "train"}
    with pytest.raises(
        UserError,
        match=r"contradicts itself: (small|large)/story[02] in \w+ and (small|large)/story[02] in \w+ are one",
    ):
        joint(tmp_path, seeds=(0, 0), splits=(mine, mine | {"story0": "train", "story2": "test"}))
    joint(tmp_path, seeds=(0, 1), splits=(mine, mine | {"story0": "train", "story2": "test"}))  # other sounds: no leak
