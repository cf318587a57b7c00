"""What is said in windows at sentences: phones, words, and at which steps of a network's output the phones are."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from n2s.data.corpus_text import sentence
from n2s.data.event_classes import MOST, Arpabet
from n2s.data.event_data import EventDataModule
from n2s.data.event_windows import AtEvents
from n2s.errors import UserError, first_of
from n2s.features.phone_names import ARPABET
from n2s.findings import tell

PHONES = tuple(ARPABET)  # class i + 1 is phone i, 0 the blank
NEAR_S = 2e-3  # by which times of a sentence and its phones may differ, rounded
MOST_WAYS = 3  # pronunciations of a word, the commonest


@dataclass
class Said:
    """The sentences of a split, a row a window.

    Parameters
    ----------
    words
        (n) Words of each.
    phones
        (n) Classes of the phones, from 1 on; empty where nobody knows them.
    middle_s
        (n) Middle of each phone, s from the window's start; empty where phones come from another sentence with the same words.
    timed
        (n) Phones of each word, where words and phones have times.
    whole
        (n,) Whether the window holds the sentence to its end, and the network has steps enough for its phones.
    no_phone, n_phones
        Labels that are no phone of ARPABET, and events of kind phone.
    n_reach
        Windows in which another sentence begins.
    """

    words: list[tuple[str, ...]]
    phones: list[np.ndarray]
    middle_s: list[np.ndarray]
    timed: list[list[tuple[str, tuple[int, ...]]]]
    whole: np.ndarray
    no_phone: Counter = field(default_factory=Counter)
    n_phones: int = 0
    n_reach: int = 0

    @classmethod
    def of_texts(cls, words: list[tuple[str, ...]], phones: list[np.ndarray]) -> "Said":
        """Sentences whose times nobody asks for."""
        n = len(words)
        return cls(words, phones, [np.zeros(0)] * n, [[] for _ in range(n)], np.ones(n, bool))

    @property
    def known(self) -> np.ndarray:
        """(n,) Whether a sentence can be learned from, or scored."""
        return self.whole & np.array([len(one) > 0 for one in self.phones], bool)


def said_in(data: EventDataModule, split: str) -> Said:
    """What is said in the windows of a split, by the events alone."""
    table = data.events(split)
    n = len(table)
    found = Said([()] * n, [np.zeros(0, np.int64)] * n, [np.zeros(0)] * n, [[] for _ in range(n)], np.ones(n, bool))
    number, arpabet = {name: i + 1 for i, name in enumerate(PHONES)}, Arpabet()
    for recording, rows in table.groupby("recording", sort=False).indices.items():
        events = data.recordings[recording].events
        events = events[events.attended != "no"]
        of_kind = {
            kind: events[events.kind == kind].sort_values("onset", kind="stable")
            for kind in ("phone", "word", "sentence")
        }
        class_of = arpabet.of(list(of_kind["phone"].text)) if len(of_kind["phone"]) else {}
        begins = of_kind["sentence"].onset.to_numpy(float)
        for row in rows:
            one = table.iloc[row]
            phones, words = (_inside(of_kind[kind], one) for kind in ("phone", "word"))
            classes = np.array([number.get(class_of[text], 0) for text in phones.text], np.int64)
            middle = (phones.onset + phones.duration / 2).to_numpy(float)
            kept = classes > 0  # pauses and closures are no phones
            found.words[row] = tuple(sentence(one.text).split())
            found.phones[row], found.middle_s[row] = classes[kept], middle[kept] - one.start_s
            found.timed[row] = [
                (text, tuple(classes[kept & (middle >= a) & (middle < b)].tolist()))
                for text, a, b in zip(words.text.map(sentence), words.onset, words.onset + words.duration, strict=True)
            ]
            end_s = one.start_s + data.shape.window_s
            found.whole[row] = one.onset + one.duration <= end_s + NEAR_S
            found.n_reach += bool(((begins > one.onset + NEAR_S) & (begins < end_s - NEAR_S)).any())
            found.n_phones += len(phones)
            found.no_phone.update(text for text in phones.text if class_of[text] is None)
    return found


def _inside(events: pd.DataFrame, one: pd.Series) -> pd.DataFrame:
    """Events inside a sentence, of its condition."""
    first, last = np.searchsorted(events.onset, [one.onset - NEAR_S, one.onset + one.duration - NEAR_S])
    own = events.iloc[first:last]
    return own[own.condition == one.condition]


def learned_lexicon(train: Said) -> dict[str, list[tuple[int, ...]]]:
    """Word -> its commonest pronunciations in training, the commonest first."""
    ways: dict[str, Counter] = defaultdict(Counter)
    for row in np.flatnonzero(train.whole):
        for word, phones in train.timed[row]:
            if word and phones:
                ways[word][phones] += 1
    return {word: [way for way, _ in own.most_common(MOST_WAYS)] for word, own in sorted(ways.items())}


def fill(said: Said, train: Said, lexicon: Mapping[str, list[tuple[int, ...]]]) -> int:
    """Give phones to sentences without any: those of the same words in training, else word by word of the lexicon. How many were given some."""
    same: dict[tuple[str, ...], Counter] = defaultdict(Counter)
    for words, phones in zip(train.words, train.phones, strict=True):
        if len(phones):
            same[words][tuple(phones.tolist())] += 1
    n = 0
    for row, words in enumerate(said.words):
        if len(said.phones[row]) or not words:
            continue
        if words in same:
            said.phones[row] = np.array(same[words].most_common(1)[0][0], np.int64)
        elif all(word in lexicon for word in words):
            said.phones[row] = np.array([one for word in words for one in lexicon[word][0]], np.int64)
        n += len(said.phones[row]) > 0
    return n


def checked_said(data: EventDataModule, n_steps: int) -> tuple[dict[str, Said], dict[str, list[tuple[int, ...]]]]:
    """Split -> what is said there, and the lexicon of training; what cannot be used is told.

    Raises
    ------
    UserError
        Windows are not at sentences, or are averages; or no sentence of a split has phones and is whole in its window.
    """
    windows = data.event_windows
    if not isinstance(windows, AtEvents) or windows.kind != "sentence" or data.average > 1 or data.test_averages:
        raise UserError(
            f"SaidText writes single sentences; data.windows is {type(windows).__name__}{f' of kind {windows.kind}' if isinstance(windows, AtEvents) else ''}, "
            f"data.average {data.average}, data.test_averages {data.test_averages}. Set data.windows to n2s.data.AtEvents with kind: sentence and "
            "classes: n2s.data.AnyText, data.average to 1, and leave data.test_averages out."
        )
    every = {split: said_in(data, split) for split in ("train", "val", "test")}
    lexicon = learned_lexicon(every["train"])
    check_alphabet(every["train"])
    for split, said in every.items():
        if said.n_reach:
            tell(
                "odd",
                f"{split} sentences",
                f"another sentence begins in the window of {said.n_reach}; only the first is written. Take a shorter data.window_s if no sentence is as long.",
            )
        n = fill(said, every["train"], lexicon)
        if n:
            tell(
                "corrected",
                f"{split} sentences",
                f"{n} have no phones among the events: they got those of the same words in training.",
            )
        lost = int((~said.whole).sum())
        if lost:
            tell(
                "left out",
                f"{split} sentences",
                f"{lost} of {len(said.whole)} are longer than their window (data.window_s, {data.shape.window_s:g} s).",
            )
        leave_out_long(said, n_steps, f"{split} sentences", data.shape.window_s)
        unknown = int((said.whole & ~said.known).sum())
        if unknown:
            rows = np.flatnonzero(said.whole & ~said.known)
            named = first_of([f"'{' '.join(said.words[row])}'" for row in rows], 4)
            tell(
                "left out",
                f"{split} sentences",
                f"{unknown} have no phones, and words that training does not: {named}.",
            )
    for split, said in every.items():
        if not said.known.any() and (split != "val" or len(said.words)):
            more = "; or validate by other sentences (data.split), or by none" if split == "val" else ""
            raise UserError(
                f"SaidText: no {split} sentence has phones that the network has steps for, and ends inside its window of {data.shape.window_s:g} s. "
                "Phones are events of kind 'phone' in an alphabet that n2s.data.Arpabet reads: `n2s align` makes them from sounds and transcripts. "
                f"Longer sentences need a longer data.window_s{more}."
            )
    return every, lexicon


def check_alphabet(train: Said) -> None:
    """Tell which labels are no phones; a `UserError` if they are more than half."""
    n = sum(train.no_phone.values())
    if not n:
        return
    named = first_of([f"{text or repr(text)} ({count})" for text, count in train.no_phone.most_common()], 8)
    if n > MOST * train.n_phones:
        raise UserError(
            f"SaidText: {n} of {train.n_phones} phones in training are none of ARPABET: {named}. Events of kind 'phone' are read as ARPABET, IPA or "
            "X-SAMPA (n2s.data.Arpabet), the phones of English."
        )
    tell("left out", "phones", f"{n} of {train.n_phones} in training are none of ARPABET: {named}.")


def leave_out_long(said: Said, n_steps: int, where: str, window_s: float) -> None:
    """Leave out, and tell, sentences that need more steps than there are: one a phone, and a blank between two equal ones."""
    needed = np.array([len(one) + int((one[1:] == one[:-1]).sum()) for one in said.phones], int)
    lost = np.flatnonzero(said.known & (needed > n_steps))
    if len(lost):
        said.whole[lost] = False
        first = lost[0]
        text = (
            f"{len(lost)} of {len(said.words)} have too many phones: '{' '.join(said.words[first])}' has {len(said.phones[first])} and needs "
            f"{needed[first]} steps of CTC; the network makes {n_steps} of a window of {window_s:g} s. Set a smaller model.network.stride, or a higher "
            "data.preprocessing.sfreq."
        )
        tell("left out", where, text)


def timed_path(phones: np.ndarray, middle_s: np.ndarray, *, step_s: float, n_steps: int) -> np.ndarray | None:
    """(l,) The path of CTC with each phone at the step of its middle and blanks elsewhere; None if two would be at one step, or alike and adjacent.

    Parameters
    ----------
    phones, middle_s
        (p,) classes and times from the window's start.
    step_s, n_steps
        From one step to the next; l.
    """
    if not len(phones) or len(middle_s) != len(phones):
        return None
    at = np.rint(middle_s / step_s).astype(int)
    apart = np.diff(at)
    if at.min() < 0 or at.max() >= n_steps or (apart < 1).any() or ((apart == 1) & (phones[1:] == phones[:-1])).any():
        return None
    path = np.zeros(n_steps, np.int64)
    path[at] = phones
    return path
