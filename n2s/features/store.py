"""Features of stimuli, computed once and kept in the cache."""

import hashlib
import json
import warnings
import zlib
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from n2s.errors import UserError
from n2s.features.audio import audio_duration_s
from n2s.features.feature import ClipFeature, Feature, FrameFeature
from n2s.paths import cache_dir, locked, written_whole
from n2s.studies.study import Frames, Stimulus

_SHORTEST_S = 0.1  # between two cuts: no window fits, and the header of an mp3 is no more exact than this


class FeatureStore:
    """Give a feature of any stimulus: from the cache, or computed and then cached.

    A file is named by the hash of what the feature takes from the stimulus and by the stretch, in a folder named by
    the feature's class and a hash of its version and settings. Equal audio under two names is computed once; several
    processes may use one cache. A broken file is computed again, with a warning that names it.

    Parameters
    ----------
    feature
        What to compute.
    root
        Where to keep it; by default ``features`` in the cache (``N2S_CACHE``).
    half
        Keep and give float16 instead of float32: half the size, three digits.
    """

    def __init__(self, feature: Feature, root: Path | str | None = None, *, half: bool = False) -> None:
        self.feature, self.half = feature, half
        self.root = cache_dir() / "features" if root is None else Path(root)

    @cached_property
    def folder(self) -> Path:
        """Where this feature with these settings is kept; its ``settings.json`` says what they are."""
        digest = hashlib.sha256(self._identity.encode()).hexdigest()
        return self.root / f"{type(self.feature).__name__}-{digest[:12]}"

    @cached_property
    def _identity(self) -> str:
        kind = type(self.feature)
        identity = {
            "class": f"{kind.__module__}.{kind.__qualname__}",
            "version": self.feature.version,
            "settings": self.feature.settings(),
            "half": self.half,
        }
        return json.dumps(identity, sort_keys=True, indent=1)

    def frames(self, stimulus: Stimulus, cuts_s: Sequence[float] = ()) -> list[Frames]:
        """Frames of a whole stimulus, in order of time.

        Parameters
        ----------
        stimulus
            The audio, or the ready features.
        cuts_s
            Borders of splits, s in the stimulus. A contextual feature is computed on each stretch between them from
            that stretch's audio alone; any other feature ignores them.

        Returns
        -------
        list of Frames
            For a contextual feature, one more than the number of cuts (a stretch under 0.1 s has no frames); else one.
        """
        feature = self.feature
        if not isinstance(feature, FrameFeature):
            raise UserError(f"{type(feature).__name__} gives one vector a window, not frames. {_KINDS}")
        if not np.isfinite(cuts_s).all():
            raise UserError(f"stimulus '{stimulus.id}': cuts at {list(cuts_s)}; expected times in seconds.")
        if not feature.contextual or not len(cuts_s) or stimulus.audio is None:
            return [self._stretch(stimulus, 0.0, None)]
        end_s = round(audio_duration_s(stimulus.audio), 6)  # microseconds, as in the names of files
        edges_s = [0.0, *sorted(round(min(max(float(cut), 0.0), end_s), 6) for cut in cuts_s), end_s]
        nothing = np.zeros((0, feature.n_features), np.float16 if self.half else np.float32)
        return [
            Frames(nothing, 1.0, start_s)
            if stop_s - start_s < _SHORTEST_S
            # The header's end may be inexact: read on to the true one.
            else self._stretch(stimulus, start_s, None if stop_s == end_s else stop_s)
            for start_s, stop_s in pairwise(edges_s)
        ]

    def all_frames(
        self, stimuli: Sequence[Stimulus], cuts_s: Mapping[str, Sequence[float]] | None = None
    ) -> dict[str, list[Frames]]:
        """`frames` of many stimuli by their id, with a progress bar; then the feature frees its network.

        ``cuts_s`` holds each stimulus' cuts, by its id.
        """
        cuts_s = cuts_s or {}
        name = type(self.feature).__name__
        progress = track(
            stimuli,
            description=f"{name} of {len(stimuli)} stimuli",
            console=Console(stderr=True),
            disable=len(stimuli) < 2,
            transient=True,
        )
        frames = {stimulus.id: self.frames(stimulus, cuts_s.get(stimulus.id, ())) for stimulus in progress}
        self.feature.release()
        return frames

    def clips(self, stimulus: Stimulus, starts_s: np.ndarray, duration_s: float) -> np.ndarray:
        """(n,) starts of windows of one duration, s in the stimulus -> (n, f)."""
        if not isinstance(self.feature, ClipFeature):
            raise UserError(f"{type(self.feature).__name__} gives frames, not one vector a window. {_KINDS}")
        starts_s = np.ascontiguousarray(starts_s, dtype=np.float64)
        if starts_s.ndim != 1 or not np.isfinite(starts_s).all() or not 0 < duration_s < np.inf:
            raise UserError(
                f"stimulus '{stimulus.id}': windows of {duration_s} s at starts of shape {starts_s.shape}; "
                "expected a positive duration and a row of finite times."
            )
        windows = hashlib.sha256(starts_s.tobytes() + np.float64(duration_s).tobytes()).hexdigest()[:16]
        path = self.folder / f"{self.feature.fingerprint(stimulus)}-{windows}.safetensors"

        def extract() -> tuple[np.ndarray, dict[str, str]]:
            values = self._checked(self.feature.extract(stimulus, starts_s, duration_s), stimulus)
            if len(values) != len(starts_s):
                name = type(self.feature).__name__
                raise UserError(f"{name} gave {len(values)} vectors for {len(starts_s)} windows.")
            return values, {}

        return self._once(path, extract)[0]

    def _stretch(self, stimulus: Stimulus, start_s: float, stop_s: float | None) -> Frames:
        def extract() -> tuple[np.ndarray, dict[str, str]]:
            frames = self.feature.extract(stimulus, start_s, stop_s)
            told = {"rate_hz": repr(float(frames.rate_hz)), "start_s": repr(float(frames.start_s))}
            return self._checked(frames.values, stimulus), told

        stretch = f"{start_s:.6f}-{'end' if stop_s is None else format(stop_s, '.6f')}"
        path = self.folder / f"{self.feature.fingerprint(stimulus)}-{stretch}.safetensors"
        values, told = self._once(path, extract, "rate_hz", "start_s")
        return Frames(values, float(told["rate_hz"]), float(told["start_s"]))

    def _once(self, path: Path, extract: Callable[[], tuple], *needed: str) -> tuple[np.ndarray, dict[str, str]]:
        """Values and metadata of a cached file; one process makes it if it is missing."""
        if not self.feature.kept:
            return extract()
        found = _read(path, *needed)
        if found is None:
            with locked(path):
                found = _read(path, *needed) if path.is_file() else None
                if found is None:
                    found = extract()
                    self._write(path, *found)
        return found

    def _checked(self, values: np.ndarray, stimulus: Stimulus) -> np.ndarray:
        name, n_features = type(self.feature).__name__, self.feature.n_features
        if values.ndim != 2 or values.shape[1] != n_features:
            raise UserError(
                f"{name} gave the shape {values.shape} for stimulus '{stimulus.id}'; expected (n, {n_features}), "
                "as its n_features says."
            )
        with np.errstate(over="ignore"):  # reported below
            values = np.ascontiguousarray(values, dtype=np.float16 if self.half else np.float32)
        bad = int((~np.isfinite(values)).sum())
        if bad:
            raise UserError(
                f"{name} gave {bad} of {values.size} values that are NaN or infinite for stimulus '{stimulus.id}'. "
                + ("They may exceed 65504, the most that half=True can hold. " if self.half else "")
                + "Check the model's files and that audio."
            )
        return values

    def _write(self, path: Path, values: np.ndarray, metadata: dict[str, str]) -> None:
        told = self.folder / "settings.json"
        try:
            if not told.is_file():
                with written_whole(told) as temporary:
                    temporary.write_text(self._identity + "\n")
            with written_whole(path) as temporary:
                save_file({"values": values}, temporary, metadata | {"crc32": str(zlib.crc32(values))})
        except (OSError, SafetensorError) as error:
            raise UserError(
                f"cannot keep a feature at {path}: {error}. Make room there, or let N2S_CACHE name another folder."
            ) from error


_KINDS = "A frame feature such as Mel or Wav2Vec2 has frames, a clip feature such as SentenceEmbedding has clips."


def _read(path: Path, *needed: str) -> tuple[np.ndarray, dict[str, str]] | None:
    """Values and metadata of a cached file; None if it is missing or broken."""
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="numpy") as file:
            values, metadata = file.get_tensor("values"), file.metadata() or {}
        missing = {"crc32", *needed} - set(metadata)
        if missing:
            raise ValueError(f"it does not say {', '.join(sorted(missing))}")
        if zlib.crc32(values) != int(metadata["crc32"]):
            raise ValueError("its checksum is not that of its contents")
    except (SafetensorError, ValueError) as error:
        warnings.warn(f"{path} is broken ({error}): it is computed again", stacklevel=2)
        return None
    return values, metadata
