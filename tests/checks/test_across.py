"""What is told of recordings side by side, and what is not: a design may give everybody something else."""

import pytest

from n2s.checks.across import compare, odd_ones
from n2s.checks.seen import Seen
from n2s.findings import kept
from n2s.studies.events import events_table
from n2s.studies.study import Recording

STORIES = ("a", "b", "c")


def seen(
    subject, sounds=STORIES, *, run="1", onset=1.0, duration_s=40.0, sfreq=100.0, names=("x", "y"), marks=(), **more
):
    rows = [
        {
            "onset": onset + 12 * i,
            "duration": 10.0,
            "kind": "sound",
            "story": one,
            "stimulus": one,
            "stimulus_onset": 0.0,
        }
        for i, one in enumerate(sounds)
    ]
    events = events_table(rows, where=subject) if rows else None
    return Seen(
        Recording(subject, task="listen", run=run), duration_s, sfreq, {"eeg": list(names)}, events=events, marks=set(marks), **more
    )  # fmt: skip


def told(*recordings):
    with kept() as findings:
        compare(recordings)
    return [(one.where, one.text) for one in findings]


def people(n, **changes):
    """``n`` alike, and one more who differs."""
    return [*(seen(f"{i:02}") for i in range(n)), seen("99", **changes)]


def test_alike_is_not_told():
    assert not told(*people(4))
    assert not told()
    assert not told(seen("01"), seen("01", ("d", "e"), run="2"))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"sounds": ("a", "b")}, "has 2 sounds where the others have 3"),
        ({"sounds": ("b", "a", "c")}, "in another order"),
        ({"sounds": ("a", "b", "d")}, "has d, which the others do not have"),
        ({"onset": 1.5}, "starts at 1.50 s, that of all others at 1.00 s"),
        ({"sfreq": 250.0}, "has 250 Hz; nearly all others have 100 Hz"),
    ],
)
def test_one_person_who_differs(changes, text):
    (where, first), *_ = told(*people(3, **changes))
    assert "sub-99" in where and text in first
    if "sounds" not in changes or changes["sounds"][0] == "b":
        assert not told(seen("01"), seen("02", **changes))  # of two, nobody knows which one is odd


def test_designs_in_which_people_differ_are_not_told():
    orders = (("a", "b", "c"), ("b", "c", "a"), ("c", "a", "b"), ("a", "c", "b"))
    assert not told(*(seen(f"{i}", order) for i, order in enumerate(orders)))
    assert not told(*(seen(f"{i}", onset=1 + 0.4 * i) for i in range(5)))  # started by hand
    assert not told(*(seen(f"{i}", (f"own{i}", "shared")) for i in range(5)))
    half = [seen(f"{i}", STORIES if i % 2 else STORIES[:2]) for i in range(6)]  # half of them came once only
    assert not told(*half)


def test_a_story_that_one_lacks():
    (where, text) = next(one for one in told(*people(3, sounds=("a", "b"))) if "did not hear" in one[1])
    assert where == "sub-99" and "did not hear c, which nearly all others heard" in text


def test_a_story_that_one_alone_heard_names_the_nearest():
    found = told(seen("01", ("story_a", "story_b")), seen("02", ("story_a", "story_b", "stroy_a")))
    ((where, text),) = found
    assert where == "sub-02" and "only one who heard 'stroy_a'" in text and "Nearest: story_a" in text


def test_copies_are_named_with_both_names():
    one, other = seen("01", marks=["m"]), seen("02", marks=["m", "n"])
    ((where, text),) = told(one, other)
    assert where == "sub-02_task-listen_run-1 and sub-01_task-listen_run-1" and "two people" in text
    ((where, text),) = told(seen("01", marks=["m"]), seen("01", run="2", marks=["m"]))
    assert "one recording counts twice" in text


def test_recordings_of_one_person_that_differ():
    first = [seen("01", run="1"), seen("01", run="2")]
    ((where, text),) = told(*first, seen("01", run="3", sfreq=250.0))
    assert where.endswith("run-3") and "250 Hz, but other recordings of this person have 100 Hz" in text
    ((where, text),) = told(*first, seen("01", run="3", names=("x", "z")))
    assert where.endswith("run-3") and "lacks y and has z in addition" in text


def test_most_of_a_recording_without_sound():
    ((_, text),) = told(seen("01", duration_s=600.0))
    assert "lasts 600 s, of which 30 s have sound" in text
    assert not told(seen("01", duration_s=85.0)) and not told(seen("01", (), duration_s=600.0))


def test_odd_ones_need_agreement_of_nearly_all():
    assert odd_ones({"a": 1, "b": 1, "c": 2}) == (1, ["c"])
    assert odd_ones({"a": 1, "b": 2}) == (None, []) and odd_ones({"a": 1, "b": 2, "c": 3}) == (None, [])
    many = {str(i): 1 for i in range(18)} | {"x": 2, "y": 3}
    assert odd_ones(many) == (1, ["x", "y"])
    assert odd_ones(many | {"z": 4}) == (None, [])


def with_words(subject, factor=1.0):
    rows = [{"onset": 1.0, "duration": 20.0, "kind": "sound", "story": "a", "stimulus": "a", "stimulus_onset": 0.0}]
    for i in range(10):
        rows.append(rows[0] | {"kind": "word", "text": f"w{i}", "duration": 0.2, "stimulus_onset": 1.5 * i * factor,
                               "onset": 1 + 1.5 * i * factor})  # fmt: skip
    return Seen(Recording(subject), 40.0, 100.0, {"eeg": ["x"]}, events=events_table(rows, where=subject))


def test_words_that_drift_in_one_recording():
    ((where, text),) = told(*(with_words(f"{i}") for i in range(3)), with_words("9", 0.98))
    assert where == "sub-9" and "words of 'a' are up to 0.27 s away" in text  # 13.5 s x 2%
    assert not told(with_words("1"), with_words("2"), with_words("9", 1.004))  # 0.05 s: rounding
    assert not told(with_words("1"), with_words("9", 0.9))
