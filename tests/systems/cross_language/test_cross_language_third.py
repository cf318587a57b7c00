"""A translation in a third language."""

import pandas as pd
import pytest

from n2s.errors import UserError
from n2s.systems.cross_language.checks import _check_fold


def parts(language, *units):
    return [("story", language, unit) for unit in units]


def test_a_leak_into_a_third_language_is_refused_though_two_are_aligned():
    def table(rows):
        return pd.DataFrame(rows, columns=["content", "language", "unit"])

    aligned = "one", "two", "three", "four"
    test = table(parts("en", *aligned[:1]) + parts("es", *aligned[:1]))
    train = table(parts("en", *aligned[1:]) + parts("es", *aligned[1:]))
    _check_fold(train, test, "fold 1")
    leak = table(parts("eu", "other one", "other two"))
    with pytest.raises(UserError, match="translation in eu is in training"):
        _check_fold(pd.concat([train, leak]), test, "fold 1")
