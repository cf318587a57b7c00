"""The null of few, short and slow data: a naive loop, false positives of independent courses at any length, and what has no null."""

import itertools

import numpy as np
import pytest
from scipy.signal import butter, lfilter, sosfiltfilt
from scipy.stats import gamma

from n2s.metrics.correlation import column_correlation
from n2s.metrics.moved_null import moved_null


def slow(rng, lengths, v, kind):
    """(sum of lengths, v): each part a course of its own. ``bold``: a response at a volume every 2 s; ``meg``: 0.5 to 4 Hz at 32 Hz."""
    found = []
    for n in lengths:
        noise = rng.normal(size=(n + 200, v))
        if kind == "meg":
            noise = sosfiltfilt(butter(2, [0.5, 4.0], "bandpass", fs=32.0, output="sos"), noise, axis=0)
        elif kind == "bold":
            time_s = np.arange(0, 30, 2.0)
            noise = lfilter(gamma.pdf(time_s, 6) - gamma.pdf(time_s, 16) / 6, [1.0], noise, axis=0)
        else:
            noise = lfilter([1.0], [1.0, -0.9], noise, axis=0)
        found.append(noise[100 : 100 + n])
    return np.concatenate(found)


def without_means(values, part):
    return np.concatenate([values[part == one] - values[part == one].mean(0) for one in np.unique(part)])


def every_move(predicted, true):
    """Of one part: the truth from every row on, forward and then backward."""
    circle = np.concatenate([true, true[::-1]])
    n = len(true)
    return np.stack([column_correlation(predicted, np.roll(circle, -turn, 0)[:n]) for turn in range(2 * n)])


def test_one_part_is_moved_in_every_way_once():
    rng = np.random.default_rng(0)
    predicted, true = slow(rng, [41], 3, "bold"), slow(rng, [41], 3, "bold")
    null = moved_null(predicted, true, n_draws=1000)
    expected = every_move(predicted, true)
    np.testing.assert_allclose(np.sort(null, 0), np.sort(expected[1:], 0), atol=1e-9)
    some = moved_null(predicted, true, n_draws=30)
    assert len(some) == 30 and np.isin(some.round(9), expected[1:].round(9)).all()


def test_parts_are_moved_apart_and_lose_their_means():
    """Of two parts of 6 rows each pair of moves is one of 144; a third part with a gap is moved by pieces."""
    rng = np.random.default_rng(1)
    part = np.repeat([1, 0], 6)
    predicted, true = (without_means(rng.normal(size=(12, 1)), part) for _ in range(2))
    predicted, true = (np.concatenate([one[:6], one[6:] + 0.0]) for one in (predicted, true))
    null = moved_null(predicted + 5.0 * part[:, None], true - 3.0 * part[:, None], part=part, n_draws=400)
    possible = []
    x = np.concatenate([predicted[part == one] - predicted[part == one].mean(0) for one in (0, 1)])
    moves = []
    for one in (0, 1):
        own = true[part == one]
        circle = np.concatenate([own, own[::-1]])
        moves.append([np.roll(circle, -turn, 0)[:6] for turn in range(12)])
    for a in moves[0]:
        for b in moves[1]:
            y = np.concatenate([a - a.mean(0), b - b.mean(0)])
            possible.append(column_correlation(x, y)[0])
    assert np.abs(null[:, :1] - np.array(possible)[None]).min(1).max() < 1e-9
    assert len(np.unique(null.round(9))) > 100


def test_a_piece_meets_consecutive_rows_of_one_piece():
    """Three pieces, each of one level: what a moved piece holds is one of three levels, and never two."""
    stretch, level = np.repeat([0, 1, 2], [4, 20, 6]), np.array([-1.0, 1.0, 5.0])
    true = np.repeat(level, [4, 20, 6])[:, None]
    null = moved_null(true, true, stretch=stretch, n_draws=300, seed=4)[:, 0]
    pairings = [
        np.repeat(level[list(one)], [4, 20, 6]) for one in itertools.product(range(3), repeat=3) if len(set(one)) > 1
    ]
    possible = np.array([0.0, *(np.corrcoef(true[:, 0], one)[0, 1] for one in pairings)])
    assert np.abs(null[:, None] - possible).min(1).max() < 1e-9
    assert len(np.unique(null.round(6))) > 10  # many pairings have one r


