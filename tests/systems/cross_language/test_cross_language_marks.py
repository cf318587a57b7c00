"""A test knows the features that the run was fitted to."""

from dataclasses import replace

import pytest
from bilingual import TwoLanguages
from cross_language_runs import data_of, fitted

from n2s.errors import UserError

HEARD = {"01": ["es"], "02": ["es"], "03": ["eu"], "04": ["eu"]}


class Turned(TwoLanguages):
    """The same brains and sounds, and other features."""

    def features(self, stimulus):
        found = super().features(stimulus)
        return replace(found, values=-found.values)


@pytest.mark.slow
@pytest.mark.parametrize("heard", [{}, HEARD])
def test_other_features_than_those_of_the_fit_are_refused(tmp_path, heard):
    options = {"n_each": 1, "heard": heard, "n_subjects": len(heard) or 1}
    model = {"controls": [], "banded": [], "decode": False, "alphas": [1.0], "n_shifts": 2, "n_bootstrap": 2}
    system, trainer = fitted(tmp_path, data_of(tmp_path, n_folds=2, **options), **model)
    other = data_of(tmp_path, n_folds=2, studies={"two": Turned(tmp_path, **options)})
    with pytest.raises(UserError, match="values of the feature 'meaning' are not those"):
        trainer.test(system, datamodule=other, verbose=False)
