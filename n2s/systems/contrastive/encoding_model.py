"""The linear alternative to the network: an encoding model of each listener, turned round into a decoder by its likelihood."""

import math
from dataclasses import dataclass, replace

import numpy as np
import scipy.linalg
import torch
from einops import rearrange
from torch import Tensor

from n2s.data.meg import MEGDataModule
from n2s.features.feature import FrameFeature
from n2s.findings import tell
from n2s.metrics.retrieval import mean_reciprocal_rank, ranks
from n2s.models.encoding_ridge import EncodingRidge
from n2s.models.story_likelihood import StoryLikelihood
from n2s.systems.contrastive.window_rows import components, lagged, lags, read_windows, some_windows

N_FEATURES = 32  # principal components of the target, at most
N_COMPONENTS = (8, 16, 32, 64, 128, 256)  # of the sensors, to choose from
SHRINKAGES = (0.01, 0.1, 2 / 3)
ALPHAS = tuple(10.0**exponent for exponent in range(2, 7))
N_FOLDS = 3  # of the choice of penalties
ROUGH_ALPHA = 1e4  # of the fit that only shows the noise
MEMORY = 10  # samples that the noise is predicted from: 200 ms at 50 Hz
HELD_OUT = 0.2  # of the training stimuli: they choose the components and give the noise


def encoding_model(data: MEGDataModule, rows: np.ndarray, segments: np.ndarray) -> np.ndarray | None:
    """The log-likelihood of test windows (n,) under candidates: unique test segments (k,).

    Each listener's sensors are predicted from the target (its principal components, at lags of 0 to 500 ms) by a ridge.
    All that the model needs is learned from that listener's training windows: the components of target and sensors, the
    penalties, the noise over time (a whitening filter) and over sensors (a covariance), both of windows that a fit has not seen,
    and how many components of the sensors count: the choice that finds most of those windows. It sees the windows and candidates
    that the network sees.

    Returns
    -------
    (n, k) float32; None if the target is not a `FrameFeature`, or a listener has fewer than two
    training stimuli.
    """
    if not isinstance(data.target, FrameFeature):
        return None
    train, test = data.windows["train"], data.windows["test"]
    listener, group = train.of_interval("subject"), train.of_interval("group_index")
    tested = test.of_interval("subject")[rows]
    scores = np.empty((len(rows), len(segments)), np.float32)
    candidates = data.segment_targets("test", segments).float().cpu()
    delays = lags(data)
    for name in np.unique(tested):
        own = np.flatnonzero(listener == name)
        if (n := len(np.unique(group[own]))) < 2:
            tell(
                "left out",
                str(name),
                f"no encoding model beside the network: it has {n} training stimuli; 2 are needed.",
            )
            return None
        own = some_windows(data, own)
        model = _fitted(*read_windows(data, "train", own), group[own], delays)
        brain, _ = read_windows(data, "test", rows[tested == name])
        scores[tested == name] = model.scores(candidates, brain, delays).numpy()
    return scores


@dataclass
class _Decoder:
    """``features (f, d)`` and ``sensors (c, v)`` project onto components; ``level (f,)`` and ``mean (c,)`` are taken off before.

    ``whitening (m,)`` filters both over time, so that what is left of the noise does not depend on the sample before.
    """

    level: Tensor
    features: Tensor
    mean: Tensor
    sensors: Tensor
    whitening: Tensor
    likelihood: StoryLikelihood | None = None

    def design(self, target: Tensor, delays: np.ndarray) -> Tensor:
        """(n, f, t) -> (n, t', k * d): components of the target ``delays`` samples before each."""
        frames = rearrange(target - self.level[:, None], "n f t -> n t f") @ self.features
        return _filtered(lagged(frames, -delays), self.whitening)

    def responses(self, brain: Tensor) -> Tensor:
        """(n, c, t) -> (n, t', v)."""
        return _filtered((rearrange(brain, "n c t -> n t c") - self.mean) @ self.sensors, self.whitening)

    def scores(self, target: Tensor, brain: Tensor, delays: np.ndarray) -> Tensor:
        """(k, f, t) candidates and (n, c, t) windows -> (n, k)."""
        return self.likelihood.log_likelihoods(self.design(target, delays), self.responses(brain))


