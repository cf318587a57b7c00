"""Where words begin among rows that are shorter than words."""

from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from n2s.errors import UserError
from n2s.findings import kept
from n2s.systems.story_text import fit
from n2s.systems.story_text.decode import DecodeOptions, Decoder
from n2s.systems.story_text.fit import FitOptions
from n2s.systems.story_text.transcripts import Passage
from n2s.systems.story_text.word_onsets import N_DIRECTIONS, WordOnsets, onset_log_odds, words_on_rows
from n2s.systems.story_text.word_peaks import (
    EVENNESS,
    LONGEST_S,
    check_rows,
    check_word_times,
    concave,
    counted_rows,
    log_intervals,
    of_rows,
    onset_rows,
)
from n2s.systems.story_text.word_times import WordRateModel

STEP_S, N_SENSORS, N_MEANING, LASTS = 0.05, 24, 6, 8


def sum_of(rows, log_odds, intervals):
    """Of log-odds and intervals, each length by itself."""
    k = len(intervals) - 2
    steps = np.diff([-1, *rows, len(log_odds)])
    return sum(log_odds[row] for row in rows) + sum(
        intervals[min(step, k)] + max(step - k, 0) * intervals[-1] for step in steps
    )


@pytest.mark.parametrize("seed", range(5))
def test_the_rows_are_the_best_of_all(seed):
    rng = np.random.default_rng(seed)
    log_odds, intervals = rng.normal(size=9) * 2, np.append(np.log(rng.dirichlet(np.ones(4))), -rng.random())
    intervals[0] = -1e3
    every = [one for n in range(10) for one in combinations(range(9), n)]
    best = max(every, key=lambda rows: sum_of(rows, log_odds, intervals))
    assert onset_rows(log_odds, intervals).tolist() == list(best)


def test_as_many_words_are_found_as_are_counted():
    rng = np.random.default_rng(0)
    intervals = log_intervals(rng.random(4000) < 0.15, [slice(0, 4000)], STEP_S)
    for n in (1, 17, 80, 200):
        found = counted_rows(rng.normal(size=600), intervals, n)
        assert len(found) == n and (np.diff(found) > 0).all()
    assert len(counted_rows(rng.normal(size=600), intervals, 0)) == len(counted_rows(np.zeros(0), intervals, 4)) == 0


def test_intervals_are_those_of_training_words_within_a_stretch():
    begins = np.zeros(500, bool)
    begins[[3, 8, 13, 250, 255, 260, 499]] = True
    found = log_intervals(begins, [slice(0, 250), slice(250, 500)], STEP_S)
    k = round(LONGEST_S / STEP_S)
    # four intervals of 5 rows, one of very many, one more in all; the smoothing takes half to the neighbours
    assert len(found) == k + 2 and found[5] == pytest.approx(np.log((2 + 1 / k) / 7), abs=1e-2)
    assert found[:k].argmax() == 5 and np.exp(found[4] - found[5]) == pytest.approx(0.5, rel=0.1)
    assert found[k] == pytest.approx(np.log(2 / 7 / k) - EVENNESS)
    # each row more makes an interval less likely than the one before
    longer = of_rows(found, np.arange(2 * k))
    assert (np.diff(longer, 2) < 1e-9).all() and np.diff(longer)[k + 3] == pytest.approx(found[-1])
    assert found[-1] < (found[k] - found[5]) / (k - 5) < 0


@pytest.mark.parametrize("seed", range(3))
def test_the_smallest_concave_course_above_some_values(seed):
    values = np.random.default_rng(seed).normal(size=20)
    found, at = concave(values), np.arange(20)
    lines = [
        np.interp(at[a : b + 1], [a, b], values[[a, b]])[n - a]
        for n in at
        for a in at[: n + 1]
        for b in at[n:]
        if b > a
    ]
    every = np.array_split(lines, np.cumsum([sum(b > a for a in at[: n + 1] for b in at[n:]) for n in at])[:-1])
    np.testing.assert_allclose(found, [one.max() for one in every])


