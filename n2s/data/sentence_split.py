"""Split by sentences or blocks of sentences: each is in one split, wherever it is heard."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from n2s.data.content import sentence_contents
from n2s.data.splits import Split, check_fractions, stretches, uniform
from n2s.errors import UserError
from n2s.findings import tell
from n2s.options import check_number

SAME_CLOCK_S = 1e-3  # rounded times
APART_S = 0.5  # between a sentence and its place in a sound: above it the sound is played another time


class SplitBySentence(Split):
    """Split sentences, or blocks of them, by a hash of their text: the same words are in one split everywhere.

    Translations of a sentence go together if the study says which correspond (`n2s.studies.study.Study.content`). A story
    in several languages goes whole into one split if the study does not name all of its sentences.

    Parameters
    ----------
    val_fraction, test_fraction
        Shares (Défossez 2023: 0.1 and 0.2).
    min_block_s
        Neighbouring sentences of a sound are joined into blocks of at least this length before they are split (Défossez
        2023: 6 s, 0 for single sentences). A sentence that is then in several splits is only kept in the one with the highest
        priority (test, then val).
    seed
        Added to the hash (Défossez 2023: 12).

    Examples
    --------
    >>> from n2s.data import SplitBySentence
    >>> split = SplitBySentence(val_fraction=0.1, test_fraction=0.2, seed=12)
    >>> [split.of(one) for one in ("the cat sat", "it rained", "she laughed")]  # by a hash of the words, for everybody
    ['train', 'train', 'val']
    """

    def __init__(
        self, *, val_fraction: float = 0.1, test_fraction: float = 0.2, min_block_s: float = 0.0, seed: int = 12
    ):
        check_fractions(val_fraction, test_fraction)
        check_number("split: min_block_s", min_block_s, low=0)
        check_number("split: seed", seed, low=0, whole=True)
        self.val_fraction, self.test_fraction, self.min_block_s, self.seed = (
            val_fraction,
            test_fraction,
            min_block_s,
            seed,
        )

    @property
    def validates(self) -> bool:
        """See `Split`."""
        return self.val_fraction > 0

    def rows(self, events: pd.DataFrame) -> pd.DataFrame:
        """The sentences, on the clocks of their sounds, as all other splits have them."""
        sentences = events[events.kind == "sentence"]
        if not (sentences.duration > 0).any():
            raise UserError(
                "split: SplitBySentence needs events of kind 'sentence', and there are none. Add them (onset, duration, text), or "
                "put TextGrids beside the sounds, from which sentences are made: `n2s align` writes them from sounds and "
                "transcripts. SplitByStory and SplitByTime need none."
            )
        return on_sounds(stretches(sentences), stretches(events[events.kind == "sound"]))

    def units(self, rows: pd.DataFrame, said: Mapping[str, Mapping[str, str] | None]) -> pd.DataFrame:
        """One unit per sentence; the split is drawn for its block, or for a whole story."""
        sentences = sentence_contents(rows, said)
        rows = rows.assign(unit=sentences.unit, drawn=self._blocks(rows.assign(own=sentences.name)))
        whole = (rows.versions & ~sentences.aligned & (rows.official == "")).groupby(rows.content).transform("any")
        if whole.any():
            stories = ", ".join(sorted(set(rows.name[whole]))[:8])
            tell(
                "odd",
                "data.split",
                f"{stories}: heard in several languages or versions, and nothing says which sentences correspond. Each goes "
                "whole into one split. Name their sentences in the study's `content` to split them.",
            )
        return rows.assign(drawn=rows.drawn.where(~whole, rows.name))

    def _blocks(self, rows: pd.DataFrame) -> pd.Series:
        """The block of each row. Blocks are made of a sound's sentences in order, independent of who heard them."""
        rows = rows.sort_values(["sound", "stimulus_onset"], kind="stable")
        stop = rows.stimulus_onset + rows.duration
        same = [rows["sound"], rows["own"]]
        before = stop.groupby(same).cummax().groupby(same).shift()
        new = ~(rows.stimulus_onset < before) & ~rows.goes_on  # clocks differ: overlapping sentences are one
        place = new.groupby(same).cumsum()
        places = rows.assign(place=place).drop_duplicates(["sound", "own", "place"])
        names, members, length_s, previous = [], [], 0.0, None
        for row in places.itertuples():
            if members and (length_s >= self.min_block_s or row.sound != previous):
                names += [" ".join(members)] * len(members)
                members, length_s = [], 0.0
            members.append(row.own)
            length_s += row.whole_s
            previous = row.sound
        names += [" ".join(members)] * len(members)
        block = dict(zip(zip(places.sound, places.own, places.place, strict=True), names, strict=True))
        keys = zip(rows["sound"], rows["own"], place, strict=True)
        return pd.Series([block[key] for key in keys], rows.index)

    def of(self, drawn: str) -> str:
        """See `n2s.data.splits.Split`."""
        position = uniform(drawn, self.seed)
        if position < self.test_fraction:
            return "test"
        return "val" if position < self.test_fraction + self.val_fraction else "train"


def on_sounds(sentences: pd.DataFrame, sounds: pd.DataFrame) -> pd.DataFrame:
    """Sentences on the clocks of the sounds that they are heard in, cut where these go over to another clock.

    A sentence's own onset is the trigger of its first word: that jitters, is late, or knows of no drift.

    Parameters
    ----------
    sentences, sounds
        Of one recording, as `n2s.data.splits.stretches` gives them. A sentence without a sound within 0.5 s stays as it is.

    Returns
    -------
    With ``whole_s``, the sentence's length in the sound, and ``goes_on``: whether a row is the rest of the sentence of the one before.
    """
    played = {name: rows.sort_values("onset", kind="stable") for name, rows in sounds.groupby("stimulus")}
    rows = []
    for row in sentences.to_dict("records"):
        row |= {"whole_s": row["duration"], "goes_on": False}
        rows += _laid(row, played[row["stimulus"]]) if row["stimulus"] in played else [row]
    return pd.DataFrame(rows, columns=[*sentences.columns, "whole_s", "goes_on"])


def _laid(row: dict, sounds: pd.DataFrame) -> list[dict]:
    start, place = sounds.onset.to_numpy(), sounds.stimulus_onset.to_numpy()
    stop, clock = start + sounds.duration.to_numpy(), start - place
    at = row["stimulus_onset"]
    inside = (place <= at + SAME_CLOCK_S) & (at < place + sounds.duration.to_numpy())
    late_s = np.where(inside | ~inside.any(), clock - (row["onset"] - at), np.inf)
    first = int(np.abs(late_s).argmin())
    if abs(late_s[first]) > APART_S:
        return [row]
    moved_s = late_s[first] if abs(late_s[first]) > SAME_CLOCK_S else 0.0  # rounded times
    begin, end = row["onset"] + moved_s, row["onset"] + moved_s + row["duration"]
    next_ones = (start > start[first]) & (place > place[first]) & (start < end - SAME_CLOCK_S)
    within = [first, *np.flatnonzero(next_ones)]
    begins = [begin, *start[within[1:]]]
    ends = [*(min(stop[one], after) for one, after in zip(within[:-1], begins[1:], strict=True)), end]
    made = [
        row | {"onset": a, "duration": b - a, "stimulus_onset": a - clock[one] if n else at, "goes_on": n > 0}
        for n, (one, a, b) in enumerate(zip(within, begins, ends, strict=True))
        if b > a
    ]
    whole_s = made[-1]["stimulus_onset"] + made[-1]["duration"] - at if len(made) > 1 else row["duration"]
    return [one | {"whole_s": whole_s} for one in made]
