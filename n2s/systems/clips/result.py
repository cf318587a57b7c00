"""The result of a test of a decoder of clips."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from n2s.metrics.result import Result, Shown
from n2s.metrics.score import Scores
from n2s.report.listen import retrieved_listening
from n2s.systems.clips import drawings, facts, summary
from n2s.systems.clips.decoded_clips import DecodedClips
from n2s.systems.clips.evaluation import ClipScores
from n2s.systems.clips.pooled import pooled_clips


@dataclass(eq=False)
class ClipResult(DecodedClips, Result):
    """The result of one test set; its fields are those of `DecodedClips`."""

    @classmethod
    def pooled(cls, parts: Sequence["ClipResult"]) -> "ClipResult":
        """See `Result`: a clip is identified among those of its fold, and correlations are inside folds."""
        return cls(**pooled_clips(parts))

    @cached_property
    def evaluated(self) -> ClipScores:
        """All scores, computed at first use."""
        return ClipScores(self)

    def scores(self) -> Scores:
        """See `Result`."""
        return summary.scores(self.evaluated)

    def facts(self) -> dict:
        """See `Result`."""
        return facts.clip_facts(self.evaluated)

    def shown(self) -> list[Shown]:
        """See `Result`."""
        found, scores = self.evaluated, self.scores()
        columns, windows = summary.columns(found), drawings.retrieved(found)
        return [
            Shown(
                headline=summary.headline(found),
                scores=scores,
                columns=columns,
                notes=summary.notes(found),
                tables={"Each subject": summary.by_subject(found, scores, columns)},
                drawings=drawings.drawings(found, windows),
                listening=retrieved_listening(windows, text="label"),
                counts=summary.counts(found),
            )
        ]
