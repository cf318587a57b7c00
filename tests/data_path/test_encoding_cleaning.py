"""Steps of the cleaning that learn, in encoding models: from training stories alone, of the same person."""

import mne
import numpy as np
import pytest
from tiny import TinyStudy
from tiny_fmri import TinyFMRI

from n2s.data import CrossValidated, EncodingDataModule, Lags, Preprocessing, SplitByStory
from n2s.data.steps import Learned, LearnedStep
from n2s.errors import UserError
from n2s.features.ready import Ready
from n2s.findings import kept


class Gauge(LearnedStep):
    """Divides all channels by the deviation of what it learns from."""

    def __init__(self, fit_on="training"):
        self.fit_on = fit_on

    def settings(self):
        return {"fit_on": self.fit_on}

    def fit(self, pieces):
        data = np.concatenate([one.get_data("eeg") for one in pieces], 1)
        return Learned({"deviation": np.array(data.std() * 1e6)}, {"n_pieces": len(pieces)})

    def apply(self, raw, learned):
        raw._data[mne.pick_types(raw.info, eeg=True)] /= learned.arrays["deviation"]
        return raw


class Loud(TinyStudy):
    """Some stories are ten times as loud in the brain."""

    def load(self, recording):
        raw = super().load(recording)
        raw._data[:] *= 10 if recording.task in (self.only or []) else 1
        return raw


def made(root, *, only=None, fit_on="training", **options) -> dict:
    study = Loud(root, n_stories=5, story_s=12.0, only=only)
    settings = {"split": SplitByStory(test=["story1"], val=["story2"])} | options
    cleaning = Preprocessing(sfreq=50.0, picks=["eeg"], steps=[Gauge(fit_on)])
    data = EncodingDataModule({"s": study}, {"f": Ready(4)}, Lags(0.0, 0.2), preprocessing=cleaning, **settings)
    with kept():
        data.setup("fit")
    return {run.name: run.prepared for person in data._people.values() for run in person.runs}


@pytest.mark.slow
@pytest.mark.parametrize(("train_on_val", "n_pieces"), [(True, 4), (False, 3)])
def test_what_is_held_out_changes_no_training_run(tmp_path, train_on_val, n_pieces):
    """A planted leak: steps that learn from all runs would make the training runs smaller."""
    held = ["story1"] if train_on_val else ["story1", "story2"]
    quiet, loud = (
        made(tmp_path / name, only=only, train_on_val=train_on_val) for name, only in (("quiet", None), ("loud", held))
    )
    for name, item in quiet.items():
        assert item.meta["cleaned"][0]["n_pieces"] == n_pieces
        if not name.endswith(tuple(held)):
            np.testing.assert_array_equal(item.brain, loud[name].brain)
        else:
            np.testing.assert_allclose(10 * item.brain, loud[name].brain, rtol=1e-4)
    trained = made(tmp_path / "trained", only=["story3"])  # and a training run changes all
    assert (
        np.abs(trained["s/sub-01_task-story0"].brain).mean() < 0.5 * np.abs(quiet["s/sub-01_task-story0"].brain).mean()
    )


@pytest.mark.slow
def test_each_person_alone_and_nothing_held_out(tmp_path):
    assert {item.meta["cleaned"][0]["n_pieces"] for item in made(tmp_path, each_alone=True).values()} == {4}
    assert {item.meta["cleaned"][0]["n_pieces"] for item in made(tmp_path, n_folds=0).values()} == {5}


def test_folds_have_no_training_runs_that_recordings_could_be_cleaned_by(tmp_path):
    with pytest.raises(UserError, match=r"data.n_folds is 2: .* cleaned once, for all folds"):
        made(tmp_path, n_folds=2)
    with pytest.raises(UserError, match="of which something is held out"):
        made(tmp_path, n_folds=2, fit_on="story0")


@pytest.mark.parametrize("seed", [0, 1])
def test_the_cleaning_is_told_of_the_split_that_is_tested(tmp_path, monkeypatch, seed):
    """`CrossValidated` deals each person's units evenly, so that it must know people in both, and all studies, those of BOLD, too."""
    told, dealt, fitted_on, intervals = {}, [], Preprocessing.fitted_on, CrossValidated.intervals

    def keep(self, training, held_out):
        told.update(training)
        return fitted_on(self, training, held_out)

    def seen(self, heard):
        dealt.append({name: (sorted(one.events), dict(one.subjects), one.official) for name, one in heard.items()})
        return intervals(self, heard)

    monkeypatch.setattr(Preprocessing, "fitted_on", keep)
    monkeypatch.setattr(CrossValidated, "intervals", seen)
    split = CrossValidated(SplitByStory(), n_folds=3, seed=seed)
    cleaning = Preprocessing(sfreq=50.0, picks=["eeg"], steps=[Gauge()])
    studies = {"s": Loud(tmp_path / "s", n_stories=5, story_s=12.0, n_subjects=2)}
    data = EncodingDataModule(studies, {"f": Ready(4)}, Lags(0.0, 0.2), preprocessing=cleaning, split=split)
    with kept():
        data.setup("fit")
        rows = data.rows("s/01")
        tested = set(rows.story[rows.split == "test"])
        assert tested and told and not {name for name in told if name.endswith(tuple(tested))}
        assert len(dealt) == 2 and dealt[0] == dealt[1]
        data.studies |= {"bold": TinyFMRI(tmp_path / "bold")}
        list(data._prepared(lambda *_: []))
    assert set(dealt[2]) == {"s", "bold"} and dealt[2]["bold"][2]["s5"] == "test"  # the clips' own split