@pytest.mark.parametrize(
    ("kind", "lengths", "gaps"),
    [
        ("bold", [100], None),
        ("bold", [20], None),
        ("bold", [18] * 20, None),
        ("bold", [60, 20, 100], None),
        ("slow", [60] * 6, None),
        ("slow", [18] * 20, None),
        ("bold", [19, 12, 54, 18, 9, 20, 37], [0, 0, 0, 1, 1, 1, 1]),
        ("bold", [10, 3, 6, 2, 8] * 6, [0] * 15 + [1] * 15),
        ("meg", [768] * 5, None),
        ("meg", [200] * 4, None),
    ],
)
def test_independent_courses_are_rarely_significant(kind, lengths, gaps):
    """One in twenty has p < .05, however short and slow. Circular shifts of all parts together, by 10 s or more: 7 to 18% of the short ones."""
    rng, n_pairs = np.random.default_rng(3), 1000 if sum(lengths) < 1000 else 400
    stretch = np.repeat(np.arange(len(lengths)), lengths)
    part = stretch if gaps is None else np.repeat(gaps, lengths)
    one, other = (without_means(slow(rng, lengths, n_pairs, kind), part) for _ in range(2))
    null = moved_null(one, other, part=part, stretch=stretch, n_draws=199, seed=5)
    r = column_correlation(one, other)
    p = (1 + (null >= r - 1e-9).sum(0)) / (1 + len(null))
    error = np.sqrt(0.05 * 0.95 / n_pairs)
    assert 0.03 - 2 * error < (p < 0.0501).mean() < 0.065 + 2 * error
    assert np.sqrt(np.square(null).mean()) == pytest.approx(r.std(), rel=0.12)


def test_a_true_prediction_is_significant_also_where_it_is_short():
    rng = np.random.default_rng(6)
    true = slow(rng, [60], 1, "bold")
    null = moved_null(true + 0.5 * true.std() * rng.normal(size=true.shape), true)
    r = column_correlation(true + 0.5 * true.std() * rng.normal(size=true.shape), true)
    assert r > 0.8 and (1 + (null >= r).sum()) / (1 + len(null)) < 0.05


def test_too_few_moves_have_no_null_and_constants_no_correlation():
    rng = np.random.default_rng(7)
    assert moved_null(rng.normal(size=(19, 2)), rng.normal(size=(19, 2))).shape == (0, 2)
    assert len(moved_null(rng.normal(size=(20, 2)), rng.normal(size=(20, 2)))) == 39
    single = np.arange(30)  # parts of one row are their own mean
    assert len(moved_null(rng.normal(size=(30, 1)), rng.normal(size=(30, 1)), part=single)) == 0
    values = rng.normal(size=(50, 2))
    values[:, 1] = 0.1
    assert (moved_null(values, rng.normal(size=(50, 2)))[:, 1] == 0).all()
    with pytest.raises(ValueError, match="one shape"):
        moved_null(values, values[:, :1])


def test_many_rows_are_taken_in_blocks(monkeypatch):
    rng = np.random.default_rng(8)
    one, other = rng.normal(size=(2, 60, 3))
    gaps = {"stretch": np.repeat(np.arange(6), 10), "n_draws": 400}
    whole, with_gaps = moved_null(one, other), moved_null(one, other, **gaps)
    monkeypatch.setattr("n2s.metrics.moved_null.BLOCK_NUMBERS", 500)
    np.testing.assert_allclose(moved_null(one, other), whole, atol=1e-12)
    again = moved_null(one, other, **gaps)  # other draws
    assert again.shape == with_gaps.shape
    np.testing.assert_allclose(again.std(0), with_gaps.std(0), rtol=0.2)
