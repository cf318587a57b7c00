"""Windows of `mne.Epochs`: anybody's epochs, with what is held out, scaled by what is not."""

from collections.abc import Collection, Iterable, Sequence

import mne
import numpy as np
import pandas as pd
import torch

from n2s.api.window_set import Windows, WindowSet
from n2s.data.places import NOWHERE
from n2s.data.positions import sensor_kinds, sensor_positions
from n2s.errors import UserError, first_of, nearest
from n2s.findings import tell
from n2s.options import check_number

WHERE = "n2s.windows_of_epochs"
STRIDE = 4  # every 4th sample of training epochs tells the scale: neighbours differ little


def windows_of_epochs(
    epochs: mne.BaseEpochs,
    *,
    groups: str | Sequence,
    train: Collection,
    labels: str | None = None,
    subject: str | None = None,
    clamp: float = 20.0,
) -> WindowSet:
    """Windows of `mne.Epochs`: whole groups are training or test, and sensors are scaled by training groups alone.

    Each sensor is scaled by its median and interquartile range, as `n2s fit` does it, and values beyond ``clamp`` of these are clipped.
    Bad channels are 0. ``found.of("train")`` and ``found.of("test")`` are the two sides; ``n2s.evaluate(model, found)`` scores a model.

    Parameters
    ----------
    epochs
        With metadata, if columns of it are named here. Channels that are no MEG, EEG or iEEG are left out.
    groups
        What is kept together (run, story, sentence): a column of the metadata, or one value an epoch.
    train
        The groups that are training. All others are held out.
    labels
        A column of the metadata with the class of each epoch; None: the names in ``epochs.event_id``.
    subject
        A column of the metadata that says who it is: each person is scaled by own training epochs. None: all are one person's.
    clamp
        In interquartile ranges; inf: nothing is clipped.

    Raises
    ------
    UserError
        No such column or group, nothing is held out, one class, or values that are not finite.

    Examples
    --------
    >>> import mne, n2s, numpy as np, pandas as pd
    >>> info = mne.create_info(["C3", "Cz", "C4"], 100.0, "eeg").set_montage("colin27_1020")
    >>> data = 1e-5 * np.random.default_rng(0).standard_normal((12, 3, 50))
    >>> events = np.stack([100 * np.arange(12), np.zeros(12, int), np.arange(12) % 2], 1)
    >>> runs = pd.DataFrame({"run": np.repeat(["a", "b", "c"], 4)})
    >>> epochs = mne.EpochsArray(data, info, events, event_id={"no": 0, "yes": 1}, metadata=runs, verbose=False)
    >>> windows = n2s.windows_of_epochs(epochs, groups="run", train=["a", "b"])
    >>> windows.of("train"), windows.of("test").y
    (WindowSet: 8 windows (3, 50) of train, 1 subject, 2 groups, classes no, yes, array([0, 1, 0, 1]))
    """
    if not isinstance(epochs, mne.BaseEpochs):
        raise UserError(f"{WHERE}: epochs is {type(epochs).__name__}; expected mne.Epochs.")
    if not len(epochs):
        raise UserError(f"{WHERE}: there are no epochs. Were all of them dropped? epochs.drop_log tells why.")
    if clamp != float("inf"):
        check_number("clamp", clamp, above=0)
    picks = mne.pick_types(epochs.info, meg=True, eeg=True, seeg=True, ecog=True, dbs=True, exclude=[])
    if not len(picks):
        raise UserError(f"{WHERE}: no MEG, EEG or iEEG among the {len(epochs.ch_names)} channels of the epochs.")
    group = _group(epochs, groups)
    learned = _learned(group, train)
    name, classes = _classes(epochs, labels)
    person = np.full(len(group), "01", object) if subject is None else _column(epochs, subject)
    info = mne.pick_info(epochs.info, picks)
    good = ~np.isin(info.ch_names, info["bads"])
    if not good.any():
        raise UserError(
            f"{WHERE}: all {len(good)} channels are bad (epochs.info['bads']); expected some that are good."
        )
    values = epochs.get_data(picks=picks).astype(np.float64)
    values[:, ~good] = 0.0
    if not np.isfinite(values).all():
        bad = int((~np.isfinite(values).all((1, 2))).sum())
        raise UserError(f"{WHERE}: {bad} of {len(values)} epochs have values that are not finite. Drop them.")
    scaled = torch.from_numpy(_scaled(values, person, learned, clamp)).float()
    label = torch.from_numpy(pd.Index(classes).get_indexer(name).astype(np.int64))
    who = {one: number for number, one in enumerate(sorted(set(person[learned])))}
    number = torch.tensor([who.get(one, -1) for one in person])
    places, kind = torch.from_numpy(_places(info)), torch.from_numpy(sensor_kinds(info.ch_names))

    def read(rows: np.ndarray) -> Windows:
        n = len(rows)
        sensors = places.expand(n, -1, -1), torch.from_numpy(good).expand(n, -1), kind.expand(n, -1)
        return Windows(scaled[rows], label[rows], number[rows], *sensors)

    table = _table(epochs, group, person, name, label.numpy(), learned)
    _tell_overlap(table, len(epochs.times) / epochs.info["sfreq"])
    return WindowSet(
        read,
        table,
        groups=group,
        split="epochs",
        ch_names=info.ch_names,
        sfreq=epochs.info["sfreq"],
        classes=classes,
        scaled_by="training groups",
    )


