"""Which sub-tokens of a language model belong to which word, and which words it reads at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from n2s.findings import tell

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class WordTokens:
    """A text as a tokeniser cuts it.

    Attributes
    ----------
    ids
        (t,) Sub-tokens, without special ones.
    owner
        (t,) The word of each; it never falls. A token that reaches into the next word is the next word's: the state of a word must
        not know what follows.
    counted
        (t,) False for a token of spaces alone: it comes with the word after it and is no part of it.
    n_words
        Words of the text. Those that own no counted token have no state.
    """

    ids: np.ndarray
    owner: np.ndarray
    counted: np.ndarray
    n_words: int

    def first(self, word: int) -> int:
        """The token that a word begins with."""
        return int(np.searchsorted(self.owner, word))

    def after(self, word: int) -> int:
        """The token after a word's last."""
        return int(np.searchsorted(self.owner, word, "right"))

    def of(self, word: int) -> np.ndarray:
        """The counted tokens of a word."""
        tokens = np.arange(self.first(word), self.after(word))
        return tokens[self.counted[tokens]]


def word_tokens(tokenizer: "PreTrainedTokenizerBase", words: Sequence[str], between: str = " ") -> WordTokens:
    """Cut a text of words, by the places of the tokens in it; word by word where the tokeniser does not tell places."""
    if not words:
        return WordTokens(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, bool), 0)
    if getattr(tokenizer, "is_fast", False):
        return _by_place(tokenizer, words, between)
    return _word_by_word(tokenizer, words, between)


def _by_place(tokenizer: "PreTrainedTokenizerBase", words: Sequence[str], between: str) -> WordTokens:
    text = between.join(words)
    cut = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    stops = np.cumsum([len(word) + len(between) for word in words]) - len(between)
    owner, counted = [], []
    for start, stop in cut["offset_mapping"]:
        end = start + len(text[start:stop].rstrip())
        counted.append(end > start)
        owner.append(int(np.searchsorted(stops, end if end > start else start + 1)))
    # A token of spaces after the last word is no word's.
    kept = np.array(owner) < len(words)
    owner = np.maximum.accumulate(np.array(owner, dtype=np.int64)[kept])
    return WordTokens(
        np.array(cut["input_ids"], dtype=np.int64)[kept], owner, np.array(counted, dtype=bool)[kept], len(words)
    )


def _word_by_word(tokenizer: "PreTrainedTokenizerBase", words: Sequence[str], between: str) -> WordTokens:
    pieces = [
        tokenizer(between + word if i else word, add_special_tokens=False, verbose=False)["input_ids"]
        for i, word in enumerate(words)
    ]
    ids = np.array([token for piece in pieces for token in piece], dtype=np.int64)
    whole = tokenizer(between.join(words), add_special_tokens=False, verbose=False)["input_ids"]
    if ids.tolist() != list(whole):
        text = (
            "this tokeniser does not say where its tokens lie, and cuts a text otherwise than its words: n2s gives the network the tokens "
            "of the words, one after another."
        )
        tell("odd", getattr(tokenizer, "name_or_path", "") or type(tokenizer).__name__, text)
    owner = np.repeat(np.arange(len(words)), [len(piece) for piece in pieces])
    alone = {str(token) for token in tokenizer.convert_ids_to_tokens(ids.tolist()) if not str(token).strip("▁Ġ \t")}
    tokens = tokenizer.convert_ids_to_tokens(ids.tolist())
    return WordTokens(ids, owner, np.array([str(token) not in alone for token in tokens], dtype=bool), len(words))


@dataclass(frozen=True)
class Window:
    """Tokens ``first`` to ``after`` (exclusive), read at once for the states of some words."""

    first: int
    after: int
    words: tuple[int, ...]


def windows(tokens: WordTokens, room: int, *, context_words: int | None, causal: bool) -> list[Window]:
    """What is read at once so that each word with a state has the context that is asked for.

    Parameters
    ----------
    tokens
        The text.
    room
        Tokens that fit.
    context_words
        Each word is read after so many words (fewer at the beginning, and where they do not fit). None: after all of the stretch, if
        they fit; else the text is read in windows of which each begins in the middle of the one before (a word then has at least
        half a window before it).
    causal
        Whether a state knows only what is before it. If not, each word is the last of a window of its own.
    """
    known = [word for word in range(tokens.n_words) if len(tokens.of(word))]
    if context_words is not None or not causal:
        back = tokens.n_words if context_words is None else context_words
        found = []
        for word in known:
            after = tokens.after(word)
            first = tokens.first(max(0, word - back))
            if after - first > room:
                first = _word_start(tokens, after - room, after)
            found.append(Window(first, after, (word,)))
        return found
    found, done, first = [], 0, 0
    while done < len(known):
        stop = done
        while stop < len(known) and tokens.after(known[stop]) - first <= room:
            stop += 1
        if stop == done:  # one word longer than what fits: its end
            stop = done + 1
            first = tokens.after(known[done]) - room
        after = tokens.after(known[stop - 1])
        found.append(Window(first, after, tuple(known[done:stop])))
        done = stop
        first = _word_start(tokens, after - room // 2, after)
    return found


def _word_start(tokens: WordTokens, at: int, after: int) -> int:
    """The first token from ``at`` on that begins a word; ``at`` itself if there is none before ``after``."""
    for token in range(max(at, 0), after):
        if token == 0 or tokens.owner[token] != tokens.owner[token - 1]:
            return token
    return max(at, 0)