def test_intervals_are_of_seconds_and_not_of_rows():
    rng, coarse = np.random.default_rng(0), np.zeros(12000, bool)
    coarse[np.cumsum(rng.integers(3, 40, 500))] = True
    fine = np.zeros(120000, bool)
    fine[10 * np.flatnonzero(coarse)] = True
    few, many = (
        log_intervals(begins, [slice(0, len(begins))], step_s)
        for begins, step_s in ((coarse, STEP_S), (fine, STEP_S / 10))
    )
    assert len(many) - 2 == 10 * (len(few) - 2)
    # a tenth of the share in each: ten times as many
    np.testing.assert_allclose(many[20:601:10] + np.log(10), few[2:61], atol=0.5)


def listened(n_words, rng, patterns):
    """Rows of words, (n, 1 + m) onsets and meaning, and (n, v) a response: weak of onsets, strong of meaning."""
    rows = 5 + np.cumsum(rng.integers(3, 12, n_words))
    words = np.zeros((rows[-1] + 30, 1 + N_MEANING))
    words[rows, 0], words[rows, 1:] = 1, rng.normal(size=(n_words, N_MEANING))
    response = rng.normal(size=(len(words), N_SENSORS))
    for lag in range(LASTS):
        response[lag:] += words[: len(words) - lag] @ patterns[lag]
    later = np.concatenate([np.pad(response[lag:], ((0, lag), (0, 0))) for lag in range(LASTS)], 1)
    return rows, torch.from_numpy(words).float(), torch.from_numpy(later).float()


def away(true, found):
    """Mean rows from each word to the nearest that was found."""
    return np.abs(true[:, None] - found).min(1).mean()


def test_words_stand_where_the_brain_tells_that_they_begin():
    rng = np.random.default_rng(0)
    patterns = rng.normal(size=(LASTS, 1 + N_MEANING, N_SENSORS)) * np.r_[0.08, np.full(N_MEANING, 0.3)][:, None]
    parts = [listened(120, rng, patterns) for _ in range(6)]
    true, _, held_out = parts.pop()
    ends = np.cumsum([0, *(len(words) for _, words, _ in parts)])
    stretches = [slice(a, b) for a, b in zip(ends[:-1], ends[1:], strict=True)]
    story = np.repeat(np.arange(len(parts)), np.diff(ends))
    words, later = (torch.cat([one[place] for one in parts]) for place in (1, 2))

    def found(given):
        fitted = WordOnsets((1e2, 1e3, 1e4), 2).fit(
            later, given, groups=story.tolist(), stories=story, stretches=stretches, step_s=STEP_S
        )
        return counted_rows(onset_log_odds(fitted, held_out), fitted["log_intervals"].numpy(), len(true))

    even = np.linspace(true[0], true[-1], len(true))
    peaks, linear = found(words), found(words[:, :1])
    assert away(true, peaks) < 0.3 * away(true, even)
    assert np.isin(true, peaks).mean() > 0.85
    # what words mean tells of onsets what these alone do not
    assert away(true, peaks) < 0.7 * away(true, linear)


def test_features_of_words_are_on_their_rows():
    values = np.random.default_rng(0).normal(size=(9, 50))
    features = SimpleNamespace(values=lambda words: torch.from_numpy(values[[int(one) for one in words]]))

    def passage(words, times_s, rows):
        return Passage("run", "story", rows, 10.0, STEP_S, 0.0, words, np.array(times_s), "study/story")

    given = [passage(list("01234"), 10.01 + 0.2 * np.arange(5), slice(0, 30)), passage([], [], slice(30, 40))]
    given.append(passage(list("5678"), 10.5 + 0.1 * np.arange(4), slice(40, 60)))
    found = words_on_rows(given, features, 60).numpy()
    at = [0, 4, 8, 12, 16, 50, 52, 54, 56]
    assert np.flatnonzero(found[:, 0]).tolist() == at and found[:, 0].sum() == 9
    assert found.shape[1] == 1 + 8 < 1 + N_DIRECTIONS  # nine words have eight directions
    np.testing.assert_allclose(found[at, 1:].T @ found[at, 1:] / 9, np.eye(8), atol=1e-5)
    np.testing.assert_allclose(found[at, 1:].mean(0), 0, atol=1e-6)
    assert not np.delete(found, at, 0).any()


def test_what_words_cannot_be_placed_in_is_refused():
    check_rows(0.1)
    with pytest.raises(UserError, match="rows are 2 s apart"):
        check_rows(2.0)
    with pytest.raises(UserError, match="expected even or peaks"):
        check_word_times("peak")