def _column(epochs: mne.BaseEpochs, name: str) -> np.ndarray:
    known = [] if epochs.metadata is None else list(epochs.metadata.columns)
    if name not in known:
        raise UserError(
            f"{WHERE}: no column '{name}' in the metadata of the epochs; there are {', '.join(map(str, known)) or 'none'}."
            f"{nearest(name, [str(one) for one in known])} Set epochs.metadata, or give one value an epoch."
        )
    return _named(epochs.metadata[name], f"column '{name}' of the metadata")


def _named(values: Sequence, what: str) -> np.ndarray:
    """(n,) As text; a UserError where there is none."""
    column = pd.Series(list(values), dtype=object)
    lacks = np.flatnonzero(column.isna())
    if len(lacks):
        raise UserError(
            f"{WHERE}: {what} is empty at {len(lacks)} of {len(column)} epochs ({first_of(lacks)}). Fill it, or drop these epochs."
        )
    return np.array([str(one) for one in column], object)


def _group(epochs: mne.BaseEpochs, groups: str | Sequence) -> np.ndarray:
    if isinstance(groups, str):
        return _column(epochs, groups)
    if not hasattr(groups, "__len__"):
        raise UserError(f"{WHERE}: groups is {groups!r}; expected a column of the metadata, or one value an epoch.")
    if len(groups) != len(epochs):
        raise UserError(f"{WHERE}: {len(groups)} groups for {len(epochs)} epochs; expected one an epoch, or a column.")
    return _named(groups, "groups")


def _learned(group: np.ndarray, train: Collection) -> np.ndarray:
    """(n,) Whether an epoch is training."""
    if not isinstance(train, Iterable):
        raise UserError(f"{WHERE}: train is {train!r}; expected a list of the groups that are training.")
    named = [train] if isinstance(train, str) else [str(one) for one in train]
    known = list(dict.fromkeys(group))
    for one in named:
        if one not in known:
            raise UserError(
                f"{WHERE}: no group '{one}' to train on; there are {', '.join(known)}.{nearest(one, known)}"
            )
    found = np.isin(group, named)
    if found.all() or not found.any():
        what = "nothing is held out" if found.any() else "nothing is training"
        raise UserError(
            f"{WHERE}: train names {len(named)} of {len(known)} groups: {what}. Groups are {', '.join(known)}."
        )
    return found


