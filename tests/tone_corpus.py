"""A corpus that a small network learns in seconds: each letter is a tone, each class a chord."""

from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from n2s.corpora.corpus import COLUMNS, Corpus

RATE, LETTER_S = 8000, 0.08
TONES_HZ = {"a": 300.0, "b": 900.0, "c": 2000.0}


class ToneCorpus(Corpus):
    """Words of tones in one file a clip, with a little noise; ``table`` replaces columns of the clips."""

    name = "tones"

    def __init__(self, root: str, n: int = 60, seed: int = 0, n_speakers: int = 0):
        self.root, self.n, self.seed, self.n_speakers = Path(root), n, seed, n_speakers

    def clips(self) -> pd.DataFrame:
        rng = np.random.default_rng(self.seed)
        rows = []
        for i in range(self.n):
            words = ["".join(rng.choice(list("abc"), rng.integers(1, 4))) for _ in range(rng.integers(1, 4))]
            text = " ".join(words)
            path = self.root / f"clip{i:03d}.wav"
            if not path.is_file():
                write_tones(path, text, seed=i)
            speaker = f"s{i % self.n_speakers}" if self.n_speakers else ""
            rows.append((str(path), 0.0, length_s(text), text, text[0], speaker, ""))
        return pd.DataFrame(rows, columns=list(COLUMNS))


def length_s(text: str) -> float:
    return LETTER_S * (len(text) + 1)


def write_tones(path: Path, text: str, *, seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    n = round(LETTER_S * RATE)
    time_s = np.arange(n) / RATE
    silence = np.zeros(n)
    tones = [np.sin(2 * np.pi * TONES_HZ[one] * time_s) * np.hanning(n) if one in TONES_HZ else silence for one in text]
    sound = np.concatenate([silence[: n // 2], *tones, silence[: n - n // 2]])
    noise = np.random.default_rng(seed).standard_normal(len(sound))
    soundfile.write(path, 0.3 * sound + 0.003 * noise, RATE)
