"""Rows in an order that gives every word the features of another: what is left when a model knows when words are, but not which."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from n2s.findings import tell
from n2s.studies.study import Stimulus

NEAR = 12  # words of the most similar lengths, of which one is drawn


def permuted_words(
    rows: pd.DataFrame,
    numbers: np.ndarray,
    stimuli: Mapping[str, Stimulus],
    rate_hz: float,
    ahead_s: float,
    rng: np.random.Generator,
    where: str,
) -> np.ndarray:
    """(n,) For each row the place, among these rows, of the one whose features it gets.

    The rows of a word are those from its onset to the next one's. They get the rows of another word of nearly the same length, from its
    onset on; both are of these rows, so nothing crosses the border of training and test. A word of which only the end is here, as
    before the first word of a held-out block, is given to no whole word: that would be silence in the place of a word. Rows before
    the first word, and without sound, keep their features.

    Parameters
    ----------
    rows
        All rows of a subject: ``recording``, ``stimulus``, ``stimulus_s``.
    numbers
        (n,) Row numbers, ascending: training rows, or test rows.
    stimuli
        With their words.
    rate_hz
        Of rows.
    ahead_s
        How far rows see ahead (negative lags): the rows of a word begin so much earlier.
    rng
        Draws.
    where
        For messages.
    """
    words = segments(rows, numbers, stimuli, rate_hz, ahead_s)
    order = np.arange(len(numbers))
    texts = np.array([text for text, _, _ in words])
    if len(set(texts.tolist())) < 2:
        tell("odd", where, "its rows hold fewer than two words: the baseline of permuted words is the model itself.")
        return order
    by_length = np.argsort([offset[-1] for _, _, offset in words], kind="stable")
    rank, begun = np.argsort(by_length), np.array([offset[0] for _, _, offset in words])
    for number, (text, own, offset) in enumerate(words):
        reach = NEAR
        while True:
            low = int(np.clip(rank[number] - reach // 2, 0, max(len(words) - reach - 1, 0)))
            others = by_length[low : low + reach + 1]
            others = others[texts[others] != text]
            whole = others[begun[others] <= offset[0] + 1]  # a row: rounding
            if len(whole) or reach >= len(words) - 1:
                break
            reach *= 2
        if not len(whole):  # none has so early a beginning: the earliest there are
            whole = others[begun[others] == begun[others].min()]
        _, theirs, known = words[rng.choice(whole)]
        place = np.searchsorted(known, offset).clip(0, len(known) - 1)
        before = (place - 1).clip(0)
        place = np.where(np.abs(known[before] - offset) < np.abs(known[place] - offset), before, place)
        order[own] = theirs[place]
    return order


def segments(
    rows: pd.DataFrame, numbers: np.ndarray, stimuli: Mapping[str, Stimulus], rate_hz: float, ahead_s: float
) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Text, places among ``numbers``, and rows since the onset, of each word that is heard without a gap."""
    own = rows.iloc[numbers]
    heard_s = own.stimulus_s.to_numpy(float)
    recording, stimulus = own.recording.to_numpy().astype(str), own.stimulus.to_numpy().astype(str)
    # the word of each row: its number in its stimulus; -1: none
    word, since = np.full(len(numbers), -1), np.zeros(len(numbers), int)
    known: dict[str, tuple[np.ndarray, list[str]]] = {}
    for name in np.unique(stimulus[np.isfinite(heard_s)]):
        table = stimuli[name].words
        order = np.argsort(table.onset.to_numpy(float), kind="stable")
        onset_s, texts = table.onset.to_numpy(float)[order], table.text.astype(str).str.lower().to_numpy()[order]
        here = np.flatnonzero((stimulus == name) & np.isfinite(heard_s))
        place = np.searchsorted(onset_s - ahead_s, heard_s[here] + 1e-9, "right") - 1
        word[here] = place
        begun = here[place >= 0]
        since[begun] = np.rint((heard_s[begun] - onset_s[place[place >= 0]]) * rate_hz)
        known[name] = onset_s, texts
    new = (
        (np.diff(word) != 0)
        | (np.diff(numbers) > 1)
        | (recording[1:] != recording[:-1])
        | (stimulus[1:] != stimulus[:-1])
    )
    new |= np.diff(since) < 0  # the same word of a stimulus that is played again
    borders = np.flatnonzero(np.r_[True, new, True])
    return [
        (known[stimulus[a]][1][word[a]], np.arange(a, b), since[a:b])
        for a, b in zip(borders[:-1], borders[1:], strict=True)
        if word[a] >= 0
    ]
