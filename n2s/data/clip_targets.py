"""Features of clips, computed once for each unique sound, and their moments."""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from n2s.data.scaler import CONSTANT
from n2s.errors import UserError
from n2s.features.feature import ClipFeature
from n2s.features.store import FeatureStore
from n2s.progress import track
from n2s.studies.readers.sound_findings import heard
from n2s.studies.study import Stimulus, Study

LARGE = 10_000  # numbers a clip, above which features are kept as float16
BLOCK = 2**24  # numbers that are summed at once
TOLERANCE_S = 0.1  # a clip may end this much after its audio: rounded times


def feature_values(
    clips: pd.DataFrame, stimuli: Mapping[str, Stimulus], feature: ClipFeature, *, half: bool | None = None
) -> np.ndarray:
    """(k, n_features) by ``clip_index``, from the cache if possible; rows without a clip are not set.

    ``half``: as float16; by default if a clip has very many numbers.
    """
    half = feature.n_features > LARGE if half is None else half
    store = FeatureStore(feature, half=half)
    values = np.empty((clips.clip_index.max() + 1, feature.n_features), np.float16 if half else np.float32)
    groups = clips.drop_duplicates("clip_index").groupby(["stimulus", "duration_s"])
    for (stimulus, duration_s), rows in tracked(groups, f"{type(feature).__name__} of clips", len(groups)):
        values[rows.clip_index] = store.clips(stimuli[stimulus], rows.start_s.to_numpy(float), float(duration_s))
    feature.release()
    return values


def moments(values: np.ndarray, count: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation (f,) of rows (k, f) that occur ``count`` (k,) times; the deviation of a constant is 1."""
    used = np.flatnonzero(count)
    parts = np.array_split(used, max(1, len(used) * values.shape[1] // BLOCK))
    mean = sum(count[some].astype(np.float64) @ values[some] for some in parts) / count.sum()
    square = sum(count[some].astype(np.float64) @ np.square(values[some] - mean) for some in parts) / count.sum()
    deviation = np.sqrt(square)
    tells = deviation > CONSTANT * np.abs(mean)
    return mean.astype(np.float32), np.where(tells, deviation, 1).astype(np.float32)


def tracked(items: Iterable, what: str, n: int) -> Iterable:
    """The items, with a progress bar on stderr if there are several."""
    return track(items, what, total=n)


def clip_stimulus(name: str, clips: pd.DataFrame, studies: Mapping[str, Study]) -> Stimulus:
    """The stimulus ``study/name`` of some clips, whose audio holds them all.

    Raises
    ------
    UserError
        There is no such audio, or a clip ends after it.
    """
    study, _, own = name.partition("/")
    audio = studies[study].audio(own)
    row = clips.iloc[0]
    if audio is None or not audio.is_file():
        raise UserError(f"{row.recording} plays '{own}', whose audio {audio or ''} does not exist. Bring the file.")
    stop_s, lasts_s = (clips.start_s + clips.duration_s).max(), heard(audio).length_s
    if stop_s > lasts_s + TOLERANCE_S:
        raise UserError(
            f"{row.recording}: a clip of '{own}' ends at {stop_s:g} s, but {audio} lasts {lasts_s:g} s. Check the "
            "clips' start_s and duration_s, or the file."
        )
    return Stimulus(own, audio)
