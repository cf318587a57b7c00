"""Windows of a brain as a torch dataset and as NumPy, with all that a network or an estimator of anybody's needs to know of them."""

import operator
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from torch import Tensor
from torch.utils.data import Dataset

from n2s.errors import UserError

if TYPE_CHECKING:
    import mne

AT_ONCE = 512  # windows that are read together


class Windows(NamedTuple):
    """Some windows: ``brain (m, c, t)`` float32, ``target (m, ...)``, and of sensors ``positions (m, c, 2)``, ``mask (m, c)``, ``kind (m, c)``.

    Examples
    --------
    >>> import torch
    >>> part = Windows(torch.zeros(8, 3, 50), torch.zeros(8, dtype=torch.long), torch.zeros(8, dtype=torch.long))
    >>> [one.shape for one in part.inputs]
    [torch.Size([8, 3, 50])]
    """

    brain: Tensor
    target: Tensor
    subject: Tensor
    positions: Tensor | None = None
    mask: Tensor | None = None
    kind: Tensor | None = None

    @property
    def inputs(self) -> tuple[Tensor | None, ...]:
        """What `n2s.models.any_network.call` gives a network."""
        if self.positions is None:
            return (self.brain,)
        return self.brain, self.positions, self.subject, self.mask, self.kind


class WindowSet(Dataset):
    """Windows of one split: a `torch.utils.data.Dataset` of pairs ``(brain (c, t), target)``, and the same as NumPy arrays.

    Sensors are scaled by training windows alone, as `n2s fit` scales them; bad sensors are 0. `n2s.windows` and
    `n2s.windows_of_epochs` make such sets.

    Parameters
    ----------
    read
        Rows (m,) -> their `Windows`.
    table
        A row a window: ``subject``, ``recording``, and what else is known of it.
    groups
        (n,) What a split keeps together: windows of one group are never on two sides of a cross-validation.
    split
        ``train``, ``val``, ``test``, or what else these windows are.
    ch_names
        (c,) Sensors; of BOLD none.
    sfreq
        Samples a second, Hz; of BOLD None.
    classes
        Names of the classes, where targets are classes.
    scaled_by
        What sensors are scaled by, in words.

    Attributes
    ----------
    X
        (n, c, t) float32, all windows; of BOLD (n, v) or (n, volumes, v). Read when it is first asked for, then kept.
    y
        (n,) int64 classes, or (n, f, t) float32 targets.
    subject
        (n,) Number of the person among those of the training, -1 for others.
    positions, mask
        (n, c, 2) places of sensors in [0, 1], and (n, c) whether a sensor is real and good. None of BOLD.

    Examples
    --------
    >>> import numpy as np, pandas as pd, torch
    >>> from n2s.api.window_set import Windows, WindowSet
    >>> brain = torch.arange(24.0).reshape(4, 2, 3)
    >>> def read(rows):
    ...     return Windows(brain[rows], torch.tensor(rows % 2), torch.zeros(len(rows)))
    >>> table = pd.DataFrame({"subject": "01", "recording": ["a", "a", "b", "b"]})
    >>> windows = WindowSet(read, table, groups=table.recording, split="train", ch_names=["C3", "C4"], sfreq=100.0, classes=["no", "yes"])
    >>> windows
    WindowSet: 4 windows (2, 3) of train, 1 subject, 2 groups, classes no, yes
    >>> windows.X.reshape(len(windows), -1).shape, windows.y
    ((4, 6), array([0, 1, 0, 1]))
    >>> len(windows.some(windows.table.recording == "b"))
    2
    """

    def __init__(
        self,
        read: Callable[[np.ndarray], Windows],
        table: pd.DataFrame,
        *,
        groups: Sequence | np.ndarray | pd.Series,
        split: str,
        ch_names: Sequence[str] = (),
        sfreq: float | None = None,
        classes: Sequence[str] | None = None,
        scaled_by: str = "training windows",
    ):
        self._read, self.table = read, table.reset_index(drop=True)
        self.groups, self.split, self.scaled_by = np.asarray(groups), split, scaled_by
        self.ch_names, self.sfreq = list(ch_names), sfreq
        self.classes = None if classes is None else list(classes)

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """``(brain (c, t), target)`` of one window."""
        n, index = len(self), operator.index(index)
        if not -n <= index < n:
            raise IndexError(f"window {index} of {n}")
        found = self.read([index % n])
        return found.brain[0], found.target[0]

    def __getitems__(self, rows: Sequence[int]) -> list[tuple[Tensor, Tensor]]:
        """Several windows, read together: a `torch.utils.data.DataLoader` asks for them."""
        found = self.read(rows)
        return list(zip(found.brain, found.target, strict=True))

    def read(self, rows: Sequence[int] | np.ndarray | slice = slice(None)) -> Windows:
        """Some windows, by their numbers, with the places of their sensors."""
        rows = self._rows(rows)
        if not len(rows):
            raise UserError(f"no windows: these are {len(self)} of {self.split}, and none is asked for.")
        found = self._read(rows[:AT_ONCE])
        if len(rows) <= AT_ONCE:
            return found
        whole = Windows(*(None if one is None else one.new_empty((len(rows), *one.shape[1:])) for one in found))
        for at in range(0, len(rows), AT_ONCE):
            found = self._read(rows[at : at + AT_ONCE]) if at else found
            for into, one in zip(whole, found, strict=True):
                if into is not None:
                    into[at : at + len(one)] = one
        return whole

    def some(self, rows: Sequence[int] | np.ndarray | pd.Series) -> "WindowSet":
        """Some of these windows: by their numbers, or by a column of true and false.

        Raises
        ------
        UserError
            A number that no window has, or a column of another length.
        """
        rows = self._rows(rows)
        return WindowSet(
            lambda asked: self._read(rows[asked]),
            self.table.iloc[rows],
            groups=self.groups[rows],
            split=self.split,
            ch_names=self.ch_names,
            sfreq=self.sfreq,
            classes=self.classes,
            scaled_by=self.scaled_by,
        )

    def of(self, split: str) -> "WindowSet":
        """Those of one split, of windows of several (`n2s.windows_of_epochs`).

        Raises
        ------
        UserError
            There are none.
        """
        sides = self.table["split"] if "split" in self.table else pd.Series([self.split] * len(self))
        rows = np.flatnonzero(sides == split)
        if not len(rows):
            raise UserError(f"no windows of split '{split}'; there are {', '.join(sides.unique())}.")
        found = self.some(rows)
        found.split = split
        return found

    def _rows(self, rows: object) -> np.ndarray:
        """(m,) Numbers of the windows that are asked for."""
        n = len(self)
        if isinstance(rows, slice):
            return np.arange(n)[rows]
        rows = np.asarray(rows)
        if rows.dtype == bool and rows.shape != (n,):
            raise UserError(f"windows: a column of {len(rows)} true and false for {n} windows; expected one each.")
        if rows.size and (rows.dtype.kind not in "iub" or rows.ndim != 1):
            raise UserError(
                f"windows: {rows!r} are no numbers of windows; expected a list of them, or of true and false."
            )
        if rows.dtype != bool and rows.size and (rows.min() < -n or rows.max() >= n):
            raise UserError(
                f"windows: number {rows.max() if rows.max() >= n else rows.min()} is asked for, of {n} windows."
            )
        return np.arange(n)[rows if rows.size else rows.astype(np.int64)]

    @cached_property
    def _all(self) -> Windows:
        return self.read()

    @property
    def X(self) -> np.ndarray:
        """(n, c, t) float32."""
        return self._all.brain.numpy()

    @property
    def class_names(self) -> list[str]:
        """``classes``; [] where targets are no classes."""
        return self.classes or []

    @property
    def y(self) -> np.ndarray:
        """(n,) int64 classes, or (n, f, t) float32 targets."""
        return self._all.target.numpy()

    @property
    def subject(self) -> np.ndarray:
        """(n,) Number of each window's person; -1: not in training."""
        return self._all.subject.numpy()

    @property
    def positions(self) -> np.ndarray | None:
        """(n, c, 2) Places of sensors in [0, 1], nose upwards; None: unknown."""
        return None if self._all.positions is None else self._all.positions.numpy()

    @property
    def mask(self) -> np.ndarray | None:
        """(n, c) Whether a sensor is real and good; None: of BOLD."""
        return None if self._all.mask is None else self._all.mask.numpy()

    def epochs(self, recording: str | None = None) -> "mne.EpochsArray":
        """The windows (of one recording) as `mne.EpochsArray`, in scaled units, with the table as their metadata.

        Raises
        ------
        UserError
            They are no windows of sensors, or no such recording is there.
        """
        import mne

        if self.sfreq is None:
            raise UserError("epochs: these windows are volumes of BOLD; expected sensors.")
        rows = np.arange(len(self)) if recording is None else np.flatnonzero(self.table.recording == recording)
        if not len(rows):
            known = ", ".join(self.table.recording.unique()[:5])
            raise UserError(f"epochs: no windows of a recording '{recording}'. There are {known}.")
        info = mne.create_info(self.ch_names, self.sfreq, "misc", verbose="ERROR")
        classes = self.y if self.classes is not None else np.zeros(len(self), np.int64)
        events = np.stack([np.arange(len(rows)), np.zeros(len(rows), int), classes[rows]], 1)
        names = {name: number for number, name in enumerate(self.classes or []) if number in events[:, 2]}
        return mne.EpochsArray(
            self.X[rows],
            info,
            events,
            event_id=names or None,
            metadata=self.table.iloc[rows].reset_index(drop=True),
            verbose="ERROR",
        )

    def braindecode(self) -> Any:
        """The windows as a braindecode ``BaseConcatDataset``, one data set a recording: ``.split("subject")`` works.

        Raises
        ------
        UserError
            braindecode is not installed, or targets are no classes.
        """
        if self.classes is None:
            raise UserError(
                "braindecode(): a braindecode data set has a number as the target of each window; these are features over time. "
                "A WindowSet itself is a torch data set: give it to a DataLoader."
            )
        import mne

        try:
            from braindecode.datasets import BaseConcatDataset, WindowsDataset
        except ImportError as error:
            raise UserError(f"braindecode(): {error}. Install it: pip install 'n2s[braindecode]'.") from None
        parts = []
        for name, own in self.table.groupby("recording", sort=False):
            epochs = self.epochs(name)
            counted = {"i_window_in_trial": 0, "i_start_in_trial": 0, "i_stop_in_trial": self.X.shape[-1]}
            with mne.use_log_level("ERROR"):  # it says that it replaces what is replaced
                epochs.metadata = epochs.metadata.assign(target=self.y[own.index], **counted)
            described = {"recording": name, "subject": own.subject.iloc[0], "split": self.split}
            parts.append(WindowsDataset(epochs, described))
        return BaseConcatDataset(parts)

    def __repr__(self) -> str:
        shape = tuple(self.read([0]).brain.shape[1:]) if len(self) else ()
        people, groups = self.table.subject.nunique(), len(np.unique(self.groups))
        counts = f"{_n(people, 'subject')}, {_n(groups, 'group')}"
        told = (
            "" if self.classes is None else f", classes {', '.join(self.classes[:6])}{' ...' * (len(self.classes) > 6)}"
        )
        return f"WindowSet: {_n(len(self), 'window')} {shape} of {self.split}, {counts}{told}"


def _n(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"
