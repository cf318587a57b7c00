"""A trained classifier of events on a held-out recording, given as if it were new: the numbers of the test, and what is refused."""

import mne
import numpy as np
import pandas as pd
import pytest
from said_recipe import said_recipe
from said_study import SaidStudy
from test_linear_classifier import recipe as linear_recipe

import n2s
from n2s.errors import UserError
from n2s.systems.event_classes.result import EventResult

NETWORK = {"class_path": "said_network.Means", "init_args": {"n_channels": 8}}


def held_out(study, run: str):
    """The recording of the first person in a run, and its events."""
    (one,) = [one for one in study.recordings() if (one.subject, one.run) == ("01", run)]
    return study.load(one), study.events(one)


def table_of(events: pd.DataFrame) -> pd.DataFrame:
    return events[["onset", "duration", "text"]].rename(columns={"text": "trial_type"})


@pytest.fixture
def trained(at, fit_and_test):
    """A run of a network of a few numbers; (its `n2s.api.trained_run.TrainedRun`, what its test left, the study)."""
    recipe = said_recipe(
        at / "recipe.yaml", study={"gain": 2.0}, model={"network": NETWORK, "n_permutations": 20}, max_epochs=2
    )
    folder, _ = fit_and_test(recipe)
    return n2s.load(folder), EventResult.load(folder / "test" / "test"), SaidStudy(at / "lab", gain=2.0)


@pytest.mark.slow
def test_a_held_out_run_decoded_as_a_new_one(trained, at, run_n2s):
    run, tested, study = trained
    raw, events = held_out(study, "5")
    own = tested.events.subject.to_numpy() == "lab/01"
    found = run.decode(raw, subject="01", events=table_of(events))
    expected = np.exp(tested.logits[own] - np.logaddexp.reduce(tested.logits[own], 1, keepdims=True))
    assert found.probabilities.shape == expected.shape
    assert np.abs(found.probabilities - expected).max() < 2e-3  # windows of a test are kept as float16
    assert (found.table.label == np.array(tested.names)[tested.labels[own]]).all()
    score, chance, p = found.agreement
    assert (
        score > 0.5 and abs(chance - 1 / 3) < 0.05 and p < 0.05 and "above that of labels" in " ".join(found.headline())
    )

    # channels in another order, and a faster recording
    order = np.random.default_rng(0).permutation(len(raw.ch_names))
    mixed = raw.copy().pick([raw.ch_names[i] for i in order])
    assert np.allclose(
        run.decode(mixed, subject="01", events=table_of(events)).probabilities, found.probabilities, atol=1e-5
    )
    fast = run.decode(raw.copy().resample(250.0, verbose="error"), subject="01", events=table_of(events))
    assert np.corrcoef(fast.probabilities.ravel(), found.probabilities.ravel())[0, 1] > 0.97

    # noise is chance, and says so
    noise = mne.io.RawArray(
        np.random.default_rng(1).normal(0, raw.get_data().std(), raw.get_data().shape), raw.info, verbose="error"
    )
    silent = run.decode(noise, events=table_of(events))
    assert silent.agreement[2] > 0.01 and silent.agreement[0] < 0.6

    # an export gives the same, also by the command
    again = n2s.load(run.export(at / "shared"))
    assert np.allclose(
        again.decode(raw, subject="01", events=table_of(events)).probabilities, found.probabilities, atol=1e-6
    )
    raw.save(at / "x_eeg.fif", verbose="error")
    table_of(events).to_csv(at / "events.tsv", sep="\t", index=False)
    status, out, err = run_n2s(
        "decode", at / "shared", "--recording", at / "x_eeg.fif", "--events", at / "events.tsv", "--subject", "01"
    )
    assert status == 0, err
    kept = pd.read_csv(at / "decoded" / "x_eeg" / "classes.csv")
    assert np.allclose(kept["p(up)"], found.probabilities[:, 0], atol=1e-3) and "are right" in out
    assert "Probability of each class" in (at / "decoded" / "x_eeg" / "report.html").read_text("utf-8")

    # a grid without events; what a network says there is what it says of events at those moments
    grid = run.decode(raw, subject="01", step_s=0.5)
    assert grid.agreement is None and "there is no score" in " ".join(grid.headline()) and len(grid.table) > 50
    at_s = grid.table.time_s.to_numpy()[10:14]
    assert np.allclose(
        run.decode(raw, subject="01", events=list(at_s)).probabilities, grid.probabilities[10:14], atol=1e-6
    )
    assert np.allclose(run.predict(raw, subject="01", step_s=0.5).values, grid.probabilities, atol=1e-6)

    for wrong, message in (
        (lambda: run.decode(raw, ["a.wav"]), "compares no sounds"),
        (lambda: run.decode(raw, subject="99"), "no subject 99"),
        (lambda: run.decode(raw, events=[1e4]), "none of 1 events"),
        (lambda: run.decode(raw, events=pd.DataFrame({"time": [1.0]})), "no column onset"),
        (lambda: run.decode(raw, events=at / "event.tsv"), "events.tsv"),
        (lambda: run.decode(raw.copy().crop(0, 0.3)), "windows of 0.4 s"),
        (lambda: run.decode(raw.copy().pick(raw.ch_names[:2])), "2 of the network's 8 sensors"),
        (lambda: run.decode(at / "x.nii.gz"), "image of the brain"),
    ):
        with pytest.raises(UserError, match=message):
            wrong()


@pytest.mark.slow
def test_linear_classifiers_of_each_person(at, run_n2s, run_of):
    from shared_code import SharedCode

    path = linear_recipe(at / "recipe.yaml")
    for verb in ("fit", "test"):
        status, out, err = run_n2s(verb, "--config", path)
        assert status == 0, err + out
    folder = run_of()
    run, tested, study = n2s.load(folder), EventResult.load(folder / "test" / "test"), SharedCode("lab", n_runs=4)
    raw, events = held_out(study, "4")
    said = events[events.condition == events.condition.iloc[0]]
    found = run.decode(raw, subject="01", events=table_of(said))
    assert found.probabilities.shape[1] == len(tested.names) and np.allclose(found.probabilities.sum(1), 1, atol=1e-5)
    again = n2s.load(run.export(at / "shared")).decode(raw, subject="01", events=table_of(said))
    assert np.allclose(again.probabilities, found.probabilities, atol=1e-6)
    with pytest.raises(UserError, match="somebody new has no decoder"):
        run.decode(raw, events=table_of(said))
