"""Whether the language can be told from features or from the brain, by a linear classifier of held-out stories."""

from collections.abc import Mapping

import numpy as np

from n2s.systems.cross_language.identification import means, segments_of
from n2s.systems.cross_language.people import Trained

BEFORE, AFTER, BRAIN = "features, not centred", "features, centred per language", "brain segments"
FEWEST = 2  # segments of each language in training


def probe_fold(trained: Trained, space: str, n_rows: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """What is probed -> the true language (k,) and the classified one (k,) of each segment of test stories.

    Segments of training stories train the classifier. The brain is probed where the tested person heard both languages.

    Parameters
    ----------
    trained
        Where rows come from: of each language its listener (the tested one, or another).
    space
        The feature.
    n_rows
        Length of a segment.
    """
    sides: dict[str, dict[str, list]] = {name: {"train": [], "test": []} for name in (BEFORE, AFTER, BRAIN)}
    labels: dict[str, list] = {"train": [], "test": []}
    own = all(source.inputs is trained.tested for source in trained.sources.values())
    for language, source in trained.sources.items():
        inputs = source.inputs
        values = {BEFORE: inputs.decoded(space, centre=False), AFTER: inputs.decoded(space)}
        for side, places in (("train", inputs.rows.train(language)), ("test", inputs.rows.test(language))):
            kept, later = inputs.later(places, inputs.delays(space))
            segments = segments_of(inputs, kept, n_rows)
            labels[side] += [language] * len(segments)
            for name, one in values.items():
                sides[name][side].append(means(one, segments))
            if own:
                answer = np.zeros((len(inputs.rows.table), source.brain.shape[1]), np.float32)
                answer[kept] = source.brain[later].mean(1)
                sides[BRAIN][side].append(means(answer, segments))
    train, test = (np.array(labels[side]) for side in ("train", "test"))
    counts = [(train == one).sum() for one in trained.sources]
    if not len(test) or min(counts) < FEWEST:
        return {}
    found = {}
    for name, one in sides.items():
        if one["train"]:
            found[name] = test, classified(np.concatenate(one["train"]), train, np.concatenate(one["test"]))
    return found


def classified(train: np.ndarray, labels: np.ndarray, test: np.ndarray) -> np.ndarray:
    """(k,) The language of each test segment: a ridge classifier of z-scored columns, languages weighted equally."""
    from sklearn.linear_model import RidgeClassifier

    mean, size = train.mean(0), train.std(0)
    size = np.where(size > 1e-9 * max(float(size.max(initial=0.0)), 1e-30), size, np.inf)
    model = RidgeClassifier(alpha=float(train.shape[1]), class_weight="balanced")
    return model.fit((train - mean) / size, labels).predict((test - mean) / size)


def accuracy(true: np.ndarray, said: np.ndarray) -> float:
    """The mean over languages of the share of segments that are right: chance is 1 / languages, however many segments each has."""
    return float(np.mean([(said[true == one] == one).mean() for one in np.unique(true)]))


def table_of(subject: str, space: str, found: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> list[dict]:
    """Rows of the table of probes of one subject."""
    rows = []
    for name, (true, said) in found.items():
        n = len(np.unique(true))
        if n > 1:
            rows.append(
                {
                    "subject": subject,
                    "space": space,
                    "what": name,
                    "accuracy": accuracy(true, said),
                    "chance": 1 / n,
                    "n": len(true),
                }
            )
    return rows
