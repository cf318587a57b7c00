"""Listeners whose events differ, sounds with two names, translations: what is held out for one is held out for all."""

import unicodedata
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import soundfile

from n2s.data import Grid, SplitBySentence, SplitByStory, SplitByTime
from n2s.data.content import Heard, story_contents
from n2s.data.spans import lengths, merged, minus
from n2s.data.splits import joined
from n2s.data.targets import Targets
from n2s.data.windows import WindowShape, lay_windows
from n2s.errors import UserError
from n2s.features.feature import FrameFeature
from n2s.findings import kept
from n2s.studies.events import events_table
from n2s.studies.readers.sentences import sentence_id
from n2s.studies.simulated.spoken import aligned_sentences
from n2s.studies.simulated.stories import stories
from n2s.studies.study import Frames, Stimulus

SENTENCE_S = 4.5
PAPER = {"val_fraction": 0.1, "test_fraction": 0.2, "min_block_s": 6.0, "seed": 12}  # Défossez et al. 2023


def sentences(stimulus, texts, *, story=None, language="en", lacking=(), onset=1.0, step_s=SENTENCE_S + 0.5, **more):
    """A sound whose sentences stand on a grid; the recording has no event for those that are ``lacking``."""
    shared = {"stimulus": stimulus, "story": story or stimulus, "language": language}
    rows = [{"kind": "sound", "onset": onset, "stimulus_onset": 0.0, "duration": step_s * len(texts), **shared}]
    for i, text in enumerate(texts):
        if i not in lacking:
            place = {"onset": onset + step_s * i, "stimulus_onset": step_s * i, "duration": SENTENCE_S}
            rows.append({"kind": "sentence", "text": text, "sequence": sentence_id(text), **place, **shared, **more})
    return events_table(rows, where=stimulus)


def part(stimulus, start_s, stop_s, *, onset=1.0, **more):
    """A stretch of a sound."""
    row = {"kind": "sound", "onset": onset, "stimulus_onset": start_s, "duration": stop_s - start_s}
    return events_table([row | {"stimulus": stimulus, "story": stimulus} | more], where=stimulus)


def trained_s(table, held="test"):
    """Seconds of a split's sound that are also in training."""
    found = 0.0
    for _, rows in table.groupby("sound"):
        own, train = merged(rows[rows.split == held]), merged(rows[rows.split == "train"])
        found += lengths(own).sum() - lengths(minus(own, train)).sum()
    return found


def total_s(table, split="test"):
    return sum(lengths(merged(rows)).sum() for _, rows in table[table.split == split].groupby("sound"))


@pytest.mark.parametrize("lacking", [(0,), (3,), (0, 7, 8, 20)])
def test_a_listener_without_some_sentences_trains_on_none_that_another_is_tested_on(lacking):
    """Its blocks began one sentence later, and joining bridged what it lacked: 278 of 622 s of test sound in training."""
    texts = [f"sentence number {i} of a long story" for i in range(300)]
    heard = {"t": Heard({"all": sentences("a", texts), "some": sentences("a", texts, lacking=lacking)})}
    table = joined(SplitBySentence(**PAPER).intervals(heard), gap_s=0.0)
    assert trained_s(table) == 0 and trained_s(table, "val") == 0
    assert 0.1 < total_s(table) / (5.0 * 300) < 0.3
    whole = joined(SplitBySentence(**PAPER).intervals({"t": Heard({"all": sentences("a", texts)})}), gap_s=0.0)
    assert total_s(table) == pytest.approx(
        total_s(whole)
    )  # nobody's lack of events changes what the others are tested on


def test_neighbours_are_joined_over_silence_and_not_over_what_is_held_out():
    texts = [f"sentence {i}" for i in range(60)]
    heard = {"t": Heard({"all": sentences("a", texts), "some": sentences("a", texts, lacking=range(1, 60, 2))})}
    dealt = SplitBySentence(val_fraction=0.1, test_fraction=0.2).intervals(heard)
    train = dealt[(dealt.split == "train") & (dealt.recording == "all")].stimulus_onset.to_numpy()
    runs = 1 + (np.diff(train) > 5.1).sum()
    table = joined(dealt, gap_s=0.0)
    assert (table[table.recording == "all"].split == "train").sum() == runs > 5
    some = table[(table.recording == "some") & (table.split == "train")]
    assert some.duration.max() > 9  # where all that lies between is trained on, too
    assert trained_s(table) == 0


