"""The words of rows: what was said in training, and in a held-out stretch."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from n2s.data.row_stretches import row_stretches
from n2s.errors import UserError
from n2s.features.feature import ImpulseFeature
from n2s.features.rates import At, check_at, in_order, moments
from n2s.features.story_words.port import Context, StoryLanguageModel
from n2s.features.story_words.spelling import plain_words
from n2s.findings import tell
from n2s.studies.study import Impulses, Stimulus

AGAIN = 0.8  # share of a passage's words: heard before
TINY_S = 3e-4  # with it, times of three decimals never lie just between two of two


class WordsInContext(ImpulseFeature):
    """What a story decoder's language model makes of each word after some words before it.

    Nothing is kept on disk: the language model may have learned from training transcripts. In memory each word in its context is
    described once.

    Parameters
    ----------
    language
        It has learned.
    at
        Where in the word its value is put.
    """

    contextual, kept = True, False

    def __init__(self, language: StoryLanguageModel, at: At = "middle"):
        self.language, self.at = language, check_at(at, "WordsInContext")
        self._rows: dict[Context, int] = {}
        self._known = torch.zeros(0, language.n_features)

    @property
    def n_features(self) -> int:
        """F."""
        return self.language.n_features

    def settings(self) -> dict:
        """The model and where values are put."""
        return self.language.settings() | {"at": self.at}

    def extract(self, stimulus: Stimulus, start_s: float = 0.0, stop_s: float | None = None) -> Impulses:
        """(n, f) Values of the words that begin in a span."""
        words, times_s = plain_rows(self.heard(stimulus, start_s, stop_s), self.language.language, self.at)
        return in_order(self.values(words).numpy(), times_s)

    def values(self, words: Sequence[str]) -> Tensor:
        """(n, f) float32: of the words of a text, each after those before it."""
        back = self.language.context_words
        contexts = [tuple(words[max(0, i - back) : i + 1]) for i in range(len(words))]
        new = [one for one in dict.fromkeys(contexts) if one not in self._rows]
        if new:
            self._rows |= {one: number for number, one in enumerate(new, len(self._rows))}
            self._known = torch.cat([self._known, self.language.states(new)])
        return self._known[[self._rows[one] for one in contexts]]


def plain_rows(rows: pd.DataFrame, language: str, at: At) -> tuple[list[str], np.ndarray]:
    """The words of a table in one spelling, and the time of each; parts of one entry share its time evenly."""
    parts = [plain_words([text], language) for text in rows.text]
    counts = np.array([len(one) for one in parts], int)
    share = np.concatenate([(np.arange(n) + 0.0) / n for n in counts if n]) if counts.any() else np.zeros(0)
    length = (rows.duration.to_numpy(float) / np.maximum(counts, 1)).repeat(counts)
    onset = rows.onset.to_numpy(float).repeat(counts) + share * length * counts.repeat(counts)
    times_s = moments(pd.DataFrame({"onset": onset, "duration": length}), at)
    return [word for one in parts for word in one], times_s


@dataclass(frozen=True)
class Passage:
    """Consecutive rows of one run and unit (a story, a block), and what was said in them.

    Attributes
    ----------
    recording, story
        The run, and the story's id.
    rows
        Where they are among the rows that were given.
    first_s, step_s
        Time of the first row on the run's clock, and from row to row.
    offset_s
        The run's clock less that of the (first) stimulus.
    words, times_s
        (n,) What was said, and when on the run's clock.
    stimulus
        The (first) stimulus, ``study/id``.
    heard_s
        (2,) When something was heard, on the run's clock: after it rows follow that respond to it, in silence.
    before_s
        For how long something was heard right before the first row (in rows that are not used), s.
    name
        What results call it: see `named`.
    """

    recording: str
    story: str
    rows: slice
    first_s: float
    step_s: float
    offset_s: float
    words: list[str]
    times_s: np.ndarray
    stimulus: str
    heard_s: tuple[float, float] = (-np.inf, np.inf)
    before_s: float = 0.0
    name: str = ""

    @property
    def n_rows(self) -> int:
        """Rows."""
        return self.rows.stop - self.rows.start

    @property
    def title(self) -> str:
        """What results call it, where names are given; else the story's id."""
        return self.name or self.story

    @property
    def span_s(self) -> tuple[float, float]:
        """From half a row before the first to half a row after the last, on the run's clock."""
        return self.first_s - self.step_s / 2, self.first_s + (self.n_rows - 0.5) * self.step_s


