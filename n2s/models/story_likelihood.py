"""An encoding model as a decoder: how likely a response is under what each candidate would have evoked."""

from typing import TypeAlias

import numpy as np
import torch
from einops import rearrange
from torch import Tensor

from n2s.errors import UserError
from n2s.options import check_number

Array: TypeAlias = Tensor | np.ndarray


class StoryLikelihood:
    """Gaussian likelihood of a brain response, given the features of a story.

    The response of each row (volume, sample) is the features times the weights, plus noise that is independent over time and
    has one covariance over voxels or sensors. As a quadratic form in the features it needs no (v, v) product per candidate.

    Parameters
    ----------
    weights
        (d, v) Of an encoding model, such as `n2s.models.EncodingRidge.coef_`: d features with their delays, v voxels or sensors.
    noise_covariance
        (v, v) Of the residuals, best from rows that the weights have not seen.
    shrinkage
        Share of the identity that the covariance is mixed with: 0 to 1. The identity has the unit of the responses' square,
        so responses are z-scored first.

    Attributes
    ----------
    precision
        (v, v) Inverse of the shrunk covariance.
    to_features
        (d, v) Weights times the precision.
    curvature
        (d, d) Weights times the precision times weights.

    Raises
    ------
    UserError
        Shapes that do not match, a shrinkage outside 0 to 1, or a covariance that is not positive definite.

    References
    ----------
    Tang et al. 2023, Nat. Neurosci. 26:858 (shrinkage 2/3).

    Examples
    --------
    >>> import torch
    >>> from n2s.models import StoryLikelihood
    >>> weights = torch.tensor([[2.0, 0.0, 1.0], [0.0, 2.0, 1.0]])          # two features, three voxels
    >>> stories = torch.randn(4, 30, 2, generator=torch.Generator().manual_seed(0))
    >>> heard = stories[[2]] @ weights + 0.1 * torch.randn(1, 30, 3, generator=torch.Generator().manual_seed(1))
    >>> StoryLikelihood(weights, torch.eye(3)).log_likelihoods(stories, heard).argmax().item()
    2
    """

    def __init__(self, weights: Array, noise_covariance: Array, shrinkage: float = 2 / 3):
        check_number("StoryLikelihood: shrinkage", shrinkage, low=0, high=1)
        weights = torch.as_tensor(weights)
        noise = torch.as_tensor(noise_covariance).to(weights)
        v = weights.shape[-1]
        if weights.ndim != 2 or noise.shape != (v, v):
            raise UserError(
                f"StoryLikelihood: weights are {tuple(weights.shape)} and noise_covariance is {tuple(noise.shape)}; expected "
                "(d, v) and (v, v)."
            )
        mixed = (1 - shrinkage) * noise + shrinkage * torch.eye(v).to(noise)
        factor, failed = torch.linalg.cholesky_ex(mixed)
        if failed or not torch.isfinite(factor).all():
            raise UserError(
                f"StoryLikelihood: the covariance of {v} voxels or sensors with shrinkage {shrinkage:g} is not positive definite. "
                "Raise the shrinkage, take fewer components, or leave out sensors that are sums of others."
            )
        self.weights = weights
        self.precision = torch.cholesky_inverse(factor)
        self.to_features = weights @ self.precision  # (d, v)
        self.curvature = self.to_features @ weights.T  # (d, d)

    def log_likelihood(self, features: Array, response: Array) -> float:
        """Log-likelihood of one response under one story, without the constant of the Gaussian.

        Parameters
        ----------
        features
            (t, d)
        response
            (t, v)
        """
        features, response = (torch.as_tensor(one).to(self.weights) for one in (features, response))
        self._check(features, response)
        away = response - features @ self.weights
        return float(-0.5 * torch.einsum("tv,vw,tw->", away, self.precision, away))

    def log_likelihoods(self, features: Array, responses: Array) -> Tensor:
        """(n, k) log-likelihoods of each response under each candidate, up to a constant per response.

        Parameters
        ----------
        features
            (k, t, d) Of each candidate.
        responses
            (n, t, v)
        """
        features, responses = (torch.as_tensor(one).to(self.weights) for one in (features, responses))
        self._check(features, responses)
        match = torch.einsum("ntv,dv->ntd", responses, self.to_features)
        found = rearrange(match, "n t d -> n (t d)") @ rearrange(features, "k t d -> (t d) k")
        return found - 0.5 * torch.einsum("ktd,de,kte->k", features, self.curvature, features)

    def _check(self, features: Tensor, responses: Tensor) -> None:
        d, v = self.weights.shape
        if features.shape[-1] != d or responses.shape[-1] != v or features.shape[-2] != responses.shape[-2]:
            raise UserError(
                f"StoryLikelihood: features are {tuple(features.shape)} and responses {tuple(responses.shape)}; expected "
                f"(..., t, {d}) and (..., t, {v}) with one t."
            )
