"""Which moments are for training, validation and test: by story or sentence, the same for every listener.

A split works on the *stimulus*: the same story, sentence or second of audio is in one split for all recordings. Its
result is a table of intervals, each wholly inside one split; windows are laid inside them.
"""

import hashlib
import random
from abc import ABC, abstractmethod
from collections.abc import Mapping

import numpy as np
import pandas as pd

from n2s.data.gaps import Reach, purge
from n2s.errors import UserError

SPLITS = ("train", "val", "test")
_PRIORITY = {"test": 2, "val": 1, "train": 0}  # at a border the more precious side is kept whole

#: Columns of a table of intervals. onset, duration: s on the recording's clock; stimulus_onset: s in the audio.
INTERVAL = ["onset", "duration", "stimulus", "stimulus_onset", "story", "unit", "split"]


class Split(ABC):
    """Cuts the stretches of one recording where a stimulus plays into units, and gives each unit to a split."""

    @abstractmethod
    def units(self, events: pd.DataFrame) -> pd.DataFrame:
        """The intervals of one recording with their ``unit``, before they have a split."""

    @abstractmethod
    def of(self, unit: str) -> str:
        """The split of a unit: a function of its identity alone, so that it is the same for every recording."""

    def intervals(self, events: Mapping[str, pd.DataFrame], official: Mapping[str, str] | None = None) -> pd.DataFrame:
        """Split all recordings of a study.

        Parameters
        ----------
        events
            Events table of each recording, by name.
        official
            The study's own split: story or sequence -> train, val or test. It wins.

        Returns
        -------
        Table of `INTERVAL` and ``recording``; intervals of one split that follow each other are joined.
        """
        official = dict(official or {})
        odd = sorted(set(official.values()) - set(SPLITS))
        if odd:
            raise UserError(f"a study's split holds {odd}, expected train, val or test.")
        tables = []
        for recording, table in events.items():
            units = self.units(table)
            if units.empty:
                raise UserError(
                    f"{recording}: no event says when a stimulus plays. Expected rows of kind 'sound' or 'story' with onset, "
                    "duration and stimulus."
                )
            units["split"] = [
                official.get(u) or official.get(s) or self.of(u) for u, s in zip(units.unit, units.story, strict=True)
            ]
            tables.append(units.assign(recording=recording))
        return pd.concat(tables, ignore_index=True)


def stretches(events: pd.DataFrame) -> pd.DataFrame:
    """The stretches where a stimulus plays: rows of kind sound, else story, else sentence."""
    for kind in ("sound", "story", "sentence"):
        rows = events[(events.kind == kind) & (events.stimulus != "") & (events.duration > 0)]
        if len(rows):
            return rows[["onset", "duration", "stimulus", "stimulus_onset", "story"]].reset_index(drop=True)
    return events.iloc[:0][["onset", "duration", "stimulus", "stimulus_onset", "story"]]


def uniform(identity: str, seed: int) -> float:
    """A number in [0, 1) that depends on nothing but the identity and the seed.

    The formula of Défossez 2023's splits (sha256 of the sentence seeds Python's generator), so that theirs can be had.
    """
    return random.Random(int(hashlib.sha256(identity.encode()).hexdigest(), 16) + seed).random()


def _check_fractions(val_fraction: float, test_fraction: float) -> None:
    if val_fraction < 0 or test_fraction < 0 or val_fraction + test_fraction >= 1:
        raise UserError(
            f"split: val_fraction {val_fraction:g} and test_fraction {test_fraction:g} must be at least 0 and sum to less than 1."
        )