class Transcripts:
    """The words of stimuli, each read once.

    Parameters
    ----------
    stimuli
        By ``study/stimulus``.
    language
        Code.
    at
        The moment of a word that counts.
    """

    def __init__(self, stimuli: Mapping[str, Stimulus], language: str, at: At = "middle"):
        self.stimuli, self.language, self.at = stimuli, language, at
        self._kept: dict[str, tuple[list[str], np.ndarray]] = {}

    def of(self, stimulus: str) -> tuple[list[str], np.ndarray]:
        """Words and times of a stimulus; none if it has no words."""
        if stimulus not in self._kept:
            known = self.stimuli[stimulus]
            rows = known.words
            if len(rows):
                rows = rows.sort_values("onset", kind="stable", ignore_index=True)
                lost = ~np.isfinite(rows[["onset", "duration"]].to_numpy(float)).all(1)
                if lost.any():
                    raise UserError(
                        f"stimulus '{stimulus}': {int(lost.sum())} of {len(lost)} words have no time. A story decoder learns which response each "
                        "word has: align the transcript (n2s align), or remove these words from the events."
                    )
            self._kept[stimulus] = plain_rows(rows, self.language, self.at)
        return self._kept[stimulus]

    def passages(self, rows: pd.DataFrame, numbers: np.ndarray, step_s: float) -> list[Passage]:
        """The stretches of some rows (ascending numbers), cut where the unit changes, with what is said from their first to their last row."""
        found = []
        unit = rows.unit.cat.codes.to_numpy() if hasattr(rows.unit, "cat") else pd.factorize(rows.unit)[0]
        for stretch in row_stretches(rows, numbers):
            own = unit[numbers[stretch]]
            ends = [0, *(np.flatnonzero(np.diff(own)) + 1), stretch.stop - stretch.start]
            for first, stop in zip(ends[:-1], ends[1:], strict=True):
                place = slice(stretch.start + int(first), stretch.start + int(stop))
                one = self._passage(rows.iloc[numbers[place]], place, step_s)
                found.append(replace(one, before_s=_heard_before(rows, int(numbers[place.start])) * step_s))
        return [one for one in found if one.stimulus]

    def _passage(self, rows: pd.DataFrame, place: slice, step_s: float) -> Passage:
        heard = rows[rows.stimulus_s.notna()]
        names = list(dict.fromkeys(heard.stimulus.astype(str)))
        words, times_s, offsets = [], [], []
        for name in names:
            said, moments_s = self.of(name)
            last_s = np.inf
            for own in plays(heard[heard.stimulus.astype(str) == name]):
                offset = float(np.median(own.time_s - own.stimulus_s))
                before_s, after_s = _reach(own, heard, rows, step_s)
                first_s, stop_s = own.stimulus_s.min() - before_s, own.stimulus_s.max() + after_s
                if own.stimulus_s.min() > last_s - step_s / 2:  # it goes on after a pause: no word counts twice
                    first_s = max(first_s, last_s)
                last_s = stop_s
                inside = np.flatnonzero((moments_s >= first_s) & (moments_s < stop_s))
                offsets.append(offset)
                words += [said[i] for i in inside]
                times_s += (moments_s[inside] + offset).tolist()
        order = np.argsort(times_s, kind="stable")
        return Passage(
            recording=str(rows.recording.iloc[0]),
            story=str(heard.story.iloc[0]) if len(heard) else "",
            rows=place,
            first_s=float(rows.time_s.iloc[0]),
            step_s=step_s,
            offset_s=offsets[0] if offsets else 0.0,
            words=[words[i] for i in order],
            times_s=np.array(times_s)[order],
            stimulus=names[0] if names else "",
            heard_s=(float(heard.time_s.min()) - step_s / 2, float(heard.time_s.max()) + step_s / 2),
        )


