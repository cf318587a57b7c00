"""What a test of a linear decoder leaves."""

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from n2s.metrics.result import Result, Shown, write_tables
from n2s.metrics.score import Scores
from n2s.systems.linear import summary
from n2s.systems.linear.figures import drawings


@dataclass(eq=False)
class DecodingResult(Result):
    """The scores of every subject and target.

    Parameters
    ----------
    values
        One line per ``subject``, ``target`` and ``measure`` (``r``; ``match, 5 s``; ``top-1, 5 s``): ``value`` with the ends of its
        interval over blocks of time (``low``, ``high``), its null of shifted time (``null_mean``, central 95%: ``null_low``,
        ``null_high``; ``p``, one-sided), ``chance``, ``n`` (held-out rows; of windows the candidates), and what the best possible decoder
        reaches, where a study knows (``ceiling``, ``ceiling_low``, ``ceiling_high``). NaN: cannot be computed.
    folds
        ``subject``, ``target``, ``fold``, ``n_rows``, ``duration_s``, ``alpha``, ``r``.
    features
        ``subject``, ``target``, ``feature``, ``r`` of each dimension of the target.
    courses
        A stretch of each reconstruction for a figure: ``feature``, ``time_s``, ``predicted``, ``true``, in deviations; ``recording``.
    windows
        One line per window: ``window_s``, ``recording``, ``time_s``, ``r``, ``correct`` (the share of mismatched windows that it is told
        apart from), ``rank``, ``n_candidates``. None: held-out rows were too few.
    settings
        Lags, band, penalties, folds, numbers of sensors.
    seed
        Of shifts.
    """

    values: pd.DataFrame
    folds: pd.DataFrame
    features: pd.DataFrame
    courses: pd.DataFrame | None = None
    windows: pd.DataFrame | None = None
    settings: dict = field(default_factory=dict)
    seed: int = 0

    def scores(self) -> Scores:
        """See `Result`."""
        return summary.scores(self.values)

    def facts(self) -> dict:
        """See `Result`."""
        return summary.facts(self.values, self.folds) | {"settings": self.settings, "seed": self.seed}

    def shown(self) -> list[Shown]:
        """See `Result`."""
        scores = self.scores()
        return [
            Shown(
                headline=summary.headline(self.values, self.folds, self.settings),
                scores=scores,
                notes=summary.notes(self.values, self.settings),
                tables=summary.tables(self.values, self.folds),
                drawings=drawings(self.values, self.folds, self.courses, scores),
                counts={"subjects": self.values.subject.nunique(), "targets": self.values.target.nunique()},
                files={"all values": "values.csv", "r of each fold": "folds.csv"},
            )
        ]

    def export(self, folder: Path) -> None:
        """See `Result`: ``values.csv`` and ``folds.csv``."""
        write_tables(folder, {"values": self.values, "folds": self.folds})
