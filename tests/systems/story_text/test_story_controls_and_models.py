"""Permuted responses of short passages, language models in memory, and regions without voxels."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from toy import ToyLanguage

from n2s.errors import UserError
from n2s.findings import kept
from n2s.systems.story_text import fit
from n2s.systems.story_text.decode import permuted_responses
from n2s.systems.story_text.fit import Learned, rate_voxels, tell_other_count


@pytest.mark.parametrize("n", [2, 3, 4, 5, 9, 40])
def test_a_short_passage_is_permuted_too(n):
    # blocks of 10 s are longer than a sentence: the control would be the response itself
    given = torch.arange(float(n))[:, None]
    for found in permuted_responses(given, 2.0, 10.0, 3, 0):
        assert sorted(found[:, 0].tolist()) == given[:, 0].tolist() and found.tolist() != given.tolist()


class Learner(ToyLanguage):
    def __deepcopy__(self, memo):
        return Learner()

    def learn(self, stories, *, language, seed):
        pass


def test_few_language_models_are_in_memory():
    learned = Learned(Learner())
    names = [learned.of([["w0", f"w{i}"]], "en", 0) for i in range(5)]
    for name in names * 2:
        assert isinstance(learned[name], Learner)
    assert len(learned._ready) <= fit.READY and len(learned.states) == 5


def test_a_region_without_voxels_is_named():
    data = SimpleNamespace(measured=lambda subject: SimpleNamespace(rois={"rate": np.zeros(4, bool)}))
    options = SimpleNamespace(rate_roi="rate")
    with pytest.raises(UserError, match="'rate'.* has no voxels"):
        rate_voxels(data, "s/1", None, torch.zeros(3, 4), [], options)


def test_a_word_rate_that_counts_other_lines_is_told():
    # events of sentences: a word is decoded for each, and twelve were said
    with kept() as found:
        tell_other_count(1000, 1080.0, "as many")
        tell_other_count(1000, 80.0, "sentences")
    assert [one.where for one in found] == ["sentences"] and "the transcripts have 1,000" in found[0].text
