"""From decoded words to scores: windows of every story, against null texts."""

from collections.abc import Mapping
from typing import Protocol

import pandas as pd

from n2s.features.text_encoders.encoder import TextEncoder
from n2s.systems.story_text.scored import ScoringOptions, StoryTextScores


class Stemmer(Protocol):
    """What scoring needs of the rules of a language (`n2s.features.story_words.rules.TextRules`)."""

    def stem(self, word: str) -> str:
        """The stem of a word."""


def score(
    words: pd.DataFrame,
    stories: pd.DataFrame,
    encoder: TextEncoder,
    rules: Mapping[str, Stemmer],
    options: ScoringOptions | None = None,
) -> StoryTextScores:
    """Score decoded words in windows of every story and subject.

    Parameters
    ----------
    words
        ``subject``, ``story``, ``row``, ``draw``, ``time_s``, ``word``: row ``true`` is what was said, ``null`` (draws 0 to n - 1) texts of
        random likelihoods, any others what was decoded. Words are plain forms (`n2s.features.story_words.spelling.plain_words`), in the
        same spelling on both sides.
    stories
        ``subject``, ``story``, ``language``, ``start_s``, ``stop_s`` (the decoded stretch), ``audio`` (path or empty). Windows lie inside.
    encoder
        It has learned from the training stories (`TextEncoder.learn`).
    rules
        Language -> its stemmer.
    options
        Windows and nulls.

    Raises
    ------
    UserError
        Tables lack a column, or a story has no true words.
    """
    raise NotImplementedError
