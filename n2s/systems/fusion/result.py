"""What a test of a fusion of MEG and fMRI leaves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from n2s.metrics.result import Result, Shown
from n2s.metrics.score import Scores
from n2s.systems.fusion import facts
from n2s.systems.fusion.pooled import pooled_pairs
from n2s.systems.fusion.summarized import SummarizedPairs


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

    def shown(self) -> list[Shown]:
        """See `Result`."""
        return [Shown(scores=self.scores())]
