"""What a test across languages leaves."""

from dataclasses import dataclass
from pathlib import Path

from n2s.metrics.result import Result, Shown, write_tables
from n2s.metrics.score import ALL, Scores
from n2s.systems.cross_language import figures, page, tables
from n2s.systems.cross_language.scored import CrossLanguageScores


@dataclass(eq=False)
class CrossLanguageResult(CrossLanguageScores, Result):
    """The result of a test; its fields are those of `n2s.systems.cross_language.scored.CrossLanguageScores`."""

    def scores(self) -> Scores:
        """See `Result`."""
        return tables.scores(self.cells, self.settings["top_k"])

    def facts(self) -> dict:
        """See `Result`."""
        ratios = self.transfer[(self.transfer.subject == ALL)].drop(columns="subject")
        plain = ratios.astype(object).where(ratios.notna(), None).to_dict("records")
        return {
            "transfer": plain,
            "probe": self.probe.to_dict("records"),
            "known": self.known.to_dict("records"),
            "settings": self.settings,
            "seed": self.seed,
        }

    def shown(self) -> list[Shown]:
        """See `Result`."""
        return [
            Shown(
                headline=page.headline(self),
                scores=self.scores(),
                claim=tables.claim(self.cells),
                notes=page.notes(self),
                tables=page.tables(self),
                drawings=figures.drawings(self),
                counts={
                    "subjects": self.cells[self.cells.subject != ALL].subject.nunique(),
                    "languages": len(self.settings["languages"]),
                },
                files={
                    "every cell with chance, p and q": "cells.csv",
                    "transfer ratios": "transfer.csv",
                    "every voxel": "voxels.csv",
                },
            )
        ]

    def export(self, folder: Path) -> None:
        """See `Result`: ``cells.csv``, ``transfer.csv``, ``voxels.csv``."""
        write_tables(folder, {"cells": self.cells, "transfer": self.transfer, "voxels": self.voxels})
