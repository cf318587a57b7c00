"""Sentences that are said on both sides of a split are told, in every language and for windows as for whole runs."""

import pytest
from tiny import TinyStudy

from n2s.data import MEGDataModule, Preprocessing, SplitByStory
from n2s.features.ready import Ready
from n2s.findings import kept


class Again(TinyStudy):
    """The last story says the first one's sentences again, in another sound."""

    def __init__(self, root, words):
        self.words = words
        super().__init__(root, n_subjects=1, n_stories=4, together=True)

    def events(self, recording):
        table = super().events(recording)
        spoken = table.kind == "sentence"
        number = table.text.str.extract(r"(\d+)")[0]
        told = self.words + number + table.story.where(table.story != "story3", "story0")
        return table.assign(text=table.text.where(~spoken, told), sequence="")


@pytest.mark.parametrize("words", ["he went to the market ", "他们今天早上一起去了学校"])
def test_a_sentence_that_is_trained_on_is_told(tmp_path, words):
    split = SplitByStory(val=["story1"], test=["story3"])
    preprocessing = Preprocessing(sfreq=50, picks=["eeg"])
    data = MEGDataModule({"t": Again(tmp_path, words)}, Ready(4), preprocessing=preprocessing, split=split, n_jobs=1)
    with kept() as found:
        data.setup("fit")
    (told,) = [one.text for one in found if "word for word" in one.text]
    assert told.startswith("6 of 18 sentences are held out in one place and in training in another")
