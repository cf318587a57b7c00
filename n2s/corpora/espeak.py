"""Corpora of speech without a download: sentences written for n2s, spoken by eSpeak NG in several voices."""

import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
from scipy.signal import resample_poly

from n2s.corpora.corpus import COLUMNS, Corpus
from n2s.corpora.sentences import LANGUAGES, sentences
from n2s.corpora.splits import by_share
from n2s.corpora.transcripts import transcript
from n2s.errors import UserError
from n2s.options import check_number
from n2s.paths import cache_dir, locked, written_whole
from n2s.studies.simulated.speech import SFREQ, speak_apart
from n2s.studies.simulated.stories import Speaker

_BATCH = 40  # sentences spoken by one process, into one file
_VARIANTS = (
    ("m1", 150, 45), ("f1", 165, 55), ("m3", 175, 40), ("f2", 155, 60), ("m7", 165, 50), ("f4", 180, 55), ("m5", 145, 35),
    ("f5", 170, 65),
)  # fmt: skip
_VERSION = 1  # increase when the sounds change and the settings do not


class ESpeakCorpus(Corpus):
    """Sentences in Dutch, English or Bengali, spoken by eSpeak NG: one sentence a clip, made at the first need and kept.

    Transcripts are as `n2s.corpora.transcripts` has them, Bengali in Latin letters. The split is by sentence: no sentence of the test
    is trained on, but its phrases are, as in any language. All voices speak in all parts.

    Parameters
    ----------
    language
        ``nl``, ``en`` or ``bn``.
    n_sentences
        How many different sentences; 1000 last about 50 minutes.
    n_speakers
        How many voices, 1 to 8: each has a rate and a pitch of its own.
    val_fraction, test_fraction
        Shares of the sentences.
    seed
        Which sentences are drawn.
    root
        Where to keep the sounds; None: ``corpora`` in the cache.

    Examples
    --------
    >>> from n2s.corpora import ESpeakCorpus
    >>> corpus = ESpeakCorpus("en", n_sentences=100, n_speakers=2, root=folder)  # spoken at the first `clips()`
    >>> len(corpus.texts), len(corpus.speakers)
    (100, 2)
    """

    name = "espeak"

    def __init__(
        self,
        language: str = "nl",
        *,
        n_sentences: int = 1000,
        n_speakers: int = 8,
        val_fraction: float = 0.1,
        test_fraction: float = 0.1,
        seed: int = 0,
        root: Path | str | None = None,
    ) -> None:
        if language not in LANGUAGES:
            raise UserError(f"ESpeakCorpus: language='{language}'; expected {', '.join(LANGUAGES)}.")
        check_number("ESpeakCorpus: n_sentences", n_sentences, low=1, whole=True)
        check_number("ESpeakCorpus: n_speakers", n_speakers, low=1, high=len(_VARIANTS), whole=True)
        check_number("ESpeakCorpus: seed", seed, low=0, whole=True)
        self.language, self.seed = language, seed
        self.texts = sentences(language, n_sentences, seed)
        self.speakers = [
            Speaker(f"{language}+{variant}", rate, pitch) for variant, rate, pitch in _VARIANTS[:n_speakers]
        ]
        self._parts = by_share(n_sentences, val_fraction, test_fraction, seed)
        self.root = (cache_dir() / "corpora" if root is None else Path(root).expanduser()) / self._folder

    def settings(self) -> dict:
        """The sentences (by their hash), the voices and the split."""
        told = json.dumps([self.texts, self._parts])
        return {
            "version": _VERSION,
            "language": self.language,
            "sentences": hashlib.sha256(told.encode()).hexdigest()[:16],
            "speakers": [asdict(speaker) for speaker in self.speakers],
        }

    def clips(self) -> pd.DataFrame:
        """One sentence a clip; all are spoken first, if they are not there yet: about a second for forty."""
        return self._clips.copy()

    @cached_property
    def _folder(self) -> str:
        return f"espeak-{self.language}-{hashlib.sha256(json.dumps(self.settings()).encode()).hexdigest()[:12]}"

    @cached_property
    def _clips(self) -> pd.DataFrame:
        table = self.root / "clips.parquet"
        with locked(self.root):
            if not table.is_file():
                texts = [
                    transcript(text, self.language) for text in self.texts
                ]  # first: it may need what is not installed
                with ThreadPoolExecutor(os.cpu_count() or 1) as pool:  # threads: each but waits for its child process
                    rows = [row for batch in pool.map(self._spoken, self._batches()) for row in batch]
                found = pd.DataFrame(rows, columns=["i", *COLUMNS]).sort_values("i", ignore_index=True)[list(COLUMNS)]
                found = found.assign(text=texts)
                with written_whole(table) as path:
                    found.to_parquet(path)
        found = pd.read_parquet(table)
        return found.assign(sound=[str(self.root / name) for name in found.sound])

    def _batches(self) -> list[tuple[Speaker, list[int]]]:
        """Speaker and sentences of each file: sentences are dealt out to the voices in turn."""
        n = len(self.speakers)
        own = [(speaker, list(range(i, len(self.texts), n))) for i, speaker in enumerate(self.speakers)]
        return [
            (speaker, rows[first : first + _BATCH]) for speaker, rows in own for first in range(0, len(rows), _BATCH)
        ]

    def _spoken(self, batch: tuple[Speaker, list[int]]) -> list[tuple]:
        speaker, which = batch
        texts = [self.texts[i] for i in which]
        sfreq, spoken, _ = speak_apart(texts, speaker.voice, speaker.rate_wpm, speaker.pitch)
        whole = resample_poly(np.concatenate(spoken) / 32768, SFREQ, sfreq).astype(np.float32)
        whole *= 0.9 / np.abs(whole).max()  # the voices peak alike, and none is clipped
        name = f"{speaker.voice.replace('+', '-')}-{which[0]:06d}.flac"
        with written_whole(self.root / name) as path:
            soundfile.write(path, whole, SFREQ, subtype="PCM_16", format="FLAC")
        edges_s = np.cumsum([0, *map(len, spoken)]) / sfreq
        edges_s[-1] = min(edges_s[-1], len(whole) / SFREQ)
        return [
            (i, name, start_s, stop_s - start_s, "", "", speaker.voice, self._parts[i])
            for i, start_s, stop_s in zip(which, edges_s, edges_s[1:], strict=False)
        ]
