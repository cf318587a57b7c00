"""How likely a word begins in each row, as the brain tells: by the response to any onset, and by how much any word's features are there.

What a word means drives more of the brain than its onset does, but in another direction for each word: a linear model of onsets cannot see it.
So features of words are read from the later responses, too, and onsets are then read from the squares of these.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from n2s.models.encoding_ridge import EncodingRidge
from n2s.models.held_out_residuals import held_out_residuals
from n2s.systems.story_text.transcripts import Passage, WordsInContext
from n2s.systems.story_text.word_peaks import log_intervals
from n2s.systems.story_text.word_times import beside

N_DIRECTIONS = 32  # of words' features
BESIDE_S = 0.1  # rows around a row in which its word is looked for
TINY = 1e-6


class WordOnsets:
    """Log-odds of a word in each row, but for an offset: two ridge regressions, one upon held-out predictions of the other.

    Parameters
    ----------
    alphas, n_folds
        See `n2s.models.EncodingRidge`.
    """

    def __init__(self, alphas: tuple[float, ...], n_folds: int):
        self.alphas, self.n_folds = alphas, n_folds

    def fit(
        self,
        later: Tensor,
        words: Tensor,
        *,
        groups: Sequence,
        stories: Sequence,
        stretches: Sequence[slice],
        step_s: float,
    ) -> dict[str, Tensor]:
        """Learn from training rows.

        Parameters
        ----------
        later
            (n, k v) See `n2s.systems.story_text.word_times.later_responses`.
        words
            (n, 1 + d) See `words_on_rows`.
        groups, stories
            (n,) Of each row: what stays together when penalties are chosen, and what is left out for held-out predictions.
        stretches
            Rows that follow each other.
        step_s
            From row to row.

        Returns
        -------
        What `onset_log_odds` and `n2s.systems.story_text.word_peaks.counted_rows` take. Empty: onsets of held-out stories are not predicted.
        """
        begins = words[:, 0] >= 0.5
        first = EncodingRidge(self.alphas, n_folds=self.n_folds).fit(later, words, groups)
        shifts = np.arange(-round(BESIDE_S / step_s), round(BESIDE_S / step_s) + 1)
        found = words - held_out_residuals(later, words, stories, first.alpha_)
        columns = _columns(found, stretches, shifts)
        scale = 1 / columns.std(0).clamp(min=TINY)
        columns *= scale
        second = EncodingRidge(self.alphas, n_folds=self.n_folds).fit(columns, words[:, :1], groups)
        course = words[:, :1] - held_out_residuals(columns, words[:, :1], stories, second.alpha_)
        slope = _slope(course[:, 0], begins)
        if slope <= 0:
            return {}
        return {
            "word_coef": first.coef_,
            "word_intercept": first.intercept_,
            "onset_coef": scale * second.coef_[:, 0] * slope,
            "onset_shifts": torch.from_numpy(shifts),
            "log_intervals": torch.from_numpy(log_intervals(begins.cpu().numpy(), stretches, step_s)),
        }


def onset_log_odds(fitted: Mapping[str, Tensor], later: Tensor) -> np.ndarray:
    """(m, k v) of a stretch -> (m,) log-odds of a word in each row, but for an offset."""
    words = later.to(fitted["word_coef"]) @ fitted["word_coef"] + fitted["word_intercept"]
    columns = _columns(words, [slice(0, len(words))], fitted["onset_shifts"].numpy().astype(int))
    return (columns @ fitted["onset_coef"]).cpu().double().numpy()


def words_on_rows(passages: Sequence[Passage], features: WordsInContext, n_rows: int) -> Tensor:
    """Words and the leading directions of their features in context, summed on the rows where words begin; 0 elsewhere.

    Returns
    -------
    (n_rows, 1 + d), the number of words first; the others have mean 0 and mean square 1 over words.
    """
    rows, values = [], []
    for one in passages:
        if one.words:
            rows.append(one.rows.start + np.rint((one.times_s - one.first_s) / one.step_s))
            values.append(features.values(one.words))
    given = torch.cat(values).double()
    given = given - given.mean(0)
    spread, directions = torch.linalg.eigh(given.T @ given / max(len(given), 1))
    large = (spread > TINY * spread[-1]).nonzero()[-N_DIRECTIONS:, 0]
    columns = torch.cat([torch.ones(len(given), 1), given @ (directions[:, large] * spread[large] ** -0.5)], 1)
    at = torch.from_numpy(np.concatenate([*rows]).astype(np.int64))
    return torch.zeros(n_rows, columns.shape[1]).index_add_(0, at.clamp(0, n_rows - 1), columns.float())


def _columns(words: Tensor, stretches: Sequence[slice], shifts: np.ndarray) -> Tensor:
    """(n, 1 + d) -> (n, k (1 + d)): the first and the squares of the others, of rows around each; 0 outside the stretch."""
    return beside(torch.cat([words[:, :1], words[:, 1:].square()], 1), stretches, shifts)


def _slope(course: Tensor, begins: Tensor) -> Tensor:
    """Log-odds of a unit of the course, as of two Gaussians of one variance."""
    if not begins.any() or begins.all():
        return course.new_zeros(())
    means = course[begins].mean(), course[~begins].mean()
    within = course - torch.where(begins, *means)
    return (means[0] - means[1]).clamp(min=0) / within.square().mean().clamp(min=1e-12)
