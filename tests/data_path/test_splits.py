"""No moment of a stimulus is in two splits, for any recording, whatever the split."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from tiny import TinyStudy

from n2s.data import SplitBySentence, SplitByStory, SplitByTime
from n2s.data.content import Heard
from n2s.data.splits import joined, uniform
from n2s.errors import UserError
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
