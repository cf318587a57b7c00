"""The spectrograms of a corpus' clips, computed once and read from disk as they are needed."""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import torch

from n2s.data.recordings import Shard
from n2s.errors import UserError
from n2s.features.audio import read_audio
from n2s.features.log_spectrogram import LogSpectrogram
from n2s.findings import tell
from n2s.paths import cache_dir, locked, written_whole
from n2s.progress import track

VERSION = 1
_CLIPS = 256  # a part: some minutes to half an hour of sound, kept whole or not at all


@dataclass(frozen=True)
class Part:
    """Some clips that are kept in one folder.

    Parameters
    ----------
    folder
        ``frames.npy`` (n, f) float16 of one clip after the other, ``lengths.npy`` (k,) frames of each, 0 where it
        cannot be used, and ``problems.json``: why.
    clips
        k rows with ``sound``, ``start_s``, ``duration_s``.
    """

    folder: Path
    clips: pd.DataFrame

    @cached_property
    def lengths(self) -> np.ndarray:
        """(k,) frames."""
        return np.load(self.folder / "lengths.npy")

    @cached_property
    def frames(self) -> np.ndarray:
        """(n, f), mapped."""
        return np.load(self.folder / "frames.npy", mmap_mode="r")

    @cached_property
    def starts(self) -> np.ndarray:
        """(k,) first frame of each clip."""
        return np.concatenate([[0], np.cumsum(self.lengths)[:-1]])

    @property
    def problems(self) -> list[list[str]]:
        """Clip and reason of each clip that cannot be used."""
        return json.loads((self.folder / "problems.json").read_text("utf-8"))


class CorpusSpectrograms:
    """Spectrograms of clips, float16, in parts that are written whole. A killed command continues at the next part.

    Parameters
    ----------
    clips
        Rows with ``sound``, ``start_s``, ``duration_s``; clips are known by their place here.
    spectrogram
        What to compute.
    name
        The corpus, for the folder and messages.
    """

    def __init__(self, clips: pd.DataFrame, spectrogram: LogSpectrogram, name: str):
        self.spectrogram, self.name = spectrogram, name
        table = clips[["sound", "start_s", "duration_s"]].reset_index(drop=True)
        self.order = np.lexsort((table.start_s.to_numpy(), table.sound.to_numpy(str)))  # a file is read in its order
        stats = {sound: Path(sound).stat() for sound in table.sound.unique()}
        rows = table.iloc[self.order]
        changed = [[stats[sound].st_size, stats[sound].st_mtime_ns] for sound in rows.sound]
        self.parts = [
            self._part(rows.iloc[first : first + _CLIPS], changed[first : first + _CLIPS])
            for first in range(0, len(rows), _CLIPS)
        ]
        self._size = _CLIPS
        place = np.empty(len(table), np.int64)
        place[self.order] = np.arange(len(table))
        self._place = place  # of each clip among the ordered ones

    def prepare(self, *, n_jobs: int = 1, shard: Shard | None = None) -> None:
        """Compute what is not there yet, and say which clips cannot be used.

        Parameters
        ----------
        n_jobs
            Processes.
        shard
            Only this share of the parts.
        """
        mine = shard.part(self.parts) if shard else self.parts
        missing = [part for part in mine if not part.folder.is_dir()]
        work = joblib.Parallel(n_jobs=min(n_jobs, max(len(missing), 1)), return_as="generator_unordered")(
            joblib.delayed(_make)(part, self.spectrogram) for part in missing
        )
        for _ in track(work, f"spectrograms of {self.name}", len(missing)):
            pass
        for part in mine:
            for where, why in part.problems:
                tell("left out", where, why)

    @cached_property
    def lengths(self) -> np.ndarray:
        """(n,) frames of each clip; 0: it cannot be used."""
        return np.concatenate([part.lengths for part in self.parts])[self._place]

    def read(self, clip: int) -> np.ndarray:
        """(l, f) float32 of a clip."""
        number, within = divmod(int(self._place[clip]), self._size)
        part = self.parts[number]
        start = part.starts[within]
        return part.frames[start : start + part.lengths[within]].astype(np.float32)

    def padded(self, clips: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """(b, l, f) float32, zeros after the end of a clip, and (b,) lengths."""
        values = [self.read(clip) for clip in clips]
        lengths = [len(one) for one in values]
        batch = np.zeros((len(values), max(lengths), self.spectrogram.n_features), np.float32)
        for row, one in zip(batch, values, strict=True):
            row[: len(one)] = one
        return torch.from_numpy(batch), torch.tensor(lengths)

    @property
    def digest(self) -> str:
        """Hash of the sounds, the clips' places in them, and the settings."""
        return hashlib.sha256(" ".join(part.folder.name for part in self.parts).encode()).hexdigest()

    def _part(self, rows: pd.DataFrame, changed: list) -> Part:
        identity = [VERSION, self.spectrogram.version, self.spectrogram.settings(), changed]
        identity.append([[str(row.sound), float(row.start_s), float(row.duration_s)] for row in rows.itertuples()])
        key = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]
        plain = re.sub(r"[^\w-]+", "-", self.name)
        return Part(cache_dir() / "corpora" / f"{plain}-{key}", rows)


def _make(part: Part, spectrogram: LogSpectrogram) -> None:
    """Compute a part; a clip that cannot be read is kept with no frames."""
    with locked(part.folder):
        if part.folder.is_dir():
            return  # another process was faster
        frames, lengths, problems = [], [], []
        for row in part.clips.itertuples():
            where = f"{row.sound} ({row.start_s:.2f} to {row.start_s + row.duration_s:.2f} s)"
            values = np.zeros((0, spectrogram.n_features), np.float16)
            try:
                audio = read_audio(row.sound, spectrogram.sfreq, row.start_s, row.start_s + row.duration_s)
                found = spectrogram.of_audio(audio, where)
                if found.any():
                    values = found.numpy().astype(np.float16)
                else:
                    problems.append([where, "the clip is silent, or never changes: it is not used."])
            except UserError as error:
                problems.append([where, f"the clip cannot be used: {error}"])
            frames.append(values)
            lengths.append(len(values))
        with written_whole(part.folder) as folder:
            folder.mkdir()
            np.save(folder / "frames.npy", np.concatenate(frames))
            np.save(folder / "lengths.npy", np.array(lengths, np.int64))
            (folder / "problems.json").write_text(json.dumps(problems), "utf-8")
