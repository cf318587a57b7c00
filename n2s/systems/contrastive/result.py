"""What a test of the contrastive system leaves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from n2s.metrics.result import Result, Shown
from n2s.metrics.retrieval_rows import TOP
from n2s.metrics.score import Scores
from n2s.metrics.window_blocks import window_blocks
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

    def rows(self) -> pd.DataFrame:
        """See `Result`."""
        found, windows = self.ranks["model"], self.windows
        block = window_blocks(self.candidates, self.target, self.group).steady
        heard = {name: windows[name].to_numpy() for name in ("recording", "stimulus")}
        table = pd.DataFrame(
            {
                "subject": self.subject,
                **heard,
                "start_s": windows.stimulus_start_s.to_numpy(),
                "block": block,
                "among": self.n_candidates,
            }
        )
        return table.assign(mrr=1 / (found + 1), **{f"top{k}": (found < k).astype(float) for k in TOP})

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
