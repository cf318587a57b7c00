"""The simplest alternative to the network: a linear decoder of each listener, which predicts the target from the sensors (ridge)."""

import numpy as np
import torch
from einops import rearrange
from torch import Tensor

from n2s.data.meg import MEGDataModule
from n2s.features.feature import FrameFeature
from n2s.findings import tell
from n2s.models.encoding_ridge import EncodingRidge
from n2s.systems.contrastive.window_rows import components, lagged, lags, read_windows, some_windows

N_SENSORS = 64  # principal components of the sensors, at most: as many as signal-space separation leaves of 306
ALPHAS = tuple(10.0**exponent for exponent in range(1, 9))
N_FOLDS = 5  # of the choice of penalties
MOST_COMPARED = 300  # candidates that show how alike their numbers are


def linear_decoder(data: MEGDataModule, rows: np.ndarray, segments: np.ndarray) -> np.ndarray | None:
    """Scores of test windows (n,) with candidates: unique test segments (k,).

    Each listener's target is predicted from the sensors 0 to 500 ms after it, by a ridge with a penalty for each dimension of the
    target, fitted on that listener's training windows (folds: stimuli; with few of them, parts of time). A window's score with a
    candidate is the product of what is predicted and the candidate's target of length 1, both without the training mean: dimensions
    and windows in which the brain follows little are predicted small, and count little. Scores have the size of log-likelihoods. It sees
    the windows and candidates that the network sees.

    Returns
    -------
    (n, k) float32; None if the target is not a `FrameFeature`, or a listener has fewer training windows than folds.
    """
    if not isinstance(data.target, FrameFeature):
        return None
    train, test = data.windows["train"], data.windows["test"]
    listener, group = train.of_interval("subject"), train.of_interval("group_index")
    tested = test.of_interval("subject")[rows]
    candidates, delays = data.segment_targets("test", segments).float().cpu(), lags(data)
    scores = np.empty((len(rows), len(segments)), np.float32)
    for name in np.unique(tested):
        own = some_windows(data, np.flatnonzero(listener == name))
        if len(own) < N_FOLDS:
            told = f"no linear decoder beside the network: it has {len(own)} training windows; {N_FOLDS} are needed."
            tell("left out", str(name), told)
            return None
        decoder = Decoder(delays).fit(*read_windows(data, "train", own), folds(group[own]))
        brain, _ = read_windows(data, "test", rows[tested == name])
        scores[tested == name] = decoder.scores(brain, candidates).numpy()
    return scores


class Decoder:
    """Ridge from lagged components of the sensors to each dimension of the target.

    Parameters
    ----------
    delays
        (k,) In samples: how much later than the target the brain is looked at. Outside a window it is its training mean.
    """

    def __init__(self, delays: np.ndarray):
        self.delays = delays

    def fit(self, brain: Tensor, target: Tensor, group: np.ndarray) -> "Decoder":
        """(n, c, t) and (n, f, t) training windows, (n,) what the choice of penalties keeps together."""
        self.axes, self.mean = components(rearrange(brain, "n c t -> (n t) c"), N_SENSORS)
        wanted = rearrange(target, "n f t -> (n t) f")
        self.level = wanted.mean(0)
        n_folds = min(N_FOLDS, len(np.unique(group)))
        self.ridge = EncodingRidge(alphas=ALPHAS, n_folds=n_folds)
        design = rearrange(self._lagged(brain), "n t p -> (n t) p")
        wanted = wanted - self.level
        self.ridge.fit(design, wanted, np.repeat(group, target.shape[-1]))
        self.unexplained = float((wanted - design @ self.ridge.coef_.float()).square().mean())
        return self

    def predict(self, brain: Tensor) -> Tensor:
        """(n, c, t) -> (n, f, t), without the training mean of the target."""
        return rearrange(self._lagged(brain) @ self.ridge.coef_.float(), "n t f -> n f t")

    def scores(self, brain: Tensor, candidates: Tensor) -> Tensor:
        """(n, c, t) windows and (k, f, t) targets -> (n, k); 0 for a candidate that is the mean throughout.

        They differ as log-likelihoods do, if what is not explained is noise: windows of a sentence and listeners may be added.
        """
        wanted = (candidates - self.level[:, None]).flatten(1)
        length = wanted.norm(dim=1, keepdim=True).clamp_min(1e-12)
        found = self.predict(brain).flatten(1) @ (wanted / length).T
        return found * (length.median() * independent(wanted / length) / max(self.unexplained, 1e-12))

    def _lagged(self, brain: Tensor) -> Tensor:
        """(n, c, t) -> (n, t, k * d)."""
        return lagged((rearrange(brain, "n c t -> n t c") - self.mean) @ self.axes, self.delays)


def independent(targets: Tensor) -> float:
    """(k, d) targets of length 1 -> the share of their d numbers that counts, since neighbours in time and frequency are alike.

    The squared product of two vectors in d independent directions is 1 / d on average, and its median that of chi-squared: .455 / d.
    The median is not moved by targets that overlap.
    """
    some = targets[:: -(-len(targets) // MOST_COMPARED)] if len(targets) else targets
    pairs = torch.triu_indices(len(some), len(some), 1)
    if not pairs.shape[1]:
        return 1.0
    alike = float((some @ some.T).square()[pairs[0], pairs[1]].median())
    return min(1.0, 0.455 / max(alike * targets.shape[1], 1e-12))


def folds(group: np.ndarray) -> np.ndarray:
    """(n,) What is kept together of windows in order: their stimuli; with fewer than `N_FOLDS` of them, equal parts of time."""
    if len(np.unique(group)) >= N_FOLDS:
        return group
    return np.arange(len(group)) * N_FOLDS // len(group)