def _classes(epochs: mne.BaseEpochs, labels: str | None) -> tuple[np.ndarray, list[str]]:
    """(n,) Class of each epoch, and the names of all."""
    if labels is None:
        names = {number: name for name, number in epochs.event_id.items()}
        found = np.array([names[number] for number in epochs.events[:, 2]], object)
        classes = [name for name in epochs.event_id if name in set(found)]
    else:
        found = _column(epochs, labels)
        classes = sorted(set(found))
    if len(classes) < 2:
        raise UserError(f"{WHERE}: all {len(found)} epochs are of class '{classes[0]}'; expected two or more (labels).")
    return found, classes


def _scaled(values: np.ndarray, person: np.ndarray, learned: np.ndarray, clamp: float) -> np.ndarray:
    """(n, c, t) by each person's training epochs; who has none, by everybody's."""
    found = np.empty_like(values)
    for one in np.unique(person):
        own = person == one
        known = values[own & learned] if (own & learned).any() else values[learned]
        flat = known[:, :, ::STRIDE].swapaxes(0, 1).reshape(known.shape[1], -1)
        low, centre, high = np.percentile(flat, [25, 50, 75], axis=1)
        scale = np.where(high > low, high - low, 1.0)
        found[own] = (values[own] - centre[:, None]) / scale[:, None]
    return found.clip(-clamp, clamp)


def _places(info: mne.Info) -> np.ndarray:
    """(c, 2) float32; `NOWHERE` for all where one has no place."""
    try:
        return sensor_positions(info, "epochs").astype(np.float32)
    except UserError:
        tell("odd", "epochs", "sensors without places: networks that look at places cannot use them. Set a montage.")
        return np.full((len(info.ch_names), 2), NOWHERE, np.float32)


def _table(
    epochs: mne.BaseEpochs,
    group: np.ndarray,
    person: np.ndarray,
    name: np.ndarray,
    label: np.ndarray,
    learned: np.ndarray,
) -> pd.DataFrame:
    """A row an epoch: the columns of `n2s.data.EventDataModule.events`, and ``split``; then the epochs' own metadata."""
    window_s, sample = len(epochs.times) / epochs.info["sfreq"], epochs.events[:, 0]
    rate_hz = getattr(epochs, "_raw_sfreq", None) or epochs.info["sfreq"]  # events are in samples of the recording
    # MNE numbers epochs without events 0, 1, 2, ...: their times are not known, and they do not overlap
    onset = np.arange(len(sample)) * window_s if (np.diff(sample) == 1).all() else sample / rate_hz
    found = pd.DataFrame(
        {
            "recording": group, "study": "epochs", "subject": person, "unit": group, "condition": "listen", "label": label, "name": name,
            "onset": onset, "duration": window_s, "start_s": onset + epochs.tmin, "text": "", "story": group, "sequence": "", "speaker": "",
            "previous": "", "pause_s": np.nan, "split": np.where(learned, "train", "test"),
        }
    )  # fmt: skip
    if epochs.metadata is None:
        return found
    own = epochs.metadata.reset_index(drop=True)
    return found.join(own[[column for column in own if column not in found]])


def _tell_overlap(table: pd.DataFrame, window_s: float) -> None:
    """Tell test epochs that share samples with training epochs, by the events."""
    starts = {side: np.sort(table.start_s[table.split == side].to_numpy()) for side in ("train", "test")}
    at = np.searchsorted(starts["train"], starts["test"])
    last = len(starts["train"]) - 1
    near = np.minimum(
        *(np.abs(starts["train"][one.clip(0, last)] - starts["test"]) for one in (at, at - 1)),
    )
    n = int((near < window_s - 1e-6).sum())
    if n:
        tell(
            "odd",
            "epochs",
            f"{n} of {len(near)} test epochs overlap training epochs in time, unless they are of other recordings: what both share is no "
            "held-out data. Cut shorter epochs, or group neighbours.",
        )
