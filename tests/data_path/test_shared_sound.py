"""Leaks of sound, planted in MEG: equal sound in two splits is refused by name, sound that is alike is warned of."""

import warnings

import numpy as np
import pandas as pd
import pytest
import soundfile
from melodies import HZ, melody
from tiny import TinyStudy

from n2s.data import Grid, MEGDataModule, Preprocessing, SplitByStory
from n2s.data.identity import SHARED
from n2s.data.shared import check_shared_sound
from n2s.errors import UserError
from n2s.features import Mel

SPLIT = SplitByStory(test=["story0"], val=["story1"])


class Heard(TinyStudy):
    """The tiny study with sounds that a test writes to ``root/audio``."""

    def audio(self, stimulus):
        return next((self.root / "audio").glob(f"{stimulus}.*"))

    def features(self, stimulus):
        return None

    def load(self, recording):
        self.features = lambda stimulus: TinyStudy.features(self, stimulus)  # what the brain answers to
        try:
            return super().load(recording)
        finally:
            del self.features


def heard(root, sounds, kinds=()):
    """``sounds``: story -> (n,) samples; ``kinds``: story -> (extension, options)."""
    study = Heard(root, n_subjects=1, n_stories=len(sounds))
    (root / "audio").mkdir(parents=True, exist_ok=True)
    for name, sound in sounds.items():
        kind, options = dict(kinds).get(name, ("wav", {"subtype": "PCM_16"}))
        soundfile.write(root / "audio" / f"{name}.{kind}", sound, HZ, **options)
    return study


def meg(studies, split=SPLIT):
    data = MEGDataModule(
        studies,
        Mel(n_mels=8),
        preprocessing=Preprocessing(sfreq=50.0, picks=["eeg"]),
        split=split,
        train_windows=Grid(1.0),
        n_jobs=1,
    )
    data.setup("fit")
    return data


def stories(n=4):
    return {f"story{i}": melody(i) for i in range(n)}


# MEG


def trained_on_test_s(data):
    """Seconds of test audio in training windows, by what their samples are: (sound, second) of both, from the files."""
    seconds = {}
    for split in ("train", "test"):
        found = set()
        for row in data.window_table(split).itertuples():
            sound, hz = soundfile.read(data.stimuli[row.stimulus].audio)
            for second in range(int(np.ceil(row.stimulus_start_s)), int(row.stimulus_start_s + 2.5)):
                found.add(sound[second * hz : (second + 1) * hz].tobytes())
        seconds[split] = found
    return len(seconds["train"] & seconds["test"])


@pytest.mark.parametrize("kind", [("wav", {"subtype": "PCM_16"}), ("flac", {}), ("wav", {"subtype": "FLOAT"})])
def test_one_sound_under_two_names_in_one_study(tmp_path, kind):
    """Story 2 is the test story in another file. It is refused, or goes with it; said to be the same, too."""
    sounds = stories() | {"story2": melody(0)}
    try:
        data = meg({"s": heard(tmp_path, sounds, {"story2": kind})})
    except UserError as error:
        assert "one sound is in two splits" in str(error) and "story0" in str(error) and "story2" in str(error)
        assert "30.0 s" in str(error)
    else:
        assert trained_on_test_s(data) == 0
        assert {"s/story0", "s/story2"} <= set(data.window_table("test").stimulus)


def test_a_part_of_the_test_story_is_another_story(tmp_path):
    """Ten seconds of it, in the middle of other sound, from a sample that no frame begins with."""
    start = 7 * HZ + 123
    part = np.concatenate([melody(5, 10), melody(0)[start : start + 10 * HZ], melody(6, 10)])
    with pytest.raises(
        UserError, match=r"one sound is in two splits: .*story[02]' at .*story[02]' at .*, (9\.\d|10\.0) s of"
    ):
        meg({"s": heard(tmp_path, stories() | {"story2": part})})


@pytest.mark.slow
def test_a_part_that_nobody_heard_is_no_leak(tmp_path):
    """The listeners of story 2 stop before the part that it shares with the test story."""
    part = np.concatenate([melody(5, 15), melody(0)[: 15 * HZ]])
    study = heard(tmp_path, stories() | {"story2": part})
    events = study.events

    def shortened(recording):
        table = events(recording)
        mine = table.stimulus == "story2"
        table = table[~mine | (table.stimulus_onset + table.duration <= 15) | (table.kind == "story")].copy()
        table.loc[(table.kind == "story") & (table.stimulus == "story2"), "duration"] = 14.9
        return table

    study.events = shortened
    assert len(meg({"s": study}).windows["train"])


@pytest.mark.slow
def test_one_sound_in_two_studies_in_other_files(tmp_path):
    """One study holds it out and the other, which calls it otherwise, trains on it."""
    sounds = stories() | {"story3": melody(0)}
    for number, kind in enumerate([("wav", {"subtype": "PCM_16"}), ("flac", {})]):
        one = heard(tmp_path / f"{number}/a", stories())
        other = heard(
            tmp_path / f"{number}/b",
            {f"story{i}": melody(10 + i) for i in range(3)} | {"story3": sounds["story3"]},
            {"story3": kind},
        )
        try:
            data = meg({"one": one, "other": other})
        except UserError as error:
            assert "one/story0" in str(error) and "other/story3" in str(error)
        else:
            assert trained_on_test_s(data) == 0 and "other/story3" in set(data.window_table("test").stimulus)


@pytest.mark.slow
def test_a_copy_that_was_encoded_and_cut_is_warned_of(tmp_path):
    sounds = stories() | {"story2": 0.3 * melody(0)[round(0.5 * HZ) :]}
    sounds["story2"] = np.concatenate([sounds["story2"], melody(9, 1)])
    study = heard(tmp_path, sounds, {"story2": ("ogg", {"compression_level": 0.9})})
    with pytest.warns(UserWarning, match=r"LEAK\? .*story[02]' at .*story[02]' at .* two splits.*content"):
        data = meg({"s": study})
    (note,) = data.notes
    assert "(test)" in note and "(train)" in note and "2" in note
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert not meg({"s": heard(tmp_path / "honest", stories())}).notes
    assert not [one for one in said if "sound alike" in str(one.message)]


def test_the_check_of_overlaps_is_that_of_counting():
    """Random pieces of two sounds, one of which has a stretch of the other: the seconds are those of a grid of tenths."""
    rng = np.random.default_rng(0)
    shared = pd.DataFrame([("A", "B", 10.0, 3.0, 20.0, False)], columns=list(SHARED))
    for _ in range(60):
        start = rng.integers(0, 300, 6) / 10
        pieces = pd.DataFrame(
            {
                "audio": ["A"] * 3 + ["B"] * 3,
                "start_s": start,
                "stop_s": start + rng.integers(1, 100, 6) / 10,
                "split": ["train"] * 3 + ["test"] * 3,
                "stimulus": ["a"] * 3 + ["b"] * 3,
            }
        )
        tenth = np.arange(600)
        covered = {
            name: np.any(
                [(tenth >= round(r.start_s * 10)) & (tenth < round(r.stop_s * 10)) for r in rows.itertuples()], axis=0
            )
            for name, rows in pieces.groupby("audio")
        }
        moved = np.roll(covered["B"], 70)
        moved[:70] = False
        inside = (tenth >= 100) & (tenth < 300)
        expected = (covered["A"] & moved & inside).sum() / 10
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            notes = check_shared_sound(pieces, shared, remedy="")
        told = float(notes[0].split(", ")[1].split(" s of sound")[0]) if notes else 0.0
        assert told == pytest.approx(expected, abs=0.051)
