"""A further feature of a datamodule's clips, once for each unique one."""

import numpy as np

from n2s.data.fmri import FMRIDataModule
from n2s.features.feature import ClipFeature
from n2s.features.store import FeatureStore


def clip_values(
    data: FMRIDataModule, feature: ClipFeature, splits: tuple[str, ...], *, half: bool = False
) -> np.ndarray:
    """``(k, *shape)`` by the number of the clip, from the cache where they are there; 0 for clips of other splits."""
    store = FeatureStore(feature, half=half)
    tables = [data.splits[name].table for name in splits]
    n_clips = 1 + max(part.table.clip_index.max() for part in data.splits.values())
    values = np.zeros((n_clips, feature.n_features), np.float16 if half else np.float32)
    for table in tables:
        unique = table.drop_duplicates("clip_index").sort_values("clip_index")
        for (stimulus, duration_s), rows in unique.groupby(["stimulus", "duration_s"]):
            found = store.clips(data.stimuli[stimulus], rows.start_s.to_numpy(float), float(duration_s))
            values[rows.clip_index] = found
    feature.release()
    return values.reshape(-1, *feature.shape)
