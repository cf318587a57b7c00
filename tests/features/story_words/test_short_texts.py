"""A language model of short texts."""

import torch

from n2s.features import TrainedStoryWords


def test_a_few_sentences_are_learned():
    # none is long enough to lose its end, and there are too few to hold out one in ten
    model = TrainedStoryWords(width=8, heads=2, layers=1, vector_width=8, epochs=1)
    model.learn([["a", "cat", "sat", "on", "the", "mat", "and", "slept"]] * 4, language="en", seed=0)
    assert len(model.vocabulary) == 8 and torch.isfinite(model.next_words([(), ("cat",)])).all()
