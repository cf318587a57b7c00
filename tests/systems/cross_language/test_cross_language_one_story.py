"""A language of which a person heard one story is refused before the first fit."""

import pytest
from bilingual import TwoLanguages
from cross_language_runs import data_of, fitted

import n2s.systems.cross_language.task as task
from n2s.errors import UserError


def test_a_language_that_is_all_held_out_in_a_fold_is_refused_before_any_fit(tmp_path, monkeypatch):
    study = TwoLanguages(tmp_path, n_each=1)
    every = study.recordings()
    study.recordings = lambda: [one for one in every if one.run == "es" or one.task == "tale3"]
    fits = []
    monkeypatch.setattr(task, "fit_fold", lambda *given, **more: fits.append(1))
    with pytest.raises(UserError, match="all that is heard in eu is held out.*fewer folds"):
        fitted(tmp_path, data_of(tmp_path, studies={"two": study}), controls=[], banded=[], decode=False)
    assert not fits
