"""What a response of the brain says of each word of a text, when the times of all words are known.

The features of a row (a volume, a sample) are a sum over words: ``x_t = sum_i C_i[t] e_i``, C the response model's weights of a word at its
time, e the features of the word in its context. Until a word is chosen it has the features of the mean word. The log-likelihood of a response
is quadratic in x, so a choice changes it by ``g u - u Q u / 2``: u is how the word differs from the mean word; Q depends on the
word's time alone; g on the response and on the words before, as far as they reach the same rows. The sum of these changes is the difference
of log-likelihoods over all rows, without approximation: neither rows nor voxels are visited for a candidate.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from n2s.data.response_model import ResponseModel
from n2s.studies.study import Impulses


class Evidence(Protocol):
    """What candidates for a word are compared by."""

    def gains(
        self,
        word: int,
        history: Tensor,
        parents: Tensor,
        log_probability: Tensor,
        sequences: Tensor,
        features: Tensor,
    ) -> Tensor:
        """(n,) float64: by how much the log-likelihood of each candidate is above that of the mean word.

        Parameters
        ----------
        word
            The place in the text.
        history
            (h, j, f) Features of the last words of each hypothesis, in order; they are the words before this place.
        parents
            (n,) The hypothesis that each candidate goes on from.
        log_probability
            (n,) Of the candidates, by the language model.
        sequences
            (h,) The text that each hypothesis is of.
        features
            (n, f) Of the candidates.
        """
        ...

    @property
    def n_before(self) -> int:
        """How many words before a place `gains` needs: j is as many, or all that there are."""
        ...


@dataclass(frozen=True)
class EncodingModel:
    """A fitted encoding model, as likelihoods need it. Columns of features are those of the response model, not z-scored.

    Attributes
    ----------
    weights
        (k f, v) Responses of one unit of a column.
    intercept
        (v,)
    to_features
        (k f, v) Weights times the precision of the noise.
    curvature
        (k f, k f) Weights times the precision times weights.
    mean_word
        (f,) Features of the mean training word.
    """

    weights: Tensor
    intercept: Tensor
    to_features: Tensor
    curvature: Tensor
    mean_word: Tensor

    @property
    def n_delays(self) -> int:
        """K."""
        return len(self.weights) // len(self.mean_word)

    def plain(self) -> dict[str, Tensor]:
        """For checkpoints."""
        return dict(vars(self))


@dataclass(frozen=True)
class Placed:
    """Where words act on the rows of a stretch.

    Attributes
    ----------
    low
        (n,) First row that each word acts on.
    weights
        (n, r, k) Of each word on the rows from there on, at each delay; 0 outside the stretch.
    n_rows
        Rows of the stretch.
    """

    low: np.ndarray
    weights: np.ndarray
    n_rows: int

    @classmethod
    def of(cls, response: ResponseModel, times_s: np.ndarray, first_s: float, n_rows: int, step_s: float) -> "Placed":
        """Words at some times; rows are every ``step_s`` from ``first_s`` on, on one clock."""
        before_s, after_s = response.reach_s(step_s)
        first = round(first_s / step_s)
        low = np.floor((np.asarray(times_s, float) - after_s) / step_s).astype(int) - 1
        length = int(np.ceil((before_s + after_s) / step_s)) + 4
        found = np.zeros((len(low), length, len(response.delays_s(step_s))), np.float32)
        one = np.ones((1, 1), np.float32)
        for i, (start, time_s) in enumerate(zip(low, times_s, strict=True)):
            found[i] = response.columns(Impulses(one, np.array([time_s - start * step_s])), length, step_s)
        rows = low[:, None] - first + np.arange(length)
        found[(rows < 0) | (rows >= n_rows)] = 0
        return cls(low - first, found, n_rows)

    def rows(self, values: Tensor) -> Tensor:
        """(n, f) a value a word -> (rows, k, f): the features of rows."""
        weights = torch.from_numpy(self.weights).to(values)
        found = values.new_zeros(self.n_rows, weights.shape[2], values.shape[1])
        for i, low in enumerate(self.low.tolist()):
            first, stop = max(low, 0), min(low + weights.shape[1], self.n_rows)
            if stop > first:
                found[first:stop] += weights[i, first - low : stop - low, :, None] * values[i]
        return found

    def sums(self, values: Tensor) -> Tensor:
        """(..., rows, k, f) -> (..., n, f): the values of the rows that each word acts on, by its weights."""
        weights = torch.from_numpy(self.weights).to(values)
        found = values.new_zeros(*values.shape[:-3], len(self.low), values.shape[-1])
        for i, low in enumerate(self.low.tolist()):
            first, stop = max(low, 0), min(low + weights.shape[1], self.n_rows)
            if stop > first:
                part = values[..., first:stop, :, :]
                found[..., i, :] = torch.einsum("rk,...rkf->...f", weights[i, first - low : stop - low], part)
        return found

    def overlaps(self) -> list[np.ndarray]:
        """For each word (j, k, k): how it acts on the same rows as each of the j words up to and with itself, delay by delay."""
        length, found = self.weights.shape[1], []
        first = 0
        for i, low in enumerate(self.low.tolist()):
            while self.low[first] + length <= low:
                first += 1
            own = []
            for j in range(first, i + 1):
                shift = low - int(self.low[j])  # the words' times rise
                own.append(self.weights[i, : length - shift].T @ self.weights[j, shift:])
            found.append(np.stack(own))
        return found


class BrainEvidence:
    """The likelihood of responses, by an encoding model.

    Parameters
    ----------
    model
        The encoding model.
    placed
        Where words act.
    responses
        (s, rows, v) One response a text that is searched for; words are at the same times in all.
    before
        Where words act that were heard before the first row: they are not searched for, and count as mean words. None: there are none.
    """

    def __init__(self, model: EncodingModel, placed: Placed, responses: Tensor, before: Placed | None = None):
        k, f = model.n_delays, len(model.mean_word)
        self.mean_word = model.mean_word
        #: (k k, f, f)
        self._curvature = model.curvature.view(k, f, k, f).permute(0, 2, 1, 3).reshape(k * k, f, f).contiguous()
        #: (k k f, f) Of shared rows: sums of a word's own columns.
        self._across = self._curvature.transpose(1, 2).flatten(0, 1).contiguous()
        match = (responses.to(model.weights) - model.intercept) @ model.to_features.T
        # what the mean word at all places explains already
        level = sum(
            one.rows(model.mean_word.new_ones(len(one.low), 1))[..., 0] for one in (placed, before) if one is not None
        )  # (rows, k)
        at_mean = (self._curvature @ model.mean_word).view(k, k, f)
        match = match.view(*match.shape[:-1], k, f) - torch.einsum("rK,kKf->rkf", level, at_mean)
        self._linear = placed.sums(match)  # (s, n, f)
        self._overlaps = [torch.from_numpy(one.reshape(len(one), k * k)).to(self._linear) for one in placed.overlaps()]
        self._n_before = max(map(len, self._overlaps), default=1) - 1

    @property
    def n_before(self) -> int:
        """See `Evidence`."""
        return self._n_before

    def gains(
        self,
        word: int,
        history: Tensor,
        parents: Tensor,
        log_probability: Tensor,
        sequences: Tensor,
        features: Tensor,
    ) -> Tensor:
        """See `Evidence`."""
        overlap = self._overlaps[word]
        slope = self._linear[sequences, word]
        n_before = min(len(overlap) - 1, history.shape[1])
        if n_before:
            past = history[:, -n_before:] - self.mean_word
            shared = torch.einsum("jq,hjf->hqf", overlap[-1 - n_before : -1], past)
            slope = slope - shared.flatten(1) @ self._across
        bend = torch.einsum("q,qfg->fg", overlap[-1], self._curvature)
        apart = features - self.mean_word
        return ((slope[parents] - 0.5 * (apart @ bend.T)) * apart).sum(1).double()
