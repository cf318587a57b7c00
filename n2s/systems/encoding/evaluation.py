"""The scores of one subject: correlation of prediction and response for each target, its p, and the shares of a banded model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from n2s.metrics.correlation import column_correlation, unit
from n2s.metrics.permutation import block_permutation, blocks_of, phase_randomised
from n2s.systems.encoding.predict import HeldOut
from n2s.systems.encoding.rows import Fit, ModelRow

#: Targets that are scored at once: bounds the float64 copies.
BLOCK = 8192


@dataclass(frozen=True)
class Significance:
    """How p is found within a subject.

    Parameters
    ----------
    null
        Blocks of consecutive rows are permuted (``block``), or phases are drawn (``phase``).
    block_s
        Length of a block, s.
    n_permutations
        Draws; 0: no p.
    seed
        Of the draws.
    """

    null: Literal["block", "phase"]
    block_s: float
    n_permutations: int
    seed: int

    def p(
        self, predicted: np.ndarray, true: np.ndarray, part: np.ndarray, rate_hz: float, *, n_folds: int
    ) -> np.ndarray:
        """(n, v), (n, v), (n,) fold and run -> (v,) one-sided p; NaN where there are too few rows for a p.

        ``n_folds``: how many folds are held out in turn.
        """
        shared = {"run": part, "n_permutations": self.n_permutations, "seed": self.seed, "n_folds": n_folds}
        if self.null == "phase":
            return phase_randomised(predicted, true, **shared).p
        return block_permutation(predicted, true, block_rows=self.block_rows(rate_hz), **shared).p

    def blocks(self, part: np.ndarray, rate_hz: float) -> tuple[int, float]:
        """How many blocks are permuted, and their length, s: another than wanted where parts are hardly longer than a block."""
        n_blocks, rows = blocks_of(len(part), part, self.block_rows(rate_hz)).shape
        return n_blocks, rows / rate_hz

    def block_rows(self, rate_hz: float) -> int:
        """Rows of a block."""
        return max(1, round(self.block_s * rate_hz))


def subject_scores(
    held: HeldOut, rows: Sequence[ModelRow], significance: Significance, *, progress: object = None
) -> dict[str, np.ndarray]:
    """Every score of a subject.

    Parameters
    ----------
    held
        Predicts.
    rows
        Which models; rows with the same fits are predicted once.
    significance
        How p is found.
    progress
        Called without arguments after each row.

    Returns
    -------
    Column (``r:<row>``, ``p:<row>``, ``gain:<row>``, ``share:<space>``) -> (v,).
    """
    found: dict[str, np.ndarray] = {}
    made: dict[tuple[Fit, ...], tuple[np.ndarray, np.ndarray | None]] = {}
    rate_hz = held.data.rate_hz[held.subject]
    for row in rows:
        if row.fits not in made:
            predicted, shares, together = [], [], 0.0
            for fit in row.fits:
                one = held.predicted(fit)
                predicted.append(correlation(one.values, held.true))
                together = together + standardised(one.values)
                if one.bands is not None:
                    shares.append(product_measure(one.bands, held.true))
            wanted = significance.n_permutations and not row.fits[0].shift
            p = significance.p(together, held.true, held.part, rate_hz, n_folds=len(held.folds)) if wanted else None
            made[row.fits] = np.mean(predicted, 0), p
            if shares:
                found |= {f"share:{name}": one for name, one in zip(row.bands, np.mean(shares, 0), strict=True)}
        r, p = made[row.fits]
        found[f"r:{row.key}"] = r
        if p is not None:
            found[f"p:{row.key}"] = np.where(np.isfinite(r), p, np.nan)
        if row.before:
            found[f"gain:{row.key}"] = r - found[f"r:{row.before}"]
        if progress is not None:
            progress()
    return found


def lag_scores(held: HeldOut, rows: Sequence[ModelRow], delays_s: np.ndarray, names: np.ndarray) -> pd.DataFrame:
    """Scores of each lag alone: ``subject``, ``name``, ``lag_s``, ``r:<row>``."""
    found = {}
    for row in rows:  # one after the other: the features of a row are read once
        by_lag = [
            np.mean([correlation(held.predicted(fit).values, held.true) for fit in fits], 0)
            for fits in row.lags(len(delays_s))
        ]
        found[f"r:{row.key}"] = np.concatenate(by_lag)
    lags = {"name": np.tile(names, len(delays_s)), "lag_s": np.repeat(delays_s.astype(float), len(names))}
    return pd.DataFrame({"subject": held.subject} | lags | found)


def kernels(held: HeldOut, row: ModelRow, names: np.ndarray) -> pd.DataFrame:
    """Weights of a row's first fit over delays: ``subject``, ``name``, ``space``, ``feature``, ``lag_s``, ``weight``."""
    fit = row.fits[0]
    weights, parts, start = held.predicted(fit, weights=True).weights, [], 0
    for space, _ in fit.parts:
        delays_s, n_features = held.data.delays(space, held.subject)
        stop = start + len(delays_s) * n_features
        own = weights[start:stop].reshape(len(delays_s), n_features, -1)  # columns are (k f)
        lag, feature, target = np.meshgrid(delays_s, np.arange(n_features), np.arange(own.shape[2]), indexing="ij")
        columns = {"space": space, "feature": feature.ravel(), "lag_s": lag.ravel(), "weight": own.ravel()}
        parts.append(pd.DataFrame({"subject": held.subject, "name": names[target.ravel()], **columns}))
        start = stop
    return pd.concat(parts, ignore_index=True)


def correlation(predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """(n, v), (n, v) -> (v,) Pearson; NaN where one is constant."""
    blocks = [slice(at, at + BLOCK) for at in range(0, true.shape[1], BLOCK)]
    return np.concatenate([column_correlation(predicted[:, one], true[:, one]) for one in blocks])


def product_measure(bands: np.ndarray, true: np.ndarray) -> np.ndarray:
    """How much of R2 each band explains: (bands, n, v), (n, v) -> (bands, v), which sum to R2.

    ``sum over rows of part (2 true - prediction) / sum of true^2``, for centred parts and responses.

    References
    ----------
    Hoffman 1960, Psychol. Bull. 57:116; St-Laurent et al. 2023, as himalaya's ``r2_score_split``.
    """
    left = 2 * true.astype(np.float64) - bands.sum(0)
    power = np.square(true, dtype=np.float64).sum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(power > 0, np.stack([(part * left).sum(0) for part in bands]) / power, np.nan)


def standardised(values: np.ndarray) -> np.ndarray:
    """Z-scored predictions: the correlation of their sum over seeds is the mean correlation times a constant of the target.

    The constant is the same for every order of blocks, so that the p of the sum is that of the mean over seeds.
    """
    blocks = [slice(at, at + BLOCK) for at in range(0, values.shape[1], BLOCK)]
    return np.concatenate([unit(values[:, one], 0).astype(np.float32) for one in blocks], axis=1)
