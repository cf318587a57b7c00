from itertools import permutations

import numpy as np
import pytest

from n2s.metrics.text.meteor import _most_joints, meteor
from n2s.metrics.text.texts import numbered


def stem(word):
    return word[:2]


def scored(found, true, score=meteor):
    words, stems = {}, {}
    one, other = (numbered([text.split() for text in side], words) for side in (found, true))
    own, others = (numbered([[stem(word) for word in text.split()] for text in side], stems) for side in (found, true))
    return score(one, other, own, others)


def fewest_chunks(found, true):
    """All alignments of two short texts: most exact matches first, then most matches, then fewest chunks."""
    found, true, best = found.split(), true.split(), (0, 0, 0)
    places = [*range(len(true)), *[None] * len(found)]
    for chosen in set(permutations(places, len(found))):
        pairs = [(i, j) for i, j in enumerate(chosen) if j is not None and stem(found[i]) == stem(true[j])]
        exact = sum(found[i] == true[j] for i, j in pairs)
        chunks = sum((i - 1, j - 1) not in pairs for i, j in pairs)
        best = max(best, (exact, len(pairs), -chunks))
    return best[1], -best[2]


def test_by_hand():
    # 2 matches in 1 chunk of 3 decoded and 4 true words
    p, r, penalty = 2 / 3, 2 / 4, 0.5 * (1 / 2) ** 3
    expected = p * r / (0.9 * p + 0.1 * r) * (1 - penalty)
    found = ["the cat ran", "sat cat the", "", "xx", "the cat", "caz the"]
    true = ["see the cat now", "the cat sat", "the cat", "the cat", "", "the cat"]
    reversed_ = 1 - 0.5  # 3 chunks of 3 matches
    swapped = 1 - 0.5  # caz has the stem of cat: 2 chunks of 2 matches
    np.testing.assert_allclose(scored(found, true), [expected, reversed_, 0, 0, np.nan, swapped])


def test_an_identical_text_has_one_chunk():
    text = "the cat saw the dog and the cat ran"
    assert scored([text], [text])[0] == pytest.approx(1 - 0.5 / 9**3)


def test_chunks_are_the_fewest_of_all_alignments():
    rng = np.random.default_rng(0)
    words = ["aa1", "aa2", "bb1", "bb2", "cc1"]
    found = [" ".join(rng.choice(words, rng.integers(1, 5))) for _ in range(400)]
    true = [" ".join(rng.choice(words, rng.integers(1, 6))) for _ in range(400)]
    joints = scored(found, true, _most_joints)
    for place, pair in enumerate(zip(found, true, strict=True)):
        matches, chunks = fewest_chunks(*pair)
        assert matches - joints[place] == chunks, pair


def test_words_that_repeat_do_not_stall_it():
    text, other = "the " * 60, "the " * 55
    value = scored([text, text], [other, "the a " * 30])
    assert value[0] == pytest.approx(55 / 60 / (0.9 * 55 / 60 + 0.1) * (1 - 0.5 / 55**3), rel=1e-6)
    assert 0 < value[1] < 1


def test_neighbours_in_a_batch_do_not_matter():
    rng = np.random.default_rng(1)
    words = [f"{letter}{letter}{end}" for letter in "abcdef" for end in "123"]
    found = [" ".join(rng.choice(words, rng.integers(0, 40))) for _ in range(60)]
    true = [" ".join(rng.choice(words, rng.integers(1, 50))) for _ in range(60)]
    together = scored(found, true)
    alone = [scored([one], [other])[0] for one, other in zip(found, true, strict=True)]
    np.testing.assert_allclose(together, alone)
