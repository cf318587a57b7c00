"""What a step learns comes from training runs of the same person, and from nothing else."""

import mne
import numpy as np
import pytest
from artifact_worlds import RunsStudy, run, world

from n2s.data import Preprocessing
from n2s.data.cleaning.learning import Told, learn_from
from n2s.data.recordings import prepare
from n2s.data.steps import Learned, LearnedStep, Step, note
from n2s.errors import UserError


class Centre(LearnedStep):
    """Subtracts each EEG channel's mean over what it learns from."""

    def __init__(self, fit_on="training"):
        self.fit_on, self.lasted = fit_on, []

    def settings(self):
        return {"fit_on": self.fit_on}

    def fit(self, pieces):
        data = np.concatenate([one.get_data("eeg") for one in pieces], 1)
        return Learned({"mean": data.mean(1)}, {"largest_uv": float(1e6 * np.abs(data).max()), "n_pieces": len(pieces)})

    def apply(self, raw, learned):
        raw._data[mne.pick_types(raw.info, eeg=True)] -= learned.arrays["mean"][:, None]
        return raw


class Smear(Step):
    """Reaches 4 s in time."""

    support_s = 8.0

    def settings(self):
        return {}

    def __call__(self, raw):
        note(seen=raw.n_times)
        return raw


def raws(n_runs=3, **more):
    found = {}
    for number in range(1, n_runs + 1):
        raw = world(number, duration_s=20.0, **more).raw
        raw._data[:24] += 1e-5 * number
        found[run(number)] = raw
    return found


def prepared(study, *steps, training, held_out=(), only=None):
    told = Preprocessing(sfreq=50.0, picks=["eeg"], steps=list(steps)).fitted_on(training, held_out)
    return {one.recording: one for one in prepare(study, told, only)}


WHOLE = [(0.0, float("inf"))]
TRAIN = {run(1).name: WHOLE, run(2).name: WHOLE}


def test_an_artifact_of_the_test_run_changes_nothing_but_the_test_run(tmp_path):
    """A planted leak: with learning on all runs, the training runs would differ."""
    quiet, loud = raws(), raws()
    loud[run(3)]._data[:24] += 5e-4
    made = [
        prepared(RunsStudy(tmp_path / name, those), Centre(), training=TRAIN, held_out=[run(3).name])
        for name, those in (("quiet", quiet), ("loud", loud))
    ]
    gone = RunsStudy(tmp_path / "gone", {one: raw for one, raw in quiet.items() if one != run(3)})
    made.append(prepared(gone, Centre(), training=TRAIN))
    for one in (run(1), run(2)):
        first, second, third = (them[one] for them in made)
        np.testing.assert_array_equal(first.brain, second.brain)
        np.testing.assert_array_equal(first.brain, third.brain)
        assert first.meta["cleaned"] == second.meta["cleaned"] == third.meta["cleaned"]
    moved = made[1][run(3)].brain - made[0][run(3)].brain
    np.testing.assert_allclose(moved, 500.0, rtol=1e-4)  # uV: the test run is cleaned with the numbers of the others
    leaked = prepared(RunsStudy(tmp_path / "loud", loud), Centre(), training=TRAIN | {run(3).name: WHOLE})
    assert abs(leaked[run(1)].brain.mean() - made[0][run(1)].brain.mean()) > 100


def test_it_learns_from_training_stretches_alone(tmp_path):
    study = RunsStudy(tmp_path, raws(1))
    one = prepared(study, Centre(), training={run(1).name: [(2.0, 6.0), (5.0, 8.0)]})[run(1)]
    raw = study.raws[run(1)].get_data("eeg")
    at = slice(round(2 * 250), round(8 * 250))
    expected = Preprocessing(sfreq=50.0, picks=["eeg"])(study.load(run(1)), "here")[0] - 1e6 * raw[:, at].mean(1)
    np.testing.assert_allclose(one.brain, expected, atol=1e-3)
    cleaned = one.meta["cleaned"][0]
    assert (cleaned["step"], cleaned["learned_from_s"], cleaned["fit_on"], cleaned["n_pieces"]) == (
        "Centre",
        6.0,
        "training",
        1,
    )
    assert cleaned["largest_uv"] == pytest.approx(1e6 * np.abs(raw[:, at]).max())


def test_a_step_before_that_reaches_in_time_keeps_it_away_from_held_out_stretches(tmp_path):
    study = RunsStudy(tmp_path, raws(1))
    one = prepared(study, Smear(), Centre(), training={run(1).name: [(0.0, 15.0)]})[run(1)]
    assert (
        one.meta["cleaned"][1]["learned_from_s"] == 11.0
    )  # 4 s before 15 s; the recording's start has nothing before it
    with pytest.raises(UserError, match=r"no piece of 1 s that is 4 s away from others"):
        prepared(study, Smear(), Centre(), training={run(1).name: [(2.0, 9.0)]})


