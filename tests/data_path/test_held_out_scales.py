"""What held-out rows are scaled by, how often they were heard, and units that are the same in every process."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from encoding_runs import TR_S, F, RunsOfSentences, RunsOfStories

from n2s.data import FIR, EncodingDataModule, Glover, SplitBySentence, SplitByStory
from n2s.data.content import sentence_contents
from n2s.data.encoding_responses import scaled
from n2s.features import WordRate
from n2s.features.ready import Ready
from n2s.findings import kept
from n2s.metrics.ceilings import noise_ceiling
from n2s.studies.bold_cleaning import BoldCleaning
from n2s.studies.fmri import Bold
from n2s.studies.study import Frames
from n2s.systems.encoding.ceilings import from_repeats, n_averaged

PLAN = {"1": [("a", 4.0)], "2": [("b", 4.0)], "3": [("d", 4.0)], "4": [("d", 4.0)]}
TEST = SplitByStory(test=["d"], val=[])


def made(root, study=RunsOfStories, response=None, options=None, features=None, **more):
    one = study(root, PLAN, **(options or {}))
    more = {"split": TEST} | more
    data = EncodingDataModule({"s": one}, features or {"f": Ready(F)}, response or Glover(), **more)
    data.setup("fit")
    return data


@pytest.mark.parametrize("detrend", [None, "run"])
def test_few_training_rows_do_not_scale_the_held_out_rows_of_their_run(detrend):
    """A line through four rows, drawn on over a run, and their deviation, made held-out rows 9 times as large, all at the clamp."""
    rng = np.random.default_rng(0)
    data = 100 + rng.normal(size=(200, 300)).astype(np.float32)
    train, time_s, blocks = np.arange(200) < 4, TR_S * np.arange(200), np.zeros(200, int)
    made, still = scaled(data, time_s, train, blocks, detrend=detrend, clamp=20.0)
    np.testing.assert_allclose(made[~train].std(0), 1.0, atol=0.1)
    assert still == 0 and np.abs(made[~train].mean(0)).max() < 0.15
    other = data + np.where(train, 0, 50 * rng.normal(size=200)).astype(np.float32)[:, None]
    again, _ = scaled(other, time_s, train, blocks, detrend=detrend, clamp=20.0)
    np.testing.assert_array_equal(made[train], again[train])


def test_a_unit_of_one_row_loses_its_mean_as_all_do():
    """It kept its raw value, 100, beside rows around 0."""
    data = 100 + np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    blocks = np.r_[np.zeros(30, int), 1, np.full(19, 2)]
    made, _ = scaled(data, np.arange(50.0), np.ones(50, bool), blocks, detrend="block", clamp=None)
    assert np.abs(made).max() < 4 and np.abs(made[30]).max() < 1e-3


def test_lines_through_short_units_are_told(tmp_path):
    with kept() as findings:
        data = made(tmp_path, RunsOfSentences, FIR([2]), split=SplitBySentence(), n_folds=3, detrend="block")
        data.responses("s/01", data.folds("s/01")[0])
    assert any("fewer than 10 rows in a run" in one.text for one in findings)


class Raw(RunsOfStories):
    """BOLD with its mean, of which slow cosines are taken out; features are around 200."""

    cleaning = BoldCleaning(highpass_hz=1 / 128)

    def features(self, stimulus):
        found = super().features(stimulus)
        return Frames(found.values + 200, found.rate_hz)

    def load(self, recording):
        raw = super().load(recording)
        return replace(raw, data=raw.data - raw.data.mean(0) + 1000)


def test_the_mean_of_bold_does_not_stay_in_held_out_rows_alone(tmp_path):
    """Training rows lost theirs with their cosines; held-out rows of the same run were all at the clamp, their features all 0."""
    plan = {"1": [(story, 6 + 130.0 * i) for i, story in enumerate("abcdefgh")]}
    data = EncodingDataModule({"s": Raw(tmp_path, plan)}, {"f": Ready(F)}, Glover(), n_folds=4)
    data.setup("fit")
    for fold in data.folds("s/01"):
        brain, held = data.responses("s/01", fold)
        train, test = data.design("s/01", fold, "f")
        predicted = test @ np.linalg.lstsq(train, brain)[0]
        assert np.abs(held.mean(0)).max() < 1 and np.abs(held).max() < 10
        assert np.mean([np.corrcoef(one, other)[0, 1] for one, other in zip(predicted.T, held.T, strict=True)]) > 0.4


class Slow(RunsOfStories):
    """Runs in which the signal lies on a random walk."""

    def load(self, recording):
        raw = super().load(recording)
        rng = np.random.default_rng([5, *map(ord, recording.run)])
        walk = np.cumsum(rng.standard_normal(raw.data.shape), 0)
        return replace(raw, data=raw.data + 3 * (walk - walk.mean(0)) / walk.std(0))


def test_the_ceiling_is_of_rows_as_they_are_scored(tmp_path):
    """Scores are of parts of runs without their means: with them the ceiling of the true signal, .52, was .42."""
    plan = {run: [(story, 6 + 130.0 * i) for i, story in enumerate("abcdefgh")] for run in "12"}
    study = Slow(tmp_path, plan, n_voxels=200, noise=2.0)
    data = EncodingDataModule({"s": study}, {"f": Ready(F)}, Glover(), n_folds=4)
    data.setup("fit")
    folds, quiet = data.folds("s/01"), RunsOfStories(tmp_path, plan, n_voxels=200, noise=0.0)
    signal = np.concatenate([quiet.load(one).data for one in quiet.recordings()])
    centred = [[one - one.mean(0) for one in (data.responses("s/01", fold)[1], signal[fold.test])] for fold in folds]
    held, true = map(np.concatenate, zip(*centred, strict=True))
    reached = np.mean([np.corrcoef(one, other)[0, 1] for one, other in zip(held.T, true.T, strict=True)])
    ceiling = noise_ceiling(from_repeats(data.repeats("s/01"), 200)[1].mean(), 2)
    assert ceiling == pytest.approx(reached, abs=0.03)


@pytest.mark.parametrize(
    ("orders", "n_rows"), [(("uvw", "uvw"), 48 + 7), (("uvw", "wvu"), 0), (("u", "u"), 16 + 7), (("au", "bu"), 7)]
)
def test_presentations_after_other_sounds_are_no_repeats(tmp_path, orders, n_rows):
    """The response to the sound before was noise to the ceiling: .37 where the true model reached .92."""
    plan = {"1": [("c", 6.0)], "2": [("d", 6.0)]}
    for run, order in enumerate(orders, 3):
        plan[str(run)] = [(story, 6 + 0.3 * run + 32.0 * i) for i, story in enumerate(order)]
    split = SplitByStory(test=list("uvw" if "v" in orders[0] else "u"), val=[])
    one = RunsOfStories(tmp_path, plan, story_s=32.0, tail_s=14.0)
    data = EncodingDataModule({"s": one}, {"f": Ready(F)}, Glover(), split=split)
    data.setup("fit")
    assert sum(values.shape[1] for values in data.repeats("s/01").values()) == pytest.approx(n_rows, abs=4)


def test_pauses_that_grow_from_run_to_run_are_not_the_same(tmp_path):
    """Each pause after a loud sound is .9 s longer than the last, less than half a volume: all were one, and the ceiling .60."""
    runs = {str(run): [("u", 6.0), ("v", 46.0 + 0.9 * (run - 3))] for run in range(3, 9)}
    one = RunsOfStories(tmp_path, {"1": [("c", 6.0)], "2": [("d", 6.0)]} | runs, story_s=40.0, tail_s=14.0, noise=0.0)
    one.louder = ("u",)
    split = SplitByStory(test=["u", "v"], val=[])
    data = EncodingDataModule({"s": one}, {"f": Ready(F)}, Glover(), split=split)
    data.setup("fit")
    repeats = data.repeats("s/01")["s/v"]
    assert from_repeats({"v": repeats}, 200)[1].mean() > 0.9  # nearest volumes are up to .9 s apart
    assert repeats.shape[1] == pytest.approx((40 + 14 - 32) / TR_S, abs=2)


class Partly(RunsOfStories):
    """One run plays the first half of a story."""

    part = ""

    def clips(self, recording):
        clips = super().clips(recording)
        return clips.assign(duration_s=60.0) if recording.run == self.part else clips


@pytest.mark.parametrize("part", ["3", "4"])
def test_presentations_of_other_lengths_are_counted_row_by_row(tmp_path, part):
    """The half that was heard twice is averaged, whichever came first; rows of the rest are single responses."""

    class Study(Partly):
        pass

    Study.part = part
    data = made(tmp_path, Study)
    (fold,) = data.folds("s/01")
    averaged = data.rows("s/01").averaged.to_numpy()
    twice = (averaged[fold.test] == 2).sum()
    assert data.repeats("s/01")["s/d"].shape[:2] == (2, 30) and twice == 30
    n = len(fold.test)
    assert n_averaged(data.rows("s/01").iloc[fold.test]) == pytest.approx(n / (30 / 2 + (n - 30)))
    assert averaged.sum() == (data.rows("s/01").split == "test").sum() and not averaged[fold.train].any()


def test_repeats_of_a_story_in_several_folds_are_all_kept(tmp_path):
    """Those of the last fold alone were."""
    data = made(tmp_path, RunsOfSentences, FIR([2]), split=SplitBySentence(), n_folds=3)
    tested = sum(
        len(places["s/d"][0]) for fold in data.folds("s/01") if (places := data._person_of("s/01").presentations(fold))
    )
    (values,) = data.repeats("s/01").values()
    assert values.shape[0] == 2 and values.shape[1] == tested > 60


def test_units_do_not_depend_on_what_else_is_heard_nor_on_a_process():
    """Their numbers came from the order of a set of texts, which is another in every process: so were the folds."""
    rows = pd.DataFrame(
        {"study": "s", "sequence": [f"q{i}" for i in range(40)], "text": [f"words of {i % 30}" for i in range(40)]}
    )
    every = sentence_contents(rows, {"s": None}).unit
    some = sentence_contents(rows.iloc[::-1].iloc[:13], {"s": None}).unit
    assert every.nunique() == 30 and every[0] == every[30] == "s/q0"
    assert (every[some.index[:10]] != every[some.index[0]]).sum() == 9
    alone = sentence_contents(rows.iloc[10:20], {"s": None}).unit
    assert (alone == every[10:20]).all()


def test_subjects_of_other_rates_have_lags_of_their_own(tmp_path):
    class Rates(RunsOfStories):
        def load(self, recording):
            bold = super().load(recording)
            return Bold(bold.data, 1.9 if recording.subject == "02" else TR_S, bold.rois, bold.places)

    data = made(tmp_path, Rates, FIR([1, 2]), {"n_subjects": 2})
    found = [data.delays("f", subject)[0].tolist() for subject in data.subjects]
    assert found == [[2.0, 4.0], pytest.approx([1.9, 3.8])]


def test_words_that_end_before_the_sound_are_told(tmp_path):
    class Cut(RunsOfSentences):
        def events(self, recording):
            events = super().events(recording)
            return events[(events.kind != "word") | (events.story != "a") | (events.onset < 50)]

    data = made(tmp_path, Cut, features={"words": WordRate()})
    with kept() as findings:
        data.design("s/01", data.folds("s/01")[0], "words")
    (one,) = [one for one in findings if "WordRate has nothing in the last 80 s" in one.text]
    assert one.where == "s/sub-01_run-1" and "from 0.00 to 120.00 s" in one.text
