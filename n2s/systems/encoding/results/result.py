"""What a test of an encoding model leaves: a score for each subject and target, beside its controls and ceilings."""

from dataclasses import dataclass
from pathlib import Path

from n2s.metrics.result import Result, Shown
from n2s.metrics.score import Scores
from n2s.systems.encoding.cortex import maps
from n2s.systems.encoding.figures.drawings import drawings
from n2s.systems.encoding.results import summary, tables
from n2s.systems.encoding.results.scored import BrainScores


@dataclass(eq=False)
class BrainScoreResult(BrainScores, Result):
    """The result of a test; its fields are those of `n2s.systems.encoding.results.scored.BrainScores`."""

    def scores(self) -> Scores:
        """See `Result`."""
        return summary.scores(self.regions)

    def facts(self) -> dict:
        """See `Result`."""
        return tables.facts(self)

    def shown(self) -> list[Shown]:
        """See `Result`."""
        scores = self.scores()
        return [
            Shown(
                headline=tables.headline(self),
                scores=scores,
                columns=summary.shown_columns(self.regions, scores),
                notes=tables.notes(self, scores),
                tables=tables.tables(self, scores),
                drawings=drawings(self),
                counts={"subjects": len(self.group.subjects), "targets": len(self.targets)},
                files=maps.files(self),
            )
        ]

    def export(self, folder: Path) -> None:
        """See `Result`: the table of regions, tests over subjects, and maps as images and surfaces."""
        tables.write(self, folder)
