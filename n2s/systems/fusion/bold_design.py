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
    """The target's features of all that was heard in a run, on the run's clock.

    Features are standardised, so that 0, as in silence, is the mean of the training sounds.
    """
    study, found = run.split("/", 1)[0], []
    for row in attended(stretches(data.events[run])).itertuples():
        for piece in data.targets.courses(f"{study}/{row.stimulus}"):
            at_s = piece.start_s + np.arange(len(piece.values)) / piece.rate_hz
            half_s = (0.5 - EARLY) / piece.rate_hz
            inside = (at_s > row.stimulus_onset - half_s) & (at_s < row.stimulus_onset + row.duration - half_s)
            if inside.any():
                begins_s = at_s[inside][0] + row.onset - row.stimulus_onset
                found.append(Frames(piece.values[inside], piece.rate_hz, float(begins_s)))
    return found


def with_playing(nuisances: np.ndarray, heard: Sequence[Frames], tr_s: float, delays_s: Sequence[float]) -> np.ndarray:
    """(t, k) nuisances of a run, and q more: that a sound plays, whatever it is, through the response at each delay.

    When sounds begin and end tells where in a run a volume is. So this course is a nuisance: what is left tells sounds apart by their features.
    """
    ones = [Frames(np.ones((len(one.values), 1)), one.rate_hz, one.start_s) for one in heard]
    return np.column_stack([nuisances, slow_columns(ones, tr_s, len(nuisances), delays_s, 1)[:, :, 0]])


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


def nuisance_basis(nuisances: np.ndarray) -> np.ndarray:
    """(t, k) -> (t, m) orthonormal columns that span a constant and the nuisances."""
    size = np.linalg.norm(nuisances, axis=0)
    units = nuisances[:, size > 0] / size[size > 0]
    return scipy.linalg.orth(np.column_stack([np.full(len(units), len(units) ** -0.5), units]), rcond=1e-8)


def without(values: np.ndarray, nuisances: np.ndarray) -> np.ndarray:
    """(t, ...) values less their mean and what nuisances (t, k) explain of them, in these rows alone."""
    rows, basis = len(values), nuisance_basis(nuisances)
    flat = values.reshape(rows, -1).astype(np.float64)
    return (flat - basis @ (basis.T @ flat)).reshape(values.shape)
