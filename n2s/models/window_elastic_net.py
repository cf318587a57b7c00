"""Logistic regression with an elastic net on windows; its penalty is chosen by holding out whole groups."""

from collections.abc import Sequence

import numpy as np
from scipy.special import log_softmax

from n2s.errors import UserError
from n2s.findings import tell
from n2s.models.estimator import InputError
from n2s.models.folds import dealt_folds
from n2s.models.logistic_paths import Logistic
from n2s.models.window_classifiers import WindowClassifier, check_bins, flat_bins, standard
from n2s.options import check_number, check_numbers

CHOICE_TOLERANCE, TOLERANCE = 1e-3, 1e-4  # largest change of a weight in a step, beside the largest weight
CHOICE_STEPS, STEPS = 300, 3000


class WindowElasticNet(WindowClassifier):
    """Logistic regression, ``sum_i w_i loss_i / n + penalty (l1_ratio |W|_1 + (1 - l1_ratio) |W|^2 / 2)``, of sensors by bins of time.

    Features are standardised, the intercept is not penalised, and ``w`` makes all classes count alike: scikit-learn's elastic net with
    ``C = 1 / (n penalty)`` and ``class_weight="balanced"``. With two classes there is one vector of weights, else one a class.
    Penalty and ratio have the lowest mean loss over held-out groups of the training windows; among equals the larger penalty.

    Parameters
    ----------
    fractions
        Penalties to choose from, as parts of the smallest one with which all weights are 0; above 0, below 1.
    l1_ratios
        To choose from. 1: lasso; towards 0: ridge.
    n_folds
        Of the choice. With fewer groups, each is a fold; with one group, folds are consecutive parts of the windows, and that is told.
    n_bins
        A window's samples are averaged in so many bins of time; None: each sample is a feature.

    References
    ----------
    Zou and Hastie 2005, J. R. Stat. Soc. B 67:301. Beck and Teboulle 2009, SIAM J. Imaging Sci. 2:183.

    Examples
    --------
    >>> import numpy as np
    >>> from n2s.models import WindowElasticNet
    >>> rng, word, run = np.random.default_rng(0), np.tile([0, 1], 40), np.repeat(np.arange(4), 20)
    >>> windows = rng.standard_normal((80, 6, 20))
    >>> windows[word == 1, 0, 5:10] += 1.0                                              # one sensor tells them apart
    >>> net = WindowElasticNet(n_folds=3, n_bins=4).fit(windows[:60], word[:60], run[:60])
    >>> net.score(windows[60:], word[60:]), int(abs(net.state()["weights"]).reshape(6, 4).sum(1).argmax())
    (0.85, 0)
    """

    def __init__(
        self,
        fractions: Sequence[float] = (0.6, 0.3, 0.1, 0.03, 0.01),
        *,
        l1_ratios: Sequence[float] = (0.1, 0.5),
        n_folds: int = 5,
        n_bins: int | None = 10,
    ):
        self.fractions, self.l1_ratios, self.n_folds, self.n_bins = fractions, l1_ratios, n_folds, n_bins
        self.check_parameters()

    def check_parameters(self) -> None:
        """See `n2s.models.estimator.Estimator`."""
        for name, values, top in (
            ("fractions", self.fractions, {"below": 1}),
            ("l1_ratios", self.l1_ratios, {"high": 1}),
        ):
            check_numbers(f"WindowElasticNet: {name}", values, above=0, **top)
            if values is None or not len(values):
                raise UserError(f"WindowElasticNet: {name} is {values!r}; expected at least one number.")
        check_number("WindowElasticNet: n_folds", self.n_folds, low=2, whole=True)
        check_bins(self.n_bins, "WindowElasticNet")

    @property
    def _fractions(self) -> list[float]:
        """From the largest penalty on."""
        return sorted(map(float, self.fractions), reverse=True)

    @property
    def _ratios(self) -> list[float]:
        return sorted(map(float, self.l1_ratios), reverse=True)

    @property
    def chosen(self) -> tuple[float, float]:
        """Penalty and l1 ratio of the fit."""
        return float(self._fitted["penalty"]), float(self._fitted["l1_ratio"])

    def settings(self) -> dict:
        """See `WindowClassifier`."""
        return {
            "fractions": self._fractions, "l1_ratios": self._ratios, "n_folds": self.n_folds, "n_bins": self.n_bins,
        }  # fmt: skip

    def _fit(self, x: np.ndarray, y: np.ndarray, groups: Sequence | None, k: int) -> dict[str, np.ndarray]:
        features = flat_bins(x, self.n_bins)
        mean, scale = standard(features)
        own = np.flatnonzero(scale)
        z = (features[:, own] - mean[own]) * scale[own]
        every = Logistic(z, y, k, np.ones((1, len(z)), bool))
        # by ratio: the smallest penalty with which all weights are 0
        largest = {ratio: every.slope() / ratio for ratio in self._ratios}
        if not all(largest.values()):
            raise InputError(
                "WindowElasticNet: no feature differs between classes in training: sensors are constant, or windows are equal."
            )
        ratio, fraction = self._ratios[0], self._fractions[0]
        if len(self._ratios) * len(self._fractions) > 1:
            ratio, fraction = self._choose(z, y, k, groups, largest)
        path = [largest[ratio] * one for one in self._fractions if one >= fraction]
        weights, bias = every.path(np.array(path)[:, None], np.array([ratio]), tolerance=TOLERANCE, most=STEPS)
        if every.late:
            tell(
                "odd",
                "WindowElasticNet",
                f"weights still changed after {STEPS} steps: features are much alike. Take larger fractions, or fewer bins of time.",
            )
        whole = np.zeros((features.shape[1], weights.shape[-1]))
        whole[own] = weights[-1, 0] * scale[own, None]
        return {
            "weights": whole, "bias": bias[-1, 0] - mean @ whole, "penalty": np.array(path[-1]), "l1_ratio": np.array(ratio),
            "shape": np.array(x.shape[1:]),
        }  # fmt: skip

    def _log_proba(self, x: np.ndarray) -> np.ndarray:
        logits = flat_bins(x, self.n_bins) @ self._fitted["weights"] + self._fitted["bias"]
        if logits.shape[1] == 1:
            logits = np.concatenate([np.zeros_like(logits), logits], 1)
        return log_softmax(logits, axis=-1)

    def _choose(
        self, z: np.ndarray, y: np.ndarray, k: int, groups: Sequence | None, largest: dict[float, float]
    ) -> tuple[float, float]:
        """The ratio and the fraction with the lowest loss of held-out windows, a class counting as much as another."""
        fold = self._folds(groups, len(z))
        held = np.stack([fold == one for one in range(fold.max() + 1)])
        counted = np.array([len(np.unique(y[~one])) > 1 for one in held])
        if not counted.any():
            return self._ratios[0], self._fractions[0]
        held = held[counted]
        problem = Logistic(z, y, k, np.repeat(~held, len(self._ratios), axis=0))
        ratios = np.tile(self._ratios, len(held))
        penalties = np.array([[largest[ratio] * one for ratio in ratios] for one in self._fractions])
        weights, bias = problem.path(penalties, ratios, tolerance=CHOICE_TOLERANCE, most=CHOICE_STEPS)
        loss = problem.held_out_loss(weights, bias, np.repeat(held, len(self._ratios), axis=0))
        loss = loss.reshape(len(self._fractions), len(held), len(self._ratios)).mean(1)
        fraction, ratio = np.unravel_index(loss.argmin(), loss.shape)
        return self._ratios[ratio], self._fractions[fraction]

    def _folds(self, groups: Sequence | None, n: int) -> np.ndarray:
        n_groups = 0 if groups is None else len(set(np.asarray(groups).tolist()))
        if n_groups != 1:
            return dealt_folds(groups, n, min(self.n_folds, max(n_groups, 2)), "WindowElasticNet").numpy()
        tell("odd", "WindowElasticNet", "training has one group: the penalty is chosen by consecutive parts of it.")
        return np.arange(n) * min(self.n_folds, n) // n
