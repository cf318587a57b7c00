"""No moment of a stimulus is in two splits, for any recording, whatever the split."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from tiny import TinyStudy

from n2s.data import SplitBySentence, SplitByStory, SplitByTime
from n2s.data.content import Heard
from n2s.data.splits import check_fractions, joined, stretches, uniform
from n2s.errors import UserError
from n2s.findings import kept
from n2s.studies.events import events_table


def _heard(tmp_path, **options):
    study = TinyStudy(tmp_path, **options)
    return {"t": Heard({r.name: study.events(r) for r in study.recordings()})}


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize(
    "split",
    [
        SplitByStory(val=["story1"], test=["story0"]),
        SplitByStory(seed=3, val_fraction=0.3, test_fraction=0.3),
        SplitBySentence(val_fraction=0.2, test_fraction=0.3),
        SplitBySentence(val_fraction=0.2, test_fraction=0.3, min_block_s=12.0),
        SplitByTime(n_folds=5),
    ],
)
def test_each_moment_of_a_stimulus_has_one_split_for_everybody(tmp_path, split, together):
    table = split.intervals(_heard(tmp_path, n_subjects=3, together=together))
    moments = {}
    for row in table.itertuples():
        for tick in range(round(row.stimulus_onset * 10), round((row.stimulus_onset + row.duration) * 10)):
            assert moments.setdefault((row.stimulus, tick), row.split) == row.split
    assert len({s for s in moments.values()}) >= 2


def test_gap_keeps_filters_apart_and_spares_the_test_side(tmp_path):
    before = SplitByStory(val=["story1"], test=["story2"]).intervals(_heard(tmp_path, n_subjects=1, together=True))
    after = joined(before, gap_s=4.0)
    test = after[after.split == "test"].iloc[0]
    assert (test.onset, test.duration) == (61.0, 30.0)  # whole: 1 s of silence, then 30 s a story
    for _, rows in after.groupby("recording"):
        rows = rows.sort_values("onset")
        for left, right in zip(rows.itertuples(), rows.iloc[1:].itertuples(), strict=False):
            if left.split != right.split:
                assert right.onset - (left.onset + left.duration) >= 4.0 - 1e-9
    assert np.allclose(after.onset - after.stimulus_onset, after.stimulus.map(lambda s: 1 + 30 * int(s[-1])))


def test_neighbours_of_one_split_are_joined(tmp_path):
    class AllTrain(SplitBySentence):
        def of(self, unit):
            return "train"

    table = joined(AllTrain().intervals(_heard(tmp_path, n_subjects=1, n_stories=2)), gap_s=0.0)
    assert len(table) == 2 and (table.duration == 30.0).all()


def test_a_repeated_sentence_stays_in_the_most_precious_split():
    sentence = {"kind": "sentence", "story": "a", "stimulus": "a", "duration": 5.0}
    rows = [{"onset": 5.0 * i, "stimulus_onset": 5.0 * i, "sequence": f"s{i % 7}", **sentence} for i in range(40)]
    split = SplitBySentence(val_fraction=0.3, test_fraction=0.3, min_block_s=10.0)
    table = split.intervals({"t": Heard({"r": events_table(rows, where="r")})})
    blocks = [f"s{2 * i % 7} s{(2 * i + 1) % 7}" for i in range(20)]  # of two sentences of 5 s
    drawn = pd.DataFrame({"unit": " ".join(blocks).split(), "split": np.repeat([split.of(name) for name in blocks], 2)})
    assert (drawn.groupby("unit").split.nunique() > 1).any()  # the plain block rule would have leaked
    assert (table.groupby("unit").split.nunique() == 1).all() and not table.used.all()
    assert (table.used.to_numpy() == (drawn.split == table.split).to_numpy()).all()


def test_the_official_split_wins(tmp_path):
    heard = replace(_heard(tmp_path)["t"], official={"story3": "test", "story0": "train"})
    table = SplitByStory(test=["story0"], val=["story1"]).intervals({"t": heard})
    assert set(table[table.story == "story3"].split) == {"test"} and set(table[table.story == "story0"].split) == {
        "train"
    }


def test_an_official_split_that_wins_is_told(tmp_path):
    heard = replace(_heard(tmp_path)["t"], official={"story3": "test", "story0": "train"})
    with kept() as found:
        SplitByStory(test=["story0"], val=["story1"]).intervals({"t": heard})
    said = {one.where: one.text for one in found}
    assert (
        "story0: the study's official split has this content in train, and that one is used" in said["data.split.test"]
    )
    assert "its official split decides about 2 of 4 stories" in said["study t"]
    with kept() as found:
        SplitByStory(test=["story3"], val=["story1"]).intervals({"t": heard})
    assert [one.where for one in found] == ["study t"]


@pytest.mark.parametrize(
    ("test", "says"),
    [
        (["story0", "stroy1"], "names the story 'stroy1', which no recording heard. Nearest: story1"),
        ([True], "True is no label.*quotes"),
        ([1e3], "1000.0 is no label"),
        (["story0", "story0"], "names story0 twice"),
        ([7], "names the story '7', which no recording heard"),
        (["7"], "names the story '7', which no recording heard"),
        (["Story0"], "Nearest: story0"),
    ],
)
def test_names_of_no_story(tmp_path, test, says):
    with pytest.raises(UserError, match=says):
        SplitByStory(test=test).intervals(_heard(tmp_path))


def test_a_story_whose_name_is_a_number():
    rows = [{"kind": "sound", "stimulus": one, "story": one, "onset": 10.0 * i, "stimulus_onset": 0.0, "duration": 9.0}
            for i, one in enumerate(("007", "7", "10"))]  # fmt: skip
    table = SplitByStory(test=["007"], val=["10"]).intervals({"t": Heard({"r": events_table(rows, where="r")})})
    assert dict(zip(table.story, table.split, strict=True)) == {"007": "test", "7": "train", "10": "val"}


def test_translations_go_together():
    def story(stimulus):
        return events_table(
            [
                {
                    "onset": 0,
                    "duration": 9,
                    "kind": "story",
                    "story": "lighthouse",
                    "stimulus": stimulus,
                    "stimulus_onset": 0,
                }
            ],
            where="r",
        )

    for seed in range(5):
        table = SplitByStory(seed=seed).intervals(
            {"t": Heard({"a": story("lighthouse.en"), "b": story("lighthouse.es")})}
        )
        assert table.split.nunique() == 1


def test_hash_is_stable_and_uniform():
    assert uniform("the cat sat", 12) == pytest.approx(0.7438132081908212, abs=0)  # another number moves every split
    numbers = np.array([uniform(str(i), 0) for i in range(3000)])
    assert abs(numbers.mean() - 0.5) < 0.03 and abs((numbers < 0.2).mean() - 0.2) < 0.03


def test_mistakes_are_told():
    with pytest.raises(UserError, match="both in val and in test"):
        SplitByStory(val=["a"], test=["a"])
    with pytest.raises(UserError, match="less than 1"):
        SplitBySentence(val_fraction=0.5, test_fraction=0.6)
    for wrong, told in (
        ({"val_fraction": float("nan")}, "val_fraction is nan; expected a number from 0 to below 1"),
        ({"test_fraction": -0.1}, "test_fraction is -0.1; expected a number from 0 to below 1"),
        ({"val_fraction": 0.5, "test_fraction": 0.5}, "less than 1"),
    ):
        with pytest.raises(UserError, match=told):
            SplitByStory(**wrong)
    with pytest.raises(UserError, match="min_block_s is nan"):
        SplitBySentence(min_block_s=float("nan"))
    with pytest.raises(UserError, match="n_folds is 2; expected a whole number from 3 on"):
        SplitByTime(n_folds=2, test_fold=1, val_fold=0)
    with pytest.raises(UserError, match="two different folds"):
        SplitByTime(n_folds=5, test_fold=3, val_fold=3)
    words = events_table(
        [{"onset": 0, "duration": 1, "kind": "word", "story": "a", "stimulus": "a", "stimulus_onset": 0}], where="r"
    )
    with pytest.raises(UserError, match="no event says when a stimulus plays"):
        SplitByStory().intervals({"t": Heard({"r": words})})
    with pytest.raises(UserError, match="needs events of kind 'sentence'"):
        SplitBySentence().intervals({"t": Heard({"r": words})})
    story = pd.concat([words.assign(kind="story")])
    with pytest.raises(UserError, match="expected train, val or test"):
        SplitByStory().intervals({"t": Heard({"r": story}, {"a": "dev"})})


def _sentences(*rows):
    names = ("onset", "duration", "stimulus", "text")
    rows = [dict(zip(names, row, strict=True)) | {"kind": "sentence", "stimulus_onset": row[0]} for row in rows]
    return events_table([row | {"story": row["stimulus"], "sequence": row["text"]} for row in rows], where="r")


def test_blocks_of_sentences_by_hand(monkeypatch):
    """Sentences of a sound are joined until a block is long enough; no block goes on into another sound."""
    split, drawn = SplitBySentence(min_block_s=5.0), []
    monkeypatch.setattr(split, "of", lambda name: drawn.append(name) or "train")
    rows = [(0, 2.0, "a", "s0"), (2, 3.0, "a", "s1"), (5, 4.9, "a", "s2"), (10, 1.0, "b", "s3"), (11, 9.0, "b", "s4")]
    split.intervals({"t": Heard({"r": _sentences(*rows, (20, 1.0, "b", "s5"))})})
    assert drawn == ["s0 s1", "s2", "s3 s4", "s5"]  # exactly 5 s are enough


def test_shares_of_a_split_begin_and_end_where_they_say():
    names = [f"n{i}" for i in range(400)]
    sentence = SplitBySentence(val_fraction=0.25, test_fraction=0.125, seed=3)
    story = SplitByStory(val_fraction=0.25, test_fraction=0.125, seed=3)
    for name in names:
        place = uniform(name, 3)
        expected = "test" if place < 0.125 else "val" if place < 0.375 else "train"
        assert sentence.of(name) == story.of(name) == expected
    defaults = {
        name: "test" if uniform(name, 0) < 0.2 else "val" if uniform(name, 0) < 0.3 else "train" for name in names
    }
    assert {name: SplitByStory().of(name) for name in names} == defaults
    published = {
        name: "test" if uniform(name, 12) < 0.2 else "val" if uniform(name, 12) < 0.3 else "train" for name in names
    }
    assert {name: SplitBySentence().of(name) for name in names} == published
    # what is named is not drawn, and where test is named none is drawn for it
    named = SplitByStory(test=["n0"], val_fraction=0.5)
    assert [named.of(name) for name in names] == ["test"] + [
        "val" if uniform(name, 0) < 0.5 else "train" for name in names[1:]
    ]


def test_fractions_at_their_ends():
    for fractions in ((0.0, 0.0), (0.0, 0.9), (0.5, 0.4)):
        check_fractions(*fractions)
    for fractions in ((-0.1, 0.2), (0.2, -0.1), (0.5, 0.5), (0.0, 1.0)):
        with pytest.raises(UserError, match="less than 1|to below 1"):
            check_fractions(*fractions)


def test_folds_of_time_by_hand():
    """Five folds of 10 s of a sound of 50 s, though this listener heard 5 to 45 s of it."""
    rows = [{"onset": 105.0, "duration": 40.0, "kind": "sound", "story": "a", "stimulus": "a", "stimulus_onset": 5.0}]
    heard = Heard({"r": events_table(rows, where="r")}, lengths_s={"a": 50.0})
    table = SplitByTime().intervals({"t": heard})
    assert table.stimulus_onset.tolist() == [5, 10, 20, 30, 40] and table.duration.tolist() == [5, 10, 10, 10, 5]
    assert (table.onset - table.stimulus_onset == 100).all() and table.used.all()
    assert table.split.tolist() == ["train", "train", "train", "val", "test"]
    heard = Heard({"r": events_table(rows, where="r")})  # without a length: up to what anybody heard
    assert SplitByTime(n_folds=3, test_fold=0, val_fold=1).intervals({"t": heard}).split.tolist() == [
        "test",
        "val",
        "train",
    ]
    for folds in ((5, 5, 3), (5, -1, 3), (5, 3, 5), (5, 3, -1)):
        with pytest.raises(UserError, match="fold is (5|-1); expected a whole number from 0 to 4"):
            SplitByTime(n_folds=folds[0], test_fold=folds[1], val_fold=folds[2])


def test_stretches_are_of_sounds_before_stories_before_sentences():
    rows = [
        {
            "onset": 1.0 * i,
            "duration": duration,
            "kind": kind,
            "story": "a",
            "stimulus": stimulus,
            "stimulus_onset": 0.0,
        }
        for i, (kind, stimulus, duration) in enumerate(
            [("sentence", "x", 2.0), ("story", "y", 3.0), ("sound", "z", 4.0), ("sound", "", 5.0), ("sound", "w", 0.0)]
        )
    ]
    table = events_table(rows, where="r")
    assert stretches(table)[["onset", "stimulus", "duration"]].to_numpy().tolist() == [[2.0, "z", 4.0]]
    assert stretches(table[table.kind != "sound"]).stimulus.tolist() == ["y"]
    assert stretches(table[table.kind == "sentence"]).stimulus.tolist() == ["x"]
    assert stretches(table[:0]).empty
