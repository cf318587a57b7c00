"""Divide the heard sounds into training, validation and test, the same for every listener.

A split works on what is *heard*: the same story, sentence or second of audio is in one split for all recordings, under
any name and in any language. The result is a table of intervals, each completely inside one split; windows are
placed inside them. No held-out second is in training, for any subject.
"""

import hashlib
import random
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from n2s.data.content import Heard, check_names, story_contents
from n2s.data.gaps import Reach, purge
from n2s.data.held_out import apart
from n2s.data.priority import PRIORITY, SPLITS
from n2s.data.talkers import as_one, together
from n2s.errors import UserError
from n2s.findings import tell
from n2s.options import check_number
from n2s.studies.labels import labelled
from n2s.studies.text import normal

#: Columns of a table of intervals. onset, duration: s on the recording's clock; stimulus_onset: s in the audio; sound: the
#: same for all stimuli that are one sound; unit: content that is in one split; used: false if excluded, because its content
#: is held out elsewhere; attended: "no" for what plays beside another sound that is attended.
INTERVAL = ["onset", "duration", "stimulus", "stimulus_onset", "story", "sound", "unit", "split", "used", "attended"]
_ROW = ["onset", "duration", "stimulus", "stimulus_onset", "story", "language", "sequence", "text", "attended"]


class Split(ABC):
    """Cuts what the recordings of some studies heard into units, and assigns each unit to a split."""

    #: Whether a moment of a sound is in one split wherever it is heard. Runs that repeat the same sounds do not keep this.
    keeps_sounds: bool = True

    @property
    def validates(self) -> bool:
        """Whether there has to be a validation part; an official split may give one in any case."""
        return True

    def rows(self, events: pd.DataFrame) -> pd.DataFrame:
        """The events of one recording that describe what was heard: by default `stretches`."""
        return stretches(events)

    @abstractmethod
    def units(self, rows: pd.DataFrame, said: Mapping[str, Mapping[str, str] | None]) -> pd.DataFrame:
        """The rows of all recordings, cut, with ``unit`` (content) and ``drawn`` (the name that `of` draws for).

        Parameters
        ----------
        rows
            See `rows`; and ``recording``, ``study``, ``sound``, ``length_s`` (of the sound), ``official`` (the split that
            the study gives it, or "") and the columns of `n2s.data.content.story_contents`.
        said
            `n2s.data.content.Heard.content` of each study.
        """

    @abstractmethod
    def of(self, drawn: str) -> str:
        """The split of a unit: it depends only on its name, so that it is the same for every recording."""

    def names(self, drawn: str) -> bool:
        """Whether the user named this unit for a split: what is heard at once with it follows it (`n2s.data.talkers.as_one`)."""
        return False

    def intervals(self, heard: Mapping[str, Heard]) -> pd.DataFrame:
        """Split all recordings of some studies.

        Parameters
        ----------
        heard
            By name of the study. A study's official split has priority.

        Returns
        -------
        Table of `INTERVAL`, ``drawn`` (see `units`), ``study`` and ``recording``; stimuli are ``study/stimulus``. If one content would be in
        several splits, it is in the one with the highest priority, and its other places are not ``used``. Sounds that are heard at
        once, one attended and one not, are one unit.
        """
        rows = pd.concat([self._told(study, one) for study, one in heard.items()], ignore_index=True)
        said = {study: labelled(one.content, f"study {study}: content") for study, one in heard.items()}
        check_names(
            said, {study: _ids(one.events.values(), "story", "stimulus", "sequence") for study, one in heard.items()}
        )
        rows = rows.join(story_contents(rows, said))
        rows["official"] = _agreed(rows, rows.by_story, rows.content)
        rows = self.units(rows, said).reset_index(drop=True)
        self._tell_official(rows)
        decided = _agreed(rows, rows.by_sequence, rows.unit)
        decided = decided.where(decided != "", rows.official)
        at_once = together(rows)
        if (at_once >= 0).any():
            rank = {name: PRIORITY[self.of(name)] if self.names(name) else -1 for name in rows.drawn.unique()}
            rows = as_one(rows, at_once, rows.drawn.map(rank))
            decided = _official_together(rows, decided, at_once)
        own = decided.where(decided != "", rows.drawn.map({name: self.of(name) for name in rows.drawn.unique()}))
        rank = own.map(PRIORITY)
        best = rank.groupby(rows.unit).transform("max")
        rows = rows.assign(split=best.map({rank: name for name, rank in PRIORITY.items()}), used=rank == best)
        return rows.assign(stimulus=rows.study + "/" + rows.stimulus)[[*INTERVAL, "drawn", "study", "recording"]]

    def _tell_official(self, rows: pd.DataFrame) -> None:
        """Say where a study's official split has priority over what this one would do."""
        for study, own in rows[(rows.official != "") | (rows.by_sequence != "")].groupby("study"):
            n, of = own.story.nunique(), rows.story[rows.study == study].nunique()
            if n == of:
                continue  # nothing is left for this split
            tell(
                "odd",
                f"study {study}",
                f"its official split decides about {n} of {of} stories; data.split does for the rest.",
            )

    def _told(self, study: str, heard: Heard) -> pd.DataFrame:
        official = labelled(heard.official or {}, f"study {study}: split")
        odd = sorted(set(official.values()) - set(SPLITS))
        if odd:
            raise UserError(f"study {study}: its split holds {odd}, expected train, val or test.")
        tables = []
        for recording, events in heard.events.items():
            rows = self.rows(events)
            if rows.empty:
                raise UserError(
                    f"{recording}: no event says when a stimulus plays. Expected rows of kind 'sound' or 'story' with onset, "
                    "duration and stimulus."
                )
            tables.append(rows.assign(recording=recording, study=study))
        rows = pd.concat(tables, ignore_index=True)
        sounds = {name: heard.sounds.get(name, f"{study}/{name}") for name in rows.stimulus.unique()}
        by_sequence, by_story = (
            rows[name].map(lambda one: official.get(normal(one), "")) for name in ("sequence", "story")
        )
        if (by_sequence + by_story == "").all() and set(official) & {
            normal(one) for one in _ids(heard.events.values(), "sequence")
        }:
            raise UserError(
                f"study {study}: its official split is of sentences, which {type(self).__name__} does not deal out. Use "
                "SplitBySentence."
            )
        return rows.assign(
            sound=rows.stimulus.map(sounds),
            length_s=rows.stimulus.map(lambda name: heard.lengths_s.get(name, 0.0)),
            by_sequence=by_sequence,
            by_story=by_story.where(by_sequence == "", ""),
        )


