"""What is said of scores that are known: clean, doubtful, contaminated, and why."""

import numpy as np
import pandas as pd
import pytest

from n2s.metrics.score import ALL
from n2s.systems.contamination.joined import over_people, reaching
from n2s.systems.contamination.verdict import CLEAN, CONTAMINATED, DOUBTFUL, controls_of, judged
from n2s.systems.contamination.words import tables

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
            "of_brain": np.nan,
            "why": "",
        }
        for name, (value, p) in values.items()
    ]
    return pd.DataFrame(rows)


def links(p: dict[str, float], subject: str = ONE, *, but: str = "", unseen: str | None = None) -> pd.DataFrame:
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
            "but": but,
            "unseen": ("20 s" if np.isnan(one) else "") if unseen is None else unseen,
        }
        for name, one in p.items()
    ]
    return pd.DataFrame(rows, columns=["subject", "group", "view", "p", "r", "sensor", "why", "but", "unseen"])


#: A microphone and an EMG that say nothing, and are not found: without them nothing is clean.
SILENT = {"audio": (0.26, 0.4), "emg": (0.26, 0.4)}
UNHEARD = {"audio": 0.7, "emg": 0.7}


@pytest.mark.parametrize(
    ("controls", "found", "word", "said"),
    [
        ({"emg": (0.66, 0.001)}, {"emg": 0.003}, CONTAMINATED, "EMG alone tells the classes as well (66.0%, 91%"),
        ({"emg": (0.66, 0.001)}, {"emg": 0.5}, CLEAN, ""),  # lips move, and the sensors do not see it
        ({"emg": (0.66, 0.001)}, {"emg": np.nan}, DOUBTFUL, "could not be seen (20 s)"),
        ({"emg": (0.45, 0.001)}, {"emg": 0.003}, DOUBTFUL, "tells classes apart (45.0%, 44%"),
        ({"emg": (0.45, 0.001)}, {"emg": np.nan}, DOUBTFUL, "EMG tells classes apart (45.0%, 44% of what the brain has above chance), and whether"),
        ({"head": (0.45, 0.001)}, {"head": np.nan}, DOUBTFUL, "Head position tells classes apart"),
        ({"emg": (0.30, 0.30)}, {"emg": np.nan}, DOUBTFUL, "Whether EMG is in the sensors could not be seen (20 s)"),
        ({"emg": (0.30, 0.30)}, {"emg": 0.003}, CLEAN, ""),  # blinks are in all sensors, and tell nothing
        ({"emg": (0.90, 0.02), "eog": (0.3, 0.4), "head": (0.3, 0.4)}, {"emg": 0.003}, CLEAN, ""),  # .02 is .06 of three controls
        ({"emg": (0.90, 0.001), "eog": (0.3, 0.4), "head": (0.3, 0.4)}, {"emg": 0.02, "eog": 0.6, "head": 0.7}, CLEAN, ""),  # Holm of links
        ({"edge": (0.7, 0.001), "inner": (0.27, 0.3), "emg": (0.3, 0.4)}, {}, DOUBTFUL, "edge alone"),
        ({"edge": (0.7, 0.001), "inner": (0.6, 0.001), "emg": (0.3, 0.4)}, {}, CLEAN, ""),
        ({"reaching": (0.7, 0.001)}, {}, CONTAMINATED, "All that reaches the sensors alone"),
    ],
)  # fmt: skip
def test_the_word_follows_from_the_numbers(controls, found, word, said):
    verdict = judged(scores({"brain": (0.70, 0.001)} | SILENT | controls), links(UNHEARD | found), [ONE])
    assert verdict.word == word
    assert said in " ".join(verdict.reasons)


@pytest.mark.parametrize(
    ("condition", "there", "word", "said"),
    [
        ("overt", ("audio", "emg"), CLEAN, ""),
        ("overt", ("audio",), DOUBTFUL, "There is no EMG: muscles are not told from a brain without it."),
        ("overt", ("emg",), DOUBTFUL, "There is no sound: "),
        ("overt", (), DOUBTFUL, "no side signal"),
        ("silent", ("emg",), CLEAN, ""),
        ("imagined", ("audio",), DOUBTFUL, "no EMG"),
        ("listen", ("audio",), CLEAN, ""),
        ("listen", ("emg",), DOUBTFUL, "no sound"),
    ],
)
def test_nothing_is_cleared_without_the_controls_that_it_needs(condition, there, word, said):
    table = scores({"brain": (0.70, 0.001)} | {name: SILENT[name] for name in there})
    verdict = judged(table, links({name: 0.7 for name in there}), [ONE], condition)
    assert verdict.word == word and said in " ".join(verdict.reasons)