def _heard_before(rows: pd.DataFrame, number: int) -> int:
    """How many rows of the same run right before a row something was heard in."""
    earlier = rows.iloc[:number]
    silent = (earlier.recording != rows.recording.iloc[number]) | earlier.stimulus_s.isna()
    last = np.flatnonzero(silent.to_numpy())
    return number - (int(last[-1]) + 1 if len(last) else 0)


def _reach(own: pd.DataFrame, heard: pd.DataFrame, rows: pd.DataFrame, step_s: float) -> tuple[float, float]:
    """How long before its first and after its last row a sound may play, s: until the next row, where that is in the passage and something else
    (or nothing) plays there; else half of the way.
    """
    first, last = heard.index.get_indexer([own.index[0], own.index[-1]])
    name = heard.stimulus.astype(str).to_numpy()
    begins = own.index[0] != rows.index[0] and (first == 0 or name[first - 1] != name[first])
    ends = own.index[-1] != rows.index[-1] and (last + 1 == len(name) or name[last + 1] != name[last])
    return (step_s if begins else step_s / 2), (step_s if ends else step_s / 2)


def plays(heard: pd.DataFrame) -> list[pd.DataFrame]:
    """The rows of a stimulus, cut where it stood still, jumped or began anew by half a row or more."""
    offset_s = (heard.time_s - heard.stimulus_s).to_numpy(float)
    jumps = np.abs(np.diff(offset_s)) > np.diff(heard.time_s.to_numpy(float)) / 2
    return [part for _, part in heard.groupby(np.concatenate([[0], np.cumsum(jumps)]))] if len(heard) else []


def named(passages: Sequence[Passage], every: Sequence[Passage]) -> list[Passage]:
    """Passages with names by which results tell them apart: the story's, with the part of it where there are several, and a number where one was
    heard again.

    Parameters
    ----------
    passages
        Some of ``every``.
    every
        All held-out passages of the subject, of all folds.
    """
    parts = Counter(one.story for one in every)

    def name(one: Passage) -> str:
        start_s, stop_s = (edge_s - one.offset_s for edge_s in one.heard_s)
        return one.story if parts[one.story] == 1 else f"{one.story}, {start_s:.0f} to {stop_s:.0f} s"

    seen, found = Counter(), {}
    for one in every:
        seen[name(one)] += 1
        times = seen[name(one)]
        found[one.recording, one.first_s] = name(one) if times == 1 else f"{name(one)}, heard again ({times})"
    return [replace(one, name=found[one.recording, one.first_s]) for one in passages]


def training_stories(passages: Sequence[Passage], where: str) -> list[list[str]]:
    """The words of training passages, each story once (it may be heard more than once, and begin and end at other rows then).

    Raises
    ------
    UserError
        There are no words.
    """
    again = _heard_again(passages)
    new = [one for one, is_again in zip(passages, again, strict=True) if one.words and not is_again]
    found = sorted({" ".join(one.words): one.words for one in new}.values())  # in whatever order somebody heard them
    if not found:
        raise UserError(
            f"{where}: nothing that was heard in training rows has words with times, and a story decoder learns from words. Give events of kind "
            "'word' with text, onset and duration (or a TextGrid; n2s align makes them from transcripts)."
        )
    silent = [one.story for one in passages if not one.words]
    if silent:
        tell(
            "left out",
            where,
            f"{len(silent)} of {len(passages)} training passages have no words ({', '.join(dict.fromkeys(silent))[:80]}).",
        )
    return found


def _heard_again(passages: Sequence[Passage]) -> list[bool]:
    """Of each passage, whether another one has nearly all of its words, at the same moments of the stimulus."""
    found, known = [False] * len(passages), {}
    for number in sorted(range(len(passages)), key=lambda i: -len(passages[i].words)):
        one = passages[number]
        times_s = np.round(one.times_s - one.offset_s + TINY_S, 2).tolist()
        words, seen = set(zip(one.words, times_s, strict=True)), known.setdefault(one.stimulus, set())
        found[number] = len(words & seen) > AGAIN * len(words)
        seen |= words
    return found