def _agreed(rows: pd.DataFrame, official: pd.Series, content: pd.Series) -> pd.Series:
    """The official split of each row's content, "" without one; an error if it has two."""
    known = rows[official != ""].assign(official=official, content=content)
    several = known.groupby("content").official.nunique()
    if (several > 1).any():
        found = known[known.content == several.index[several > 1][0]].drop_duplicates("official")
        (_, one), (_, other) = list(found.iterrows())[:2]
        one, other = (
            f"{row.study}/{row.story}"
            + (f" ('{row.text or row.sequence}')" if row.sequence else "")
            + f" in {row.official}"
            for row in (one, other)
        )
        raise UserError(
            f"the official split contradicts itself: {one} and {other} are one content, for they are the same sound, or "
            "words, or their study says so. What is tested would have been trained on. Give both one split, or leave one out."
        )
    split = dict(zip(known.content, known.official, strict=True))
    return content.map(lambda one: split.get(one, ""))


def _official_together(rows: pd.DataFrame, decided: pd.Series, at_once: np.ndarray) -> pd.Series:
    """The official split of each row; of what is heard at once, the one with the highest priority."""
    rank = decided.map({"": -1} | PRIORITY)
    best = rank.groupby(at_once).transform("max").where(at_once >= 0, rank)
    moved = sorted(set((rows.study + "/" + rows.story)[(best != rank) & (rank >= 0)]))
    if moved:
        tell(
            "odd",
            "data.split",
            f"{', '.join(moved[:8])}: heard at once with what is held out, and so held out with it.",
        )
    return best.map({-1: ""} | {rank: name for name, rank in PRIORITY.items()})


def _ids(tables: Iterable[pd.DataFrame], *columns: str) -> set[str]:
    return {one for table in tables for name in columns for one in table[name].unique()}


def stretches(events: pd.DataFrame) -> pd.DataFrame:
    """The stretches where a stimulus plays: rows of kind sound, else story, else sentence."""
    for kind in ("sound", "story", "sentence"):
        rows = events[(events.kind == kind) & (events.stimulus != "") & (events.duration > 0)]
        if len(rows):
            return rows[_ROW].reset_index(drop=True)
    return events.iloc[:0][_ROW]


def uniform(identity: str, seed: int) -> float:
    """A number in [0, 1) that only depends on the identity and the seed.

    The formula of Défossez 2023's splits (sha256 of the sentence seeds Python's generator), so that their splits can be reproduced.
    """
    return random.Random(int(hashlib.sha256(identity.encode()).hexdigest(), 16) + seed).random()


def check_fractions(val_fraction: float, test_fraction: float) -> None:
    """Raise a UserError if two shares leave nothing for training."""
    check_number("split: val_fraction", val_fraction, low=0, below=1)
    check_number("split: test_fraction", test_fraction, low=0, below=1)
    if not val_fraction + test_fraction < 1:
        raise UserError(
            f"split: val_fraction {val_fraction:g} and test_fraction {test_fraction:g} must be at least 0 and sum to less than 1."
        )


def joined(intervals: pd.DataFrame, *, gap_s: float | Mapping[str, float | Reach]) -> pd.DataFrame:
    """Join neighbouring intervals, separate what is held out (see `apart`), and open a gap at every border between splits.

    Parameters
    ----------
    intervals
        As `Split.intervals` gives them.
    gap_s
        Raw samples within this distance may reach both sides through the filters. The lower-priority side
        (train, then val) is cut back until it is this far away. Of all recordings, or of each: then also where its
        filters stop, and no interval lies across such a place.
    """
    tables = []
    for recording, rows in apart(intervals).groupby("recording", sort=False):
        tables.append(purge(rows, gap_s[recording] if isinstance(gap_s, Mapping) else gap_s, PRIORITY))
    return pd.concat(tables, ignore_index=True)
