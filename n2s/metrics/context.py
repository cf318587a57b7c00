"""More brain for one decision: all windows of a sentence, all hearings of a segment. Reported apart from single windows."""

from dataclasses import replace

import numpy as np
import pandas as pd

from n2s.metrics.result import RetrievalResult


def sentence_pooled(scores: np.ndarray, group: np.ndarray, sentence: np.ndarray) -> np.ndarray:
    """Add to each window's scores what the other windows of its sentence say of the candidates' sentences.

    Scores are taken for log-probabilities up to a constant of the window, as the contrastive loss makes them, and
    windows for independent: the log-likelihood of a candidate's sentence, given the other windows, is added. When
    windows follow each other plays no part, only that they belong together; timing alone cannot profit.

    Parameters
    ----------
    scores
        (n, k).
    group
        (n,) Which windows are of one sentence of one recording; -1: of none.
    sentence
        (k,) The sentence of each candidate; -1: of none.

    Returns
    -------
    (n, k) float32.
    """
    names, column = np.unique(sentence, return_inverse=True)
    # log-mean-exp over the candidates of each sentence: a long sentence is no more likely for its length
    top = scores.max(axis=1, keepdims=True)
    members = np.zeros((len(sentence), len(names)))
    members[np.arange(len(sentence)), column] = 1 / np.bincount(column)[column]
    exponent = np.exp(np.asarray(scores - top, np.float64))
    evidence = np.log(np.maximum(exponent @ members, np.finfo(np.float64).tiny))
    evidence -= evidence.mean(axis=1, keepdims=True)
    evidence[:, names == -1] = 0.0
    _, row = np.unique(group, return_inverse=True)
    total = np.zeros((row.max() + 1, len(names)))
    np.add.at(total, row, evidence)
    others = np.where((group == -1)[:, None], 0.0, total[row] - evidence)
    return (scores + others[:, column]).astype(np.float32)


def with_sentences(result: RetrievalResult, group: np.ndarray, sentence: np.ndarray) -> RetrievalResult:
    """The result with every score, and those of its controls, pooled over the windows of each sentence.

    Parameters
    ----------
    result
        Of single windows.
    group
        (n,) See `sentence_pooled`.
    sentence
        (k,) See `sentence_pooled`.
    """
    ideal = None if result.ideal is None else sentence_pooled(result.ideal, group, sentence)
    pooled, no_brain = (sentence_pooled(scores, group, sentence) for scores in (result.scores, result.no_brain))
    return replace(result, scores=pooled, no_brain=no_brain, ideal=ideal, group=sentence[result.target])


def over_listeners(result: RetrievalResult) -> RetrievalResult:
    """One window a segment: the mean of the scores of everybody who heard it, as one listener, ``study/all``.

    The mean of the scores is the score of the mean estimate wherever a score is linear in the estimate.
    """
    segments, row = np.unique(result.target, return_inverse=True)
    n_hearings = np.bincount(row)

    def mean(scores: np.ndarray) -> np.ndarray:
        total = np.zeros((len(segments), scores.shape[1]))
        np.add.at(total, row, scores)
        return (total / n_hearings[:, None]).astype(np.float32)

    first = pd.Series(np.arange(len(row))).groupby(row).first().to_numpy()
    study = result.windows.study.to_numpy()[first]
    return RetrievalResult(
        scores=mean(result.scores),
        target=segments,
        subject=np.char.add(study.astype(str), "/all"),
        windows=result.windows.iloc[first].reset_index(drop=True),
        candidates=result.candidates,
        no_brain=mean(result.no_brain),
        ideal=None if result.ideal is None else mean(result.ideal) * n_hearings[:, None],
    )
