"""N-way identification of decoded clips, exact over all draws of distractors.

A window with rank r among k candidates beats ``k - 1 - r`` of the others. It is the first of N candidates, the true one and
N - 1 drawn from the others without replacement, with the probability ``C(k - 1 - r, N - 1) / C(k - 1, N - 1)``: nothing is
sampled. For N = 2 this is the pairwise identification of bdpy, ``(k - 1 - r) / (k - 1)``; ties count as wrong there and
here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from n2s.metrics.clip_scores import Units, summarize_clips
from n2s.metrics.controls import ranks_ties_at_random
from n2s.metrics.correlation import unit
from n2s.metrics.retrieval import ranks
from n2s.metrics.score import ALL, Score

N_WAYS = (2, 5, 10, 50)
MIN_DIMENSIONS = 3  # dimensions of a vector whose correlation is more than a sign
_TIE = 1e-6  # weight of the distance relative to the correlation: it only orders equal correlations


def correlations(predicted: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """Pearson correlation over dimensions of each prediction with each candidate, ``(n, d), (k, d) -> (n, k)``.

    0 where either is constant. Bring dimensions to the same scale first (z-score on training data).
    """
    _check_dimensions(predicted, candidates)
    return unit(predicted, 1) @ unit(candidates, 1).T


def similarities(predicted: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """Similarity of each prediction to each candidate, ``(n, d), (k, d) -> (n, k)``; a candidate is most similar to itself.

    With three dimensions or more it is the correlation over dimensions, which ignores level: if candidates correlate
    equally (a sound and its louder copy, two constant ones), the nearer one is more similar. With one or two
    dimensions a correlation is not defined or only a sign, and the negative Euclidean distance replaces it.

    Bring dimensions to the same scale first (z-score on training data).
    """
    _check_dimensions(predicted, candidates)
    x, y = np.asarray(predicted, np.float64), np.asarray(candidates, np.float64)
    if x.shape[1] < MIN_DIMENSIONS:
        return -np.linalg.norm(x[:, None] - y[None], axis=2)
    distance = np.sqrt(np.maximum((x**2).sum(1)[:, None] + (y**2).sum(1)[None] - 2 * x @ y.T, 0))
    return correlations(x, y) - _TIE * distance / (1 + distance)


@dataclass(frozen=True)
class Choice:
    """The candidates of each clip.

    Equal candidates (the same sound twice) count as one: no decoder could distinguish them. The candidates of a subject are
    the clips that this subject heard: among other subjects' clips, the subject's identity would already help.

    Attributes
    ----------
    candidates
        (k, d) True features, each different from every other.
    target
        (n,) Index of each clip's true candidate.
    own
        (n, k) Whether the subject who heard the clip heard the candidate.
    kind
        Index in ``candidates`` of each given candidate.
    """

    candidates: np.ndarray
    target: np.ndarray
    own: np.ndarray
    kind: np.ndarray

    @classmethod
    def of(cls, candidates: np.ndarray, target: np.ndarray, subject: np.ndarray) -> "Choice":
        """Build the choice from candidates, some of them perhaps equal, and the index of each clip's true one."""
        numbers: dict[bytes, int] = {}
        rows = np.ascontiguousarray(candidates) + 0.0  # -0 is 0
        kind = np.array([numbers.setdefault(row.tobytes(), len(numbers)) for row in rows])
        first = np.unique(kind, return_index=True)[1]
        target = kind[target]
        own = np.zeros((len(target), len(first)), bool)
        for name in np.unique(subject):
            rows = np.flatnonzero(np.asarray(subject) == name)
            own[np.ix_(rows, np.unique(target[rows]))] = True
        return cls(candidates[first], target, own, kind)

    @cached_property
    def n_candidates(self) -> np.ndarray:
        """(n,) Number of candidates of each clip, including the true one."""
        return self.own.sum(1)

    def similarities(self, predicted: np.ndarray) -> np.ndarray:
        """Score predictions (n, d), or (1, d) for all, -> (n, k): minus infinity if the subject did not hear the candidate."""
        return np.where(self.own, similarities(predicted, self.candidates), -np.inf)

    def merged(self, scores: np.ndarray) -> np.ndarray:
        """Merge the scores of the given candidates -> (n, k): for equal ones the largest counts."""
        found = np.full(self.own.shape, -np.inf)
        for place, kind in enumerate(self.kind):
            np.maximum(found[:, kind], scores[:, place], out=found[:, kind])
        return np.where(self.own, found, -np.inf)

    def ranks(self, scores: np.ndarray) -> np.ndarray:
        """(n, k) -> (n,): 0 is the best; ties count as wrong."""
        return np.minimum(ranks(scores, self.target), self.n_candidates - 1)


