"""The best possible classifier of single windows, where a study knows how its data were made."""

import numpy as np

from n2s.data.event_data import EventDataModule
from n2s.data.event_windows import AtEvents


def ideal_posteriors(data: EventDataModule) -> np.ndarray | None:
    """(n, k) log-posterior of each class, of all test windows in their order; None where a study does not know.

    It sees the brain without artifacts of speech: what a decoder finds above it is none of the brain's.
    """
    windows, table = data.event_windows, data.events("test")
    if not isinstance(windows, AtEvents) or windows.at != "onset" or table.empty:
        return None
    texts = sorted(set(table.text) | set(data.events("train").text))
    classes = {text: name for text, name in windows.classes.of(texts).items() if name is not None}
    found = np.full((len(table), len(data.class_names)), np.nan)
    for (key, condition), rows in table.groupby(["recording", "condition"], sort=False).indices.items():
        study, recording = data.studies[key.split("/")[0]], data.recordings[key].recording
        got = study.ideal_classes(
            recording,
            table.onset.to_numpy(float)[rows],
            condition=condition,
            kind=windows.kind,
            start_s=data.offset_s,
            stop_s=data.offset_s + data.shape.window_s,
            classes=classes,
        )
        if got is None or set(got[1]) != set(data.class_names):
            return None
        posterior, names = got
        found[rows] = posterior[:, [names.index(name) for name in data.class_names]]
    return found if np.isfinite(found).all() else None
