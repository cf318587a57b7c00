"""What was measured of all subjects: scores of electrodes, flattened scores, nulls."""

from dataclasses import dataclass, field

import pandas as pd


@dataclass(eq=False)
class HighGammaScores:
    """Scores of all subjects.

    Parameters
    ----------
    electrodes
        One row per subject and electrode: ``subject``, ``name``, ``x``, ``y``, ``z`` (mm, NaN: not known), ``varies`` (whether it changes in
        held-out rows), and for each row of the table ``r:<row>`` (Pearson over held-out time, all folds joined, each fold's part of a
        run without its mean, predictions of each fold on one scale; NaN where the prediction is constant; of several draws the mean), ``p:<row>`` (one-sided; of several draws
        that of their mean r, against its values under the same permutations) and ``q:<row>`` (Benjamini-Hochberg over the subject's
        electrodes).
    flat
        ``subject``, ``row``, ``r``, ``r2``: of the flattened matrix of held-out rows and electrodes, in the unit of the recording.
    null
        ``subject``, ``median``, ``top``: r of the first model under each circular shift.
    traces
        ``subject``, ``name``, ``time_s``, ``recorded``, ``predicted``, ``r``: an example of the best electrodes.
    rows
        ``row``, ``label``, ``role``, ``model``, ``estimator``, ``spaces``, ``n_features``, ``n_draws``.
    frames
        Subject -> whose brain places are in: ``mni`` or ``own``.
    settings
        Counts and options, as plain types.
    seed
        Of draws.
    """

    electrodes: pd.DataFrame
    flat: pd.DataFrame
    null: pd.DataFrame
    traces: pd.DataFrame
    rows: pd.DataFrame
    frames: dict[str, str] = field(default_factory=dict)
    settings: dict = field(default_factory=dict)
    seed: int = 0
