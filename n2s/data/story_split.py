"""Hold out whole stories: those that are named, or a share of all."""

from collections.abc import Mapping

import pandas as pd

from n2s.data.splits import Split, check_fractions, uniform
from n2s.errors import UserError, nearest
from n2s.findings import tell
from n2s.options import check_number
from n2s.studies.labels import named
from n2s.studies.text import normal


class SplitByStory(Split):
    """Whole stories; translations of one story, and stories that play the same sound, go together.

    Parameters
    ----------
    val, test
        Story ids to hold out, or names of contents (`n2s.studies.study.Study.content`). A story named here is never drawn
        for another split.
    val_fraction, test_fraction
        If ``val`` or ``test`` is not given: the share of stories drawn for it, by a hash of the story's id.
    seed
        Seed for that draw.

    Examples
    --------
    >>> from n2s.data import SplitByStory
    >>> split = SplitByStory(test=["lighthouse"], val=["orchestra"])
    >>> [split.of(story) for story in ("lighthouse", "orchestra", "mapmaker")]
    ['test', 'val', 'train']
    >>> SplitByStory(val_fraction=0.5, test_fraction=0.5)
    Traceback (most recent call last):
    n2s.errors.UserError: split: val_fraction 0.5 and test_fraction 0.5 must be at least 0 and sum to less than 1.
    """

    def __init__(
        self,
        *,
        val: list[str] | None = None,
        test: list[str] | None = None,
        val_fraction: float = 0.1,
        test_fraction: float = 0.2,
        seed: int = 0,
    ):
        self.named = {"val": named(val, "data.split.val"), "test": named(test, "data.split.test")}
        both = sorted(set(self.named["val"] or []) & set(self.named["test"] or []))
        if both:
            raise UserError(f"split: the stories {both} are named both in val and in test. Name each once.")
        check_fractions(val_fraction, test_fraction)
        check_number("split: seed", seed, low=0, whole=True)
        self.fractions = {"val": val_fraction, "test": test_fraction}
        self.seed = seed

    @property
    def validates(self) -> bool:
        """See `Split`."""
        return self.fractions["val"] > 0 if self.named["val"] is None else len(self.named["val"]) > 0

    def units(self, rows: pd.DataFrame, said: Mapping[str, Mapping[str, str] | None]) -> pd.DataFrame:
        """One unit per content.

        Raises
        ------
        UserError
            ``val`` or ``test`` names a story that no recording heard, or one content is named in both.
        """
        wanted = {name: split for split, names in self.named.items() for name in names or []}
        rows = rows.assign(story=rows.story.map({one: normal(one) for one in rows.story.unique()}))
        known = set(rows.story) | set(rows.name)
        for name in wanted:
            if name not in known:
                raise UserError(
                    f"split: {wanted[name]} names the story '{name}', which no recording heard.{nearest(name, sorted(known))} "
                    f"There are: {', '.join(sorted(known)[:12])}{', ...' if len(known) > 12 else ''}."
                )
        drawn = {}
        for content, part in rows.groupby("content"):
            names = sorted(name for name in {*part.story, *part.name} if name in wanted)
            if len({wanted[name] for name in names}) > 1:
                raise UserError(
                    f"split: {' and '.join(f'{name} ({wanted[name]})' for name in names)} are one content: they are the same "
                    "sound, or their study says so. Name them in one of val and test."
                )
            others = sorted(set(part.story) - set(names))
            if names and others and set(names) <= set(part.story):
                tell(
                    "odd",
                    "data.split",
                    f"{', '.join(others)} go to {wanted[names[0]]} with {names[0]}: they are the same sound, or their study "
                    "says that they are one content.",
                )
            official = sorted(set(part.official) - {"", *(wanted[name] for name in names)})
            if names and official:
                tell(
                    "corrected",
                    f"data.split.{wanted[names[0]]}",
                    f"{', '.join(names)}: the study's official split has this content in {official[0]}, and that one is used. "
                    "Leave the name out, or leave the official split out of the study (split: null in your own study).",
                )
            drawn[content] = (names or [part.name.iloc[0]])[0]
        return rows.assign(unit=rows.content, drawn=rows.content.map(drawn))

    def names(self, drawn: str) -> bool:
        """See `Split`."""
        return any(drawn in (stories or []) for stories in self.named.values())

    def of(self, drawn: str) -> str:
        """See `Split`."""
        for split, stories in self.named.items():
            if drawn in (stories or []):
                return split
        position, low = uniform(drawn, self.seed), 0.0
        for split in ("test", "val"):
            if self.named[split] is None:
                if low <= position < low + self.fractions[split]:
                    return split
                low += self.fractions[split]
        return "train"
