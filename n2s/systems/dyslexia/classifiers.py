"""Linear classifiers of people. Everything that they learn, scales and penalties included, is from the people that they are given."""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, enet_path
from sklearn.model_selection import StratifiedKFold
from sklearn.svm import LinearSVC

from n2s.errors import UserError
from n2s.metrics.auc import auc
from n2s.options import check_number
from n2s.systems.dyslexia.kept import described
from n2s.systems.dyslexia.people import Cleaning, People


class Classifier(ABC):
    """The port of everything that tells two groups apart."""

    #: Which parts of `People` it needs beside measures and covariates: ``covariances``, ``windows``.
    needs: ClassVar[tuple[str, ...]] = ()

    #: Permutations of labels that are worth their time; None: as many as the system makes.
    n_permutations: int | None = None

    @abstractmethod
    def scores(
        self, train: People, positive: np.ndarray, test: People, *, seed: int, device: torch.device | str = "cpu"
    ) -> np.ndarray:
        """Learn from some people and score others.

        Parameters
        ----------
        train, positive
            Whom to learn from, and (n,) whether each is of the positive group.
        test
            Whom to score; their group is not known.
        seed
            Of everything that is drawn.
        device
            Where networks are trained.

        Returns
        -------
        (m,) above 0: the positive group is said.
        """

    def check(self, fewest: int) -> None:
        """Raise a UserError if it cannot learn from ``fewest`` people of a group."""
        return

    def settings(self) -> dict:
        """All that its scores depend on: what a test compares with the fit."""
        return {"class": described(type(self))} | described(
            {name: one for name, one in vars(self).items() if name != "n_permutations"}
        )


