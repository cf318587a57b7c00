"""A classifier that searches a trial for the window in which something was said: imagined speech has no onset that others hear."""

import copy
from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from scipy.special import log_softmax, logsumexp

from n2s.errors import UserError
from n2s.findings import tell
from n2s.models.folds import dealt_folds
from n2s.models.window_classifiers import ABSENT, WindowClassifier, WindowLDA
from n2s.options import check_choice, check_number

TEMPERATURES = np.r_[0.0, np.geomspace(0.02, 2, 14)]  # how bold log-probabilities are does not count in the choice
INNER = "inner."  # before the names of what the classifier inside has found


class OnsetSearch(WindowClassifier):
    """A classifier of shorter windows, which looks at several starts inside each trial.

    The classifier inside learns one class more: windows of the same trials that begin elsewhere. What a window says for class k is its
    log-odds against that class, so a start counts as much as it looks like one; a trial's log-probability is their log-sum-exp over all
    starts, with a prior of the starts. Training alternates between a fit and the choice of each trial's start, in which a trial is judged
    by fits to other groups (runs), as one that has learned from it would find it where it was. Starts are chosen by labels in training
    alone. Whether searching is worth it at all is chosen, too: by held-out groups of the training trials, for which starts are chosen anew.
    Averages of trials (``data.average``) blur what begins at other times in each: search single ones.

    Parameters
    ----------
    classifier
        Of the windows inside: `n2s.models.WindowLDA` or another `n2s.models.WindowClassifier`; None: the first.
    share
        Length of the windows inside, as a share of the trial's, above 0 and below 1. With ``data.window_s`` 1.2 and 2/3: 0.8 s.
    n_starts
        Starts, evenly from the trial's beginning to where the last window fits.
    n_rounds
        How often starts are chosen anew.
    n_folds
        Of both choices. With fewer groups, each is a fold; with one group or none, folds are consecutive parts of the trials, and that is told.
    prior
        Of the starts when others' trials are classified: ``learned`` from those of training, or ``flat``, for trials of another condition, in
        which people may begin at other times.
    may_be_fixed
        Whether training may choose the window in the middle, without any search.

    References
    ----------
    Woody 1967, Med. Biol. Eng. 5:539 (responses of unknown latency are found by their mean, and the mean by them).

    Examples
    --------
    >>> import numpy as np
    >>> from n2s.models import OnsetSearch
    >>> rng, word, run = np.random.default_rng(0), np.tile([0, 1], 30), np.repeat(np.arange(3), 20)
    >>> trials = rng.standard_normal((60, 4, 24))
    >>> for trial, label, start in zip(trials, word, rng.integers(0, 12, 60)):           # said at any time
    ...     trial[label, start : start + 12] += 2.0
    >>> search = OnsetSearch(share=0.5, n_starts=7, may_be_fixed=False).fit(trials[:40], word[:40], run[:40])
    >>> search.predict(trials[40:]).shape, search.score(trials[40:], word[40:]) > 0.8
    ((20,), True)
    """

    def __init__(
        self,
        classifier: WindowClassifier | None = None,
        *,
        share: float = 2 / 3,
        n_starts: int = 9,
        n_rounds: int = 3,
        n_folds: int = 3,
        prior: Literal["learned", "flat"] = "learned",
        may_be_fixed: bool = True,
    ):
        self.classifier, self.share, self.n_starts, self.n_rounds = classifier, share, n_starts, n_rounds
        self.n_folds, self.prior, self.may_be_fixed = n_folds, prior, may_be_fixed
        self.check_parameters()

    def check_parameters(self) -> None:
        """See `n2s.models.estimator.Estimator`."""
        check_number("OnsetSearch: share", self.share, above=0, below=1)
        for name, low in (("n_starts", 2), ("n_rounds", 1), ("n_folds", 2)):
            check_number(f"OnsetSearch: {name}", getattr(self, name), low=low, whole=True)
        check_choice("OnsetSearch: prior", self.prior, ("learned", "flat"))
        if self.classifier is not None and not isinstance(self.classifier, WindowClassifier):
            raise UserError(
                f"OnsetSearch: classifier is {self.classifier!r}; expected a WindowClassifier such as n2s.models.WindowLDA."
            )

    @property
    def _of_windows(self) -> WindowClassifier:
        """Of the windows inside, not fitted."""
        return WindowLDA() if self.classifier is None else self.classifier

    def settings(self) -> dict:
        """See `WindowClassifier`."""
        inside = {"class": type(self._of_windows).__name__} | self._of_windows.settings()
        names = ("share", "n_starts", "n_rounds", "n_folds", "prior", "may_be_fixed")
        return {"classifier": inside} | {name: getattr(self, name) for name in names}

    @property
    def fixed(self) -> bool:
        """Whether training has chosen the window in the middle, without a search."""
        return bool(self._fitted["fixed"])

    @property
    def chosen(self) -> np.ndarray:
        """(n,) The start of each training trial, in samples."""
        return self._fitted["starts"]

    def _fit(self, x: np.ndarray, y: np.ndarray, groups: Sequence | None, k: int) -> dict[str, np.ndarray]:
        groups = None if groups is None else np.asarray(groups)
        fold, n_times = self._folds(groups, len(x)), x.shape[2]
        fixed = False
        if self.may_be_fixed:
            found = {one: np.full((len(x), k), ABSENT) for one in (True, False)}
            for held in (fold == one for one in range(fold.max() + 1)):
                if len(np.unique(y[~held])) < 2:
                    continue
                own = None if groups is None else groups[~held]
                for one, log_proba in found.items():
                    made = self._made(x[~held], y[~held], own, k, fixed=one)
                    log_proba[held] = self._told(made, x[held], k)
            fixed = calibrated_loss(found[True], y, k) <= calibrated_loss(found[False], y, k)
        made = self._made(x, y, groups, k, fixed=fixed)
        return made | {"shape": np.array(x.shape[1:]), "starts": self._starts(n_times)[made["starts"]]}

    def _log_proba(self, x: np.ndarray) -> np.ndarray:
        return self._told(self._fitted, x, len(self._fitted["known"]))

    # -- how ----------------------------------------------------------------------------------------------------------

    def _made(self, x: np.ndarray, y: np.ndarray, groups: np.ndarray | None, k: int, *, fixed: bool) -> dict:
        """Arrays of a fit to trials: the classifier inside, numbers of the starts, and the log-prior of starts."""
        middle = np.full(len(x), self._middle(x.shape[2]))
        if fixed:
            inside = copy.deepcopy(self._of_windows).fit(self._cut(x, middle), y, groups, n_classes=k)
            found, starts = np.zeros(1), middle
        else:
            starts, prior = self._aligned(x, y, groups, k)
            inside = self._inside(x, y, groups, starts, k)
            found = prior if self.prior == "learned" else np.full(len(prior), -np.log(len(prior)))
        state = {f"{INNER}{name}": value.numpy() for name, value in inside.state().items()}
        return state | {"fixed": np.array(fixed), "log_prior": found, "starts": starts}

    def _aligned(
        self, x: np.ndarray, y: np.ndarray, groups: np.ndarray | None, k: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """(n,) number of each training trial's start, and the (s,) log-prior that they make; each is chosen by fits to other groups."""
        n_starts = len(self._starts(x.shape[2]))
        starts, prior = np.full(len(x), self._middle(x.shape[2])), np.full(n_starts, -np.log(n_starts))
        fold = self._folds(groups, len(x), quiet=True)
        for _ in range(self.n_rounds):
            evidence = np.zeros((n_starts, len(x)))
            for held in (fold == one for one in range(fold.max() + 1)):
                own = None if groups is None else groups[~held]
                inside = self._inside(x[~held], y[~held], own, starts[~held], k)
                evidence[:, held] = self._odds(inside, x[held])[:, np.arange(held.sum()), y[held]]
            starts = (evidence + prior[:, None]).argmax(0)
            counts = np.bincount(starts, minlength=n_starts) + 1.0
            prior = np.log(counts / counts.sum())
        return starts, prior

    def _inside(
        self, x: np.ndarray, y: np.ndarray, groups: np.ndarray | None, starts: np.ndarray, k: int
    ) -> WindowClassifier:
        """The classifier of windows that begin at ``starts``; class k: the same trials, as far from there as can be."""
        last = len(self._starts(x.shape[2])) - 1
        late = np.where(2 * starts == last, np.arange(len(x)) % 2 == 0, 2 * starts < last)
        windows = np.concatenate([self._cut(x, starts), self._cut(x, np.where(late, last, 0))])
        twice = None if groups is None else np.concatenate([groups, groups])
        return copy.deepcopy(self._of_windows).fit(windows, np.r_[y, np.full(len(y), k)], twice, n_classes=k + 1)

    def _odds(self, inside: WindowClassifier, x: np.ndarray) -> np.ndarray:
        """(n, c, t) -> (s, n, k) log-odds of each class against windows that begin elsewhere, at each start."""
        n_starts = len(self._starts(x.shape[2]))
        log_proba = np.stack([inside.log_proba(self._cut(x, np.full(len(x), one))) for one in range(n_starts)])
        return log_proba[..., :-1] - log_proba[..., -1:]

    def _told(self, made: dict, x: np.ndarray, k: int) -> np.ndarray:
        """(n, c, t) -> (n, k) log-probabilities by a fit."""
        state = {
            name.removeprefix(INNER): torch.from_numpy(np.asarray(value))
            for name, value in made.items()
            if name.startswith(INNER)
        }
        inside = copy.copy(self._of_windows).load(state)
        if made["fixed"]:
            return inside.log_proba(self._cut(x, np.full(len(x), self._middle(x.shape[2]))))
        return log_softmax(logsumexp(self._odds(inside, x) + made["log_prior"][:, None, None], axis=0), axis=-1)

    def _cut(self, x: np.ndarray, starts: np.ndarray) -> np.ndarray:
        """(n, c, t) trials -> (n, c, w) windows that begin at each trial's own start, a number among all."""
        at, width = self._starts(x.shape[2]), self._width(x.shape[2])
        found = np.empty((*x.shape[:2], width), x.dtype)
        for one in np.unique(starts):
            found[starts == one] = x[starts == one, :, at[one] : at[one] + width]
        return found

    def _width(self, n_times: int) -> int:
        width = round(self.share * n_times)
        if not 0 < width < n_times:
            raise UserError(
                f"OnsetSearch: trials have {n_times} samples, and windows inside {width}; expected 1 to {n_times - 1}. Cut longer trials "
                "(data.window_s), or set model.classifier.share."
            )
        return width

    def _starts(self, n_times: int) -> np.ndarray:
        """(s,) samples at which windows may begin; fewer than ``n_starts`` where there are not so many."""
        return np.unique(np.linspace(0, n_times - self._width(n_times), self.n_starts).round().astype(int))

    def _middle(self, n_times: int) -> int:
        return len(self._starts(n_times)) // 2

    def _folds(self, groups: np.ndarray | None, n: int, *, quiet: bool = False) -> np.ndarray:
        """(n,) fold of each trial: whole groups, or else consecutive parts."""
        n_groups = 0 if groups is None else len(set(groups.tolist()))
        if n_groups > 1:
            return dealt_folds(groups, n, min(self.n_folds, n_groups), "OnsetSearch").numpy()
        if not quiet:
            tell("odd", "OnsetSearch", "training has one group or none: starts are chosen by consecutive parts of it.")
        return np.arange(n) * min(self.n_folds, n) // n


def calibrated_loss(log_proba: np.ndarray, y: np.ndarray, k: int) -> float:
    """The mean loss over classes, at the temperature that suits these log-probabilities best: how bold they are does not count.

    Parameters
    ----------
    log_proba
        (n, k)
    y
        (n,) classes; each that occurs counts alike.
    k
        Classes.
    """
    counts = np.bincount(y, minlength=k)
    weight = 1 / (counts[y] * (counts > 0).sum())
    rows = np.arange(len(y))
    losses = [-(weight * log_softmax(one * log_proba, axis=1)[rows, y]).sum() for one in TEMPERATURES]
    return float(min(losses))
