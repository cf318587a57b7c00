"""Leaks of sound, planted in MEG and fMRI: equal sound in two splits is refused by name, sound that is alike is warned of."""

import shutil
import warnings
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny import TinyStudy
from tiny_fmri import LAG_S, TinyFMRI

from n2s.data import FMRIDataModule, Grid, MEGDataModule, Preprocessing, SplitByStory
from n2s.data.clip_splits import split_by_sound, without_shared_volumes
from n2s.data.identity import SHARED
from n2s.data.shared import check_shared_sound
from n2s.errors import UserError
from n2s.features import Mel, MelStatistics
from n2s.studies.fmri import clip_table
from n2s.studies.study import Stimulus

HZ, STORY_S = 16000, 30
SPLIT = SplitByStory(test=["story0"], val=["story1"])


def melody(seed, lasts_s=STORY_S, hz=HZ):
    """(n,) Notes of a tenth to half a second, of three partials, with a rise and a fall: what no two seeds share."""
    rng = np.random.default_rng([11, seed])
    notes = []
    while sum(map(len, notes)) < lasts_s * hz:
        time_s = np.arange(round(rng.uniform(0.1, 0.5) * hz)) / hz
        pitch = rng.uniform(200, 900)
        tones = sum(np.sin(2 * np.pi * pitch * k * time_s * rng.uniform(0.98, 1.02)) / k for k in (1, 2, 3))
        notes.append(tones * np.hanning(len(time_s)) * rng.uniform(0.3, 1))
    sound = 0.2 * np.concatenate(notes)[: lasts_s * hz] + 1e-3 * rng.standard_normal(lasts_s * hz)
    return np.round(sound * 2**15) / 2**15


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


# fMRI


@pytest.fixture
def tiny(tmp_path):
    return TinyFMRI(tmp_path / "tiny")


def fmri(studies, **options):
    data = FMRIDataModule(studies, MelStatistics(n_mels=4), **{"lag_s": LAG_S, "val_fraction": 0.2} | options)
    data.setup("fit")
    return data


def rewritten(path, change=lambda x: x, to=None):
    """The sound at ``path``, changed, in the file ``to``, in 24 bits."""
    sound, hz = soundfile.read(path)
    soundfile.write(to or path, change(sound), hz, subtype="PCM_24")


def test_the_test_sound_in_another_file_under_another_name(tiny):
    rewritten(tiny.audio("s5"))
    rewritten(tiny.audio("s5"), to=tiny.audio("s2"))
    sound, hz = soundfile.read(tiny.audio("s2"))
    with soundfile.SoundFile(tiny.audio("s2"), "w", hz, 1, "FLOAT") as file:
        file.comment = "other bytes"
        file.write(sound)
    assert tiny.audio("s2").read_bytes() != tiny.audio("s5").read_bytes()
    with pytest.raises(UserError, match=r"one sound is in two splits: 'tiny/s[25]' .* and 'tiny/s[25]' .*, 12.0 s"):
        fmri({"tiny": tiny})


def test_a_part_of_the_test_sound(tiny):
    """s2 ends with the first six seconds of the test sound: of its clips only those are of it."""
    sound, hz = soundfile.read(tiny.audio("s5"), dtype="float32")
    own, _ = soundfile.read(tiny.audio("s2"), dtype="float32")
    soundfile.write(tiny.audio("s2"), np.concatenate([own[: 6 * hz], sound[: 6 * hz]]), hz, subtype="FLOAT")
    with pytest.raises(UserError, match="one sound is in two splits.*tiny/s[25]"):
        fmri({"tiny": tiny})
    tiny.clips_of = lambda run, table: table[(table.stimulus != "s2") | (table.start_s < 6)]  # these are not used
    data = fmri({"tiny": tiny})
    assert "tiny/s2" in {name for part in data.splits.values() for name in part.table.stimulus}


def test_a_sound_of_two_names_is_held_out_for_validation_as_one(tiny):
    """And out-of-fold predictions, exchanges and classification have it in one group."""
    for name in ("s1", "s3"):
        shutil.copy(tiny.audio("s0"), tiny.audio(name))
    for fraction in (0.2, 0.5, 0.8):
        data = fmri({"tiny": tiny}, val_fraction=fraction)
        table = pd.concat([part.table.assign(split=split) for split, part in data.splits.items()])
        same = table[table.stimulus.isin(["tiny/s0", "tiny/s1", "tiny/s3"])]
        assert same.split.nunique() == same.group.nunique() == same.group_index.nunique() == 1
    assert same.clip_index.nunique() == 12


