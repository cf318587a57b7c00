"""Whole runs are held out, the same for everybody, and never none of them."""

import pandas as pd
import pytest

from n2s.data import CrossValidated, SplitByRun
from n2s.data.content import Heard
from n2s.data.event_intervals import deal, with_stretches
from n2s.data.run_split import run_name
from n2s.errors import UserError


def heard(n_runs: int, n_subjects: int = 2) -> dict[str, Heard]:
    row = {"onset": 1.0, "duration": 0.4, "kind": "word", "text": "up", "story": "", "stimulus": "", "stimulus_onset": 0.0, "sequence": "",
           "language": "en", "condition": "overt", "speaker": "", "attended": ""}  # fmt: skip
    names = [f"lab/sub-{s:02d}_ses-1_task-say_run-{r:02d}" for s in range(n_subjects) for r in range(1, n_runs + 1)]
    tables = {name: with_stretches(pd.DataFrame([row, row | {"onset": 5.0}]), name) for name in names}
    return {"lab": Heard(tables, subjects={name: name[8:10] for name in names})}


def splits(split, found: dict[str, Heard]) -> dict[str, set[str]]:
    pieces = deal(split, found).pieces
    by_run = pieces.groupby(pieces.recording.map(run_name)).split.unique()
    return {name: set(own) for name, own in by_run.items()}


@pytest.mark.parametrize("n_runs", [3, 5, 8])
def test_some_run_is_held_out_for_everybody(n_runs):
    for seed in range(2):
        found = splits(SplitByRun(seed=seed), heard(n_runs))
        assert all(len(own) == 1 for own in found.values())
        sides = [next(iter(own)) for own in found.values()]
        assert sides.count("test") == max(1, round(0.2 * n_runs))
        assert sides.count("val") == max(1, round(0.1 * n_runs))


def test_runs_by_name_and_by_number():
    for name in ("2", "02", "run-02", "ses-1_task-say_run-02"):
        found = splits(SplitByRun(test=[name], val_fraction=0), heard(4))
        assert [run for run, own in found.items() if own == {"test"}] == ["ses-1_task-say_run-02"]
    with pytest.raises(UserError, match="both in val and in test"):
        SplitByRun(test=["1"], val=["1"])
    with pytest.raises(UserError, match="names the run '7', which no recording is"):
        splits(SplitByRun(test=["7"]), heard(3))


@pytest.mark.slow
def test_each_run_is_the_test_of_one_fold():
    tested = []
    for fold in range(3):
        found = splits(CrossValidated(SplitByRun(), n_folds=3, fold=fold), heard(6))
        tested += [run for run, own in found.items() if own == {"test"}]
    assert sorted(tested) == sorted(f"ses-1_task-say_run-{r:02d}" for r in range(1, 7))
