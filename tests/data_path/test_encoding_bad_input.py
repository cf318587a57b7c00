"""Data that do not fit together are refused by name, with both sides; what is only odd is told."""

import nibabel
import numpy as np
import pandas as pd
import pytest
from encoding_runs import TR_S, F, RunsOfSentences, RunsOfStories
from tiny import TinyStudy

from n2s.data import FIR, EncodingDataModule, Glover, Lags, Preprocessing, SplitBySentence, SplitByStory
from n2s.errors import UserError
from n2s.features import ClipFbank, WordRate
from n2s.features.ready import Ready
from n2s.findings import kept
from n2s.studies.bold_cleaning import BoldCleaning
from n2s.studies.fmri import Bold, Space
from n2s.studies.study import Frames

PLAN = {"1": [("a", 4.0)], "2": [("b", 4.0)], "3": [("d", 4.0)]}


def made(root, plan=PLAN, *, study=RunsOfStories, features=None, spoil=None, spaces=None, response=None, **more):
    one = study(root, plan, story_s=60.0)
    one.spoil, one.spaces = spoil, spaces
    more = {"split": SplitByStory(test=["d"], val=[])} | more
    data = EncodingDataModule({"s": one}, features or {"f": Ready(F)}, response or Glover(), **more)
    data.setup("fit")
    return data


def short(recording, data):
    return data[:16] if recording.run == "2" else data


def empty_voxel(recording, data):
    data[3, 1] = np.nan
    return data


def other_mesh(recording, data):
    return data[:, :4] if recording.run == "2" else data


def one_still(recording, data):
    data[:, 2] = 5.0
    if recording.run == "1":
        data[:, 4] = 5.0
    return data


def all_still(recording, data):
    return np.ones_like(data)


