"""What was heard in a run, through the haemodynamic response, at each volume: the columns that predict BOLD."""

from collections.abc import Sequence

import numpy as np
import scipy.linalg

from n2s.data.hrf_response import hrf_response
from n2s.data.paired import PairedDataModule
from n2s.data.splits import stretches
from n2s.data.talkers import attended
from n2s.studies.study import Frames

EARLY = 1e-6  # of a frame: rounded numbers


def heard_in_run(data: PairedDataModule, run: str) -> list[Frames]:
    """The target's features of all that was heard in a run, on the run's clock, with a last column of ones: whether a sound plays.

    Features are standardised, so that 0, as in silence, is the mean of the training sounds.
    """
    study, found = run.split("/", 1)[0], []
    for row in attended(stretches(data.events[run])).itertuples():
        for piece in data.targets.courses(f"{study}/{row.stimulus}"):
            at_s = piece.start_s + np.arange(len(piece.values)) / piece.rate_hz
            half_s = (0.5 - EARLY) / piece.rate_hz
            inside = (at_s > row.stimulus_onset - half_s) & (at_s < row.stimulus_onset + row.duration - half_s)
            if inside.any():
                values = np.column_stack([piece.values[inside], np.ones(inside.sum())])
                begins_s = at_s[inside][0] + row.onset - row.stimulus_onset
                found.append(Frames(values, piece.rate_hz, float(begins_s)))
    return found


def slow_columns(
    heard: Sequence[Frames], tr_s: float, n_volumes: int, delays_s: Sequence[float], n_columns: int
) -> np.ndarray:
    """(t, q, f) Features through Glover's response at the start of each volume, q times: so much later each.

    Parameters
    ----------
    heard
        On the run's clock.
    tr_s, n_volumes
        Of the run.
    delays_s
        (q,) Of the response; negative: it is earlier than Glover's.
    n_columns
        F: of every run the same, also where nothing was heard.
    """
    found = np.zeros((n_volumes, len(delays_s), n_columns))
    for piece in heard:
        for at, delay_s in enumerate(delays_s):
            found[:, at] += hrf_response(piece.values, piece.rate_hz, piece.start_s + delay_s, tr_s, n_volumes)
    return found


def without(values: np.ndarray, nuisances: np.ndarray) -> np.ndarray:
    """(t, ...) values less their mean and what nuisances (t, k) explain of them, in these rows alone."""
    rows = len(values)
    basis = scipy.linalg.orth(np.column_stack([np.full(rows, rows**-0.5), nuisances]), rcond=1e-8)
    flat = values.reshape(rows, -1).astype(np.float64)
    return (flat - basis @ (basis.T @ flat)).reshape(values.shape)
