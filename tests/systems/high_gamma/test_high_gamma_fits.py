"""Fits see training rows alone; recorded activity is as prepared; words stay together where penalties are chosen."""

import numpy as np
import pytest
import torch

from n2s.data import EncodingDataModule, Lags, Preprocessing, SplitBySentence, SplitByTime
from n2s.data.encoding_data import Fold
from n2s.errors import UserError
from n2s.features import SEEGDriver, Speaking
from n2s.models import ElectrodeElasticNet, ElectrodeGRU, ElectrodeRidge
from n2s.studies import SimulatedSEEG
from n2s.systems.high_gamma.fit import Inputs, Options, check_fold, fit_fold, penalty_groups
from n2s.systems.high_gamma.rows import Fit, table_rows
from n2s.systems.high_gamma.scoring import HeldOutElectrodes

pytest.importorskip("espeakng_loader")
OPTIONS = Options(2, 1.0, 0)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return made(tmp_path_factory.mktemp("seeg"), SplitBySentence(val_fraction=0.0))


def made(root, split):
    study = SimulatedSEEG(n_subjects=1, n_words=8, n_repeats=2, n_runs=2, n_contacts=6, measure="high_gamma", root=root)
    found = EncodingDataModule(
        {"seeg": study},
        {"envelope": SEEGDriver("envelope"), "words": SEEGDriver("words"), "speech": Speaking()},
        Lags(-0.08, 0.08),
        preprocessing=Preprocessing(sfreq=25.0, picks=["seeg"]),
        split=split,
        n_folds=3,
    )
    found.prepare()
    found.setup("fit")
    return found


class Spoilt:
    """The same data, whose held-out activity is something else."""

    def __init__(self, data):
        self.data = data

    def __getattr__(self, name):
        return getattr(self.data, name)

    def responses(self, subject, fold):
        train, test = self.data.responses(subject, fold)
        return train, 1e4 + 100 * np.random.default_rng(0).standard_normal(test.shape).astype(np.float32)

    recorded = None  # a fit does not ask for it


@pytest.mark.slow
@pytest.mark.parametrize(
    "estimator",
    [
        ElectrodeRidge([1.0, 100.0], n_folds=2),
        ElectrodeElasticNet([0.1, 0.01], n_folds=2),
        ElectrodeGRU(hidden=4, max_epochs=2),
    ],
    ids=lambda one: type(one).__name__,
)
def test_a_fit_knows_nothing_of_held_out_activity(data, estimator):
    (subject,) = data.subjects
    fold = data.folds(subject)[0]
    rows = table_rows(list(data.spaces), ["one"], models={"m": ["envelope"]}, speech="speech", n_draws=1)
    fits = {fit.key: fit for row in rows for fit in row.fits}
    assert len(fits) == 4
    with torch.no_grad():
        found, other = (fit_fold(one, subject, fold, fits, {"one": estimator}, OPTIONS) for one in (data, Spoilt(data)))
    for key in fits:
        assert all(torch.equal(value, other["fits"][key][name]) for name, value in found["fits"][key].items()), key


def test_recorded_activity_is_as_prepared(data):
    (subject,) = data.subjects
    table = data.rows(subject)
    runs = {run.name: run for run in data._people[subject].runs}
    for fold in data.folds(subject):
        for numbers, values in zip((fold.train, fold.test), data.recorded(subject, fold), strict=True):
            own = table.iloc[numbers]
            at = np.rint(own.time_s.to_numpy() * 25).astype(int)
            known = np.stack([runs[name].prepared.brain[i] for name, i in zip(own.recording, at, strict=True)])
            np.testing.assert_array_equal(values, known)
    means = np.concatenate([data.recorded(subject, fold)[1] for fold in data.folds(subject)]).mean(0)
    np.testing.assert_allclose(means / 1e6, SimulatedSEEG(n_contacts=6).contacts("01").base_v, rtol=0.05)  # uV


