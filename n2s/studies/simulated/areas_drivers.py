"""What drives the simulated areas: five descriptions of speech, from sound to meaning, 50 times a second.

=============  ====  =============================================================================================
name           dims  what it holds
=============  ====  =============================================================================================
mel            6     level of six overlapping pieces of the log-mel spectrum (0 in silence)
modulations    6     energy of spectro-temporal modulations: 2-4, 4-8, 8-16 Hz, of the whole spectrum and of a ripple
phones         8     which phone of the language begins: seven numbers that its identity draws, so that phones that
                     sound alike are as different as others, times -log2 of its frequency, as rare events tell more;
                     and its surprisal after the phone before
words          3     a word begins; its log frequency; its surprisal after the word before
meaning        6     what the content words of the sentence so far mean: numbers that a word's first letters draw,
                     halved at each later word
=============  ====  =============================================================================================

Frequency and surprisal are those of the study's own texts. Whatever is not a level or an onset has its mean over phones,
words or speech frames removed: it does not tell speech from silence. Each dimension is in units of its standard deviation
after the haemodynamic response (`areas_run`).
"""

from collections import Counter
from pathlib import Path
from zlib import crc32

import numpy as np
import pandas as pd
import scipy.signal

from n2s.studies.simulated.bold_sources import STEM
from n2s.studies.simulated.sources import N_BANDS, stimulus_features

RATE_HZ = 50.0
DRIVERS = {"mel": 6, "modulations": 6, "phones": 8, "words": 3, "meaning": 6}
#: Those that have a value at each phone or word, and none between them.
IMPULSES = ("phones", "words", "meaning")
RATES_HZ = ((2.0, 4.0), (4.0, 8.0), (8.0, 16.0))
RIPPLES = (0, 2)  # cycles over the spectrum
FUNCTION_SHARE = 0.01  # a word that is more of all words than this has no meaning, nor has one with fewer letters than
LEAST_LETTERS = 4
FADES = 0.5  # of the meaning, from one word to the next
PRIOR = 2.0  # a word's own frequency counts as so many bigrams


def drivers(sounds: list[tuple[Path, pd.DataFrame]]) -> list[dict[str, np.ndarray]]:
    """The drivers of each sound, name -> (l, dims) at `RATE_HZ`, frame i at ``i / RATE_HZ``, not yet scaled.

    Parameters
    ----------
    sounds
        Audio file and events (words, phones and sentences on its clock) of all sounds of a study: means, frequencies and
        surprisals are those of all of them.
    """
    tables = [events for _, events in sounds]
    words, phones = Bigrams(tables, "word"), Bigrams(tables, "phone")
    found = []
    for audio, events in sounds:
        level = stimulus_features(audio, events, RATE_HZ)[:, :N_BANDS].astype(np.float64)
        one = {"mel": level @ _pieces(DRIVERS["mel"]), "modulations": modulations(level)}
        one["modulations"] *= _spoken(events, len(level))[:, None]
        one["phones"] = _at_onsets(events, "phone", phone_values(events, phones), len(level))
        one["words"] = _at_onsets(events, "word", word_values(events, words), len(level))
        one["meaning"] = _at_onsets(events, "word", meanings(events, words), len(level))
        found.append(one)
    spoken = [_spoken(events, len(one["mel"])) for events, one in zip(tables, found, strict=True)]
    _centre(found, "modulations", [*range(DRIVERS["modulations"])], spoken)
    for name, kind, columns in (
        ("phones", "phone", range(DRIVERS["phones"])),
        ("words", "word", (1, 2)),
        ("meaning", "word", range(DRIVERS["meaning"])),
    ):
        counts = [
            _at_onsets(events, kind, None, len(one[name]))[:, 0] for events, one in zip(tables, found, strict=True)
        ]
        _centre(found, name, [*columns], counts)
    return found


class Bigrams:
    """How often words or phones follow each other within the sentences of some tables of events."""

    def __init__(self, tables: list[pd.DataFrame], kind: str):
        self.kind = kind
        self.single, self.pairs, self.before = Counter(), Counter(), Counter()
        for table in tables:
            texts, befores = self.texts(table)
            self.single.update(texts)
            self.before.update(befores)
            self.pairs.update(zip(befores, texts, strict=True))
        self.total = sum(self.single.values())

    def texts(self, events: pd.DataFrame) -> tuple[list[str], list[str]]:
        """The words or phones in order of time, and the one before each in its sentence (empty for the first)."""
        rows = events[events.kind == self.kind].sort_values("onset", kind="stable")
        texts = [text.lower().strip("ˈˌ") for text in rows.text]
        same = (rows.sequence == rows.sequence.shift()).to_list()
        return texts, ["" if not inside else texts[i - 1] for i, inside in enumerate(same)]

    def frequency(self, text: str) -> float:
        """The share of a word among all."""
        return self.single[text] / self.total

    def surprisal(self, text: str, before: str) -> float:
        """-log2 p(text | before), bits: a bigram with the word's own frequency as its prior."""
        return -np.log2((self.pairs[before, text] + PRIOR * self.frequency(text)) / (self.before[before] + PRIOR))


