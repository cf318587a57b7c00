"""Windows of anybody's epochs: training groups alone scale them, and what is missing or misspelt is said."""

import mne
import numpy as np
import pandas as pd
import pytest

import n2s
from n2s.errors import UserError
from n2s.findings import kept

RUNS = ("a", "b", "c", "d")


def epochs_of(values: np.ndarray, *, placed: bool = True, step: int = 100, **metadata) -> mne.EpochsArray:
    """Epochs (n, c, t) in turn of two classes, in four runs."""
    n = len(values)
    info = mne.create_info(["C3", "Cz", "C4"], 100.0, "eeg")
    if placed:
        info.set_montage("colin27_1020")
    events = np.stack([step * np.arange(n), np.zeros(n, int), np.arange(n) % 2], 1)
    table = pd.DataFrame({"run": np.repeat(RUNS, n // 4)} | metadata)
    return mne.EpochsArray(values, info, events, event_id={"no": 0, "yes": 1}, metadata=table, verbose=False)


@pytest.fixture
def values():
    return 1e-5 * np.random.default_rng(0).standard_normal((40, 3, 50))


def test_training_groups_alone_scale_them(values):
    windows = n2s.windows_of_epochs(epochs_of(values), groups="run", train=["a", "b"])
    known = values[:20, :, ::4].swapaxes(0, 1).reshape(3, -1)
    centre, scale = np.median(known, axis=1), np.subtract(*np.percentile(known, [75, 25], axis=1))
    np.testing.assert_allclose(windows.X, (values - centre[:, None]) / scale[:, None], rtol=1e-5, atol=1e-6)
    other = values.copy()
    other[20:] *= 100
    changed = n2s.windows_of_epochs(epochs_of(other), groups="run", train=["a", "b"])
    assert np.array_equal(changed.of("train").X, windows.of("train").X)
    assert not np.array_equal(changed.of("test").X, windows.of("test").X)


def test_each_person_is_scaled_alone(values):
    values[::2] *= 50
    people = np.tile(["p1", "p2"], 20)
    windows = n2s.windows_of_epochs(epochs_of(values, who=people), groups="run", train=["a", "b"], subject="who")
    spread = [np.subtract(*np.percentile(windows.X[windows.subject == one], [75, 25])) for one in (0, 1)]
    assert spread == pytest.approx([1, 1], rel=0.1)


def test_labels_groups_and_times_are_those_of_the_epochs(values):
    kind = np.repeat(["vowel", "stop", "nasal", "vowel"], 10)
    windows = n2s.windows_of_epochs(
        epochs_of(values, kind=kind), groups=np.repeat([3, 1, 2, 1], 10), train=[1], labels="kind"
    )
    assert windows.classes == ["nasal", "stop", "vowel"] and windows.y[0] == 2
    assert windows.table.split.tolist() == ["test"] * 10 + ["train"] * 10 + ["test"] * 10 + ["train"] * 10
    assert windows.table.onset.iloc[7] == 7.0 and windows.table.run.iloc[-1] == "d"


def test_bad_channels_are_zero_and_have_no_place(values):
    values[3, 1] = np.nan
    epochs = epochs_of(values)
    epochs.info["bads"] = ["Cz"]
    windows = n2s.windows_of_epochs(epochs, groups="run", train=["a"])
    assert not windows.X[:, 1].any() and windows.X[:, 0].any()
    assert windows.mask[0].tolist() == [True, False, True]


def test_values_far_off_are_clamped_and_overlaps_and_lost_places_are_told(values):
    values[0, 0, 0] = 1.0
    with kept() as found:
        windows = n2s.windows_of_epochs(epochs_of(values, placed=False, step=30), groups="run", train=["a"], clamp=5)
    assert windows.X[0, 0, 0] == 5.0
    assert [one.text.split(":")[0] for one in found] == ["sensors without places", "1 of 30 test epochs overlap training epochs in time, unless they are of other recordings"]  # fmt: skip


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"groups": "rum"}, "no column 'rum' in the metadata of the epochs; there are run, same, half. Nearest: run"),
        ({"groups": ["a"] * 3}, "3 groups for 40 epochs"),
        ({"train": ["e"]}, "no group 'e' to train on; there are a, b, c, d"),
        ({"train": list(RUNS)}, "nothing is held out"),
        ({"train": []}, "nothing is training"),
        ({"labels": "same"}, "all 40 epochs are of class 'x'"),
        (
            {"labels": "half"},
            r"column 'half' of the metadata is empty at 20 of 40 epochs \(1, 3, .* Fill it, or drop these",
        ),
        ({"groups": "half"}, "column 'half' of the metadata is empty at 20 of 40"),
        ({"groups": ["a", None] * 20}, "groups is empty at 20 of 40"),
        ({"groups": None}, "groups is None; expected a column of the metadata, or one value an epoch"),
        ({"train": 1}, "train is 1; expected a list of the groups"),
        ({"clamp": 0}, "clamp is 0; expected a number above 0"),
    ],
)
def test_what_does_not_fit_is_refused(options, said, values):
    epochs = epochs_of(values, same=["x"] * 40, half=["x", None] * 20)
    with pytest.raises(UserError, match=said):
        n2s.windows_of_epochs(epochs, **({"groups": "run", "train": ["a"]} | options))


def test_epochs_that_are_none_and_values_that_are_not_finite_are_refused(values):
    with pytest.raises(UserError, match="epochs is ndarray; expected mne.Epochs"):
        n2s.windows_of_epochs(values, groups="run", train=["a"])
    with pytest.raises(UserError, match="there are no epochs. Were all of them dropped"):
        n2s.windows_of_epochs(epochs_of(values)[[]], groups="run", train=["a"])
    epochs = epochs_of(values)
    epochs.info["bads"] = epochs.ch_names
    with pytest.raises(UserError, match="all 3 channels are bad"):
        n2s.windows_of_epochs(epochs, groups="run", train=["a"])
    values[3, 0, 0] = np.nan
    with pytest.raises(UserError, match="1 of 40 epochs have values that are not finite"):
        n2s.windows_of_epochs(epochs_of(values), groups="run", train=["a"])


def test_some_windows_are_asked_for_by_number_or_by_a_column(values):
    windows = n2s.windows_of_epochs(epochs_of(values), groups="run", train=["a"])
    assert np.array_equal(windows.some([3, -1]).X, windows.X[[3, -1]])
    assert np.array_equal(windows.some(windows.table.run == "c").y, windows.y[20:30])
    assert len(windows.some([])) == 0
    for rows, said in (
        ([40], "number 40 is asked for, of 40 windows"),
        ([True] * 3, "a column of 3 true and false for 40"),
        (["a"], "are no numbers of windows"),
    ):
        with pytest.raises(UserError, match=said):
            windows.some(rows)
    with pytest.raises(UserError, match="none is asked for"):
        windows.some([]).read()
