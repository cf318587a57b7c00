"""Beam search for the words whose phones CTC finds most likely, with a lexicon and a language model."""

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from n2s.errors import UserError
from n2s.models.ngrams import END, NGrams

NEVER = -math.inf
BLANK = 0


class Lexicon:
    """Words and how they are said, as a tree of phones.

    Parameters
    ----------
    said
        Word -> its pronunciations, each the classes of its phones (from 1 on: class 0 is the blank). A lexicon of phones, each said as itself,
        makes of the search one for phones.

    Raises
    ------
    UserError
        There is no word, or one is said by no phones.
    """

    def __init__(self, said: Mapping[str, Iterable[tuple[int, ...]]]):
        self.children: list[dict[int, int]] = [{}]
        self.ends: list[list[str]] = [[]]
        for word, ways in said.items():
            for phones in dict.fromkeys(tuple(int(one) for one in way) for way in ways):
                if not phones or min(phones) <= BLANK:
                    raise UserError(f"Lexicon: '{word}' is said as {phones}; expected phones, as classes from 1 on.")
                node = 0
                for phone in phones:
                    if phone not in self.children[node]:
                        self.children[node][phone] = len(self.children)
                        self.children.append({})
                        self.ends.append([])
                    node = self.children[node][phone]
                self.ends[node].append(word)
        if len(self.children) == 1:
            raise UserError(
                "Lexicon: no word has phones. A lexicon is learned from training sentences with words and phones."
            )


class Found(NamedTuple):
    """The most likely words, and their score: ``log p(phones | brain) + weight log p(words) + bonus n_words``."""

    words: tuple[str, ...]
    score: float


def prefix_search(
    log_probs: np.ndarray,
    lexicon: Lexicon,
    language: NGrams | None = None,
    *,
    weight: float = 1.0,
    bonus: float = 0.0,
    beam: int = 32,
    n_phones: int = 12,
) -> Found:
    """The most likely words of a window.

    Alignments of the same words are summed (prefix search; Graves 2006, Hannun 2014), as far as they are in the beam.

    Parameters
    ----------
    log_probs
        (l, k + 1) log-probabilities of phones at steps; class 0 is the blank.
    lexicon
        Words that can be found.
    language
        Of the words; None: all are alike.
    weight
        Of the language model's log-probabilities.
    bonus
        Added for each word.
    beam
        Beginnings that are followed.
    n_phones
        The most likely phones of a step that are tried.
    """
    beams: dict[tuple, list[float]] = {((), 0, BLANK): [0.0, NEVER]}
    prior: dict[tuple[str, ...], float] = {(): 0.0}
    for step in np.asarray(log_probs, np.float64):
        tried = np.sort(step[1:])[::-1]
        floor = float(tried[min(n_phones, len(tried)) - 1])
        scores, found = step.tolist(), {}
        for key, (blank, phone) in beams.items():
            words, node, last = key
            both = _sum(blank, phone)
            _add(found, key, 0, both + scores[BLANK])
            if last:
                _add(found, key, 1, phone + scores[last])
            for one, child in lexicon.children[node].items():
                if scores[one] < floor:
                    continue
                value = (blank if one == last else both) + scores[one]
                if value == NEVER:
                    continue
                if lexicon.children[child]:
                    _add(found, (words, child, one), 1, value)
                for word in lexicon.ends[child]:
                    longer = (*words, word)
                    if longer not in prior:
                        told = 0.0 if language is None else weight * language.log_prob(words, word)
                        prior[longer] = prior[words] + told + bonus
                    _add(found, (longer, 0, one), 1, value)
        kept = sorted(found, key=lambda key: _sum(*found[key]) + prior[key[0]], reverse=True)[:beam]
        beams = {key: found[key] for key in kept}
    ended: dict[tuple[str, ...], float] = {}
    for (words, node, _), parts in beams.items():
        if node == 0:  # no word is unfinished
            ended[words] = _sum(ended.get(words, NEVER), _sum(*parts))
    if not ended:
        ended = {words: _sum(*parts) for (words, _, _), parts in beams.items()}
    last = {words: 0.0 if language is None else weight * language.log_prob(words, END) for words in ended}
    best = max(ended, key=lambda words: ended[words] + prior[words] + last[words])
    return Found(best, ended[best] + prior[best] + last[best])


def _add(found: dict, key: tuple, place: int, value: float) -> None:
    parts = found.get(key)
    if parts is None:
        parts = found[key] = [NEVER, NEVER]
    parts[place] = _sum(parts[place], value)


def _sum(one: float, other: float) -> float:
    """``log(e^one + e^other)``."""
    if one < other:
        one, other = other, one
    return one if other == NEVER else one + math.log1p(math.exp(other - one))