class LouderRun:
    """The same data, whose second run was recorded with another offset."""

    def __init__(self, data):
        self.data = data

    def __getattr__(self, name):
        return getattr(self.data, name)

    def recorded(self, subject, fold):
        recording = self.data.rows(subject).recording.to_numpy().astype(str)
        later = recording == np.unique(recording)[1]
        found = self.data.recorded(subject, fold)
        return tuple(v + 50 * later[n, None] for v, n in zip(found, (fold.train, fold.test), strict=True))


def test_what_runs_differ_in_is_no_size_of_a_prediction(data):
    (subject,) = data.subjects
    estimators, fits = {"one": ElectrodeRidge([1.0])}, {"one: envelope": Fit(("envelope",), "one")}
    with torch.no_grad():
        fitted = {fold.name: fit_fold(data, subject, fold, fits, estimators, OPTIONS) for fold in data.folds(subject)}
    plain, other = (HeldOutElectrodes(one, subject, fitted, estimators, OPTIONS) for one in (data, LouderRun(data)))
    parts = plain.by_fold(fits["one: envelope"])
    moved = [held.in_unit(parts) - held.means() for held in (plain, other)]
    np.testing.assert_allclose(moved[1], moved[0], atol=1e-4)


def test_features_are_changed_within_their_side(data):
    (subject,) = data.subjects
    fold = data.folds(subject)[1]
    inputs = Inputs(data, subject, fold, OPTIONS)
    plain = inputs.of(Fit(("words",), "one"), lagged=True)
    assert plain[0].shape[1] == 5 * 32
    middle = inputs.of(Fit(("words",), "one"), lagged=False)
    for one, other in zip(plain, middle, strict=True):
        np.testing.assert_array_equal(one[:, 64:96], other)  # the third of five lags: 0
    for change in ("permuted", "shifted"):
        changed = inputs.of(Fit(("words",), "one", change, 1), lagged=True)
        for one, other in zip(plain, changed, strict=True):
            assert not np.array_equal(one, other)
            known = {row.tobytes() for row in one}
            assert all(row.tobytes() in known for row in other)  # rows of this side alone
        again = Inputs(data, subject, fold, OPTIONS).of(Fit(("words",), "one", change, 1), lagged=True)
        np.testing.assert_array_equal(again[0], changed[0])


def test_repeated_words_stay_together_where_penalties_are_chosen(data):
    (subject,) = data.subjects
    fold = data.folds(subject)[0]
    assert penalty_groups(fold, OPTIONS, subject) == fold.groups.tolist()
    by_time = made(data.studies["seeg"].root, SplitByTime(n_folds=3, test_fold=0, val_fold=1))
    other = by_time.folds(subject)[0]
    assert len(set(penalty_groups(other, OPTIONS, subject))) == 2
    few = Fold("x", np.arange(4), np.arange(4, 6), np.array(["a"] * 4), np.zeros(4, int))
    with pytest.raises(UserError, match="of 1 unit .words"):
        check_fold(few, OPTIONS, subject)


def test_a_test_refuses_other_fits_and_data(data):
    (subject,) = data.subjects
    estimators = {"one": ElectrodeRidge([1.0])}
    fits = {"one: envelope": Fit(("envelope",), "one")}
    with torch.no_grad():
        fitted = {fold.name: fit_fold(data, subject, fold, fits, estimators, OPTIONS) for fold in data.folds(subject)}
    held = HeldOutElectrodes(data, subject, fitted, estimators, OPTIONS)
    assert held.means().shape == held.recorded.shape == held.true.shape
    with pytest.raises(UserError, match="no fit of 'one: words'"):
        held.by_fold(Fit(("words",), "one"))
    fitted["fold 1 of 3"]["marks"]["envelope@0"] = fitted["fold 1 of 3"]["marks"]["envelope@0"] + 1
    with pytest.raises(UserError, match="not those that the run was fitted to"):
        HeldOutElectrodes(data, subject, fitted, estimators, OPTIONS).by_fold(fits["one: envelope"])
    fitted["fold 1 of 3"]["marks"]["brain"] = fitted["fold 1 of 3"]["marks"]["brain"] + 1
    with pytest.raises(UserError, match="brain's responses"):
        HeldOutElectrodes(data, subject, fitted, estimators, OPTIONS)
