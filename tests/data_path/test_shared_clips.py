"""Leaks of sound, planted in fMRI: equal sound in two splits is refused by name, sound that is alike is warned of."""

import shutil
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from melodies import HZ, melody
from tiny_fmri import LAG_S, TinyFMRI

from n2s.data import FMRIDataModule
from n2s.data.clip_splits import split_by_sound, without_shared_volumes
from n2s.errors import UserError
from n2s.features import MelStatistics
from n2s.studies.fmri import clip_table
from n2s.studies.study import Stimulus


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


@pytest.mark.slow
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


@pytest.mark.slow
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


def test_the_columns_are_those_of_a_study():
    """The property above hands over what a study does."""
    table = clip_table(
        pd.DataFrame({"stimulus": ["s"], "start_s": [0.0], "duration_s": [1.0], "time_s": [0.0]}), where=""
    )
    assert {"stimulus", "start_s", "duration_s", "group", "split", "repeat"} <= set(table)