def test_a_fold_is_of_the_sound_whatever_part_each_heard():
    """Each presentation was cut into folds: 72 of 192 s of test sound in training."""
    heard = {"t": Heard({"all": part("a", 0.0, 600.0), "some": part("a", 0.0, 360.0), "late": part("a", 200.0, 600.0)})}
    table = joined(SplitByTime(n_folds=5).intervals(heard), gap_s=0.0)
    assert trained_s(table) == 0 and total_s(table) == pytest.approx(120.0)
    assert sorted(set(table[table.split != "train"].stimulus_onset)) == [360.0, 480.0]
    longer = {
        "t": replace(heard["t"], lengths_s={"a": 1000.0})
    }  # of the audio's whole length, which nobody need have heard
    assert set(joined(SplitByTime(n_folds=5).intervals(longer), gap_s=0.0).split) == {"train"}


@pytest.mark.parametrize("split", [SplitByTime(n_folds=5), SplitBySentence(val_fraction=0.2, test_fraction=0.3)])
def test_clocks_that_drift_take_nothing_held_out_into_training(split):
    texts = [f"sentence {i}" for i in range(40)]
    clocks = {}
    for i, (drift, digits) in enumerate([(0, 9), (2e-3, 3), (-1e-3, 2)]):
        events = sentences("a", texts, step_s=SENTENCE_S)  # no pause
        for name in ("onset", "stimulus_onset", "duration"):
            events[name] = (events[name] * (1 + drift)).round(digits)
        clocks[str(i)] = events
    table = joined(split.intervals({"t": Heard(clocks)}), gap_s=0.0)
    assert trained_s(table) < 1e-6 and trained_s(table, "val") < 1e-6 and total_s(table) > 20


def test_stories_that_share_a_sound_go_together():
    events = {"r": pd.concat([part(f"s{i}", 0, 30, onset=1 + 31 * i) for i in range(20)], ignore_index=True)}
    sounds = {f"s{i}": f"sound {i % 10}" for i in range(20)}
    table = SplitByStory(val_fraction=0.3, test_fraction=0.3, seed=1).intervals({"t": Heard(events, sounds=sounds)})
    assert (table.groupby("sound").split.nunique() == 1).all() and table.split.nunique() == 3
    with kept() as found:
        table = SplitByStory(test=["s2"], val=["s3", "s13"]).intervals({"t": Heard(events, sounds=sounds)})
    assert ["s12 go to test with s2" in one.text for one in found] == [True]
    assert set(table[table.split == "test"].story) == {"s2", "s12"}
    with pytest.raises(
        UserError, match=r"s2 \(test\) and s12 \(val\) are one content|s12 \(val\) and s2 \(test\) are one"
    ):
        SplitByStory(test=["s2"], val=["s12"]).intervals({"t": Heard(events, sounds=sounds)})
    with pytest.raises(UserError, match="t/s2 in test and t/s12 in train are one content"):
        SplitByStory().intervals({"t": Heard(events, {"s2": "test", "s12": "train"}, sounds=sounds)})


def test_one_sound_of_two_studies_is_in_one_split():
    heard = {
        "a": Heard({"a/r": pd.concat([part("x", 0, 30), part("y", 0, 30, onset=40)])}, sounds={"x": "1", "y": "2"}),
        "b": Heard({"b/r": pd.concat([part("u", 0, 30), part("v", 0, 30, onset=40)])}, sounds={"u": "1", "v": "3"}),
    }
    table = SplitByStory(test=["x"], val=["v"]).intervals(heard)
    assert dict(zip(table.stimulus, table.split, strict=True)) == {
        "a/x": "test", "a/y": "train", "b/u": "test", "b/v": "val"
    }  # fmt: skip


def test_two_stories_in_one_file_are_two():
    rows = pd.concat([part("run", 0, 30, story="a"), part("run", 30, 60, story="b", onset=31)], ignore_index=True)
    table = SplitByStory(test=["a"], val=[]).intervals({"t": Heard({"r": rows}, sounds={"run": "1"})})
    assert table.split.tolist() == ["test", "train"]


def translated(content=None, *, share_story=False, texts=24):
    names = ("prince", "prince") if share_story else ("prince_en", "prince_es")
    events = {
        language: sentences(
            f"prince_{language}", [f"{language} {i}" for i in range(texts)], story=name, language=language
        )
        for language, name in zip(("en", "es"), names, strict=True)
    }
    others = {f"r{i}": sentences(f"other{i}", [f"other {i} {k}" for k in range(12)]) for i in range(6)}
    return {"t": Heard(events | others, content=content)}


def held_lines(table):
    """Line of the translated story -> the splits it is in, in any language."""
    rows = table[table.stimulus.str.contains("prince") & table.used]
    return rows.split.groupby((rows.stimulus_onset / 5).round()).agg(set)


SAID = {"prince_en": "prince", "prince_es": "prince"}
OTHERS = {f"other{i}": f"other{i}" for i in range(6)}
ALIGNED = {sentence_id(f"{language} {i}"): f"prince {i}" for i in range(24) for language in ("en", "es")}


