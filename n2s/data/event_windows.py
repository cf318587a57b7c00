"""Which moments of a recording have a window, and the class of each: the port, and windows at events."""

from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from n2s.data.event_classes import MOST, EventClasses
from n2s.data.windows import WindowShape
from n2s.errors import UserError, first_of, nearest
from n2s.findings import tell
from n2s.options import check_choice
from n2s.studies.events import CONDITIONS, KINDS

#: Of a window: when its event begins (s, the recording's clock), how long it is, what it is; ``label``: its number among the classes;
#: ``previous``: the text of the event before it in the recording, of the same kind and condition, "" of the first; ``pause_s``: since its end, 2 s at most.
COLUMNS = (
    "onset",
    "duration",
    "at_s",
    "text",
    "label",
    "condition",
    "story",
    "sequence",
    "speaker",
    "previous",
    "pause_s",
)
LONG_PAUSE_S = 2.0  # of the first event: longer pauses tell no more


@dataclass
class Counts:
    """What was left out of the events of some recordings, to be told once."""

    unknown: Counter = field(default_factory=Counter)
    n_events: int = 0
    n_twice: int = 0  # listed twice
    n_other: int = 0  # frames of other conditions


class EventWindows(ABC):
    """Which moments get a window, and their classes.

    Attributes
    ----------
    names
        Of the classes.
    n_logits
        Of a network: one for each class, or 1 for the second of two.
    """

    names: tuple[str, ...]

    @property
    def n_logits(self) -> int:
        """See the class."""
        return len(self.names)

    @abstractmethod
    def check_offset(self, offset_s: float) -> None:
        """Raise a `UserError` if windows cannot begin so long after their moments, s."""

    @abstractmethod
    def wants(self, events: pd.DataFrame) -> bool:
        """Whether a recording with these events has windows."""

    @abstractmethod
    def rows(
        self, events: pd.DataFrame, split: str, territory: pd.DataFrame, shape: WindowShape, counts: Counts
    ) -> pd.DataFrame:
        """The moments of one recording: a table of `COLUMNS`, ``at_s`` is what windows count from.

        Parameters
        ----------
        events
            Of the recording.
        split
            Whose windows they are: training may have others than the rest.
        territory
            The stretches of that split, ``onset`` and ``duration``, s.
        shape
            Of a window.
        counts
            To add to what is left out.
        """

    @abstractmethod
    def tell(self, counts: Counts, where: str) -> None:
        """Say what was left out; a UserError if that is nearly everything."""


class AtEvents(EventWindows):
    """A window for each event of a kind.

    Parameters
    ----------
    classes
        The class of each event, by its text.
    kind
        ``phone``, ``word``, ``sentence``, ``sound`` or ``story``.
    conditions
        Only events of these: ``listen``, ``overt``, ``silent``, ``imagined``, ``rest``; None: of all.
    at
        What ``data.offset_s`` counts from: the event's ``onset``, ``middle`` or ``end``.

    Examples
    --------
    >>> from n2s.data import Articulation, AtEvents
    >>> windows = AtEvents(Articulation(["vowel", "plosive", "nasal"]), kind="phone", at="middle")
    >>> windows.names, windows.n_logits
    (('vowel', 'plosive', 'nasal'), 3)
    """

    def __init__(
        self, classes: EventClasses, *, kind: str = "phone", conditions: list[str] | None = None, at: str = "onset"
    ):
        check_choice("AtEvents: kind", kind, KINDS)
        check_choice("AtEvents: at", at, ("onset", "middle", "end"))
        for condition in conditions or []:
            check_choice("AtEvents: conditions", condition, CONDITIONS)
        self.classes, self.kind, self.at = classes, kind, at
        self.conditions = None if conditions is None else list(conditions)
        self.names = tuple(classes.names)

    def check_offset(self, offset_s: float) -> None:
        """See `EventWindows`: any."""

    def wants(self, events: pd.DataFrame) -> bool:
        """See `EventWindows`."""
        return len(chosen_events(events, self.kind, self.conditions)) > 0

    def rows(
        self, events: pd.DataFrame, split: str, territory: pd.DataFrame, shape: WindowShape, counts: Counts
    ) -> pd.DataFrame:
        """See `EventWindows`."""
        own = chosen_events(events, self.kind, self.conditions).sort_values("onset", kind="stable")
        n_listed, own = len(own), own.drop_duplicates(["onset", "duration", "text", "condition"])
        class_of = self.classes.of(list(own.text))
        number = {name: index for index, name in enumerate(self.names)}
        label = own.text.map({text: number.get(name, -1) for text, name in class_of.items()}).to_numpy(
            np.int64, na_value=-1
        )
        if split == "train":  # each recording is counted once: all splits see its events
            counts.n_events += len(own)
            counts.n_twice += n_listed - len(own)
            counts.unknown.update(own.text[label < 0])
        stop = (own.onset + own.duration).to_numpy()
        of_condition = own.condition.to_numpy()
        text, previous, pause_s = (
            own.text.to_numpy(object),
            np.full(len(own), "", object),
            np.full(len(own), LONG_PAUSE_S),
        )
        for condition in np.unique(of_condition):
            rows = np.flatnonzero(of_condition == condition)
            pause = own.onset.to_numpy()[rows[1:]] - stop[rows[:-1]]
            previous[rows[1:]] = text[rows[:-1]]
            pause_s[rows[1:]] = np.clip(pause, 0, LONG_PAUSE_S)
        at_s = own.onset + own.duration * {"onset": 0.0, "middle": 0.5, "end": 1.0}[self.at]
        found = own.assign(at_s=at_s, label=label, previous=previous, pause_s=pause_s)
        return found.loc[label >= 0, list(COLUMNS)].reset_index(drop=True)

    def tell(self, counts: Counts, where: str) -> None:
        """See `EventWindows`.

        Raises
        ------
        UserError
            No event is of this kind and condition, or more than half of them have no class.
        """
        n_unknown = sum(counts.unknown.values())
        if not counts.n_events:
            wanted = f"of kind '{self.kind}'" + (
                f" and condition {', '.join(self.conditions)}" if self.conditions else ""
            )
            raise UserError(
                f"{where}: no event {wanted}. Set data.windows.kind and conditions to what the events table has."
            )
        if counts.n_twice:
            tell("left out", where, f"{counts.n_twice} {self.kind}s are listed twice: one window each.")
        if not counts.unknown:
            return
        listed = first_of([f"{text or repr(text)} ({n})" for text, n in counts.unknown.most_common()], 8)
        if n_unknown == counts.n_events or (n_unknown > MOST * counts.n_events and not self.classes.partial):
            hint = nearest(counts.unknown.most_common(1)[0][0], list(self.names))
            raise UserError(
                f"{where}: {n_unknown} of {counts.n_events} {self.kind}s have no class: {listed}. The classes are "
                f"{first_of(self.names, 12)}.{hint} Set data.windows.classes to the labels of the events."
            )
        tell("left out", where, f"{n_unknown} of {counts.n_events} {self.kind}s have no class: {listed}.")


def chosen_events(events: pd.DataFrame, kind: str, conditions: list[str] | None = None) -> pd.DataFrame:
    """The events of a kind and of some conditions (None: all), but for those of a talker whom the listener did not attend."""
    own = events[(events.kind == kind) & (events.attended != "no")]
    return own if conditions is None else own[own.condition.isin(conditions)]