def test_validation_of_one_study_is_not_trained_on_in_another(tmp_path):
    """Both studies play the same sounds and draw their validation by a hash: of the study's name, too."""
    for seed in range(2):
        studies = {name: TinyFMRI(tmp_path / name, n_subjects=1, seed=seed) for name in ("one", "two", "three")}
        data = fmri(studies, val_fraction=0.3)
        # by its samples: libsndfile writes the time of day into files of floats
        audio = {name: soundfile.read(stimulus.audio)[0].tobytes() for name, stimulus in data.stimuli.items()}
        heard_in = {split: {audio[name] for name in part.table.stimulus} for split, part in data.splits.items()}
        assert not heard_in["train"] & heard_in["val"] and not heard_in["train"] & heard_in["test"]
        assert len(heard_in["val"]) == 2


def test_what_the_study_calls_the_same_is_one_group(tiny):
    tiny.content = {"s0": "a fable", "s4": "a fable"}
    data = fmri({"tiny": tiny})
    groups = pd.concat([part.table for part in data.splits.values()]).groupby("stimulus").group.first()
    assert groups["tiny/s0"] == groups["tiny/s4"] and groups.nunique() == 5
    tiny.content = {"s0": "a fable", "s5": "a fable"}  # s5 is for testing
    with pytest.raises(UserError, match=r"clips in two splits: tiny/s5 \(test\).*tiny/s0 \(train\)"):
        fmri({"tiny": tiny})


@pytest.mark.parametrize("beside", ["train", "test"])
def test_the_sound_of_a_prompt_is_nowhere_else(tiny, beside):
    """It is given to the decoder, which then must not have been trained or tested on it."""
    name = "s5" if beside == "test" else "s3"
    rewritten(tiny.audio(name), to=tiny.audio("s1"))
    rewritten(tiny.audio(name))
    tiny.clips_of = lambda run, table: table.assign(split="prompt") if run.task == "s1" else table
    with pytest.raises(UserError, match=rf"(s1|{name})' at .*prompt|prompt.*(s1|{name})'"):
        fmri({"tiny": tiny})


def test_a_prompt_of_its_own_is_left_out(tiny):
    tiny.clips_of = lambda run, table: table.assign(split="prompt") if run.task == "s1" else table
    data = fmri({"tiny": tiny})
    assert "tiny/s1" not in data.stimuli and "tiny/s1" not in set(data.splits["train"].table.stimulus)


def test_a_sound_that_is_alike_is_warned_of(tmp_path):
    study = TinyFMRI(tmp_path / "tiny", n_clips=12)
    for number in range(6):
        soundfile.write(study.audio(f"s{number}"), melody(number, 12), HZ, subtype="FLOAT")
    copy = np.concatenate([np.zeros(HZ), 0.5 * melody(5, 12)])[: 12 * HZ]
    soundfile.write(
        study.audio("s2"), copy + 1e-3 * np.random.default_rng(0).standard_normal(len(copy)), HZ, subtype="FLOAT"
    )
    with pytest.warns(UserWarning, match=r"LEAK\? 'tiny/s[25]' at .* and 'tiny/s[25]' at .* two splits"):
        data = fmri({"tiny": study})
    assert len(data.notes) == 1 and "(test)" in data.notes[0]


def test_volumes_of_a_more_precious_split(tmp_path):
    """A training clip must share none with validation or test, a validation clip none with test."""
    clips = pd.DataFrame(
        [
            ("r", "train", 0, 3), ("r", "train", 3, 6), ("r", "val", 5, 8), ("r", "train", 8, 9),
            ("r", "val", 9, 12), ("r", "test", 11, 14), ("r", "train", 14, 16), ("r2", "train", 11, 14),
        ],
        columns=["recording", "split", "first", "stop"],
        index=[3, 1, 2, 0, 7, 7, 9, 8],
    )  # fmt: skip
    assert without_shared_volumes(clips).tolist() == [True, False, True, True, False, True, True, True]


# the law