def test_it_learns_once_a_person_and_anew_when_a_training_run_changes(tmp_path):
    study = RunsStudy(tmp_path, raws())
    first = prepared(study, Centre(), training=TRAIN)
    (study.root / f"{run(2).name}.txt").write_text("another file")
    study.raws[run(2)]._data[:24] += 1e-4
    second = prepared(study, Centre(), training=TRAIN)
    assert first[run(1)].key != second[run(1)].key
    np.testing.assert_allclose(first[run(1)].brain - second[run(1)].brain, 50.0, atol=0.01)
    (study.root / f"{run(3).name}.txt").write_text("the test run is another")
    third = prepared(study, Centre(), training=TRAIN)
    assert third[run(1)].key == second[run(1)].key and third[run(3)].key != second[run(3)].key


def test_a_task_to_learn_from(tmp_path):
    quiet = raws(2)
    gestures = run(1, task="gestures")
    other = run(1, task="gestures", session="2")
    study = RunsStudy(tmp_path, quiet | {gestures: world(9, duration_s=20.0).raw, other: world(8, duration_s=20.0).raw})
    study.raws[gestures]._data[:24] += 2e-4
    told = Told.of({run(1).name: WHOLE}, [run(2).name])
    assert learn_from(Centre("gestures"), study, run(2), told) == [(gestures, ((0.0, float("inf")),))]
    made = prepared(study, Centre("gestures"), training=TRAIN)
    assert abs(made[gestures].brain.mean()) < 0.5 and made[run(1)].brain.mean() < -180
    with pytest.raises(
        UserError, match="Centre learns from sub-01_task-gestures_run-1 .*of which something is held out"
    ):
        prepared(study, Centre("gestures"), training=TRAIN, held_out=[gestures.name])
    with pytest.raises(UserError, match="learns from the task 'grimaces'.*there are gestures, speak"):
        prepared(study, Centre("grimaces"), training=TRAIN)


def test_who_learns_must_be_told(tmp_path):
    study = RunsStudy(tmp_path, raws(1))
    bare = Preprocessing(sfreq=50.0, picks=["eeg"], steps=[Centre()])
    assert bare.learns and not Preprocessing(steps=[Smear()]).learns
    with pytest.raises(UserError, match="Centre: fit_on is training, but nothing says which runs are training"):
        prepare(study, bare)
    with pytest.raises(UserError, match="nothing says which runs are training"):
        bare(study.load(run(1)), "here")
    with pytest.raises(UserError, match="learns from training runs of the same person, and subject 01 has none"):
        prepared(study, Centre(), training={})
    with pytest.raises(UserError, match="end before they start"):
        prepared(study, Centre(), training={run(1).name: [(3.0, 2.0)]})


def test_long_training_is_taken_evenly(tmp_path, monkeypatch):
    monkeypatch.setattr("n2s.data.cleaning.learning.ENOUGH_S", 10.0)
    monkeypatch.setattr("n2s.data.cleaning.learning.CHUNK_S", 5.0)
    made = prepared(RunsStudy(tmp_path, raws()), Centre(), training=TRAIN)
    cleaned = made[run(3)].meta["cleaned"][0]
    assert cleaned["learned_from_s"] == pytest.approx(10.0, abs=0.05) and cleaned["n_pieces"] == 8


def test_what_was_learned_is_kept_whole(tmp_path):
    learned = Learned({"a": np.arange(3.0), "names": np.array(["x", "yy"])}, {"n": 1, "by": {"eog": [0, 2]}})
    learned.save(tmp_path / "one.npz")
    again = Learned.load(tmp_path / "one.npz")
    assert again.notes == learned.notes and list(again.arrays) == ["a", "names"]
    np.testing.assert_array_equal(again.arrays["names"], learned.arrays["names"])


@pytest.mark.slow
def test_the_datamodule_says_what_is_training(tmp_path):
    """Stories are recordings in this study: the held-out story decides nothing, also where it is filled with an artifact."""
    from tiny import TinyStudy

    from n2s.data import MEGDataModule, SplitByStory
    from n2s.features.ready import Ready

    class Loud(TinyStudy):
        def load(self, recording):
            raw = super().load(recording)
            raw._data[:] += 5e-4 * (recording.task == "story0")
            return raw

    def recordings(study):
        data = MEGDataModule(
            {"t": study}, Ready(4), preprocessing=Preprocessing(sfreq=50.0, picks=["eeg"], steps=[Centre()]),
            split=SplitByStory(val=["story1"], test=["story0"]), n_jobs=1,
        )  # fmt: skip
        data.prepare_data()
        return data.recordings

    quiet, loud = (recordings(kind(tmp_path / kind.__name__, n_subjects=1)) for kind in (TinyStudy, Loud))
    for key, one in quiet.items():
        (cleaned,) = one.meta["cleaned"]
        assert (
            cleaned["learned_from_s"] == pytest.approx(60.0, abs=2) and cleaned["n_pieces"] == 2
        )  # two of four stories
        assert cleaned["largest_uv"] == loud[key].meta["cleaned"][0]["largest_uv"]
        shifted = (loud[key].brain - one.brain).mean()
        assert shifted == pytest.approx(500.0 if "story0" in key else 0.0, abs=1e-2)
