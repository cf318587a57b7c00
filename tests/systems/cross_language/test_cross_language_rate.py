"""The word rate is not taken from itself."""

from types import SimpleNamespace

import numpy as np
import pytest
from cross_language_runs import data_of

from n2s.errors import UserError
from n2s.systems import CrossLanguage
from n2s.systems.cross_language.inputs import Inputs


def test_a_rate_of_several_dimensions_stays_what_it_is():
    one = Inputs.__new__(Inputs)
    one.rate, one.data = "word_rate", SimpleNamespace(frames_hz=lambda space: np.inf)
    assert one.at_words("meaning", 3) and not one.at_words("word_rate", 3)


def test_the_main_features_are_no_word_rate(tmp_path):
    system = CrossLanguage(features="meaning", word_rate="meaning")
    with pytest.raises(UserError, match="nothing would be left"):
        system._spaces(list(data_of(tmp_path).spaces))
