"""Whether decoded features tell what kind of sound was heard: a linear classifier of labels, and a map for the eye."""

from collections.abc import Mapping

import numpy as np

from n2s.errors import UserError

_COLUMNS = 2**14  # dimensions whose products are summed at once: AudioMAE's tokens of a clip of 4 s are 160,000


def classify(
    features: np.ndarray,
    labels: np.ndarray,
    stimulus: np.ndarray,
    *,
    n_folds: int = 5,
    penalty: float = 1.0,
    seed: int = 0,
) -> np.ndarray:
    """Labels (n,) that a linear support vector machine gives to clips of stimuli that it was not trained on.

    Clips of one stimulus are in one fold: else it would be recognised, not its kind. Folds hold about equal shares of each
    label. Nothing is learnt from the clips left out: all features are divided by one number, the root of the mean squared
    distance of a fold's training clips from their mean.

    Parameters
    ----------
    features
        (n, d) or (n, ..., d); axes after the first are flattened. Bring dimensions of different scale to one before
        (z-scored on training data).
    labels
        (n,) Of the kinds.
    stimulus
        (n,) Clips that must not be parted: see `fold_groups`. Different for each clip, it gives the ungrouped folds of Liu
        et al. 2024.
    n_folds
        Of the cross-validation.
    penalty
        Of the support vector machine (C).
    seed
        Of the folds.

    Raises
    ------
    UserError
        One label only, or a label that fewer stimuli than folds have: some fold could not be trained or tested on it.
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
    """What must not be parted by folds, (n,) of clips; and whether that is whole stimuli.

    Where a label has fewer stimuli of a subject than there are folds (two test stories, a man's and a woman's), each stimulus is cut in
    time into as many stretches, and these are kept together. Then a classifier may tell two recordings apart by anything,
    not only by their kind: say so. Where each run's mean was taken away, a label that is the same throughout a run is
    gone with it. Accuracy then falls below chance, because a stretch that is left out lies on the other side of the mean
    of the rest.
    """
    labels, stimulus, start_s = np.asarray(labels), np.asarray(stimulus).astype(str), np.asarray(start_s)
    subject = np.zeros(len(labels)) if subject is None else np.asarray(subject)
    pairs = {*zip(subject, labels, strict=True)}
    if all(len(np.unique(stimulus[(subject == who) & (labels == label)])) >= n_folds for who, label in pairs):
        return stimulus, True
    groups = np.empty(len(stimulus), dtype=object)
    for name in np.unique(stimulus):
        clips = np.flatnonzero(stimulus == name)
        starts, place = np.unique(start_s[clips], return_inverse=True)  # a repeat lies in the stretch of its clip
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
    """Whether `classify` is right about each clip, subject by subject; `n2s.metrics.clip_scores.summarize_clips` sums it up.

    Parameters
    ----------
    features
        (n, d) Decoded.
    labels, stimulus, subject
        (n,)
    exchanges
        (p, n) Whose features each clip gets, as `n2s.metrics.clip_scores.exchanged` gives it for these stimuli.
    ceiling
        (n, d) True features.
    others
        (n, d) By name: what other decoders make of the same clips, classified in the same folds.
    n_folds, penalty, seed
        As for `classify`.

    Returns
    -------
    ``model`` (n,) 0 or 1, ``shuffled`` (p, n), ``mean_prediction`` (n,) (the commonest label, which is all that a constant
    tells), where given ``ceiling`` (n,), and (n,) of each of the others.
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
    """What a guess gets: each subject's commonest label, always; the mean over subjects."""
    labels, subject = np.asarray(labels), np.asarray(subject)
    counts = [np.unique(labels[subject == name], return_counts=True)[1] for name in np.unique(subject)]
    return float(np.mean([count.max() / count.sum() for count in counts]))


def tsne(features: np.ndarray, *, perplexity: float = 30.0, seed: int = 0) -> np.ndarray:
    """Place clips in a plane so that alike ones are near each other (t-SNE): ``(n, d) -> (n, 2)``.

    Distances between groups mean nothing. ``perplexity`` is about the number of neighbours that a clip has; of few clips,
    a third of them is taken.
    """
    from sklearn.manifold import TSNE

    flat = np.asarray(features, dtype=np.float32).reshape(len(features), -1)
    if len(flat) < 4:
        raise ValueError(f"{len(flat)} clips make no map; expected 4 or more.")
    return TSNE(2, perplexity=min(perplexity, (len(flat) - 1) / 3), init="pca", random_state=seed).fit_transform(flat)


def _products(features: np.ndarray) -> np.ndarray:
    """(n, n) inner products of clips: all that a linear machine needs, once for all folds and exchanges."""
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
        raise ValueError(f"{len(products)} features, {len(labels)} labels, {len(stimulus)} stimuli; expected as many.")
    n_stimuli = {str(label): len(np.unique(stimulus[labels == label])) for label in np.unique(labels)}
    if len(n_stimuli) < 2 or min(n_stimuli.values()) < n_folds:
        raise UserError(
            f"semantic classification in {n_folds} folds by stimulus: the labels have "
            f"{', '.join(f'{n} ({label})' for label, n in n_stimuli.items())} stimuli or stretches of one; expected two "
            f"labels or more, each of {n_folds} or more. Take fewer folds, or pass each clip as its own stimulus and say "
            "so: what distinguishes two recordings is then taken for their kind."
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
