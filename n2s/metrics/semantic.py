"""Linear classification of sound labels from decoded features, and a 2-D map of the features."""

from collections.abc import Mapping

import numpy as np

from n2s.errors import UserError

_COLUMNS = 2**14  # dimensions per block of the inner products: AudioMAE's tokens of a 4 s clip have 160,000


def classify(
    features: np.ndarray,
    labels: np.ndarray,
    stimulus: np.ndarray,
    *,
    n_folds: int = 5,
    penalty: float = 1.0,
    seed: int = 0,
) -> np.ndarray:
    """Predict labels (n,) with a linear support vector machine, for clips of stimuli that it was not trained on.

    All clips of one stimulus are in one fold: otherwise the classifier could recognise the stimulus instead of its label.
    Folds have about equal shares of each label. Nothing is learnt from the clips left out: all features are divided by one
    number, the root of the mean squared distance of a fold's training clips from their mean.

    Parameters
    ----------
    features
        (n, d) or (n, ..., d); axes after the first are flattened. Bring dimensions to the same scale first
        (z-score on training data).
    labels
        (n,) The label of each clip.
    stimulus
        (n,) Clips that must stay in one fold: see `fold_groups`. A different value for each clip gives the ungrouped
        folds of Liu et al. 2024.
    n_folds
        Number of folds of the cross-validation.
    penalty
        C of the support vector machine.
    seed
        Seed for the folds.

    Raises
    ------
    UserError
        Only one label, or a label with fewer stimuli than folds: some fold could not be trained or tested on it.
    """
    return _classified(_products(features), labels, stimulus, n_folds=n_folds, penalty=penalty, seed=seed)


