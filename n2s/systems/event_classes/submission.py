"""The file that is handed in to a competition: the probabilities of a holdout's windows."""

from pathlib import Path

import numpy as np

from n2s.data.event_data import EventDataModule
from n2s.data.event_frames import Frames
from n2s.errors import UserError
from n2s.report.table import wide_console
from n2s.systems.event_classes.speech_runs import drop_short


def hand_in(
    data: EventDataModule, row: np.ndarray, probabilities: np.ndarray, folder: Path, *, min_run_s: float = 0.0
) -> Path:
    """Write the submission of ``data.holdout``, and say where it is.

    Parameters
    ----------
    data
        Set up.
    row, probabilities
        (n,) rows of the holdout, in order, and (n, k) their probabilities; of one logit k is 2.
    folder
        To write to.
    min_run_s
        Frames of stretches of speech that are shorter than this become silence, of probability 0.

    Returns
    -------
    The file.

    Raises
    ------
    UserError
        Some windows of the holdout were not predicted, or their probabilities are none.
    """
    reader = data.holdout_reader()
    if not np.array_equal(row, np.arange(len(reader))):
        raise UserError(
            f"{len(row)} of {len(reader)} windows of data.holdout were predicted, and a submission has all of them. Leave out "
            "trainer.limit_predict_batches."
        )
    found = np.array(probabilities, np.float64)
    if isinstance(data.event_windows, Frames) and min_run_s:
        sfreq = data.shape.sfreq
        speech = found[:, 1] > 0.5
        kept = drop_short(speech, np.zeros(len(row), int), row / sfreq, step_s=1 / sfreq, least_s=min_run_s)
        found[speech & ~kept] = [1.0, 0.0]
    path = folder / data.holdout.submission
    data.holdout.write(path, found, reader.span)
    wide_console().print(f"submission: {path}", soft_wrap=True, highlight=False)
    return path
