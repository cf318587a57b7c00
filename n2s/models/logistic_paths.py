"""Elastic-net logistic regressions of the same rows with other weights of rows: all are solved together."""

import numpy as np
from scipy.special import log_softmax, softmax

from n2s.models.window_classifiers import standard

POWER_STEPS = 30  # of the power iteration, for the largest curvature
MARGIN = 1.05  # of that: it is approached from below
LOOK = 5  # steps between two looks at what still changes


class Logistic:
    """m problems: training rows of (n, p) features that are standardised in each, classes that count alike.

    They are solved by accelerated proximal steps (FISTA) that start anew where the momentum points uphill; a step takes one product of the
    features with the weights of all problems.

    Parameters
    ----------
    z
        (n, p) Features.
    y
        (n,) Classes, 0 to k - 1.
    k
        Classes. 2: one vector of weights a problem, else k.
    train
        (m, n) Which rows each problem learns from. A class without rows among them is not learned there.
    """

    def __init__(self, z: np.ndarray, y: np.ndarray, k: int, train: np.ndarray):
        self.z, self.y, self.k = z, y, k
        self.n_out = 1 if k == 2 else k
        self.rows = balanced_rows(y, k, train)  # (m, n), sums to 1 in each problem
        moments = [standard(z[own]) if not own.all() else (z.mean(0), _inverse(z.std(0))) for own in train]
        self.mean, self.scale = np.stack([one[0] for one in moments]), np.stack([one[1] for one in moments])  # (m, p)
        self.true = np.eye(k)[y]
        self.late = False
        self._step = 1 / (MARGIN * (0.25 if k == 2 else 0.5) * self._curvature())  # (m,)

    def slope(self) -> float:
        """The largest slope of the loss of the first problem where all weights are 0."""
        return float(np.abs(self._gradient(*self._zeros())[0][0]).max(initial=0))

    def path(
        self, penalties: np.ndarray, ratios: np.ndarray, *, tolerance: float, most: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Solve for one penalty after another, each from where the one before it ended.

        Parameters
        ----------
        penalties
            (a, m) From large to small.
        ratios
            (m,) Parts of the absolute values.
        tolerance
            It ends where no weight changes by more than this part of the largest, in a step.
        most
            Steps a penalty.

        Returns
        -------
        (a, m, p, o) weights and (a, m, o) intercepts, of the features as given; o is 1 for two classes, else k.
        """
        state = self._zeros()
        weights, biases = [], []
        for penalty in penalties:
            state = self._solve(*state, penalty * ratios, penalty * (1 - ratios), tolerance, most)
            scaled = state[0] * self.scale[:, :, None]
            weights.append(scaled)
            biases.append(state[1] - np.einsum("mp,mpo->mo", self.mean, scaled))
        return np.stack(weights), np.stack(biases)

    def held_out_loss(self, weights: np.ndarray, biases: np.ndarray, held: np.ndarray) -> np.ndarray:
        """(a, m) mean negative log-probability of held-out rows (m, n), a class counting as much as another."""
        share = balanced_rows(self.y, self.k, held)
        found = np.empty(weights.shape[:2])
        for index, (own, bias) in enumerate(zip(weights, biases, strict=True)):
            logits = np.einsum("np,mpo->mno", self.z, own, optimize=True) + bias[:, None]
            logs = log_softmax(self._both(logits), axis=-1)
            found[index] = -(share * np.take_along_axis(logs, self.y[None, :, None], 2)[:, :, 0]).sum(1)
        return found

    def _solve(
        self, weights: np.ndarray, bias: np.ndarray, lasso: np.ndarray, ridge: np.ndarray, tolerance: float, most: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Accelerated proximal steps of all problems, until none changes."""
        ahead, ahead_bias = weights, bias
        momentum = np.ones(len(weights))
        step = 1 / (1 / self._step + ridge)
        cut, side = (step * lasso)[:, None, None], step[:, None, None]
        for number in range(1, most + 1):
            slope, slope_bias = self._gradient(ahead, ahead_bias)
            moved = ahead - side * (slope + ridge[:, None, None] * ahead)
            new = np.sign(moved) * np.maximum(np.abs(moved) - cut, 0)
            new_bias = ahead_bias - side[:, :, 0] * slope_bias
            change, change_bias = new - weights, new_bias - bias
            uphill = ((ahead - new) * change).sum((1, 2)) + ((ahead_bias - new_bias) * change_bias).sum(1) > 0
            momentum = np.where(uphill, 1.0, momentum)
            later = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
            factor = np.where(uphill, 0.0, (momentum - 1) / later)[:, None]
            weights, bias, momentum = new, new_bias, later
            ahead, ahead_bias = weights + factor[:, :, None] * change, bias + factor * change_bias
            if number % LOOK == 0:
                moves = np.maximum(np.abs(change).max((1, 2), initial=0), np.abs(change_bias).max(1))
                if (moves <= tolerance * np.maximum(np.abs(weights).max((1, 2), initial=0), 1e-3)).all():
                    return weights, bias
        self.late = True
        return weights, bias

    def _gradient(self, weights: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(m, p, o) and (m, o): slopes of weights and intercepts, without penalties."""
        proba = softmax(self._both(self._logits(weights) + bias[:, None]), axis=-1)
        error = self.rows[:, :, None] * (proba - self.true)
        error = error[:, :, 1:] if self.n_out == 1 else error
        return self._back(error), error.sum(1)

    def _logits(self, weights: np.ndarray) -> np.ndarray:
        """(m, p, o) -> (m, n, o): one product for all problems."""
        m, p, o = weights.shape
        scaled = weights * self.scale[:, :, None]
        flat = self.z @ scaled.transpose(1, 0, 2).reshape(p, m * o)
        return flat.reshape(-1, m, o).transpose(1, 0, 2) - np.einsum("mp,mpo->mo", self.mean, scaled)[:, None]

    def _back(self, error: np.ndarray) -> np.ndarray:
        """(m, n, o) -> (m, p, o): the transpose of `_logits`."""
        m, n, o = error.shape
        flat = self.z.T @ error.transpose(1, 0, 2).reshape(n, m * o)
        back = flat.reshape(-1, m, o).transpose(1, 0, 2) - self.mean[:, :, None] * error.sum(1)[:, None]
        return back * self.scale[:, :, None]

    def _both(self, logits: np.ndarray) -> np.ndarray:
        return np.concatenate([np.zeros_like(logits), logits], -1) if self.n_out == 1 else logits

    def _zeros(self) -> tuple[np.ndarray, np.ndarray]:
        m = len(self.rows)
        return np.zeros((m, self.z.shape[1], self.n_out)), np.zeros((m, self.n_out))

    def _curvature(self) -> np.ndarray:
        """(m,) the largest eigenvalue of the weighted products of features and intercept, by power iteration."""
        m, p = self.mean.shape
        vector, constant = np.random.default_rng(0).standard_normal((m, p, 1)), np.ones((m, 1))
        size = np.ones(m)
        for _ in range(POWER_STEPS):
            seen = self.rows[:, :, None] * (self._logits(vector) + constant[:, None])
            vector, constant = self._back(seen), seen.sum(1)
            size = np.sqrt(np.square(vector).sum((1, 2)) + np.square(constant).sum(1))
            vector, constant = vector / size[:, None, None], constant / size[:, None]
        return size


def balanced_rows(y: np.ndarray, k: int, rows: np.ndarray) -> np.ndarray:
    """(m, n) bool -> (m, n) weights of rows that sum to 1 in each problem, a class having as much as another."""
    one_hot = np.eye(k)[y]
    counts = rows @ one_hot  # (m, k)
    share = np.divide(1.0, counts, out=np.zeros_like(counts), where=counts > 0)
    return rows * (share @ one_hot.T) / (counts > 0).sum(1, keepdims=True)


def _inverse(deviation: np.ndarray) -> np.ndarray:
    return np.divide(1.0, deviation, out=np.zeros_like(deviation), where=deviation > 0)
