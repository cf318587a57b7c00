"""Windows of a holdout as batches: scaled as recordings are, for the sensors and subjects that a network was trained with."""

from collections.abc import Sequence

import numpy as np
import torch

from n2s.data.batch import Batch
from n2s.data.loader import BatchLoader
from n2s.data.reader import WindowReader
from n2s.data.residency import finish
from n2s.data.sampler import Batches
from n2s.data.scaler import N_WINDOWS, STRIDE
from n2s.data.sensor_preparation import SensorPreparation
from n2s.errors import UserError, first_of
from n2s.findings import tell
from n2s.studies.holdout import Holdout, Span

IQR = 1.349  # interquartile range of a standard normal distribution


class InOrder(Batches):
    """Consecutive rows, each once; no batch has rows of two parts.

    Parameters
    ----------
    lengths
        Rows of each part.
    batch_size
        Rows a batch, at most.
    rank, world_size
        See `Batches`; batches are dealt.
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, *, rank: int = 0, world_size: int = 1):
        super().__init__(rank, world_size, dealt=True)
        first = np.cumsum([0, *lengths])
        self._batches = [
            np.arange(at, min(at + batch_size, stop))
            for begin, stop in zip(first, first[1:], strict=False)
            for at in range(begin, stop, batch_size)
        ]
        self.n_batches = len(self._batches)

    def batches(self) -> list[np.ndarray]:
        """See `Batches`."""
        return self._batches


class HoldoutReader:
    """Reads the windows of a holdout.

    Parameters
    ----------
    holdout
        The windows.
    reader
        Of the training's recordings: the holdout has their sensors.
    span
        Of a window.
    subjects
        Label of a subject -> its number among those with training data; others are -1.
    """

    def __init__(self, holdout: Holdout, reader: WindowReader, span: Span, subjects: dict[str, int]):
        self._of, self.holdout, self.span = reader, holdout, span
        self.parts = holdout.parts(span)
        self._first = np.cumsum([0, *(part.n_rows for part in self.parts)])
        self._subject = [subjects.get(part.subject, -1) for part in self.parts]
        self._scales: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def __len__(self) -> int:
        return int(self._first[-1])

    def loader(self, batch_size: int, *, rank: int = 0, world_size: int = 1) -> BatchLoader:
        """Batches in the order of the holdout."""
        lengths = [part.n_rows for part in self.parts]
        return BatchLoader(
            InOrder(lengths, batch_size, rank=rank, world_size=world_size), self._read, self._assemble, ahead=False
        )

    def scale(self, part: int) -> tuple[np.ndarray, np.ndarray]:
        """(c,) centre and (c,) interquartile range of the sensors in a part, from windows of it, without labels; 0: the sensor stands still."""
        if part not in self._scales:
            n_rows, n_baseline = self.parts[part].n_rows, self._of.shape.n_baseline
            if self.holdout.standardised:
                n_channels = self.holdout.n_channels
                self._scales[part] = np.zeros(n_channels, np.float32), np.full(n_channels, IQR, np.float32)
            else:
                rows = np.unique(np.linspace(0, n_rows - 1, N_WINDOWS).astype(int))
                self._scales[part] = _scale(self.holdout.windows(part, rows, self.span), n_baseline)
                still = (self._scales[part][1] <= 0).sum()
                if still:
                    tell(
                        "odd",
                        f"holdout, part {part + 1}",
                        f"{still} sensors never change in it: the network sees 0 for them.",
                    )
        return self._scales[part]

    def _read(self, rows: np.ndarray, epoch: int) -> tuple:
        part = int(np.searchsorted(self._first, rows[0], "right")) - 1
        centre, scale = self.scale(part)
        found = self.holdout.windows(part, rows - self._first[part], self.span)
        values = (found - centre[:, None]) / np.where(scale > 0, scale, 1)[:, None]
        if not np.isfinite(values).all():
            raise UserError(
                f"holdout: a window of row {rows[0]} or later has values that are not finite. Copy its file again."
            )
        return rows, part, torch.from_numpy(np.ascontiguousarray(values, np.float32)).transpose(1, 2)

    def _assemble(self, found: tuple) -> Batch:
        (rows, part, brain), of = found, self._of
        positions, good, kind = (table.expand(len(rows), *table.shape) for table in of.every_sensor())
        mask = good & of.ids(self.scale(part)[1] > 0)
        brain = finish(brain.to(of.device), n_baseline=of.shape.n_baseline, n_offset=of.shape.n_offset, clamp=of.clamp)
        ids = of.ids(rows)
        return Batch(
            brain=brain * mask[:, :, None],
            target=torch.zeros_like(ids),
            subject=torch.full_like(ids, self._subject[part]),
            segment=ids,
            row=torch.from_numpy(rows),
            group=torch.full((len(rows),), part),
            split="holdout",
            positions=positions,
            mask=mask,
            kind=kind,
            recording=torch.zeros_like(ids),
            start=torch.zeros(len(rows), dtype=torch.float64, device=of.device),
        )


def check_holdout(
    holdout: Holdout, *, names: Sequence[str], n_logits: int, sfreq: float, preparation: SensorPreparation
) -> None:
    """Raise a UserError if a holdout does not go with what a network is trained for.

    Parameters
    ----------
    holdout
        The windows.
    names, n_logits
        The classes of the data, and logits of a network.
    sfreq
        Of the data, Hz.
    preparation
        Of the data's recordings: it must leave them as they are published, since the holdout's windows are too short to filter.
    """
    if holdout.n_logits != n_logits or list(map(_plain, holdout.names)) != list(map(_plain, names)):
        raise UserError(
            f"data.holdout has {len(holdout.names)} classes in the order {first_of(holdout.names, 5)}; data.windows has {len(names)}: "
            f"{first_of(names, 5)}. Set data.windows.classes to those of the competition, in its order: the columns of the file have it."
        )
    if holdout.sfreq != sfreq:
        raise UserError(
            f"data.holdout is at {holdout.sfreq:g} Hz and the data at {sfreq:g}. Set preprocessing.sfreq to {holdout.sfreq:g}."
        )
    reach = preparation.supports_s(sfreq)
    if reach:
        raise UserError(
            f"preprocessing filters ({first_of(reach)}), and the windows of data.holdout are too short for that. Leave the recordings as they "
            "were published: highpass_hz, lowpass_hz, notch_hz null, no steps."
        )


def check_sensors(holdout: Holdout, ch_names: Sequence[str]) -> None:
    """Raise a UserError if a holdout has other sensors than the data."""
    if holdout.n_channels != len(ch_names) or (
        holdout.ch_names is not None and _names(holdout.ch_names) != _names(ch_names)
    ):
        raise UserError(
            f"data.holdout has {holdout.n_channels} sensors ({first_of(holdout.ch_names or ['without names'], 3)}) and the data {len(ch_names)} "
            f"({first_of(ch_names, 3)}); expected the same in the same order. Pick those that the data set is published with "
            "(preprocessing.picks: [meg])."
        )


def numbered(subjects: Sequence[str], trained: set[str]) -> dict[str, int]:
    """The subjects of a datamodule with training data, by their labels: ``study/0`` is ``0``. Labels of two studies have none."""
    labels = [name.partition("/")[2] for name in subjects]
    return {
        label: index
        for index, (name, label) in enumerate(zip(subjects, labels, strict=True))
        if name in trained and labels.count(label) == 1
    }


def _scale(windows: np.ndarray, n_baseline: int) -> tuple[np.ndarray, np.ndarray]:
    """Median, and interquartile range minus the baseline, over windows (m, c, n)."""
    values = windows[:, :, ::STRIDE].astype(np.float64)
    centre = np.median(values, axis=(0, 2))
    if n_baseline:
        values -= windows[:, :, :n_baseline].mean(2, keepdims=True, dtype=np.float64)
    low, high = np.percentile(values, [25, 75], axis=(0, 2))
    return centre.astype(np.float32), (high - low).astype(np.float32)


def _names(names: Sequence[str]) -> list[str]:
    return [name.replace(" ", "") for name in names]


def _plain(name: str) -> str:
    return name.casefold().replace("’", "'")
