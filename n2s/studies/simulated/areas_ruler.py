"""What a model of the simulated areas is measured by: known rows of a subject, and expected scores on them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.linalg

from n2s.errors import UserError, nearest
from n2s.studies.simulated.areas_drivers import DRIVERS
from n2s.studies.simulated.areas_run import Run
from n2s.studies.simulated.areas_scores import (
    ExpectedScores,
    expected_correlation,
    explainable_share,
    limit_of_regression,
)


@dataclass(frozen=True)
class KnownRun:
    """One run without noise: ``drivers`` after the response, name -> (t, f); ``signal (t, v)``; ``noise (t, t)``, covariance for
    a variance of 1; ``cleaning (t, t)``, the projection of the nuisances.
    """

    drivers: dict[str, np.ndarray]
    signal: np.ndarray
    noise: np.ndarray
    cleaning: np.ndarray
    tr_s: float


@dataclass(frozen=True)
class KnownRows:
    """Some rows of a subject's cleaned runs: as `KnownRun`, without noise, and the noise's covariance over these rows."""

    drivers: dict[str, np.ndarray]
    signal: np.ndarray
    noise: np.ndarray


def block_rows(runs: Mapping[str, Run], lengths_s: Mapping[str, float], wanted: Sequence[str] | None) -> pd.DataFrame:
    """The volumes seen while some blocks sound; see `SimulatedAreas.block_rows`. ``runs``: by the name of the recording."""
    found = []
    for name, run in runs.items():
        for stimulus, onset_s in run.heard:
            inside = (run.times_s >= onset_s) & (run.times_s < onset_s + lengths_s[stimulus])
            if wanted is None or stimulus in wanted:
                found.append(pd.DataFrame({"recording": name, "time_s": run.times_s[inside], "stimulus": stimulus}))
    return pd.concat(found, ignore_index=True)


def known_rows(rows: pd.DataFrame, known: Callable[[str], KnownRun], *, clean_drivers: bool) -> KnownRows:
    """Collect rows, of which each has a ``recording`` and a ``time_s``, in their order.

    Parameters
    ----------
    rows
        The table.
    known
        Gives a run by the name of its recording.
    clean_drivers
        Whether the nuisances are taken out of the drivers as well.
    """
    drivers, signals, noises, order = [], [], [], []
    for name, group in rows.reset_index(drop=True).groupby("recording", sort=False):
        run = known(str(name).rsplit("/", 1)[-1])
        at = np.rint(group.time_s.to_numpy() / run.tr_s).astype(int)
        cleaning = run.cleaning[at]
        drivers.append({one: cleaning @ values if clean_drivers else values[at] for one, values in run.drivers.items()})
        signals.append(cleaning @ run.signal)
        noises.append(cleaning @ run.noise @ cleaning.T)
        order.append(group.index.to_numpy())
    back = np.argsort(np.concatenate(order))
    return KnownRows(
        {one: np.concatenate([part[one] for part in drivers])[back] for one in DRIVERS},
        np.concatenate(signals)[back],
        scipy.linalg.block_diag(*noises)[np.ix_(back, back)],
    )


def expected_scores(
    train: KnownRows, test: KnownRows, wanted: Sequence[str | Sequence[str]], variance: np.ndarray
) -> ExpectedScores:
    """Scores on test rows of the best linear predictors on training rows; ``variance (v,)`` of the noise. See `SimulatedAreas`.

    Raises
    ------
    UserError
        There is no such driver.
    """
    driven = np.flatnonzero(np.abs(test.signal).max(0) > 0)

    def whole(values: np.ndarray) -> np.ndarray:
        found = np.zeros(len(variance))
        found[driven] = values
        return found

    signal, own = test.signal[:, driven], variance[driven]
    scores = {}
    for names in ((one,) if isinstance(one, str) else tuple(one) for one in wanted):
        for name in names:
            if name not in DRIVERS:
                raise UserError(f"no driver '{name}'.{nearest(name, list(DRIVERS))} There are: {', '.join(DRIVERS)}.")
        given, new = (np.concatenate([rows.drivers[name] for name in names], axis=1) for rows in (train, test))
        prediction = limit_of_regression(given, train.signal[:, driven], new)
        scores[" + ".join(names)] = whole(expected_correlation(prediction, signal, test.noise, own))
    return ExpectedScores(
        scores,
        whole(expected_correlation(signal, signal, test.noise, own)),
        whole(explainable_share(signal, test.noise, own)),
    )
