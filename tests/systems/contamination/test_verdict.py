"""What is said of scores that are known: clean, doubtful, contaminated, and why."""

import numpy as np
import pandas as pd
import pytest

from n2s.metrics.score import ALL
from n2s.systems.contamination.verdict import CLEAN, CONTAMINATED, DOUBTFUL, controls_of, judged

ONE = "lab/01"


def scores(values: dict[str, tuple[float, float]], subject: str = ONE) -> pd.DataFrame:
    """Source -> balanced accuracy and p; chance is a quarter."""
    rows = [
        {
            "subject": subject,
            "source": name,
            "value": value,
            "low": value - 0.1,
            "high": value + 0.1,
            "p": p,
            "chance": 0.25,
            "why": "",
        }
        for name, (value, p) in values.items()
    ]
    return pd.DataFrame(rows)


def links(p: dict[str, float], subject: str = ONE) -> pd.DataFrame:
    """Group -> p of being in the sensors."""
    rows = [
        {
            "subject": subject,
            "group": name,
            "view": "slow",
            "p": one,
            "r": 0.2,
            "sensor": "A1",
            "why": "20 s",
        }
        for name, one in p.items()
    ]
    return pd.DataFrame(rows, columns=["subject", "group", "view", "p", "r", "sensor", "why"])


@pytest.mark.parametrize(
    ("controls", "found", "word", "said"),
    [
        ({"emg": (0.66, 0.001)}, {"emg": 0.003}, CONTAMINATED, "EMG alone tells the classes as well (66.0%, 91%"),
        ({"emg": (0.66, 0.001)}, {"emg": 0.5}, CLEAN, ""),  # lips move, and the sensors do not see it
        ({"emg": (0.66, 0.001)}, {"emg": np.nan}, DOUBTFUL, "could not be seen (20 s)"),
        ({"emg": (0.45, 0.001)}, {"emg": 0.003}, DOUBTFUL, "tells classes apart (45.0%, 44%"),
        ({"emg": (0.45, 0.001)}, {"emg": np.nan}, CLEAN, ""),
        ({"emg": (0.30, 0.30)}, {"emg": 0.003}, CLEAN, ""),  # blinks are in all sensors, and tell nothing
        ({"emg": (0.90, 0.02), "eog": (0.3, 0.4), "head": (0.3, 0.4)}, {"emg": 0.003}, CLEAN, ""),  # .02 is .06 of three controls
        ({"emg": (0.90, 0.001), "eog": (0.3, 0.4), "head": (0.3, 0.4)}, {"emg": 0.02, "eog": 0.6, "head": 0.7}, CLEAN, ""),  # Holm of links
        ({}, {}, DOUBTFUL, "no side signal"),
        ({"edge": (0.7, 0.001), "inner": (0.27, 0.3), "emg": (0.3, 0.4)}, {}, DOUBTFUL, "edge alone"),
        ({"edge": (0.7, 0.001), "inner": (0.6, 0.001), "emg": (0.3, 0.4)}, {}, CLEAN, ""),
        ({"reaching": (0.7, 0.001)}, {}, CONTAMINATED, "All that reaches the sensors alone"),
    ],
)  # fmt: skip
def test_the_word_follows_from_the_numbers(controls, found, word, said):
    verdict = judged(scores({"brain": (0.70, 0.001)} | controls), links(found), [ONE])
    assert verdict.word == word
    assert said in " ".join(verdict.reasons)


def test_nothing_is_explained_where_nothing_is_decoded():
    verdict = judged(scores({"brain": (0.27, 0.2), "emg": (0.9, 0.001)}), links({"emg": 0.003}), [ONE])
    assert verdict.word == DOUBTFUL and "not above chance (27.0%, chance 25.0%, p = 0.2)" in verdict.reasons[0]


def test_a_person_without_emg_is_not_counted_for_it():
    """The brain of the person without EMG is better: EMG is compared with the brain of the others."""
    people = pd.concat([
        scores({"brain": (0.95, 0.001), "emg": (np.nan, np.nan)}, "lab/01"), scores({"brain": (0.55, 0.001), "emg": (0.55, 0.001)}, "lab/02"),
        scores({"brain": (0.75, 0.001), "emg": (0.55, 0.001)}, ALL),
    ])  # fmt: skip
    found = controls_of(people, links({"emg": 0.001}, "lab/02"), [ALL, "lab/01", "lab/02"])
    assert found.share.iloc[0] == pytest.approx(1.0)
    assert judged(people, links({"emg": 0.001}, "lab/02"), [ALL, "lab/01", "lab/02"]).word == CONTAMINATED


def test_weak_links_of_many_people_count_together():
    people = [f"lab/{i}" for i in range(6)]
    table = pd.concat([scores({"brain": (0.6, 0.001), "emg": (0.6, 0.001)}, one) for one in (ALL, *people)])
    weak = pd.concat([links({"emg": 0.08}, one) for one in people])
    assert judged(table, weak, [ALL, *people]).word == CONTAMINATED
    assert judged(table, weak, ["lab/0"]).word == CLEAN