@pytest.mark.parametrize("heard", [translated(SAID), translated(share_story=True)])
def test_a_translation_is_where_its_story_is(heard):
    for seed in range(3):
        table = SplitByStory(seed=seed).intervals(heard)
        assert table[table.stimulus.str.contains("prince")].split.nunique() == 1
    table = SplitByStory(val=[], test=["prince"]).intervals(heard)
    assert set(table[table.split == "test"].stimulus) == {"t/prince_en", "t/prince_es"}
    with kept() as found:
        table = SplitBySentence(seed=1).intervals(heard)
    assert any("prince: heard in several languages" in one.text for one in found)
    assert table[table.stimulus.str.contains("prince")].split.nunique() == 1  # whole
    assert table.split.nunique() == 3
    with pytest.raises(UserError, match="prince_en, prince_es are versions or translations of one content"):
        SplitByTime().intervals(heard)


@pytest.mark.parametrize("min_block_s", [0.0, 6.0])
def test_aligned_sentences_are_split_with_their_translations(min_block_s):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = SplitBySentence(val_fraction=0.3, min_block_s=min_block_s, seed=3).intervals(translated(SAID | ALIGNED))
    lines = held_lines(table)
    assert (lines.map(len) == 1).all() and len(set.union(*lines)) == 3
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        apart = held_lines(SplitBySentence(val_fraction=0.3, min_block_s=min_block_s, seed=3).intervals(translated()))
    assert (apart.map(len) > 1).any()  # nothing said: they are parted


def test_the_built_in_stories_keep_translations_together():
    """22 of the 33 test sentences of the two stories with translations had theirs in training."""
    told = [story for story in stories() if story.id in ("lighthouse", "bakery")]
    events = {one.stimulus: sentences(one.stimulus, one.sentences, story=one.id, language=one.language) for one in told}
    content = aligned_sentences(told)
    table = SplitBySentence(val_fraction=0.1, test_fraction=0.2).intervals({"t": Heard(events, content=content)})
    line = table.story + table.stimulus_onset.map("{:.0f}".format)
    assert (table.split.groupby(line).nunique() == 1).all() and (line.value_counts() == 2).all()
    assert (table.split == "test").sum() > 20


def told(events: dict) -> list[str]:
    with kept() as found:
        SplitByStory().intervals(events)
    return [f"{one.where}: {one.text}" for one in found]


def test_languages_of_which_nothing_is_said_are_told():
    said = told(translated())
    assert len(said) == 1 and said[0].startswith(
        "study t: it is heard in en, es, and nothing says which of its stories are tr"
    )
    assert not told(translated({}))
    assert not told(translated(share_story=True))


def test_a_region_is_no_other_language():
    heard = translated()["t"]
    for index, events in enumerate(heard.events.values()):
        events["language"] = ("en-GB", "EN", "en_US", "en")[index % 4]
    assert not told({"t": heard})


def test_a_misspelt_name_in_content_is_an_error():
    with pytest.raises(
        UserError, match="its content names 'prince_eu', which no recording heard. Nearest: prince_es.*: prince_es"
    ):
        SplitByStory().intervals(translated({"prince_en": "prince", "prince_eu": "prince"}))
    assert not told(translated(SAID | {"prince_eu": "prince"} | OTHERS))  # not heard by these: no mistake
    with pytest.raises(UserError, match="content holds 7, which is no name.*quotes"):
        SplitByStory().intervals(translated({7: "prince"}))


def test_a_number_in_a_name_may_be_another_story():
    events = {"r": pd.concat([part(f"story_{i}", 0, 30, onset=31 * i) for i in range(4)], ignore_index=True)}
    said = told({"t": Heard(events, content={"story_0": "a", "story_11": "a"})})
    assert len(said) == 1 and "content names 'story_11', which no recording heard" in said[0]


def test_a_story_with_the_name_of_a_content_is_of_it():
    rows = pd.concat([part(one, 0, 30) for one in ("prince", "prince_es", "fox")], ignore_index=True)
    rows = rows.assign(study="t", sound=rows.stimulus)
    found = story_contents(rows, {"t": {"prince_es": "prince"}}).content
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_name_in_any_unicode_form(form):
    """On macOS, file names are decomposed: the story held out in the recipe is that of the file."""
    names = [unicodedata.normalize(form, one) for one in ("Übung", "fábula", "kurz")]
    events = {"r": pd.concat([part(one, 0, 30, onset=31 * i) for i, one in enumerate(names)], ignore_index=True)}
    other = {"NFC": "NFD", "NFD": "NFC"}[form]
    table = SplitByStory(test=[unicodedata.normalize(other, "Übung")], val=[]).intervals({"t": Heard(events)})
    assert table[table.split == "test"].stimulus.tolist() == [f"t/{names[0]}"]
    official = {unicodedata.normalize(other, "fábula"): "val"}
    table = SplitByStory(test=[], val=[]).intervals({"t": Heard(events, official)})
    assert table[table.split == "val"].stimulus.tolist() == [f"t/{names[1]}"]
    content = {unicodedata.normalize(other, "Übung"): "one", "kurz": "one"}
    table = SplitByStory(test=["kurz"], val=[]).intervals({"t": Heard(events, content=content)})
    assert set(table[table.split == "test"].stimulus) == {f"t/{names[0]}", "t/kurz"}


