"""Features of stimuli, computed once and kept in the cache."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
from safetensors import SafetensorError

from n2s.errors import UserError
from n2s.features.audio import audio_duration_s
from n2s.features.feature import ClipFeature, Feature, FrameFeature, ImpulseFeature
from n2s.features.kept_arrays import Kept, read_arrays, write_arrays
from n2s.features.progress import tracked
from n2s.paths import cache_dir, locked, written_whole
from n2s.studies.study import Frames, Impulses, Stimulus

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

    Examples
    --------
    >>> from n2s.features import FeatureStore, Mel, example_stimulus
    >>> store = FeatureStore(Mel(n_mels=20, standardize=True))
    >>> stimulus = example_stimulus()
    >>> [frames.values.shape for frames in store.frames(stimulus, cuts_s=[1.0])]  # a split has a border at 1 s
    [(126, 20), (126, 20)]
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
            what = "values at words" if isinstance(feature, ImpulseFeature) else "one vector a window"
            raise UserError(f"{type(feature).__name__} gives {what}, not frames. {_KINDS}")
        _check_cuts(stimulus, cuts_s)
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

    def impulses(self, stimulus: Stimulus, cuts_s: Sequence[float] = ()) -> list[Impulses]:
        """Impulses of a whole stimulus, in order of time.

        Parameters
        ----------
        stimulus
            Its words or phones.
        cuts_s
            Borders of splits, s in the stimulus. A contextual feature is computed on each stretch between them from the words
            alone that begin there; any other feature ignores them.

        Returns
        -------
        list of Impulses
            For a contextual feature, one more than the number of cuts; else one.
        """
        feature = self.feature
        if not isinstance(feature, ImpulseFeature):
            raise UserError(f"{type(feature).__name__} has no values at words or phones. {_KINDS}")
        _check_cuts(stimulus, cuts_s)
        cuts = sorted(round(max(float(cut), 0.0), 6) for cut in cuts_s) if feature.contextual else []
        return [
            self._words_of(stimulus, start_s, stop_s)
            if stop_s is None or stop_s > start_s
            else Impulses(np.zeros((0, feature.n_features), np.float16 if self.half else np.float32), np.zeros(0))
            for start_s, stop_s in pairwise([0.0, *cuts, None])
        ]

    def all_frames(
        self, stimuli: Sequence[Stimulus], cuts_s: Mapping[str, Sequence[float]] | None = None
    ) -> dict[str, list[Frames]]:
        """`frames` of many stimuli by their id, with a progress bar; then the feature frees its network.

        ``cuts_s`` holds each stimulus' cuts, by its id.
        """
        return self._all(self.frames, stimuli, cuts_s or {})

    def all_impulses(
        self, stimuli: Sequence[Stimulus], cuts_s: Mapping[str, Sequence[float]] | None = None
    ) -> dict[str, list[Impulses]]:
        """`impulses` of many stimuli by their id; see `all_frames`."""
        return self._all(self.impulses, stimuli, cuts_s or {})

    def _all(
        self, each: Callable, stimuli: Sequence[Stimulus], cuts_s: Mapping[str, Sequence[float]]
    ) -> dict[str, list]:
        progress = tracked(stimuli, f"{type(self.feature).__name__} of {len(stimuli)} stimuli", least=2)
        found = {stimulus.id: each(stimulus, cuts_s.get(stimulus.id, ())) for stimulus in progress}
        self.feature.release()
        return found

    def clips(self, stimulus: Stimulus, starts_s: np.ndarray, duration_s: float) -> np.ndarray:
        """(n,) starts of windows of one duration, s in the stimulus -> (n, f)."""
        if not isinstance(self.feature, ClipFeature):
            what = "values at words" if isinstance(self.feature, ImpulseFeature) else "frames"
            raise UserError(f"{type(self.feature).__name__} gives {what}, not one vector a window. {_KINDS}")
        starts_s = np.ascontiguousarray(starts_s, dtype=np.float64)
        if starts_s.ndim != 1 or not np.isfinite(starts_s).all() or not 0 < duration_s < np.inf:
            raise UserError(
                f"stimulus '{stimulus.id}': windows of {duration_s} s at starts of shape {starts_s.shape}; "
                "expected a positive duration and a row of finite times."
            )
        windows = hashlib.sha256(starts_s.tobytes() + np.float64(duration_s).tobytes()).hexdigest()[:16]
        name = f"{self.feature.fingerprint(stimulus)}-{windows}.safetensors"

        def extract() -> list[Kept]:
            values = self._checked(self.feature.extract(stimulus, starts_s, duration_s), stimulus)
            if len(values) != len(starts_s):
                kind = type(self.feature).__name__
                raise UserError(f"{kind} gave {len(values)} vectors for {len(starts_s)} windows.")
            return [({"values": values}, {})]

        return self._once(name, extract, (self,))[0]["values"]

    def _stretch(self, stimulus: Stimulus, start_s: float, stop_s: float | None) -> Frames:
        def extract() -> list[Kept]:
            found = self.feature.extract_together(stimulus, start_s, stop_s)
            return [
                (
                    {"values": self._checked(frames.values, stimulus)},
                    _told(rate_hz=frames.rate_hz, start_s=frames.start_s),
                )
                for frames in found
            ]

        arrays, told = self._once(self._name(stimulus, start_s, stop_s), extract, self._together, "rate_hz", "start_s")
        return Frames(arrays["values"], float(told["rate_hz"]), float(told["start_s"]))

    def _words_of(self, stimulus: Stimulus, start_s: float, stop_s: float | None) -> Impulses:
        def extract() -> list[Kept]:
            found = self.feature.extract_together(stimulus, start_s, stop_s)
            return [
                ({"values": self._checked(one.values, stimulus), "times_s": self._checked_times(one, stimulus)}, {})
                for one in found
            ]

        arrays, _ = self._once(self._name(stimulus, start_s, stop_s), extract, self._together, "times_s")
        return Impulses(arrays["values"], arrays["times_s"])

    @cached_property
    def _together(self) -> tuple["FeatureStore", ...]:
        """The stores of all that one pass gives, this one among them."""
        return tuple(
            self if feature is self.feature else FeatureStore(feature, self.root, half=self.half)
            for feature in self.feature.together
        )

    def _name(self, stimulus: Stimulus, start_s: float, stop_s: float | None) -> str:
        stretch = f"{start_s:.6f}-{'end' if stop_s is None else format(stop_s, '.6f')}"
        return f"{self.feature.fingerprint(stimulus)}-{stretch}.safetensors"

    def _once(
        self, name: str, extract: Callable[[], list[Kept]], together: Sequence["FeatureStore"], *needed: str
    ) -> Kept:
        """Arrays and metadata of a cached file; one process makes it, and those of the same pass, if it is missing."""
        mine = together.index(self)
        if not self.feature.kept:
            return extract()[mine]
        path = self.folder / name
        found = read_arrays(path, *needed)
        if found is None:
            with locked(together[0].folder / name):
                found = read_arrays(path, *needed) if path.is_file() else None
                if found is None:
                    every = extract()
                    for store, kept in zip(together, every, strict=True):
                        if store is self or not (store.folder / name).is_file():
                            store._write(store.folder / name, *kept)
                    found = every[mine]
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

    def _checked_times(self, found: Impulses, stimulus: Stimulus) -> np.ndarray:
        times_s = np.ascontiguousarray(found.times_s, dtype=np.float64)
        if times_s.shape != (len(found.values),) or not np.isfinite(times_s).all() or (np.diff(times_s) < 0).any():
            raise UserError(
                f"{type(self.feature).__name__} gave {len(found.values)} values at times of shape {times_s.shape} for stimulus "
                f"'{stimulus.id}'; expected one time a value, in order."
            )
        return times_s

    def _write(self, path: Path, arrays: dict[str, np.ndarray], metadata: dict[str, str]) -> None:
        told = self.folder / "settings.json"
        try:
            if not told.is_file():
                with written_whole(told) as temporary:
                    temporary.write_text(self._identity + "\n")
            write_arrays(path, arrays, metadata)
        except (OSError, SafetensorError) as error:
            raise UserError(
                f"cannot keep a feature at {path}: {error}. Make room there, or let N2S_CACHE name another folder."
            ) from error


_KINDS = (
    "A frame feature such as Mel or Wav2Vec2 has frames, a feature of words such as WordRate has impulses, a clip feature such as "
    "SentenceEmbedding has clips."
)


def _check_cuts(stimulus: Stimulus, cuts_s: Sequence[float]) -> None:
    if not np.isfinite(cuts_s).all():
        raise UserError(f"stimulus '{stimulus.id}': cuts at {list(cuts_s)}; expected times in seconds.")


def _told(**numbers: float) -> dict[str, str]:
    return {name: repr(float(value)) for name, value in numbers.items()}
