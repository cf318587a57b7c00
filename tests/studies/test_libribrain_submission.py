"""The holdouts of the competitions of LibriBrain: their windows, and the files that are handed in."""

import csv

import h5py
import numpy as np
import pandas as pd
import pytest
from libribrain_holdouts import serialised, write_phones, write_speech, write_words

from n2s.errors import UserError
from n2s.findings import kept
from n2s.studies import LibriBrainPhoneHoldout, LibriBrainSpeechHoldout, LibriBrainWordHoldout
from n2s.studies.holdout import Part, Span
from n2s.studies.public.libribrain_words import MOSES, WORDS

#: As the competition numbers them, typed from its constants (PHONEME_LABELS_SORTED of pnpl).
NUMBERED = ["aa", "ae", "ah", "ao", "aw", "ay", "b", "ch", "d", "dh", "eh", "er", "ey", "f", "g", "hh", "ih", "iy", "jh", "k", "l", "m", "n", "ng", "ow", "oy", "p", "r", "s", "sh", "t", "th", "uh", "uw", "v", "w", "y", "z", "zh"]  # fmt: skip


def drawn(n: int, k: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.full(k, 0.3), n)


def test_speech_has_a_window_for_each_sample_that_is_the_middle_of_one(tmp_path):
    path = write_speech(tmp_path)
    holdout, span = LibriBrainSpeechHoldout(str(tmp_path), n_rows=1900), Span(0, 25)
    assert (holdout.n_channels, holdout.sfreq, holdout.ch_names[0]) == (12, 250.0, "MEG 0113")
    assert holdout.parts(span) == [Part("0", 1900 - 24)]
    with h5py.File(path) as file:
        data = file["data"][:]
    for rows in (np.arange(100, 110), np.array([1875]), np.array([3, 1700])):
        expected = np.stack([data[:, row : row + 25] for row in rows])
        assert np.array_equal(holdout.windows(0, rows, span), expected)


def test_the_file_of_speech_has_a_row_for_every_sample_and_silence_where_no_window_is(tmp_path):
    write_speech(tmp_path)
    holdout, span, out = LibriBrainSpeechHoldout(str(tmp_path), n_rows=1900), Span(0, 25), tmp_path / "out.csv"
    found = drawn(1876, 2)
    holdout.write(out, found, span)
    with open(out, newline="") as file:
        header, *rows = list(csv.reader(file))
    assert header == ["idx", "speech_prob"] and [int(row[0]) for row in rows] == list(range(1900))
    said = np.array([float(row[1]) for row in rows])
    for row in (0, 1, 900, 1875):
        assert said[row + 12] == found[row, 1]  # 25 samples: the middle one is the 13th
    assert not said[:12].any() and not said[1900 - 12 :].any()
    for wrong in (found[:-1], found * 2, np.where(found > 0.9, np.nan, found), found - 0.5):
        with pytest.raises(UserError, match="1876 rows of 2 classes|rows are no probabilities"):
            holdout.write(out, wrong, span)
    assert len(out.read_text().splitlines()) == 1901  # what was written stays


@pytest.mark.parametrize("as_list", [False, True])
def test_phones_are_read_and_written_in_the_competitions_order(tmp_path, as_list):
    samples = write_phones(tmp_path, as_list=as_list)
    holdout, span, out = LibriBrainPhoneHoldout(str(tmp_path), n_rows=30), Span(10, 100), tmp_path / "out.csv"
    assert [name.lower() for name in holdout.names] == NUMBERED
    assert holdout.parts(span) == [Part("0", 30)] and holdout.standardised
    assert np.array_equal(holdout.windows(0, np.array([4, 29]), span), samples[[4, 29], :, 10:110])
    found = drawn(30, 39)
    holdout.write(out, found, span)
    table = pd.read_csv(out)  # as the competition's own evaluation reads it
    assert list(table) == ["segment_idx"] + [f"phoneme_{i + 1}" for i in range(39)]
    assert table.segment_idx.tolist() == list(range(30))
    assert np.array_equal(table[[f"phoneme_{i + 1}" for i in range(39)]].to_numpy(), found)


