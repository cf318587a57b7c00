"""Options that contradict the data or each other: an error that names the key, before anything is prepared."""

import pytest
from tiny import TinyStudy

from n2s.data import FMRIDataModule, Grid, MEGDataModule, Preprocessing, SplitByStory, WordOnsets
from n2s.errors import UserError
from n2s.features import Ready
from n2s.findings import kept

NAN, INF = float("nan"), float("inf")


@pytest.fixture
def study(tmp_path):
    return TinyStudy(tmp_path, n_subjects=1)


def module(studies, **options):
    preprocessing = Preprocessing(sfreq=50.0, picks=["eeg"])
    split = SplitByStory(test=["story0"], val=["story1"])
    return MEGDataModule(studies, Ready(4), preprocessing=preprocessing, split=split, n_jobs=1, **options)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"batch_size": 0}, "data.batch_size is 0; expected a whole number from 1 on"),
        ({"batch_size": 2.5}, "data.batch_size is 2.5"),
        ({"train_hours": 0.0}, "data.train_hours is 0; expected a number above 0"),
        ({"train_hours": NAN}, "data.train_hours is nan"),
        ({"clamp": -5.0}, "data.clamp is -5"),
        ({"clamp": NAN}, "data.clamp is nan"),
        ({"seed": -1}, "data.seed is -1"),
        ({"window_s": INF}, "data.window_s is inf"),
        ({"window_s": 0.001, "offset_s": 0.0, "baseline_s": 0.0}, "leave no sample at 50 Hz"),
        ({"window_s": 0.16, "offset_s": 0.15, "baseline_s": 0.0}, "leave no sample at 50 Hz"),
        ({"baseline_s": 4.0}, "the baseline at most as long"),
        ({"test_windows": WordOnsets(5.0)}, r"data.test_windows: WordOnsets starts windows 5 s before .* last 3 s"),
        (
            {"balance": "subjects"},
            "data.balance is 'subjects'; expected one of hours, subject, study. Nearest: subject",
        ),
        ({"scaler": "x"}, "data.scaler is 'x'"),
        ({"residency": "disk"}, "data.residency is 'disk'"),
    ],
)
def test_numbers_that_cannot_be_followed(study, options, says):
    with pytest.raises(UserError, match=says):
        module({"tiny": study}, **options)


@pytest.mark.parametrize(
    ("name", "says"), [(1, "1 is no text.*quotes"), (False, "False is no text"), ("a/b", "a slash"), (" ", "empty")]
)
def test_names_of_studies(study, name, says):
    for kind in (MEGDataModule, FMRIDataModule):
        with pytest.raises(UserError, match=f"data.studies: .*{says}"):
            kind({name: study}, Ready(4))
        with pytest.raises(UserError, match="data.studies is empty"):
            kind({}, Ready(4))


@pytest.mark.parametrize("step_s", [0.0, -1.0, NAN, INF])
def test_steps_of_a_grid(step_s):
    with pytest.raises(UserError, match="step_s"):
        Grid(step_s)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"window_s": 0.0}, "data.window_s is 0"),
        ({"lag_s": NAN}, "data.lag_s is nan"),
        ({"batch_size": 0}, "data.batch_size is 0"),
        ({"scale": "voxel"}, "data.scale is 'voxel'"),
        ({"subjects": ["01", "01"]}, "data.subjects names 01 twice"),
        ({"subjects": []}, "data.subjects is empty"),
        ({"subjects": [True]}, "data.subjects: True is no label.*quotes"),
        ({"subjects": ["1"]}, "data.subjects: no subject '1'. There are: fmri/01. Nearest: 01"),
    ],
)
def test_options_of_fmri(study, options, says):
    with pytest.raises(UserError, match=says):
        FMRIDataModule({"fmri": study}, Ready(4), **options)


def test_what_is_in_no_window_is_told(study):
    class Uneven(TinyStudy):
        """One story is shorter than a window; in one recording everything is marked as bad."""

        def events(self, recording):
            table = super().events(recording)
            if recording.task == "story2":
                table = table[(table.kind != "word") & (table.stimulus_onset == 0)]
                table.loc[:, "duration"] = 2.0
            return table

        def load(self, recording):
            raw = super().load(recording)
            if recording.task == "story4":
                raw.annotations.append(0.0, raw.times[-1], "BAD_all")
            return raw

    uneven = Uneven(study.root / "uneven", n_subjects=1, n_stories=5)
    with kept() as found:
        module({"tiny": uneven}).setup("fit")
    said = {one.where: one.text for one in found if one.kind == "left out"}
    assert "no stretch of it is as long as a window (data.window_s: 3 s)" in said.pop("tiny/story2")
    assert "no window lies in it" in said.pop("tiny/sub-01_task-story4")
    assert not {one for one in said if one.startswith("tiny/")}