class Linear(Classifier):
    """A linear classifier whose penalty is chosen by cross-validation among the people that it learns from.

    Where there is a choice, scores are in deviations of the scores of those people: a weak penalty gives scores tens of times as large as a
    strong one, and those of several folds and repetitions are compared with each other.

    Parameters
    ----------
    n_folds
        Of that cross-validation, stratified by group.
    """

    #: Whether there is a choice.
    chooses: bool = True

    def __init__(self, *, n_folds: int = 3):
        check_number("n_folds", n_folds, low=2, whole=True)
        self.n_folds = n_folds

    @abstractmethod
    def path(self, train: np.ndarray, positive: np.ndarray, test: np.ndarray) -> np.ndarray:
        """(penalties, m) scores of test features (m, p), for each penalty, the strongest first."""

    def features(self, train: People, positive: np.ndarray, test: People) -> tuple[np.ndarray, np.ndarray]:
        """(n, p), (m, p): by default measures of tracking. What is learned here is from ``train`` alone."""
        return train.measures, test.measures

    def covariates(self, people: People) -> np.ndarray:
        """(n, q) What is regressed out of features."""
        return people.covariates

    def scores(
        self, train: People, positive: np.ndarray, test: People, *, seed: int, device: torch.device | str = "cpu"
    ) -> np.ndarray:
        """See `Classifier`."""
        every = self._path(train, positive, test)
        if len(every) == 1:
            return every[0]
        reached = np.zeros(len(every))
        dealt = StratifiedKFold(self.n_folds, shuffle=True, random_state=seed).split(positive, positive)
        for own, held_out in dealt:
            inner = self._path(train.of(own), positive[own], train.of(held_out))
            reached += [auc(one, positive[held_out]) for one in inner]
        return every[int(reached.argmax())]

    def _path(self, train: People, positive: np.ndarray, test: People) -> np.ndarray:
        own, other = self.features(train, positive, test)
        cleaning = Cleaning(own, self.covariates(train))
        own, other = (
            cleaning.apply(features, self.covariates(people)) for features, people in ((own, train), (other, test))
        )
        if not own.shape[1]:  # nothing varies: nothing can be said
            return np.zeros((1, len(test)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # of penalties so weak that none is chosen
            found = self.path(own, positive, np.vstack([other, own]))
        if len(found) > 1:
            size = found[:, len(test) :].std(1, keepdims=True)
            found = found / np.where(size > 0, size, 1.0)
        return found[:, : len(test)]

    def check(self, fewest: int) -> None:
        """See `Classifier`: each fold must hold out somebody of each group."""
        if self.chooses and self.n_folds > fewest:
            raise UserError(
                f"a classifier chooses its penalty in {self.n_folds} folds (n_folds), and learns from {fewest} people of the smaller group. "
                "Set fewer, or a single penalty."
            )


class Logistic(Linear):
    """Logistic regression with a quadratic penalty; groups count alike, whatever their sizes.

    Parameters
    ----------
    strengths
        Inverse penalties (scikit-learn's C) to choose from, for z-scored features.
    n_folds
        Of the choice.
    """

    def __init__(self, *, strengths: tuple[float, ...] = (0.001, 0.01, 0.1, 1.0), n_folds: int = 3):
        super().__init__(n_folds=n_folds)
        self.strengths = sorted(check_strengths(strengths))
        self.chooses = len(self.strengths) > 1

    def path(self, train: np.ndarray, positive: np.ndarray, test: np.ndarray) -> np.ndarray:
        """See `Linear`."""
        found = []
        for strength in self.strengths:
            model = LogisticRegression(C=strength, class_weight="balanced", max_iter=500)
            found.append(model.fit(train, positive).decision_function(test))
        return np.array(found)


class LinearSVM(Linear):
    """A linear support vector machine; groups count alike, whatever their sizes.

    Parameters
    ----------
    strengths
        Inverse penalties (scikit-learn's C) to choose from, for z-scored features.
    n_folds
        Of the choice.
    """

    def __init__(self, *, strengths: tuple[float, ...] = (0.0001, 0.001, 0.01, 0.1), n_folds: int = 3):
        super().__init__(n_folds=n_folds)
        self.strengths = sorted(check_strengths(strengths))
        self.chooses = len(self.strengths) > 1

    def path(self, train: np.ndarray, positive: np.ndarray, test: np.ndarray) -> np.ndarray:
        """See `Linear`."""
        models = (LinearSVC(C=one, class_weight="balanced", random_state=0) for one in self.strengths)
        return np.array([model.fit(train, positive).decision_function(test) for model in models])


class ElasticNet(Linear):
    """Least squares on labels that stand for the groups, with an absolute and a quadratic penalty: a discriminant that chooses features.

    Parameters
    ----------
    l1_ratio
        Share of the absolute penalty.
    n_penalties
        How many penalties to choose from, from the one that leaves no feature down to a thirtieth of it.
    n_folds
        Of the choice.
    """

    def __init__(self, *, l1_ratio: float = 0.5, n_penalties: int = 6, n_folds: int = 3):
        super().__init__(n_folds=n_folds)
        check_number("l1_ratio", l1_ratio, above=0)
        if l1_ratio > 1:
            raise UserError(f"l1_ratio is {l1_ratio:g}; expected above 0 and up to 1.")
        check_number("n_penalties", n_penalties, low=2, whole=True)
        self.l1_ratio, self.n_penalties = l1_ratio, n_penalties

    def path(self, train: np.ndarray, positive: np.ndarray, test: np.ndarray) -> np.ndarray:
        """See `Linear`."""
        # labels of mean 0 whatever the sizes of the groups: the solution without penalty is Fisher's discriminant
        label = np.where(positive, 1 / positive.sum(), -1 / (~positive).sum()) * len(positive) / 2
        _, weights, _ = enet_path(train, label, l1_ratio=self.l1_ratio, eps=1 / 30, alphas=self.n_penalties)
        own, other = weights.T @ train.T, weights.T @ test.T  # (penalties, n), (penalties, m)
        between = (own[:, positive].mean(1) + own[:, ~positive].mean(1)) / 2
        return other - between[:, None]


class CovariatesOnly(Logistic):
    """The baseline that every classifier must beat: it knows age, sex, motion and so on, and nothing of the brain."""

    def features(self, train: People, positive: np.ndarray, test: People) -> tuple[np.ndarray, np.ndarray]:
        """See `Linear`."""
        return train.covariates, test.covariates

    def covariates(self, people: People) -> np.ndarray:
        """Nothing is regressed out."""
        return people.covariates[:, :0]


def check_strengths(strengths: Sequence[float]) -> list[float]:
    """Inverse penalties as floats; a UserError if one is not above 0."""
    for one in strengths:
        check_number("strengths", one, above=0)
    return [float(one) for one in strengths]
