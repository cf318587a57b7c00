"""What a test of story decoders leaves: scores of decoded words, beside null texts and controls."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from n2s.metrics.result import Result, Shown, write_tables
from n2s.metrics.score import Scores
from n2s.systems.story_text import figures, page, read_along, summary
from n2s.systems.story_text.scored import StoryTextScores

FILES = {
    "words": "words that were said and decoded",
    "by_story": "scores of every story",
    "windows": "scores of every window",
}


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
        """A result of `n2s.systems.story_text.scoring.score`; ``settings`` are more facts, as plain JSON types: ``told``, sentences for the page."""
        own = dict(vars(scored))
        return cls(**own | {"settings": own["settings"] | (settings or {})}, seed=seed)

    def scores(self) -> Scores:
        """See `Result`."""
        return summary.scores(self)

    def facts(self) -> dict:
        """See `Result`."""
        total = self.by_story[self.by_story.story == ""]
        return {
            "n_subjects": int(self.stories.subject.nunique()),
            "n_stories": int(self.stories.story.nunique()),
            "against_null": [_plain(line) for line in total.to_dict("records")],
            "identification": [_plain(line) for line in self.identification.to_dict("records")],
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
                reading=read_along.reading(self),
                counts={"subjects": self.stories.subject.nunique(), "stories": self.stories.story.nunique()},
                files={text: f"{name}.csv" for name, text in FILES.items()},
            )
        ]

    def export(self, folder: Path) -> None:
        """See `Result`: ``words.csv``, ``by_story.csv`` and ``windows.csv``."""
        write_tables(folder, {name: getattr(self, name) for name in FILES}, digits=6)


def _plain(line: dict) -> dict:
    """Plain JSON types; NaN is null."""
    found = {name: value.item() if hasattr(value, "item") else value for name, value in line.items()}
    return {name: None if isinstance(one, float) and not np.isfinite(one) else one for name, one in found.items()}
