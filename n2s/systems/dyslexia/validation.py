"""Repeated stratified cross-validation by person, and the same with permuted labels."""

from collections.abc import Iterator

import joblib
import numpy as np
import torch
from sklearn.model_selection import StratifiedKFold

from n2s.metrics.auc import auc, balanced_accuracy_interval
from n2s.systems.dyslexia.classifiers import Classifier
from n2s.systems.dyslexia.people import People


def dealt(positive: np.ndarray, n_folds: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Places of the people to learn from and of those who are held out: each is held out once, groups in equal shares."""
    return StratifiedKFold(n_folds, shuffle=True, random_state=seed).split(positive, positive)


def held_out_scores(
    classifier: Classifier,
    people: People,
    positive: np.ndarray,
    *,
    n_folds: int,
    seed: int,
    device: torch.device | str = "cpu",
) -> np.ndarray:
    """(n,) The score of each person by a classifier that has seen nothing of that person."""
    found = np.full(len(people), np.nan)
    for number, (own, other) in enumerate(dealt(positive, n_folds, seed)):
        # one draw a fold: two folds must not share a network's first weights
        drawn = int(np.random.SeedSequence([seed, number]).generate_state(1)[0] % 2**31)
        found[other] = classifier.scores(people.of(own), positive[own], people.of(other), seed=drawn, device=device)
    return found


def repeated(
    classifier: Classifier,
    people: People,
    positive: np.ndarray,
    *,
    n_folds: int,
    n_repeats: int,
    seed: int,
    device: torch.device | str = "cpu",
) -> np.ndarray:
    """(repeats, n) `held_out_scores`, people dealt to folds anew each time."""
    own = [
        held_out_scores(classifier, people, positive, n_folds=n_folds, seed=seed + number, device=device)
        for number in range(n_repeats)
    ]
    return np.array(own)


def summary(scores: np.ndarray, positive: np.ndarray) -> tuple[float, float]:
    """AUC and balanced accuracy of (repeats, n) scores: of each person's mean."""
    mean = scores.mean(0)
    return auc(mean, positive), balanced_accuracy_interval(mean > 0, positive).mean


def permuted(
    classifier: Classifier,
    people: People,
    positive: np.ndarray,
    n_permutations: int,
    *,
    n_folds: int,
    n_repeats: int,
    seed: int,
    n_jobs: int = 1,
    device: torch.device | str = "cpu",
) -> np.ndarray:
    """(permutations, 2) AUC and balanced accuracy when groups are dealt to people at random: all else is done again, choices included."""

    def one(number: int) -> tuple[float, float]:
        order = np.random.default_rng([seed, 1, number]).permutation(len(positive))
        labels = positive[order]
        scores = repeated(
            classifier,
            people,
            labels,
            n_folds=n_folds,
            n_repeats=n_repeats,
            seed=seed + 1000 * (1 + number),
            device=device,
        )
        return summary(scores, labels)

    found = joblib.Parallel(n_jobs)(joblib.delayed(one)(number) for number in range(n_permutations))
    return np.array(found, np.float64).reshape(n_permutations, 2)


def p_value(found: float, null: np.ndarray) -> float | None:
    """One-sided p of a permutation test (Phipson & Smyth 2010: never 0); None without permutations."""
    return (1 + int((null >= found - 1e-12).sum())) / (1 + len(null)) if len(null) else None
