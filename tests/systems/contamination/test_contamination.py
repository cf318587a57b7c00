"""From recordings to a verdict: planted leaks of muscles and sound are found, lips that move beside a clean brain are not blamed."""

import json

import numpy as np
import pytest
from lips_study import LipsStudy

from n2s.data import EventDataModule, Preprocessing
from n2s.data.cleaning.ica import RemoveICA
from n2s.data.event_classes import Labels
from n2s.data.event_windows import AtEvents
from n2s.data.run_split import SplitByRun
from n2s.errors import UserError
from n2s.findings import kept
from n2s.metrics.result import record
from n2s.metrics.score import ALL
from n2s.systems.contamination.compare import contamination_of
from n2s.systems.contamination.result import ContaminationResult
from n2s.systems.contamination.verdict import CLEAN, CONTAMINATED, DOUBTFUL


class TakeLips(RemoveICA):
    """Takes out what the lips do to four sensors, all of it."""

    def __call__(self, raw):
        emg = 1e4 * raw.get_data("EMG1-EMG2")[0]
        raw.apply_function(lambda x: x - 3e-6 * (emg + np.abs(emg)), picks=raw.ch_names[:4])
        return raw


def data_of(root, *, window_s=0.4, steps=(), **options) -> EventDataModule:
    study = LipsStudy(root, **options)
    windows = AtEvents(Labels(list(study.texts)), kind="word")
    cleaning = Preprocessing(sfreq=50.0, picks=["eeg"], steps=list(steps))
    return EventDataModule(
        {"lab": study}, windows, split=SplitByRun(), preprocessing=cleaning, window_s=window_s, n_jobs=1
    )


def found_in(root, **options):
    return contamination_of(data_of(root, **options), n_permutations=200)


CASES = {
    "clean": ({"gain": 0.5, "lips": 1.0, "voice": 1.0, "rest_s": 20.0, "seed": 1}, CLEAN, ""),
    "muscles": ({"gain": 0.0, "lips": 1.0, "leak": 3.0}, CONTAMINATED, "EMG alone"),
    "one electrode": (
        {"gain": 0.0, "lips": 1.0, "leak": 3.0, "emg": "EMG1"},
        DOUBTFUL,
        "; but EMG1 and the sensors may have the same reference",
    ),
    "sound": ({"gain": 0.0, "voice": 1.0, "hum": 3.0}, CONTAMINATED, "Sound alone"),
    "nothing": ({}, DOUBTFUL, "not above chance"),
}


@pytest.mark.parametrize(
    "case",
    ["clean", "muscles", *(pytest.param(one, marks=pytest.mark.slow) for one in ("one electrode", "sound", "nothing"))],
)
def test_planted_cases_get_their_words(case, tmp_path):
    options, word, said = CASES[case]
    result = found_in(tmp_path, **options)
    verdict = result.verdicts[ALL]
    assert verdict.word == word, (verdict.reasons, verdict.controls.to_string(), result.links.to_string())
    assert said in " ".join(verdict.reasons)
    if case == "clean":  # lips and microphone tell all, and are named
        assert {"emg", "audio"} <= set(verdict.controls.source[verdict.controls.above])
        result.save(tmp_path / "kept")
        again = ContaminationResult.load(tmp_path / "kept")
        json.dumps(record(again), allow_nan=False)
        assert record(again) == json.loads(json.dumps(record(result)))
        shown = again.shown()[0]
        assert [one.title for one in shown.drawings] == [
            "The brain beside its controls", "Before the voice", "The same frequencies", "Where",
        ]  # fmt: skip
        assert "Verdict: CLEAN" in shown.headline[0]
        again.export(tmp_path)
        assert {"scores.csv", "links.csv", "before_voice.csv", "sensors.csv"} <= {
            one.name for one in tmp_path.iterdir()
        }


