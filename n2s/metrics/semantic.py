"""Whether decoded features tell what kind of sound was heard: a linear classifier of labels, and a map for the eye."""

import numpy as np

from n2s.errors import UserError
from n2s.metrics.clip_scores import exchanged


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

    Dimensions are z-scored with the training folds' mean and deviation. Clips of one stimulus are in one fold: else it
    would be recognised, not its kind. Folds hold about equal shares of each label.

    Parameters
    ----------
    features
        (n, d) or (n, ..., d); axes after the first are flattened.
    labels
        (n,) Of the kinds.
    stimulus
        (n,) Clips that must not be parted. Different for each clip, it gives the ungrouped folds of Liu et al. 2024.
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
    from sklearn.model_selection import StratifiedGroupKFold  # 1 s
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    features, labels, stimulus = np.asarray(features), np.asarray(labels), np.asarray(stimulus)
    if not len(features) == len(labels) == len(stimulus):
        raise ValueError(f"{len(features)} features, {len(labels)} labels, {len(stimulus)} stimuli; expected as many.")
    n_stimuli = {str(label): len(np.unique(stimulus[labels == label])) for label in np.unique(labels)}
    if len(n_stimuli) < 2 or min(n_stimuli.values()) < n_folds:
        raise UserError(
            f"semantic classification in {n_folds} folds by stimulus: the labels have "
            f"{', '.join(f'{n} ({label})' for label, n in n_stimuli.items())} stimuli; expected two labels or more, each "
            f"of {n_folds} stimuli or more. Take fewer folds, or pass each clip as its own stimulus and say so: what "
            "distinguishes two recordings is then taken for their kind."
        )
    flat = features.reshape(len(features), -1)
    folds = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
    given = np.empty_like(labels)
    for train, test in folds.split(flat, labels, stimulus):
        machine = make_pipeline(StandardScaler(), SVC(kernel="linear", C=penalty))
        given[test] = machine.fit(flat[train], labels[train]).predict(flat[test])
    return given


def semantic_hits(
    features: np.ndarray,
    labels: np.ndarray,
    *,
    stimulus: np.ndarray,
    subject: np.ndarray,
    ceiling: np.ndarray | None = None,
    n_folds: int = 5,
    penalty: float = 1.0,
    n_permutations: int = 10,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Whether `classify` is right about each clip, subject by subject; `n2s.metrics.clip_scores.summarize_clips` sums it up.

    Parameters
    ----------
    features
        (n, d) Decoded.
    labels, stimulus, subject
        (n,)
    ceiling
        (n, d) True features.
    n_folds, penalty, seed
        As for `classify`; ``seed`` also of the exchanges.
    n_permutations
        How often the subject's features are exchanged between stimuli.

    Returns
    -------
    ``model`` (n,) 0 or 1, ``shuffled`` (p, n), ``mean_prediction`` (n,) (the commonest label, which is all that a constant
    tells) and, where given, ``ceiling`` (n,).
    """
    labels, stimulus, subject = np.asarray(labels), np.asarray(stimulus), np.asarray(subject)
    exchanges = exchanged(stimulus, subject, n_permutations=n_permutations, seed=seed)
    hits = {row: np.zeros(len(labels)) for row in ("model", "mean_prediction")}
    hits["shuffled"] = np.zeros(exchanges.shape)
    if ceiling is not None:
        hits["ceiling"] = np.zeros(len(labels))
    for name in np.unique(subject):
        clips = np.flatnonzero(subject == name)

        def right(values: np.ndarray, clips: np.ndarray = clips) -> np.ndarray:
            given = classify(values, labels[clips], stimulus[clips], n_folds=n_folds, penalty=penalty, seed=seed)
            return given == labels[clips]

        hits["model"][clips] = right(features[clips])
        for p, order in enumerate(exchanges):
            hits["shuffled"][p, clips] = right(features[order[clips]])
        kinds, counts = np.unique(labels[clips], return_counts=True)
        hits["mean_prediction"][clips] = labels[clips] == kinds[counts.argmax()]
        if ceiling is not None:
            hits["ceiling"][clips] = right(ceiling[clips])
    return hits


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