SECONDS, LENGTH_S = 24, 24
#: Files of two sources: source, first and last second; the same seconds are the same samples.
FILES = {
    "a": (0, 0, 24, "wav"), "a_again": (0, 0, 24, "flac"), "a_head": (0, 0, 12, "wav"), "a_middle": (0, 5, 17, "flac"),
    "b": (1, 0, 24, "wav"), "b_tail": (1, 12, 24, "flac"), "c": (2, 0, 24, "wav"), "d": (3, 0, 24, "wav"),
}  # fmt: skip


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    found = {}
    for name, (source, first, last, kind) in FILES.items():
        found[name] = folder / f"{name}.{kind}"
        soundfile.write(found[name], melody(source + 20, SECONDS)[first * HZ : last * HZ], HZ, subtype="PCM_16")
    return found


@st.composite
def presentations(draw):
    """Who heard which file, in what split (or a split each second half), how often, in whatever run and order."""
    rows = []
    for name in draw(st.lists(st.sampled_from(sorted(FILES)), min_size=2, max_size=5, unique=True)):
        _, first, last, _ = FILES[name]
        halves = draw(st.booleans())
        for half in range(1 + halves):
            split = draw(st.sampled_from(["train", "train", "train", "val", "test", "prompt"]))
            start, stop = (
                (0, last - first)
                if not halves
                else [(0, (last - first) // 2), ((last - first) // 2, last - first)][half]
            )
            heard = draw(st.integers(start, stop - 1)), stop
            group = f"{name}-{half}" if halves else name
            for repeat in range(draw(st.integers(1, 2))):
                study, subject = draw(st.sampled_from(["x", "y"])), draw(st.sampled_from(["01", "02"]))
                for clip in range(*heard, draw(st.sampled_from([1, 2]))):
                    rows.append((study, subject, name, clip, min(2, stop - clip), group, split, repeat))
    for study in {"x", "y"} & {row[0] for row in rows}:
        rows += [(study, "01", name, clip, 1, name, "train", 0) for name in ("c", "d") for clip in range(3)]
    return rows


def truly(rows):
    """Of each presentation, the seconds of the true sources that it holds."""
    return [{(FILES[r[2]][0], FILES[r[2]][1] + r[3] + s) for s in range(int(r[4]))} for r in rows]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=presentations())
def test_no_second_of_held_out_sound_is_in_training(files, rows, tmp_path_factory):
    """Whoever heard it, under whatever name, in whatever run, study or file, again or as a part; and nothing else is refused."""
    clips = pd.DataFrame(
        rows, columns=["study", "subject", "stimulus", "start_s", "duration_s", "group", "split", "repeat"]
    )
    clips = clips.assign(time_s=clips.start_s.astype(float), recording=clips.study + "/" + clips.subject)
    for column in ("stimulus", "group"):
        clips[column] = clips.study + "/" + clips[column]
    stimuli = {name: Stimulus(name, files[name.split("/")[1]]) for name in clips.stimulus.unique()}
    seconds = truly(rows)

    of_split: dict[str, set] = {}
    for split, held in zip(clips.split, seconds, strict=True):
        of_split.setdefault(split, set()).update(held)
    leaks = any(of_split[one] & of_split[other] for one, other in combinations(of_split, 2))
    studies = {name: TinyFMRI("nowhere") for name in ("x", "y")}
    try:
        found, notes = split_by_sound(clips, stimuli, studies, 0.3)
    except UserError as error:
        parted = (clips[clips.split != "prompt"].groupby("group").split.nunique() > 1).any()
        assert leaks or parted or "of training clips" in str(error) or "no training clips" in str(error), error
        return
    assert not leaks and not notes
    where = {}
    for row in found.itertuples():
        source, first, _, _ = FILES[row.stimulus.split("/")[1]]
        for second in range(int(row.duration_s)):
            where.setdefault((source, first + row.start_s + second), set()).add(row.split)
    assert all(len(splits) == 1 for splits in where.values())
    assert "prompt" not in set(found.split) and {"train"} <= set(found.split)
    groups = {}
    for row in found.itertuples():
        source, first, _, _ = FILES[row.stimulus.split("/")[1]]
        for second in range(int(row.duration_s)):
            groups.setdefault((source, first + row.start_s + second), set()).add(row.group)
    assert all(len(own) == 1 for own in groups.values())  # so that no fold parts one sound


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


def test_the_columns_are_those_of_a_study():
    """The property above hands over what a study does."""
    table = clip_table(
        pd.DataFrame({"stimulus": ["s"], "start_s": [0.0], "duration_s": [1.0], "time_s": [0.0]}), where=""
    )
    assert {"stimulus", "start_s", "duration_s", "group", "split", "repeat"} <= set(table)
