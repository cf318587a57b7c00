"""The best possible classifier of single windows, where a study knows how its data were made."""

import numpy as np
import pandas as pd

from n2s.data.event_data import EventDataModule
from n2s.data.event_windows import AtEvents
from n2s.errors import UserError
from n2s.findings import tell


def ideal_posteriors(data: EventDataModule, table: pd.DataFrame) -> np.ndarray:
    """(n, k) log-posterior of each class, of the windows of a table; NaN where a study does not know.

    It sees the brain in the same windows, of the recording's own rate and without artifacts of speech: what a decoder finds above it is none
    of the brain's. It knows all classes, as decoders do, also those that a recording lacks. Windows must begin at onsets.

    Parameters
    ----------
    data
        Set up.
    table
        Rows of `n2s.data.EventDataModule.events`.
    """
    windows, found = data.event_windows, np.full((len(table), len(data.class_names)), np.nan)
    if not (isinstance(windows, AtEvents) and windows.at == "onset"):
        return found
    texts = sorted({text for split in ("train", "test") for text in data.events(split).text} | set(table.text))
    classes = {text: name for text, name in windows.classes.of(texts).items() if name is not None}
    for (key, condition), rows in table.groupby(["recording", "condition"], sort=False).indices.items():
        study = data.studies[key.split("/")[0]]
        try:
            got = study.ideal_classes(
                data.recordings[key].recording,
                table.onset.to_numpy(float)[rows],
                condition=condition,
                kind=windows.kind,
                start_s=data.offset_s,
                stop_s=data.offset_s + data.shape.window_s,
                classes=classes,
            )
        except UserError as error:
            tell("left out", f"study {study.name}", f"the best possible score: {error}")
            return np.full_like(found, np.nan)
        if got is not None and set(got[1]) == set(data.class_names):
            found[rows] = got[0][:, [got[1].index(name) for name in data.class_names]]
    return found


def ideal_said(data: EventDataModule, table: pd.DataFrame, decoded: np.ndarray) -> np.ndarray:
    """(n,) The class that it says of each window, of those that are ``decoded (n, k)`` there; -1 where a study does not know."""
    posterior = ideal_posteriors(data, table)
    said = np.where(decoded, np.nan_to_num(posterior, nan=-np.inf), -np.inf).argmax(1)
    return np.where(np.isfinite(posterior).all(1), said, -1)