def test_words_are_those_of_the_competitions_loader_in_its_order(tmp_path):
    arrays = {subject: write_words(tmp_path, subject, n_words=subject + 2) for subject in range(40)}
    with kept() as told:
        holdout = LibriBrainWordHoldout(str(tmp_path), track="broad")
    assert "of the track broad" not in str(told) and "37439 were published" in told[0].text
    span, expected = Span(0, 250), []
    for subject in range(1, 40):  # by subject; words in sentences before words alone; in the order of the files
        found = arrays[subject]
        for sentence in range(2):
            for word in range(3):
                if found["word_mask"][sentence, word]:
                    first = round(float(found["word_onsets_s"][sentence, word]) * 250)
                    expected.append((subject, found["meg"][sentence, :, first : first + 250]))
        expected += [(subject, window) for window in found["alone"]]
    parts = holdout.parts(span)
    assert [int(part.subject) for part in parts for _ in range(part.n_rows)] == [subject for subject, _ in expected]
    given = np.concatenate([holdout.windows(number, np.arange(part.n_rows), span) for number, part in enumerate(parts)])
    assert np.array_equal(given, np.stack([window for _, window in expected]))
    later = np.concatenate(
        [holdout.windows(0, np.array([1]), Span(25, 50)), holdout.windows(1, np.array([0]), Span(25, 50))]
    )
    assert np.array_equal(later[0], expected[1][1][:, 25:75]) and np.array_equal(later[1], expected[5][1][:, 25:75])


def test_the_file_of_words(tmp_path):
    write_words(tmp_path)
    out, span = tmp_path / "out.csv", Span(0, 250)
    with kept():
        holdout = LibriBrainWordHoldout(str(tmp_path))
    found = drawn(8, 50)
    holdout.write(out, found, span)
    table = pd.read_csv(out)
    assert list(table) == ["index", *WORDS] and len(set(WORDS)) == 50 and table["index"].tolist() == list(range(8))
    assert np.abs(table[list(WORDS)].to_numpy() - found).max() <= 0.51e-6
    assert {len(cell) for cell in out.read_text().splitlines()[1].split(",")[1:]} == {8}  # six decimals
    with kept():
        both = LibriBrainWordHoldout(str(tmp_path), moses=True)
    assert (
        both.names[:50] == WORDS
        and set(both.names) == set(WORDS) | set(MOSES)
        and len(set(both.names)) == both.n_logits
    )
    found = drawn(8, both.n_logits)
    both.write(out, found, span)
    table = pd.read_csv(out)
    assert list(table) == ["index", *WORDS, *(f"moses_{word}" for word in MOSES)] and len(set(MOSES)) == 50
    for before, words in (("", WORDS), ("moses_", MOSES)):
        block = table[[f"{before}{word}" for word in words]].to_numpy()
        own = found[:, [both.names.index(word) for word in words]]
        assert np.allclose(block.sum(1), 1, atol=1e-4) and np.allclose(
            block, own / own.sum(1, keepdims=True), atol=1e-6
        )


def test_what_is_wrong_with_a_holdout_is_said(tmp_path):
    with pytest.raises(
        UserError,
        match=r"no such file; .* holds nothing. Download it from huggingface.co/datasets/pnpl/LibriBrain-Comp",
    ):
        LibriBrainPhoneHoldout(str(tmp_path))
    write_speech(tmp_path)
    with pytest.raises(UserError, match="2000 samples; the competition has 560638"):
        LibriBrainSpeechHoldout(str(tmp_path))
    speech = LibriBrainSpeechHoldout(str(tmp_path), n_rows=None)
    with pytest.raises(UserError, match="offset_s is 0.04 s"):
        speech.parts(Span(10, 100))
    with pytest.raises(UserError, match=r"2000 samples, fewer than a window has \(2001\)"):
        speech.parts(Span(0, 2001))
    write_phones(tmp_path)
    with pytest.raises(UserError, match="30 windows; the competition has 2382"):
        LibriBrainPhoneHoldout(str(tmp_path)).parts(Span(0, 125))
    with pytest.raises(UserError, match=r"windows of .* have 0 to 0.5 s after the moment"):
        LibriBrainPhoneHoldout(str(tmp_path), n_rows=None).parts(Span(0, 126))
    serialised(tmp_path, 2, "pt").write_bytes(b"no tensors")
    with pytest.raises(UserError, match="not a file of tensors"):
        LibriBrainPhoneHoldout(str(tmp_path)).parts(Span(0, 125))
    arrays = write_words(tmp_path)
    with kept():
        words = LibriBrainWordHoldout(str(tmp_path))
    with pytest.raises(UserError, match="have 0 to 1 s after the moment"):
        words.parts(Span(-5, 250))
    with pytest.raises(UserError, match="expected deep or broad"):
        LibriBrainWordHoldout(str(tmp_path), track="wide")
    arrays["word_onsets_s"][1, 2] = 2.8
    np.savez(tmp_path / "COMPETITION_HOLDOUT" / "subj00_holdout01_sentence.npz", **arrays)
    with kept(), pytest.raises(UserError, match="1 words have less than a window until their sentence's end"):
        LibriBrainWordHoldout(str(tmp_path)).parts(Span(0, 250))
