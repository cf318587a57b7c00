"""The port of the cleaning: a step on the whole recording, by itself or with what it learned from training runs."""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import mne
import numpy as np

from n2s.errors import UserError

TRAINING, ITSELF = "training", "itself"


class Step(ABC):
    """One step of the cleaning, on the whole raw recording, whose bad channels are marked: SSS, annotations, your own."""

    #: Seconds that one output sample depends on in time: 0 for a spatial filter.
    support_s: float = 0.0

    #: Whether it treats the stretches between interruptions apart (`n2s.data.edges.filtered_apart`), as the filters do.
    stops_at_edges: bool = False

    @abstractmethod
    def settings(self) -> dict:
        """All settings that change the result, as plain JSON types."""

    @abstractmethod
    def __call__(self, raw: mne.io.BaseRaw) -> mne.io.BaseRaw:
        """Clean a loaded recording and return it. A `UserError` needs no name of the recording.

        What was removed in numbers is given to `note`: the recording's ``meta["cleaned"]`` keeps it.
        """

    def files(self, sources: list[Path]) -> list[Path]:
        """Files beside the recording (whose own are ``sources``) that it reads: a prepared recording is stale if they change."""
        return []


@dataclass(frozen=True)
class Learned:
    """What a step learned from the training runs of a person.

    Parameters
    ----------
    arrays
        What it applies: filters, coefficients, names.
    notes
        Numbers about it for reports, as plain JSON types.
    """

    arrays: dict[str, np.ndarray]
    notes: dict = field(default_factory=dict)

    def save(self, path: Path) -> None:
        """Write an NPZ file without objects."""
        with open(path, "wb") as file:
            np.savez(file, notes_=np.array(json.dumps(_plain(self.notes))), **self.arrays)

    @classmethod
    def load(cls, path: Path) -> "Learned":
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as file:
            return cls({name: file[name] for name in file.files if name != "notes_"}, json.loads(str(file["notes_"])))


class LearnedStep(Step):
    """A step with numbers that are learned from data: from training runs of the same person only, never from held-out ones.

    The datamodule says which runs are training (`n2s.data.preprocessing.Preprocessing.fitted_on`).

    Attributes
    ----------
    fit_on
        ``training``: the training stretches of the same person. A task's name, such as ``gestures``: the person's recordings of this
        task, which must not be held out. ``itself`` (of some steps): the recording that is cleaned, without labels.
    """

    fit_on: str = TRAINING

    #: Whether ``fit_on: itself`` is possible: for what learns from the brain and body channels alone.
    by_itself: ClassVar[bool] = False

    @abstractmethod
    def fit(self, pieces: list[mne.io.BaseRaw]) -> Learned:
        """Learn from stretches of recordings, cleaned by the steps before. They may be changed. A `UserError` names no recording."""

    @abstractmethod
    def apply(self, raw: mne.io.BaseRaw, learned: Learned) -> mne.io.BaseRaw:
        """Clean a loaded recording with what was learned, and return it."""

    def __call__(self, raw: mne.io.BaseRaw) -> mne.io.BaseRaw:
        """Learn from the recording itself, and clean it.

        Raises
        ------
        UserError
            The step learns from other recordings.
        """
        if self.fit_on != ITSELF:
            raise untold(self)
        learned = self.fit([raw.copy()])
        note(**learned.notes)
        return self.apply(raw, learned)


def check_fit_on(step: LearnedStep) -> None:
    """Raise a `UserError` if a step cannot learn from what ``fit_on`` says."""
    name = type(step).__name__
    if not isinstance(step.fit_on, str) or not step.fit_on.strip():
        raise UserError(
            f"{name}: fit_on is {step.fit_on!r}, expected training, or the name of a task, such as gestures."
        )
    if step.fit_on == ITSELF and not step.by_itself:
        raise UserError(
            f"{name}: fit_on is itself, but its numbers come from training runs alone, or test runs would decide about their own "
            "cleaning. Set fit_on to training, or to the name of a task."
        )


def untold(step: LearnedStep) -> UserError:
    """The error for a step that learns where nobody says from what."""
    more = " or itself (each recording by itself, without labels)" if step.by_itself else ""
    return UserError(
        f"{type(step).__name__}: fit_on is {step.fit_on}, but nothing says which runs are training: this datamodule does not tell its "
        f"preprocessing. Use one that does (MEGDataModule, EventDataModule){f', or set fit_on to{more[3:]}' if more else ''}, or "
        "remove the step from preprocessing.steps."
    )


_noted: ContextVar[dict | None] = ContextVar("noted", default=None)


def note(**numbers: object) -> None:
    """Keep numbers (JSON types, or NumPy's) about what the running step removed; outside of a `noted` block they are dropped."""
    if (block := _noted.get()) is not None:
        block.update(_plain(numbers))


def _plain(value: object) -> object:
    """JSON types: NumPy's numbers and arrays, and tuples, are none."""
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value


@contextmanager
def noted() -> Iterator[dict]:
    """Collect what is given to `note` in this block."""
    found: dict = {}
    token = _noted.set(found)
    try:
        yield found
    finally:
        _noted.reset(token)


def typed(raw: mne.io.BaseRaw) -> list[tuple[str, str]]:
    """Name and type of each channel."""
    return list(zip(raw.ch_names, raw.get_channel_types(), strict=True))


def first_line(error: Exception) -> str:
    """The first line of a library's message."""
    return (str(error).splitlines() or [""])[0]
