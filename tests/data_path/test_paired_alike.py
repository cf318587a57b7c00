"""Sounds of MEG and fMRI that are alike and not equal become one sound on one clock, or are refused aloud."""

from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from melodies import HZ, melody
from paired_worlds import Play, Sensors, Volumes, paired, runs_of, tunes, write
from scipy.signal import resample_poly

from n2s.data import Preprocessing, SplitByStory, WordOnsets
from n2s.data.paired_alike import alike_sounds
from n2s.data.paired_moved import moved_events
from n2s.data.steps import Learned, LearnedStep
from n2s.errors import UserError
from n2s.findings import kept
from n2s.studies.events import events_table
from n2s.studies.study import Stimulus

pytestmark = pytest.mark.slow
SILENCE_S = 10.65


def found(folder, meg, fmri):
    """Pieces and findings of some sounds: name -> samples, or (samples, Hz, extension)."""
    stimuli = {}
    for study, sounds in (("meg", meg), ("fmri", fmri)):
        for name, sound in sounds.items():
            sound, hz, kind = sound if isinstance(sound, tuple) else (sound, HZ, "wav")
            stimuli[f"{study}/{name}"] = Stimulus(name, write(folder / study / f"{name}.{kind}", sound, hz))
    with kept() as told:
        pieces, _ = alike_sounds(stimuli, {"fmri"})
    return {one.name.removeprefix("fmri/"): one for one in pieces}, [(one.kind, one.text) for one in told]


def silent(seconds):
    return np.zeros(round(seconds * HZ))


def test_copies_become_the_sound_of_the_meg(tmp_path):
    a, b, c, d = (melody(seed, 30) for seed in range(4))
    pieces, told = found(
        tmp_path,
        {"a": a, "b": b, "c": c, "d": np.concatenate([silent(SILENCE_S), d]), "e": melody(5, 30)},
        {
            "other name": (a, HZ, "mp3"),
            "b": np.concatenate([silent(SILENCE_S), 0.3 * b]),
            "c": (resample_poly(c[round(1.3 * HZ) :], 441, 160), 44100, "flac"),
            "d": d,
            "e": melody(5, 30),
            "f": melody(6, 30),
        },
    )
    assert {name: one.meg for name, one in pieces.items()} == {
        "other name": "meg/a",
        "b": "meg/b",
        "c": "meg/c",
        "d": "meg/d",
    }
    lags = {"other name": 0.0, "b": -SILENCE_S, "c": 1.3, "d": SILENCE_S}
    for name, lag_s in lags.items():
        assert pieces[name].lag_s == pytest.approx(lag_s, abs=0.06) and pieces[name].share > 0.95, name
    ((start_s, stop_s),) = pieces["b"].spans
    assert (start_s, stop_s) == pytest.approx((SILENCE_S, SILENCE_S + 30), abs=0.06)
    ((kind, text),) = told
    assert kind == "corrected" and "4 sounds of fMRI are sounds of the MEG" in text and "10.7 s of them" in text


def test_a_long_file_that_holds_several(tmp_path):
    parts = [melody(seed, 20) for seed in range(3)]
    joined = np.concatenate([silent(2), parts[0], silent(3), parts[1], parts[2]])
    pieces, _ = found(tmp_path / "bold", {f"ch{i}": one for i, one in enumerate(parts)}, {"section": joined})
    assert sorted(pieces) == ["section, ch0", "section, ch1", "section, ch2"]
    assert [pieces[f"section, ch{i}"].lag_s for i in range(3)] == pytest.approx([-2, -25, -45], abs=0.06)
    pieces, _ = found(tmp_path / "meg", {"section": joined}, {f"ch{i}": one for i, one in enumerate(parts)})
    assert {name: one.meg for name, one in pieces.items()} == dict.fromkeys(("ch0", "ch1", "ch2"), "meg/section")
    assert [pieces[f"ch{i}"].lag_s for i in range(3)] == pytest.approx([2, 25, 45], abs=0.06)