@pytest.mark.slow
def test_what_the_cleaning_takes_out_is_a_control(tmp_path):
    result = found_in(tmp_path, gain=0.5, lips=1.0, leak=3.0, rest_s=20.0, steps=[TakeLips()])
    own = result.table[result.table.subject == ALL].set_index("source")
    assert own.value["removed"] > 0.9 and own.p["brain"] < 0.05
    verdict = result.verdicts[ALL]
    assert verdict.word == CLEAN and "What ICA and SSP took out tells the classes as well" in " ".join(verdict.notes)
    assert verdict.controls.set_index("source").reaches["emg"] == 0  # nothing is left of it


@pytest.mark.slow
def test_people_who_lack_a_signal_have_no_row_of_it(tmp_path):
    with kept() as told:
        result = found_in(
            tmp_path,
            n_subjects=4,
            gain=0.5,
            lips=1.0,
            rest_s=20.0,
            without_emg=["02"],
            flat_emg=["03"],
            broken_emg=["04"],
            lacking_emg=["sub-01_task-say_run-2"],
        )
    emg = result.table[result.table.source == "emg"].set_index("subject")
    assert emg.p.notna().to_dict() == {"lab/01": True, "lab/02": False, "lab/03": False, "lab/04": True, ALL: True}
    assert "no EMG" in emg.why["lab/02"] and "lab/02, lab/03" in emg.why[ALL]
    assert any("no EMG; there are" in one.text and "AUDIO" in one.text for one in told)
    assert result.verdicts["lab/02"].word == result.verdicts[ALL].word == DOUBTFUL
    assert "no EMG of lab/02, lab/03" in " ".join(result.verdicts[ALL].reasons)
    own = result.table[result.table.subject == "lab/01"].set_index("source")  # two runs of three have EMG
    assert own.n_windows["emg"] == 48 and own.n_windows["brain"] == 72
    assert np.isfinite(own.of_brain["emg"]) and np.isnan(own.of_brain["audio"])
    assert any("EMG is there in 48 of 72 windows" in one.text for one in told)


@pytest.mark.slow
def test_playback_is_beside_speech(tmp_path):
    result = found_in(tmp_path, gain=0.7, conditions=("overt", "listen"), n_trials=30)
    own = result.table[result.table.subject == ALL].set_index("source")
    assert own.n_windows["brain"] == own.n_windows["brain in listen"] == 45
    assert own.p["brain in listen"] < 0.05 and own.p["learned in overt, tested in listen"] < 0.05


@pytest.mark.slow
def test_one_run_is_held_out_in_blocks(tmp_path):
    with kept() as told:
        result = found_in(tmp_path, n_runs=1, n_trials=60, gain=0.7)
    assert any("all windows are of one run" in one.text for one in told)
    assert result.table.p[result.table.source == "brain"].max() < 0.05


@pytest.mark.parametrize(
    ("options", "asked", "said"),
    [
        ({"beside": False}, {}, r"no sound, EMG, EOG, ECG or head position; 01_task-say_run-1|no sound, EMG"),
        ({}, {"condition": "silent"}, "no window of the recipe is; there are overt"),
        ({"n_runs": 1, "n_trials": 4}, {}, "nobody can be compared"),
        ({}, {"n_permutations": 10}, "n_permutations is 10"),
    ],
)
def test_what_cannot_be_compared_is_refused(options, asked, said, tmp_path):
    with pytest.raises(UserError, match=said):
        contamination_of(data_of(tmp_path, **options), **asked)


@pytest.mark.slow
def test_unbalanced_classes_have_a_chance_of_one_in_three(tmp_path):
    result = found_in(tmp_path, gain=0.0, n_trials=20)
    own = result.table[(result.table.source == "brain") & (result.table.subject == ALL)].iloc[0]
    assert own.chance == pytest.approx(1 / 3) and own.p > 0.01
    assert np.isfinite(own[["value", "low", "high"]].astype(float)).all()
