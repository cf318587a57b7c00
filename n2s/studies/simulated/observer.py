"""The ideal observer: the best possible decoder of the simulated MEG, because it knows how the data were made.

The noise is Gaussian with a known covariance ``C (x) T`` (space times time), so the log-likelihood ratio of "this was
heard" against "nothing was heard" can be written down exactly: ``<x, s> - <s, s> / 2`` with ``<x, s> = tr(C^-1 x T^-1
s')``, for data ``x (c, t)`` and a candidate's noiseless signal ``s (c, t)``. No decoder that sees the same window and
knows the same candidates is right more often.
"""

import numpy as np
import scipy.linalg

from n2s.errors import UserError
from n2s.studies.simulated.sources import Listener
from n2s.studies.simulated.stationary import solve_stationary


def log_likelihood_ratios(
    data: np.ndarray,
    courses: np.ndarray,
    *,
    patterns: np.ndarray,
    spatial: np.ndarray,
    temporal: np.ndarray,
) -> np.ndarray:
    """Score every candidate for every window, (n, k), in nats.

    Parameters
    ----------
    data
        (n, c, t) Windows of the recording, good channels only.
    courses
        (k, j, t) Each candidate's source activity in such a window.
    patterns
        (c, j) Field of each source: a candidate's signal is ``patterns @ courses``.
    spatial
        (c, c) Covariance of the noise between channels.
    temporal
        (t,) Autocovariance of the noise at lags 0, 1, ...; the two multiply.
    """
    unit = np.sqrt(np.diag(spatial))  # channels in units of their own noise: tesla squared is too small to invert
    patterns = patterns / unit[:, None]
    filters = scipy.linalg.solve(spatial / np.outer(unit, unit), patterns, assume_a="pos")  # C^-1 A: (c, j)
    seen = np.einsum("cj,nct->njt", filters / unit[:, None], data, optimize=True)
    whitened = solve_stationary(temporal, courses.reshape(-1, len(temporal))).reshape(courses.shape)  # s T^-1
    energy = np.einsum("kit,ij,kjt->k", courses, patterns.T @ filters, whitened, optimize=True)
    return np.einsum("njt,kjt->nk", seen, whitened, optimize=True) - energy / 2


def candidate_courses(
    person: Listener,
    drives: dict[str, np.ndarray],
    candidates: list[tuple[str, float]],
    *,
    sfreq: float,
    offset_s: float,
    duration_s: float,
    whole_audio: bool = False,
) -> np.ndarray:
    """Predict the source activity (k, j, t) in a window that starts ``offset_s`` after each candidate's audio does.

    Parameters
    ----------
    person
        Who listens.
    drives
        Stimulus id -> (j, l), see `Listener.drive`.
    candidates
        (k) Stimulus id and start, s in it.
    sfreq, offset_s, duration_s
        Rate of drives and activity, Hz; the window opens ``offset_s`` later than the audio; both last ``duration_s``.
    whole_audio
        Whether the audio is known outside [start, start + duration] too; else it is set to the mean inside.
    """
    n_times, memory = sample(duration_s, sfreq), person.deflections.shape[1] - 1
    heard = np.zeros((len(candidates), len(person.weights), memory + n_times))
    for row, (stimulus, start_s) in zip(heard, candidates, strict=True):
        drive, first, opens = drives[stimulus], sample(start_s, sfreq), sample(start_s + offset_s, sfreq)
        if not 0 <= first < drive.shape[1]:
            raise UserError(f"candidate at {start_s:.2f} s of {stimulus}, which lasts {drive.shape[1] / sfreq:.2f} s.")
        wanted = np.arange(opens - memory, opens + n_times)  # samples that the window's activity depends on
        known = (wanted >= 0) & (wanted < drive.shape[1])  # silence before and after the story
        row[:, known] = drive[:, wanted[known]]
        if not whole_audio:
            unknown = (wanted < first) | (wanted >= first + n_times)
            row[:, unknown] = drive[:, first : first + n_times].mean(1, keepdims=True)
    return person.activity(heard)[..., memory:]


def sample(time_s: float, sfreq: float) -> int:
    """The sample nearest to a time; the later of two that are equally near, however the time was rounded."""
    return int(np.floor(time_s * sfreq + 0.5 + 1e-6))
