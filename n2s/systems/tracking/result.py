"""What a test of tracking leaves: a table of measures for each person, beside those of shifted sound."""

from dataclasses import dataclass
from pathlib import Path

from n2s.metrics.result import Result, Shown, write_tables
from n2s.metrics.score import Scores
from n2s.systems.tracking import figures, summary
from n2s.systems.tracking.tables import TrackingTables


@dataclass(eq=False)
class TrackingResult(TrackingTables, Result):
    """The result of a test; its fields are those of `n2s.systems.tracking.tables.TrackingTables`, of which ``measures`` has a row a person."""

    def scores(self) -> Scores:
        """See `Result`: every measure with a chance level, of all sensors together."""
        return summary.scores(self.table)

    def facts(self) -> dict:
        """See `Result`."""
        return {"settings": self.settings, "tests": summary.tests(self.table).to_dict("records")}

    def shown(self) -> list[Shown]:
        """See `Result`."""
        scores = self.scores()
        return [
            Shown(
                headline=summary.headline(self.table, self.settings),
                scores=scores,
                columns=summary.shown_columns(scores),
                notes=summary.notes(self.table, self.settings),
                tables=summary.tables(self.table),
                drawings=figures.drawings(self),
                counts={"subjects": len(self.measures), "measures": self.measures.shape[1] - 1},
                files={"measures of each person": "measures.csv", "with chance levels": "measures_by_region.csv"},
            )
        ]

    def export(self, folder: Path) -> None:
        """See `Result`: the tables for other programs."""
        write_tables(folder, {"measures": self.measures, "measures_by_region": self.table})
