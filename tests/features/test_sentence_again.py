"""A sentence that is said again later is read by itself each time."""

import numpy as np
import pandas as pd

from n2s.features import HashedBagOfWords, SentenceAtWords
from n2s.studies.study import Stimulus


class Texts(HashedBagOfWords):
    """Notes what it reads."""

    def embed(self, texts):
        self.read = list(texts)
        return super().embed(texts)


def test_a_sentence_that_is_said_again_is_not_read_with_the_first():
    said = [
        ("come", "a"),
        ("here", "a"),
        ("no", ""),
        ("go", "b"),
        ("uh", ""),
        ("away", "b"),
        ("come", "a"),
        ("here", "a"),
    ]
    words = pd.DataFrame(said, columns=["text", "sequence"]).assign(onset=np.arange(8.0), duration=0.4)
    bag = Texts(32)
    found = SentenceAtWords(bag).extract(Stimulus("s", None, words=words)).values
    assert sorted(bag.read) == ["come here", "go away", "no", "uh"]
    for one, other, same in ((0, 1, True), (0, 6, True), (3, 5, True), (3, 4, False), (2, 4, False)):
        assert np.array_equal(found[one], found[other]) == same
