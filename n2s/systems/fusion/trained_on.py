"""What the fits of a fusion depend on, as one hash: recordings, sounds, target, scales, and which windows are trained on."""

import hashlib
import json

import numpy as np

from n2s.data.paired import PairedDataModule


def data_hash(data: PairedDataModule) -> str:
    """Of set-up data: equal for data that give the same fits."""
    windows, pairs, target = data.windows["train"], data.pairs["train"], data.target
    kind = type(target)
    options = {
        "target": [f"{kind.__module__}.{kind.__qualname__}", target.version, target.settings()],
        "bold": repr(data.bold_options),
        "shape": repr(data.shape),
        "modalities": sorted(data.modalities),
        "scales": [data.per_dimension, data.clamp],
        # how, not the scales: these follow from the recordings and windows, and their last digits can differ between two runs
        "sensors": {key: one.source for key, one in data.scalers.items()},
        "data": data.data_hashes(),
    }
    found = hashlib.sha256(json.dumps(options, sort_keys=True, default=str).encode())
    for name in ("recording", "stimulus"):
        found.update("\n".join(windows.of_interval(name)).encode())
    found.update("\n".join(pairs.condition.astype(str)).encode())
    for values in (windows.start_s, windows.segment, pairs.meg.to_numpy(), pairs.fmri.to_numpy()):
        found.update(np.ascontiguousarray(values).tobytes())
    return found.hexdigest()[:32]
