"""What is said in the simulated production study: commands, syllables or short sentences, in the voice of each speaker."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
from scipy.signal import resample_poly

from n2s.errors import UserError
from n2s.paths import written_whole
from n2s.studies.readers.sentences import sentence_id
from n2s.studies.simulated.speech import SFREQ, synthesize

COMMANDS = ("up", "down", "left", "right", "stop")
SYLLABLES = ("pa", "ta", "ka", "ba", "da", "ga", "ma", "na")
#: A sentence has one of each.
_PARTS = (
    ("the dog", "a child", "my mother", "the doctor"),
    ("sees", "wants", "takes", "finds"),
    ("a boat", "the milk", "some bread", "the key", "a book"),
    ("today", "at home", "again"),
)
MATERIALS = ("commands", "syllables", "sentences")
MARGIN_S = 0.04  # of sound kept around an utterance

HEARD = ("en-us+f3", 155, 46)  # the voice that everybody hears, its words a minute and its pitch
VOICES = ("en-us", "en-us+f1", "en+m7", "en+f4", "en-us+m3")
RATES_WPM, PITCHES = (150, 230, 130, 190, 170), (48, 42, 56, 52, 44)  # of speakers 1, 2, ...
PACES = (1.0, 0.9, 1.1, 0.8, 1.2)  # of the renditions of a text, relative to the speaker's rate


@dataclass(frozen=True)
class Utterance:
    """A text as one voice says it once. Times are s from its first phone; ``audio`` (16 kHz) begins `MARGIN_S` before that."""

    text: str
    audio: np.ndarray
    words: pd.DataFrame
    phones: pd.DataFrame

    @property
    def sequence(self) -> str:
        """Id of the text."""
        return sentence_id(self.text)

    @property
    def duration_s(self) -> float:
        """From the first phone to the end of the last."""
        return float((self.words.onset + self.words.duration).max())


def texts_of_runs(
    material: str, texts: list[str] | None, n_runs: int, n_trials: int, seed: int
) -> list[tuple[str, ...]]:
    """The texts of each run: the same in all runs, but for sentences, of which each run has its own.

    Raises
    ------
    UserError
        A text is empty or there twice.
    """
    if texts is not None:
        ids = [sentence_id(one) for one in texts]
        if len(set(ids)) < len(ids) or not texts or not all(any(c.isalnum() for c in one) for one in texts):
            raise UserError(f"simulated_production: texts is {texts}; expected some that differ, each with a word.")
        return [tuple(texts)] * n_runs
    if material != "sentences":
        return [COMMANDS if material == "commands" else SYLLABLES] * n_runs
    grid = np.stack(np.meshgrid(*[range(len(part)) for part in _PARTS], indexing="ij"), -1).reshape(-1, len(_PARTS))
    order = np.random.default_rng([seed, 5]).permutation(len(grid))
    known = [" ".join(part[i] for part, i in zip(_PARTS, grid[one], strict=True)) for one in order]
    n = min(n_trials, len(known) // n_runs)
    return [tuple(known[run * n : (run + 1) * n]) for run in range(n_runs)]


def voice_of(subject: int, rendition: int) -> tuple[str, int, int]:
    """Voice (of eSpeak), rate and pitch of a speaker; 0 is the voice that is heard."""
    voice, rate, pitch = HEARD
    if subject:
        one = (subject - 1) % len(VOICES)
        voice, rate, pitch = VOICES[one], RATES_WPM[one] + 3 * ((subject - 1) // len(VOICES)), PITCHES[one]
    return voice, max(80, min(450, round(rate * PACES[rendition]))), pitch + (0, 4, -4, 7, -7)[rendition]


def spoken(texts: tuple[str, ...], subject: int, rendition: int, folder: Path) -> list[Utterance]:
    """Each text as a speaker says it; spoken once, and kept in ``folder``."""
    voice, rate_wpm, pitch = voice_of(subject, rendition)
    told = json.dumps([1, texts, voice, rate_wpm, pitch])
    home = folder / hashlib.sha256(told.encode()).hexdigest()[:12]
    if not home.exists():
        speech = synthesize(list(texts), voice=voice, rate_wpm=rate_wpm, pitch=pitch)
        audio = resample_poly(speech.audio, SFREQ, speech.sfreq)
        with written_whole(home) as part:
            part.mkdir()
            soundfile.write(part / "audio.wav", 0.7 * audio / np.abs(audio).max(), SFREQ, subtype="PCM_16")
            speech.words.to_parquet(part / "words.parquet")
            speech.phones.to_parquet(part / "phones.parquet")
    audio, _ = soundfile.read(home / "audio.wav", dtype="float64")
    tables = [pd.read_parquet(home / f"{name}.parquet") for name in ("words", "phones")]
    margin = round(MARGIN_S * SFREQ)
    audio = np.pad(audio, margin)
    found = []
    for text in texts:
        words, phones = (table[table.sequence == sentence_id(text)].reset_index(drop=True) for table in tables)
        first_s = words.onset.min()
        words, phones = (table.assign(onset=table.onset - first_s) for table in (words, phones))
        start, stop = round(first_s * SFREQ), round((first_s + (words.onset + words.duration).max()) * SFREQ)
        found.append(Utterance(text, audio[start : stop + 2 * margin], words, phones))
    return found