def fold_groups(
    labels: np.ndarray,
    stimulus: np.ndarray,
    start_s: np.ndarray,
    *,
    subject: np.ndarray | None = None,
    n_folds: int = 5,
) -> tuple[np.ndarray, bool]:
    """The groups (n,) of clips that must stay in one fold, and whether they are whole stimuli.

    If a label has fewer stimuli of a subject than there are folds (two test stories, read by a man and a woman), each
    stimulus is cut in time into as many stretches, and each stretch stays together. A classifier may then distinguish two
    recordings by anything, not only by their label: report this. If each run's mean was removed, so was any label that is
    constant in a run. Accuracy then falls below chance, because a stretch that is left out lies on the other side of the
    mean of the rest.
    """
    labels, stimulus, start_s = np.asarray(labels), np.asarray(stimulus).astype(str), np.asarray(start_s)
    subject = np.zeros(len(labels)) if subject is None else np.asarray(subject)
    pairs = {*zip(subject, labels, strict=True)}
    if all(len(np.unique(stimulus[(subject == who) & (labels == label)])) >= n_folds for who, label in pairs):
        return stimulus, True
    groups = np.empty(len(stimulus), dtype=object)
    for name in np.unique(stimulus):
        clips = np.flatnonzero(stimulus == name)
        starts, place = np.unique(start_s[clips], return_inverse=True)  # a repeat is in the same stretch as its clip
        groups[clips] = [f"{name}/{part}" for part in place * n_folds // len(starts)]
    return groups.astype(str), False


def semantic_hits(
    features: np.ndarray,
    labels: np.ndarray,
    *,
    stimulus: np.ndarray,
    subject: np.ndarray,
    exchanges: np.ndarray,
    ceiling: np.ndarray | None = None,
    others: Mapping[str, np.ndarray] | None = None,
    n_folds: int = 5,
    penalty: float = 1.0,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Whether `classify` is right about each clip, per subject; summarize it with `n2s.metrics.clip_scores.summarize_clips`.

    Parameters
    ----------
    features
        (n, d) Decoded features.
    labels, stimulus, subject
        (n,)
    exchanges
        (p, n) Index of the features that each clip gets: see `n2s.metrics.clip_scores.exchanged`, for these stimuli.
    ceiling
        (n, d) True features.
    others
        (n, d) By name: features of other decoders for the same clips, classified in the same folds.
    n_folds, penalty, seed
        See `classify`.

    Returns
    -------
    ``model`` (n,) 0 or 1, ``shuffled`` (p, n), ``mean_prediction`` (n,) (the most common label, the best constant
    guess), if given ``ceiling`` (n,), and (n,) for each of the others.
    """
    labels, stimulus, subject = np.asarray(labels), np.asarray(stimulus), np.asarray(subject)
    given = {"model": features} | ({} if ceiling is None else {"ceiling": ceiling}) | dict(others or {})
    hits = {row: np.zeros(len(labels)) for row in (*given, "mean_prediction")}
    hits["shuffled"] = np.zeros(exchanges.shape)
    for name in np.unique(subject):
        clips = np.flatnonzero(subject == name)
        place = np.zeros(len(labels), dtype=np.int64)
        place[clips] = np.arange(len(clips))

        def right(products: np.ndarray, clips: np.ndarray = clips) -> np.ndarray:
            options = {"n_folds": n_folds, "penalty": penalty, "seed": seed}
            return _classified(products, labels[clips], stimulus[clips], **options) == labels[clips]

        for row, values in given.items():
            products = _products(values[clips])
            hits[row][clips] = right(products)
            if row == "model":
                for p, order in enumerate(exchanges):
                    taken = place[order[clips]]
                    hits["shuffled"][p, clips] = right(products[np.ix_(taken, taken)])
        kinds, counts = np.unique(labels[clips], return_counts=True)
        hits["mean_prediction"][clips] = labels[clips] == kinds[counts.argmax()]
    return hits


def common_label(labels: np.ndarray, subject: np.ndarray) -> float:
    """Accuracy of always guessing each subject's most common label; the mean over subjects."""
    labels, subject = np.asarray(labels), np.asarray(subject)
    counts = [np.unique(labels[subject == name], return_counts=True)[1] for name in np.unique(subject)]
    return float(np.mean([count.max() / count.sum() for count in counts]))


def tsne(features: np.ndarray, *, perplexity: float = 30.0, seed: int = 0) -> np.ndarray:
    """Place clips in a plane with similar ones near each other (t-SNE): ``(n, d) -> (n, 2)``.

    Distances between groups mean nothing. ``perplexity`` is about the number of neighbours of a clip; with few clips,
    it is a third of their number.
    """
    from sklearn.manifold import TSNE

    flat = np.asarray(features, dtype=np.float32).reshape(len(features), -1)
    if len(flat) < 4:
        raise ValueError(f"{len(flat)} clips are too few for a map; expected 4 or more.")
    return TSNE(2, perplexity=min(perplexity, (len(flat) - 1) / 3), init="pca", random_state=seed).fit_transform(flat)


def _products(features: np.ndarray) -> np.ndarray:
    """(n, n) inner products of clips: sufficient for a linear machine, computed once for all folds and exchanges."""
    flat = np.asarray(features).reshape(len(features), -1)
    found = np.zeros((len(flat), len(flat)))
    for first in range(0, flat.shape[1], _COLUMNS):
        part = flat[:, first : first + _COLUMNS].astype(np.float64)
        found += part @ part.T
    return found


def _classified(
    products: np.ndarray, labels: np.ndarray, stimulus: np.ndarray, *, n_folds: int, penalty: float, seed: int
) -> np.ndarray:
    """See `classify`."""
    from sklearn.model_selection import StratifiedGroupKFold  # 1 s
    from sklearn.svm import SVC

    labels, stimulus = np.asarray(labels), np.asarray(stimulus)
    if not len(products) == len(labels) == len(stimulus):
        raise ValueError(
            f"{len(products)} features, {len(labels)} labels, {len(stimulus)} stimuli; expected equal numbers."
        )
    n_stimuli = {str(label): len(np.unique(stimulus[labels == label])) for label in np.unique(labels)}
    if len(n_stimuli) < 2 or min(n_stimuli.values()) < n_folds:
        raise UserError(
            f"semantic classification in {n_folds} folds by stimulus: the labels have "
            f"{', '.join(f'{n} ({label})' for label, n in n_stimuli.items())} stimuli or stretches of one; expected two "
            f"labels or more, each of {n_folds} or more. Take fewer folds, or pass each clip as its own stimulus and say "
            "so: the score then also counts any other difference between two recordings."
        )
    folds = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
    given = np.empty_like(labels)
    for train, test in folds.split(products, labels, stimulus):
        inner = products[np.ix_(train, train)]
        spread = inner.diagonal().mean() - inner.mean()  # mean squared distance from the mean
        scale = spread if spread > 1e-12 * abs(inner).max() else 1.0  # all clips alike
        machine = SVC(kernel="precomputed", C=penalty)
        machine.fit(inner / scale, labels[train])
        given[test] = machine.predict(products[np.ix_(test, train)] / scale)
    return given
