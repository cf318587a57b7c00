"""What the classification of two groups leaves, as the console, the page and files show it."""

from dataclasses import dataclass
from pathlib import Path

from n2s.metrics.result import Result, Shown
from n2s.metrics.score import Scores
from n2s.paths import written_whole
from n2s.systems.dyslexia import words
from n2s.systems.dyslexia.figures import drawings
from n2s.systems.dyslexia.outcome import Outcome


@dataclass(eq=False)
class DyslexiaResult(Outcome, Result):
    """The result of a cross-validation; its fields are those of `n2s.systems.dyslexia.outcome.Outcome`."""

    def scores(self) -> Scores:
        """See `Result`."""
        return Outcome.scores(self)

    def facts(self) -> dict:
        """See `Result`."""
        return Outcome.facts(self)

    def shown(self) -> list[Shown]:
        """See `Result`."""
        return [
            Shown(
                headline=words.headline(self),
                scores=self.scores(),
                notes=words.notes(self),
                tables=words.tables(self),
                drawings=drawings(self),
                counts=words.counts(self),
                files={"people, measures and held-out scores (CSV)": "people.csv"},
            )
        ]

    def export(self, folder: Path) -> None:
        """See `Result`: one row a person."""
        with written_whole(folder / "people.csv") as path:
            self.per_person().to_csv(path)
