"""What a test of story decoders leaves: scores of decoded words, beside null texts and controls."""

from dataclasses import dataclass
from typing import Self

from n2s.metrics.result import Result
from n2s.metrics.score import Scores
from n2s.systems.story_text.scored import StoryTextScores


@dataclass(eq=False)
class StoryTextResult(StoryTextScores, Result):
    """The result of a test; its fields are those of `n2s.systems.story_text.scored.StoryTextScores`.

    Parameters
    ----------
    seed
        Of what was drawn while decoding.
    """

    seed: int = 0

    @classmethod
    def of(cls, scored: StoryTextScores, *, settings: dict | None = None, seed: int = 0) -> Self:
        """A result of `n2s.systems.story_text.scoring.score`; ``settings`` are more facts for the page, as plain JSON types."""
        own = dict(vars(scored))
        return cls(**own | {"settings": own["settings"] | (settings or {})}, seed=seed)

    def scores(self) -> Scores:
        """See `Result`."""
        raise NotImplementedError