class SplitByStory(Split):
    """Whole stories; translations of one story go together.

    Parameters
    ----------
    val, test
        Story ids to hold out. A story named here is never drawn for another split.
    val_fraction, test_fraction
        Where ``val`` or ``test`` is not given: the share of stories drawn for it, by a hash of the story's id.
    seed
        Of that draw.
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
        both = sorted(set(val or []) & set(test or []))
        if both:
            raise UserError(f"split: the stories {both} are named both in val and in test. Name each once.")
        _check_fractions(val_fraction, test_fraction)
        self.named = {"val": val, "test": test}
        self.fractions = {"val": val_fraction, "test": test_fraction}
        self.seed = seed

    def units(self, events: pd.DataFrame) -> pd.DataFrame:
        """One unit a story."""
        rows = stretches(events)
        return rows.assign(unit=rows.story)

    def of(self, unit: str) -> str:
        """See `Split`."""
        for split, stories in self.named.items():
            if unit in (stories or []):
                return split
        position, low = uniform(unit, self.seed), 0.0
        for split in ("test", "val"):
            if self.named[split] is None:
                if low <= position < low + self.fractions[split]:
                    return split
                low += self.fractions[split]
        return "train"


class SplitBySentence(Split):
    """Sentences, or blocks of them, by a hash of their text: the same words are in one split wherever they are heard.

    Parameters
    ----------
    val_fraction, test_fraction
        Shares (Défossez 2023: 0.1 and 0.2).
    min_block_s
        Neighbouring sentences are joined into blocks of at least this length before they are split (Défossez 2023: 6 s,
        0 for single sentences). A sentence that then stands in several splits is cut out of all but the most precious
        one (test, then val).
    seed
        Added to the hash (Défossez 2023: 12).
    """

    def __init__(
        self, *, val_fraction: float = 0.1, test_fraction: float = 0.2, min_block_s: float = 0.0, seed: int = 12
    ):
        _check_fractions(val_fraction, test_fraction)
        self.val_fraction, self.test_fraction, self.min_block_s, self.seed = (
            val_fraction,
            test_fraction,
            min_block_s,
            seed,
        )

    def units(self, events: pd.DataFrame) -> pd.DataFrame:
        """One unit a sentence, in the order of the recording; its block is in the column ``block``."""
        rows = events[(events.kind == "sentence") & (events.duration > 0)]
        if rows.empty:
            raise UserError(
                "split: SplitBySentence needs events of kind 'sentence', and there are none. Use SplitByStory, or add sentences "
                "(onset, duration, text) to the events."
            )
        identity = rows.sequence.where(rows.sequence != "", rows.text)
        units = (
            rows[["onset", "duration", "stimulus", "stimulus_onset", "story"]]
            .assign(unit=identity)
            .reset_index(drop=True)
        )
        return units.assign(block=self._blocks(units))

    def _blocks(self, units: pd.DataFrame) -> list[str]:
        blocks, members, length = [], [], 0.0
        previous = None
        for row in units.itertuples():
            if members and (length >= self.min_block_s or row.stimulus != previous):
                blocks += [" ".join(members)] * len(members)
                members, length = [], 0.0
            members.append(row.unit)
            length += row.duration
            previous = row.stimulus
        return blocks + [" ".join(members)] * len(members)

    def of(self, unit: str) -> str:
        """See `Split`; ``unit`` is a block."""
        position = uniform(unit, self.seed)
        if position < self.test_fraction:
            return "test"
        return "val" if position < self.test_fraction + self.val_fraction else "train"

    def intervals(self, events: Mapping[str, pd.DataFrame], official: Mapping[str, str] | None = None) -> pd.DataFrame:
        """See `Split`; a sentence never stands in two splits."""
        table = super().intervals(events, official)
        drawn = {block: self.of(block) for block in table.block.unique()}
        decided = [u in (official or {}) or s in (official or {}) for u, s in zip(table.unit, table.story, strict=True)]
        table["split"] = table.split.where(decided, table.block.map(drawn))
        best = table.split.map(_PRIORITY).groupby(table.unit).transform("max")
        return table[table.split.map(_PRIORITY) == best].drop(columns="block").reset_index(drop=True)


class SplitByTime(Split):
    """Contiguous folds of each stimulus: for one listener, one story.

    Parameters
    ----------
    n_folds
        Number of folds of equal length.
    test_fold, val_fold
        Which are held out, from 0.
    """

    def __init__(self, *, n_folds: int = 5, test_fold: int = 4, val_fold: int = 3):
        if not (0 <= test_fold < n_folds and 0 <= val_fold < n_folds and test_fold != val_fold):
            raise UserError(
                f"split: test_fold {test_fold} and val_fold {val_fold} must be two different folds from 0 to {n_folds - 1}."
            )
        self.n_folds, self.test_fold, self.val_fold = n_folds, test_fold, val_fold

    def units(self, events: pd.DataFrame) -> pd.DataFrame:
        """``n_folds`` units a stimulus."""
        rows = stretches(events)
        parts = rows.loc[rows.index.repeat(self.n_folds)].reset_index(drop=True)
        fold = np.tile(np.arange(self.n_folds), len(rows))
        length = parts.duration / self.n_folds
        return parts.assign(
            onset=parts.onset + fold * length,
            stimulus_onset=parts.stimulus_onset + fold * length,
            duration=length,
            unit=[f"{stimulus}#{i}" for stimulus, i in zip(parts.stimulus, fold, strict=True)],
        )

    def of(self, unit: str) -> str:
        """See `Split`."""
        fold = int(unit.rsplit("#", 1)[1])
        return {self.test_fold: "test", self.val_fold: "val"}.get(fold, "train")


def joined(intervals: pd.DataFrame, *, gap_s: float | Mapping[str, float | Reach]) -> pd.DataFrame:
    """Join neighbouring intervals of one split and stimulus, and open a gap at every border between splits.

    Parameters
    ----------
    intervals
        As `Split.intervals` gives them.
    gap_s
        Raw samples within this distance may reach both sides through the filters. The side that matters less
        (train, then val) is cut back until it is this far away. Of all recordings, or of each: then also where its
        filters stop, and no interval lies across such a place.
    """
    tables = []
    for recording, rows in intervals.sort_values(["recording", "onset"], kind="stable").groupby(
        "recording", sort=False
    ):
        tables.append(purge(_join(rows), gap_s[recording] if isinstance(gap_s, Mapping) else gap_s, _PRIORITY))
    return pd.concat(tables, ignore_index=True)


def _join(rows: pd.DataFrame) -> pd.DataFrame:
    kept: list[dict] = []
    for row in rows.to_dict("records"):
        last = kept[-1] if kept else None
        if last and last["split"] == row["split"] and last["stimulus"] == row["stimulus"]:
            brain_s, audio_s = row["onset"] - last["onset"], row["stimulus_onset"] - last["stimulus_onset"]
            if abs(brain_s - audio_s) < 1e-3 and audio_s > 0:  # one clock: the audio simply played on
                last["duration"] = max(last["duration"], brain_s + row["duration"])
                continue
        kept.append(dict(row))
    return pd.DataFrame(kept)
