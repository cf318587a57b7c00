import numpy as np
import pytest
from torchmetrics.functional.text import bleu_score, word_error_rate

from n2s.metrics.text.overlap import bleu1, common, wer
from n2s.metrics.text.texts import Texts, numbered, stacked, stretches


def texts(found, true):
    numbers = {}
    return numbered([one.split() for one in found], numbers), numbered([one.split() for one in true], numbers)


def drawn(n, seed=0, vocabulary=12, longest=30):
    rng = np.random.default_rng(seed)
    words = [f"w{number}" for number in range(vocabulary)]
    return [" ".join(rng.choice(words, rng.integers(1, longest))) for _ in range(n)]


def test_by_hand():
    found, true = texts(["the cat sat", "", "a a a a", "cat"], ["the cat sat down", "the cat", "a b a", ""])
    np.testing.assert_allclose(wer(found, true), [0.25, 1, 2 / 3, np.nan])
    np.testing.assert_array_equal(common(found, true), [3, 0, 2, 0])
    np.testing.assert_allclose(bleu1(found, true), [np.exp(1 - 4 / 3), 0, 0.5, np.nan])


def test_wer_and_bleu_as_torchmetrics():
    found, true = drawn(300), drawn(300, 1)
    numbers = texts(found, true)
    own = [float(word_error_rate([one], [other])) for one, other in zip(found, true, strict=True)]
    np.testing.assert_allclose(wer(*numbers), own, atol=1e-6)
    own = [float(bleu_score([one], [[other]], n_gram=1)) for one, other in zip(found, true, strict=True)]
    np.testing.assert_allclose(bleu1(*numbers), own, atol=1e-6)


def test_chunks_and_padding_change_nothing(monkeypatch):
    found, true = texts(drawn(50), drawn(50, 1))
    together = wer(found, true), bleu1(found, true)
    wide = stacked([found, Texts(np.full((1, 90), 3), np.array([90]))])[:50]
    monkeypatch.setattr("n2s.metrics.text.overlap._CHUNK", 7)
    np.testing.assert_array_equal(wer(wide, true), together[0])
    np.testing.assert_array_equal(bleu1(wide, true), together[1])


def test_stretches_of_one_long_text():
    cut = stretches(np.array([4, 5, 6, 7]), np.array([0, 1, 4, 2]), np.array([2, 4, 4, 2]))
    np.testing.assert_array_equal(cut.length, [2, 3, 0, 0])
    np.testing.assert_array_equal(cut.ids, [[4, 5, -1], [5, 6, 7], [-1] * 3, [-1] * 3])
    np.testing.assert_array_equal(cut.renamed(np.arange(8) // 2).ids[0], [2, 2, -1])
    assert stretches(np.zeros(0, int), np.array([0]), np.array([0])).ids.shape == (1, 0)


def test_other_numbers_of_texts_are_refused():
    with pytest.raises(ValueError, match="3 texts cannot be compared with 2"):
        wer(*texts(["a"] * 3, ["a"] * 2))


def test_no_texts():
    assert wer(*texts([], [])).shape == bleu1(*texts([], [])).shape == (0,)