def test_a_control_of_which_slow_signals_could_not_be_looked_for_clears_nothing():
    table = scores({"brain": (0.70, 0.001)} | SILENT)
    verdict = judged(table, links(UNHEARD, unseen="12 s without speech"), [ONE])
    assert verdict.word == DOUBTFUL and "EMG could not be looked for in all ways" in " ".join(verdict.reasons)


def test_a_reference_that_both_may_share_is_a_doubt():
    table = scores({"brain": (0.70, 0.001)} | SILENT | {"emg": (0.69, 0.001)})
    verdict = judged(table, links({"audio": 0.7, "emg": 0.001}, but="EMG1 may have the sensors' reference"), [ONE])
    assert verdict.word == DOUBTFUL and "; but EMG1 may have" in " ".join(verdict.reasons)
    assert reaching(links({"eog": 0.001, "emg": 0.001}), ONE) == ["eog", "emg"]
    assert reaching(links({"eog": 0.001, "emg": 0.001}, but="reference"), ONE) == []


def test_what_the_cleaning_took_out_is_a_doubt_where_it_says_as_much():
    for value, word in ((0.68, DOUBTFUL), (0.45, CLEAN), (0.26, CLEAN)):
        table = scores({"brain": (0.70, 0.001), "removed": (value, 0.001 if value > 0.3 else 0.5)} | SILENT)
        verdict = judged(table, links(UNHEARD), [ONE])
        assert verdict.word == word and "What ICA and SSP took out" in " ".join(verdict.reasons + verdict.notes)
    table = scores({"brain": (0.70, 0.001), "removed": (0.68, 0.001)} | SILENT | {"emg": (0.9, 0.001)})
    verdict = judged(table, links(UNHEARD), [ONE])  # muscles, and they are gone
    assert verdict.word == CLEAN and "(68.0%), as EMG would; of that nothing is found" in " ".join(verdict.notes)


def test_a_weak_control_is_not_why_what_was_taken_out_tells_classes():
    table = scores({"brain": (0.70, 0.001), "removed": (0.68, 0.001)} | SILENT | {"emg": (0.40, 0.001)})
    verdict = judged(table, links(UNHEARD), [ONE])
    assert verdict.word == DOUBTFUL and "What stays of them cannot be seen" in " ".join(verdict.reasons)


def of_people(*values: dict[str, tuple[float, float]]) -> tuple[pd.DataFrame, list[str]]:
    """Scores of people and their mean over those who have a source, and `ALL` before their names."""
    each = pd.concat([scores(one, f"lab/{i}") for i, one in enumerate(values)])
    mean = each.groupby("source", sort=False)[["value", "low", "high", "p", "chance"]].mean().reset_index()
    return pd.concat([mean.assign(subject=ALL, of_brain=np.nan, why=""), each]), [
        ALL,
        *(f"lab/{i}" for i in range(len(values))),
    ]


def means(verdict) -> dict[str, str]:
    """Control -> the last column of its row on the page."""
    shown = tables({ALL: verdict}, pd.DataFrame(), links({}), pd.DataFrame(), [ONE])["Controls beside the brain"][1]
    return dict(zip(verdict.controls.source, (row[-1] for row in shown), strict=True))


@pytest.mark.parametrize("hidden", [np.nan, None])
def test_a_control_that_could_be_looked_for_in_one_person_alone_clears_nobody(hidden):
    table, whose = of_people(*2 * [{"brain": (0.70, 0.001), "eog": (0.66, 0.001)} | SILENT])
    second = UNHEARD if hidden is None else UNHEARD | {"eog": hidden}
    found = pd.concat([links(UNHEARD | {"eog": 0.6}, "lab/0"), links(second, "lab/1")])
    verdict = judged(table, found, whose)
    assert (
        verdict.word == DOUBTFUL and "lab/1" in " ".join(verdict.reasons) and "lab/0" not in " ".join(verdict.reasons)
    )
    assert means(verdict)["eog"] == "tells classes, not found in the sensors where it was looked for"
    found = pd.concat([links(UNHEARD | {"eog": 0.6}, one) for one in whose[1:]])
    assert judged(table, found, whose).word == CLEAN