#: What is half wrong: the MEG's sounds, that of fMRI, and what is told.
ODD = {
    "half": (lambda a, b: {"a": a}, lambda a, b: np.r_[a[: len(a) // 2], b[len(b) // 2 :]], "5[0-9]% of it or of meg/a are alike"),
    "pause": (lambda a, b: {"a": a}, lambda a, b: np.r_[a[: len(a) // 2], silent(4), a[len(a) // 2 :]], "2 offsets from -4.0. to"),
    "two": (lambda a, b: {"a": a, "loud": 1.5 * a + 1e-3 * b}, lambda a, b: 0.4 * a, "like meg/a and meg/loud, both about as much"),
    "loop": (lambda a, b: {"a": np.r_[a, a]}, lambda a, b: 0.4 * a, "like meg/a at two places"),
}  # fmt: skip


@pytest.mark.parametrize("what", ODD)
def test_half_wrong_sounds_are_no_pair(tmp_path, what):
    a, b = melody(1, 60), melody(2, 60)
    meg, fmri, text = ODD[what]
    pieces, told = found(tmp_path, meg(a, b), {"x": fmri(a, b)})
    assert not pieces
    ((kind, said),) = told
    assert kind == "odd" and "1 sounds of fMRI are like sounds of the MEG, but no pair: fmri/x" in said
    assert pd.Series([said]).str.contains(text).all(), said


def test_what_is_not_alike_is_not_told(tmp_path):
    """Silence, another sound, a jingle of 3 s in front of each, a loop that is heard twice in fMRI."""
    jingle = melody(9, 3)
    meg = {"a": np.r_[jingle, melody(1, 40)], "quiet": silent(20), "b": melody(3, 20)}
    fmri = {"c": np.r_[jingle, melody(2, 40)], "silence": silent(25), "twice": 0.5 * np.r_[meg["b"], meg["b"]]}
    pieces, told = found(tmp_path, meg, fmri)
    assert sorted(pieces) == ["twice, b 1", "twice, b 2"] and [kind for kind, _ in told] == ["corrected"]


def test_events_are_moved_and_cut(tmp_path):
    pieces, _ = found(tmp_path, {"a": melody(1, 30)}, {"x": np.concatenate([silent(SILENCE_S), melody(1, 30)])})
    rows = [
        {
            "kind": "sound",
            "onset": 5.0,
            "duration": SILENCE_S + 30,
            "stimulus_onset": 0.0,
            "stimulus": "x",
            "story": "s",
        }
    ]
    for at_s in (3.0, 12.0, 20.5):
        rows.append(
            {
                "kind": "word",
                "text": "w",
                "onset": 5 + at_s,
                "duration": 0.2,
                "stimulus_onset": at_s,
                "stimulus": "x",
                "story": "s",
            }
        )
    events = events_table(rows, where="test")
    moved = moved_events(events, list(pieces.values()), {})
    sound, *words = moved.itertuples()
    assert (sound.onset, sound.stimulus_onset, sound.duration) == pytest.approx((5 + SILENCE_S, 0.0, 30.0), abs=0.06)
    assert [one.onset for one in words] == [17.0, 25.5]  # when they were heard stays; the word in the silence is gone
    assert [one.stimulus_onset for one in words] == pytest.approx([12 - SILENCE_S, 20.5 - SILENCE_S], abs=0.06)


@pytest.fixture
def sides(tmp_path):
    """Stories a to d in the MEG; in fMRI as mp3 with 10.65 s of silence in front, under other names."""
    meg = tunes(tmp_path / "meg", "abcd")
    late = {
        f"run{i}": write(tmp_path / "bold" / f"run{i}.mp3", np.r_[silent(SILENCE_S), melody(ord(name), 40)])
        for i, name in enumerate("abcd")
    }
    runs = runs_of(["01"], late, at_s=0.0, lasts_s=SILENCE_S + 40)
    words = {name: [(f"{name}{i}", 1.0 + 2 * i) for i in range(19)] for name in "abcd"}
    told = {f"run{i}": [(text, SILENCE_S + 0.03 + at_s) for text, at_s in words[name]] for i, name in enumerate("abcd")}
    return (
        Sensors(tmp_path / "m", runs_of(["01"], "abcd"), meg, words=words),
        Volumes(tmp_path / "f", runs, late, words=told),
    )


def test_pairs_of_alike_sounds_share_segments_and_the_split(sides):
    data = paired(*sides)
    table = data.pair_table("test")
    assert len(table) == 8 and (table[["meg", "fmri"]] >= 0).all(axis=None)
    assert (table.start_s - 2.0).tolist() == [5.0 * i for i in range(8)]  # silence of 2 s before each sound in the MEG
    assert table.fmri_start_s.to_numpy() == pytest.approx(SILENCE_S + 5 * np.arange(8), abs=0.06)
    named = data.named_in("fmri", "test")
    assert [one for one, _ in named] == ["run2"] * 8
    assert [at_s for _, at_s in named] == pytest.approx(SILENCE_S + 5 * np.arange(8), abs=0.06)
    held = {data.stimuli[name].audio for split in ("val", "test") for name in data.windows[split].intervals.stimulus}
    trained = {data.stimuli[name].audio for name in data.windows["train"].intervals.stimulus}
    assert len(held) == 2 and len(trained) == 2 and not held & trained and all(one.suffix == ".wav" for one in held)


class Mean(LearnedStep):
    """Subtracts the mean of what it learns from, and says how long that is."""

    learned_s: ClassVar[list[float]] = []

    def settings(self):
        return {}

    def fit(self, pieces):
        self.learned_s.append(sum(one.n_times / one.info["sfreq"] for one in pieces))
        return Learned(
            {"mean": np.concatenate([one.get_data() for one in pieces], 1).mean(1)}, {"n_pieces": len(pieces)}
        )

    def apply(self, raw, learned):
        raw._data -= learned.arrays["mean"][:, None]
        return raw


def test_steps_that_learn_know_what_is_held_out_by_its_name_in_fmri(sides):
    """Story c of the MEG is held out as run2 of fMRI, of which only the sound tells that it is c."""
    steps = Preprocessing(sfreq=20.0, picks=["eeg"], steps=[Mean()])
    data = paired(*sides, split=SplitByStory(test=["run2"], val=["run1"]), preprocessing=steps)
    assert set(data.windows["test"].intervals.story) == {"c", "run2"}
    (learned_s,) = Mean.learned_s
    assert learned_s == pytest.approx(2 * 40, abs=0.5)  # stories a and d


def test_windows_at_words_are_the_same_in_both(sides):
    """The words of fMRI are 30 ms late: those of the MEG hold for both."""
    data = paired(*sides, test_windows=WordOnsets(0.5))
    table = data.pair_table("test")
    assert len(table) == 18 and (table[["meg", "fmri"]] >= 0).all(axis=None)
    assert (table.start_s.to_numpy() - 2.0) == pytest.approx(0.5 + 2 * np.arange(18))


def test_sections_are_cut_into_the_stories_of_the_meg(tmp_path):
    """One file of fMRI with all four stories: each second is on the side of its story, and the official split says so, too."""
    meg = tunes(tmp_path / "meg", "abcd", 30)
    whole = write(tmp_path / "bold" / "all.ogg", np.concatenate([melody(ord(name), 30) for name in "abcd"]))
    volumes = Volumes(tmp_path / "f", {("01", "1"): [Play("all", 3.0, 120.0)]}, {"all": whole})
    data = paired(Sensors(tmp_path / "m", runs_of(["01"], "abcd", lasts_s=30.0), meg), volumes, response_s=8.0)
    table = data.pair_table("test")
    assert len(table) == 6 and (table[["meg", "fmri"]] >= 0).all(axis=None)
    assert table.fmri_start_s.to_numpy() == pytest.approx(3 + 60 + 5 * np.arange(6), abs=0.06)
    assert {data.moved[name].fmri for name in data.moved} == {"fmri/all"} and len(data.moved) == 4
    held = data.windows["train"].intervals
    reach_s = held[held.study == "fmri"].eval("onset + duration").max(), data.bold_options.gap_s
    assert (
        held[held.study == "fmri"].onset.max() >= 3 + 90 + reach_s[1] - 0.1
    )  # the story after the tested one begins later


def test_half_alike_sounds_are_on_one_side_of_the_split(tmp_path):
    """In fMRI story x is c of the MEG with a pause of 6 s in it: no pair, and yet not trained on while c is tested."""
    meg = tunes(tmp_path / "meg", "abcde")
    c = melody(ord("c"), 40)
    bold = dict(meg) | {"x": write(tmp_path / "bold" / "x.wav", np.r_[c[: 20 * HZ], silent(6), c[20 * HZ :]])}
    runs = runs_of(["01"], "abde") | runs_of(["01"], "x", lasts_s=46.0)
    with kept() as told:
        data = paired(
            Sensors(tmp_path / "m", runs_of(["01"], "abcde"), meg),
            Volumes(tmp_path / "f", runs, bold),
            split=SplitByStory(test=["c", "d"], val=["b"]),
        )
    assert not data.moved and any("fmri/x (" in one.text and "no pair" in one.text for one in told)
    assert not any("declared equal" in one.text for one in told)
    sides = {split: set(data.windows[split].intervals.stimulus) for split in ("train", "test")}
    assert sides == {"train": {"meg/a", "meg/e", "fmri/a", "fmri/e"}, "test": {"meg/c", "meg/d", "fmri/d", "fmri/x"}}
    assert (data.pair_table("test").query("stimulus == 'fmri/x'").meg == -1).all()


def test_a_sound_that_plays_faster_is_no_pair(tmp_path):
    """A hundredth faster: no offset holds, and the lengths of both are told, where they have one name."""
    meg = tunes(tmp_path / "meg", "abcd")
    bold = dict(meg) | {"a": write(tmp_path / "bold" / "a.wav", resample_poly(melody(ord("a"), 40), 100, 101))}
    with kept() as told:
        data = paired(
            Sensors(tmp_path / "m", runs_of(["01"], "abcd"), meg),
            Volumes(tmp_path / "f", runs_of(["01"], "bcd") | runs_of(["01"], "a", lasts_s=39.6), bold),
        )
    assert not data.moved and any(
        "1 sounds have one name in MEG and fMRI and other samples: a (40.00 and 39.60 s)" in one.text for one in told
    )
    table = data.pair_table("train")
    assert not (table[["meg", "fmri"]] >= 0).all(axis=1)[table.stimulus.str.endswith("/a")].any()


def test_only_alike_sounds_and_none_at_all(tmp_path):
    meg = tunes(tmp_path / "meg", "abcd")
    other = {name: write(tmp_path / "bold" / f"{name}.wav", melody(100 + ord(name), 40)) for name in "abcd"}
    with pytest.raises(UserError, match="no sound was heard in both.*4 have one name in both and other samples"):
        paired(
            Sensors(tmp_path / "m", runs_of(["01"], "abcd"), meg),
            Volumes(tmp_path / "f", runs_of(["01"], "abcd"), other),
        )
