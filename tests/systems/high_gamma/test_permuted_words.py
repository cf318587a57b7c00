"""Permuted words: each gets the rows of another word of its own side, from its onset on."""

import numpy as np
import pandas as pd

from n2s.findings import kept
from n2s.studies.study import Stimulus
from n2s.systems.high_gamma.permuted_words import permuted_words, segments

RATE = 10.0
ONSETS, TEXTS = [1.0, 2.5, 4.0, 6.0, 7.5], ["a", "b", "A", "c", "b"]


def stimulus(name="s", onsets=ONSETS, texts=TEXTS):
    words = pd.DataFrame({"text": texts, "onset": onsets, "duration": 0.4, "sequence": ""})
    return {name: Stimulus(name, None, words)}


def table(n=90, *, recording="r", name="s", start_s=0.0):
    """Rows of 9 s of a stimulus."""
    return pd.DataFrame(
        {"recording": recording, "stimulus": name, "stimulus_s": start_s + np.arange(n) / RATE, "time_s": np.arange(n) / RATE}
    )  # fmt: skip


def test_the_rows_of_a_word_are_those_from_its_onset_to_the_next():
    found = segments(table(), np.arange(90), stimulus(), RATE, 0.0)
    assert [text for text, _, _ in found] == ["a", "b", "a", "c", "b"]
    assert [rows.tolist()[:1] + rows.tolist()[-1:] for _, rows, _ in found] == [
        [10, 24],
        [25, 39],
        [40, 59],
        [60, 74],
        [75, 89],
    ]
    assert all(since.tolist() == list(range(len(since))) for _, _, since in found)
    # rows that see ahead belong to the next word sooner
    ahead = segments(table(), np.arange(90), stimulus(), RATE, 0.2)
    assert ahead[1][1][0] == 23 and ahead[1][2][0] == -2


def test_gaps_runs_silence_and_presentations_part_words():
    numbers = np.r_[np.arange(10, 20), np.arange(22, 40)]  # a purged row or two
    assert [text for text, _, _ in segments(table(), numbers, stimulus(), RATE, 0.0)] == ["a", "a", "b"]
    two = pd.concat([table(recording="r"), table(recording="q")], ignore_index=True)
    assert len(segments(two, np.arange(180), stimulus(), RATE, 0.0)) == 10
    again = pd.concat([table(start_s=1.2, n=8), table(start_s=1.2, n=8)], ignore_index=True)
    assert [rows.tolist() for _, rows, _ in segments(again, np.arange(16), stimulus(), RATE, 0.0)] == [
        list(range(8)), list(range(8, 16))
    ]  # fmt: skip
    silent = table()
    silent.loc[30:49, "stimulus_s"] = np.nan
    covered = np.concatenate([rows for _, rows, _ in segments(silent, np.arange(90), stimulus(), RATE, 0.0)])
    assert not set(range(30, 50)) & set(covered)


def test_every_word_gets_another_ones_rows_from_its_onset_on():
    rows, numbers = table(), np.arange(90)
    order = permuted_words(rows, numbers, stimulus(), RATE, 0.0, np.random.default_rng(0), "here")
    text = np.array([""] * 10 + ["a"] * 15 + ["b"] * 15 + ["a"] * 20 + ["c"] * 15 + ["b"] * 15)
    since = np.r_[np.arange(10), np.arange(15), np.arange(15), np.arange(20), np.arange(15), np.arange(15)]
    np.testing.assert_array_equal(order[:10], np.arange(10))  # before the first word
    assert (text[order[10:]] != text[10:]).all()
    short = since < 15  # a shorter word's last row stands for what it has not
    np.testing.assert_array_equal(since[order[10:]][short[10:]], since[10:][short[10:]])
    assert (since[order[10:]][~short[10:]] == 14).all()
    part = np.arange(20, 60)
    among = permuted_words(rows, part, stimulus(), RATE, 0.0, np.random.default_rng(1), "here")
    assert among.min() >= 0 and among.max() < 40 and (text[part[among]] != text[part]).all()


def test_lengths_are_alike():
    """Two hundred words of 0.5 or 2 s: nearly all get a word of their own length."""
    lengths = np.tile([0.5, 2.0], 100)
    onsets = np.cumsum(np.r_[0.0, lengths[:-1]])
    given = stimulus(onsets=onsets, texts=[f"w{i}" for i in range(200)])
    rows = table(n=2500)
    words = segments(rows, np.arange(2500), given, RATE, 0.0)
    order = permuted_words(rows, np.arange(2500), given, RATE, 0.0, np.random.default_rng(0), "here")
    of = np.repeat(np.arange(200), [len(one) for _, one, _ in words])
    size = np.array([len(one) for _, one, _ in words])
    same = [size[of[order[one[0]]]] == size[number] for number, (_, one, _) in enumerate(words)]
    assert np.mean(same) > 0.9 and len({of[order[one[0]]] for _, one, _ in words}) > 60


def test_no_word_gets_the_silence_before_a_block():
    """Held-out blocks of three words begin half a second before one, with the end of a word that is not held out."""
    onsets = 2.0 * np.arange(1, 61)
    given = stimulus(onsets=onsets, texts=[f"w{i}" for i in range(60)])
    rows = table(n=1240)
    numbers = np.concatenate([np.arange(at, at + 60) for at in range(15, 1155, 120)])
    since = (numbers - 20) % 20
    for seed in range(5):
        order = permuted_words(rows, numbers, given, RATE, 0.0, np.random.default_rng(seed), "here")
        np.testing.assert_array_equal(since[order][since < 15], since[since < 15])


def test_one_word_alone_cannot_be_permuted():
    with kept() as told:
        order = permuted_words(
            table(), np.arange(90), stimulus(texts=["a"] * 5), RATE, 0.0, np.random.default_rng(0), "seeg/01"
        )
    np.testing.assert_array_equal(order, np.arange(90))
    assert len(told) == 1 and "fewer than two words" in told[0].text
    assert not segments(table(), np.arange(5), stimulus(), RATE, 0.0)  # before the first word