def test_people_with_a_shared_reference_do_not_carry_those_without():
    """One of five has electrodes of their own, whose p of .04 is nothing by itself: the others' p are of the reference."""
    table, whose = of_people(*5 * [{"brain": (0.70, 0.001)} | SILENT | {"emg": (0.69, 0.001)}])
    own = links({"audio": 0.7, "emg": 0.04}, "lab/0")
    shared = [links({"audio": 0.7, "emg": 0.001}, one, but="EMG1 may have the sensors' reference") for one in whose[2:]]
    verdict = judged(table, pd.concat([own, *shared]), whose)
    assert verdict.word == DOUBTFUL and "; but EMG1 may have" in " ".join(verdict.reasons)
    assert means(verdict)["emg"] == "as much as the brain, and in the sensors, by a reference that may be theirs"
    found = over_people(pd.concat([own, *shared, links({"eog": 0.03}, "lab/0")]), whose[1:])
    assert found.own_holm["eog"] == found.p_holm["eog"] < 0.07 and found.own_holm["emg"] > 0.05 > found.p_holm["emg"]
    strong = judged(table, pd.concat([own.assign(p=[0.7, 0.002], sensor="B7"), *shared]), whose)
    assert means(strong)["emg"] == "as much as the brain, and in the sensors"
    assert strong.word == CONTAMINATED and "most in B7" in strong.reasons[0]


@pytest.mark.parametrize(
    "there", [{"removed": (0.45, 0.001)}, {"edge": (0.45, 0.001), "inner": (0.26, 0.4)}], ids=["removed", "edge"]
)
def test_what_some_people_have_is_beside_their_own_brain(there):
    """The brain of the other person is better: by the mean of both, the source would say less than the brain."""
    table, whose = of_people({"brain": (0.46, 0.001)} | SILENT | there, {"brain": (0.95, 0.001)} | SILENT)
    found = pd.concat([links(UNHEARD, one) for one in whose[1:]])
    assert judged(table, found, whose).word == DOUBTFUL


def test_a_chance_link_of_one_person_says_nothing_of_all():
    """The eyes are in everybody's sensors; of five people one has lips by chance, and lips tell all that is said."""
    people = [f"lab/{i}" for i in range(5)]
    one = {"brain": (0.70, 0.001), "eog": (0.26, 0.4)} | SILENT | {"emg": (0.95, 0.001)}
    table = [scores(one, who) for who in (ALL, *people)]
    table += [scores({"reaching": (0.95, 0.001)}, who) for who in (ALL, people[0])]
    known = [links(UNHEARD | {"eog": 0.0017} | ({"emg": 0.004} if who == people[0] else {}), who) for who in people]
    verdict = judged(pd.concat(table), pd.concat(known), [ALL, *people])
    assert verdict.word == CLEAN, verdict.reasons
    assert reaching(known[0].assign(p=[0.7, 0.04, 0.0017]), people[0]) == ["eog"]  # .04 is .08 of the two that are left


def test_a_control_is_beside_the_brain_of_its_own_windows():
    table = scores({"brain": (0.70, 0.001), "audio": (0.26, 0.4), "emg": (0.45, 0.001)})
    table.loc[table.source == "emg", "of_brain"] = 0.2
    assert controls_of(table, links(UNHEARD), [ONE]).set_index("source").share["emg"] == pytest.approx(1.0)


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
    one = {"brain": (0.6, 0.001)} | SILENT | {"emg": (0.6, 0.001)}
    table = pd.concat([scores(one, who) for who in (ALL, *people)])
    weak = pd.concat([links({"audio": 0.7, "emg": 0.08}, one) for one in people])
    assert judged(table, weak, [ALL, *people]).word == CONTAMINATED
    assert judged(table, weak, ["lab/0"]).word == CLEAN
