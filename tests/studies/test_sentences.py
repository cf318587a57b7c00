import hashlib

import numpy as np
import pandas as pd
import pytest

from n2s.studies.readers.sentences import containing, sentence_id, sentence_numbers, with_sentences


def words(*rows, sequence=""):
    table = pd.DataFrame(rows, columns=["text", "onset", "duration"])
    return table.assign(kind="word", sequence=sequence)


def test_the_id_depends_on_the_words_alone():
    said = hashlib.sha256(b"the dogs bark dont they").hexdigest()[:12]
    for text in ["the dogs bark dont they", "The dogs bark -- don't they?", " THE  dogs\tbark; don’t they…"]:
        assert sentence_id(text) == said
    assert sentence_id("the dog barks") != said
    assert sentence_id("Ñandú") == sentence_id("n\u0303andu\u0301")  # composed and decomposed accents
    assert sentence_id("?!") != sentence_id("...")


def test_punctuation_ends_sentences_where_there_is_any():
    table = words(("One", 0, 0.2), ("two.", 0.2, 0.2), ("Three", 3, 0.2), ('four?"', 9, 0.2), ("five", 9.3, 0.2))
    assert sentence_numbers(table, 0.4).tolist() == [0, 0, 1, 1, 2]


def test_pauses_end_sentences_where_there_is_none():
    table = words(("one", 0, 0.2), ("two", 0.5, 0.2), ("three", 1.1, 0.2), ("four", 1.4, 0.2))
    assert sentence_numbers(table, 0.4).tolist() == [0, 0, 1, 1]
    assert sentence_numbers(table, 0.3).tolist() == [0, 1, 2, 2]
    assert sentence_numbers(table.iloc[:1], 0.4).tolist() == [0]


def test_containing_against_a_loop():
    rng = np.random.default_rng(0)
    starts = rng.uniform(0, 10, 12)
    stops = starts + rng.uniform(0.1, 3, 12)
    times = rng.uniform(-1, 14, 200)
    expected = []
    for time in times:
        inside = [(starts[i], i) for i in range(12) if starts[i] - 0.01 <= time <= stops[i] + 0.01]
        expected.append(max(inside)[1] if inside else -1)
    assert containing(times, starts, stops).tolist() == expected
    assert containing(times, starts[:0], stops[:0]).tolist() == [-1] * 200


def test_made_sentences_span_their_words_and_name_phones():
    table = words(("Hello", 1.0, 0.3), ("you.", 1.4, 0.2), ("Bye", 2.0, 0.5))
    phone = {"text": "j", "onset": 1.4, "duration": 0.1, "kind": "phone", "sequence": ""}
    done = with_sentences(pd.concat([table, pd.DataFrame([phone])]), 0.4)
    sentences = done[done.kind == "sentence"]
    assert sentences[["text", "onset"]].values.tolist() == [["Hello you.", 1.0], ["Bye", 2.0]]
    assert sentences.duration.tolist() == pytest.approx([0.6, 0.5])
    assert sentences.sequence.tolist() == [sentence_id("hello you"), sentence_id("bye")]
    assert done[done.kind == "word"].sequence.tolist() == [sentence_id("hello you")] * 2 + [sentence_id("bye")]
    assert done[done.kind == "phone"].sequence.tolist() == [sentence_id("hello you")]


def test_a_word_without_times_does_not_cost_its_sentence_its_own():
    table = words(("a", 0.0, 0.3), ("b", 0.4, np.nan), ("c", 0.6, 0.2)).assign(sequence="s1")
    sentence = with_sentences(table, 0.4).query("kind == 'sentence'").iloc[0]
    assert (sentence.onset, sentence.duration) == (0.0, pytest.approx(0.8))


def test_given_sequences_and_sentences_are_kept():
    table = words(("a", 0.0, 0.2), ("b", 0.2, 0.2), ("c", 0.4, 0.2)).assign(sequence=["s1", "s1", "s2"])
    done = with_sentences(table, 0.4)
    assert done[done.kind == "sentence"][["text", "sequence"]].values.tolist() == [["a b", "s1"], ["c", "s2"]]
    sentence = {"text": "", "onset": 0.0, "duration": 0.4, "kind": "sentence", "sequence": ""}
    done = with_sentences(pd.concat([table.assign(sequence=""), pd.DataFrame([sentence])]), 0.4)
    assert done[done.kind == "sentence"][["text", "sequence"]].values.tolist() == [["a b", sentence_id("a b")]]
    assert done[done.kind == "word"].sequence.tolist() == [sentence_id("a b")] * 2 + [""]


def test_a_sound_without_words_has_no_sentences():
    assert with_sentences(words(), 0.4).empty
