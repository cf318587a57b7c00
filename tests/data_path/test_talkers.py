"""Two stories at once: held out together, decoded as the attended one, and each stream where it played."""

import numpy as np
import pandas as pd
import pytest
import torch
from talkers import TinyTalkers
from tiny import RATE, SILENCE_S

from n2s.data import (
    EncodingDataModule,
    Grid,
    Lags,
    MEGDataModule,
    Preprocessing,
    SplitBySentence,
    SplitByStory,
    SplitByTime,
)
from n2s.data.content import Heard
from n2s.data.row_stretches import row_stretches
from n2s.errors import UserError
from n2s.features.ready import Ready
from n2s.findings import kept
from n2s.metrics.attention import attention
from n2s.models.ridge import RidgeDecoder

FILTERS = Preprocessing(sfreq=50.0, highpass_hz=None, lowpass_hz=20.0, picks=["eeg"])


def made(root, *, split=None, n_folds=None, study=TinyTalkers, **options):
    data = EncodingDataModule(
        {"s": study(root, **options)},
        {"f": Ready(4)},
        Lags(0.0, 0.3),
        preprocessing=FILTERS,
        split=split,
        n_folds=n_folds,
    )
    data.setup("fit")
    return data


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("N2S_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        return made(tmp_path_factory.mktemp("talkers"), n_folds=3, n_stories=6, gain=0.35, story_s=60.0)


def decoded(data, subject, fold):
    """Decoded, attended and unattended feature of a fold's test rows, and where both played without a gap."""
    rows, tensor = data.rows(subject), torch.from_numpy
    own, held = data.responses(subject, fold)
    target = data.heard(subject, fold, "f")[0]
    parts = row_stretches(rows, fold.train)
    decoder = RidgeDecoder(sfreq=50.0, lags_s=(0.0, 0.3), alphas=[1e-2], n_folds=2)
    decoder.fit([tensor(own[one]) for one in parts], [tensor(target[one]) for one in parts])
    both = fold.test[(rows.unattended.to_numpy()[fold.test] != "") & rows.stimulus_s.notna().to_numpy()[fold.test]]
    found = decoder.predict(tensor(held)).numpy()
    place = np.searchsorted(fold.test, both)
    streams = [data.heard(subject, fold, "f", stream=one)[1][place] for one in ("attended", "unattended")]
    return found[place], *streams, row_stretches(rows, both)


def test_the_attended_story_is_told_from_the_other(data):
    right = {5.0: [], 10.0: []}
    for subject in data.subjects:
        for fold in data.folds(subject):
            course, attended, unattended, stretches = decoded(data, subject, fold)
            for one in attention(
                course, attended, unattended, sfreq=50.0, stretches=stretches, lengths_s=list(right), n_draws=50
            ):
                right[one.length_s] += [*one.right]
                assert one.n_windows == int(60 // one.length_s) and 0.2 < one.chance < 0.8
    assert [len(one) for one in right.values()] == [72, 36]
    assert np.mean(right[5.0]) > 0.9 and np.mean(right[10.0]) >= np.mean(right[5.0])


def test_streams_are_what_each_listener_followed(data):
    for subject, attends in (("s/01", "s/story0"), ("s/02", "s/story1")):
        rows = data.rows(subject)
        own = rows[(rows.recording == f"{subject[:2]}sub-{subject[2:]}_task-pair0")]
        played = own[own.stimulus_s.notna()]
        other = "s/story1" if attends == "s/story0" else "s/story0"
        assert set(played.stimulus) == {attends} and set(played.unattended) == {other}
        fold = next(fold for fold in data.folds(subject) if np.isin(played.index, fold.test).all())
        frames = {name: data.studies["s"].features(name[2:]).values for name in (attends, other)}
        at = np.rint((played.time_s.to_numpy() - SILENCE_S) * RATE).astype(int)
        place = np.searchsorted(fold.test, played.index)
        for stream, name in (("attended", attends), ("unattended", other)):
            values = data.heard(subject, fold, "f", stream=stream)[1][place]
            np.testing.assert_allclose(values[5:-5], frames[name][at[5:-5]], atol=1e-5)
        silent = rows.index[(rows.unattended == "")]
        beside = data.heard(subject, fold, "f", stream="unattended")[0]
        assert not beside[np.isin(fold.train, silent)].any()
        assert data.design(subject, fold, "f", stream="unattended")[0].shape == (len(fold.train), 4 * 16)


def sides(data):
    """Split -> moments of sounds (fifths of a second) in tables of intervals."""
    found = {}
    for table in data:
        for row in table[table.used].itertuples():
            ticks = range(round(row.stimulus_onset * 5), round((row.stimulus_onset + row.duration) * 5))
            found.setdefault(row.split, set()).update((row.sound, tick) for tick in ticks)
    return found


def dealt(study, split):
    """Intervals of all recordings of a study."""
    events = {f"s/{one.name}": study.events(one) for one in study.recordings()}
    lengths = {name: study.story_s for name in study.stories}
    return split.intervals({"s": Heard(events, study.split, None, {}, lengths)})


def moments_at_once(table):
    """Split of each story at each fifth of a second of each recording: one set for each moment at which two play."""
    at = {}
    for row in table.itertuples():
        for tick in range(round(row.onset * 5), round((row.onset + row.duration) * 5)):
            at.setdefault((row.recording, tick), []).append(row.split)
    return [set(one) for one in at.values() if len(one) > 1]


@pytest.mark.parametrize("late_s", [0.0, 0.4, 7.0])
@pytest.mark.parametrize(
    "split",
    [
        SplitByStory(test=["story1"], val=["story3"]),
        SplitByTime(n_folds=4, test_fold=3, val_fold=0),
        SplitBySentence(test_fraction=0.3, val_fraction=0.2),
    ],
)
def test_what_plays_at_once_is_on_one_side_for_everybody(tmp_path, split, late_s):
    table = dealt(TinyTalkers(tmp_path, n_stories=12, late_s=late_s), split)
    both = moments_at_once(table)
    assert len(both) > 500 and all(len(one) == 1 for one in both)
    found = sides([table])
    assert len(found) >= 2 and not found["train"] & (found["test"] | found.get("val", set()))
    if isinstance(split, SplitByStory):
        assert {name for name, _ in found["test"]} == {"s/story0", "s/story1"}
    if isinstance(split, SplitByTime):  # cut at the same moments, not in one piece
        assert table.groupby("recording").split.nunique().min() == 3


def test_a_story_that_one_follows_and_another_ignores_chains_what_plays_beside_it(tmp_path):
    pairs = {"one": ("story0", "story1"), "two": ("story1", "story2"), "three": ("story3", "story4")}
    study = TinyTalkers(tmp_path, n_stories=5, pairs=pairs)
    with kept() as findings:
        table = dealt(study, SplitByStory(test=["story2"], val=[]))
    assert set(table.story[table.split == "test"]) == {"story0", "story1", "story2"}
    assert set(table.story[table.split == "train"]) == {"story3", "story4"}
    assert any("1 times more than two units hang together, up to 3" in one.text for one in findings)


def test_the_official_split_of_one_talker_decides_about_the_other(tmp_path):
    study = TinyTalkers(tmp_path, n_stories=4)
    study.split = {"story0": "train", "story1": "test"}
    with kept() as findings:
        table = dealt(study, SplitByStory(test=["story3"], val=[]))
    assert set(table.split[table.story.isin(["story0", "story1"])]) == {"test"} and table.used.all()
    assert any("heard at once with what is held out" in one.text for one in findings)


def test_one_sound_under_two_names_cannot_be_both_talkers(tmp_path):
    study = TinyTalkers(tmp_path, n_stories=2)
    events = {f"s/{one.name}": study.events(one) for one in study.recordings()}
    same = Heard(events, None, None, {"story0": "x", "story1": "x"}, {})
    with pytest.raises(UserError, match="they are the same samples. Is one file a copy of the other"):
        SplitByStory(test=["story0"]).intervals({"s": same})


class LouderTalkers(TinyTalkers):
    """The unattended story of the held-out pair is 20 times larger."""

    def features(self, stimulus):
        frames = super().features(stimulus)
        return type(frames)(frames.values * (20 if stimulus in ("story4", "story5") else 1), frames.rate_hz)


@pytest.mark.slow
def test_nothing_of_training_changes_with_what_plays_beside_the_held_out_story(tmp_path):
    both = [
        made(tmp_path / name, split=SplitByStory(test=["story4"], val=[]), study=study, n_stories=6)
        for name, study in (("one", TinyTalkers), ("two", LouderTalkers))
    ]
    one, two = (data.folds("s/02")[0] for data in both)
    np.testing.assert_array_equal(one.train, two.train)
    assert not set(both[0].rows("s/02").story.to_numpy()[one.train]) & {"story4", "story5"}
    for stream in ("attended", "unattended"):
        trained = [data.heard("s/02", fold, "f", stream=stream)[0] for data, fold in zip(both, (one, two), strict=True)]
        np.testing.assert_array_equal(*trained)
    np.testing.assert_array_equal(both[0].responses("s/02", one)[0], both[1].responses("s/02", two)[0])


def test_windows_of_a_network_are_those_of_the_attended_story(tmp_path):
    study = TinyTalkers(tmp_path, n_stories=6)
    data = MEGDataModule(
        {"s": study}, Ready(4), preprocessing=FILTERS, split=SplitByStory(test=["story1"], val=["story2"]), window_s=3.0,
        train_windows=Grid(3.0), test_windows=Grid(3.0), n_jobs=1,
    )  # fmt: skip
    data.setup("fit")
    table = pd.concat([data.window_table(split).assign(split=split) for split in ("train", "val", "test")])
    assert table.groupby(["subject", "split"]).story.unique().map(tuple).to_dict() == {
        ("s/01", "train"): ("story4",), ("s/01", "val"): ("story2",), ("s/01", "test"): ("story0",),
        ("s/02", "train"): ("story5",), ("s/02", "val"): ("story3",), ("s/02", "test"): ("story1",),
    }  # fmt: skip
    assert table.groupby(["subject", "split"]).size().eq(10).all()


def test_presentations_beside_other_talkers_are_no_repeats(tmp_path):
    pairs = {"one": ("story0", "story1"), "two": ("story0", "story2"), "three": ("story3", "story4")}
    data = made(tmp_path, split=SplitByStory(test=["story0"], val=[]), n_stories=5, pairs=pairs, n_subjects=1)
    rows, fold = data.rows("s/01"), data.folds("s/01")[0]
    assert (rows.averaged.to_numpy()[fold.test] == 1).mean() > 0.8 and not data.repeats("s/01")
    again = {"one": ("story0", "story1"), "two": ("story0", "story1"), "three": ("story3", "story4")}
    data = made(tmp_path / "b", split=SplitByStory(test=["story0"], val=[]), n_stories=5, pairs=again, n_subjects=1)
    assert (data.rows("s/01").averaged.to_numpy()[data.folds("s/01")[0].test] == 2).all()
