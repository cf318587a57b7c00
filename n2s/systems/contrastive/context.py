"""More brain data for one decision: all windows of a sentence, or all listeners of a segment. Reported beside single windows."""

from dataclasses import replace

import numpy as np
import pandas as pd

from n2s.systems.contrastive.result import RetrievalResult

NO_MAP = dict.fromkeys(("attention", "sensor_positions", "sensors"))  # shown with single windows only
N_DRAWS = 30  # runs of candidates of each length, to estimate the evidence of noise
NO_CEILING = (
    "the model sees the brain of a whole sentence, and the ideal observer of these data that of a single window, so that it "
    "bounds nothing here"
)


def sentence_pooled(
    scores: np.ndarray, group: np.ndarray, sentence: np.ndarray, allowed: np.ndarray | None = None
) -> np.ndarray:
    """Add to each window's scores the evidence of the other windows of its sentence for the candidates' sentences.

    Scores are treated as log-probabilities up to a constant of the window, as the contrastive loss makes them, and
    windows as independent: the log-likelihood of a candidate's sentence, given the other windows, is added. The order of
    the windows is not used, only that they belong together.

    The mean and the spread of that log-likelihood depend on the number of candidates of a sentence, whatever the brain
    data: the logarithm of a mean is larger for more candidates. Both are estimated on runs of as many neighbouring
    candidates, anywhere, and removed: no sentence is more likely because of its length.

    Parameters
    ----------
    scores
        (n, k).
    group
        (n,) Windows of one sentence in one recording have one number; -1: no sentence.
    sentence
        (k,) The sentence of each candidate; -1: no sentence. Candidates are in order of time.
    allowed
        (n, k) Candidates of each window, the same within a group; by default all.

    Returns
    -------
    (n, k) float32.
    """
    pooled = np.array(scores, np.float32)
    spoken = np.flatnonzero(group != -1)
    if not len(spoken):
        return pooled
    own = np.zeros(len(spoken), np.int64)
    sets = np.ones((1, scores.shape[1]), bool)
    if allowed is not None:
        sets, own = np.unique(allowed[spoken], axis=0, return_inverse=True)
        own = np.ravel(own)
    for number, among in enumerate(sets):
        columns = np.flatnonzero(among & (sentence != -1))
        rows = spoken[own == number]
        if not len(columns):
            continue
        evidence, column = _evidence(
            scores[np.ix_(rows, np.flatnonzero(among))], scores[np.ix_(rows, columns)], sentence[columns]
        )
        _, row = np.unique(group[rows], return_inverse=True)
        total = np.zeros((row.max() + 1, evidence.shape[1]))
        np.add.at(total, row, evidence)
        pooled[np.ix_(rows, columns)] += (total[row] - evidence)[:, column].astype(np.float32)
    return pooled


def _evidence(every: np.ndarray, scores: np.ndarray, sentence: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The evidence of each window for each sentence, (n, s), without a bias for its length; and each column's sentence."""
    _, first, column = np.unique(sentence, return_index=True, return_inverse=True)
    exponent = np.exp(np.asarray(scores - every.max(axis=1, keepdims=True), np.float64))
    length = np.bincount(column)
    evidence = _log_mean(exponent, [np.flatnonzero(column == i) for i in range(len(first))])
    k, spread = scores.shape[1], np.empty((len(scores), len(first)))
    for n in np.unique(length):
        # runs of n candidates in order of time, around the end to the start
        starts = np.unique(np.linspace(0, k, min(N_DRAWS, k), endpoint=False).astype(int))
        null = _log_mean(exponent, [(start + np.arange(n)) % k for start in starts])
        same = length == n
        evidence[:, same] -= null.mean(axis=1, keepdims=True)
        spread[:, same] = null.std(axis=1, keepdims=True)
    # the spread of the average sentence for all, so that evidence keeps its size beside the window's own scores
    typical = spread.mean(axis=1, keepdims=True)
    return evidence * np.divide(typical, spread, out=np.ones_like(spread), where=spread > 1e-12), column


def _log_mean(exponent: np.ndarray, members: list[np.ndarray]) -> np.ndarray:
    weight = np.zeros((exponent.shape[1], len(members)))
    for i, member in enumerate(members):
        np.add.at(weight[:, i], member, 1 / len(member))
    return np.log(np.maximum(exponent @ weight, np.finfo(np.float64).tiny))


def with_sentences(result: RetrievalResult, group: np.ndarray, sentence: np.ndarray) -> RetrievalResult:
    """The result with the scores of the model and of the controls pooled over the windows of each sentence.

    There is no ceiling: the ideal observer sees single windows, and pooling its scores is not the optimum for the brain
    data of the whole sentence.

    Parameters
    ----------
    result
        The result of single windows.
    group
        (n,) See `sentence_pooled`.
    sentence
        (k,) See `sentence_pooled`.
    """
    by_time = np.lexsort((result.candidates.start_s.to_numpy(), result.candidates.stimulus.to_numpy()))
    back = np.argsort(by_time)
    allowed = None if result.allowed is None else result.allowed[:, by_time]

    def pooled(scores: np.ndarray | None) -> np.ndarray | None:
        if scores is None:
            return None
        return sentence_pooled(scores[:, by_time], group, sentence[by_time], allowed)[:, back]

    return replace(
        result,
        similarity=pooled(result.similarity),
        no_brain=pooled(result.no_brain),
        linear=pooled(result.linear),
        encoding=pooled(result.encoding),
        subject_only=pooled(result.subject_only),
        ideal=None,
        no_ceiling=result.no_ceiling or ("" if result.ideal is None else NO_CEILING),
        group=sentence[result.target],
        **NO_MAP,
    )


def over_listeners(result: RetrievalResult) -> RetrievalResult:
    """One window per segment: the mean of the scores of all its listeners, as one listener, ``study/all``.

    The mean of the scores is the score of the mean estimate wherever a score is linear in the estimate. The log-likelihoods
    of the ideal observer and of the encoding model are added, because the noise of different recordings is independent. The candidates of a window
    are those that all of its listeners heard: the true one is always among these, and knowing the listeners does not help
    to find it.
    """
    segments, row = np.unique(result.target, return_inverse=True)
    n_hearings = np.bincount(row)

    def mean(scores: np.ndarray | None) -> np.ndarray | None:
        if scores is None:
            return None
        total = np.zeros((len(segments), scores.shape[1]))
        np.add.at(total, row, scores)
        return (total / n_hearings[:, None]).astype(np.float32)

    def added(scores: np.ndarray | None) -> np.ndarray | None:
        return None if scores is None else mean(scores) * n_hearings[:, None]

    sets = None
    if result.candidate_sets is not None:
        sets = np.ones((len(segments), len(result.candidates)), bool)
        np.logical_and.at(sets, row, result.allowed)
    first = pd.Series(np.arange(len(row))).groupby(row).first().to_numpy()
    study = result.windows.study.to_numpy()[first]
    return replace(
        result,
        similarity=mean(result.similarity),
        target=segments,
        subject=np.char.add(study.astype(str), "/all"),
        windows=result.windows.iloc[first],
        no_brain=mean(result.no_brain),
        ideal=added(result.ideal),
        group=None,
        candidate_sets=sets,
        candidate_set=None if sets is None else np.arange(len(segments)),
        linear=mean(result.linear),
        encoding=added(result.encoding),
        subject_only=mean(result.subject_only),
        **NO_MAP,
    )
