"""What a test of a fusion of MEG and fMRI leaves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from n2s.metrics.result import Result, Shown
from n2s.metrics.score import Scores
from n2s.report.listen import Retrieved, retrieved_listening, retrieved_segments
from n2s.systems.fusion import facts, figures, words
from n2s.systems.fusion.compared import compared, differ
from n2s.systems.fusion.pooled import pooled_pairs
from n2s.systems.fusion.summarized import SummarizedPairs
from n2s.systems.fusion.tables import compared_tables, differences_table


@dataclass(eq=False)
class FusionResult(SummarizedPairs, Result):
    """The result of one test set, from which every number and figure of the report is made; its fields: `ScoredPairs`."""

    @classmethod
    def settle(cls, results: Mapping[str, "FusionResult"]) -> None:
        """Correct the p-values for the tests of all results, and show them side by side."""
        for one in results.values():
            one._named = dict(results)

    @classmethod
    def pooled(cls, parts: Sequence["FusionResult"]) -> "FusionResult":
        """See `Result`: every pair is ranked among the candidates of its fold, by the model that has not seen them."""
        return cls(**pooled_pairs(parts))

    def scores(self) -> Scores:
        """See `Result`."""
        return self.summary.scores

    def facts(self) -> dict:
        """See `Result`."""
        return facts.facts(self)

    def retrieved(self) -> list[Retrieved]:
        """Some pairs, from the best rank to the worst, with the first choices."""
        known = np.isfinite(self.score)
        lowest = float(self.score[known].min(initial=0.0))
        return retrieved_segments(
            np.where(known, self.score, lowest),
            self.target,
            ranks=self.ranks[self.main],
            subject=self.subject,
            candidates=self.candidates,
            allowed=self.allowed,
        )

    def shown(self) -> list[Shown]:
        """See `Result`. The page of the first of several results compares them."""
        tables, drawings, notes = differences_table(self), figures.drawings(self), words.notes(self)
        first = next(iter(self._named.values())) is self
        if first and len(self._named) > 1:
            found = compared(self._named)
            if differ(found):
                tables |= compared_tables(found)
                drawings.append(figures.methods_bars(found))
            if len({one.method for one in self._named.values()}) > 1:  # parts of one test need not share pairs
                notes += found.said
        return [
            Shown(
                headline=words.headline(self),
                scores=self.scores(),
                columns=words.columns(self),
                notes=notes,
                tables=tables,
                drawings=drawings,
                listening=retrieved_listening(self.retrieved()),
                counts=words.counts(self),
            )
        ]
