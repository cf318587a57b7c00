"""What a run was trained on: the stretches of sounds, as a mark in ``run.json`` that a later test is compared with."""

import hashlib

import numpy as np
import pandas as pd

from n2s.data.fmri import FMRIDataModule
from n2s.data.meg import MEGDataModule
from n2s.data.paired import PairedDataModule
from n2s.training.run import Run

KEY = "trained"  # in run.json


Data = MEGDataModule | PairedDataModule | FMRIDataModule


def trained_stretches(data: Data) -> pd.DataFrame:
    """The stretches of sounds with training windows or clips: ``sound``, ``start_s``, ``stop_s``, each once."""
    if isinstance(data, FMRIDataModule):
        stretches = data.splits["train"].table
        start_s, lasts = stretches.start_s.to_numpy(float), "duration_s"
    else:
        train = data.windows["train"]
        stretches = train.intervals.iloc[np.unique(train.interval)]
        start_s, lasts = stretches.stimulus_onset.to_numpy(float), "duration"
    found = {
        "sound": stretches.audio.to_numpy().astype(str),
        "start_s": start_s,
        "stop_s": start_s + stretches[lasts].to_numpy(float),
    }
    return pd.DataFrame(found).drop_duplicates(ignore_index=True)


def trained_mark(data: object) -> dict[str, str]:
    """The entry of ``run.json``; {} where the data have no such stretches."""
    if not isinstance(data, Data):
        return {}
    rows = sorted(f"{one.sound} {one.start_s:.3f} {one.stop_s:.3f}" for one in trained_stretches(data).itertuples())
    return {KEY: hashlib.sha256("\n".join(rows).encode()).hexdigest()}


def other_training(run: Run, data: object) -> bool:
    """Whether a run was fitted on other stretches than those that ``data`` has for training; False where it does not say."""
    mark = trained_mark(data)
    return bool(mark) and run.read().get(KEY, mark[KEY]) != mark[KEY]
