"""What a test of the contrastive system leaves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from n2s.metrics.result import Result, Shown
from n2s.metrics.score import Scores
from n2s.report.listen import Retrieved, retrieved_listening, retrieved_segments
from n2s.systems.contrastive import facts, figures, words
from n2s.systems.contrastive.pooled import pooled_windows
from n2s.systems.contrastive.summarized import SummarizedWindows


@dataclass(eq=False)
class RetrievalResult(SummarizedWindows, Result):
    """The result of one test set, from which every number and figure of the report is made; its fields: `RankedWindows`."""

    @classmethod
    def settle(cls, results: Mapping[str, "RetrievalResult"]) -> None:
        """Correct the p-values for the tests of all results."""
        for one in results.values():
            one._together = list(results.values())

    @classmethod
    def pooled(cls, parts: Sequence["RetrievalResult"]) -> "RetrievalResult":
        """See `Result`: every window is ranked among the candidates of its fold, by the model that has not seen them."""
        return cls(**pooled_windows(parts))

    def scores(self) -> Scores:
        """See `Result`."""
        return self.summary.scores

    def facts(self) -> dict:
        """See `Result`."""
        return facts.facts(self)

    def retrieved(self) -> list[Retrieved]:
        """Some windows, from the best rank to the worst, with the model's first choices."""
        return retrieved_segments(
            self.similarity,
            self.target,
            ranks=self.ranks["model"],
            subject=self.subject,
            candidates=self.candidates,
            allowed=self.allowed,
        )

    def shown(self) -> list[Shown]:
        """See `Result`."""
        windows = self.retrieved()
        return [
            Shown(
                headline=words.headline(self),
                scores=self.scores(),
                columns=words.columns(self),
                notes=words.notes(self),
                drawings=figures.drawings(self, windows),
                listening=retrieved_listening(windows),
                counts=words.counts(self),
                claim=words.claim(self),
            )
        ]
