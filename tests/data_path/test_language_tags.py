"""One language under two tags is one: else it would be compared with itself, and transfer."""

import pandas as pd
import pytest

from n2s.data.content import Heard
from n2s.data.heard_languages import languages_of
from n2s.data.language_tags import SHORT, short_language


@pytest.mark.parametrize(
    ("tag", "short"),
    [
        ("en-GB", "en"),
        ("EN", "en"),
        ("eng", "en"),
        ("English", "en"),
        ("es-MX", "es"),
        ("spa_419", "es"),
        ("eus", "eu"),
        ("baq", "eu"),
        ("cmn-Hans", "zh"),
        ("zh_CN", "zh"),
        ("xyz", "xyz"),
        ("und", ""),
        ("n/a", ""),
        (float("nan"), ""),
        ("", ""),
    ],
)
def test_tags_are_short(tag, short):
    assert short_language(tag) == short
    assert all(len(one) == 2 for one in SHORT.values()) and SHORT["en"] == "en"


def test_a_study_of_english_and_eng_is_in_one_language():
    events = {
        f"one/{tag}": pd.DataFrame({"stimulus": [f"{tag}.wav"], "language": [tag]}) for tag in ("en", "eng", "en-US")
    }
    assert set(languages_of({"one": Heard(events)}).values()) == {"en"}
