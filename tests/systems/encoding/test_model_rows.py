"""The rows of the table: nested levels, seeds, controls, shifts, and options that cannot be."""

import numpy as np
import pytest

from n2s.errors import UserError
from n2s.systems.encoding.rows import model_rows, shift_rows, unique_fits

SPACES = {"mel": 1, "word_rate": 1, "dutch.conv1": 2, "dutch.gru": 2, "random.conv1": 2, "random.gru": 2}


def keys(rows) -> list[str]:
    return [row.key for row in rows]


def test_by_default_all_spaces_but_controls_are_one_nested_network():
    rows = model_rows({"mel": 1, "phones": 1, "word_rate": 1}, controls=["word_rate"], n_shifts=2)
    assert keys(rows) == ["model/mel", "model/phones", "phones", "word_rate", "model (shifted)"]
    assert [row.role for row in rows] == ["model", "model", "model", "control", "control"]
    assert rows[1].spaces == ("mel", "phones") and rows[1].before == "model/mel" and rows[1].level == 1
    assert [fit.shift for fit in rows[-1].fits] == [1, 2] and rows[-1].spaces == ("mel", "phones")


def test_networks_share_their_base_and_average_their_seeds():
    rows = model_rows(
        SPACES,
        networks={"dutch": ["mel", "dutch"], "random": ["mel", "random"]},
        controls=["random", "word_rate"],
        alone=False,
        n_shifts=0,
    )
    assert keys(rows) == [
        "dutch/mel",
        "dutch/conv1",
        "dutch/gru",
        "random/mel",
        "random/conv1",
        "random/gru",
        "word_rate",
    ]
    assert [row.role for row in rows] == ["model"] * 3 + ["control"] * 4
    assert [len(row.fits) for row in rows] == [1, 2, 2, 1, 2, 2, 1]
    assert rows[2].fits[1].parts == (("mel", 0), ("dutch.conv1", 1), ("dutch.gru", 1))
    assert len(unique_fits(rows)) == 1 + 2 * 4 + 1  # mel is fitted once


def test_a_control_may_be_all_layers_of_a_network():
    rows = model_rows(SPACES, networks={"dutch": ["mel", "dutch"]}, controls=["random"], n_shifts=0)
    assert rows[-1].key == "random" and rows[-1].spaces == ("random.conv1", "random.gru")
    assert not any(row.key.startswith("random.") for row in rows)


def test_bands_are_spaces_or_networks():
    (row,) = [row for row in model_rows(SPACES, banded=["mel", "dutch"], networks={"a": ["mel"]}) if row.bands]
    assert row.bands == ("mel", "dutch") and row.fits[0].bands == (1, 2) and len(row.fits) == 2


@pytest.mark.parametrize(
    "options, told",
    [
        ({"controls": ["wordrate"]}, "Nearest: word_rate"),
        ({"networks": {"dutch": ["mel", "mel"]}}, "there twice"),
        ({"networks": {"dutch": []}}, "no feature space"),
        ({"networks": {"dutch": ["mel"]}, "controls": ["dutch"]}, "all controls"),
        ({"controls": list(SPACES)}, "nothing is left for a model"),
        ({"banded": ["mel"]}, "two or more"),
        ({"banded": ["dutch", "dutch.gru"]}, "none within another"),
        ({"networks": {"mix": ["dutch", "three"]}}, "different numbers of seeds"),
    ],
)
def test_options_that_cannot_be(options, told):
    with pytest.raises(UserError, match=told):
        model_rows(SPACES | ({"three": 3} if "mix" in options.get("networks", {}) else {}), **options)


def test_a_shift_keeps_runs_apart_and_moves_every_row_far_enough():
    recording = np.repeat(["a", "b", "c"], [50, 37, 12])
    order, enough = shift_rows(recording, 5, np.random.default_rng(0))
    assert enough and np.array_equal(np.sort(order), np.arange(99)) and (recording[order] == recording).all()
    for name, length in (("a", 50), ("b", 37), ("c", 12)):
        rows = np.flatnonzero(recording == name)
        moved = (order[rows] - rows) % length
        assert len(set(moved)) == 1 and 5 <= moved[0] <= length - 5
    assert not shift_rows(recording, 7, np.random.default_rng(0))[1]  # 12 rows are fewer than 14
