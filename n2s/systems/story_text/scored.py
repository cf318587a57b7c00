"""What scoring decoded words gives: tables of windows, stories and identification."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Self

import pandas as pd


@dataclass(frozen=True)
class ScoringOptions:
    """How decoded words are scored.

    Parameters
    ----------
    window_s, hop_s
        Length of windows and step between their starts, s. (Tang et al. 2023: 20 s every second.)
    encoder_nulls
        Of how many null texts a contextual encoder reads the windows; None: of all. 200 stories of ten minutes are 120,000 texts: seconds on a
        GPU, an hour on a CPU.
    """

    window_s: float = 20.0
    hop_s: float = 1.0
    encoder_nulls: int | None = None


@dataclass(eq=False)
class StoryTextScores:
    """Scores of decoded stories, of all subjects.

    Metrics are ``wer`` (lower is better), ``bleu1``, ``meteor``, ``match`` (cosine of the encoder's vectors), ``bertscore`` (contextual encoders
    only) and ``identification`` (percentile rank of the true window, 0 to 1, by ``match``). z is positive where a score is better than the null.

    Parameters
    ----------
    windows
        One line per ``subject``, ``story``, ``row``, ``metric`` and window (``start_s``): ``value``, ``null_mean``, ``null_sd`` (over the null
        texts, same window), ``z``, ``p`` (one-sided), ``q`` (Benjamini-Hochberg over the windows of the story). NaN: no such number.
    by_story
        The same per ``subject``, ``story``, ``row`` and ``metric``: mean over windows, against the mean over windows of each null text;
        ``n_windows``, and ``significant``, the share of windows with q < .05. The story ``""`` is all stories of a subject.
    identification
        ``subject``, ``story``, ``row``, ``n_windows``, ``n_candidates`` (median), ``percentile``, ``first`` (share of windows whose true one is
        first), ``p`` (the story moved in time), ``n_moves``. The story ``""`` is all stories.
    nulls
        ``subject``, ``story``, ``row`` (``null``, or ``null_beside``: at the word times of a decoder beside the model), ``metric``, ``draw``,
        ``value``: each null text's mean over windows. The story ``""`` is all stories.
    similarity
        ``subject``, ``story``, ``found_s``, ``true_s``, ``value``: decoded windows against true ones, thinned for a picture; of the model.
    matched
        ``subject``, ``story``, ``row``, ``same``, ``stem``, ``close``, ``none``: shares of decoded words, see `n2s.systems.story_text.matches`.
    words
        Words that were said and decoded, without null texts: as they came, and ``match`` (``same``, ``stem``, ``close``, ``none``).
    stories
        As they came.
    settings
        The encoder's name, whether it is contextual, window, hop, numbers of null texts: plain types.
    """

    windows: pd.DataFrame
    by_story: pd.DataFrame
    identification: pd.DataFrame
    nulls: pd.DataFrame
    similarity: pd.DataFrame
    matched: pd.DataFrame
    words: pd.DataFrame
    stories: pd.DataFrame
    settings: dict = field(default_factory=dict)

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Scores of several subjects, each scored by itself (all stories of a subject at once), as one."""
        tables = {
            one.name: pd.concat([getattr(part, one.name) for part in parts], ignore_index=True)
            for one in fields(cls)
            if one.name != "settings"
        }
        return cls(**tables, settings=parts[0].settings)
