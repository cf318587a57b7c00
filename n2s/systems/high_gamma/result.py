"""What a test of high-gamma models leaves: a score for each electrode and model, beside baselines that know less."""

from dataclasses import dataclass
from pathlib import Path

from n2s.metrics.result import Result, Shown, write_tables
from n2s.metrics.score import Scores
from n2s.systems.high_gamma import figures, page, summary
from n2s.systems.high_gamma.scored import HighGammaScores


@dataclass(eq=False)
class HighGammaResult(HighGammaScores, Result):
    """The result of a test; its fields are those of `n2s.systems.high_gamma.scored.HighGammaScores`."""

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
        write_tables(folder, {"electrodes": self.electrodes})