@pytest.mark.parametrize("seed", range(6))
def test_where_nothing_is_told_words_stand_all_over_the_story(seed):
    rng = np.random.default_rng(seed)
    parts = [listened(240, rng, np.zeros((LASTS, 1 + N_MEANING, N_SENSORS))) for _ in range(6)]
    _, _, held_out = parts.pop()
    ends = np.cumsum([0, *(len(words) for _, words, _ in parts)])
    story = np.repeat(np.arange(len(parts)), np.diff(ends))
    words, later = (torch.cat([one[place] for one in parts]) for place in (1, 2))
    rate = WordRateModel((1e2, 1e5), 2).fit(later, words[:, :1], story.tolist())
    rate |= WordOnsets((1e2, 1e5), 2).fit(
        later,
        words,
        groups=story.tolist(),
        stories=story,
        stretches=[slice(a, b) for a, b in zip(ends[:-1], ends[1:], strict=True)],
        step_s=STEP_S,
    )
    options = DecodeOptions(rate_bin_s=1.0, n_permuted=0, block_s=10.0, n_null=0, null_width=1, seed=0)
    decoder = Decoder(None, rate, SimpleNamespace(), None, options)
    end_s = STEP_S * len(held_out)
    times_s = decoder.times(held_out, SimpleNamespace(first_s=0.0, step_s=STEP_S, n_rows=len(held_out)))
    tenths = np.histogram(times_s, np.linspace(0, end_s, 11))[0]
    assert tenths.sum() > 200 and tenths.min() > 0.7 * tenths.mean() and tenths.max() < 1.3 * tenths.mean()


@pytest.mark.parametrize("spread", [0.0, 1e-3, 0.3])
@pytest.mark.parametrize("share", [0.8, 0.5])
@pytest.mark.parametrize("pauses", [0, 12])
def test_too_few_words_are_not_piled_up(spread, share, pauses):
    rng = np.random.default_rng(0)
    lengths = rng.integers(3, 12, 1200)
    lengths[: 100 * pauses : 100] = 90  # now and then a long silence
    begins = np.zeros(lengths.sum() + 1, bool)
    begins[np.cumsum(lengths)] = True
    intervals = log_intervals(begins, [slice(0, len(begins))], STEP_S)
    n_rows = 4000
    found = counted_rows(spread * rng.normal(size=n_rows), intervals, n := round(share * n_rows * begins.mean()))
    assert len(found) == n
    assert STEP_S * np.diff([-1, *found, n_rows]).max() < 5
    tenths = np.histogram(found, np.linspace(0, n_rows, 11))[0]
    assert tenths.min() > 0.6 * tenths.mean() and tenths.max() < 1.4 * tenths.mean()


@pytest.mark.parametrize("told", [False, True])
def test_that_onsets_are_not_predicted_is_told(told, monkeypatch):
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"recording": pd.Categorical(["run"] * 400), "stimulus_s": 0.0})
    rate = (rng.random((400, 1)) < 0.2).astype(np.float32)
    data = SimpleNamespace(
        spaces=["rate"],
        rate_hz={"own/01": 20.0},
        heard=lambda *_: [rate],
        delays=lambda *_: [np.zeros(1)],
        rows=lambda _: rows,
        measured=lambda _: SimpleNamespace(rois={"all": np.ones(3, bool)}),
    )
    fold = SimpleNamespace(name="fold 1", train=np.arange(400), groups=np.repeat([0, 1], 200))
    options = FitOptions("en", "onset", (1e2,), 2, 3, 0.5, "rate", "all", 3, 0, "peaks")
    monkeypatch.setattr(fit, "words_on_rows", lambda *_: torch.from_numpy(rate))
    brain = rate * (1 if told else 0) + rng.normal(size=(400, 3)).astype(np.float32) * (0.1 if told else 0)
    passage = SimpleNamespace(words=["a"] * int(rate.sum()))
    with kept() as findings:
        found = fit._word_rate(
            data, "own/01", fold, torch.from_numpy(brain).float(), fold.groups.tolist(), options, [passage], None
        )
    assert ("log_intervals" in found) == told
    assert any("model.word_times is as if even" in one.text for one in findings) != told
