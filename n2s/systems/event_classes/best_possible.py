"""What the best possible decoder says of test windows, where a study knows how its data were made."""

import numpy as np
import pandas as pd

from n2s.data.event_data import EventDataModule
from n2s.data.event_windows import AtEvents
from n2s.errors import UserError
from n2s.findings import tell


def best_said(data: EventDataModule, table: pd.DataFrame) -> np.ndarray:
    """(n,) int64 class of each window of a table of `n2s.data.EventDataModule.events`; -1 where the study does not know.

    It sees the brain in the same windows, of the recording's own rate and without artifacts of speech. Windows must begin at onsets.
    """
    found, windows = np.full(len(table), -1), data.event_windows
    if not (isinstance(windows, AtEvents) and windows.at == "onset"):
        return found
    number = {name: index for index, name in enumerate(data.class_names)}
    for (key, condition), own in table.groupby(["recording", "condition"], sort=False):
        study = data.studies[key.split("/")[0]]
        try:
            ideal = study.ideal_classes(
                data.recordings[key].recording,
                own.onset.to_numpy(float),
                condition=condition,
                kind=windows.kind,
                start_s=data.offset_s,
                stop_s=data.offset_s + data.shape.window_s,
                classes=dict(zip(own.text, own["name"], strict=True)),
            )
        except UserError as error:
            tell("left out", f"study {study.name}", f"the best possible score: {error}")
            return np.full(len(table), -1)
        if ideal is not None:
            log_proba, names = ideal
            found[table.index.get_indexer(own.index)] = np.array([number[one] for one in names])[log_proba.argmax(1)]
    return found
