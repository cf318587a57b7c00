"""A decoder for each moment of a window, tried at every other moment: temporal generalisation."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from scipy.special import log_softmax

from n2s.models.window_classifiers import WindowClassifier, bins, check_bins, checked_shrinkage, standard

AT_ONCE = 2**24  # numbers of covariances that are made at once: 128 MB


class SlidingLDA(WindowClassifier):
    """Linear discriminant analysis of all sensors at each sample (or bin) of a window, a decoder each.

    All decoders are fitted together, in batches of matrices. `log_proba` is of their mean log-probability, so that a window has one
    answer; `log_proba_at_times` keeps them apart, and `generalised` tries each decoder at all times.

    Parameters
    ----------
    shrinkage
        Of each decoder's covariance, from 0 (none) to 1; ``auto``: Ledoit and Wolf's.
    n_bins
        A window's samples are averaged in so many bins, a decoder each; None: each sample has one.
    balanced
        Whether all classes are as likely; else as likely as in training.

    References
    ----------
    King and Dehaene 2014, Trends Cogn. Sci. 18:203.

    Examples
    --------
    >>> import numpy as np
    >>> from n2s.models import SlidingLDA
    >>> rng, word = np.random.default_rng(0), np.tile([0, 1], 40)
    >>> windows = rng.standard_normal((80, 4, 6))
    >>> windows[word == 1, :2, 3] += 3                                                  # they differ at the fourth sample
    >>> lda = SlidingLDA().fit(windows[:60], word[:60])
    >>> said = lda.log_proba_at_times(windows[60:]).argmax(2)                            # (times, windows)
    >>> int((said == word[60:]).mean(1).argmax())
    3
    """

    def __init__(
        self, shrinkage: float | Literal["auto"] = "auto", n_bins: int | None = None, *, balanced: bool = True
    ):
        self.shrinkage, self.n_bins, self.balanced = shrinkage, n_bins, balanced
        self.check_parameters()

    def check_parameters(self) -> None:
        """See `n2s.models.estimator.Estimator`."""
        checked_shrinkage(self.shrinkage, "SlidingLDA")
        check_bins(self.n_bins, "SlidingLDA")

    def settings(self) -> dict:
        """See `WindowClassifier`."""
        return {"shrinkage": self.shrinkage, "n_bins": self.n_bins, "balanced": self.balanced}

    def log_proba_at_times(self, x: np.ndarray) -> np.ndarray:
        """(n, c, t) -> (bins, n, k): each decoder at its own time."""
        return self._all(self._log_proba_at_times(self._seen(x)))

    def generalised(self, x: np.ndarray, decoder: int) -> np.ndarray:
        """(n, c, t) -> (bins, n, k): one decoder at every time."""
        return self._all(_answers(self._at_times(self._seen(x)), *self._of(decoder)))

    def said_across_times(self, x: np.ndarray) -> np.ndarray:
        """(n, c, t) -> (n, bins, bins) int16: the class that the decoder of each time says at each time, without its probability."""
        at_times, weights = self._at_times(self._seen(x)), self._fitted["weights"]
        n_bins, c, k = weights.shape
        flat = np.ascontiguousarray(weights.transpose(1, 0, 2)).reshape(c, n_bins * k)
        found = np.empty((len(x), n_bins, n_bins), np.int16)
        known = self._fitted["known"].astype(np.int16)
        for time, one in enumerate(at_times):  # all decoders in one product
            logits = (one @ flat).reshape(len(x), n_bins, k) + self._fitted["bias"]
            found[:, :, time] = known[logits.argmax(2)]
        return found

    @property
    def n_decoders(self) -> int:
        """Times that have a decoder."""
        return len(self._fitted["bias"])

    def _fit(self, x: np.ndarray, y: np.ndarray, groups: Sequence | None, k: int) -> dict[str, np.ndarray]:
        found = self._at_times(x)  # (bins, n, c)
        n_times, n, c = found.shape
        weights, bias = np.empty((n_times, c, k)), np.empty((n_times, k))
        share, step = np.empty(n_times), max(1, AT_ONCE // max(c * max(c, n), 1))
        for at in range(0, n_times, step):
            part = slice(at, at + step)
            weights[part], bias[part], share[part] = _discriminants(
                found[part], y, k, self.shrinkage, balanced=self.balanced
            )
        return {"weights": weights, "bias": bias, "shrinkage": share, "shape": np.array(x.shape[1:])}

    def _log_proba(self, x: np.ndarray) -> np.ndarray:
        return log_softmax(self._log_proba_at_times(x).mean(0), axis=-1)

    def _log_proba_at_times(self, x: np.ndarray) -> np.ndarray:
        return _answers(self._at_times(x), self._fitted["weights"], self._fitted["bias"][:, None])

    def _of(self, decoder: int) -> tuple[np.ndarray, np.ndarray]:
        return self._fitted["weights"][decoder], self._fitted["bias"][decoder]

    def _at_times(self, x: np.ndarray) -> np.ndarray:
        """(n, c, t) -> (bins, n, c)."""
        return np.ascontiguousarray(bins(x, self.n_bins).transpose(2, 0, 1))


def _answers(x: np.ndarray, weights: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """(b, n, c) by (b or none, c, k) -> (b, n, k) log-probabilities."""
    return log_softmax(x @ weights + bias, axis=-1)


def _discriminants(
    x: np.ndarray, y: np.ndarray, k: int, shrinkage: float | str, *, balanced: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As `n2s.models.window_classifiers.discriminants`, of a batch (b, n, c), standardised here: weights, biases, shrinkages."""
    n_times, n, c = x.shape
    mean, scale = zip(*(standard(one) for one in x), strict=True)
    mean, scale = np.stack(mean), np.stack(scale)
    z = (x - mean[:, None]) * scale[:, None]
    one_hot = np.zeros((k, n))
    one_hot[y, np.arange(n)] = 1
    counts = one_hot.sum(1)
    means = one_hot @ z / counts[:, None]  # (b, k, c)
    z -= means[:, y]  # inside classes
    product = z.transpose(0, 2, 1) @ z  # (b, c, c)
    n_own = np.maximum((scale > 0).sum(1), 1)  # sensors that vary
    power = np.trace(product, axis1=1, axis2=2) / n
    if shrinkage == "auto":
        square = np.square(product).sum((1, 2)) / n**2
        beta = np.maximum((np.square(np.square(z).sum(2)).sum(1) / n - square) / (n_own * n), 0)
        delta = (square - power**2 / n_own) / n_own
        share = np.minimum(np.divide(beta, delta, out=np.ones(n_times), where=delta > 0), 1.0)
    else:
        share = np.full(n_times, float(shrinkage))
    product *= ((1 - share) / n)[:, None, None]
    diagonal = np.arange(c)
    product[:, diagonal, diagonal] += np.where(scale > 0, (share * np.maximum(power / n_own, 1e-9))[:, None], 1.0)
    weights = np.linalg.solve(product, means.transpose(0, 2, 1))
    bias = -0.5 * (means.transpose(0, 2, 1) * weights).sum(1) - (0 if balanced else np.log(n / counts))
    weights *= scale[:, :, None]
    return weights, bias - (mean[:, None] @ weights)[:, 0], share
