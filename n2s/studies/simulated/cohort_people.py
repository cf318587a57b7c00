"""Who is in the simulated cohort: how each listener tracks speech, and how well two groups of such listeners can be told apart."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

GROUPS = ("control", "dyslexia")
#: Name -> Hz. Theta begins where delta ends.
BANDS = {"delta": (0.5, 4.0), "theta": (4.0, 8.0)}
#: Of a listener, as the columns of `Cohort.draw`: gains and noise are logarithms, lags are s beyond the usual latency.
TRAITS = ("delta_gain", "theta_gain", "delta_lag", "theta_lag", "noise")
COVARIATES = ("age", "motion")
#: Deviation of each trait within a group: a quarter of the usual gain, 15 and 10 ms, a fifth of the usual noise.
SPREAD = np.array([0.25, 0.25, 0.015, 0.010, 0.2])
#: Mean and deviation: school children, years; movement of the head, mm.
AGE_YEARS, MOTION_MM = (10.0, 1.5), (2.0, 0.4)


@dataclass(frozen=True)
class Cohort:
    """Two groups: traits and covariates are normal, with the same covariance in both and other means.

    Parameters
    ----------
    difference
        (5,) By how much the mean of each of `TRAITS` differs between the groups, dyslexia minus control.
    gaps
        (2,) By how many deviations age and motion differ between the groups.
    effects
        (5, 2) By how much a deviation of age and motion changes each trait, in both groups alike.
    """

    difference: np.ndarray
    gaps: np.ndarray
    effects: np.ndarray

    def draw(self, n_control: int, n_dyslexia: int, seed: int) -> pd.DataFrame:
        """One row a listener: ``subject``, ``group``, ``age``, ``sex``, ``motion``, and the traits.

        Groups are shuffled among the numbers of the listeners.
        """
        rng, n = np.random.default_rng([seed, 0]), n_control + n_dyslexia
        dyslexia = rng.permutation(np.arange(n) >= n_control)
        covariates = rng.standard_normal((n, 2)) + dyslexia[:, None] * self.gaps
        own = rng.standard_normal((n, len(TRAITS))) * SPREAD
        traits = own + covariates @ self.effects.T + dyslexia[:, None] * self.difference
        table = pd.DataFrame({"subject": [f"{i:02d}" for i in range(1, n + 1)], "group": np.take(GROUPS, dyslexia)})
        table["age"] = AGE_YEARS[0] + AGE_YEARS[1] * covariates[:, 0]
        table["sex"] = rng.choice(["f", "m"], n)
        table["motion"] = MOTION_MM[0] + MOTION_MM[1] * covariates[:, 1]
        return table.assign(**dict(zip(TRAITS, traits.T, strict=True)))

    @property
    def clarity(self) -> np.ndarray:
        """(5,) How much more precisely each trait is seen in the group whose responses are the clearer than in the usual listener."""
        mean = self.difference + self.effects @ self.gaps
        gain = np.exp(np.maximum(mean[:2], 0) - min(mean[4], 0))
        return np.array([*gain, *gain, 1.0])

    def best_auc(self, measured: np.ndarray, *, covariates: bool) -> float:
        """The AUC of the linear discriminant that knows this generator: no decoder has a higher one on new listeners.

        Parameters
        ----------
        measured
            (5, 5) Covariance with which recordings show a listener's traits (`measurement_covariance`); zeros: the traits are known.
        covariates
            Whether age and motion are known, too.

        Notes
        -----
        Normal groups of one covariance S whose means are d apart: AUC = Phi(sqrt(d' S^-1 d / 2)).
        """
        mean = np.concatenate([self.difference + self.effects @ self.gaps, self.gaps])
        own = np.diag(SPREAD**2) + measured + self.effects @ self.effects.T
        covariance = np.block([[own, self.effects], [self.effects.T, np.eye(len(COVARIATES))]])
        seen = slice(None) if covariates else slice(len(TRAITS))
        return area(float(mean[seen] @ np.linalg.solve(covariance[seen, seen], mean[seen])))

    def covariates_auc(self) -> float:
        """The best AUC of somebody who knows age and motion alone."""
        return area(float(self.gaps @ self.gaps))


def area(distance: float) -> float:
    """AUC of normal groups at a squared Mahalanobis distance."""
    return float(stats.norm.cdf(np.sqrt(distance / 2)))


def measurement_covariance(
    bands: Sequence[np.ndarray], power: np.ndarray, sfreq: float, *, level: float, n_values: int
) -> np.ndarray:
    """(5, 5) The inverse of Fisher's information of recordings about the traits of a usual listener (gain and noise of 1).

    Parameters
    ----------
    bands
        For each stimulus (2, n): what the sources do, per unit gain, in delta and theta.
    power
        For each stimulus (n // 2 + 1,): spectral density of the noise at the frequencies of ``rfft``, as the power of one sample.
    sfreq
        Rate, Hz.
    level
        Squared signal-to-noise ratio of the best spatial filter: p' C^-1 p of the pattern p and the noise covariance C.
    n_values
        Of all recordings together: samples times sensors.
    """
    information = np.zeros((len(TRAITS), len(TRAITS)))
    for courses, density in zip(bands, power, strict=True):
        spectra, freqs = np.fft.rfft(courses), np.fft.rfftfreq(courses.shape[1], 1 / sfreq)
        moved = -2j * np.pi * freqs * spectra  # the derivative by the lag
        every = np.concatenate([spectra, moved])
        weight = np.where((freqs == 0) | (freqs == sfreq / 2), 1, 2) / density / courses.shape[1]
        information[:4, :4] += level * np.real((every.conj() * weight) @ every.T)
    information[4, 4] = 2 * n_values
    return np.linalg.inv(information)
