"""Sounds that may have been heard, as the targets that a network was trained on."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from n2s.data.frame_rate import at_rate
from n2s.data.front import Front
from n2s.data.windows import WindowShape
from n2s.errors import UserError, nearest
from n2s.features.audio import audio_duration_s, mono_blocks
from n2s.features.feature import ClipFeature, Feature, FrameFeature
from n2s.features.store import FeatureStore
from n2s.studies.study import Frames, Stimulus

CHUNK = 64  # candidates at once: a network's activations of all would fill the memory


@dataclass(frozen=True)
class Candidates:
    """Windows of sounds: ``sound (k,)`` index of each one's file, ``start_s (k,)`` in it."""

    paths: list[Path]
    names: list[str]
    sound: np.ndarray
    start_s: np.ndarray
    duration_s: list[float]
    _feature: Feature
    _shape: WindowShape
    _mean: np.ndarray
    _scale: np.ndarray

    def __len__(self) -> int:
        return len(self.sound)

    def targets(self) -> Iterator[Tensor]:
        """(n, f, t) standardised targets, or (n, f, 1) of features with one vector a window, `CHUNK` at a time, in order."""
        for i, path in enumerate(self.paths):
            start_s = self.start_s[self.sound == i]
            stimulus = Stimulus(self.names[i], path)
            store = FeatureStore(self._feature)
            events = self._feature.events if isinstance(self._feature, FrameFeature) else None
            frames = None if events is None else self._course(store, stimulus, events)
            for part in np.array_split(start_s, max(1, -(-len(start_s) // CHUNK))):
                if frames is None:
                    values = store.clips(stimulus, part + self._shape.shift_s, self._shape.duration_s)[:, None]
                    values = (values - self._mean) / self._scale
                else:
                    values = frames.values[self._rows(frames, part)]
                yield torch.from_numpy(np.ascontiguousarray(np.swapaxes(values, 1, 2), dtype=np.float32))
        self._feature.release()

    def _course(self, store: FeatureStore, stimulus: Stimulus, events: bool | Sequence[int]) -> Frames:
        (whole,) = store.frames(stimulus)
        found = at_rate(whole, self._shape.sfreq, events, shift_s=self._shape.shift_s)
        return Frames((found.values - self._mean) / self._scale, found.rate_hz, found.start_s)

    def _rows(self, frames: Frames, start_s: np.ndarray) -> np.ndarray:
        """(n, t) frames of windows: the nearest one of each moment, the later of two; see `n2s.data.targets.Targets`."""
        time_s = start_s[:, None] + self._shape.shift_s + np.arange(self._shape.n_times) / self._shape.sfreq
        place = np.floor((time_s - frames.start_s) * frames.rate_hz + 0.5 + 1e-6).astype(np.int64)
        return np.clip(place, 0, len(frames.values) - 1)


def candidates_of(
    paths: Sequence[Path | str], feature: Feature, front: Front, shape: WindowShape, *, step_s: float
) -> Candidates:
    """Windows of sound files, one every ``step_s`` seconds.

    Raises
    ------
    UserError
        No file, one is not there or is shorter than a window, two are the same, or the feature is none of whole sounds.
    """
    if not isinstance(feature, (FrameFeature, ClipFeature)):
        raise UserError(f"the run's target is {type(feature).__name__}, which sound files alone do not give.")
    files, names = sound_files(paths)
    durations = [audio_duration_s(path) for path in files]
    short = [
        f"{path.name} ({length:.2f} s)"
        for path, length in zip(files, durations, strict=True)
        if length < shape.duration_s
    ]
    if short:
        raise UserError(
            f"{', '.join(short)}: shorter than the {shape.duration_s:.2f} s of sound that the network compares. Give longer sounds."
        )
    starts = [np.arange(0, length - shape.duration_s + 1e-6, step_s) for length in durations]
    return Candidates(
        files,
        names,
        np.repeat(np.arange(len(files)), [len(one) for one in starts]),
        np.concatenate(starts),
        durations,
        feature,
        shape,
        front.arrays["target.mean"],
        front.arrays["target.scale"],
    )


def sound_files(paths: Sequence[Path | str]) -> tuple[list[Path], list[str]]:
    """Sound files that are there, each once, and a name of each: the file's, with as many folders before it as tell them apart."""
    if not paths:
        raise UserError("no sounds to compare with: name at least one file (--audio a.wav b.wav, or candidates=[...]).")
    files = [_found(Path(path).expanduser()) for path in paths]
    doubled = sorted({path.name for path in files if files.count(path) > 1})
    if doubled:
        raise UserError(f"candidates: {', '.join(doubled)} given twice.")
    _check_content(files)
    depth = 1
    while len({path.parts[-depth:] for path in files}) < len(files):
        depth += 1
    return files, [Path(*path.parts[-depth:]).as_posix() for path in files]


def _check_content(files: Sequence[Path]) -> None:
    """Raise a `UserError` for silence, and for two files with equal samples: neither can be told from anything else."""
    seen: dict[str, Path] = {}
    for path in files:
        digest, loudest = hashlib.sha256(), 0.0
        for block in mono_blocks(path):
            digest.update(block.numpy().tobytes())
            loudest = max(loudest, float(block.abs().max()) if len(block) else 0.0)
        if loudest == 0:
            raise UserError(
                f"{path} is silent from its beginning to its end: nothing can be compared with it. Leave it out."
            )
        same = seen.setdefault(digest.hexdigest(), path)
        if same != path:
            raise UserError(
                f"candidates: {same.name} and {path.name} are the same sound, sample by sample: nothing can tell them apart. Give each sound once."
            )


def _found(path: Path) -> Path:
    if path.is_dir():
        n = sum(one.suffix.lower() in (".wav", ".flac", ".mp3", ".ogg") for one in path.iterdir())
        raise UserError(f"{path} is a folder, with {n} sounds in it: name the files (--audio {path}/*.wav).")
    if not path.is_file():
        beside = sorted(one.name for one in path.parent.glob("*")) if path.parent.is_dir() else []
        raise UserError(f"no sound file {path}.{nearest(path.name, beside)}")
    return path.resolve()