def use(data):
    data.responses("s/01", data.folds("s/01")[0])
    data.design("s/01", data.folds("s/01")[0], "f")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"spoil": short}, "sub-01_run-2: the brain ends 32.00 s before what was heard: 16 volumes of 2 s are 32.00 s"),
        ({"spoil": empty_voxel}, "run-1: 1 of 6 voxels have values that are NaN"),
        ({"spoil": other_mesh}, "run-2: 4 voxels or vertices, but s/sub-01_run-1 of the same subject has 6"),
        ({"spoil": all_still}, "none of 6 voxels ever changes"),
        ({"spaces": Space(mask=nibabel.Nifti1Image(np.ones((2, 2, 2), np.uint8), np.eye(4)))}, "6 voxels, but the mask of s/01 has 8"),
        ({"roi": "nowhere"}, "no ROI 'nowhere'"),
        ({"n_folds": 4}, "n_folds is 4, but only 3 units"),
        ({"split": SplitByStory(test=[], val=[])}, "holds nothing out for testing"),
        ({"split": SplitByStory(test=["zzz"], val=[])}, "no recording heard"),
        ({"subjects": ["02"]}, "no subject '02'"),
        ({"trim_s": (-1.0, 0.0)}, r"data.trim_s\[0\] is -1"),
        ({"detrend": "story"}, "data.detrend is 'story'"),
        ({"trim_s": (60.0, 60.0)}, "no subject has both training and test rows"),
        ({"features": {"c": ClipFbank(duration_s=1.0)}}, "data.features.c is a ClipFbank; expected a feature with frames"),
        ({"features": {"w": WordRate()}}, "has no words"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(tmp_path, options, told):
    with pytest.raises(UserError, match=told):
        data = made(tmp_path, **options)
        if "features" in options:
            data.design("s/01", data.folds("s/01")[0], "w")
        use(data)


def test_a_sound_outside_its_run_is_refused(tmp_path):
    class Late(RunsOfStories):
        def clips(self, recording):
            return super().clips(recording).assign(time_s=200.0 if recording.run == "2" else 4.0)

    with pytest.raises(UserError, match=r"run-2: 's/b' plays from 200.00 to 260.00 s, 116.00 s after its end"):
        made(tmp_path, study=Late)


def test_a_feature_that_ends_too_early_is_refused(tmp_path):
    class Half(Ready):
        def extract(self, stimulus, start_s=0.0, stop_s=None):
            whole = super().extract(stimulus, start_s, stop_s)
            return Frames(whole.values[: len(whole.values) // 2], whole.rate_hz, whole.start_s)

    data = made(tmp_path, features={"f": Half(F)})
    with pytest.raises(
        UserError,
        match=r"hears 's/a' from 0.00 to 60.00 s, but its Half has frames from 0.00 to 30.00 s: 30.00 s are missing",
    ):
        use(data)


def test_confounds_are_asked_for_and_a_first_row_without_values_is_filled(tmp_path):
    class Cleaned(RunsOfStories):
        cleaning = BoldCleaning(detrend=True, confounds=("rot",))
        tables = True

        def load(self, recording):
            bold = super().load(recording)
            path = self.root / f"{recording.name}.tsv"
            values = ["n/a", *np.sin(np.arange(len(bold.data) - 1)).round(4).astype(str)]
            pd.DataFrame({"rot": values}).to_csv(path, sep="\t", index=False)
            return Bold(bold.data, TR_S, bold.rois, bold.places, path if self.tables else None)

    data = made(tmp_path, study=Cleaned)
    use(data)
    findings = data._people["s/01"].runs[0].prepared.findings
    assert any("n/a in 1 confounds" in one.text for one in findings)
    confound = np.r_[np.sin(0), np.sin(np.arange(len(data._people["s/01"].runs[0].times_s) - 1))]
    brain = np.asarray(data._people["s/01"].runs[0].prepared.brain)
    assert np.abs(confound @ brain).max() < 1e-3 * np.abs(brain).max() * len(confound)
    Cleaned.tables = False
    with pytest.raises(UserError, match="no table of confounds"):
        one = Cleaned(tmp_path / "other", PLAN, story_s=60.0, seed=3)
        one.root.mkdir()
        EncodingDataModule({"s": one}, {"f": Ready(F)}, Glover(), split=SplitByStory(test=["d"], val=[])).setup("fit")


def test_voxels_that_never_change_are_left_out_and_told(tmp_path):
    with kept() as findings:
        data = made(tmp_path, spoil=one_still)
        train, test = data.responses("s/01", data.folds("s/01")[0])
    assert data.measured("s/01").chosen.tolist() == [0, 1, 3, 4, 5] and train.shape[1] == test.shape[1] == 5
    texts = [one.text for one in findings]
    assert "1 of 6 voxels, which never change in any run." in texts
    assert any("1 columns do not change in a run" in text for text in texts)
    rows = data.rows("s/01").recording.to_numpy()[data.folds("s/01")[0].train]
    assert not train[rows == "s/sub-01_run-1", 3].any() and train[rows == "s/sub-01_run-2", 3].any()


def test_a_cleaned_run_with_both_sides_is_told(tmp_path):
    class Cleaned(RunsOfStories):
        cleaning = BoldCleaning(detrend=True)

    for clean in (False, True):  # each side by itself is cleaned without a trace
        with kept() as findings:
            plan = {"1": [("a", 0.0), ("d", 120.0)], "2": [("b", 4.0)]}
            made(tmp_path, plan, study=Cleaned, clean_features=clean)
        assert any("hold training and test rows" in one.text for one in findings) != clean


def test_a_constant_feature_is_zero(tmp_path):
    class Steady(RunsOfStories):
        def features(self, stimulus):
            frames = super().features(stimulus)
            values = frames.values.copy()
            values[:, 0] = 0
            return Frames(values, frames.rate_hz)

    data = made(tmp_path, study=Steady, response=FIR([1, 2]))
    train, test = data.design("s/01", data.folds("s/01")[0], "f")
    assert not train[:, [0, F]].any() and not test[:, [0, F]].any() and np.isfinite(train).all()


def test_listeners_with_orders_of_their_own_are_dealt_alone(tmp_path):
    """One sentence in two listeners' blocks joins them; apart, each block is held out once."""
    plans = {
        "01": {"1": [("a", 4.0), ("b", 70.0)], "2": [("c", 4.0)]},
        "02": {"1": [("c", 4.0), ("a", 70.0)], "2": [("b", 4.0)]},
    }

    class Blocks(RunsOfSentences):
        """A run is a story; its parts are sounds that everybody hears."""

        def events(self, recording):
            return super().events(recording).assign(story=f"{recording.subject}-{recording.run}")

    def deal(**more):
        one = Blocks(tmp_path, {}, n_subjects=2, plans=plans, story_s=60.0)
        data = EncodingDataModule({"s": one}, {"f": Ready(F)}, FIR([1]), n_folds=2, **more)
        data.setup("fit")
        return data

    with pytest.raises(UserError, match="only 1 units"):
        deal()
    data = deal(each_alone=True)
    assert [len(data.folds(subject)) for subject in data.subjects] == [2, 2]
    for subject in data.subjects:
        units = data.rows(subject).unit.to_numpy()
        for fold in data.folds(subject):
            assert not set(units[fold.train]) & set(units[fold.test])


def test_sensors_that_are_bad_somewhere_are_left_out(tmp_path):
    class Bad(TinyStudy):
        def load(self, recording):
            raw = super().load(recording)
            raw.info["bads"] = [raw.ch_names[2]] if recording.task == "story1" else []
            return raw

    data = EncodingDataModule(
        {"s": Bad(tmp_path, n_subjects=1, n_stories=3, story_s=10.0)},
        {"f": Ready(4)},
        Lags(0.0, 0.1),
        preprocessing=Preprocessing(sfreq=50, picks=["eeg"]),
        split=SplitByStory(test=["story0"], val=[]),
    )
    data.setup("fit")
    what = data.measured("s/01")
    assert len(what.names) == 7 and what.places.shape == (7, 2)
    assert data.responses("s/01", data.folds("s/01")[0])[0].shape[1] == 7


def test_a_response_of_blood_for_sensors_is_told(tmp_path):
    study = TinyStudy(tmp_path, n_subjects=1, n_stories=3)
    with kept() as findings:
        EncodingDataModule(
            {"t": study},
            {"f": Ready(4)},
            Glover(),
            preprocessing=Preprocessing(sfreq=50.0, picks=["eeg"]),
            split=SplitByStory(test=["story1"], val=[]),
        ).setup("fit")
    assert any("Glover is a response of blood" in one.text for one in findings)


@pytest.mark.parametrize("split", [SplitByStory(test=["d"], val=[]), SplitBySentence()])
def test_a_sentence_that_is_in_training_word_for_word_is_told(tmp_path, split):
    class Again(RunsOfSentences):
        def events(self, recording):
            events = super().events(recording)
            own = (events.kind == "sentence") & (events.story == "d") & (events.stimulus_onset == 20)
            return events.assign(text=events.text.where(~own, "Sentence 20, of A!"))

    with kept() as findings:
        made(
            tmp_path,
            study=Again,
            response=FIR([2]),
            split=split,
            n_folds=None if split.__class__ is SplitByStory else 3,
        )
    told = [one.text for one in findings if "word for word" in one.text]
    assert len(told) == isinstance(split, SplitByStory)
    assert not told or told[0].startswith("1 of 17 sentences are held out in one place and in training in another")
