"""What a test of high-gamma models leaves: a score for each electrode and model, beside baselines that know less."""

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from n2s.metrics.result import Result, Shown
from n2s.metrics.score import Scores
from n2s.paths import written_whole
from n2s.systems.high_gamma import figures, page, summary


@dataclass(eq=False)
class HighGammaResult(Result):
    """The result of a test.

    Parameters
    ----------
    electrodes
        One row per subject and electrode: ``subject``, ``name``, ``x``, ``y``, ``z`` (mm, NaN: not known), ``varies`` (whether it changes in
        held-out rows), and for each row of the table ``r:<row>`` (Pearson over held-out time, all folds joined, each fold's part of a
        run without its mean; NaN where the prediction is constant), ``p:<row>`` (one-sided) and ``q:<row>`` (Benjamini-Hochberg over the
        subject's electrodes).
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

    def scores(self) -> Scores:
        """See `Result`."""
        return summary.scores(self.electrodes, self.flat, self.null, self.rows)

    def facts(self) -> dict:
        """See `Result`."""
        counts = self.electrodes.groupby("subject", sort=False)
        return {
            "n_subjects": len(counts),
            "n_electrodes": counts.size().to_dict(),
            "n_varying": {name: int(n) for name, n in counts.varies.sum().items()},
            "rows": self.rows.to_dict("records"),
            "settings": self.settings,
            "seed": self.seed,
        }

    def shown(self) -> list[Shown]:
        """See `Result`."""
        scores = self.scores()
        return [
            Shown(
                headline=page.headline(self),
                scores=scores,
                notes=page.notes(self, scores),
                tables=page.tables(self),
                drawings=figures.drawings(self),
                counts={"subjects": self.electrodes.subject.nunique(), "electrodes": len(self.electrodes)},
                files={"r, p and q of every electrode": "electrodes.csv"},
            )
        ]

    def export(self, folder: Path) -> None:
        """See `Result`: ``electrodes.csv``."""
        with written_whole(folder / "electrodes.csv") as temporary:
            self.electrodes.to_csv(temporary, index=False)
