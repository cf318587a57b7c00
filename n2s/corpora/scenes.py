"""A corpus of acoustic scenes without a download: synthetic sounds of classes that can be told apart, in noise."""

import hashlib
import json
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from n2s.corpora.corpus import COLUMNS, Corpus
from n2s.corpora.scene_sounds import SFREQ, SOUNDS
from n2s.corpora.splits import by_share
from n2s.errors import UserError
from n2s.options import check_number, check_pair
from n2s.paths import cache_dir, locked, written_whole

_VERSION = 1  # increase when the sounds change and the settings do not


class SyntheticScenes(Corpus):
    """Bells, engines, bubbles, chirps, clicks and noises, 1 to 4 s each, at a random level in pink noise.

    Every clip has parameters of its own, drawn from its number and the seed, so that a class is a kind of sound and not one sound.
    Loudness and duration tell nothing about the class. Made at the first need and kept.

    Parameters
    ----------
    n_classes
        2 to 20, in the order of `n2s.corpora.scene_sounds.SOUNDS`.
    n_per_class
        Clips of each class.
    snr_db
        The sound's power over that of the background: lowest and highest, dB.
    val_fraction, test_fraction
        Shares of each class.
    seed
        Seed of the sounds and of the split.
    root
        Where to keep the sounds; None: ``corpora`` in the cache.

    Examples
    --------
    >>> from n2s.corpora import SyntheticScenes
    >>> corpus = SyntheticScenes(3, n_per_class=10, root=folder)  # made at the first `clips()`
    >>> corpus.classes
    ['low noise', 'horn', 'rising chirps']
    """

    name = "scenes"

    def __init__(
        self,
        n_classes: int = 10,
        *,
        n_per_class: int = 60,
        snr_db: tuple[float, float] = (0.0, 20.0),
        val_fraction: float = 0.1,
        test_fraction: float = 0.1,
        seed: int = 0,
        root: Path | str | None = None,
    ) -> None:
        check_number("SyntheticScenes: n_classes", n_classes, low=2, high=len(SOUNDS), whole=True)
        check_number("SyntheticScenes: n_per_class", n_per_class, low=1, whole=True)
        check_number("SyntheticScenes: seed", seed, low=0, whole=True)
        snr_db = check_pair("SyntheticScenes: snr_db", snr_db)
        if not snr_db[0] <= snr_db[1]:
            raise UserError(f"SyntheticScenes: snr_db={snr_db}; expected the lowest, then the highest.")
        self.classes = list(SOUNDS)[:n_classes]
        self.n_per_class, self.snr_db, self.seed = n_per_class, snr_db, seed
        self._parts = [by_share(n_per_class, val_fraction, test_fraction, seed + i) for i in range(n_classes)]
        self.root = (cache_dir() / "corpora" if root is None else Path(root).expanduser()) / self._folder

    def settings(self) -> dict:
        """Every argument that changes a clip or its split."""
        return {
            "version": _VERSION,
            "classes": self.classes,
            "parts": hashlib.sha256(json.dumps(self._parts).encode()).hexdigest()[:16],
            "n_per_class": self.n_per_class,
            "snr_db": list(self.snr_db),
            "seed": self.seed,
        }

    def clips(self) -> pd.DataFrame:
        """One sound a clip; all are made first, if they are not there yet: some twenty a second."""
        return self._clips.copy()

    @cached_property
    def _folder(self) -> str:
        return f"scenes-{hashlib.sha256(json.dumps(self.settings()).encode()).hexdigest()[:12]}"

    @cached_property
    def _clips(self) -> pd.DataFrame:
        table = self.root / "clips.parquet"
        with locked(self.root):
            if not table.is_file():
                rows = [self._made(label, i) for label in range(len(self.classes)) for i in range(self.n_per_class)]
                with written_whole(table) as path:
                    pd.DataFrame(rows, columns=list(COLUMNS)).to_parquet(path)
        found = pd.read_parquet(table)
        return found.assign(sound=[str(self.root / name) for name in found.sound])

    def _made(self, label: int, i: int) -> tuple:
        name = self.classes[label]
        sound = scene(name, [self.seed, label, i], self.snr_db)
        file = f"{name.replace(' ', '-')}-{i:05d}.wav"
        with written_whole(self.root / file) as path:
            soundfile.write(path, sound, SFREQ, subtype="PCM_16", format="WAV")
        return file, 0.0, len(sound) / SFREQ, "", name, "", self._parts[label][i]


def scene(name: str, seed: list[int], snr_db: tuple[float, float]) -> np.ndarray:
    """One clip (n,) of a class: the sound in pink noise, its peak between -30 and -3 dB of full scale."""
    random = np.random.default_rng(seed)
    n = int(random.uniform(1, 4) * SFREQ)
    sound = SOUNDS[name](random, n)
    sound /= max(np.sqrt(np.mean(sound**2)), 1e-9)
    spectrum = np.fft.rfft(random.standard_normal(n)) / np.sqrt(
        np.maximum(np.fft.rfftfreq(n, 1 / SFREQ), 20)
    )  # pink above 20 Hz
    background = np.fft.irfft(spectrum, n)
    background *= 10 ** (-random.uniform(*snr_db) / 20) / np.sqrt(np.mean(background**2))
    mixed = sound + background
    return (mixed * 10 ** (random.uniform(-30, -3) / 20) / np.abs(mixed).max()).astype(np.float32)