def test_the_same_words_with_other_ids_are_one_sentence():
    """A lab numbers its sentences: the number tells nothing, the words do."""
    numbered = [sentences(f"s{i}", [f"words {k % 9}" for k in range(12)]) for i in range(4)]
    for i, table in enumerate(numbered):
        table["sequence"] = [f"{i}-{k}" if kind == "sentence" else "" for k, kind in enumerate(table.kind)]
    table = SplitBySentence(val_fraction=0.2, test_fraction=0.3, min_block_s=10.0).intervals(
        {"t": Heard({str(i): one for i, one in enumerate(numbered)})}
    )
    words = (table.stimulus_onset / 5).round() % 9
    assert (table[table.used].split.groupby(words).nunique() == 1).all()


def test_an_official_split_of_sentences_needs_a_split_of_sentences():
    events = sentences("a", ["one", "two", "three"])
    official = {sentence_id("one"): "test", sentence_id("two"): "val", sentence_id("three"): "train"}
    with pytest.raises(UserError, match="official split is of sentences, which SplitByStory does not deal out"):
        SplitByStory().intervals({"t": Heard({"r": events}, official)})
    table = SplitBySentence().intervals({"t": Heard({"r": events}, official)})
    assert table.split.tolist() == ["test", "val", "train"]
    with pytest.raises(UserError, match=r"t/a \('one'\) in test and t/a \('three'\) in train are one content"):
        content = {sentence_id("one"): "1", sentence_id("three"): "1"}
        SplitBySentence().intervals({"t": Heard({"r": events}, official, content)})


class Loudest(FrameFeature):
    """The largest sample of all audio that it is given: it hears everything."""

    contextual, n_features = True, 2  # one that changes, for there is no scale without

    def settings(self):
        return {}

    def extract(self, stimulus, start_s=0.0, stop_s=None):
        audio, rate_hz = soundfile.read(stimulus.audio)
        audio = audio[round(start_s * rate_hz) : None if stop_s is None else round(stop_s * rate_hz)]
        n = max(round(len(audio) / rate_hz * 10), 1)
        values = np.stack([np.full(n, np.abs(audio).max()), 0.1 * (np.arange(n) % 2)], 1)
        return Frames(values.astype(np.float32), 10.0, start_s)


def test_a_contextual_feature_hears_no_place_of_a_sentence_that_is_said_twice(tmp_path):
    """There was a border at its first place only, and none where another listener's name of the sound was cut."""
    texts = [f"sentence {i}" for i in range(20)]
    texts[3] = texts[11] = texts[17] = "said three times"
    loud = [3, 11, 17]  # the last one only by whom another name for the sound was given
    audio, rate_hz = np.random.default_rng(0).uniform(-0.01, 0.01, 20 * 5 * 1000), 1000
    for i in loud:
        audio[5000 * i : 5000 * i + 4500] *= 50
    stimuli = {}
    for name in ("t/a", "t/b"):
        path = tmp_path / f"{name[-1]}.wav"
        soundfile.write(path, audio, rate_hz)
        stimuli[name] = Stimulus(name, path)
    first, second = sentences("a", texts, lacking=[17]), sentences("b", texts, lacking=[3, 11])
    official = {sentence_id(text): "train" for text in texts} | {sentence_id("said three times"): "test"}
    heard = {"t": Heard({"1": first, "2": second}, official, {}, {"a": "x", "b": "x"})}
    table = joined(SplitBySentence().intervals(heard), gap_s=0.0).assign(audio="x", recording_index=0)
    none = pd.DataFrame({"text": [], "onset": [], "duration": [], "sequence": []})
    windows = {
        split: lay_windows(
            rows, Grid(1.0), window_s=2.0, words={"t/a": none, "t/b": none}, bad_spans={"1": [], "2": []},
            jitter=False, same_s=0.005,
        )
        for split, rows in table.groupby("split")
    }  # fmt: skip
    targets = Targets(Loudest(), stimuli, windows, WindowShape(10.0, 2.0, 0.0, 0.0), per_dimension=False)

    def values(split):
        every = np.arange(len(windows[split]))
        found = targets.values[targets.rows(split, windows[split], windows[split].start_s, every)].astype(np.float32)
        return (found * targets.deviation + targets.mean)[..., 0]

    assert len(windows["train"]) > 60 and values("train").max() < 0.011 and values("test").min() > 0.3
