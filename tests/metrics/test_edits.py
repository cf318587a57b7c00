"""Edit distances of many pairs are those of torchmetrics."""

import numpy as np
import pytest
from torchmetrics.functional.text import char_error_rate, word_error_rate

from n2s.metrics.edits import edit_distances


def test_known_distances():
    pairs = [("kitten", "sitting", 3), ("", "abc", 3), ("abc", "", 3), ("", "", 0), ("a", "a", 0), ("ab", "ba", 2)]
    assert edit_distances([a for a, *_ in pairs], [b for _, b, _ in pairs]).tolist() == [n for *_, n in pairs]
    assert edit_distances([], []).shape == (0,)


def test_rates_are_torchmetrics():
    rng = np.random.default_rng(0)
    texts = [
        " ".join("".join(rng.choice(list("abcd"), rng.integers(1, 5))) for _ in range(rng.integers(1, 9)))
        for _ in range(600)
    ]
    found, true = texts[:300], texts[300:]
    cer = edit_distances(found, true).sum() / sum(map(len, true))
    assert cer == pytest.approx(char_error_rate(found, true).item(), abs=1e-6)
    words = [one.split() for one in true]
    wer = edit_distances([one.split() for one in found], words).sum() / sum(map(len, words))
    assert wer == pytest.approx(word_error_rate(found, true).item(), abs=1e-6)


def test_as_many_of_each():
    with pytest.raises(ValueError, match="2 sequences.*1"):
        edit_distances(["a", "b"], ["a"])