def _fitted(brain: Tensor, target: Tensor, group: np.ndarray, delays: np.ndarray) -> _Decoder:
    """(n, c, t) and (n, f, t) training windows, (n,) their stimuli."""
    known, held = _held_out(group)
    features, level = components(rearrange(target, "n f t -> (n t) f"), N_FEATURES)
    sensors, mean = components(rearrange(brain[known], "n c t -> (n t) c"), brain.shape[1], unit=True)
    model = _Decoder(level, features, mean, sensors, torch.ones(1))
    # what the noise does over time: from the residuals of a first fit
    design, response = model.design(target, delays), model.responses(brain)
    first = _ridge(design[known], response[known], group[known], (ROUGH_ALPHA,))
    model = replace(model, whitening=_whitening(response[held] - design[held] @ first.coef_))
    # how many components count, and their noise: from windows that a second fit has not seen
    design, response = model.design(target, delays), model.responses(brain)
    second = _ridge(design[known], response[known], group[known], ALPHAS)
    order = _best_first(second, sensors.shape[1])
    residual = rearrange(response[held] - design[held] @ second.coef_, "n t v -> (n t) v")
    noise = residual.T @ residual / len(residual)
    tried = []
    for n in sorted({min(n, len(order)) for n in N_COMPONENTS}):
        kept = order[:n]
        for shrinkage in SHRINKAGES:
            likelihood = StoryLikelihood(second.coef_[:, kept], noise[kept][:, kept], shrinkage)
            found = ranks(likelihood.log_likelihoods(design[held], response[held][..., kept]), torch.arange(len(held)))
            tried.append((float(mean_reciprocal_rank(found)), -n, shrinkage))
    _, minus_n, shrinkage = max(tried)
    kept = order[:-minus_n]
    # the weights again, from all training windows; the noise stays that of windows which a fit has not seen
    final = _ridge(design, response[..., kept], group, ALPHAS)
    return replace(
        model, sensors=sensors[:, kept], likelihood=StoryLikelihood(final.coef_, noise[kept][:, kept], shrinkage)
    )


def _ridge(design: Tensor, response: Tensor, group: np.ndarray, alphas: tuple[float, ...]) -> EncodingRidge:
    n_folds = min(N_FOLDS, len(np.unique(group)))
    alphas = alphas if n_folds > 1 else (ROUGH_ALPHA,)
    rows = (rearrange(one, "n t d -> (n t) d") for one in (design, response))
    return EncodingRidge(alphas=alphas, n_folds=max(n_folds, 2)).fit(*rows, np.repeat(group, design.shape[1]))  # type: ignore[call-arg]


def _whitening(residual: Tensor) -> Tensor:
    """(n, t, v) -> (m + 1,) the filter that predicts the noise from its last m samples and leaves the rest (Yule-Walker)."""
    m = min(MEMORY, residual.shape[1] // 4)
    residual = residual - residual.mean(1, keepdim=True)
    power = [float((residual[:, lag:] * residual[:, : residual.shape[1] - lag]).mean()) for lag in range(m + 1)]
    if m < 1 or power[0] <= 0:
        return torch.ones(1)
    past = scipy.linalg.solve_toeplitz(power[:-1], power[1:])
    return torch.tensor(np.concatenate([[1.0], -past]), dtype=residual.dtype)


def _filtered(values: Tensor, taps: Tensor) -> Tensor:
    """(n, t, d) -> (n, t - m, d): each sample with the m before it."""
    t, m = values.shape[1], len(taps) - 1
    return sum(tap * values[:, m - lag : t - lag] for lag, tap in enumerate(taps.tolist()))


def _held_out(group: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Windows of about four fifths of the stimuli, and those of the others."""
    names = np.unique(group)
    late = names[-max(1, round(HELD_OUT * len(names))) :]
    held = np.isin(group, late)
    return np.flatnonzero(~held), np.flatnonzero(held)


def _best_first(ridge: EncodingRidge, n: int) -> Tensor:
    """The components in the order of their cross-validated R2; by variance, if only one penalty was fitted."""
    if len(ridge.alphas) == 1:
        return torch.arange(n)
    return ridge.cv_scores_.amax(0).nan_to_num(-math.inf).argsort(descending=True)
