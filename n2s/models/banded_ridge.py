"""Banded ridge regression: each feature space has its own penalty, chosen for each voxel or sensor."""

from collections.abc import Sequence
from itertools import product as pairs

import numpy as np
import torch
from torch import Tensor

from n2s.models.by_target import Search, Targets, as_tensor, checked, checked_penalties
from n2s.models.encoding_ridge import ALPHAS
from n2s.models.estimator import InputError, TensorRegressor
from n2s.models.fold_operators import Penalties, Rows, enough_digits, give_type
from n2s.models.folds import dealt_folds
from n2s.models.memory import told
from n2s.models.symmetric import all_digits, product
from n2s.options import check_number


class BandedRidge(TensorRegressor):
    """Linear encoding model from several feature spaces (bands): ``|Y - sum_b X_b W_b|^2 + sum_b alpha_b |W_b|^2``.

    The penalties of each target are those with the highest mean R2 over folds; folds, centring and scores are those of
    `EncodingRidge`. One or two bands: all combinations of the penalties are tried. More: himalaya's random search, which
    draws the ratios of the penalties from a Dirichlet distribution and tries each with every overall penalty.

    Parameters
    ----------
    alphas
        Penalties to choose from, for each band; in the random search the overall one, of which a band with the share
        gamma has ``alpha / gamma``.
    n_folds
        Folds: the groups are dealt out in turn, in the order of their first row.
    n_draws
        Draws of the random search, the first of them equal shares.
    seed
        Of the draws.
    widths
        How many columns each band has, where all are given as one array, as scikit-learn's tools give them; None: that is one band.

    Attributes
    ----------
    alpha_
        (bands, v) The penalties of each target.
    cv_scores_
        (n_candidates, v) Mean R2 over folds of each combination; NaN as in `EncodingRidge`.
    candidates_
        (n_candidates, bands) The combinations that were tried.
    coef_
        (p, v) Weights, the bands one below the other.
    intercept_
        (v,)

    References
    ----------
    Nunez-Elizalde, Huth & Gallant 2019, NeuroImage 197:482. Dupré la Tour et al. 2022, NeuroImage 264:119728 (himalaya).

    Examples
    --------
    >>> import numpy as np
    >>> from n2s.models import BandedRidge
    >>> rng = np.random.default_rng(0)
    >>> words, sound, stories = rng.standard_normal((200, 5)), rng.standard_normal((200, 20)), np.repeat(np.arange(4), 50)
    >>> voxel = words.sum(1, keepdims=True) + 0.5 * rng.standard_normal((200, 1))                     # it follows words alone
    >>> ridge = BandedRidge(alphas=(1.0, 1e4), n_folds=4).fit([words, sound], voxel, stories)
    >>> ridge.alpha_.tolist(), ridge.predict([words, sound]).shape
    ([[1.0], [10000.0]], (200, 1))
    """

    alpha_: Tensor
    cv_scores_: Tensor
    candidates_: Tensor
    intercept_: Tensor

    def __init__(
        self,
        alphas: float | Sequence[float] = ALPHAS,
        n_folds: int = 5,
        *,
        n_draws: int = 100,
        seed: int = 0,
        widths: Sequence[int] | None = None,
    ):
        self.alphas, self.n_folds, self.n_draws, self.seed, self.widths = alphas, n_folds, n_draws, seed, widths
        self.check_parameters()

    def check_parameters(self) -> None:
        """See `n2s.models.estimator.Estimator`."""
        checked_penalties(self.alphas, self.n_folds, "BandedRidge")
        check_number("BandedRidge: n_draws", self.n_draws, low=1, whole=True)
        check_number("BandedRidge: seed", self.seed, low=0, whole=True)
        for width in self.widths or ():
            check_number("BandedRidge: widths", width, low=1, whole=True)

    def fit(
        self, Xs: Sequence[Tensor | np.ndarray], Y: Tensor | np.ndarray, groups: Sequence | None = None
    ) -> "BandedRidge":
        """Fit.

        Parameters
        ----------
        Xs
            (n, p_b) each: the bands, of one type, on one device; or (n, p), which ``widths`` cuts into bands.
        Y
            (n, v) Targets, (n,) of one.
        groups
            (n,) Rows that cross-validation must keep together. Needed for more than one combination of penalties.

        Raises
        ------
        UserError
            Shapes that do not match, values that are not finite, fewer groups than folds.
        """
        self.check_parameters()
        rows, self.widths_ = self._stacked(Xs, fits=True)
        Y = self.targets_of(Y, len(rows))
        given = checked(rows, Y, "BandedRidge")
        X = enough_digits(given)
        candidates = self._candidates(len(self.widths_))
        several = len(candidates) > 1
        folds = dealt_folds(groups, len(X), self.n_folds, "BandedRidge") if several else torch.zeros(len(X)).long()
        with told(X, Y.shape[1], len(candidates), "BandedRidge"), all_digits():
            self._fit(X, Y, folds, candidates)
        give_type(self, given.dtype)
        return self

    def _fit(self, X: Tensor, Y: Tensor | np.ndarray, folds: Tensor, candidates: list[Penalties]) -> None:
        order = folds.argsort(stable=True)
        self._mean = X.mean(0)
        rows = Rows((X - self._mean)[order.to(X.device)], folds.bincount().tolist(), self.widths_)
        targets = Targets(Y, order, X, "BandedRidge")
        self.candidates_ = torch.tensor(candidates, dtype=X.dtype, device=X.device)
        search = Search(rows, targets, candidates)
        self.cv_scores_, found = search.scores, search.weights
        self.alpha_ = self.candidates_[search.best].T.contiguous()
        if rows.dual:
            scales = self.alpha_.amin(0) / self.alpha_
            bands = zip(rows.X.split(self.widths_, 1), scales, strict=True)
            found = torch.cat([product(one.T, found) * scale for one, scale in bands])
        self.coef_ = found
        self.intercept_ = targets.mean - self._mean @ found

    def predict(self, Xs: Sequence[Tensor | np.ndarray] | Tensor | np.ndarray) -> Tensor | np.ndarray:
        """(n, p_b) each, or (n, p) -> (n, v), of the kind that the bands are."""
        self.check_fitted()
        found = torch.addmm(self.intercept_, self._like_fitted(Xs), self.coef_)
        return self.as_asked(found, Xs[0] if isinstance(Xs, list | tuple) else Xs)

    def split_scores(self, Xs: Sequence[Tensor | np.ndarray], Y: Tensor | np.ndarray) -> Tensor:
        """Divide R2 among the bands: (bands, v), of which the sum over bands is R2 (the product measure).

        The part of a band is its own prediction times ``2 Y - prediction of all``, relative to the variance of Y. Where a
        band takes away what another explains, it is negative. What a wrong mean of the held-out rows costs is shared
        equally. NaN where a target is constant.

        References
        ----------
        Pratt 1987; Dupré la Tour et al. 2022, NeuroImage 264:119728; himalaya's `r2_score_split`.
        """
        X = self._like_fitted(Xs)
        Y = as_tensor(Y).to(self.coef_)
        if Y.shape != (len(X), self.coef_.shape[1]):
            raise InputError(f"BandedRidge: Y is {tuple(Y.shape)}; expected {(len(X), self.coef_.shape[1])}.")
        mean = Y.mean(0)
        true = Y - mean
        offset = (self._mean @ self.coef_ + self.intercept_ - mean) / len(self.widths_)
        bands = zip((X - self._mean).split(self.widths_, 1), self.coef_.split(self.widths_), strict=True)
        predicted = torch.stack([one @ coefficients + offset for one, coefficients in bands])
        parts = (predicted * (2 * true - predicted.sum(0))).sum(1) / true.square().sum(0)
        return parts.where(Y.amax(0) > Y.amin(0), torch.nan)

    def _candidates(self, n_bands: int) -> list[Penalties]:
        alphas = checked_penalties(self.alphas, self.n_folds, "BandedRidge")
        if n_bands <= 2:
            return list(pairs(alphas, repeat=n_bands))
        from himalaya.backend import set_backend
        from himalaya.kernel_ridge import generate_dirichlet_samples

        set_backend("numpy")
        shares = generate_dirichlet_samples(self.n_draws, n_bands, concentration=[0.1, 1.0], random_state=self.seed)
        shares[0] = 1 / n_bands
        shares = np.maximum(shares.astype(np.float64), 1e-12)  # no band is left out altogether: its penalty is finite
        return [tuple((alpha / share).tolist()) for share in shares for alpha in alphas]

    def _stacked(self, Xs: object, *, fits: bool) -> tuple[Tensor, list[int]]:
        """(n, p) all bands, and the width of each. A list of tables of one length is bands; what else scikit-learn takes is one table."""
        if isinstance(Xs, list | tuple) and all(np.ndim(one) == 2 for one in Xs):
            return self._bands(Xs, fits=fits)
        X = self.rows_of(Xs, fits=fits)
        widths = [X.shape[1]] if self.widths is None else list(self.widths)
        if sum(widths) != X.shape[1]:
            raise InputError(f"BandedRidge: X has {X.shape[1]} columns, and widths are {widths}: {sum(widths)}.")
        return X, widths

    def _bands(self, Xs: Sequence[Tensor | np.ndarray], *, fits: bool) -> tuple[Tensor, list[int]]:
        if not len(Xs):
            raise InputError("BandedRidge: expected feature spaces, [X0, X1, ...]; there are none.")
        bands = [as_tensor(one) for one in Xs]
        shapes, n = [tuple(one.shape) for one in bands], len(bands[0])
        if any(shape[0] != n or not shape[1] for shape in shapes) or len({x.dtype for x in bands}) > 1:
            raise InputError(
                f"BandedRidge: feature spaces of shapes {shapes} and types {[str(x.dtype) for x in bands]}; expected "
                f"(n, p_b) each with n = {n}, and one type."
            )
        widths = [shape[1] for shape in shapes]
        if fits:
            self.n_features_in_ = sum(widths)
        return torch.cat(bands, 1), widths

    def _like_fitted(self, Xs: object) -> Tensor:
        X, widths = self._stacked(Xs, fits=False)
        if widths != self.widths_:
            raise InputError(f"BandedRidge: bands of {widths} columns, but it was fitted on {self.widths_}.")
        return X.to(self.coef_)