def n_way_accuracy(ranks: np.ndarray, n_candidates: int | np.ndarray, n_way: int) -> np.ndarray:
    """Probability that the true candidate is first of ``n_way``: ranks (..., n), 0 the best -> (..., n).

    ``n_candidates`` is one number, or (n,) one per clip.
    """
    ranks, sizes = np.asarray(ranks), np.asarray(n_candidates)
    if sizes.ndim:
        found = np.empty(ranks.shape)
        for k in np.unique(sizes):
            found[..., sizes == k] = n_way_accuracy(ranks[..., sizes == k], int(k), n_way)
        return found
    if not 2 <= n_way <= n_candidates:
        raise ValueError(f"{n_way}-way identification among {n_candidates} candidates; expected 2 to {n_candidates}.")
    beaten, drawn = n_candidates - 1 - np.arange(n_candidates)[:, None], np.arange(n_way - 1)
    by_rank = (np.maximum(beaten - drawn, 0) / (n_candidates - 1 - drawn)).prod(1)
    return by_rank[ranks]


def identification(true: np.ndarray, decoded: np.ndarray, n_way: int) -> float:
    """Share of clips that their decoded feature identifies among ``n_way``; chance is ``1 / n_way``.

    `similarities` ranks the candidates. The share is the mean over clips, and over all draws of the ``n_way - 1`` other
    clips. Equal clips count as one candidate.

    Parameters
    ----------
    true, decoded
        (n, d) Row i of both belongs to clip i. Bring dimensions to the same scale first.
    n_way
        2 (pairwise identification) to the number of different clips (top-1 accuracy).

    Raises
    ------
    ValueError
        Shapes that do not fit, NaN or infinity, or an ``n_way`` out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from n2s.metrics import identification
    >>> true = np.random.default_rng(0).standard_normal((50, 16))  # embeddings of 50 clips
    >>> decoded = true + 2 * np.random.default_rng(1).standard_normal((50, 16))
    >>> round(identification(true, decoded, 2), 2), round(identification(true, decoded, 10), 2)  # chance: 0.5 and 0.1
    (0.9, 0.63)
    """
    true, decoded = np.asarray(true), np.asarray(decoded)
    if true.ndim != 2 or true.shape != decoded.shape:
        raise ValueError(f"true is {true.shape}, decoded {decoded.shape}; expected (n, d), both the same.")
    for name, values in (("true", true), ("decoded", decoded)):
        if not np.isfinite(values).all():
            raise ValueError(f"{name} holds NaN or infinity.")
    choice = Choice.of(true, np.arange(len(true)), np.zeros(len(true)))
    found = choice.ranks(choice.similarities(decoded))
    return float(n_way_accuracy(found, len(choice.candidates), n_way).mean())


def identification_ranks(
    predicted: np.ndarray,
    choice: Choice,
    *,
    exchanges: np.ndarray,
    means: dict[str, np.ndarray],
    ceiling: np.ndarray | None = None,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Rank the true clip by `similarities`, for the model and its controls.

    Parameters
    ----------
    predicted
        (n, d) Decoded feature of each window.
    choice
        The candidates of each window.
    exchanges
        (p, n) Index of the prediction that each clip gets: see `n2s.metrics.clip_scores.exchanged`.
    means
        Predictions without brain data, by the name of their row: (d,), or (n, d) if they differ between clips.
    ceiling
        (n, d) Output of the best possible decoder.
    seed
        Seed for random ties of the means.

    Returns
    -------
    ``model`` (n,), ``shuffled`` (p, n), (n,) for each of the means and, if given, ``ceiling`` (n,).
    """
    scores, rng = choice.similarities(predicted), np.random.default_rng(seed)
    found = {"model": choice.ranks(scores), "shuffled": np.stack([choice.ranks(scores[order]) for order in exchanges])}
    for row, mean in means.items():
        constant = choice.similarities(np.atleast_2d(mean))
        found[row] = np.minimum(ranks_ties_at_random(constant, choice.target, rng), choice.n_candidates - 1)
    return found if ceiling is None else found | {"ceiling": choice.ranks(choice.similarities(ceiling))}


def summarize_identification(
    found: dict[str, np.ndarray],
    subject: np.ndarray,
    n_candidates: int | np.ndarray,
    *,
    units: Units,
    n_ways: Sequence[int] = N_WAYS,
) -> dict[int, dict[str, dict[str, Score]]]:
    """Summarize the accuracy for each N with `n2s.metrics.clip_scores.summarize_clips`, and add the row ``chance``, 1 / N.

    ``n_candidates`` is one number, or (n,) one per clip. An N above any subject's number of candidates is left out.
    """
    return {
        n_way: summarize_clips(
            {row: n_way_accuracy(values, n_candidates, n_way) for row, values in found.items()},
            subject,
            units=units,
            bounds=(0.0, 1.0),
        )
        | {"chance": {ALL: Score(1 / n_way)}}
        for n_way in n_ways
        if n_way <= np.min(n_candidates)
    }


def _check_dimensions(predicted: np.ndarray, candidates: np.ndarray) -> None:
    if predicted.ndim != 2 or candidates.ndim != 2 or predicted.shape[1] != candidates.shape[1]:
        raise ValueError(f"predicted is {predicted.shape}, candidates {candidates.shape}; expected (n, d) and (k, d).")
