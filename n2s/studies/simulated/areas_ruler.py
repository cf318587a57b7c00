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
    """One run without noise.

    ``drivers`` after the response, name -> (t, f); ``signal (t, v)``; ``noise (t, t)``, its covariance for a variance of 1;
    ``cleaning (t, t)``, the projection that takes the nuisances out.
    """

    drivers: dict[str, np.ndarray]
    signal: np.ndarray
    noise: np.ndarray
    cleaning: np.ndarray


@dataclass(frozen=True)
class KnownRows:
    """Some rows of a subject's cleaned runs: drivers and signal without noise, and the noise's covariance over these rows."""

    drivers: dict[str, np.ndarray]
    signal: np.ndarray
    noise: np.ndarray


class Ruler:
    """Scores of one subject; see the methods of `SimulatedAreas` of the same names.

    Parameters
    ----------
    runs
        By the name of their recording.
    known
        Gives what is known of each presentation of a run, its own first.
    variance
        (v,) Of the noise.
    """

    def __init__(self, runs: Mapping[str, Run], known: Callable[[str], list[KnownRun]], variance: np.ndarray):
        self.runs, self.known, self.variance = runs, known, variance

    def block_rows(self, lengths_s: Mapping[str, float], wanted: Sequence[str] | None) -> pd.DataFrame:
        """The volumes seen while some blocks sound."""
        found = []
        for name, run in self.runs.items():
            for stimulus, onset_s in run.heard:
                inside = (run.times_s >= onset_s) & (run.times_s < onset_s + lengths_s[stimulus])
                if wanted is None or stimulus in wanted:
                    found.append(pd.DataFrame({"recording": name, "time_s": run.times_s[inside], "stimulus": stimulus}))
        return pd.concat(found, ignore_index=True)

    def expected_scores(
        self,
        wanted: Sequence[str | Sequence[str]],
        train: pd.DataFrame,
        test: pd.DataFrame,
        *,
        clean_drivers: bool,
        average_repeats: bool,
    ) -> ExpectedScores:
        """Of the best linear predictors, fitted on training rows without noise."""
        given = self._rows(train, clean_drivers=clean_drivers, average=False)
        held_out = self._rows(test, clean_drivers=clean_drivers, average=average_repeats)
        driven = np.flatnonzero(np.abs(held_out.signal).max(0) > 0)
        signal, variance = held_out.signal[:, driven], self.variance[driven]

        def whole(values: np.ndarray) -> np.ndarray:
            found = np.zeros(len(self.variance))
            found[driven] = values
            return found

        scores = {}
        for names in ((one,) if isinstance(one, str) else tuple(one) for one in wanted):
            for name in names:
                if name not in DRIVERS:
                    raise UserError(
                        f"no driver '{name}'.{nearest(name, list(DRIVERS))} There are: {', '.join(DRIVERS)}."
                    )
            features, new = (
                np.concatenate([rows.drivers[name] for name in names], axis=1) for rows in (given, held_out)
            )
            prediction = limit_of_regression(features, given.signal[:, driven], new)
            scores[" + ".join(names)] = whole(expected_correlation(prediction, signal, held_out.noise, variance))
        ceiling = expected_correlation(signal, signal, held_out.noise, variance)
        return ExpectedScores(scores, whole(ceiling), whole(explainable_share(signal, held_out.noise, variance)))

    def score_of(
        self, prediction: np.ndarray, rows: pd.DataFrame, voxels: np.ndarray | None, *, average_repeats: bool
    ) -> np.ndarray:
        """Of a given prediction."""
        known = self._rows(rows, clean_drivers=False, average=average_repeats)
        voxels = np.arange(len(self.variance)) if voxels is None else voxels
        if prediction.shape != (len(rows), len(voxels)):
            raise UserError(
                f"predictions of shape {prediction.shape}; expected {(len(rows), len(voxels))}: rows, voxels."
            )
        return expected_correlation(prediction, known.signal[:, voxels], known.noise, self.variance[voxels])

    def _rows(self, rows: pd.DataFrame, *, clean_drivers: bool, average: bool) -> KnownRows:
        """Collect rows, of which each has a ``recording`` and a ``time_s``, in their order."""
        drivers, signals, noises, order = [], [], [], []
        for name, group in rows.reset_index(drop=True).groupby("recording", sort=False):
            at, heard = self._volumes(name, group.time_s.to_numpy())
            heard = heard if average else heard[:1]
            cleaning = np.mean([run.cleaning[at] for run in heard], axis=0)  # of the mean: all runs have one signal
            values = heard[0].drivers
            drivers.append({one: cleaning @ values[one] if clean_drivers else values[one][at] for one in DRIVERS})
            signals.append(cleaning @ heard[0].signal)
            apart = [run.cleaning[at] @ run.noise @ run.cleaning[at].T for run in heard]
            noises.append(np.mean(apart, axis=0) / len(heard))
            order.append(group.index.to_numpy())
        back = np.argsort(np.concatenate(order))
        return KnownRows(
            {one: np.concatenate([part[one] for part in drivers])[back] for one in DRIVERS},
            np.concatenate(signals)[back],
            scipy.linalg.block_diag(*noises)[np.ix_(back, back)],
        )

    def _volumes(self, name: str, times_s: np.ndarray) -> tuple[np.ndarray, list[KnownRun]]:
        """The numbers of volumes at some times of a recording, whose name may have its study's before it, and what is known there."""
        bare = str(name).rsplit("/", 1)[-1]
        if bare not in self.runs:
            raise UserError(f"rows of {name}; the subject has {', '.join(self.runs)}.")
        run = self.runs[bare]
        at = np.rint(times_s / run.tr_s).astype(int)
        if (at < 0).any() or (at >= run.n_volumes).any() or np.abs(at * run.tr_s - times_s).max() > run.tr_s / 4:
            raise UserError(
                f"rows of {name} from {times_s.min():g} to {times_s.max():g} s; its {run.n_volumes} volumes begin every {run.tr_s:g} s "
                "from 0 on."
            )
        return at, self.known(bare)