def modulations(level: np.ndarray) -> np.ndarray:
    """(l, N_BANDS) -> (l, 6): magnitude of each ripple of the spectrum, in each band of rates."""
    ripples = np.fft.fft(level, axis=1, norm="ortho")[:, RIPPLES]
    found = []
    for low, high in RATES_HZ:
        sections = scipy.signal.butter(2, (low, high), "bandpass", fs=RATE_HZ, output="sos")
        passed = scipy.signal.sosfiltfilt(sections, np.concatenate([ripples.real, ripples.imag], axis=1), axis=0)
        found.append(np.hypot(*np.split(passed, 2, axis=1)))
    return np.concatenate(found, axis=1)


def phone_values(events: pd.DataFrame, phones: Bigrams) -> np.ndarray:
    """(n, 8) Identity and surprisal of each phone."""
    texts, befores = phones.texts(events)
    rarity = np.array([-np.log2(phones.frequency(text)) for text in texts])
    known = [phones.surprisal(text, before) for text, before in zip(texts, befores, strict=True)]
    return np.column_stack([codes(texts, DRIVERS["phones"] - 1) * rarity[:, None], known])


def word_values(events: pd.DataFrame, words: Bigrams) -> np.ndarray:
    """(n, 3) One, log frequency and surprisal of each word."""
    texts, befores = words.texts(events)
    frequency = [np.log2(words.frequency(text)) for text in texts]
    known = [words.surprisal(text, before) for text, before in zip(texts, befores, strict=True)]
    return np.column_stack([np.ones(len(texts)), frequency, known])


def meanings(events: pd.DataFrame, words: Bigrams) -> np.ndarray:
    """(n, 6) What the content words up to each word of its sentence mean."""
    texts, befores = words.texts(events)
    content = [len(text) >= LEAST_LETTERS and words.frequency(text) < FUNCTION_SHARE for text in texts]
    own = codes([text[:STEM] for text in texts], DRIVERS["meaning"]) * np.array(content)[:, None]
    for i, before in enumerate(befores):
        if before:
            own[i] += FADES * own[i - 1]
    return own


def codes(texts: list[str], n: int) -> np.ndarray:
    """(len(texts), n) Normal numbers that each text draws, the same wherever it stands."""
    return np.array([np.random.default_rng(crc32(text.encode())).standard_normal(n) for text in texts]).reshape(-1, n)


def _pieces(n: int) -> np.ndarray:
    """(N_BANDS, n) Overlapping triangles along the spectrum, each of unit sum."""
    centres = np.linspace(0.5, N_BANDS - 1.5, n)
    height = np.maximum(0, 1 - np.abs(np.arange(N_BANDS)[:, None] - centres) / (centres[1] - centres[0]))
    return height / height.sum(0)


def _spoken(events: pd.DataFrame, n_frames: int) -> np.ndarray:
    """(n_frames,) 1 within sentences, 0 in pauses."""
    sentences, times_s = events[events.kind == "sentence"], np.arange(n_frames) / RATE_HZ
    begun = np.searchsorted(np.sort(sentences.onset), times_s, side="right")
    ended = np.searchsorted(np.sort(sentences.onset + sentences.duration), times_s, side="right")
    return (begun - ended).astype(np.float64)


def _at_onsets(events: pd.DataFrame, kind: str, values: np.ndarray | None, n_frames: int) -> np.ndarray:
    """(n_frames, f) Values, by default ones, at the onsets of words or phones, in order of time."""
    onsets = np.sort(events.onset[events.kind == kind].to_numpy(), kind="stable")
    values = np.ones((len(onsets), 1)) if values is None else values
    found = np.zeros((n_frames, values.shape[1]))
    np.add.at(found, np.minimum(np.rint(onsets * RATE_HZ).astype(int), n_frames - 1), values)
    return found


def _centre(found: list[dict[str, np.ndarray]], name: str, columns: list[int], counts: list[np.ndarray]) -> None:
    """Take out the mean over all phones, words or frames of speech, of which frame i has ``counts[i]``."""
    mean = sum(one[name].sum(0) for one in found) / sum(count.sum() for count in counts)
    for one, count in zip(found, counts, strict=True):
        one[name][:, columns] -= count[:, None] * mean[columns]
