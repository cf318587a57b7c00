"""A test that cannot be scored: said before anything is decoded, as an error of the user's."""

from types import SimpleNamespace

import pandas as pd
import pytest
import torch

from n2s.errors import UserError
from n2s.models.fitted_ridge import FittedRidge
from n2s.systems.clips.decoder import too_few_clips
from n2s.systems.clips.semantic import check_fitted


def data(subjects: list[str]) -> SimpleNamespace:
    return SimpleNamespace(splits={"test": SimpleNamespace(table=pd.DataFrame({"subject": subjects}))})


def test_a_subject_with_two_test_clips():
    assert too_few_clips(data(["a"] * 5 + ["b"] * 2)) == "b has 2 test clips, and a correlation over clips needs 3."
    assert too_few_clips(data(["a"] * 5 + ["b"] * 3)) is None
    assert too_few_clips(data([])) is None


def test_a_ridge_that_was_never_fitted():
    """The fit ended before this subject's batch: torch alone says that a scatter failed."""
    ridge = FittedRidge()
    ridge.voxel_mean, ridge.voxel_deviation = torch.zeros(4), torch.ones(4)
    with pytest.raises(UserError, match="lab/01: the run holds no fitted ridge of this subject.*n2s fit"):
        check_fitted(ridge, "lab/01")
    ridge.intercept = torch.zeros(2)
    check_fitted(ridge, "lab/01")
