"""Windows of any data in Python: ``n2s.windows(data, "train")``, and ``n2s.windows_of_epochs(epochs)``."""

import numpy as np
import pandas as pd
import torch

from n2s.api.epoch_windows import windows_of_epochs
from n2s.api.window_set import Windows, WindowSet
from n2s.data.batch import Batch
from n2s.data.datamodule import NeuralDataModule
from n2s.data.event_data import EventDataModule
from n2s.data.fmri import FMRIDataModule
from n2s.data.meg import MEGDataModule
from n2s.data.priority import SPLITS
from n2s.errors import UserError
from n2s.options import check_choice

__all__ = ["WindowSet", "set_up", "windows", "windows_of_epochs"]


def windows(data: NeuralDataModule, split: str = "train", *, subject: str | None = None) -> WindowSet:
    """The windows of a split of a datamodule, as a torch data set and as NumPy. No Trainer is needed.

    The datamodule is set up if it is not yet: recordings are prepared once and cached, split, and scaled by training windows alone. What is
    scaled, and which windows there are, is what `n2s fit` trains on.

    Parameters
    ----------
    data
        `n2s.data.MEGDataModule` (targets are features of the sound), `n2s.data.EventDataModule` (classes), or
        `n2s.data.FMRIDataModule` (features of clips).
    split
        ``train``, ``val`` or ``test``.
    subject
        ``study/id``: the windows of one person. Of BOLD it is needed where there are several, since voxels differ.

    Raises
    ------
    UserError
        Another kind of data, no such split or person, or what setting up finds.

    Examples
    --------
    >>> import n2s
    >>> train = n2s.windows(data, "train")                                     # doctest: +SKIP
    >>> train.X.shape, train.y.shape, train.table.columns                       # doctest: +SKIP
    """
    set_up(data)
    check_choice("split", split, SPLITS)
    if isinstance(data, FMRIDataModule):
        return _of_volumes(data, split, subject)
    made = _of_events(data, split) if isinstance(data, EventDataModule) else _of_segments(data, split)
    return made if subject is None else made.some(_whose(made.table, subject))


def set_up(data: NeuralDataModule) -> None:
    """Prepare, split and scale a datamodule, unless that is done.

    Raises
    ------
    UserError
        It is no datamodule with windows.
    """
    if not isinstance(data, MEGDataModule | EventDataModule | FMRIDataModule):
        raise UserError(
            f"n2s.windows: data is {type(data).__name__}; expected a MEGDataModule, EventDataModule or FMRIDataModule of n2s.data. "
            "Windows of mne.Epochs: n2s.windows_of_epochs(epochs)."
        )
    if not (data.splits if isinstance(data, FMRIDataModule) else data.windows):
        data.prepare_data()
        data.setup("fit")


def _of_segments(data: MEGDataModule, split: str) -> WindowSet:
    placed = data.windows[split]

    def read(rows: np.ndarray) -> Windows:
        return _of_batch(data.reader(split).batch(rows))

    return WindowSet(
        read,
        data.window_table(split).assign(unit=placed.of_interval("unit")),
        groups=placed.of_interval("unit"),
        split=split,
        ch_names=data.layout.names,
        sfreq=data.shape.sfreq,
        scaled_by=_scaled_by(data),
    )


def _of_events(data: EventDataModule, split: str) -> WindowSet:
    table, reader = data.events(split), data.reader(split, 1)
    place = np.argsort(
        reader.averages.windows(np.arange(len(table)), 0)[0]
    )  # of each window among samples of one window

    def read(rows: np.ndarray) -> Windows:
        return _of_batch(reader.batch(place[rows]))

    return WindowSet(
        read,
        table,
        groups=table.unit.to_numpy(),
        split=split,
        ch_names=data.ch_names,
        sfreq=data.sfreq,
        classes=data.class_names,
        scaled_by=_scaled_by(data),
    )


def _of_volumes(data: FMRIDataModule, split: str, subject: str | None) -> WindowSet:
    if subject is None and len(data.subjects) > 1:
        raise UserError(
            f"n2s.windows: {len(data.subjects)} people have voxels of their own: name one, subject='{data.subjects[0]}'. "
            f"There are {', '.join(data.subjects)}."
        )
    table = data.splits[split].table
    own = np.flatnonzero(_whose(table, subject or data.subjects[0]))
    recording = data.splits[split].heard.groupby("row").recording.first()
    some = table.iloc[own].assign(recording=recording.reindex(own).to_numpy())

    def read(rows: np.ndarray) -> Windows:
        return _of_batch(data.batch(split, own[rows]))

    return WindowSet(read, some, groups=some.group.to_numpy(), split=split)


def _of_batch(batch: Batch) -> Windows:
    """In main memory; sensors that are absent or bad are 0."""
    batch = batch.to("cpu")
    brain = batch.brain.float()
    if batch.mask is not None and not batch.mask.all():
        brain = torch.where(batch.mask[..., None], brain, 0.0)
    return Windows(brain, batch.target, batch.subject, batch.positions, batch.mask, batch.kind)


def _scaled_by(data: MEGDataModule | EventDataModule) -> str:
    return ", or ".join(sorted({scaler.source for scaler in data.scalers.values()}))


def _whose(table: pd.DataFrame, subject: str) -> np.ndarray:
    found = (table.subject == subject).to_numpy()
    if not found.any():
        raise UserError(f"n2s.windows: no windows of '{subject}'. There are {', '.join(table.subject.unique())}.")
    return found
